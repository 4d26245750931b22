//! Times and durations as messages carry them.

use std::time::Duration;

use jiff::Timestamp;

/// Returns a time as messages carry it.
pub(crate) fn time(time: Timestamp) -> prost_types::Timestamp {
    // Seconds and nanoseconds of a time before 1970 are both negative here, in messages only the
    // seconds are.
    let (seconds, nanos) = (time.as_second(), time.subsec_nanosecond());
    let (seconds, nanos) = if nanos < 0 {
        (seconds - 1, nanos + 1_000_000_000)
    } else {
        (seconds, nanos)
    };
    prost_types::Timestamp { seconds, nanos }
}

/// Returns a duration as messages carry it; far beyond any limit of ours it is cut.
pub(crate) fn duration(duration: Duration) -> prost_types::Duration {
    prost_types::Duration {
        seconds: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(duration.subsec_nanos()).unwrap_or(0),
    }
}

/// Reads a duration; none if it is negative or not of the form that messages must have. The
/// library's own conversion panics on the least of all.
pub(crate) fn read_duration(given: prost_types::Duration) -> Option<Duration> {
    let seconds = u64::try_from(given.seconds).ok()?;
    let nanos = u32::try_from(given.nanos)
        .ok()
        .filter(|nanos| *nanos < 1_000_000_000)?;
    Some(Duration::new(seconds, nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_keep_their_instant() {
        for micros in [-1_500_000, -1, 0, 1, 1_500_000] {
            let message = time(Timestamp::from_microsecond(micros).unwrap());
            assert!((0..1_000_000_000).contains(&message.nanos));
            assert_eq!(
                message.seconds * 1_000_000 + i64::from(message.nanos) / 1000,
                micros
            );
        }
    }
}
