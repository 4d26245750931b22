//! Calls to provisioning and notification. Each may be made again: done twice equals done once.

use std::{collections::BTreeSet, time::Duration};

use contract::{Code, Line, Problem, Revision, TenantId, TenantRef, Timeline, VersionName};
use jiff::Timestamp;
use proto::{
    notification::v1::{self as notification, notice_service_client::NoticeServiceClient},
    provisioning::v1::{
        self as provisioning, switch_consent_service_client::SwitchConsentServiceClient,
        version_credential_service_client::VersionCredentialServiceClient,
    },
};
use runtime::Client;

use crate::{
    application::{Application, Denied},
    switch::{Effect, Event, Grants, Outcome, State, Switch, Tenants},
};

/// How long an answer is waited for; whoever waits renews its claim meanwhile.
const ANSWER_MAX: Duration = Duration::from_secs(20);
/// The first pause after a failed try; it doubles from there.
const PAUSE_FIRST: Duration = Duration::from_millis(100);

/// The services that the catalog talks to. Clones share connections.
#[derive(Clone)]
pub(crate) struct Peers {
    consent: SwitchConsentServiceClient<Client>,
    credentials: VersionCredentialServiceClient<Client>,
    notices: NoticeServiceClient<Client>,
}

/// What would become of the tenants, as provisioning says it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct TenantImpact {
    pub(crate) total: i64,
    pub(crate) admitted: i64,
    pub(crate) asked: i64,
    pub(crate) denied: i64,
    pub(crate) failing: i64,
    pub(crate) mailed: i64,
}

/// What provisioning must know to move tenants, and to settle.
#[derive(Debug, Clone)]
pub(crate) struct Move {
    pub(crate) display_name: Line<50>,
    /// Either version needs app credentials: tenants are told how to deny.
    pub(crate) notice: bool,
    /// How long a lease of the application is; none if it has none.
    pub(crate) lease: Option<Duration>,
    /// The target asks for more than the source, and the policy has tenants asked anew then.
    pub(crate) asks: bool,
    /// Tenants whose denial stops the switch.
    pub(crate) watched: BTreeSet<TenantId>,
    /// How long pairs of the version that is left still get tokens.
    pub(crate) credential_grace: Duration,
}

impl Peers {
    pub(crate) fn new(provisioning: Client, notification: Client) -> Self {
        Self {
            consent: SwitchConsentServiceClient::new(provisioning.clone()),
            credentials: VersionCredentialServiceClient::new(provisioning),
            notices: NoticeServiceClient::new(notification),
        }
    }

    /// Does what a switch owes; what came of it is an event.
    pub(crate) async fn perform(
        &self,
        effect: Effect,
        switch: &Switch,
        how: &Move,
    ) -> Result<Event, Problem> {
        match effect {
            Effect::MoveTenants => self.move_tenants(switch, how).await,
            Effect::CloseConsent => self.close_consent(switch, how).await,
            Effect::AwaitLeases => Err(Problem::broken("leases are no concern of provisioning")),
            Effect::SettleCommitted => {
                let committed = provisioning::SwitchOutcome::Committed;
                self.settle(switch, committed, how.credential_grace).await
            }
            Effect::SettleGivenUp => {
                let given_up = provisioning::SwitchOutcome::GivenUp;
                match self.settle(switch, given_up, Duration::ZERO).await {
                    // It was given up before provisioning had heard of it: nothing is to be undone.
                    Err(problem) if problem.code() == Code::NotFound => {
                        Ok(Event::ConsentSettled { denied: 0 })
                    }
                    answer => answer,
                }
            }
        }
    }

    /// Asks what a switch to a version would do to the tenants.
    pub(crate) async fn preview(
        &self,
        application: &Application,
        target: &VersionName,
        (notice, asks): (bool, bool),
    ) -> Result<TenantImpact, Problem> {
        // To the version in use nobody moves.
        let source = application.serving.version().filter(|it| *it != target);
        let request = provisioning::PreviewMoveRequest {
            application: application.resource().to_string(),
            source_version: source.map(ToString::to_string).unwrap_or_default(),
            target_version: target.to_string(),
            notice,
            asks,
        };
        let told = self.consent.clone().preview_move(timed(request)).await?;
        let told = told.into_inner();
        Ok(TenantImpact {
            total: told.total,
            admitted: told.admitted,
            asked: told.asked,
            denied: told.denied,
            failing: told.failing,
            mailed: told.mailed,
        })
    }

    async fn move_tenants(&self, switch: &Switch, how: &Move) -> Result<Event, Problem> {
        let request = provisioning::MoveTenantsRequest {
            switch: switch.name.to_string(),
            application_display_name: how.display_name.to_string(),
            source_version: switch
                .source
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default(),
            target_version: switch.target.to_string(),
            notice: how.notice,
            adopts: matches!(switch.state, State::Adopting { .. }),
            asks: how.asks,
        };
        let moved = self
            .consent
            .clone()
            .move_tenants(timed(request))
            .await?
            .into_inner();
        let failures = moved
            .failures
            .into_iter()
            .take(Tenants::FAILURES_MAX)
            .map(|failure| (failure.tenant, failure.message))
            .collect();
        Ok(Event::TenantsMoved(Tenants {
            done: moved.done,
            total: moved.total,
            moved: moved.moved,
            mailed: moved.mailed,
            denied: 0,
            failed: moved.failed,
            failures,
        }))
    }

    async fn close_consent(&self, switch: &Switch, how: &Move) -> Result<Event, Problem> {
        let watched = how.watched.iter().cloned();
        let request = provisioning::CloseConsentRequest {
            switch: switch.name.to_string(),
            watched_tenants: watched.map(|id| TenantRef::from(id).to_string()).collect(),
        };
        let closed = self
            .consent
            .clone()
            .close_consent(timed(request))
            .await?
            .into_inner();
        let timeline: Timeline = closed.grants_timeline.parse().map_err(Problem::broken)?;
        let revision: Revision = closed.grants_revision.try_into().map_err(Problem::broken)?;
        let named = closed.watched_denied.iter().map(|tenant| {
            let tenant: TenantRef = tenant.parse().map_err(Problem::broken)?;
            Ok(tenant.tenant)
        });
        Ok(Event::ConsentClosed {
            grants: Grants { timeline, revision },
            denied: Denied {
                count: closed.denied,
                of: closed.tenants,
                named: named.collect::<Result<_, Problem>>()?,
            },
        })
    }

    async fn settle(
        &self,
        switch: &Switch,
        outcome: provisioning::SwitchOutcome,
        credential_grace: Duration,
    ) -> Result<Event, Problem> {
        let request = provisioning::SettleConsentRequest {
            switch: switch.name.to_string(),
            outcome: outcome.into(),
            credential_grace: Some(contract::duration::write(credential_grace)),
        };
        let settled = self
            .consent
            .clone()
            .settle_consent(timed(request))
            .await?
            .into_inner();
        Ok(Event::ConsentSettled {
            denied: settled.denied,
        })
    }

    /// Tells provisioning how a switch ended that came with a restored backup. It may know better by
    /// now, or nothing at all: then nothing is to be told.
    pub(crate) async fn end(&self, switch: &Switch) -> Result<(), Problem> {
        let outcome = match switch.state.outcome() {
            Some(Outcome::Committed) => provisioning::SwitchOutcome::Committed,
            Some(Outcome::GivenUp { .. }) | None => provisioning::SwitchOutcome::GivenUp,
        };
        match self.settle(switch, outcome, Duration::ZERO).await {
            Err(problem) => match problem.code() {
                Code::NotFound | Code::FailedPrecondition | Code::Aborted => Ok(()),
                _ => Err(problem),
            },
            Ok(_) => Ok(()),
        }
    }

    /// Tells provisioning that a version came into test.
    pub(crate) async fn register_version(
        &self,
        request: provisioning::RegisterVersionRequest,
    ) -> Result<(), Problem> {
        let mut client = self.credentials.clone();
        client.register_version(timed(request)).await?;
        Ok(())
    }

    /// Tells provisioning that a version left the test, or is gone.
    pub(crate) async fn deregister_version(
        &self,
        request: provisioning::DeregisterVersionRequest,
    ) -> Result<(), Problem> {
        let mut client = self.credentials.clone();
        client.deregister_version(timed(request)).await?;
        Ok(())
    }

    /// Tells notification.
    pub(crate) async fn publish(&self, notice: notification::Notice) -> Result<(), Problem> {
        let request = notification::PublishNoticesRequest {
            notices: vec![notice],
        };
        self.notices.clone().publish_notices(timed(request)).await?;
        Ok(())
    }
}

fn timed<T>(message: T) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    request.set_timeout(ANSWER_MAX);
    request
}

/// Returns when to try again after so many failed tries: pauses double up to a ceiling.
pub(crate) fn later(now: Timestamp, tries: u32, ceiling: Duration) -> Timestamp {
    let doublings = tries.saturating_sub(1).min(16);
    let pause = PAUSE_FIRST.saturating_mul(1 << doublings).min(ceiling);
    now.checked_add(pause).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_their_ceiling() {
        let now = Timestamp::UNIX_EPOCH;
        let ceiling = Duration::from_secs(5);
        for (tries, millis) in [
            (0, 100),
            (1, 100),
            (2, 200),
            (4, 800),
            (7, 5000),
            (u32::MAX, 5000),
        ] {
            assert_eq!(
                later(now, tries, ceiling).as_millisecond(),
                millis,
                "{tries}"
            );
        }
    }
}
