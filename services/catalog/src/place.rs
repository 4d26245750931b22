//! Where something is reached over HTTP: scheme, host and port, with one spelling for each.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use serde::{Deserialize, Serialize};

/// `http://host:port` or `https://host:port`, nothing behind; at most [`Place::MAX`] characters.
///
/// Hosts are lower case without a trailing dot; addresses are written in the one usual way.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Place {
    scheme: Scheme,
    host: Host,
    port: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Scheme {
    Http,
    Https,
}

/// The host of a [`Place`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Host {
    /// A name, lower case.
    Name(Box<str>),
    /// An address.
    Address(IpAddr),
}

/// Why a text is not a place; reads on after the field's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PlaceError(&'static str);

impl Place {
    /// The most characters.
    pub const MAX: usize = 300;

    /// Returns the host.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// Returns the port, also where it is the scheme's own.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the address below another name: the same scheme and port.
    pub(crate) fn at(&self, host: &str) -> String {
        let port = self.shown_port();
        format!("{}://{host}{port}", self.scheme.as_str())
    }

    fn shown_port(&self) -> String {
        if self.port == self.scheme.port() {
            String::new()
        } else {
            format!(":{}", self.port)
        }
    }
}

impl Scheme {
    fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

impl FromStr for Place {
    type Err = PlaceError;

    fn from_str(text: &str) -> Result<Self, PlaceError> {
        if text.len() > Self::MAX {
            return Err(PlaceError("has more than 300 characters"));
        }
        if !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(PlaceError(
                "must be printable ASCII; write names of other scripts in their `xn--` form",
            ));
        }
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => (Scheme::Http, rest),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => (Scheme::Https, rest),
            Some(_) | None => return Err(PlaceError("must begin with http:// or https://")),
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains('@') {
            return Err(PlaceError("must not name a user"));
        }
        if authority.contains(['/', '?', '#']) {
            return Err(PlaceError("must end after host and port"));
        }
        let (host, port) = split_port(authority)?;
        let port = match port {
            None => scheme.port(),
            Some(port) => parse_port(port)?,
        };
        Ok(Self {
            scheme,
            host: host.parse()?,
            port,
        })
    }
}

fn split_port(authority: &str) -> Result<(&str, Option<&str>), PlaceError> {
    match authority.strip_prefix('[') {
        Some(rest) => {
            let end = rest.find(']').ok_or(PlaceError("lacks the closing `]`"))?;
            let (address, behind) = (&authority[..end + 2], &rest[end + 1..]);
            match behind.strip_prefix(':') {
                Some(port) => Ok((address, Some(port))),
                None if behind.is_empty() => Ok((address, None)),
                None => Err(PlaceError("has something between `]` and the port")),
            }
        }
        None => match authority.split_once(':') {
            Some((host, port)) => Ok((host, Some(port))),
            None => Ok((authority, None)),
        },
    }
}

fn parse_port(text: &str) -> Result<u16, PlaceError> {
    let digits = text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
    text.parse()
        .ok()
        .filter(|_| digits)
        .ok_or(PlaceError("must have a port of 1 to 65535"))
}

impl FromStr for Host {
    type Err = PlaceError;

    fn from_str(text: &str) -> Result<Self, PlaceError> {
        if let Some(literal) = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')) {
            return literal
                .parse::<Ipv6Addr>()
                .map(|address| Self::Address(address.into()))
                .map_err(|_| {
                    PlaceError("must hold an IPv6 address without a zone in its brackets")
                });
        }
        let name = text.to_ascii_lowercase();
        let name = name.strip_suffix('.').unwrap_or(&name);
        if name.is_empty() {
            return Err(PlaceError("must name a host"));
        }
        let last = name.rsplit('.').next().unwrap_or(name);
        // What ends in a number is an address to everybody who connects (WHATWG URL, ends in a
        // number): hex, octal and short forms would be read differently by different programs.
        let number = last.bytes().all(|b| b.is_ascii_digit())
            || last
                .strip_prefix("0x")
                .is_some_and(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
        if number {
            return text
                .parse::<Ipv4Addr>()
                .map(|address| Self::Address(address.into()))
                .map_err(|_| PlaceError("must write an IPv4 address as four decimal numbers"));
        }
        let label = |label: &str| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
        };
        if name.len() <= 253 && name.split('.').all(label) {
            Ok(Self::Name(name.into()))
        } else {
            Err(PlaceError(
                "must have a host name of letters, digits, `-`, `_` and `.`",
            ))
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(IpAddr::V4(address)) => address.fmt(f),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}://{}{}",
            self.scheme.as_str(),
            self.host,
            self.shown_port()
        )
    }
}

impl TryFrom<String> for Place {
    type Error = PlaceError;

    fn try_from(text: String) -> Result<Self, PlaceError> {
        text.parse()
    }
}

impl From<Place> for String {
    fn from(place: Place) -> Self {
        place.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_has_one_spelling_and_keeps_it() {
        for (text, expected) in [
            ("http://CRM.internal:8080", "http://crm.internal:8080"),
            ("HTTPS://crm.internal.:443/", "https://crm.internal"),
            ("http://crm_v2:80", "http://crm_v2"),
            ("http://10.0.0.7:9000", "http://10.0.0.7:9000"),
            ("http://[2001:DB8::1]:9000", "http://[2001:db8::1]:9000"),
            (
                "https://xn--bcher-kva.example",
                "https://xn--bcher-kva.example",
            ),
        ] {
            let place: Place = text.parse().unwrap();
            assert_eq!(place.to_string(), expected);
            assert_eq!(expected.parse(), Ok(place));
        }
    }

    #[test]
    fn what_is_more_or_less_than_a_place_is_refused() {
        let long = format!("http://{}", "a.".repeat(150));
        for text in [
            "",
            "crm:80",
            "ftp://crm",
            "file:///etc/passwd",
            "http://",
            "http:///x",
            "http://:80",
            "http://.",
            "http://u@crm",
            "http://u:p@crm",
            "http://crm/x",
            "http://crm//",
            "http://crm?x",
            "http://crm#x",
            "http://crm:",
            "http://crm:0",
            "http://crm:080",
            "http://crm:+80",
            "http://crm:65536",
            "http://crm:8a",
            "http://crm:80:80",
            "http://c rm",
            "http://crm\n",
            "http://c%72m",
            "http://crm\\x",
            "http://-crm",
            "http://crm-",
            "http://a..b",
            "http://[::1",
            "http://[::1]x",
            "http://[fe80::1%eth0]",
            "http://[1.2.3.4]",
            "http://bücher.example",
            "http://１２７.0.0.1",
            "http://127。0。0。1",
            &long,
        ] {
            assert!(text.parse::<Place>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn an_address_in_disguise_is_no_name() {
        for text in [
            "http://2130706433",
            "http://0x7f000001",
            "http://0x7f.1",
            "http://127.1",
            "http://127.0.1",
            "http://0177.0.0.1",
            "http://0x7f.0x0.0x0.0x1",
            "http://127.0.0.01",
            "http://1.2.3.4.5",
            "http://127.0.0.1.",
            "http://256.1.1.1",
            "http://0x",
            "http://a.0x7f",
            "http://2852039166",
        ] {
            assert!(text.parse::<Place>().is_err(), "{text:?}");
        }
    }
}
