//! Texts that people write: bounded, and free of characters that hide or reorder what is read.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::name::{NameError, quote, serde_as_text};

/// Why a text was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// Nothing is left after trimming.
    #[error("must not be empty")]
    Empty,
    /// Too many characters.
    #[error("has {given} characters, at most {max} are allowed")]
    TooLong {
        /// Characters given.
        given: usize,
        /// Characters allowed.
        max: usize,
    },
    /// A character that cannot be seen, or that reorders others.
    #[error("must not contain the character U+{:04X}, which cannot be seen or reorders others", *.0 as u32)]
    Hidden(char),
    /// More than one line where one is wanted.
    #[error("must be one line")]
    Lines,
}

/// One line of text: trimmed, not empty, at most `MAX` characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Line<const MAX: usize>(Box<str>);

/// Text of any number of lines, possibly empty, at most `MAX` characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prose<const MAX: usize>(Box<str>);

impl<const MAX: usize> FromStr for Line<MAX> {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        let text = text.trim();
        match text {
            "" => Err(TextError::Empty),
            _ if text.contains(['\n', '\r']) => Err(TextError::Lines),
            _ => bounded(text, MAX, hidden).map(Self),
        }
    }
}

impl<const MAX: usize> FromStr for Prose<MAX> {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        bounded(text, MAX, |c| c != '\n' && hidden(c)).map(Self)
    }
}

macro_rules! bounded_text {
    ($name:ident) => {
        impl<const MAX: usize> $name<MAX> {
            /// The most characters.
            pub const MAX: usize = MAX;

            /// Returns the text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl<const MAX: usize> fmt::Display for $name<MAX> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl<const MAX: usize> Serialize for $name<MAX> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de, const MAX: usize> Deserialize<'de> for $name<MAX> {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?
                    .parse()
                    .map_err(D::Error::custom)
            }
        }
    };
}

bounded_text!(Line);
bounded_text!(Prose);

fn bounded(text: &str, max: usize, refused: fn(char) -> bool) -> Result<Box<str>, TextError> {
    let given = text.chars().count();
    if given > max {
        return Err(TextError::TooLong { given, max });
    }
    match text.chars().find(|c| refused(*c)) {
        Some(c) => Err(TextError::Hidden(c)),
        None => Ok(text.into()),
    }
}

/// Tells control characters, direction overrides, and what takes no space.
pub(crate) fn hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

/// The address of one mailbox, at most 254 bytes of ASCII, its domain in lower case.
///
/// Quoted local parts and address literals are refused: no mailbox that people use needs them, and
/// both have been ways to smuggle. `Debug` does not show it, so that it does not reach a log.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EmailAddress(Box<str>);

impl EmailAddress {
    /// The most bytes (RFC 5321 section 4.5.3.1.3, less the angle brackets).
    pub const MAX: usize = 254;
    /// The most bytes before the `@` (RFC 5321 section 4.5.3.1.1).
    const LOCAL_MAX: usize = 64;

    /// Returns the address.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns what stands behind the `@`.
    pub fn domain(&self) -> &str {
        self.0.split_once('@').map_or("", |(_, domain)| domain)
    }
}

impl FromStr for EmailAddress {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let refused = || {
            NameError::new(
                text,
                "a mail address",
                "one `name@domain` in ASCII of at most 254 bytes (domains of other scripts in their `xn--` form)",
            )
        };
        let (local, domain) = text.split_once('@').ok_or_else(refused)?;
        let fits = text.len() <= Self::MAX && is_local(local) && is_domain(domain);
        if !fits {
            return Err(refused());
        }
        Ok(Self(
            format!("{local}@{}", domain.to_ascii_lowercase()).into(),
        ))
    }
}

/// A dot-atom (RFC 5322 section 3.2.3) that no program takes for an option.
fn is_local(local: &str) -> bool {
    local.len() <= EmailAddress::LOCAL_MAX
        && !local.starts_with('-')
        && local.split('.').all(|atom| {
            !atom.is_empty()
                && atom
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c))
        })
}

fn is_domain(domain: &str) -> bool {
    let mut labels = domain.split('.');
    let last_is_a_name = domain
        .rsplit('.')
        .next()
        .is_some_and(|last| !last.chars().all(|c| c.is_ascii_digit()));
    last_is_a_name
        && labels.all(|label| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        })
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EmailAddress(…)")
    }
}

serde_as_text!(EmailAddress);

/// Shows a foreign text inside a sentence for people: quoted, escaped, at most a line.
pub fn quoted(text: &str) -> String {
    quote(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_trimmed_and_never_empty() {
        assert_eq!("  Größe  ".parse::<Line<5>>().unwrap().as_str(), "Größe");
        assert_eq!(" \t".parse::<Line<5>>(), Err(TextError::Empty));
        assert_eq!("a\nb".parse::<Line<5>>(), Err(TextError::Lines));
        assert_eq!(
            "abcdef".parse::<Line<5>>(),
            Err(TextError::TooLong { given: 6, max: 5 })
        );
    }

    #[test]
    fn prose_may_be_empty_and_have_lines_but_hides_nothing() {
        assert!("".parse::<Prose<5>>().is_ok());
        assert!("a\nb".parse::<Prose<5>>().is_ok());
        assert_eq!("a\rb".parse::<Prose<5>>(), Err(TextError::Hidden('\r')));
    }

    #[test]
    fn characters_that_cannot_be_seen_are_refused() {
        for c in [
            '\0',
            '\u{1b}',
            '\u{7f}',
            '\u{85}',
            '\u{200b}',
            '\u{200d}',
            '\u{202e}',
            '\u{2028}',
            '\u{2066}',
            '\u{feff}',
            '\u{e0041}',
        ] {
            let text = format!("a{c}b");
            assert!(text.parse::<Line<9>>().is_err(), "{c:?}");
            assert_eq!(text.parse::<Prose<9>>(), Err(TextError::Hidden(c)), "{c:?}");
        }
    }

    #[test]
    fn one_ordinary_mailbox_is_accepted_and_its_domain_lower_cased() {
        for (text, expected) in [
            ("anna@Example.ORG", "anna@example.org"),
            ("A.b+tag@x.y", "A.b+tag@x.y"),
            ("ops@localhost", "ops@localhost"),
            (
                "o'hara@xn--bcher-kva.example",
                "o'hara@xn--bcher-kva.example",
            ),
        ] {
            assert_eq!(text.parse::<EmailAddress>().unwrap().as_str(), expected);
        }
    }

    #[test]
    fn addresses_that_deceive_mailers_are_refused() {
        let long = format!("{}@{}.org", "a".repeat(60), "b.".repeat(100));
        for text in [
            "",
            "@",
            "a@",
            "@b",
            "a",
            "a@b@c",
            "x@[127.0.0.1]",
            "x@127.0.0.1",
            "-f@y.z",
            "a@b\u{200b}.c",
            "a\u{200b}@b.c",
            "a b@c.d",
            "\"a b\"@c.d",
            "a@b..c",
            ".a@b.c",
            "a.@b.c",
            "a@-b.c",
            "a@b-.c",
            "a\r\nBcc: x@y.z@b.c",
            "a@b.c\n",
            "<a@b.c>",
            "a@b.c,d@e.f",
            "ä@b.c",
            "a@bücher.example",
            &long,
        ] {
            assert!(text.parse::<EmailAddress>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn debug_output_keeps_an_address_to_itself() {
        let address: EmailAddress = "anna@example.org".parse().unwrap();
        assert!(!format!("{address:?}").contains("anna"));
    }
}
