//! Keeps switches going: claims what is due, lets time pass, does what is owed. Any replica may; the
//! row is the truth, and a crash anywhere only means that another one looks at it later.

use std::{convert::Infallible, sync::Arc, time::Duration};

use ::store::Db;
use contract::{Problem, VersionName, VersionRef};
use jiff::Timestamp;
use runtime::{
    CancellationToken, Clock, SigningKey,
    fault::{Plant, crash_point, planted},
    retry,
};

use super::{Effect, Event, State, Switch, advance::apply, step};
use crate::{
    application::Version,
    due::Work,
    error::Error,
    fleet::leases::surely,
    peers::{Move, Peers, later},
    store::{SWITCHES, applications, recovery, switches, versions},
};

/// How long a claimed switch is left to its claimer, who renews the claim while it waits for an
/// answer: after a crash another one goes on within this.
const LEASE: Duration = Duration::from_secs(3);
/// How often a claim is renewed.
const RENEW: Duration = Duration::from_secs(1);
/// Switches that one replica works on at once.
const AT_ONCE: usize = 32;
/// Pauses between tries of what is owed double up to this.
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// Rows that are due and claimed by another replica are looked at again after this.
const OTHERS: Duration = Duration::from_millis(20);

/// What the driver works with.
#[derive(Clone)]
pub(crate) struct Driver {
    pub(crate) db: Db,
    pub(crate) clock: Clock,
    pub(crate) peers: Peers,
    /// Signs receipts.
    pub(crate) key: Arc<SigningKey>,
}

impl Driver {
    /// Keeps switches going until `stop`.
    pub(crate) async fn run(self, stop: CancellationToken) -> Result<(), Infallible> {
        let mut listener = self.db.listen(SWITCHES);
        let mut work = Work::default();
        while !stop.is_cancelled() {
            let room = work.room(AT_ONCE);
            let next = match work.beside(self.claim(room)).await {
                Ok((claimed, next)) => {
                    for (switch, tries) in claimed {
                        work.begin(self.work(switch, tries));
                    }
                    next
                }
                Err(error) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "switches wait for the database"
                    );
                    None
                }
            };
            work.wait(&mut listener, next, &self.clock, &stop).await;
        }
        // What is half done is done again by whoever claims it next.
        Ok(())
    }

    /// Claims what is due, and returns when there is more.
    async fn claim(
        &self,
        room: usize,
    ) -> Result<(Vec<(Switch, u32)>, Option<Timestamp>), ::store::Error> {
        let limit = i64::try_from(room).unwrap_or(0);
        let now = self.clock.now();
        if room == 0 {
            return Ok((Vec::new(), None));
        }
        // A write transaction is worth it only if something is due.
        let next = ::store::read!(self.db, |tx| {
            // In recovery nothing goes on.
            match recovery::find(tx).await? {
                Some(_) => Ok(None),
                None => switches::next_due(tx).await,
            }
        })?;
        if next.is_none_or(|next| next > now) {
            return Ok((Vec::new(), next));
        }
        ::store::write!(self.db, |tx| {
            let claimed = switches::claim_due(tx, now, LEASE, limit).await?;
            let next = switches::next_due(tx).await?;
            let soon = now.checked_add(OTHERS).unwrap_or(Timestamp::MAX);
            Ok((claimed, next.map(|next| next.max(soon))))
        })
    }

    /// Does what one switch needs next.
    async fn work(&self, switch: Switch, tries: u32) {
        let id = switch.request_id.clone();
        let done = runtime::request::with_request_id(id, self.bring_on(&switch, tries)).await;
        if let Err(error) = done {
            tracing::warn!(
                switch.name = %switch.name,
                error = &error as &dyn std::error::Error,
                "a switch waits for the database"
            );
        }
    }

    async fn bring_on(&self, switch: &Switch, tries: u32) -> Result<(), Error> {
        if switch
            .state
            .until()
            .is_some_and(|until| until <= self.clock.now())
        {
            apply(
                &self.db,
                &self.clock,
                &self.key,
                &switch.name,
                &Event::TimePassed,
            )
            .await?;
            return Ok(());
        }
        let Some(effect) = step::owed(&switch.state) else {
            return Ok(());
        };
        let how = self.how(effect, switch).await?;
        let answer = tokio::select! {
            biased;
            answer = self.perform(effect, switch, &how) => answer,
            never = self.keep(switch) => match never {},
        };
        match answer {
            Ok(event) => {
                crash_point("catalog.effect.done");
                drop(apply(&self.db, &self.clock, &self.key, &switch.name, &event).await?);
            }
            Err(problem) => {
                tracing::warn!(
                    switch.name = %switch.name,
                    ?effect,
                    tries,
                    %problem,
                    "provisioning did not do it; trying again"
                );
                let again = later(self.clock.now(), tries, PAUSE_MAX);
                ::store::write!(self.db, |tx| switches::put_off(tx, switch, again).await)?;
            }
        }
        Ok(())
    }

    /// Does what a switch owes; what came of it is an event.
    async fn perform(&self, effect: Effect, switch: &Switch, how: &Move) -> Result<Event, Problem> {
        match (effect, &switch.state) {
            (Effect::AwaitLeases, State::Fencing { leaving, wait, .. }) => {
                // From now on, whoever began to wait before: the mark is durable, and no clock but
                // this one's is believed (R8).
                let lease = match how.lease.map(surely) {
                    Some(lease) if !planted(Plant::FenceWithoutWait) => lease,
                    Some(_) | None => Duration::ZERO,
                };
                let forever = CancellationToken::new();
                let ended = retry::elapsed(lease, &self.clock, &forever).await;
                ended.map_err(Problem::broken)?;
                Ok(Event::LeasesEnded {
                    wait: *wait,
                    gateways: leaving.clone(),
                })
            }
            (effect, _) => self.peers.perform(effect, switch, how).await,
        }
    }

    /// Renews the claim for as long as it is asked to. Should it fail, another replica does the
    /// same once more, which changes nothing.
    async fn keep(&self, switch: &Switch) -> Infallible {
        let forever = CancellationToken::new();
        loop {
            if retry::pause(RENEW, &forever).await.is_err() {
                std::future::pending::<()>().await;
            }
            let until = self.clock.now().checked_add(LEASE);
            let until = until.unwrap_or(Timestamp::MAX);
            let renewed = ::store::write!(self.db, |tx| switches::put_off(tx, switch, until).await);
            if let Err(error) = renewed {
                tracing::warn!(
                    switch.name = %switch.name,
                    error = &error as &dyn std::error::Error,
                    "a claim could not be renewed"
                );
            }
        }
    }

    /// Reads what provisioning must know beside the switch itself.
    async fn how(&self, effect: Effect, switch: &Switch) -> Result<Move, Error> {
        ::store::read!(self.db, |tx| {
            let name = &switch.name.application;
            let application = applications::find(tx, name).await?;
            let application = application.ok_or(Error::Broken("a switch has no application"))?;
            let (mut notice, mut asks) = (false, false);
            let adopts = matches!(switch.state, State::Adopting { .. });
            if effect == Effect::MoveTenants && !adopts {
                let named = |version: &VersionName| VersionRef {
                    application: name.clone(),
                    version: version.clone(),
                };
                let target = versions::find(tx, &named(&switch.target)).await?;
                let source = match &switch.source {
                    Some(source) => versions::find(tx, &named(source)).await?,
                    None => None,
                };
                let either = source.iter().chain(&target);
                notice = either.into_iter().any(Version::needs_credentials);
                asks =
                    target.is_some_and(|target| application.policy.asks(source.as_ref(), &target));
            }
            Ok(Move {
                display_name: application.display_name,
                notice,
                lease: application.policy.fleet.lease(),
                asks,
                watched: application.policy.denials.tenants,
                credential_grace: application.policy.credential_grace,
            })
        })
    }
}
