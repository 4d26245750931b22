//! The end of a recovery: what was restored, with what gateways have said, becomes the truth.

use std::collections::BTreeMap;

use ::store::Tx;
use contract::{
    ApplicationName, ApplicationRef, GatewayRef, Generation, Nonce, Revision, SwitchId, SwitchName,
    TimedId as _, Timeline, VersionName, VersionRef,
};
use proto::catalog::v1 as wire;
use runtime::fault::{Plant, planted};

use super::{Recovering, Standing, standing};
use crate::{
    Catalog,
    application::{Act, Application, Version},
    bake,
    error::Error,
    fleet::Member,
    store::{
        applications, gateways,
        history::{self, Action},
        recovery, switches, versions,
    },
    switch::{Adoption, Event, Kind, Record, State, Switch, advance::advance},
    trail::{self, Change},
};

/// What is to be true.
#[derive(Debug, Clone)]
pub(crate) struct Adopt {
    /// Applications that are not named get the version that gateways serve.
    pub(crate) versions: BTreeMap<ApplicationName, VersionName>,
    pub(crate) act: Act,
}

/// Ends the recovery, and returns the switches by which applications go on. Open switches that came
/// with the backup have ended by then: provisioning hears of that first, since it takes one switch of
/// an application at a time.
pub(crate) async fn adopt(catalog: &Catalog, adopt: &Adopt) -> Result<Vec<SwitchName>, Error> {
    let open = ::store::read!(catalog.db, |tx| {
        check(tx, adopt).await?;
        Ok::<_, Error>(switches::all_open(tx).await?)
    })?;
    for switch in &open {
        let ended = catalog.peers.end(switch).await;
        ended.map_err(Error::Provisioning)?;
    }
    ::store::write!(catalog.db, |tx| {
        let standing = check(tx, adopt).await?;
        let fleet = gateways::all(tx).await?;
        for switch in switches::all_open(tx).await? {
            advance(tx, &catalog.clock, &catalog.key, switch, &Event::Restored).await?;
        }
        let mut begun = Vec::new();
        for recovering in &standing.applications {
            let chosen = adopt.versions.get(&recovering.application);
            begun.push(go_on(tx, catalog, recovering, chosen, &fleet, &adopt.act).await?);
        }
        recovery::end(tx).await?;
        trail::add(tx, adopt.act.at, &change(adopt, &begun)).await?;
        tracing::warn!(
            actor = adopt.act.actor,
            applications = begun.len(),
            "a restored catalog was adopted; it is no longer in recovery"
        );
        Ok(begun)
    })
}

/// Returns what the audit log says of it.
fn change(adopt: &Adopt, begun: &[SwitchName]) -> Change {
    let named = adopt.versions.iter().map(|(application, version)| {
        VersionRef {
            application: application.clone(),
            version: version.clone(),
        }
        .to_string()
    });
    let asked = wire::AdoptRecoveryRequest {
        versions: named.collect(),
        reason: adopt.act.reason.to_string(),
    };
    let switches = begun.iter().map(ToString::to_string);
    Change::of("recovery")
        .reason(adopt.act.reason.as_str())
        .asked(&asked)
        .after(&wire::AdoptRecoveryResponse {
            switches: switches.collect(),
        })
}

/// Checks that the recovery can be ended in this way.
async fn check(tx: &mut Tx, adopt: &Adopt) -> Result<Standing, Error> {
    let standing = standing(tx).await?.ok_or(Error::NotInRecovery)?;
    if !standing.missing.is_empty() {
        let missing = standing.missing.iter().cloned();
        return Err(Error::GatewaysMissing {
            gateways: missing
                .map(|gateway| GatewayRef::from(gateway).to_string())
                .collect(),
        });
    }
    for (application, version) in &adopt.versions {
        let name = VersionRef {
            application: application.clone(),
            version: version.clone(),
        };
        let known = versions::find(tx, &name).await?;
        known.ok_or_else(|| Error::NotFound(name.to_string()))?;
        let mut recovering = standing.applications.iter();
        if !recovering.any(|recovering| recovering.application == *application) {
            return Err(Error::NeverActivated {
                application: ApplicationRef::from(application.clone()),
            });
        }
    }
    let unnamed = |recovering: &&Recovering| !adopt.versions.contains_key(&recovering.application);
    for recovering in standing.applications.iter().filter(unnamed) {
        if !recovering.version_known {
            let reported = recovering.reported.as_ref();
            return Err(Error::VersionNeeded {
                application: ApplicationRef::from(recovering.application.clone()),
                reported: reported
                    .and_then(|reported| reported.version.as_ref())
                    .map(ToString::to_string)
                    .unwrap_or_default(),
            });
        }
    }
    Ok(standing)
}

/// Gives one application a timeline of its own from here on, and the hold that leads to the next
/// generation.
async fn go_on(
    tx: &mut Tx,
    catalog: &Catalog,
    recovering: &Recovering,
    chosen: Option<&VersionName>,
    fleet: &[Member],
    act: &Act,
) -> Result<SwitchName, Error> {
    const BROKEN: Error = Error::Broken("what was checked in this transaction does not hold");
    let application = recovering.restored.as_ref().ok_or(BROKEN)?;
    let reported = recovering.reported.as_ref();
    let reported_version = reported.and_then(|reported| reported.version.as_ref());
    let own = application.serving.version();
    let version = chosen.or(reported_version).or(own).ok_or(BROKEN)?;
    let target = versions::find(tx, &application.version_ref(version)).await?;
    let target = target.ok_or(BROKEN)?;
    take_over(tx, catalog, recovering, application, &target).await?;
    let state = State::Adopting {
        nonce: Nonce::new(catalog.clock.random()),
        predecessor: reported.map_or(application.timeline, |reported| reported.timeline),
        adoption: Adoption::Moving,
    };
    let mut record = Record::default();
    record.enter(&state, act.at);
    for member in fleet {
        record.gateways.entry(member.name.clone()).or_default();
    }
    let switch = Switch {
        name: SwitchName {
            application: application.name.clone(),
            switch: SwitchId::new(catalog.clock.now_micros(), catalog.clock.random()),
        },
        kind: match target.active_at {
            Some(_) => Kind::Reactivate,
            None => Kind::Update,
        },
        source: own.filter(|own| *own != version).cloned(),
        target: version.clone(),
        state,
        record,
        reason: act.reason.clone(),
        requested_by: act.actor.clone(),
        request_id: act.request_id.clone(),
        commit: None,
        revision: Revision::ZERO.next(),
        created_at: act.at,
    };
    if !switches::insert(tx, &switch).await? {
        return Err(BROKEN);
    }
    // A watch that came with the backup is over what may not be in use any more.
    bake::end(tx, &application.name, None).await?;
    history::add(
        tx,
        &application.name,
        version,
        Action::SwitchConfirmed,
        Some(&switch.name),
        act,
    )
    .await?;
    Ok(switch.name)
}

/// Lifts timeline, route revision and generation above everything that was ever told.
async fn take_over(
    tx: &mut Tx,
    catalog: &Catalog,
    recovering: &Recovering,
    application: &Application,
    target: &Version,
) -> Result<(), Error> {
    let own = application.serving.number();
    let reported = recovering.reported.as_ref();
    let floor = match reported.map_or(0, |reported| reported.generation) {
        _ if planted(Plant::RollbackNoFloor) => own,
        reported => reported.max(own),
    };
    let floor = Generation::try_from(floor.max(1))
        .map_err(|_| Error::Broken("a gateway reports a generation that cannot be"))?;
    let known = application.route_revision;
    let revision = recovering.greatest_revision.max(known).next();
    for timeline in &recovering.timelines {
        applications::end_timeline(tx, &application.name, timeline).await?;
    }
    let timeline = Timeline::new(catalog.clock.random());
    let now = catalog.clock.now();
    applications::take_over(tx, application, timeline, revision, now).await?;
    let active = application.serving.version();
    let version = active.unwrap_or(&target.name.version);
    Ok(applications::put_active(tx, &application.name, version, floor).await?)
}
