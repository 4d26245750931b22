//! Beginning a switch, and giving one up: what must hold, checked where it counts.

use contract::{Etag, ProposalName, RequestId, Revision, SwitchName, TimedId as _, VersionRef};
use proto::catalog::v1 as wire;

use super::{Event, Kind, Outcome, Record, State, Switch, advance::advance};
use crate::{
    Catalog,
    application::{Act, Application, Standing, Version},
    bake,
    error::Error,
    proposal::{self, Proposal, What, decide},
    recovery,
    store::{
        applications::{self, Touch},
        bakes, gateways,
        history::{self, Action},
        switches, versions,
    },
    trail::{self, Change, shown},
};

/// Asks to make another version the active one.
#[derive(Debug, Clone)]
pub(crate) struct Confirm {
    pub(crate) version: VersionRef,
    pub(crate) kind: Kind,
    /// What the caller has seen of the application, if it says.
    pub(crate) etag: Option<Etag>,
    /// Its request id names the switch: the same one answers with the same switch.
    pub(crate) act: Act,
    /// The switch that the watch over its target goes back from; none where a person asks.
    pub(crate) back_from: Option<SwitchName>,
    /// The proposal that a second person approves by this, and by whom; none where nobody has proposed.
    pub(crate) approval: Option<(ProposalName, Act)>,
}

/// What comes of a confirm.
#[derive(Debug, Clone)]
pub(crate) enum Confirmed {
    /// The switch began.
    Begun(Box<Switch>),
    /// It waits for a second person.
    Proposed(Box<Proposal>),
}

/// Begins a switch. The version must be healthy; it is asked outside of any transaction, and all
/// else is checked before and again in the one that writes the switch down.
///
/// Where the application needs a second person, the switch is proposed: it begins when another one
/// approves, and all is looked at again then.
pub(crate) async fn confirm(catalog: &Catalog, confirm: &Confirm) -> Result<Confirmed, Error> {
    let looked = ::store::read!(catalog.db, |tx| {
        if let Some(before) = before(tx, confirm).await? {
            return Ok(Looked::Before(before));
        }
        let (_, version) = may_begin(tx, confirm).await?;
        let listeners = gateways::listeners(tx).await?;
        Ok::<_, Error>(Looked::MayBegin(Box::new(version), listeners))
    })?;
    let (version, listeners) = match looked {
        Looked::Before(before) => return Ok(before),
        Looked::MayBegin(version, listeners) => (version, listeners),
    };
    catalog.healthy(&version, &listeners).await?;
    let switch_id = contract::SwitchId::new(catalog.clock.now_micros(), catalog.clock.random());
    ::store::write!(catalog.db, |tx| {
        if let Some(before) = before(tx, confirm).await? {
            return Ok(before);
        }
        let approved = match &confirm.approval {
            Some((name, act)) => Some(decide::may_approve(tx, name, act).await?),
            None => None,
        };
        let (application, now_version) = may_begin(tx, confirm).await?;
        if now_version.facts != version.facts {
            // It was not what was found healthy: the caller has not seen it either.
            return Err(Error::StaleEtag(
                Etag::from(version.revision)
                    .must_match(now_version.revision, &version.name)
                    .err()
                    .unwrap_or_else(|| {
                        contract::Problem::broken("a version changed without a revision")
                    }),
            ));
        }
        if proposal::is_needed(&application, confirm) {
            let what = What::Switch {
                kind: confirm.kind,
                version: confirm.version.clone(),
            };
            let written = |change: Change| change.asked(&asked(confirm));
            let act = &confirm.act;
            let proposed = proposal::propose(tx, catalog, &application, what, act, written).await?;
            return Ok(Confirmed::Proposed(Box::new(proposed)));
        }
        let begun = begin(tx, &application, confirm, switch_id).await?;
        match (&approved, &confirm.approval) {
            (Some(proposal), Some((_, act))) => {
                decide::approved(tx, proposal, Some(&begun.name), act).await?;
            }
            _ => {
                let change = Change::of(&begun.name)
                    .reason(confirm.act.reason.as_str())
                    .asked(&asked(confirm))
                    .after(&shown::switch(&begun));
                trail::add(tx, confirm.act.at, &change).await?;
            }
        }
        Ok(Confirmed::Begun(Box::new(begun)))
    })
}

/// Returns what was asked, for the audit log: of both kinds the same is asked.
fn asked(confirm: &Confirm) -> wire::ConfirmUpdateRequest {
    wire::ConfirmUpdateRequest {
        version: confirm.version.to_string(),
        request_id: confirm.act.request_id.to_string(),
        reason: confirm.act.reason.to_string(),
        etag: confirm
            .etag
            .map_or_else(String::new, |etag| etag.to_string()),
    }
}

enum Looked {
    Before(Confirmed),
    MayBegin(Box<Version>, Vec<std::net::SocketAddr>),
}

async fn begin(
    tx: &mut ::store::Tx,
    application: &Application,
    confirm: &Confirm,
    switch: contract::SwitchId,
) -> Result<Switch, Error> {
    let mut record = Record {
        back_from: confirm.back_from.clone(),
        approved_by: confirm.act.approved_by.clone(),
        ..Record::default()
    };
    record.enter(&State::Provisioning, confirm.act.at);
    let switch = Switch {
        name: SwitchName {
            application: application.name.clone(),
            switch,
        },
        kind: confirm.kind,
        source: application.serving.version().cloned(),
        target: confirm.version.version.clone(),
        state: State::Provisioning,
        record,
        reason: confirm.act.reason.clone(),
        requested_by: confirm.act.actor.clone(),
        request_id: confirm.act.request_id.clone(),
        commit: None,
        revision: Revision::ZERO.next(),
        created_at: confirm.act.at,
    };
    if !switches::insert(tx, &switch).await? {
        return Err(Error::Broken(
            "an open switch came between reading and writing",
        ));
    }
    // Whoever confirms has decided: what was watched is watched no longer.
    let by = confirm.back_from.as_ref().map(|_| &switch.name);
    let touch = if bake::end(tx, &application.name, by).await? {
        Touch::Routed
    } else {
        Touch::Shown
    };
    applications::touch(tx, &application.name, touch, confirm.act.at).await?;
    history::add(
        tx,
        &application.name,
        &switch.target,
        Action::SwitchConfirmed,
        Some(&switch.name),
        &confirm.act,
    )
    .await?;
    Ok(switch)
}

/// Finds what came of the same request before.
async fn before(tx: &mut ::store::Tx, confirm: &Confirm) -> Result<Option<Confirmed>, Error> {
    if let Some(switch) = repeated(tx, confirm).await? {
        return Ok(Some(Confirmed::Begun(Box::new(switch))));
    }
    let proposed = proposal::repeated(tx, confirm, confirm.act.at).await?;
    Ok(proposed.map(|proposed| Confirmed::Proposed(Box::new(proposed))))
}

/// Finds the switch that the same request began before.
async fn repeated(tx: &mut ::store::Tx, confirm: &Confirm) -> Result<Option<Switch>, Error> {
    let id: &RequestId = &confirm.act.request_id;
    let Some(switch) = switches::find_request(tx, &confirm.version.application, id).await? else {
        return Ok(None);
    };
    if switch.target == confirm.version.version && switch.kind == confirm.kind {
        Ok(Some(switch))
    } else {
        Err(Error::RequestIdReused { id: id.clone() })
    }
}

/// Checks all that must hold for a switch to begin, save the version's health.
async fn may_begin(
    tx: &mut ::store::Tx,
    confirm: &Confirm,
) -> Result<(Application, Version), Error> {
    recovery::refuse(tx).await?;
    let application = applications::find(tx, &confirm.version.application).await?;
    let application = application.ok_or_else(|| Error::NotFound(confirm.version.to_string()))?;
    let version = versions::find(tx, &confirm.version).await?;
    let version = version.ok_or_else(|| Error::NotFound(confirm.version.to_string()))?;
    refusal(&application, &version, confirm.kind)?;
    application.seen_as(confirm.etag)?;
    if let Some(from) = &confirm.back_from {
        let watch = bakes::find(tx, &application.name).await?;
        watch
            .filter(|watch| watch.switch == *from)
            .ok_or_else(|| Error::NotFound(format!("watch over the target of {from}")))?;
    }
    Ok((application, version))
}

/// Refuses a switch of this kind as the application and the version stand.
pub(super) fn refusal(
    application: &Application,
    version: &Version,
    kind: Kind,
) -> Result<(), Error> {
    application.no_open_switch()?;
    let name = || version.name.clone();
    match (kind, version.standing) {
        (_, Standing::Active) => Err(Error::VersionActive { version: name() }),
        (Kind::Update, Standing::InTest { .. }) => Ok(()),
        (Kind::Update, Standing::Registered | Standing::Retired) => {
            Err(Error::VersionNotInTest { version: name() })
        }
        (Kind::Reactivate, Standing::Retired) => Ok(()),
        (Kind::Reactivate, Standing::InTest { .. } | Standing::Registered) => {
            if version.active_at.is_some() {
                Ok(())
            } else {
                Err(Error::VersionNeverActive { version: name() })
            }
        }
    }
}

/// Gives up a switch that is not committed. One that is being given up already stays so.
pub(crate) async fn cancel(
    catalog: &Catalog,
    name: &SwitchName,
    act: &Act,
) -> Result<Switch, Error> {
    let why = match act.reason.as_str() {
        "" => String::new(),
        reason => format!(": {reason}"),
    };
    let event = Event::Cancelled {
        by: act.actor.clone(),
        message: format!("Cancelled by {}{why}", act.actor),
    };
    ::store::write!(catalog.db, |tx| {
        let switch = switches::find(tx, name).await?;
        let switch = switch.ok_or_else(|| Error::NotFound(name.to_string()))?;
        recovery::refuse(tx).await?;
        match &switch.state {
            State::Ended { .. } => Err(Error::SwitchEnded {
                switch: name.clone(),
            }),
            State::Settling {
                outcome: Outcome::GivenUp { .. },
            } => Ok(switch),
            State::Releasing { .. }
            | State::Draining { .. }
            | State::Settling {
                outcome: Outcome::Committed,
            } => Err(Error::SwitchCommitted {
                switch: name.clone(),
            }),
            State::Provisioning
            | State::GivingNotice { .. }
            | State::Preparing { .. }
            | State::Fencing { .. }
            | State::ClosingConsent { .. }
            | State::Holding { .. } => {
                let before = switch.clone();
                let after = advance(tx, &catalog.clock, &catalog.key, switch, &event).await?;
                trail::switch(tx, act.at, act.reason.as_str(), &before, &after).await?;
                Ok(after)
            }
            State::Adopting { .. } => Err(Error::SwitchAdopts {
                switch: name.clone(),
            }),
        }
    })
}
