//! Parse, call, render.

pub(crate) mod deliveries;
pub(crate) mod inbox;
pub(crate) mod notices;
pub(crate) mod subscriptions;

use contract::{Caller, Problem};
use tonic::{Request, Status};

/// Returns who calls.
fn caller<T>(request: &Request<T>) -> Caller {
    request
        .extensions()
        .get()
        .cloned()
        .unwrap_or(Caller::Anonymous)
}

fn refuse(problem: impl Into<Problem>) -> Status {
    problem.into().into()
}
