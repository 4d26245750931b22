//! Durations as messages carry them.
//!
//! Both fields of the message are signed, and callers fill them as they like; the message's own
//! conversion overflows on the least of all. So every duration off a wire is read here.

use std::{fmt, ops::RangeInclusive, time::Duration};

use crate::violations::{Checked, Fault, Violations};

/// The longest duration that a message may carry: about 10 000 years.
pub const MAX: Duration = Duration::from_secs(315_576_000_000);

const NANOS_PER_SECOND: u32 = 1_000_000_000;

/// Reads a duration; none if it is negative, above [`MAX`], or not of the form that messages must
/// have: whole seconds and less than one in nanoseconds.
pub fn read(given: prost_types::Duration) -> Option<Duration> {
    let seconds = u64::try_from(given.seconds).ok()?;
    let nanos = u32::try_from(given.nanos)
        .ok()
        .filter(|nanos| *nanos < NANOS_PER_SECOND)?;
    Some(Duration::new(seconds, nanos)).filter(|duration| *duration <= MAX)
}

/// A duration is not within its bounds, or none at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be {} to {}", Said(*.0.start()), Said(*.0.end()))]
pub struct DurationError(RangeInclusive<Duration>);

/// Reads a duration that must be within its bounds.
pub fn read_within(
    given: prost_types::Duration,
    bounds: RangeInclusive<Duration>,
) -> Result<Duration, DurationError> {
    read(given)
        .filter(|duration| bounds.contains(duration))
        .ok_or(DurationError(bounds))
}

/// Reads a field of a request that must be within its bounds; one that is not set is the default.
pub fn field(
    v: &mut Violations,
    field: &str,
    given: Option<prost_types::Duration>,
    bounds: RangeInclusive<Duration>,
    default: Duration,
) -> Checked<Duration> {
    match given.map(|given| read_within(given, bounds)) {
        None => Checked::right(default),
        Some(Ok(duration)) => Checked::right(duration),
        Some(Err(error)) => v.wrong(field, Fault::OutOfRange, error),
    }
}

/// Writes a duration; one above [`MAX`] becomes that.
pub fn write(duration: Duration) -> prost_types::Duration {
    let duration = duration.min(MAX);
    prost_types::Duration {
        seconds: duration
            .as_secs()
            .try_into()
            .expect("the most has 12 digits"),
        nanos: duration
            .subsec_nanos()
            .try_into()
            .expect("below a thousand million"),
    }
}

/// Says a bound in the largest unit that divides it.
struct Said(Duration);

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DAY: u64 = 24 * 60 * 60;
        let seconds = self.0.as_secs();
        match self.0.subsec_nanos() {
            0 if seconds > DAY && seconds.is_multiple_of(DAY) => {
                write!(f, "{} days", seconds / DAY)
            }
            0 if seconds > 0 && seconds.is_multiple_of(3600) => write!(f, "{} h", seconds / 3600),
            0 if seconds > 0 && seconds.is_multiple_of(60) => write!(f, "{} min", seconds / 60),
            0 => write!(f, "{seconds} s"),
            nanos if nanos.is_multiple_of(1_000_000) => write!(f, "{} ms", self.0.as_millis()),
            _ => write!(f, "{} ns", self.0.as_nanos()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BOUNDS: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(30);

    fn wire(seconds: i64, nanos: i32) -> prost_types::Duration {
        prost_types::Duration { seconds, nanos }
    }

    fn hostile_seconds() -> impl Strategy<Value = i64> {
        prop_oneof![
            any::<i64>(),
            -2..=400_000_000_000_i64,
            Just(i64::MIN),
            Just(i64::MAX),
        ]
    }

    fn hostile_nanos() -> impl Strategy<Value = i32> {
        prop_oneof![
            any::<i32>(),
            0..1_000_000_000,
            Just(i32::MIN),
            Just(i32::MAX),
            Just(1_000_000_000),
        ]
    }

    proptest! {
        #[test]
        fn whatever_comes_is_a_duration_of_the_right_form_or_none(
            seconds in hostile_seconds(),
            nanos in hostile_nanos(),
        ) {
            let right = seconds >= 0
                && (0..1_000_000_000).contains(&nanos)
                && (seconds, nanos) <= (315_576_000_000, 0);
            let given = wire(seconds, nanos);
            match read(given) {
                Some(duration) => {
                    prop_assert!(right);
                    prop_assert_eq!(write(duration), given);
                }
                None => prop_assert!(!right),
            }
            let within = read_within(given, BOUNDS);
            prop_assert_eq!(within.ok(), read(given).filter(|duration| BOUNDS.contains(duration)));
        }

        #[test]
        fn whatever_is_written_can_be_read(seconds in any::<u64>(), nanos in 0..NANOS_PER_SECOND) {
            let duration = Duration::new(seconds, nanos);
            prop_assert_eq!(read(write(duration)), Some(duration.min(MAX)));
        }
    }

    #[test]
    fn a_field_is_read_within_its_bounds_alone() {
        let read = |given| {
            let mut v = Violations::new();
            let duration = field(&mut v, "timeout", given, BOUNDS, Duration::from_secs(2));
            v.all(duration)
        };
        assert_eq!(read(None).unwrap(), Duration::from_secs(2));
        for duration in [Duration::from_millis(100), Duration::from_secs(30)] {
            assert_eq!(read(Some(write(duration))).unwrap(), duration);
        }
        for (seconds, nanos) in [
            (0, 0),
            (0, 99_999_999),
            (30, 1),
            (-1, 0),
            (1, -1),
            (1, 1_000_000_000),
            (i64::MAX, 0),
            (i64::MIN, i32::MIN),
        ] {
            let problem = read(Some(wire(seconds, nanos))).unwrap_err();
            let wrong = &problem.fields()[0];
            assert_eq!(wrong.field, "timeout");
            assert_eq!(wrong.fault, Fault::OutOfRange);
            assert_eq!(wrong.description, "must be 100 ms to 30 s");
        }
    }

    #[test]
    fn bounds_are_said_in_units_that_people_use() {
        for (seconds, said) in [
            (0, "0 s"),
            (90, "90 s"),
            (600, "10 min"),
            (24 * 3600, "24 h"),
            (30 * 24 * 3600, "30 days"),
        ] {
            assert_eq!(Said(Duration::from_secs(seconds)).to_string(), said);
        }
        assert_eq!(Said(Duration::from_millis(1_500)).to_string(), "1500 ms");
        assert_eq!(Said(Duration::from_nanos(7)).to_string(), "7 ns");
    }
}
