//! What becomes of a request: a pure function of the snapshot, the request's head and the moment at
//! which the snapshot was already loaded. It is forwarded, waits for the outcome of a switch or for
//! a generation, or is refused; there is no other case.

use std::{sync::Arc, time::Duration};

use contract::{Generation, TenantId};
use subtle::ConstantTimeEq as _;

use super::{
    gate::Hold,
    host::Address,
    lease::Moment,
    login::{Ask, Asked, Passed, Stop, decide as sign_in},
    refuse::Why,
    snapshot::{Gate, Grant, GrantDecision, Grants, RefusalReason, Route, Serving, Snapshot},
    traffic::TenantTally,
};

/// What decides about a request.
pub(super) struct Head<'a> {
    /// Where it was sent.
    pub(super) address: &'a Address,
    /// SHA-256 of the tester token that came with it, if one did.
    pub(super) token_sha256: Option<[u8; 32]>,
    /// The least generation that it wants, if it names one.
    pub(super) min_generation: Option<Generation>,
    /// What decides whether its sender must sign in; none where that is not looked at, so where it is
    /// needed nobody has.
    pub(super) asked: Option<Asked<'a>>,
}

/// What becomes of a request.
pub(super) enum Admission<'s> {
    /// It may enter what serves now; it is admitted once it is counted in there.
    Forward {
        /// Where to.
        serving: &'s Arc<Serving>,
        /// What lets its tenant in; testers need nothing of the kind.
        grant: Option<&'s Grant>,
        /// As whose; none where no login is required.
        passed: Option<Passed>,
    },
    /// Its sender has to sign in, lacks a role, or did not send it.
    Stop(Stop<'s>),
    /// It waits for the outcome of a switch, then asks again.
    Hold {
        /// With whom.
        hold: &'s Arc<Hold>,
        /// How long at most.
        timeout: Duration,
    },
    /// It wants a generation that has not come here yet: it waits for the next route, then asks
    /// again.
    Wait,
    /// It is answered here.
    Refuse {
        /// Why.
        why: Why,
        /// Where its tenant is counted.
        tally: Option<&'s Arc<TenantTally>>,
    },
}

/// Decides, touches nothing. `now` was read after the snapshot was loaded: a lease that holds then
/// held when the gate was seen (R8).
pub(super) fn admit<'s>(snapshot: &'s Snapshot, head: &Head<'_>, now: Moment) -> Admission<'s> {
    let application = head.address.application();
    let Some(route) = snapshot.routes.get(application) else {
        return refuse(Why::UnknownAddress);
    };
    // Whoever asks must sign in before anything is said of the application, and before it waits.
    // Testers show their token first: strangers are not sent to sign in.
    let passed = || match (&route.login, &head.asked) {
        (None, _) => Ok(None),
        (Some(policy), Some(asked)) => sign_in(policy, asked).map(Some),
        (Some(_), None) => Err(Stop::SignIn(Ask::Program)),
    };
    match head.address {
        Address::Test { .. } => match (admit_tester(route, head.token_sha256), passed()) {
            (Admission::Forward { .. }, Err(stop)) => Admission::Stop(stop),
            (admission, passed) => admission.by(passed.ok().flatten()),
        },
        Address::User { tenant, .. } => {
            let passed = match passed() {
                Ok(passed) => passed,
                Err(stop) => return Admission::Stop(stop),
            };
            if route.generation < head.min_generation {
                return Admission::Wait;
            }
            // Before the gate: an application that never was active refuses as such.
            if route.fenced(now) && !matches!(route.gate, Gate::Never) {
                return refuse(Why::Fenced);
            }
            let grants = snapshot.grants.get(application).map(Arc::as_ref);
            admit_user(route, grants, tenant).by(passed)
        }
    }
}

impl Admission<'_> {
    /// Says as whose a request goes on, if it does.
    fn by(mut self, by: Option<Passed>) -> Self {
        if let Self::Forward { passed, .. } = &mut self {
            *passed = by;
        }
        self
    }
}

fn admit_tester(route: &Route, token_sha256: Option<[u8; 32]>) -> Admission<'_> {
    match (&route.test, token_sha256) {
        (None, _) => refuse(Why::NothingInTest),
        (Some(_), None) => refuse(Why::TokenNeeded),
        (Some(test), Some(token)) if token.ct_eq(&test.token_sha256).into() => Admission::Forward {
            serving: &test.serving,
            grant: None,
            passed: None,
        },
        (Some(_), Some(_)) => refuse(Why::TokenWrong),
    }
}

fn admit_user<'s>(
    route: &'s Route,
    grants: Option<&'s Grants>,
    tenant: &TenantId,
) -> Admission<'s> {
    match &route.gate {
        Gate::Never => refuse(Why::NotYetAvailable),
        Gate::Open(serving) => match decide(grants, serving, tenant) {
            (Ok(()), grant) => Admission::Forward {
                serving,
                grant,
                passed: None,
            },
            (Err(reason), grant) => refuse_tenant(reason, grant),
        },
        // Whether the tenant gets in depends on the outcome. Who is let into no version whatever
        // it is has nothing to wait for, and takes nobody's place.
        Gate::Held { hold, .. } if grants.is_some_and(|it| it.admit_to_some_version(tenant)) => {
            Admission::Hold {
                hold,
                timeout: route.hold_request_timeout,
            }
        }
        Gate::Held { serving, .. } => match serving {
            Some(serving) => match decide(grants, serving, tenant) {
                (Ok(()) | Err(RefusalReason::NotProvisioned), grant) => {
                    refuse_tenant(RefusalReason::NotProvisioned, grant)
                }
                (Err(reason), grant) => refuse_tenant(reason, grant),
            },
            None => refuse(Why::NotYetAvailable),
        },
    }
}

fn decide<'s>(
    grants: Option<&'s Grants>,
    serving: &Serving,
    tenant: &TenantId,
) -> (Result<(), RefusalReason>, Option<&'s Grant>) {
    match grants.and_then(|grants| grants.find(&serving.target.version, tenant)) {
        None => (Err(RefusalReason::NotProvisioned), None),
        Some(grant) => match grant.decision {
            GrantDecision::Admitted => (Ok(()), Some(grant)),
            GrantDecision::Refused(reason) => (Err(reason), Some(grant)),
        },
    }
}

fn refuse_tenant(reason: RefusalReason, grant: Option<&Grant>) -> Admission<'_> {
    Admission::Refuse {
        why: Why::Refused(reason),
        tally: grant.map(|it| &it.tally),
    }
}

fn refuse<'s>(why: Why) -> Admission<'s> {
    Admission::Refuse { why, tally: None }
}

#[cfg(test)]
mod tests;
