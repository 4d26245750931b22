//! What several RPCs read from their requests.

use std::{ops::RangeInclusive, time::Duration};

use contract::{Caller, Checked, Fault, Prose, RequestId, Violations};
use runtime::Clock;
use tonic::Request;

use crate::{application::Act, wire::read_duration};

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

/// Reads a duration within bounds; one that is not set is the default.
pub(super) fn duration(
    v: &mut Violations,
    field: &str,
    given: Option<prost_types::Duration>,
    bounds: RangeInclusive<Duration>,
    default: Duration,
) -> Checked<Duration> {
    let Some(given) = given else {
        return Checked::right(default);
    };
    match read_duration(given) {
        Some(duration) if bounds.contains(&duration) => Checked::right(duration),
        Some(_) | None => {
            let (least, most) = bounds.into_inner();
            let description = format_args!("must be {least:?} to {most:?}");
            v.wrong(field, Fault::OutOfRange, description)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_read_within_its_bounds_alone() {
        let read = |seconds, nanos| {
            let mut v = Violations::new();
            let given = Some(prost_types::Duration { seconds, nanos });
            let bounds = Duration::from_millis(100)..=Duration::from_secs(30);
            let duration = duration(&mut v, "timeout", given, bounds, Duration::from_secs(2));
            v.all(duration)
        };
        assert_eq!(read(0, 100_000_000).unwrap(), Duration::from_millis(100));
        assert_eq!(read(30, 0).unwrap(), Duration::from_secs(30));
        for (seconds, nanos) in [
            (0, 0),
            (0, 99_999_999),
            (30, 1),
            (-1, 0),
            (0, -1),
            (i64::MAX, 0),
            (i64::MIN, i32::MIN),
        ] {
            assert_eq!(
                read(seconds, nanos).unwrap_err().fields()[0].field,
                "timeout"
            );
        }
    }
}
