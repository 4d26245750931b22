//! Times as messages carry them: from the year 1 on, the part of a second never negative.

use jiff::Timestamp;

use crate::violations::{Checked, Fault, Violations};

/// The beginning of the year 1, in seconds since 1970.
const SECONDS_MIN: i64 = -62_135_596_800;
const NANOS_PER_SECOND: i32 = 1_000_000_000;

/// Reads a time; none if it is before the year 1, above [`Timestamp::MAX`] (a day before the year
/// 9999 ends), or not of the form that messages must have.
pub fn read(given: prost_types::Timestamp) -> Option<Timestamp> {
    let whole = given.seconds >= SECONDS_MIN && (0..NANOS_PER_SECOND).contains(&given.nanos);
    whole
        .then(|| Timestamp::new(given.seconds, given.nanos).ok())
        .flatten()
}

/// Reads a field of a request that is needed.
pub fn field(
    v: &mut Violations,
    field: &str,
    given: Option<prost_types::Timestamp>,
) -> Checked<Timestamp> {
    match given.map(read) {
        None => v.wrong(field, Fault::Missing, "is needed"),
        Some(Some(time)) => Checked::right(time),
        Some(None) => {
            let description = "must be a time in the years 1 to 9999";
            v.wrong(field, Fault::OutOfRange, description)
        }
    }
}

/// Writes a time; one before the year 1 becomes its beginning.
pub fn write(time: Timestamp) -> prost_types::Timestamp {
    // Of a time before 1970, both parts are negative or nought here; in messages only the seconds.
    let (seconds, nanos) = match (time.as_second(), time.subsec_nanosecond()) {
        (seconds, nanos @ ..0) => (seconds - 1, nanos + NANOS_PER_SECOND),
        parts => parts,
    };
    if seconds < SECONDS_MIN {
        return prost_types::Timestamp {
            seconds: SECONDS_MIN,
            nanos: 0,
        };
    }
    prost_types::Timestamp { seconds, nanos }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn wire(seconds: i64, nanos: i32) -> prost_types::Timestamp {
        prost_types::Timestamp { seconds, nanos }
    }

    fn hostile_seconds() -> impl Strategy<Value = i64> {
        prop_oneof![
            any::<i64>(),
            SECONDS_MIN - 2..=SECONDS_MIN + 2,
            -400_000_000_000..400_000_000_000_i64,
            Timestamp::MAX.as_second() - 2..=Timestamp::MAX.as_second() + 2,
            Just(i64::MIN),
            Just(i64::MAX),
        ]
    }

    fn hostile_nanos() -> impl Strategy<Value = i32> {
        prop_oneof![
            any::<i32>(),
            0..NANOS_PER_SECOND,
            Just(-1),
            Just(i32::MIN),
            Just(i32::MAX),
            Just(NANOS_PER_SECOND),
        ]
    }

    proptest! {
        #[test]
        fn whatever_comes_is_a_time_of_the_right_form_or_none(
            seconds in hostile_seconds(),
            nanos in hostile_nanos(),
        ) {
            let right = (SECONDS_MIN..=Timestamp::MAX.as_second()).contains(&seconds)
                && (0..NANOS_PER_SECOND).contains(&nanos);
            let given = wire(seconds, nanos);
            match read(given) {
                Some(time) => {
                    prop_assert!(right);
                    prop_assert_eq!(write(time), given);
                }
                None => prop_assert!(!right),
            }
        }

        #[test]
        fn whatever_is_written_can_be_read(
            nanos in Timestamp::MIN.as_nanosecond()..=Timestamp::MAX.as_nanosecond(),
        ) {
            let time = Timestamp::from_nanosecond(nanos).unwrap();
            let first = Timestamp::from_second(SECONDS_MIN).unwrap();
            prop_assert_eq!(read(write(time)), Some(time.max(first)));
        }
    }

    #[test]
    fn the_ends_of_time_can_be_written() {
        assert_eq!(write(Timestamp::MIN), wire(SECONDS_MIN, 0));
        assert_eq!(read(write(Timestamp::MAX)), Some(Timestamp::MAX));
        assert_eq!(
            write(Timestamp::from_microsecond(-1).unwrap()),
            wire(-1, 999_999_000)
        );
    }

    #[test]
    fn a_field_says_whether_it_is_missing_or_no_time() {
        let read = |given| {
            let mut v = Violations::new();
            let time = field(&mut v, "time", given);
            v.all(time)
        };
        assert_eq!(read(Some(wire(7, 0))).unwrap().as_second(), 7);
        for (given, fault) in [
            (None, Fault::Missing),
            (Some(wire(i64::MIN, 0)), Fault::OutOfRange),
            (Some(wire(0, -1)), Fault::OutOfRange),
        ] {
            let problem = read(given).unwrap_err();
            assert_eq!(problem.fields()[0].field, "time");
            assert_eq!(problem.fields()[0].fault, fault);
        }
    }
}
