//! Where an issuer is, and which addresses of it may be called.

use std::{fmt, net::IpAddr, str::FromStr};

use http::Uri;

/// The most bytes of an address.
const MAX: usize = 1000;

/// An issuer, exactly as it writes itself in its tokens: `https://…`, or `http://…` on the loopback.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IssuerUrl(String);

impl IssuerUrl {
    /// Returns the text, unchanged.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns where its discovery document is.
    pub(crate) fn discovery(&self) -> Uri {
        let base = self.0.trim_end_matches('/');
        let text = format!("{base}/.well-known/openid-configuration");
        text.parse().expect("an address stays one with a path")
    }
}

impl FromStr for IssuerUrl {
    type Err = PlaceError;

    fn from_str(text: &str) -> Result<Self, PlaceError> {
        let uri = callable(text)?;
        if uri.query().is_some() || text.contains('#') {
            return Err(PlaceError);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for IssuerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Reads an address that may be called: encrypted, or not leaving this machine.
pub(crate) fn callable(text: &str) -> Result<Uri, PlaceError> {
    if text.len() > MAX {
        return Err(PlaceError);
    }
    let uri: Uri = text.parse().map_err(|_| PlaceError)?;
    let authority = uri.authority().ok_or(PlaceError)?;
    let host = authority.host();
    let fits = match uri.scheme_str() {
        Some("https") => !host.is_empty(),
        Some("http") => is_loopback(host),
        _ => false,
    };
    if fits && !authority.as_str().contains('@') {
        Ok(uri)
    } else {
        Err(PlaceError)
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// A text that is no address to call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "an address here is `https://host/path` of at most 1000 bytes; `http://` only on this machine's loopback"
)]
pub struct PlaceError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_is_encrypted_or_on_this_machine_and_keeps_its_spelling() {
        for text in [
            "https://id.example.com",
            "https://id.example.com/",
            "https://id.example.com/realms/shop",
            "http://127.0.0.1:4000",
            "http://localhost:4000/a",
            "http://[::1]:4000",
        ] {
            assert_eq!(text.parse::<IssuerUrl>().unwrap().as_str(), text);
        }
        let long = format!("https://{}", "a".repeat(MAX));
        for text in [
            "",
            "id.example.com",
            "http://id.example.com",
            "http://127.0.0.1.example.com",
            "http://10.0.0.1",
            "https://user:word@id.example.com",
            "https://id.example.com?x=1",
            "https://id.example.com#x",
            "file:///etc/keys",
            &long,
        ] {
            assert!(text.parse::<IssuerUrl>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_discovery_document_is_below_the_issuer_whatever_its_end() {
        for text in ["https://a.example/x", "https://a.example/x/"] {
            let place = text.parse::<IssuerUrl>().unwrap().discovery().to_string();
            assert_eq!(
                place,
                "https://a.example/x/.well-known/openid-configuration"
            );
        }
    }
}
