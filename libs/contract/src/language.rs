//! Languages that people are written to in, and how they say which one they read.

use std::{cmp::Reverse, fmt, str::FromStr};

/// A language that people are written to in. Programs are told everything in English.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Language {
    /// English.
    #[default]
    English,
    /// German.
    German,
}

/// The text is the tag of no language that anything is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the languages are en and de")]
pub struct NoLanguage;

impl Language {
    /// Every language.
    pub const ALL: [Self; 2] = [Self::English, Self::German];

    /// Returns its tag (RFC 5646).
    pub fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
        }
    }

    /// Returns the one that a field of a request names; English if it names none.
    pub fn asked(field: &str) -> Self {
        field.parse().unwrap_or_default()
    }

    /// Returns the one that an `Accept-Language` wants most (RFC 9110, section 12.5.4); none if it wants
    /// none of them. A range is looked up by its first part (RFC 4647, section 3.4): who reads `de-AT`
    /// reads German. Of those wanted alike, the one named first.
    pub fn wanted(accept: &str) -> Option<Self> {
        let ranges: Vec<_> = accept.split(',').filter_map(range).collect();
        let weight = |name: &str| {
            let places = ranges.iter().enumerate();
            let named = places.filter(|(_, (range, _))| range.eq_ignore_ascii_case(name));
            named
                .map(|(place, (_, weight))| (*weight, Reverse(place)))
                .max()
        };
        let wanted = |language: Self| {
            let weight = weight(language.tag()).or_else(|| weight("*"))?;
            (weight.0 > 0).then_some((weight, language))
        };
        // The last of those that weigh the same is taken.
        let languages = Self::ALL.into_iter().rev().filter_map(wanted);
        languages
            .max_by_key(|(weight, _)| *weight)
            .map(|(_, language)| language)
    }
}

/// Reads the first part of a language range and its weight in thousandths; none if either is malformed.
fn range(text: &str) -> Option<(&str, u16)> {
    let mut parts = text.split(';').map(str::trim);
    let name = parts.next()?.split('-').next()?;
    let weight = match parts.next() {
        None => 1000,
        Some(part) => {
            let (name, weight) = part.split_once('=')?;
            let named = name.trim_end().eq_ignore_ascii_case("q");
            named.then(|| thousandths(weight.trim_start())).flatten()?
        }
    };
    (!name.is_empty()).then_some((name, weight))
}

/// Reads a weight as RFC 9110, section 12.4.2, writes it.
fn thousandths(text: &str) -> Option<u16> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    if part.len() > 3 || !part.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let part: u16 = format!("{part:0<3}").parse().ok()?;
    match (whole, part) {
        ("0", part) => Some(part),
        ("1", 0) => Some(1000),
        _ => None,
    }
}

impl FromStr for Language {
    type Err = NoLanguage;

    fn from_str(text: &str) -> Result<Self, NoLanguage> {
        let mut known = Self::ALL.into_iter();
        known
            .find(|language| language.tag() == text)
            .ok_or(NoLanguage)
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.tag())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_gets_the_language_that_is_wanted_most() {
        use Language::{English, German};
        for (accept, wanted) in [
            ("de", Some(German)),
            ("de-AT", Some(German)),
            ("DE-de-1996", Some(German)),
            ("de-DE,de;q=0.9,en-US;q=0.8,en;q=0.7", Some(German)),
            ("en-GB, en;q=0.9, de;q=0.8", Some(English)),
            ("en;q=0.7, de;q=0.8", Some(German)),
            ("de;q=0.5, en;q=0.5", Some(German)),
            ("fr, de ; Q = 0.001", Some(German)),
            ("fr;q=1.0, it", None),
            ("", None),
            ("*", Some(English)),
            ("de;q=0.1, *", Some(English)),
            ("en;q=0, *;q=0.5", Some(German)),
            ("en;q=0, de;q=0.000", None),
            ("deu, den", None),
            ("de;q=2, de;q=0.1234, de;q=x, de;x=1, -de, ;q=1", None),
            ("de;q=1.001, en;q=0.1", Some(English)),
        ] {
            assert_eq!(Language::wanted(accept), wanted, "{accept:?}");
        }
    }

    #[test]
    fn a_field_that_names_no_language_asks_for_english() {
        for (field, language) in [
            ("de", Language::German),
            ("en", Language::English),
            ("", Language::English),
            ("DE", Language::English),
            ("fr", Language::English),
        ] {
            assert_eq!(Language::asked(field), language, "{field:?}");
        }
        for language in Language::ALL {
            assert_eq!(language.to_string().parse(), Ok(language));
        }
    }
}
