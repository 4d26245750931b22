//! Catalog, provisioning and notification are killed at random moments while tenants deny in the
//! midst of switches, against a real SMTP server. In the end every denial that was answered counts,
//! and everybody has heard of it once.

mod ledger;

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use http::StatusCode;
use proto::{
    catalog::v1::{Switch, SwitchPolicy, SwitchState},
    provisioning::v1::{
        DecideProvisioningRequest, Decision, GetProvisioningRequest, ProvisioningState,
    },
};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng, seq::SliceRandom as _};
use runtime::{CancellationToken, retry};
use tokio::time::Instant;

pub use self::ledger::Figures;
use self::ledger::Ledger;
use crate::{
    api::{Api, Confirm, has_ended},
    consent_page::{Choice, decide},
    http_client::get,
    mailbox::{Mail, Reader},
    shop,
    until::until,
    world::{Database, Part, Plan, World},
};

const APPLICATION: &str = "shop";
const VERSIONS: [&str; 2] = ["1.0", "2.0"];
const TENANTS: [&str; 4] = ["anna", "bert", "cleo", "dora"];
/// Of those, so many deny in each switch.
const DENIERS: usize = 2;
/// Who is killed.
const VICTIMS: [Part; 3] = [Part::Catalog, Part::Provisioning, Part::Notification];
/// Each so often in each switch. Fewer kills a switch would want more switches, and a tenant gets no
/// more than 500 mails a day.
const TIMES: usize = 2;
/// Kills lie at most this long apart, so that they meet every moment of a switch and some after it.
const APART_MAX: Duration = Duration::from_millis(900);
/// Long enough that no switch is given up because of a kill.
const HOLD: Duration = Duration::from_secs(20);

/// How much to kill.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Which database the services use.
    pub database: Database,
    /// Kills, at least.
    pub kills: u64,
    /// Decides who is killed when.
    pub seed: u64,
}

/// Kills; `tell` gets one line a step.
///
/// # Errors
/// When the installation does not come up, or does not go on within its patience after a kill. What
/// was lost or doubled is in the figures.
pub async fn prove(options: Options, tell: &(dyn Fn(&str) + Sync)) -> Result<Figures> {
    let mut world = World::start_as(Plan {
        watched_mail: true,
        ..Plan::new(options.database, 1)
    })
    .await?;
    match rounds(&mut world, options, tell).await {
        Ok(figures) => Ok(figures),
        Err(fault) => Err(world.explain(fault)),
    }
}

async fn rounds(
    world: &mut World,
    options: Options,
    tell: &(dyn Fn(&str) + Sync),
) -> Result<Figures> {
    begin(world).await?;
    let mut dice = StdRng::seed_from_u64(options.seed);
    let mut ledger = Ledger::begin(world, VERSIONS.len()).await?;
    let mut round = 0;
    while ledger.kills() < options.kills {
        round += 1;
        // It is 2.0 that is active before the first round.
        let to = VERSIONS[(round + 1) % 2];
        let first = dice.random_range(0..TENANTS.len());
        let deniers: [&str; DENIERS] =
            std::array::from_fn(|number| TENANTS[(first + number) % TENANTS.len()]);
        let people = People {
            api: world.api.clone(),
            reader: world.mailbox.reader(),
            to,
        };
        people.reader.clear().await?;
        let play = people.play(&deniers);
        let (switches, kills) = tokio::try_join!(play, kill(world, &mut dice))?;
        for part in kills {
            ledger.killed(part);
        }
        for switch in &switches {
            ledger.ended(switch);
        }
        for tenant in deniers {
            ledger.denied(tenant, to, counts(world, tenant, to).await?);
            people.accept(tenant).await?;
        }
        if round % 10 == 0 {
            tell(&format!(
                "{} of {} kills, {} denials",
                ledger.kills(),
                options.kills,
                ledger.denials()
            ));
        }
    }
    tell("waiting for the last mails");
    ledger.close(world).await
}

/// Both versions have been active for every tenant, and 2.0 is.
async fn begin(world: &mut World) -> Result<()> {
    shop::open(world, &TENANTS).await?;
    let policy = SwitchPolicy {
        hold_timeout: Some(HOLD.try_into()?),
        prepare_timeout: Some(HOLD.try_into()?),
        ..SwitchPolicy::default()
    };
    world.api.set_policy(APPLICATION, policy).await?;
    world.api.register_to_test(APPLICATION, VERSIONS[1]).await?;
    let (api, update) = (&world.api, Confirm::Update);
    api.switch_to(update, APPLICATION, VERSIONS[1]).await?;
    Ok(())
}

/// Kills each victim [`TIMES`] times, in any order, and starts it again at once.
async fn kill(world: &mut World, dice: &mut StdRng) -> Result<Vec<(Part, Instant)>> {
    let mut victims = VICTIMS.repeat(TIMES);
    victims.shuffle(dice);
    let never = CancellationToken::new();
    let mut killed = Vec::new();
    for part in victims {
        let micros = u64::try_from(APART_MAX.as_micros())?;
        retry::pause(Duration::from_micros(dice.random_range(0..micros)), &never).await?;
        killed.push((part, Instant::now()));
        world.kill(part).await?;
        world.restart(part).await?;
    }
    Ok(killed)
}

/// Operator and tenants, who try again until they are answered.
struct People {
    api: Api,
    reader: Reader,
    to: &'static str,
}

impl People {
    /// Switches while some tenants deny by the links in their mails; returns how the switches ended,
    /// the last of which succeeded.
    async fn play(&self, deniers: &[&str]) -> Result<Vec<Switch>> {
        let switching = async {
            let mut ended = Vec::new();
            loop {
                let (api, how) = (&self.api, Confirm::Reactivate);
                let switch = api.confirm(how, APPLICATION, self.to).await?;
                let look = || api.switch(&switch.name);
                let end = until("the switch to end", look, |switch| {
                    has_ended(switch.state())
                });
                let end = end.await?;
                let succeeded = end.state() == SwitchState::Succeeded;
                ended.push(end);
                if succeeded {
                    return Ok(ended);
                }
                ensure!(ended.len() < 5, "one switch after the other: {ended:?}");
            }
        };
        let denials = deniers.iter().map(|tenant| self.deny(tenant));
        let (ended, _) = tokio::try_join!(switching, futures::future::try_join_all(denials))?;
        Ok(ended)
    }

    async fn deny(&self, tenant: &str) -> Result<()> {
        let (contact, subject) = (contact(tenant), format!("version {}:", self.to));
        let look = || async {
            // A mail of an earlier switch may come late: its link does not count any more.
            let offers = |mail: &Mail| mail.is_to(&contact) && mail.subject.contains(&subject);
            let mails = self.reader.mails().await?;
            let last = mails.iter().rfind(|mail| offers(mail));
            let mail = last.context("no mail with a link to deny by yet")?;
            let page = decide(mail.consent_link()?, Choice::Deny).await?;
            ensure!(page.status == StatusCode::OK, "the page: {}", page.status);
            Ok(())
        };
        until("a denial to be answered", look, |()| true).await
    }

    /// Takes a denial back, so that the tenant can deny again.
    async fn accept(&self, tenant: &str) -> Result<()> {
        let request = DecideProvisioningRequest {
            name: provisioning(tenant, self.to),
            decision: Decision::Accept.into(),
            reason: String::new(),
        };
        let look = || async {
            let mut consent = self.api.consent.clone();
            Ok(consent.decide_provisioning(request.clone()).await?)
        };
        until("a denial to be taken back", look, |_| true)
            .await
            .map(drop)
    }
}

/// Tells whether a denial that was answered counts: it is written, and the gateway lets nobody in.
async fn counts(world: &World, tenant: &str, version: &str) -> Result<bool> {
    let request = GetProvisioningRequest {
        name: provisioning(tenant, version),
    };
    let look = || async {
        let mut provisionings = world.api.provisionings.clone();
        Ok(provisionings.get_provisioning(request.clone()).await?)
    };
    let got = until("a provisioning", look, |_| true).await?.into_inner();
    let written = got
        .provisioning
        .is_some_and(|provisioning| provisioning.state() == ProvisioningState::Denied);
    let host = world.user_host(tenant, APPLICATION);
    let door = world.doors().remove(0);
    let url = format!("http://{}/api/whoami", door.address);
    let answer = get(&url, &[("host", &host), ("accept", "application/json")]).await?;
    Ok(written && answer.status == StatusCode::FORBIDDEN)
}

fn provisioning(tenant: &str, version: &str) -> String {
    format!("tenants/{tenant}/applications/{APPLICATION}/provisionings/{version}")
}

fn contact(tenant: &str) -> String {
    format!("admin@{tenant}.example")
}
