//! The tenants' side of a switch: moves every tenant to the target, fixes which denials count from
//! the commit on, and settles. Every call may be repeated.

use contract::{SwitchName, TenantId, TenantRef, VersionName};
use jiff::Timestamp;
use store::Tx;

use crate::{
    consent::{
        Event, Move, Notice, Since, Standing,
        apply::{Applied, Place, Writer},
    },
    error::Error,
    provisioning::Provisioning,
    service::Service,
    store::{
        applications::{self, Application},
        grants::{self, Head},
        offers, provisionings,
        switches::{self, Known},
        tenants,
    },
    switch::{Phase, Progress, Switch},
    tenant::Tenant,
};

/// Tenants that one transaction moves or settles: enough to be quick, and few enough that a
/// tenant's decision does not wait long behind them.
const BATCH: i64 = 500;
/// Failed tenants that are named.
const FAILURES_MAX: i64 = 100;

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
}

/// How far the tenants of a switch are moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Moved {
    /// Nothing is left to move.
    pub(crate) done: bool,
    /// Tenants to move.
    pub(crate) total: i64,
    /// Tenants moved, denied and failed ones included.
    pub(crate) moved: i64,
    /// Tenants that a mail was queued for.
    pub(crate) mailed: i64,
    /// Tenants that could not be moved.
    pub(crate) failed: i64,
    /// The first of them, with the reason.
    pub(crate) failures: Vec<(TenantRef, String)>,
}

/// The grants that every gateway must have before a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Closed {
    /// Their timeline and revision.
    pub(crate) head: Head,
    /// Tenants that denied the target so far.
    pub(crate) denied: i64,
}

/// How a switch went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Its target is the active version.
    Committed,
    /// Everything is as before.
    GivenUp,
}

/// Moves a further part of the tenants.
pub(crate) async fn move_tenants(service: &Service, order: &Order) -> Result<Moved, Error> {
    let now = service.now();
    store::write!(service.db, |tx| {
        let mut switch = begin(tx, order, now).await?;
        if switch.phase == Phase::Open && switch.progress.all_at.is_none() {
            advance(service, tx, &mut switch, now).await?;
            switches::save(tx, &switch).await?;
        }
        report(tx, &switch).await
    })
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
        phase: Phase::Open,
        progress: Progress {
            up_to: None,
            all_at: None,
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

async fn advance(
    service: &Service,
    tx: &mut Tx,
    switch: &mut Switch,
    now: Timestamp,
) -> Result<(), Error> {
    let Some(source) = &switch.source else {
        // Nobody comes from anywhere: those that the target has already keep their standing.
        switch.progress.moved =
            provisionings::count_live(tx, &switch.application, &switch.target, None).await?;
        switch.progress.all_at = Some(now);
        return Ok(());
    };
    let up_to = switch.progress.up_to.as_ref();
    let batch = provisionings::of_version(tx, &switch.application, source, up_to, BATCH).await?;
    let application = applications::find(tx, &switch.application).await?;
    let mut writer = Writer::new(service, now);
    let last = i64::try_from(batch.len()).is_ok_and(|length| length < BATCH);
    let (mut moved, mut reached) = (0, switch.progress.up_to.clone());
    for row in &batch {
        reached = Some(row.name.tenant.clone());
        let tenant = match tenants::find(tx, &row.name.tenant).await? {
            Some(tenant) if row.consent.standing.is_live() => tenant,
            Some(_) | None => continue,
        };
        moved += 1;
        let asked = carry(tx, &mut writer, switch, (&tenant, &application), row, now).await?;
        // One question at a time: the one about the target takes the other one's place, until the
        // switch is given up.
        if asked && row.consent.standing == Standing::PendingAcceptance {
            offers::void(tx, &row.name, Some(switch.id), now).await?;
        }
    }
    switch.progress.up_to = reached;
    switch.progress.moved += moved;
    switch.progress.mailed += writer.mailed();
    switch.progress.all_at = last.then_some(now);
    Ok(())
}

/// Brings one tenant to the target of a switch; tells whether it is newly asked there.
async fn carry(
    tx: &mut Tx,
    writer: &mut Writer<'_>,
    switch: &Switch,
    whose: (&Tenant, &Application),
    source: &Provisioning,
    now: Timestamp,
) -> Result<bool, Error> {
    let applied = bring(tx, writer, switch, whose, source, Event::MovedAlong, now).await?;
    Ok(
        matches!(applied, Some(Applied::Changed(next)) if next.consent.standing == Standing::PendingAcceptance),
    )
}

async fn bring(
    tx: &mut Tx,
    writer: &mut Writer<'_>,
    switch: &Switch,
    (tenant, application): (&Tenant, &Application),
    source: &Provisioning,
    event: fn(Move) -> Event,
    now: Timestamp,
) -> Result<Option<Applied>, Error> {
    let Some(carried) = source.consent.standing.carried() else {
        return Ok(None);
    };
    let place = Place {
        tenant,
        application,
        version: &switch.target,
        source: switch.source.as_ref(),
    };
    let row = provisionings::find(tx, &place.name()).await?;
    let event = event(Move {
        switch: switch.id,
        carried,
        notice: switch.notice,
        contacts: tenant.profile.reach(),
    });
    writer
        .apply(tx, place, row, &event, &by(switch, now))
        .await
        .map(Some)
}

/// A tenant was given the version that a switch starts from: it is moved along with the others.
pub(crate) async fn joined(
    tx: &mut Tx,
    writer: &mut Writer<'_>,
    mut switch: Switch,
    whose: (&Tenant, &Application),
    source: &Provisioning,
    now: Timestamp,
) -> Result<(), Error> {
    if switch.source.as_ref() != Some(&source.name.version) {
        return Ok(());
    }
    let before = writer.mailed();
    carry(tx, writer, &switch, whose, source, now).await?;
    switch.progress.mailed += writer.mailed() - before;
    // Whoever the move has yet to come by is counted then.
    if switch.progress.all_at.is_some() || has_passed(&switch, &source.name.tenant) {
        switch.progress.moved += 1;
    }
    Ok(switches::save(tx, &switch).await?)
}

fn has_passed(switch: &Switch, tenant: &TenantId) -> bool {
    switch
        .progress
        .up_to
        .as_ref()
        .is_some_and(|reached| tenant <= reached)
}

/// A tenant has decided about the version that an open switch starts from, perhaps after it was
/// moved: what it was moved with follows.
pub(crate) async fn source_changed(
    tx: &mut Tx,
    writer: &mut Writer<'_>,
    switch: &Switch,
    whose: (&Tenant, &Application),
    source: &Provisioning,
    now: Timestamp,
) -> Result<(), Error> {
    let reached = switch.progress.all_at.is_some() || has_passed(switch, &source.name.tenant);
    // Once closed, the target may be in use: what is said of the source no longer touches it.
    if !reached
        || switch.phase != Phase::Open
        || switch.source.as_ref() != Some(&source.name.version)
    {
        return Ok(());
    }
    bring(tx, writer, switch, whose, source, Event::SourceChanged, now)
        .await
        .map(drop)
}

async fn report(tx: &mut Tx, switch: &Switch) -> Result<Moved, Error> {
    let Switch {
        id,
        application,
        source,
        target,
        progress,
        ..
    } = switch;
    let left = match (source, progress.all_at) {
        (Some(source), None) => {
            provisionings::count_live(tx, application, source, progress.up_to.as_ref()).await?
        }
        (Some(_), Some(_)) | (None, _) => 0,
    };
    let failures = provisionings::failed(tx, application, target, *id, FAILURES_MAX).await?;
    Ok(Moved {
        done: progress.all_at.is_some(),
        total: progress.moved + left,
        moved: progress.moved,
        mailed: progress.mailed,
        failed: provisionings::count_failed(tx, application, target, *id).await?,
        failures: failures
            .into_iter()
            .map(|row| (TenantRef::from(row.name.tenant), row.consent.sentence()))
            .collect(),
    })
}

/// Fixes which denials count from the commit on: those in the grants that it returns. Whoever denies
/// later waits for the gateways.
pub(crate) async fn close(service: &Service, name: &SwitchName) -> Result<Closed, Error> {
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
        Ok(Closed {
            head: grants::head(tx).await?,
            denied: provisionings::count_denied(tx, &switch.application, &switch.target).await?,
        })
    })
}

/// Takes note of how a switch went; returns how many tenants have denied its target.
pub(crate) async fn settle(
    service: &Service,
    name: &SwitchName,
    outcome: Outcome,
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
    while store::write!(service.db, |tx| tidy(service, tx, &switch, &event, now)
        .await)?
    {}
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
        (Some(Known::Begun(switch)), Outcome::Committed | Outcome::GivenUp) => *switch,
        (Some(Known::NeverBegun), Outcome::GivenUp) => return Ok(None),
        (None, Outcome::GivenUp) => {
            switches::insert_given_up(tx, name, now).await?;
            return Ok(None);
        }
        (Some(Known::NeverBegun), Outcome::Committed) => {
            return Err(Error::SwitchEnded(name.clone()));
        }
        (None, Outcome::Committed) => return Err(Error::SwitchUnknown(name.clone())),
    };
    match (switch.phase, outcome) {
        (Phase::Committed, Outcome::Committed) | (Phase::GivenUp, Outcome::GivenUp) => {}
        (Phase::Open | Phase::Closed, Outcome::Committed) => {
            switch.phase = Phase::Committed;
            switches::save(tx, &switch).await?;
            applications::activate(tx, &switch.application, &switch.target).await?;
        }
        (Phase::Open | Phase::Closed, Outcome::GivenUp) => {
            switch.phase = Phase::GivenUp;
            switches::save(tx, &switch).await?;
            offers::give_up(tx, switch.id, now).await?;
        }
        (Phase::GivenUp, Outcome::Committed) | (Phase::Committed, Outcome::GivenUp) => {
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
    let mut writer = Writer::new(service, now);
    for row in &batch {
        let Some(tenant) = tenants::find(tx, &row.name.tenant).await? else {
            return Err(Error::Broken(format!(
                "{} is under a switch without its tenant",
                row.name
            )));
        };
        let place = Place {
            tenant: &tenant,
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
