//! Whether a call may go on at all, by what a browser cannot be made to say by a page of somebody else
//! (S42): its origin, the host that it asked, and a field that makes it ask first. Whoever calls from this
//! machine may be believed by services, so nothing that a foreign page causes may look like that.

use std::{fmt, str::FromStr};

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderValue, StatusCode, header},
};
use runtime::Endpoint;

use super::ApiSettings;

/// The field by which gRPC-web says that it is that; no page can send it elsewhere without asking.
const GRPC_WEB: &str = "x-grpc-web";
/// Browsers' own word on whose page makes a request; programs have no reason to say it.
const FETCH_SITE: &str = "sec-fetch-site";

/// An origin whose pages may call, beside the edge's own: `https://` or `http://`, host and port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedOrigin(String);

impl FromStr for AllowedOrigin {
    type Err = NoOrigin;

    fn from_str(text: &str) -> Result<Self, NoOrigin> {
        let endpoint: Endpoint = text.parse().map_err(|_| NoOrigin)?;
        Ok(Self(endpoint.origin()))
    }
}

impl fmt::Display for AllowedOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text that is not an origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be an origin such as https://portal.example: scheme, host, a port if need be, and nothing behind"
)]
pub struct NoOrigin;

/// Knows whose pages may call.
#[derive(Debug)]
pub(super) struct Guard {
    /// The edge's own origins: that of its address, and those of this machine where it serves no other.
    own: Vec<String>,
    allowed: Vec<String>,
    open: bool,
}

/// What is looked at of a call.
pub(super) struct Asked<'a> {
    /// Whether it asks for nothing but health.
    pub(super) health: bool,
    /// The host and port that it was sent to.
    pub(super) authority: Option<&'a str>,
    /// Its fields.
    pub(super) headers: &'a HeaderMap,
    /// Whether it was made on this machine, with no proxy between.
    pub(super) here: bool,
}

/// Why a call goes no further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// A page of an origin that is not allowed made it.
    Foreign,
    /// A page may have been made to send it without its browser asking first.
    Forgeable,
    /// It was sent to a host that is not this edge's.
    Misdirected,
    /// A program made it that does not say who it is.
    Unknown,
}

impl Refused {
    /// Returns the status of HTTP.
    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::Foreign | Self::Forgeable => StatusCode::FORBIDDEN,
            Self::Misdirected => StatusCode::MISDIRECTED_REQUEST,
            Self::Unknown => StatusCode::UNAUTHORIZED,
        }
    }

    /// Returns the reason for programs.
    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::Foreign => "ORIGIN_REFUSED",
            Self::Forgeable => "FIELD_MISSING",
            Self::Misdirected => "HOST_REFUSED",
            Self::Unknown => "UNAUTHENTICATED",
        }
    }

    /// Says what to do about it.
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Foreign => {
                "Pages of this origin may not call. Whoever runs this edge allows one by --edge-allowed-origin."
            }
            Self::Forgeable => "Calls of pages have the field X-Grpc-Web: 1, or a Bearer token.",
            Self::Misdirected => {
                "This edge has another address. Ask it there, or with a Bearer token."
            }
            Self::Unknown => "Say who is calling: give a Bearer token.",
        }
    }
}

impl Guard {
    pub(super) fn new(settings: &ApiSettings<'_>) -> Self {
        let mut own = vec![settings.origin.to_owned()];
        if settings.open || settings.lent {
            let here = ["localhost", "127.0.0.1", "[::1]"];
            own.extend(here.map(|host| {
                let endpoint: Endpoint = format!("http://{host}:{}", settings.port)
                    .parse()
                    .expect("a host and a port");
                endpoint.origin()
            }));
        }
        Self {
            own,
            allowed: settings.allowed.iter().map(ToString::to_string).collect(),
            open: settings.open,
        }
    }

    /// Tells whether pages of an origin may call.
    pub(super) fn knows(&self, origin: &HeaderValue) -> bool {
        origin.to_str().is_ok_and(|origin| {
            let mut known = self.own.iter().chain(&self.allowed);
            known.any(|known| known == origin)
        })
    }

    /// Tells whether a host is this edge's.
    pub(super) fn is_own_host(&self, authority: &str) -> bool {
        let authority = authority.to_ascii_lowercase();
        self.own.iter().any(|own| {
            let host = own.split_once("://").map(|(_, host)| host);
            let usual = if own.starts_with("https:") {
                ":443"
            } else {
                ":80"
            };
            host == Some(authority.strip_suffix(usual).unwrap_or(&authority))
        })
    }

    /// Tells whether a page of this edge itself makes a call, in a browser on this machine: no page of
    /// somebody else can say all of that.
    pub(super) fn is_own_page(&self, asked: &Asked<'_>) -> bool {
        let mut origins = asked.headers.get_all(header::ORIGIN).iter();
        let own_origin = match (origins.next(), origins.next()) {
            (Some(origin), None) => self.own.iter().any(|own| origin == own),
            _ => false,
        };
        let own_host = asked.authority.is_some_and(|host| self.is_own_host(host));
        asked.here && own_host && own_origin && asked.headers.contains_key(GRPC_WEB)
    }

    /// Decides whether a call goes on; returns whether services may take its word on who makes it.
    pub(super) fn admit(&self, asked: &Asked<'_>) -> Result<bool, Refused> {
        let headers = asked.headers;
        let authorized = headers.contains_key(header::AUTHORIZATION);
        let mut origins = headers.get_all(header::ORIGIN).iter();
        let origin = origins.next();
        match origin {
            Some(origin) if !self.knows(origin) || origins.next().is_some() => {
                return Err(Refused::Foreign);
            }
            Some(_) if !authorized && !headers.contains_key(GRPC_WEB) => {
                return Err(Refused::Forgeable);
            }
            Some(_) => {}
            // A browser that hides for whom it asks.
            None if headers.contains_key(FETCH_SITE) => return Err(Refused::Foreign),
            None if asked.health => return Ok(false),
            None => {}
        }
        // A name that was made to lead here is not ours, whatever its page says of itself.
        let own_host = asked.authority.is_some_and(|host| self.is_own_host(host));
        if !own_host && !authorized {
            return Err(Refused::Misdirected);
        }
        let believed = self.open && asked.here && own_host;
        if origin.is_none() && !authorized && !believed {
            return Err(Refused::Unknown);
        }
        Ok(believed)
    }
}

/// Returns to which host and port a request was sent.
pub(super) fn authority(request: &Request) -> Option<&str> {
    // HTTP/2 has it in the address, HTTP/1.1 in a field.
    let uri = request
        .uri()
        .authority()
        .map(|authority| authority.as_str());
    let mut hosts = request.headers().get_all(header::HOST).iter();
    match (uri, hosts.next(), hosts.next()) {
        (Some(uri), None, None) => Some(uri),
        (None, Some(host), None) => host.to_str().ok(),
        (Some(uri), Some(host), None) => (host == uri).then_some(uri),
        _ => None,
    }
}
