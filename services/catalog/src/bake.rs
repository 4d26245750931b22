//! The watch over a new version after its switch. A rule that fires starts one switch back, the way
//! a person would. Any replica may look; the row is the truth, and a crash anywhere only means that
//! another one looks later.

pub(crate) mod rule;

use std::{convert::Infallible, sync::Arc, time::Duration};

use ::store::Tx;
use contract::{Generation, Prose, RequestId, SwitchName, VersionName, VersionRef};
use jiff::Timestamp;
use runtime::{CancellationToken, fault::crash_point};

use crate::{
    Catalog,
    application::{Act, Bake},
    due::Work,
    error::Error,
    recovery,
    store::{
        BAKES,
        applications::{self, Touch},
        bakes, gateways, switches, versions,
    },
    switch::{
        Kind,
        confirm::{Confirm, confirm},
    },
};
use rule::{Seen, judge};

/// Who switches back.
const BAKE: &str = "bake";
/// How often a watched version is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// How long a claimed watch is left to its claimer: after a crash another one goes on within this.
const LEASE: Duration = Duration::from_secs(15);
/// Watches that one replica looks at at once.
const AT_ONCE: usize = 32;
/// Rows that are due and claimed by another replica are looked at again after this.
const OTHERS: Duration = Duration::from_millis(20);

/// The watch over one application's active version.
#[derive(Debug, Clone)]
pub(crate) struct Watch {
    /// The switch that made it the active version.
    pub(crate) switch: SwitchName,
    /// Where it goes back to.
    pub(crate) source: VersionName,
    /// What is watched.
    pub(crate) target: VersionName,
    /// The generation in which it is.
    pub(crate) generation: Generation,
    /// As they were at the commit.
    pub(crate) rules: Bake,
    pub(crate) until: Timestamp,
    /// When it is due; while it is claimed, when the claim lapses.
    pub(crate) wake_at: Timestamp,
    /// Failed health checks in a row.
    pub(crate) health_failures: u32,
    /// Why it goes back, once that is certain.
    pub(crate) fired: Option<Prose<500>>,
}

impl Watch {
    /// Returns the watch that begins with a commit.
    pub(crate) fn new(
        switch: SwitchName,
        (source, target): (VersionName, VersionName),
        generation: Generation,
        rules: Bake,
        now: Timestamp,
    ) -> Self {
        Self {
            until: now.checked_add(rules.duration).unwrap_or(Timestamp::MAX),
            switch,
            source,
            target,
            generation,
            rules,
            wake_at: now,
            health_failures: 0,
            fired: None,
        }
    }
}

/// Ends the watch over an application's active version, if there is one, and notes in the record of
/// the switch that led there what came of it: the switch back, or nothing. Returns whether there was
/// one; then gateways are to hear of it.
pub(crate) async fn end(
    tx: &mut Tx,
    application: &contract::ApplicationName,
    switched_back_by: Option<&SwitchName>,
) -> Result<bool, Error> {
    let Some(watch) = bakes::find(tx, application).await? else {
        return Ok(false);
    };
    bakes::delete(tx, &watch).await?;
    if let Some(mut switch) = switches::find(tx, &watch.switch).await? {
        switch.record.bake_deadline = None;
        switch.record.switched_back_by = switched_back_by.cloned();
        switches::annotate(tx, &switch).await?;
    }
    Ok(true)
}

/// Looks at what is watched until `stop`.
pub(crate) async fn watch(
    catalog: Arc<Catalog>,
    stop: CancellationToken,
) -> Result<(), Infallible> {
    let mut listener = catalog.db.listen(BAKES);
    let mut work = Work::default();
    while !stop.is_cancelled() {
        let room = work.room(AT_ONCE);
        let next = match work.beside(claim(&catalog, room)).await {
            Ok((claimed, next)) => {
                for watch in claimed {
                    work.begin(look(&catalog, watch));
                }
                next
            }
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "watches wait for the database"
                );
                None
            }
        };
        work.wait(&mut listener, next, &catalog.clock, &stop).await;
    }
    // What is half looked at is looked at again by whoever claims it next.
    Ok(())
}

/// Claims what is due, and returns when there is more. In recovery nothing is looked at.
async fn claim(catalog: &Catalog, room: usize) -> Result<(Vec<Watch>, Option<Timestamp>), Error> {
    let now = catalog.clock.now();
    if room == 0 {
        return Ok((Vec::new(), None));
    }
    let next = ::store::read!(catalog.db, |tx| {
        match recovery::now(tx).await? {
            Some(_) => Ok::<_, Error>(None),
            None => Ok(bakes::next_due(tx).await?),
        }
    })?;
    if next.is_none_or(|next| next > now) {
        return Ok((Vec::new(), next));
    }
    let limit = i64::try_from(room).unwrap_or(i64::MAX);
    ::store::write!(catalog.db, |tx| {
        let claimed = bakes::claim_due(tx, now, LEASE, limit).await?;
        let next = bakes::next_due(tx).await?;
        let soon = now.checked_add(OTHERS).unwrap_or(Timestamp::MAX);
        Ok((claimed, next.map(|next| next.max(soon))))
    })
}

/// Looks once at a watch that is claimed.
async fn look(catalog: &Catalog, watch: Watch) {
    let switch = watch.switch.clone();
    if let Err(error) = Box::pin(look_once(catalog, watch)).await {
        tracing::warn!(
            switch.name = %switch,
            error = &error as &dyn std::error::Error,
            "a watch goes on later"
        );
    }
}

async fn look_once(catalog: &Catalog, watch: Watch) -> Result<(), Error> {
    let began = catalog.clock.now();
    let fired = match &watch.fired {
        Some(why) => Some(why.clone()),
        None => see(catalog, &watch, began).await?,
    };
    let Some(why) = fired else { return Ok(()) };
    crash_point("catalog.bake.fired");
    let outcome = go_back(catalog, &watch, why).await;
    let lasts = catalog.clock.now() < watch.until;
    match outcome {
        Ok(()) => Ok(()),
        // What drains or recovers ends; the rule has fired and stays so.
        Err(Error::SwitchOpen { .. } | Error::InRecovery { .. } | Error::Store(_)) => {
            put_off(catalog, &watch).await
        }
        Err(error) if lasts => {
            tracing::warn!(
                switch.name = %watch.switch,
                error = &error as &dyn std::error::Error,
                "the switch back cannot begin; trying again"
            );
            put_off(catalog, &watch).await
        }
        Err(error) => {
            tracing::error!(
                switch.name = %watch.switch,
                error = &error as &dyn std::error::Error,
                "the switch back could not begin before the watch ended"
            );
            over(catalog, &watch).await
        }
    }
}

/// Asks for the version's health if a rule does, judges, and writes down what came of it. Returns
/// why it goes back, if so.
async fn see(
    catalog: &Catalog,
    watch: &Watch,
    began: Timestamp,
) -> Result<Option<Prose<500>>, Error> {
    let health_failures = match watch.rules.health_failures_max {
        Some(_) if healthy(catalog, watch).await? => 0,
        Some(_) => watch.health_failures.saturating_add(1),
        None => 0,
    };
    let again = began.checked_add(LOOK).unwrap_or(Timestamp::MAX);
    ::store::write!(catalog.db, |tx| {
        recovery::refuse(tx).await?;
        let (requests, failed) = bakes::traffic(tx, watch).await?;
        let seen = Seen {
            requests,
            failed,
            health_failures,
        };
        let fired = judge(&watch.rules, &seen);
        let why = fired.map(|fired| prose(&format!("Version {}: {fired}", watch.target)));
        let now = catalog.clock.now();
        // A rule that fires is retried under this claim: nobody else is to look meanwhile.
        let due = if why.is_some() { watch.wake_at } else { again };
        let text = why.as_ref().map(Prose::as_str);
        if !bakes::looked(tx, watch, &seen, text, now, due).await? {
            return Ok(None);
        }
        if let Some(why) = &why {
            tracing::warn!(switch.name = %watch.switch, why = why.as_str(), "a new version is left");
        } else if now >= watch.until {
            ended(tx, watch, now).await?;
        }
        Ok(why)
    })
}

async fn healthy(catalog: &Catalog, watch: &Watch) -> Result<bool, Error> {
    let name = VersionRef {
        application: watch.switch.application.clone(),
        version: watch.target.clone(),
    };
    let (version, listeners) = ::store::read!(catalog.db, |tx| {
        let version = versions::find(tx, &name).await?;
        let version = version.ok_or(Error::Broken("a watched version does not exist"))?;
        Ok::<_, Error>((version, gateways::listeners(tx).await?))
    })?;
    Ok(catalog.healthy(&version, &listeners).await.is_ok())
}

/// Begins the switch back. Its request id is made of the switch that it undoes: whoever asks again
/// gets the same one.
async fn go_back(catalog: &Catalog, watch: &Watch, why: Prose<500>) -> Result<(), Error> {
    let request_id: RequestId = format!("{BAKE}-{}", watch.switch.switch)
        .parse()
        .map_err(|_| Error::Broken("a switch's id does not fit a request id"))?;
    let back = Confirm {
        version: VersionRef {
            application: watch.switch.application.clone(),
            version: watch.source.clone(),
        },
        kind: Kind::Reactivate,
        etag: None,
        back_from: Some(watch.switch.clone()),
        act: Act {
            actor: BAKE.to_owned(),
            reason: why,
            request_id: request_id.clone(),
            at: catalog.clock.now(),
            approved_by: None,
        },
        approval: None,
    };
    let begun = Box::pin(confirm(catalog, &back));
    runtime::request::with_request_id(request_id, begun).await?;
    Ok(())
}

async fn put_off(catalog: &Catalog, watch: &Watch) -> Result<(), Error> {
    let now = catalog.clock.now();
    let again = now.checked_add(LOOK).unwrap_or(Timestamp::MAX);
    let seen = Seen {
        health_failures: watch.health_failures,
        ..Seen::default()
    };
    ::store::write!(catalog.db, |tx| {
        bakes::looked(tx, watch, &seen, None, now, again).await?;
        Ok(())
    })
}

async fn over(catalog: &Catalog, watch: &Watch) -> Result<(), Error> {
    let now = catalog.clock.now();
    ::store::write!(catalog.db, |tx| ended(tx, watch, now).await)
}

async fn ended(tx: &mut Tx, watch: &Watch, now: Timestamp) -> Result<(), Error> {
    let application = &watch.switch.application;
    let current = bakes::find(tx, application).await?;
    if current.is_some_and(|current| current.switch == watch.switch) {
        end(tx, application, None).await?;
        applications::touch(tx, application, Touch::Routed, now).await?;
    }
    Ok(())
}

/// Cuts what does not fit.
fn prose(text: &str) -> Prose<500> {
    let short: String = text.chars().take(500).collect();
    short
        .parse()
        .unwrap_or_else(|_| "".parse().expect("nothing is short enough"))
}
