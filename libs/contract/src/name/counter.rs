//! Counters that only ever grow by one. They fit a signed 64-bit column.

use std::{fmt, num::NonZeroU64, str::FromStr};

use serde::{Deserialize, Serialize};

use super::NameError;

/// Counts committed switches of one application: the fencing token (I3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct Generation(NonZeroU64);

impl Generation {
    /// The generation of an application's first activation.
    pub const FIRST: Self = Self(NonZeroU64::MIN);

    /// Returns the one after.
    #[must_use]
    pub fn next(self) -> Self {
        Self::try_from(self.get() + 1).expect("nobody switches 2^63 times")
    }

    /// Returns the number, at least 1.
    pub fn get(self) -> u64 {
        self.0.get()
    }
}

impl TryFrom<u64> for Generation {
    type Error = NameError;

    fn try_from(number: u64) -> Result<Self, NameError> {
        NonZeroU64::new(number)
            .filter(|_| i64::try_from(number).is_ok())
            .map(Self)
            .ok_or_else(|| NameError::new(&number.to_string(), "a generation", "1 to 2^63 - 1"))
    }
}

/// Counts changes of one thing, to tell what was seen from what is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct Revision(u64);

impl Revision {
    /// Before the first change.
    pub const ZERO: Self = Self(0);

    /// Returns the one after.
    #[must_use]
    pub fn next(self) -> Self {
        Self::try_from(self.0 + 1).expect("nothing changes 2^63 times")
    }

    /// Returns the number.
    pub fn get(self) -> u64 {
        self.0
    }
}

impl TryFrom<u64> for Revision {
    type Error = NameError;

    fn try_from(number: u64) -> Result<Self, NameError> {
        match i64::try_from(number) {
            Ok(_) => Ok(Self(number)),
            Err(_) => Err(NameError::new(
                &number.to_string(),
                "a revision",
                "0 to 2^63 - 1",
            )),
        }
    }
}

/// Counts the proposals of one application.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct ProposalNumber(NonZeroU64);

impl ProposalNumber {
    /// Returns the number, at least 1.
    pub fn get(self) -> u64 {
        self.0.get()
    }
}

impl TryFrom<u64> for ProposalNumber {
    type Error = NameError;

    fn try_from(number: u64) -> Result<Self, NameError> {
        NonZeroU64::new(number)
            .filter(|_| i64::try_from(number).is_ok())
            .map(Self)
            .ok_or_else(|| NameError::new(&number.to_string(), "a proposal", "1 to 2^63 - 1"))
    }
}

impl FromStr for ProposalNumber {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let wrong = || NameError::new(text, "a proposal", "1 to 2^63 - 1");
        let plain = text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
        let number: u64 = text.parse().map_err(|_| wrong())?;
        if plain {
            Self::try_from(number)
        } else {
            Err(wrong())
        }
    }
}

macro_rules! as_numbers {
    ($name:ident, $what:literal, $allowed:literal) => {
        impl $name {
            /// Returns the number as a database column holds it.
            pub fn as_i64(self) -> i64 {
                i64::try_from(self.get()).expect("checked when it was made")
            }
        }

        impl TryFrom<i64> for $name {
            type Error = NameError;

            fn try_from(number: i64) -> Result<Self, NameError> {
                u64::try_from(number)
                    .map_err(|_| NameError::new(&number.to_string(), $what, $allowed))
                    .and_then(Self::try_from)
            }
        }

        impl From<$name> for u64 {
            fn from(number: $name) -> u64 {
                number.get()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.get().fmt(f)
            }
        }
    };
}

as_numbers!(Generation, "a generation", "1 to 2^63 - 1");
as_numbers!(ProposalNumber, "a proposal", "1 to 2^63 - 1");
as_numbers!(Revision, "a revision", "0 to 2^63 - 1");
