//! Paths of requests as rules see them: one spelling of each, or none. Whoever decides by a path
//! must not be walked around by another spelling of it that a backend takes for the same.

use std::{fmt, str::FromStr};

use crate::name::{quote, serde_as_text};

/// Why a path has no canonical spelling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// It does not begin at the root.
    #[error("must begin with `/`")]
    NotAbsolute,
    /// A `%` without two hex digits, or bytes that are not UTF-8.
    #[error("must not contain escapes that stand for no character")]
    Escape,
    /// What is escaped is an escape again.
    #[error("must not contain an escape within an escape")]
    Twice,
    /// A separator in disguise, or a character that backends take for another.
    #[error(
        "must not contain `\\`, `?`, `#`, an escaped `/`, control characters or full-width letters"
    )]
    Character,
    /// A segment that is empty, or means another place.
    #[error("must not contain `.`, `..` or empty segments")]
    Segment,
}

/// A path in the one spelling in which paths are compared: decoded once, letters in one case,
/// segments without parameters, without spaces around and dots behind; no `/` at its end but the
/// root's.
///
/// ```
/// use contract::CanonicalPath;
/// let path: CanonicalPath = "/Admin;v=1/%75sers./".parse()?;
/// assert_eq!(path.as_str(), "/admin/users");
/// assert!("/public/..%2fadmin".parse::<CanonicalPath>().is_err());
/// # Ok::<(), contract::PathError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CanonicalPath(Box<str>);

impl CanonicalPath {
    /// Returns the spelling.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for CanonicalPath {
    type Err = PathError;

    /// Reads the path of a request, without its query.
    fn from_str(text: &str) -> Result<Self, PathError> {
        let rest = text.strip_prefix('/').ok_or(PathError::NotAbsolute)?;
        let mut path = String::with_capacity(text.len());
        let mut segments = rest.split('/').peekable();
        while let Some(written) = segments.next() {
            let decoded = decoded(written)?;
            let name = decoded.split(';').next().unwrap_or_default();
            let name = name.trim_start_matches(' ').trim_end_matches(['.', ' ']);
            match name {
                // The end of `/a/`.
                "" if written.is_empty() && segments.peek().is_none() => {}
                "" => return Err(PathError::Segment),
                name => {
                    path.push('/');
                    // Up, then down: characters that are the same in capitals become the same.
                    let capitals = name.chars().flat_map(char::to_uppercase);
                    path.extend(capitals.flat_map(char::to_lowercase));
                }
            }
        }
        if path.is_empty() {
            path.push('/');
        }
        Ok(Self(path.into()))
    }
}

/// Decodes a segment once.
fn decoded(segment: &str) -> Result<String, PathError> {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        match (byte, after) {
            (b'%', [high, low, after @ ..]) => {
                let digit = |digit: u8| char::from(digit).to_digit(16);
                let (Some(high), Some(low)) = (digit(*high), digit(*low)) else {
                    return Err(PathError::Escape);
                };
                bytes.extend(u8::try_from(high * 16 + low));
                rest = after;
            }
            (b'%', _) => return Err(PathError::Escape),
            (other, _) => bytes.push(*other),
        }
    }
    let text = String::from_utf8(bytes).map_err(|_| PathError::Escape)?;
    let hex = |byte: &u8| byte.is_ascii_hexdigit();
    let escapes_again = |three: &[u8]| matches!(three, [b'%', high, low] if hex(high) && hex(low));
    if text.as_bytes().windows(3).any(escapes_again) {
        return Err(PathError::Twice);
    }
    let odd =
        |c: char| matches!(c, '/' | '\\' | '?' | '#' | '\u{FF01}'..='\u{FF5E}') || c.is_control();
    if text.contains(odd) {
        return Err(PathError::Character);
    }
    Ok(text)
}

/// A path with everything below it: whole segments, `/` for all. 1 to 200 printable ASCII characters,
/// written in the canonical spelling.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PathPrefix(CanonicalPath);

/// Why a text is no prefix.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathPrefixError {
    /// It has no canonical spelling.
    #[error(transparent)]
    Path(#[from] PathError),
    /// It is another path than it looks like.
    #[error("must be written {}, as paths are compared", quote(.0))]
    Spelling(Box<str>),
    /// Too long, or not of the characters that may be.
    #[error("must be 1 to {} printable ASCII characters", PathPrefix::MAX)]
    Characters,
}

impl PathPrefix {
    /// The most characters.
    pub const MAX: usize = 200;

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Tells whether a path is this one or below it.
    pub fn covers(&self, path: &CanonicalPath) -> bool {
        match path.as_str().strip_prefix(self.as_str()) {
            Some(rest) => rest.is_empty() || rest.starts_with('/') || self.as_str() == "/",
            None => false,
        }
    }
}

impl FromStr for PathPrefix {
    type Err = PathPrefixError;

    fn from_str(text: &str) -> Result<Self, PathPrefixError> {
        let printable = |byte: u8| byte.is_ascii_graphic() || byte == b' ';
        if !(1..=Self::MAX).contains(&text.len()) || !text.bytes().all(printable) {
            return Err(PathPrefixError::Characters);
        }
        let path: CanonicalPath = text.parse()?;
        match path.as_str() == text {
            true => Ok(Self(path)),
            false => Err(PathPrefixError::Spelling(path.0)),
        }
    }
}

impl fmt::Display for PathPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

serde_as_text!(PathPrefix);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn path(text: &str) -> Result<String, PathError> {
        text.parse::<CanonicalPath>()
            .map(|path| path.as_str().to_owned())
    }

    #[test]
    fn spellings_of_one_path_are_the_same_path() {
        for spelling in [
            "/admin/users",
            "/admin/users/",
            "/ADMIN/Users",
            "/%61dmin/%75sers",
            "/%41DMIN/users",
            "/admin;v=1/users;jsessionid=3",
            "/admin%3bv=1/users",
            "/admin./users",
            "/admin../users. .",
            "/admin%20/%20users",
            "/adm\u{131}n/u\u{17f}ers",
        ] {
            assert_eq!(path(spelling).as_deref(), Ok("/admin/users"), "{spelling}");
        }
        assert_eq!(path("/").as_deref(), Ok("/"));
        assert_eq!(
            path("/wiki/%C3%9Cbersicht").as_deref(),
            Ok("/wiki/übersicht")
        );
        assert_eq!(path("/100%25").as_deref(), Ok("/100%"));
        assert_eq!(path("/.well-known/x").as_deref(), Ok("/.well-known/x"));
    }

    #[test]
    fn a_path_that_backends_read_differently_is_none() {
        for (odd, error) in [
            ("", PathError::NotAbsolute),
            ("*", PathError::NotAbsolute),
            ("admin", PathError::NotAbsolute),
            ("//admin", PathError::Segment),
            ("/a//admin", PathError::Segment),
            ("/a//", PathError::Segment),
            ("/./admin", PathError::Segment),
            ("/a/../admin", PathError::Segment),
            ("/a/..", PathError::Segment),
            ("/a/%2e%2E/admin", PathError::Segment),
            ("/a/.%2e/admin", PathError::Segment),
            ("/a/..;/admin", PathError::Segment),
            ("/a/..%3bx/admin", PathError::Segment),
            ("/;x/admin", PathError::Segment),
            ("/a/...", PathError::Segment),
            ("/a/%20/admin", PathError::Segment),
            ("/a/.. /admin", PathError::Segment),
            ("/a%2fadmin", PathError::Character),
            ("/a%2Fadmin", PathError::Character),
            ("/a\\admin", PathError::Character),
            ("/a%5cadmin", PathError::Character),
            ("/admin%3fx", PathError::Character),
            ("/admin%23x", PathError::Character),
            ("/admin%00", PathError::Character),
            ("/admin%0d%0a", PathError::Character),
            ("/%EF%BD%81dmin", PathError::Character),
            ("/%2561dmin", PathError::Twice),
            ("/a/%252e%252e/admin", PathError::Twice),
            ("/admin%", PathError::Escape),
            ("/admin%4", PathError::Escape),
            ("/admin%zz", PathError::Escape),
            ("/%c0%ae%c0%ae/admin", PathError::Escape),
        ] {
            assert_eq!(path(odd), Err(error), "{odd}");
        }
    }

    #[test]
    fn a_prefix_is_whole_segments_in_the_canonical_spelling() {
        let covers = |prefix: &str, path: &str| {
            let prefix: PathPrefix = prefix.parse().unwrap();
            prefix.covers(&path.parse().unwrap())
        };
        assert!(covers("/admin", "/Admin/"));
        assert!(covers("/admin", "/admin/users"));
        assert!(!covers("/admin", "/administration"));
        assert!(!covers("/admin/users", "/admin"));
        assert!(covers("/", "/"));
        assert!(covers("/", "/anything"));
        for wrong in [
            "", "admin", "/Admin", "/admin/", "/a//b", "/a/../b", "/%61", "/ü",
        ] {
            assert!(wrong.parse::<PathPrefix>().is_err(), "{wrong}");
        }
        assert!("/".repeat(201).parse::<PathPrefix>().is_err());
        let spelling = "/Admin/".parse::<PathPrefix>().unwrap_err().to_string();
        assert!(spelling.contains("\"/admin\""), "{spelling}");
    }

    proptest! {
        #[test]
        fn the_canonical_spelling_is_its_own(text in "(/[a-zA-Z0-9.;%~ ü\u{131}_-]{0,6}){0,4}") {
            if let Ok(once) = text.parse::<CanonicalPath>() {
                let escaped = once.as_str().replace('%', "%25");
                let twice = escaped.parse::<CanonicalPath>();
                prop_assert_eq!(twice.as_ref(), Ok(&once));
            }
        }
    }
}
