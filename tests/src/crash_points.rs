//! A death at every point between two persisted steps: each process of an installation in turn is
//! started so that it dies the k-th time that it gets to a point, while a version is switched and a
//! tenant denies it. It is started again without that, and everything must end as if nothing had
//! happened.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context as _, Result, ensure};
use http::StatusCode;
use proto::{
    catalog::v1::{
        Application, GetApplicationRequest, Switch, SwitchPolicy, SwitchState,
        UpdateApplicationRequest,
    },
    provisioning::v1::{DecideProvisioningRequest, Decision},
};
use serde::Serialize;
use tokio::time::Instant;

use crate::{
    api::{Confirm, has_ended},
    http_client::get,
    shop,
    until::{PATIENCE, pause},
    world::{Database, Part, World},
};

const APPLICATION: &str = "shop";
const OLD: &str = "1.0";
const NEW: &str = "2.0";
/// The tenant that agrees to everything.
const LOYAL: &str = "anna";
/// The tenant that denies the new version each time.
const DENIER: &str = "bert";
/// How long after the restart of what died a switch may take to its end.
pub const RECOVERY_MAX: Duration = Duration::from_secs(5);
/// Long enough that no switch is given up because a process dies in it.
const HOLD: Duration = Duration::from_secs(20);

/// Where which process can die.
const POINTS: [(Part, &str); 13] = [
    (Part::Catalog, "store.commit.before"),
    (Part::Catalog, "store.commit.after"),
    (Part::Catalog, "catalog.effect.done"),
    (Part::Provisioning, "store.commit.before"),
    (Part::Provisioning, "store.commit.after"),
    (Part::Notification, "store.commit.before"),
    (Part::Notification, "store.commit.after"),
    (Part::Gateway(0), "gateway.routes.beside"),
    (Part::Gateway(0), "gateway.routes.kept"),
    (Part::Gateway(0), "gateway.routes.written"),
    (Part::Gateway(0), "gateway.grants.appended"),
    (Part::Gateway(0), "gateway.grants.written"),
    (Part::Gateway(0), "gateway.answer"),
];

/// How much to kill.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// At each point at the first, second … time, up to this one.
    pub times_max: u32,
    /// Of those, only every such many: 1 for all.
    pub every: u32,
}

/// What came of it.
#[derive(Debug, Clone, Serialize)]
pub struct Figures {
    /// Points at which processes can die.
    pub points: usize,
    /// Deaths, each at another point or another time of getting there.
    pub kills: u64,
    /// Deaths after which something was not as without them.
    pub wrong: u64,
    /// What that was.
    pub faults: Vec<String>,
    /// Deaths by process and point.
    pub deaths: BTreeMap<String, u64>,
    /// The longest time from the restart of what died to the end of the switch.
    pub longest_recovery_ms: u64,
}

impl Figures {
    /// Tells whether nothing was wrong, and every point was met.
    #[must_use]
    pub fn sound(&self) -> bool {
        self.wrong == 0 && self.kills > 0 && self.deaths.len() == self.points
    }
}

/// Kills at every point; `tell` gets one line a point.
///
/// # Errors
/// When the installation does not come up. What is wrong after a death is in the figures.
pub async fn prove(options: Options, tell: &(dyn Fn(&str) + Sync)) -> Result<Figures> {
    let mut world = World::start(Database::Sqlite, 2).await?;
    match all(&mut world, options, tell).await {
        Ok(figures) => Ok(figures),
        Err(fault) => Err(world.explain(fault)),
    }
}

async fn all(world: &mut World, options: Options, tell: &(dyn Fn(&str) + Sync)) -> Result<Figures> {
    let mut proof = Proof::begin(world).await?;
    let mut figures = Figures {
        points: POINTS.len(),
        kills: 0,
        wrong: 0,
        faults: Vec::new(),
        deaths: BTreeMap::new(),
        longest_recovery_ms: 0,
    };
    for (part, point) in POINTS {
        let name = format!("{part:?} at {point}");
        let mut deaths = 0;
        // Time and again one later, until a whole switch goes by without getting there so often.
        for time in (1..=options.times_max).step_by(options.every as usize) {
            let death = proof
                .switch_once(part, &format!("{point}={}*off->1*return->off", time - 1))
                .await;
            let faults = match death {
                Ok(None) => break,
                Ok(Some(recovery)) => {
                    let millis = u64::try_from(recovery.as_millis()).unwrap_or(u64::MAX);
                    figures.longest_recovery_ms = figures.longest_recovery_ms.max(millis);
                    (recovery > RECOVERY_MAX)
                        .then(|| format!("it took {recovery:?}"))
                        .into_iter()
                        .chain(proof.check().await.err().map(|fault| format!("{fault:#}")))
                        .collect()
                }
                // What follows would only repeat it.
                Err(fault) => return Err(fault.context(format!("{name}, time {time}"))),
            };
            deaths += 1;
            note(&mut figures, &name, time, faults);
        }
        if deaths > 0 {
            figures.deaths.insert(name.clone(), deaths);
        }
        figures.kills += deaths;
        tell(&format!("{name}: died {deaths} times"));
    }
    Ok(figures)
}

fn note(figures: &mut Figures, name: &str, time: u32, faults: Vec<String>) {
    if !faults.is_empty() {
        figures.wrong += 1;
        figures.faults.extend(
            faults
                .into_iter()
                .map(|fault| format!("{name}, time {time}: {fault}")),
        );
    }
}

/// An installation, and what it must know by now.
struct Proof<'w> {
    world: &'w mut World,
    active: &'static str,
    generation: u64,
    switches: usize,
    denials: usize,
}

impl<'w> Proof<'w> {
    async fn begin(world: &'w mut World) -> Result<Self> {
        shop::open(world, &[LOYAL, DENIER]).await?;
        let api = world.api.clone();
        let request = UpdateApplicationRequest {
            application: Some(Application {
                name: format!("applications/{APPLICATION}"),
                policy: Some(SwitchPolicy {
                    hold_timeout: Some(HOLD.try_into()?),
                    prepare_timeout: Some(HOLD.try_into()?),
                    ..Default::default()
                }),
                ..Default::default()
            }),
            update_mask: Some(prost_types::FieldMask {
                paths: vec!["policy".to_owned()],
            }),
            ..Default::default()
        };
        api.applications.clone().update_application(request).await?;
        api.register_to_test(APPLICATION, NEW).await?;
        api.switch_to(Confirm::Update, APPLICATION, NEW).await?;
        api.switch_to(Confirm::Reactivate, APPLICATION, OLD).await?;
        let mut proof = Self {
            world,
            active: OLD,
            generation: 3,
            switches: 3,
            denials: 0,
        };
        proof.settled(None).await?;
        proof.check().await?;
        Ok(proof)
    }

    /// Switches to the other version while `part` is to die as `failpoint` says. Returns how long
    /// the switch took to its end after the restart, or none if nothing died.
    async fn switch_once(&mut self, part: Part, failpoint: &str) -> Result<Option<Duration>> {
        self.world.kill(part).await?;
        self.world
            .relaunch_with(part, &[("FAILPOINTS", failpoint)])?;
        let mut death = Watch {
            part,
            restarted: None,
        };
        death.until_up(self.world).await?;
        let to = if self.active == OLD { NEW } else { OLD };
        let id = uuid::Uuid::now_v7().to_string();
        let name = death
            .over(self.world, async |world: &World| {
                let confirm = Confirm::Reactivate;
                let switch = world.api.confirm_as(&id, confirm, APPLICATION, to);
                Ok(switch.await?.name)
            })
            .await?;
        if to == NEW {
            self.decide(&mut death, Decision::Deny).await?;
            self.denials += 1;
        }
        let ended = self.ended(&mut death, &name).await?;
        let took = death.restarted.map(|at| at.elapsed());
        ensure!(
            ended.state() == SwitchState::Succeeded,
            "{name} ended as {:?}: {:?}",
            ended.state(),
            ended.failure
        );
        self.active = to;
        self.generation += 1;
        self.switches += 1;
        if to == OLD {
            self.decide(&mut death, Decision::Accept).await?;
        }
        self.settled(Some(&mut death)).await?;
        let died = death.restarted.is_some();
        if !died {
            // It still waits for a time that did not come.
            self.world.kill(part).await?;
            self.world.restart(part).await?;
        }
        Ok(died.then(|| took.unwrap_or_default()))
    }

    async fn decide(&mut self, death: &mut Watch, decision: Decision) -> Result<()> {
        let request = DecideProvisioningRequest {
            name: format!("tenants/{DENIER}/applications/{APPLICATION}/provisionings/{NEW}"),
            decision: decision.into(),
            reason: String::new(),
        };
        death
            .over(self.world, async |world: &World| {
                let mut consent = world.api.consent.clone();
                Ok(consent.decide_provisioning(request.clone()).await?)
            })
            .await
            .map(drop)
    }

    async fn ended(&mut self, death: &mut Watch, name: &str) -> Result<Switch> {
        death
            .over(self.world, async |world: &World| {
                let switch = world.api.switch(name).await?;
                ensure!(has_ended(switch.state()), "still {:?}", switch.state());
                Ok(switch)
            })
            .await
    }

    /// Waits until everybody has heard of everything: events, and what users get.
    async fn settled(&mut self, death: Option<&mut Watch>) -> Result<()> {
        let mut nobody = Watch {
            part: Part::Catalog,
            restarted: None,
        };
        let (switches, denials, active) = (self.switches, self.denials, self.active);
        death
            .unwrap_or(&mut nobody)
            .over(self.world, async |world: &World| {
                let events = world.api.events("operator/inbox").await?;
                let count = |kind: &str| events.iter().filter(|event| event.kind == kind).count();
                ensure!(
                    count("switch_succeeded") >= switches && count("version_denied") >= denials,
                    "events are missing: {} of {switches} switches, {} of {denials} denials",
                    count("switch_succeeded"),
                    count("version_denied")
                );
                served(world, active).await
            })
            .await
    }

    /// Checks that everything is as without a death.
    async fn check(&self) -> Result<()> {
        let request = GetApplicationRequest {
            name: format!("applications/{APPLICATION}"),
        };
        let mut applications = self.world.api.applications.clone();
        let answer = applications.get_application(request).await?;
        let application = answer.into_inner().application;
        let application = application.context("an answer without the application")?;
        ensure!(
            application
                .active_version
                .ends_with(&format!("/{}", self.active))
                && application.generation == self.generation
                && application.open_switch.is_empty(),
            "the application stands at {} of generation {}, open: {:?}; it was to be {} of {}",
            application.active_version,
            application.generation,
            application.open_switch,
            self.active,
            self.generation
        );
        let events = self.world.api.events("operator/inbox").await?;
        let mut of_switches = BTreeMap::new();
        for event in events
            .iter()
            .filter(|event| event.kind == "switch_succeeded")
        {
            let switch = event.subject.as_ref().map(|subject| subject.switch.clone());
            *of_switches.entry(switch).or_insert(0) += 1;
        }
        let doubled = of_switches.values().filter(|count| **count > 1).count();
        let denials = events.iter().filter(|event| event.kind == "version_denied");
        ensure!(
            of_switches.len() == self.switches && doubled == 0,
            "{} of {} switches have an event, {doubled} more than one",
            of_switches.len(),
            self.switches
        );
        let denials = denials.count();
        ensure!(
            denials == self.denials,
            "{} denials made {denials} events",
            self.denials
        );
        served(self.world, self.active).await
    }
}

/// A process that may die, and is started again when it has.
struct Watch {
    part: Part,
    restarted: Option<Instant>,
}

impl Watch {
    /// Waits until the process is up, whether or not it dies on the way there.
    async fn until_up(&mut self, world: &mut World) -> Result<()> {
        let part = self.part;
        let end = Instant::now() + PATIENCE;
        loop {
            self.attend(world)?;
            match world.is_ready(part).await {
                Ok(true) => return Ok(()),
                Ok(false) | Err(_) => {
                    ensure!(Instant::now() < end, "waited in vain for {part:?}");
                    pause().await;
                }
            }
        }
    }

    /// Asks until it is answered, and meanwhile starts again what has died.
    async fn over<T>(
        &mut self,
        world: &mut World,
        mut ask: impl AsyncFnMut(&World) -> Result<T>,
    ) -> Result<T> {
        let end = Instant::now() + PATIENCE;
        loop {
            self.attend(world)?;
            match tokio::time::timeout(ASK_MAX, ask(world)).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(fault)) if Instant::now() >= end => return Err(fault),
                Err(late) if Instant::now() >= end => return Err(late.into()),
                Ok(Err(_)) | Err(_) => pause().await,
            }
        }
    }

    fn attend(&mut self, world: &mut World) -> Result<()> {
        if self.restarted.is_none() && !world.running(self.part) {
            world.relaunch(self.part)?;
            self.restarted = Some(Instant::now());
        }
        Ok(())
    }
}

/// How long one question may take before it is looked whether somebody has died.
const ASK_MAX: Duration = Duration::from_secs(1);

/// Every gateway serves the loyal tenant by the version, and the other one only by the old one.
async fn served(world: &World, version: &str) -> Result<()> {
    for door in world.doors() {
        for tenant in [LOYAL, DENIER] {
            let url = format!("http://{}/api/whoami", door.address);
            let host = world.user_host(tenant, APPLICATION);
            let answer = get(&url, &[("host", &host), ("accept", "application/json")]).await?;
            let expected = if tenant == DENIER && version == NEW {
                (StatusCode::FORBIDDEN, "")
            } else {
                (StatusCode::OK, version)
            };
            let seen = (answer.status, answer.header("switchover-version"));
            ensure!(seen == expected, "{tenant} got {seen:?}, not {expected:?}");
        }
    }
    Ok(())
}
