//! Names that people choose: one word each, with a grammar.

use std::{fmt, str::FromStr};

use super::{NameError, serde_as_text};

macro_rules! word {
    (
        $(#[$docs:meta])*
        $name:ident, $what:literal, $min:literal..=$max:literal, first $first:expr, then $then:expr, $allowed:literal
    ) => {
        $(#[$docs])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Box<str>);

        impl $name {
            /// The fewest characters.
            pub const MIN: usize = $min;
            /// The most characters.
            pub const MAX: usize = $max;

            /// Returns the text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                let first: fn(char) -> bool = $first;
                let then: fn(char) -> bool = $then;
                let mut chars = text.chars();
                let fits = (Self::MIN..=Self::MAX).contains(&text.len())
                    && chars.next().is_some_and(first)
                    && chars.all(then);
                if fits { Ok(Self(text.into())) } else { Err(NameError::new(text, $what, $allowed)) }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        serde_as_text!($name);
    };
}

fn lower(c: char) -> bool {
    c.is_ascii_lowercase()
}

fn lower_or_digit(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit()
}

word! {
    /// Name of an application. Part of host names, so it never changes and never holds a `-`:
    /// `{tenant}-{application}-{operator}` must parse one way.
    ApplicationName, "an application name", 1..=20,
    first lower, then lower_or_digit,
    "1 to 20 lower-case letters and digits, first a letter"
}
word! {
    /// Name of the operator in host names; the same grammar as an application's.
    OperatorName, "an operator name", 1..=20,
    first lower, then lower_or_digit,
    "1 to 20 lower-case letters and digits, first a letter"
}
word! {
    /// Id of a tenant. Part of host names.
    TenantId, "a tenant id", 2..=8,
    first lower, then lower_or_digit,
    "2 to 8 lower-case letters and digits, first a letter"
}
word! {
    /// Name of one version of an application, such as `2.4.0-rc.1`.
    VersionName, "a version name", 1..=30,
    first |c| c.is_ascii_alphanumeric(),
    then |c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '+'),
    "1 to 30 letters, digits, `.`, `_`, `-` and `+`, first a letter or digit"
}
word! {
    /// Name of one gateway of the fleet.
    GatewayName, "a gateway name", 1..=40,
    first lower, then |c| lower_or_digit(c) || c == '-',
    "1 to 40 lower-case letters, digits and `-`, first a letter"
}
word! {
    /// What a caller names one request with, so that asking again is not asking twice.
    RequestId, "a request id", 1..=64,
    first |c| c.is_ascii_graphic(), then |c| c.is_ascii_graphic(),
    "1 to 64 printable ASCII characters without spaces"
}
