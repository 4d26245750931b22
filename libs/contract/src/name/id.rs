//! Ids that nobody chooses: UUIDs, as lower-case hyphenated text.

use std::{fmt, str::FromStr};

use uuid::Uuid;

use super::{NameError, serde_as_text};

/// An id that grows with the time of its making (UUID version 7, RFC 9562 section 5.7).
pub trait TimedId: Sized {
    /// Makes an id from a time in microseconds since 1970 and ten random bytes.
    ///
    /// Ids made in different microseconds order by time; a time before 1970 counts as 1970.
    fn new(micros: i64, random: [u8; 10]) -> Self;
}

macro_rules! id {
    ($(#[$docs:meta])* $name:ident, $what:literal, version $version:literal) => {
        $(#[$docs])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                parse(text, $version).map(Self).ok_or_else(|| {
                    NameError::new(
                        text,
                        $what,
                        concat!("a UUID of version ", $version, " in lower case with hyphens"),
                    )
                })
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.as_hyphenated().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }

        serde_as_text!($name);
    };
}

macro_rules! timed_id {
    ($(#[$docs:meta])* $name:ident, $what:literal) => {
        id! { $(#[$docs])* $name, $what, version 7 }

        impl TimedId for $name {
            fn new(micros: i64, random: [u8; 10]) -> Self {
                Self(timed(micros, random))
            }
        }
    };
}

macro_rules! random_id {
    ($(#[$docs:meta])* $name:ident, $what:literal) => {
        id! { $(#[$docs])* $name, $what, version 4 }

        impl $name {
            /// Makes one from sixteen random bytes.
            pub fn new(random: [u8; 16]) -> Self {
                Self(uuid::Builder::from_random_bytes(random).into_uuid())
            }
        }
    };
}

timed_id! {
    /// Id of one switch.
    SwitchId, "a switch id"
}
timed_id! {
    /// Id of one event in an inbox.
    EventId, "an event id"
}
timed_id! {
    /// Id of one delivery: one mail to one recipient.
    DeliveryId, "a delivery id"
}
timed_id! {
    /// Id of one pair of app credentials of a version.
    CredentialId, "a credential id"
}
random_id! {
    /// One history of an application's switches: new at its creation and at every adoption after
    /// a restore.
    Timeline, "a timeline"
}
random_id! {
    /// Names one phase of one switch, so that an answer counts for that phase alone.
    Nonce, "a nonce"
}

/// Accepts only the one spelling that `Display` writes, so that equal ids have equal text.
fn parse(text: &str, version: usize) -> Option<Uuid> {
    let id = Uuid::try_parse(text).ok()?;
    let mut buffer = Uuid::encode_buffer();
    let canonical = id.as_hyphenated().encode_lower(&mut buffer);
    (id.get_version_num() == version && *canonical == *text).then_some(id)
}

fn timed(micros: i64, mut random: [u8; 10]) -> Uuid {
    let micros = u64::try_from(micros).unwrap_or(0);
    // RFC 9562 section 6.2, method 3: the twelve bits behind the milliseconds hold their fraction.
    let fraction = (micros % 1000) * 4096 / 1000;
    let [.., high, low] = fraction.to_be_bytes();
    random[0] = high;
    random[1] = low;
    uuid::Builder::from_unix_timestamp_millis(micros / 1000, &random).into_uuid()
}
