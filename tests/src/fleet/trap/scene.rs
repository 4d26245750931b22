//! The moments at which rules of the protocol matter, and how a fleet gets there.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use proto::catalog::v1::{FleetMode, GatewayAnswer, Switch, SwitchPolicy, SwitchState};
use runtime::fault::Plant;
use tokio::time::{interval, timeout};

use super::{DENIER, LATER, TENANTS};
use crate::{
    api::Confirm,
    consent_page::{Choice, decide},
    http_client::{Answer, get},
    load::{Decision, Load},
    mailbox::Mail,
    shop,
    until::until,
    wire::{Condition, Way},
    world::{Part, World},
};

/// How late everything arrives where a wire is slow.
const LATE: Duration = Duration::from_millis(600);
/// No switch is given up because of what a scene does.
const PATIENT: Duration = Duration::from_secs(30);
/// As long as a gateway may serve unheard; longer than the catalog waits for one to get ready, and
/// a switch besides, so that a lease is still there when a catalog goes on too early.
const LEASE: Duration = Duration::from_secs(6);
/// How long the catalog waits for a gateway where leases are.
const PREPARE: Duration = Duration::from_secs(1);
/// Requests of a later user that are enough to have met whatever there is to meet.
const ENOUGH: usize = 20;
/// Switches in which a moment of milliseconds is tried to be met.
const TRIES: usize = 12;

/// A moment at which a rule matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scene {
    /// All gateways but one hold, and that one hears of the hold much later.
    HearsLateOfTheHold,
    /// One gateway hears late of everything; what it says arrives at once.
    HearsLateOfTheCommit,
    /// A gateway that has said that it holds is cut off, dies and starts again; then the others go
    /// on.
    DiesInTheHold,
    /// A gateway is cut off and its lease has not run out when the catalog has waited for it.
    CutOffWithALease,
    /// A gateway was left out, and starts again cut off.
    StartsCutOff,
    /// Users with connections from before a switch, and users who come after it.
    OldConnections,
    /// A tenant has denied before the hold, and a gateway hears late of that.
    HearsLateOfADenialBefore,
    /// A tenant denies after the commit, and a gateway does not hear of that.
    HearsNothingOfADenialAfter,
}

impl Scene {
    pub(super) fn of(bug: Plant) -> Option<Self> {
        Some(match bug {
            Plant::QuorumInsteadOfAll => Self::HearsLateOfTheHold,
            Plant::AckBeforeFlip => Self::HearsLateOfTheCommit,
            Plant::HoldNotPersisted => Self::DiesInTheHold,
            Plant::LeaseFlagNotClock | Plant::FenceWithoutWait => Self::CutOffWithALease,
            Plant::BootBeforeSyncFenced => Self::StartsCutOff,
            Plant::RouteCachedPerConnection => Self::OldConnections,
            Plant::HeldWithoutGrants => Self::HearsLateOfADenialBefore,
            Plant::DenyAnsweredWhenRecorded => Self::HearsNothingOfADenialAfter,
            Plant::StaleStateApplied
            | Plant::AckNotBoundToRev
            | Plant::JoinReadsBeforeMember
            | Plant::CommitWithoutCas
            | Plant::AnnounceBeforeDurable
            | Plant::RenewIgnoresMark
            | Plant::HoldTimeoutFallsBack
            | Plant::RestoreSilently
            | Plant::RollbackNoFloor
            | Plant::EvictLive
            | Plant::PhaseFromCatalog => return None,
        })
    }

    pub(super) fn gateways(self) -> usize {
        // More than half are all but one only where there are three.
        if self == Self::HearsLateOfTheHold {
            3
        } else {
            2
        }
    }

    pub(super) fn policy(self) -> Result<SwitchPolicy> {
        let patient = SwitchPolicy {
            prepare_timeout: Some(PATIENT.try_into()?),
            hold_timeout: Some(PATIENT.try_into()?),
            ..Default::default()
        };
        Ok(match self {
            Self::CutOffWithALease | Self::StartsCutOff => SwitchPolicy {
                prepare_timeout: Some(PREPARE.try_into()?),
                fleet_mode: FleetMode::Fenced.into(),
                lease: Some(LEASE.try_into()?),
                ..patient
            },
            Self::HearsLateOfTheHold
            | Self::HearsLateOfTheCommit
            | Self::DiesInTheHold
            | Self::OldConnections
            | Self::HearsLateOfADenialBefore
            | Self::HearsNothingOfADenialAfter => patient,
        })
    }

    /// Plays it, while 1.0 is active, and returns what tenants decided.
    pub(super) async fn play(self, world: &mut World, load: &mut Load) -> Result<Vec<Decision>> {
        let (api, wires) = (world.api.clone(), world.wires()?);
        api.register_to_test("shop", "2.0").await?;
        let users = shop::users(world, &TENANTS);
        match self {
            Self::HearsLateOfTheHold => {
                wires.set_gateway(2, Condition::slow(LATE, 10_000_000));
                api.switch_to(Confirm::Update, "shop", "2.0").await?;
            }
            Self::HearsLateOfTheCommit => {
                let back = Condition::slow(LATE / 2, 10_000_000).back;
                wires.set_gateway(
                    1,
                    Condition {
                        there: Way::Open,
                        back,
                    },
                );
                api.switch_to(Confirm::Update, "shop", "2.0").await?;
                for to in ["1.0", "2.0"].into_iter().cycle().take(TRIES) {
                    api.switch_to(Confirm::Reactivate, "shop", to).await?;
                }
            }
            Self::DiesInTheHold => {
                wires.set_gateway(1, Condition::slow(LATE, 10_000_000));
                let switch = api.confirm(Confirm::Update, "shop", "2.0").await?;
                first_holds(world, &switch).await?;
                wires.set_gateway(1, Condition::CUT);
                wires.set_gateway(0, Condition::CUT);
                restart_cut_off(world, 0).await?;
                load.join(0, &users, LATER);
                wires.set_gateway(1, Condition::default());
                answers(world, 1, "2.0").await?;
                some_ask(world, 0).await;
                wires.set_gateway(0, Condition::default());
                succeeds(world, &switch).await?;
                answers(world, 0, "2.0").await?;
            }
            Self::CutOffWithALease => {
                wires.set_gateway(1, Condition::CUT);
                api.switch_to(Confirm::Update, "shop", "2.0").await?;
                some_ask(world, 1).await;
                wires.set_gateway(1, Condition::default());
                answers(world, 1, "2.0").await?;
            }
            Self::StartsCutOff => {
                wires.set_gateway(1, Condition::CUT);
                api.switch_to(Confirm::Update, "shop", "2.0").await?;
                restart_cut_off(world, 1).await?;
                load.join(1, &users, LATER);
                some_ask(world, 1).await;
                wires.set_gateway(1, Condition::default());
                answers(world, 1, "2.0").await?;
            }
            Self::OldConnections => {
                api.switch_to(Confirm::Update, "shop", "2.0").await?;
                load.join(0, &users, LATER);
                load.join(1, &users, LATER);
                some_ask(world, 0).await;
                some_ask(world, 1).await;
            }
            Self::HearsLateOfADenialBefore => {
                // Nobody can be asked to hold as long as one gateway is not ready.
                wires.catalog(0, 0).set(Condition::CUT);
                let switch = api.confirm(Confirm::Update, "shop", "2.0").await?;
                let link = link(world).await?;
                wires
                    .provisioning(1)
                    .set(Condition::slow(LATE * 6, 10_000_000));
                let page = decide(&link, Choice::Deny).await?;
                ensure!(page.status.is_success(), "{page:?}");
                let denied = Decision {
                    at: load.now(),
                    tenant: DENIER,
                    version: 2,
                    denies: true,
                };
                wires.catalog(0, 0).heal();
                succeeds(world, &switch).await?;
                some_ask(world, 1).await;
                wires.provisioning(1).heal();
                return Ok(vec![denied]);
            }
            Self::HearsNothingOfADenialAfter => {
                api.switch_to(Confirm::Update, "shop", "2.0").await?;
                let link = link(world).await?;
                answers(world, 1, "2.0").await?;
                wires.provisioning(1).set(Condition::NO_ANSWERS);
                let page = decide(&link, Choice::Deny).await?;
                ensure!(page.status.is_success(), "{page:?}");
                let soon = page.text().contains("is in force").then(|| load.now());
                some_ask(world, 1).await;
                wires.provisioning(1).heal();
                let in_force = |page: &Answer| page.text().contains("is in force");
                let look = || get(&link, &[("accept", "text/html")]);
                until("the denial to be in force", look, in_force).await?;
                return Ok(vec![Decision {
                    at: soon.unwrap_or_else(|| load.now()),
                    tenant: DENIER,
                    version: 2,
                    denies: true,
                }]);
            }
        }
        Ok(Vec::new())
    }
}

/// Waits until a switch holds and the first gateway has said that it does.
async fn first_holds(world: &World, switch: &Switch) -> Result<()> {
    let holds = |switch: &Switch| {
        let first = switch
            .gateways
            .iter()
            .find(|gateway| gateway.gateway == "gateways/gateway-0");
        switch.state() >= SwitchState::Holding
            && first.is_some_and(|first| first.answer() == GatewayAnswer::Held)
    };
    let look = || world.api.switch(&switch.name);
    let seen = until("the first gateway to hold", look, holds).await?;
    ensure!(
        seen.state() == SwitchState::Holding,
        "came too late: {seen:?}"
    );
    Ok(())
}

/// Kills a gateway that is cut off and starts it again; it is not ready, but it listens.
async fn restart_cut_off(world: &mut World, gateway: usize) -> Result<()> {
    world.kill(Part::Gateway(gateway)).await?;
    world.relaunch(Part::Gateway(gateway))?;
    let door = world
        .doors()
        .into_iter()
        .nth(gateway)
        .context("a gateway")?;
    let listens = || async {
        Ok(tokio::net::TcpStream::connect(door.address)
            .await
            .map(drop)?)
    };
    until("the gateway to listen", listens, |()| true).await?;
    door.down.store(false, std::sync::atomic::Ordering::SeqCst);
    Ok(())
}

async fn succeeds(world: &World, switch: &Switch) -> Result<()> {
    let ended = world.api.ended(&switch.name).await?;
    ensure!(ended.state() == SwitchState::Succeeded, "{ended:?}");
    Ok(())
}

/// Waits until a gateway answers anna by a version.
async fn answers(world: &World, gateway: usize, version: &str) -> Result<()> {
    let by = |answer: &Answer| answer.header("switchover-version") == version;
    until("the gateway to serve it", || ask(world, gateway), by)
        .await
        .map(drop)
}

/// Asks a gateway for a while, so that the load has met it as it now is; whatever it answers.
async fn some_ask(world: &World, gateway: usize) {
    let mut due = interval(LATER * 2);
    for _ in 0..ENOUGH {
        due.tick().await;
        drop(timeout(LATER * 2, ask(world, gateway)).await);
    }
}

async fn ask(world: &World, gateway: usize) -> Result<Answer> {
    let door = world
        .doors()
        .into_iter()
        .nth(gateway)
        .context("a gateway")?;
    let host = world.user_host("anna", "shop");
    let url = format!("http://{}/api/whoami", door.address);
    get(&url, &[("host", &host), ("accept", "application/json")]).await
}

/// Returns the link of the mail by which bert is asked.
async fn link(world: &World) -> Result<String> {
    let asked = |mail: &Mail| mail.is_to("admin@bert.example") && mail.consent_link().is_ok();
    let mail = world.mailbox.mail("bert's mail", asked).await?;
    mail.consent_link().map(str::to_owned)
}
