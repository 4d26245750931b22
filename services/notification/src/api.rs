//! Parse, call, render.

pub(crate) mod deliveries;
pub(crate) mod inbox;
pub(crate) mod notices;

use contract::{Caller, Problem};
use jiff::Timestamp;
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

fn to_wire(time: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: time.as_second(),
        nanos: time.subsec_nanosecond(),
    }
}

/// Times from year 1 to 9999, to the microsecond.
fn from_wire(time: prost_types::Timestamp) -> Result<Timestamp, jiff::Error> {
    Timestamp::new(time.seconds, time.nanos)
}
