//! The proof on real processes: three gateways and two catalogs switch back and forth under load
//! while processes are killed and paused, wires are cut and the database crashes, at moments that a
//! seed decides. What clients saw is written down and checked.

mod circumstances;
mod faults;
mod figures;
mod storm;
mod trap;

use std::{
    fs::File,
    io::BufWriter,
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use proto::catalog::v1::{Switch, SwitchState};
use runtime::CancellationToken;
use tonic::Code;

use self::{faults::Faults, figures::Notes};
pub use self::{
    figures::Figures,
    trap::{CAUGHT, Seen, spring},
};
use crate::{
    api::{Api, Confirm, has_ended},
    consent_page::{Choice, decide},
    load::{Decision, Load, Record},
    shop,
    until::until,
    world::{Database, Plan, World},
};

const APPLICATION: &str = "shop";
const OLD: &str = "1.0";
const NEW: &str = "2.0";
const TENANTS: [&str; 3] = ["anna", "bert", "cleo"];
/// The tenant that denies the new version, before anything is broken.
const DENIER: u8 = 1;
const GATEWAYS: usize = 3;
/// How long one switch may take while everything around it breaks.
const SWITCH_PATIENCE: Duration = Duration::from_secs(180);

/// How large the proof is, and what is broken.
#[derive(Debug, Clone)]
pub struct Options {
    /// On PostgreSQL there are two catalogs, on SQLite there is one.
    pub database: Database,
    /// Switches under faults, at least.
    pub switches: u32,
    /// Goes on for so long, at least.
    pub time: Duration,
    /// Requests a second.
    pub rate: u32,
    /// Clients that send them.
    pub clients: u32,
    /// Whether anything is broken at all.
    pub faults: bool,
    /// Decides what is broken when.
    pub seed: u64,
    /// Where the history is written.
    pub history: PathBuf,
}

/// Proves it; `tell` gets one line a step.
///
/// # Errors
/// When the installation does not go on. What clients saw that should not be is no error here: it
/// is in the figures.
pub async fn prove(options: &Options, tell: &(dyn Fn(&str) + Sync)) -> Result<Figures> {
    let plan = Plan {
        catalogs: match options.database {
            Database::Sqlite => 1,
            Database::Postgres => 2,
        },
        wires: true,
        own_server: true,
        ..Plan::new(options.database, GATEWAYS)
    };
    let mut world = World::start_as(plan).await?;
    match acts(&mut world, options, tell).await {
        Ok(figures) => Ok(figures),
        Err(fault) => Err(world.explain(fault)),
    }
}

async fn acts(
    world: &mut World,
    options: &Options,
    tell: &(dyn Fn(&str) + Sync),
) -> Result<Figures> {
    let begun = Instant::now();
    tell("an application, two versions, three tenants");
    shop::open(world, &TENANTS).await?;
    let users = shop::users(world, &TENANTS);
    let load = Load::start(&world.doors(), &users, options.clients, options.rate);
    let mut notes = Notes::default();

    tell("confirm update to 2.0; bert denies it by the link in its mail");
    world.api.register_to_test(APPLICATION, NEW).await?;
    notes.switched(
        world
            .api
            .switch_to(Confirm::Update, APPLICATION, NEW)
            .await?,
    );
    let asked = |mail: &crate::mailbox::Mail| {
        mail.is_to("admin@bert.example") && mail.consent_link().is_ok()
    };
    let mail = world.mailbox.mail("bert's mail", asked).await?;
    let page = decide(mail.consent_link()?, Choice::Deny).await?;
    ensure!(page.status.is_success(), "the page said {}", page.text());
    let decisions = [Decision {
        at: load.now(),
        tenant: DENIER,
        version: 2,
        denies: true,
    }];

    tell("switches back and forth");
    let faults = Faults::default();
    let apis: Vec<Api> = (0..world.catalogs())
        .map(|catalog| world.api_of(catalog))
        .collect::<Result<_>>()?;
    let stop = CancellationToken::new();
    let switching = async {
        let switched = switch(options, &apis, &mut notes, tell).await;
        stop.cancel();
        switched
    };
    if options.faults {
        let wires = world.wires()?;
        let catalogs = world.catalogs();
        let breaking = storm::processes(world, &load, &faults, options.seed, &stop, tell);
        let cutting = storm::wires(&wires, catalogs, &load, &faults, options.seed, &stop);
        let (switched, broken, ()) = tokio::join!(switching, breaking, cutting);
        broken?;
        switched?;
    } else {
        switching.await?;
    }

    tell("everything is whole again: one more switch there and back");
    for part in world.parts() {
        world.ready(part).await?;
    }
    let calm_from = load.now();
    for _ in 0..2 {
        let to = other(&active(&world.api).await?);
        let switch = patiently(&world.api, to, &mut notes).await?;
        ensure!(
            switch.is_some(),
            "a switch was given up though nothing was broken"
        );
    }
    let record = load.finish().await;
    tell("checking what the clients saw");
    write(&record, &decisions, options)?;
    let verdict = record.history(&decisions).check(10);
    Ok(Figures::of(
        &record,
        &verdict,
        &notes,
        &faults.counted(),
        calm_from,
        (options, begun.elapsed()),
    ))
}

fn write(record: &Record, decisions: &[Decision], options: &Options) -> Result<()> {
    let path = &options.history;
    let file = File::create(path).with_context(|| format!("the history {}", path.display()))?;
    record.write(decisions, &mut BufWriter::new(file))?;
    Ok(())
}

/// Switches until there were enough and the time is over. One that is given up is no failure here:
/// nobody may have noticed it.
async fn switch(
    options: &Options,
    apis: &[Api],
    notes: &mut Notes,
    tell: &(dyn Fn(&str) + Sync),
) -> Result<()> {
    let begun = Instant::now();
    let mut apis = apis.iter().cycle();
    let mut done = 0;
    while done < options.switches || begun.elapsed() < options.time {
        let api = apis.next().context("a catalog")?;
        let to = until("the active version", || active(api), |_| true)
            .await
            .map(|active| other(&active))?;
        if patiently(api, to, notes).await?.is_some() {
            done += 1;
            if done % 10 == 0 {
                tell(&format!("{done} switches"));
            }
        }
    }
    Ok(())
}

/// Confirms and waits for the end, whatever happens to the catalog meanwhile. None if the switch was
/// given up or another one was open.
async fn patiently(api: &Api, to: &str, notes: &mut Notes) -> Result<Option<Switch>> {
    let name = match api.confirm(Confirm::Reactivate, APPLICATION, to).await {
        Ok(switch) => switch.name,
        // The version is active already or another switch is open: one whose confirm was not heard
        // to be taken.
        Err(error)
            if error.downcast_ref::<tonic::Status>().is_some_and(|status| {
                matches!(status.code(), Code::FailedPrecondition | Code::Aborted)
            }) =>
        {
            notes.refused += 1;
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let end = Instant::now() + SWITCH_PATIENCE;
    loop {
        match api.ended(&name).await {
            Ok(switch) => {
                return Ok(match switch.state() {
                    SwitchState::Succeeded => {
                        notes.switched(switch.clone());
                        Some(switch)
                    }
                    _ => {
                        notes.given_up(&switch);
                        None
                    }
                });
            }
            Err(_) if Instant::now() < end => {}
            Err(error) => {
                let last = api.switch(&name).await.ok();
                if last
                    .as_ref()
                    .is_some_and(|switch| has_ended(switch.state()))
                {
                    continue;
                }
                bail!("{name} does not end: {error:#}; last seen: {last:?}");
            }
        }
    }
}

async fn active(api: &Api) -> Result<String> {
    let request = proto::catalog::v1::GetApplicationRequest {
        name: format!("applications/{APPLICATION}"),
    };
    let answer = api.applications.clone().get_application(request).await?;
    let application = answer
        .into_inner()
        .application
        .context("an answer without the application")?;
    let name = application.active_version;
    name.rsplit('/')
        .next()
        .map(str::to_owned)
        .context("a version's name")
}

fn other(version: &str) -> &'static str {
    if version == OLD { NEW } else { OLD }
}
