//! What the catalog refuses and why, and the one place that turns it into a problem for callers.

use std::time::Duration;

use contract::{
    ApplicationRef, Fault, FieldViolation, GatewayRef, Problem, ProposalName, RequestId,
    SwitchName, VersionRef, reason,
};

use crate::{health::Unhealthy, proposal::step::State, upstream::Refusal};

/// What the catalog refuses.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The database.
    #[error(transparent)]
    Store(#[from] ::store::Error),
    /// There is no such thing.
    #[error("There is no {0}.")]
    NotFound(String),
    /// There is one already.
    #[error("{0} exists already.")]
    AlreadyExists(String),
    /// The request id named another request before.
    #[error("Request id {id} was used for another request before.")]
    RequestIdReused { id: RequestId },
    /// The caller has seen something else.
    #[error(transparent)]
    StaleEtag(Problem),
    /// The upstream is not allowed.
    #[error("The upstream {0}.")]
    UpstreamRefused(Refusal),
    /// The version is or was in use.
    #[error("{version} is or was the active version.")]
    VersionActive { version: VersionRef },
    /// The version is in test.
    #[error("{version} is in test.")]
    VersionInTest { version: VersionRef },
    /// Another version is in test.
    #[error("{other} is in test.")]
    OtherVersionInTest { other: VersionRef },
    /// The version is not in test.
    #[error("{version} is not in test.")]
    VersionNotInTest { version: VersionRef },
    /// The version was never in use.
    #[error("{version} was never the active version.")]
    VersionNeverActive { version: VersionRef },
    /// No version was ever in use.
    #[error("{application} has no active version yet.")]
    NeverActivated { application: ApplicationRef },
    /// The version is in use or was, so the application stays.
    #[error("{application} has an active version.")]
    ApplicationActive { application: ApplicationRef },
    /// The version does not work.
    #[error("{version} is not healthy: it {answer}.")]
    VersionUnhealthy {
        version: VersionRef,
        answer: Unhealthy,
    },
    /// Another switch is under way.
    #[error("{open} is under way.")]
    SwitchOpen { open: SwitchName },
    /// It is too late to cancel.
    #[error("{switch} is committed: the target is the active version.")]
    SwitchCommitted { switch: SwitchName },
    /// It is over.
    #[error("{switch} has ended.")]
    SwitchEnded { switch: SwitchName },
    /// Nothing is under way on the version that left, or it is cut already.
    #[error("{switch} is not draining.")]
    SwitchNotDraining { switch: SwitchName },
    /// No drain is that long.
    #[error("No drain is longer than 48 h: {} s more are left.", .left.as_secs())]
    DrainTooLong { left: Duration },
    /// It has no receipt yet.
    #[error("{open} has not ended: its receipt comes with its end.")]
    NoReceiptYet { open: SwitchName },
    /// The gateway is heard.
    #[error("{gateway} was heard {seconds} s ago.")]
    GatewayAlive { gateway: GatewayRef, seconds: i64 },
    /// Another process follows under the gateway's name.
    #[error("Another process follows as {gateway}.")]
    GatewayTwice { gateway: GatewayRef },
    /// The membership ended, or another stream took its place.
    #[error("This stream of {gateway} is no longer the one that counts.")]
    StreamReplaced { gateway: GatewayRef },
    /// The gateway knows another history.
    #[error("{gateway} knows {application} by another timeline.")]
    TimelineForeign {
        gateway: GatewayRef,
        application: ApplicationRef,
    },
    /// The gateway knows more than the catalog.
    #[error(
        "{gateway} knows more of {application} than the catalog: the catalog's database may have been restored."
    )]
    MovedBackwards {
        gateway: GatewayRef,
        application: ApplicationRef,
    },
    /// What a gateway that is cut off relies on does not change.
    #[error("{application} is or was in use: its fleet mode and lease are fixed.")]
    FleetModeFixed { application: ApplicationRef },
    /// A rule that nobody could meet.
    #[error("No version of {application} has a role {role:?}.")]
    RoleUnknown {
        application: ApplicationRef,
        role: String,
    },
    /// Nothing is decided until what was restored is adopted.
    #[error("The catalog is in recovery: {message}")]
    InRecovery { message: String },
    /// Provisioning must hear of it first.
    #[error("Provisioning did not take in how a switch ended: {0}")]
    Provisioning(Problem),
    /// It is what ends a recovery.
    #[error("{switch} ends a recovery: it goes on until its target is the active version.")]
    SwitchAdopts { switch: SwitchName },
    /// There is nothing to adopt.
    #[error("The catalog is not in recovery.")]
    NotInRecovery,
    /// Somebody may know more.
    #[error("{} did not say yet what they know.", .gateways.join(", "))]
    GatewaysMissing { gateways: Vec<String> },
    /// Gateways serve what the catalog does not know.
    #[error(
        "Gateways report version {reported:?} of {application}, which the catalog does not know."
    )]
    VersionNeeded {
        application: ApplicationRef,
        reported: String,
    },
    /// Whoever has proposed it cannot approve it.
    #[error("{proposal} is to be approved by somebody else than its proposer.")]
    SecondPersonNeeded { proposal: ProposalName },
    /// Another proposal waits.
    #[error("{open} waits for a second person.")]
    ProposalOpen { open: ProposalName },
    /// It is decided no more.
    #[error("{proposal} is {}.", .state.as_str())]
    ProposalEnded {
        proposal: ProposalName,
        state: State,
    },
    /// What turns the rule off changes nothing else.
    #[error("The approval policy is turned off by a request that changes nothing else.")]
    ApprovalAlone,
    /// What the transaction read did not hold until it wrote: no database should let that happen.
    #[error("{0}")]
    Broken(&'static str),
}

/// How soon a collision may be over.
const SOON: Duration = Duration::from_secs(1);

impl From<Error> for Problem {
    fn from(error: Error) -> Problem {
        use Error as E;
        match &error {
            E::Store(store) => of_store(store),
            E::NotFound(resource) => Problem::not_found(resource),
            E::AlreadyExists(resource) => {
                Problem::already_exists(reason::ALREADY_EXISTS, &error).resource(resource)
            }
            E::RequestIdReused { id } => {
                Problem::already_exists(reason::REQUEST_ID_REUSED, &error).with("request_id", id)
            }
            E::StaleEtag(problem) => problem.clone(),
            E::Broken(why) => Problem::broken(why),
            E::UpstreamRefused(refusal) => Problem::invalid_argument(reason::UPSTREAM_REFUSED, &error)
                .field(FieldViolation::new("version.upstream", Fault::Refused, refusal)),
            E::VersionActive { version } => {
                Problem::failed_precondition(reason::VERSION_ACTIVE, &error).resource(version)
            }
            E::ApplicationActive { application } => {
                Problem::failed_precondition(reason::VERSION_ACTIVE, &error)
                    .resource(application)
                    .next("An application that was ever in use stays, with its history.")
            }
            E::VersionInTest { version } => {
                Problem::failed_precondition(reason::VERSION_IN_TEST, &error).resource(version)
            }
            E::OtherVersionInTest { other } => {
                Problem::failed_precondition(reason::OTHER_VERSION_IN_TEST, &error).resource(other)
            }
            E::VersionNotInTest { version } => {
                Problem::failed_precondition(reason::VERSION_NOT_IN_TEST, &error).resource(version)
            }
            E::VersionNeverActive { version } => {
                Problem::failed_precondition(reason::VERSION_NEVER_ACTIVE, &error).resource(version)
            }
            E::NeverActivated { application } => {
                Problem::failed_precondition(reason::VERSION_NEVER_ACTIVE, &error)
                    .resource(application)
                    .next("Register a version to test, then confirm the update to it.")
            }
            E::VersionUnhealthy { version, answer } => {
                Problem::failed_precondition(reason::VERSION_UNHEALTHY, &error)
                    .resource(version)
                    .with("answer", answer)
            }
            E::SwitchOpen { open } => Problem::aborted(reason::SWITCH_OPEN, &error)
                .resource(open)
                .with("switch", open)
                .next(format_args!("Wait for it, or cancel it: switchover switches cancel {open}")),
            E::SwitchCommitted { switch } => {
                Problem::failed_precondition(reason::SWITCH_COMMITTED, &error).resource(switch)
            }
            E::SwitchEnded { switch } => {
                Problem::failed_precondition(reason::SWITCH_ENDED, &error).resource(switch)
            }
            E::SwitchNotDraining { switch } => {
                Problem::failed_precondition(reason::SWITCH_NOT_DRAINING, &error).resource(switch)
            }
            E::DrainTooLong { .. } => Problem::invalid_argument(reason::INVALID_FIELDS, &error)
                .field(FieldViolation::new("by", Fault::OutOfRange, &error)),
            E::NoReceiptYet { open } => Problem::aborted(reason::SWITCH_OPEN, &error)
                .resource(open)
                .with("switch", open),
            E::GatewayAlive { gateway, .. } => {
                Problem::failed_precondition(reason::GATEWAY_ALIVE, &error).resource(gateway)
            }
            E::GatewayTwice { gateway } => {
                Problem::already_exists(reason::ALREADY_EXISTS, &error)
                    .resource(gateway)
                    .next("Give each gateway a name of its own; if the other one is gone, wait until it counts as silent.")
                    .retry_after(SOON)
            }
            E::StreamReplaced { gateway } => Problem::aborted(reason::PEER_UNAVAILABLE, &error)
                .resource(gateway)
                .next("Say hello again.")
                .retry_after(SOON),
            E::FleetModeFixed { application } => {
                Problem::failed_precondition(reason::FLEET_MODE_FIXED, &error).resource(application)
            }
            E::RoleUnknown { application, role } => {
                Problem::failed_precondition(reason::ROLE_UNKNOWN, &error)
                    .resource(application)
                    .with("role", role)
            }
            E::InRecovery { .. } => Problem::failed_precondition(reason::IN_RECOVERY, &error),
            E::Provisioning(_) => {
                Problem::unavailable(reason::PEER_UNAVAILABLE, &error).retry_after(SOON)
            }
            E::SwitchAdopts { switch } => {
                Problem::failed_precondition(reason::SWITCH_COMMITTED, &error).resource(switch)
            }
            E::NotInRecovery => Problem::failed_precondition(reason::NOT_IN_RECOVERY, &error),
            E::GatewaysMissing { .. } => {
                Problem::failed_precondition(reason::GATEWAYS_MISSING, &error)
            }
            E::VersionNeeded { application, .. } => {
                Problem::failed_precondition(reason::VERSION_NEEDED, &error).resource(application)
            }
            E::SecondPersonNeeded { proposal } => {
                Problem::failed_precondition(reason::SECOND_PERSON_NEEDED, &error).resource(proposal)
            }
            E::ProposalOpen { open } => Problem::aborted(reason::PROPOSAL_OPEN, &error)
                .resource(open)
                .with("proposal", open)
                .next(format_args!("Have it approved, or take it back: switchover proposals reject {open}")),
            E::ProposalEnded { proposal, state: State::Void } => {
                Problem::aborted(reason::PROPOSAL_VOID, format_args!("{proposal} is void: what was shown has changed."))
                    .resource(proposal)
            }
            E::ProposalEnded { proposal, .. } => {
                Problem::failed_precondition(reason::PROPOSAL_ENDED, &error).resource(proposal)
            }
            E::ApprovalAlone => Problem::invalid_argument(reason::INVALID_FIELDS, &error)
                .field(FieldViolation::new("application.approval", Fault::Conflicting, &error)),
            E::TimelineForeign { gateway, application } => {
                Problem::failed_precondition(reason::TIMELINE_FOREIGN, &error)
                    .resource(gateway)
                    .with("application", application)
            }
            E::MovedBackwards { gateway, application } => {
                Problem::failed_precondition(reason::MOVED_BACKWARDS, &error)
                    .resource(gateway)
                    .with("application", application)
            }
        }
    }
}

fn of_store(error: &::store::Error) -> Problem {
    match error {
        ::store::Error::Full(_) => {
            tracing::error!(
                error = error as &dyn std::error::Error,
                "the database is full"
            );
            Problem::resource_exhausted(reason::STORE_FULL, error)
        }
        _ if error.transient() => {
            tracing::warn!(
                error = error as &dyn std::error::Error,
                "the database did not do it"
            );
            Problem::unavailable(reason::STORE_BUSY, error).retry_after(SOON)
        }
        _ => Problem::internal(error),
    }
}

#[cfg(test)]
mod tests {
    use contract::Code;

    use super::*;

    #[test]
    fn an_open_switch_is_named_with_what_to_do_about_it() {
        let open: SwitchName = "applications/crm/switches/01999999-0000-7000-8000-000000000000"
            .parse()
            .unwrap();
        let problem = Problem::from(Error::SwitchOpen { open: open.clone() });
        assert_eq!(problem.code(), Code::Aborted);
        assert_eq!(problem.about(), Some(open.to_string().as_str()));
        assert!(problem.message().contains(&open.to_string()));
        assert!(
            problem
                .hint()
                .unwrap()
                .contains(&format!("switchover switches cancel {open}"))
        );
    }

    #[test]
    fn an_unhealthy_version_shows_its_status_and_nothing_else() {
        let version: VersionRef = "applications/crm/versions/2".parse().unwrap();
        let problem = Problem::from(Error::VersionUnhealthy {
            version,
            answer: Unhealthy::Status(503),
        });
        assert_eq!(
            problem.message(),
            "applications/crm/versions/2 is not healthy: it answered with status 503."
        );
    }
}
