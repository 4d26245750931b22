//! The tenants' side of a switch: moves every tenant to the target, fixes which denials count from
//! the commit on, and settles. Every call may be repeated.

mod moving;
mod preview;
mod report;

use std::{collections::BTreeMap, time::Duration};

use contract::{ProvisioningName, SwitchName, TenantId, VersionName};
use jiff::Timestamp;
use store::Tx;
use tokio::time::Instant;

pub(crate) use moving::{joined, source_changed};
pub(crate) use preview::{Question, preview};
pub(crate) use report::Moved;

use crate::{
    consent::{
        Event, Notice, Since, Standing,
        apply::{Place, Writer},
    },
    error::Error,
    service::Service,
    store::{
        applications, backends,
        grants::{self, Head},
        offers, provisionings,
        switches::{self, Known},
        tenants,
    },
    switch::{Coming, Phase, Progress, Switch},
};

/// Tenants that one transaction moves or settles: enough to be quick, and few enough that a
/// tenant's decision does not wait long behind them.
const BATCH: i64 = 500;
/// How long one call settles tenants, a part more at most: callers wait 20 s.
const SETTLES_FOR: Duration = Duration::from_secs(5);

/// What a switch asks of the tenants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Order {
    /// Which switch.
    pub(crate) switch: SwitchName,
    /// What people call the application.
    pub(crate) display_name: String,
    /// The version in use; none at a first activation.
    pub(crate) source: Option<VersionName>,
    /// The version to move to.
    pub(crate) target: VersionName,
    /// Whether tenants are told how to deny.
    pub(crate) notice: Notice,
    /// How tenants come that have not agreed to the target before.
    pub(crate) coming: Coming,
    /// Whether the catalog was restored and adopts the target, which gateways serve.
    pub(crate) adopts: bool,
}

/// The grants that every gateway must have before a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Closed {
    /// Their timeline and revision.
    pub(crate) head: Head,
    /// Tenants that denied the target so far.
    pub(crate) denied: i64,
    /// Those, and the tenants that use the target.
    pub(crate) tenants: i64,
    /// Of the tenants that were asked for, those that denied.
    pub(crate) watched: Vec<TenantId>,
}

/// How a switch went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Its target is the active version.
    Committed {
        /// How long from now on pairs of the version that was left still get tokens.
        credential_grace: Duration,
    },
    /// Everything is as before.
    GivenUp,
}

/// Moves a further part of the tenants.
pub(crate) async fn move_tenants(service: &Service, order: &Order) -> Result<Moved, Error> {
    if order.adopts {
        settle_forgotten(service, order).await?;
    }
    let now = service.now();
    store::write!(service.db, |tx| {
        let mut switch = begin(tx, order, now).await?;
        if switch.phase == Phase::Open && switch.progress.all_at.is_none() {
            moving::advance(service, tx, &mut switch, now).await?;
            switches::save(tx, &switch).await?;
        }
        report::report(tx, &switch).await
    })
}

/// Settles the switch that is open here and that a restored catalog cannot know of any more. What gateways
/// serve says how it went.
async fn settle_forgotten(service: &Service, order: &Order) -> Result<(), Error> {
    let application = &order.switch.application;
    let open = store::read!(service.db, |tx| switches::unsettled(tx, application).await)?;
    let Some(forgotten) = open.filter(|open| open.id != order.switch.switch) else {
        return Ok(());
    };
    let outcome = if forgotten.target == order.target {
        // Nobody knows any more what the policy was then.
        Outcome::Committed {
            credential_grace: Duration::ZERO,
        }
    } else {
        Outcome::GivenUp
    };
    tracing::warn!(switch.name = %forgotten.name(), ?outcome, "a switch that the restored catalog does not know is settled");
    settle(service, &forgotten.name(), outcome).await.map(drop)
}

/// Returns the switch, which begins here if it is new.
async fn begin(tx: &mut Tx, order: &Order, now: Timestamp) -> Result<Switch, Error> {
    let name = &order.switch;
    applications::call(tx, &name.application, &order.display_name).await?;
    let new = Switch {
        id: name.switch,
        application: name.application.clone(),
        source: order.source.clone(),
        target: order.target.clone(),
        notice: order.notice,
        coming: order.coming,
        phase: Phase::Open,
        progress: Progress {
            up_to: None,
            all_at: None,
            left: None,
            moved: 0,
            mailed: 0,
        },
        opened_at: now,
    };
    match switches::find(tx, name).await? {
        Some(Known::NeverBegun) => Err(Error::SwitchEnded(name.clone())),
        Some(Known::Begun(switch)) => {
            let same = (&switch.source, &switch.target, switch.notice)
                == (&new.source, &new.target, new.notice);
            match switch.phase {
                Phase::GivenUp => Err(Error::SwitchEnded(name.clone())),
                Phase::Open | Phase::Closed | Phase::Committed if same => Ok(*switch),
                Phase::Open | Phase::Closed | Phase::Committed => {
                    Err(Error::SwitchDiffers(name.clone()))
                }
            }
        }
        None => {
            if let Some(open) = switches::unsettled(tx, &name.application).await? {
                return Err(Error::SwitchOpen { open: open.name() });
            }
            switches::insert(tx, &new).await?;
            Ok(new)
        }
    }
}

/// Fixes which denials count from the commit on: those in the grants that it returns. Whoever denies
/// later waits for the gateways.
///
/// Tells of each of `watched` whether it is among them.
pub(crate) async fn close(
    service: &Service,
    name: &SwitchName,
    watched: &[TenantId],
) -> Result<Closed, Error> {
    store::write!(service.db, |tx| {
        let mut switch = match switches::find(tx, name).await? {
            None => return Err(Error::SwitchUnknown(name.clone())),
            Some(Known::NeverBegun) => return Err(Error::SwitchEnded(name.clone())),
            Some(Known::Begun(switch)) => *switch,
        };
        match switch.phase {
            Phase::GivenUp => return Err(Error::SwitchEnded(name.clone())),
            Phase::Open => {
                switch.phase = Phase::Closed;
                switches::save(tx, &switch).await?;
            }
            Phase::Closed | Phase::Committed => {}
        }
        let (application, version) = (&switch.application, &switch.target);
        let mut denied = Vec::new();
        for tenant in watched {
            let name = ProvisioningName {
                tenant: tenant.clone(),
                application: application.clone(),
                version: version.clone(),
            };
            let row = provisionings::find(tx, &name).await?;
            if row.is_some_and(|row| row.consent.standing == Standing::Denied) {
                denied.push(tenant.clone());
            }
        }
        Ok(Closed {
            head: grants::head(tx).await?,
            denied: provisionings::count_denied(tx, application, version).await?,
            tenants: provisionings::count_decided(tx, application, version).await?,
            watched: denied,
        })
    })
}

/// Takes note of how a switch went; returns how many tenants have denied its target.
///
/// From the first call on links and denials count as the outcome says. Of very many tenants one call
/// settles a part.
///
/// # Errors
///
/// Says so, as a fault that passes, if the call is to be repeated for the others.
pub(crate) async fn settle(
    service: &Service,
    name: &SwitchName,
    outcome: Outcome,
) -> Result<i64, Error> {
    settle_within(service, name, outcome, SETTLES_FOR).await
}

/// Settles tenants for this long, and a part at least.
pub(crate) async fn settle_within(
    service: &Service,
    name: &SwitchName,
    outcome: Outcome,
    limit: Duration,
) -> Result<i64, Error> {
    let now = service.now();
    let decided = store::write!(service.db, |tx| decide(tx, name, outcome, now).await)?;
    let Some(switch) = decided else {
        return Ok(0);
    };
    let event = match switch.phase {
        Phase::GivenUp => Event::Voided(switch.id),
        Phase::Open | Phase::Closed | Phase::Committed => Event::Committed(switch.id),
    };
    let began = Instant::now();
    while store::write!(service.db, |tx| tidy(service, tx, &switch, &event, now)
        .await)?
    {
        if began.elapsed() >= limit {
            return Err(Error::SettlesOn(name.clone()));
        }
    }
    store::read!(service.db, |tx| {
        Ok(provisionings::count_denied(tx, &switch.application, &switch.target).await?)
    })
}

/// Writes the outcome, from which on links and denials count as it says; none if nothing had begun.
async fn decide(
    tx: &mut Tx,
    name: &SwitchName,
    outcome: Outcome,
    now: Timestamp,
) -> Result<Option<Switch>, Error> {
    let mut switch = match (switches::find(tx, name).await?, outcome) {
        (Some(Known::Begun(switch)), Outcome::Committed { .. } | Outcome::GivenUp) => *switch,
        (Some(Known::NeverBegun), Outcome::GivenUp) => return Ok(None),
        (None, Outcome::GivenUp) => {
            switches::insert_given_up(tx, name, now).await?;
            return Ok(None);
        }
        (Some(Known::NeverBegun), Outcome::Committed { .. }) => {
            return Err(Error::SwitchEnded(name.clone()));
        }
        (None, Outcome::Committed { .. }) => return Err(Error::SwitchUnknown(name.clone())),
    };
    match (switch.phase, outcome) {
        (Phase::Committed, Outcome::Committed { .. }) | (Phase::GivenUp, Outcome::GivenUp) => {}
        (Phase::Open | Phase::Closed, Outcome::Committed { credential_grace }) => {
            switch.phase = Phase::Committed;
            switches::save(tx, &switch).await?;
            applications::activate(tx, &switch.application, &switch.target).await?;
            backends::activate(tx, &switch.application, &switch.target).await?;
            if let Some(source) = &switch.source {
                let until = now
                    .saturating_add(credential_grace)
                    .unwrap_or(Timestamp::MAX);
                backends::leave(tx, &switch.application, source, until).await?;
            }
        }
        (Phase::Open | Phase::Closed, Outcome::GivenUp) => {
            switch.phase = Phase::GivenUp;
            switches::save(tx, &switch).await?;
            offers::give_up(tx, switch.id, now).await?;
        }
        (Phase::GivenUp, Outcome::Committed { .. }) | (Phase::Committed, Outcome::GivenUp) => {
            return Err(Error::SwitchEnded(name.clone()));
        }
    }
    Ok(Some(switch))
}

/// Settles a part of what the switch has touched; tells whether something may be left.
async fn tidy(
    service: &Service,
    tx: &mut Tx,
    switch: &Switch,
    event: &Event,
    now: Timestamp,
) -> Result<bool, Error> {
    let batch = provisionings::under(tx, switch.id, BATCH).await?;
    let application = applications::find(tx, &switch.application).await?;
    let tenants = match (batch.first(), batch.last()) {
        (Some(first), Some(last)) => {
            tenants::between(tx, &first.name.tenant, &last.name.tenant).await?
        }
        (None, _) | (_, None) => BTreeMap::new(),
    };
    let mut writer = Writer::new(service, now);
    for row in &batch {
        let Some(tenant) = tenants.get(&row.name.tenant) else {
            return Err(Error::Broken(format!(
                "{} is under a switch without its tenant",
                row.name
            )));
        };
        let place = Place {
            tenant,
            application: &application,
            version: &row.name.version,
            source: switch.source.as_ref(),
        };
        writer
            .apply(tx, place, Some(row.clone()), event, &by(switch, now))
            .await?;
    }
    Ok(i64::try_from(batch.len()).is_ok_and(|length| length == BATCH))
}

fn by(switch: &Switch, now: Timestamp) -> Since {
    Since {
        at: now,
        actor: switch.name().to_string(),
        note: String::new(),
    }
}
