//! As whom the holder of a development key calls: as whom it says, of people. One can then be everybody
//! of a demonstration with one key, which no service takes beyond its own machine.

use contract::{Identity, Problem, Role, reason};
use http::HeaderMap;

use super::{ROLE, SUBJECT, only};

/// Returns as whom somebody with these headers calls whose key is this admin's.
pub(super) fn chosen(admin: &Identity, headers: &HeaderMap) -> Result<Identity, Problem> {
    let wrong =
        |error: contract::NameError| Problem::unauthenticated(reason::UNAUTHENTICATED, error);
    let role = match only(headers, ROLE) {
        None => admin.role(),
        Some(role) => role.parse().map_err(wrong)?,
    };
    match role {
        Role::OperatorAdmin | Role::OperatorViewer | Role::Tester | Role::TenantAdmin => {}
        Role::Gateway | Role::Service => {
            return Err(Problem::permission_denied(
                reason::PERMISSION_DENIED,
                "This key speaks for people: services and gateways have keys of their own.",
            ));
        }
    }
    let own = admin.subject();
    Identity::new(role, only(headers, SUBJECT).unwrap_or(&own)).map_err(wrong)
}
