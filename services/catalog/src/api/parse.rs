//! What several RPCs read from their requests.

use contract::{Caller, Prose, RequestId};
use runtime::Clock;
use tonic::Request;

use crate::application::Act;

/// Returns who calls, under which request: the one that the caller names, or the call's own.
pub(super) fn act<T>(
    clock: &Clock,
    request: &Request<T>,
    named: Option<&RequestId>,
    reason: Prose<500>,
) -> Act {
    let extensions = request.extensions();
    let actor = extensions.get().unwrap_or(&Caller::Anonymous).subject();
    let request_id = named
        .or_else(|| extensions.get())
        .cloned()
        .unwrap_or_else(|| runtime::request::new_id(clock));
    Act {
        actor,
        reason,
        request_id,
        at: clock.now(),
        approved_by: None,
    }
}

/// Returns who calls.
pub(super) fn caller<T>(request: &Request<T>) -> Caller {
    request
        .extensions()
        .get()
        .cloned()
        .unwrap_or(Caller::Anonymous)
}
