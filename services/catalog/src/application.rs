//! Applications, their versions and roles: what may be registered.

use std::{fmt, str::FromStr, time::Duration};

use contract::{
    ApplicationName, ApplicationRef, Etag, Generation, Line, Prose, RequestId, Revision, SwitchId,
    SwitchName, Timeline, VersionName, VersionRef,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{error::Error, place::Place, tester_token::TokenHash};

/// What tenants use; reached under one stable address per tenant.
#[derive(Debug, Clone)]
pub(crate) struct Application {
    pub(crate) name: ApplicationName,
    pub(crate) display_name: Line<50>,
    pub(crate) summary: Prose<500>,
    pub(crate) policy: Policy,
    pub(crate) serving: Serving,
    pub(crate) test: Option<Test>,
    pub(crate) open_switch: Option<SwitchId>,
    /// New at creation: gateways take routes of one timeline alone.
    pub(crate) timeline: Timeline,
    /// Grows by one with every change of what gateways are told.
    pub(crate) route_revision: Revision,
    /// Grows by one with every change.
    pub(crate) revision: Revision,
    pub(crate) creation: Creation,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

/// An application has no active version only before its first activation (I1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Serving {
    Never,
    Active {
        version: VersionName,
        generation: Generation,
    },
}

/// The version that testers reach.
#[derive(Debug, Clone)]
pub(crate) struct Test {
    pub(crate) version: VersionName,
    pub(crate) token: TokenHash,
    pub(crate) since: Timestamp,
}

/// Under which request a thing was created, and as what: a retry is told from another request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Creation {
    pub(crate) request_id: Option<RequestId>,
    /// SHA-256 of what was asked for, hex.
    pub(crate) digest: String,
}

impl Creation {
    /// Tells whether `other` asks for the very same again; an error if it reuses the request id
    /// for something else.
    pub(crate) fn repeats(&self, other: &Self) -> Result<bool, Error> {
        match &other.request_id {
            Some(id) if self.request_id.as_ref() == Some(id) => {
                if self.digest == other.digest {
                    Ok(true)
                } else {
                    Err(Error::RequestIdReused { id: id.clone() })
                }
            }
            Some(_) | None => Ok(false),
        }
    }
}

impl Serving {
    /// Returns the active version, if there is one.
    pub(crate) fn version(&self) -> Option<&VersionName> {
        match self {
            Self::Never => None,
            Self::Active { version, .. } => Some(version),
        }
    }

    /// Returns the generation, if one has begun.
    pub(crate) fn generation(&self) -> Option<Generation> {
        match self {
            Self::Never => None,
            Self::Active { generation, .. } => Some(*generation),
        }
    }

    /// Returns the generation that the next commit begins.
    pub(crate) fn next_generation(&self) -> Generation {
        self.generation()
            .map_or(Generation::FIRST, Generation::next)
    }
}

impl Application {
    /// Returns its resource name.
    pub(crate) fn resource(&self) -> ApplicationRef {
        self.name.clone().into()
    }

    /// Returns the resource name of one of its versions.
    pub(crate) fn version_ref(&self, version: &VersionName) -> VersionRef {
        VersionRef {
            application: self.name.clone(),
            version: version.clone(),
        }
    }

    /// Returns the resource name of the switch under way, if there is one.
    pub(crate) fn open_switch_name(&self) -> Option<SwitchName> {
        self.open_switch.map(|switch| SwitchName {
            application: self.name.clone(),
            switch,
        })
    }

    /// Refuses while a switch is under way.
    pub(crate) fn no_open_switch(&self) -> Result<(), Error> {
        match self.open_switch_name() {
            Some(open) => Err(Error::SwitchOpen { open }),
            None => Ok(()),
        }
    }

    /// Refuses unless it still is what the caller has seen.
    pub(crate) fn seen_as(&self, etag: Option<Etag>) -> Result<(), Error> {
        match etag {
            Some(etag) => etag
                .must_match(self.revision, self.resource())
                .map_err(Error::StaleEtag),
            None => Ok(()),
        }
    }

    /// Tells whether this version is the one in test.
    pub(crate) fn tests(&self, version: &VersionName) -> bool {
        self.test
            .as_ref()
            .is_some_and(|test| test.version == *version)
    }
}

/// One release of an application.
#[derive(Debug, Clone)]
pub(crate) struct Version {
    pub(crate) name: VersionRef,
    pub(crate) facts: VersionFacts,
    pub(crate) standing: Standing,
    /// When it first and last became the active version.
    pub(crate) active_at: Option<(Timestamp, Timestamp)>,
    pub(crate) revision: Revision,
    pub(crate) creation: Creation,
    pub(crate) created_at: Timestamp,
}

/// What an operator says of a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct VersionFacts {
    pub(crate) upstream: Place,
    pub(crate) health: HealthCheck,
    pub(crate) roles: Vec<Role>,
    pub(crate) app_credentials: AppCredentials,
}

/// Where a version stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Reached by nobody, never active.
    Registered,
    /// Reached by testers alone.
    InTest { since: Timestamp },
    /// In use.
    Active,
    /// Was in use.
    Retired,
}

/// Whether a version's backend acts for tenants with client id and secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AppCredentials {
    /// It does not.
    None,
    /// It does, with these scopes.
    Needed(Vec<Scope>),
}

impl Version {
    /// Refuses to change or delete what users or testers may have reached under this name.
    pub(crate) fn untouched(&self) -> Result<(), Error> {
        match self.standing {
            Standing::InTest { .. } => Err(Error::VersionInTest {
                version: self.name.clone(),
            }),
            Standing::Active | Standing::Retired => Err(Error::VersionActive {
                version: self.name.clone(),
            }),
            Standing::Registered if self.active_at.is_some() => Err(Error::VersionActive {
                version: self.name.clone(),
            }),
            Standing::Registered => Ok(()),
        }
    }

    /// Refuses unless it still is what the caller has seen.
    pub(crate) fn seen_as(&self, etag: Option<Etag>) -> Result<(), Error> {
        match etag {
            Some(etag) => etag
                .must_match(self.revision, &self.name)
                .map_err(Error::StaleEtag),
            None => Ok(()),
        }
    }

    /// Tells whether its backend acts for tenants.
    pub(crate) fn needs_credentials(&self) -> bool {
        self.facts.app_credentials != AppCredentials::None
    }
}

/// How switches of one application behave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Policy {
    /// How long gateways may take to get ready.
    pub(crate) prepare_timeout: Duration,
    /// How long requests may be held before the switch is given up.
    pub(crate) hold_timeout: Duration,
    /// How long requests in flight may go on on the version that left.
    pub(crate) drain_timeout: Duration,
    pub(crate) tenant_failures: TenantFailures,
}

/// What a tenant that cannot be moved means for the switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TenantFailures {
    /// The switch is given up.
    Stop,
    /// The switch goes on without them.
    GoOn,
}

impl Default for Policy {
    /// What an operator gets who says nothing.
    fn default() -> Self {
        Self {
            prepare_timeout: Duration::from_secs(30),
            hold_timeout: Duration::from_secs(2),
            drain_timeout: Duration::from_secs(30),
            tenant_failures: TenantFailures::Stop,
        }
    }
}

/// One GET request that tells whether a version works.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HealthCheck {
    pub(crate) path: HealthPath,
    /// Statuses that mean healthy, both ends included; never empty.
    pub(crate) statuses: Vec<(u16, u16)>,
    pub(crate) timeout: Duration,
}

impl HealthCheck {
    /// Tells whether a status means healthy.
    pub(crate) fn expects(&self, status: u16) -> bool {
        self.statuses
            .iter()
            .any(|(first, last)| (*first..=*last).contains(&status))
    }
}

impl Default for HealthCheck {
    /// What an operator gets who says nothing.
    fn default() -> Self {
        Self {
            path: HealthPath("/health".to_owned()),
            statuses: vec![(200, 299)],
            timeout: Duration::from_secs(2),
        }
    }
}

/// The path of a health check, its query included: begins with `/`, at most 300 printable ASCII
/// characters without space and `#`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct HealthPath(String);

/// A role that a version brings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Role {
    pub(crate) name: RoleName,
    pub(crate) description: Line<500>,
}

/// 1 to 50 letters, digits, `.`, `_`, `-`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct RoleName(String);

/// What a backend may do for a tenant: 1 to 100 printable ASCII characters without space, `"`, `\`
/// (RFC 6749 section 3.3).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Scope(String);

/// A text that is not what the field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be {0}")]
pub(crate) struct Malformed(&'static str);

macro_rules! checked_text {
    ($name:ident, $must:literal, $fits:expr) => {
        impl TryFrom<String> for $name {
            type Error = Malformed;

            fn try_from(text: String) -> Result<Self, Malformed> {
                let fits: fn(&str) -> bool = $fits;
                if fits(&text) {
                    Ok(Self(text))
                } else {
                    Err(Malformed($must))
                }
            }
        }

        impl FromStr for $name {
            type Err = Malformed;

            fn from_str(text: &str) -> Result<Self, Malformed> {
                Self::try_from(text.to_owned())
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

checked_text!(
    HealthPath,
    "a path that begins with `/`, of at most 300 printable ASCII characters without space and `#`",
    |text| text.starts_with('/')
        && !text.starts_with("//")
        && text.len() <= 300
        && text.bytes().all(|b| b.is_ascii_graphic() && b != b'#')
        && text.parse::<http::uri::PathAndQuery>().is_ok()
);
checked_text!(
    RoleName,
    "1 to 50 letters, digits, `.`, `_`, `-`",
    |text| (1..=50).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
);
checked_text!(
    Scope,
    "1 to 100 printable ASCII characters without space, `\"` and `\\`",
    |text| (1..=100).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\')
);

/// A picture of at most [`Icon::BYTES_MAX`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Icon {
    pub(crate) media: Media,
    pub(crate) data: Vec<u8>,
}

/// What kind of picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Media {
    Png,
    Svg,
}

impl Icon {
    /// The largest icon, in bytes.
    pub(crate) const BYTES_MAX: usize = 64 * 1024;
    /// The most bytes of an SVG file before its root element.
    const SVG_PREAMBLE_MAX: usize = 1024;

    /// Tells whether the data looks like the kind of picture it is said to be.
    pub(crate) fn looks_right(media: Media, data: &[u8]) -> bool {
        match media {
            Media::Png => data.starts_with(b"\x89PNG\r\n\x1a\n"),
            Media::Svg => {
                let head = &data[..data.len().min(Self::SVG_PREAMBLE_MAX)];
                std::str::from_utf8(data).is_ok() && head.windows(4).any(|four| four == b"<svg")
            }
        }
    }
}

impl Media {
    /// Returns the media type.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Svg => "image/svg+xml",
        }
    }
}

impl FromStr for Media {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        [Self::Png, Self::Svg]
            .into_iter()
            .find(|media| media.as_str() == text)
            .ok_or(Malformed("image/png or image/svg+xml"))
    }
}

/// The last act of somebody on a version, as the history keeps it.
#[derive(Debug, Clone)]
pub(crate) struct Act {
    pub(crate) actor: String,
    pub(crate) reason: Prose<500>,
    pub(crate) request_id: RequestId,
    pub(crate) at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_icon_is_what_it_says_it_is() {
        let png = b"\x89PNG\r\n\x1a\n\0\0".as_slice();
        let svg =
            b"<?xml version=\"1.0\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\"/>".as_slice();
        assert!(Icon::looks_right(Media::Png, png));
        assert!(Icon::looks_right(Media::Svg, svg));
        assert!(!Icon::looks_right(Media::Png, svg));
        assert!(!Icon::looks_right(Media::Svg, png));
        assert!(!Icon::looks_right(Media::Svg, b"<html>"));
        assert!(!Icon::looks_right(Media::Svg, b""));
    }

    #[test]
    fn texts_with_a_grammar_keep_it() {
        for path in ["/", "/health?deep=1", "/a%20b"] {
            assert!(path.parse::<HealthPath>().is_ok(), "{path}");
        }
        let long = format!("/{}", "a".repeat(300));
        for path in [
            "",
            "health",
            "//evil.example/",
            "/a b",
            "/a#b",
            "/ä",
            "/\r\nHost: x",
            &long,
        ] {
            assert!(path.parse::<HealthPath>().is_err(), "{path}");
        }
        assert!("read:all".parse::<Scope>().is_ok());
        for scope in ["", "a b", "a\"", "a\\", "ä"] {
            assert!(scope.parse::<Scope>().is_err(), "{scope}");
        }
        assert!("Ops.admin_1-x".parse::<RoleName>().is_ok());
        for role in ["", "a b", "a/b", &"x".repeat(51)] {
            assert!(role.parse::<RoleName>().is_err(), "{role}");
        }
    }

    #[test]
    fn a_health_check_expects_both_ends_of_its_ranges() {
        let check = HealthCheck {
            statuses: vec![(200, 204), (401, 401)],
            ..HealthCheck::default()
        };
        for (status, expected) in [
            (199, false),
            (200, true),
            (204, true),
            (205, false),
            (401, true),
        ] {
            assert_eq!(check.expects(status), expected, "{status}");
        }
    }

    #[test]
    fn the_same_request_again_is_told_from_another_one_with_its_id() {
        let creation = |id: &str, digest: &str| Creation {
            request_id: (!id.is_empty()).then(|| id.parse().unwrap()),
            digest: digest.to_owned(),
        };
        let first = creation("a", "1");
        assert!(first.repeats(&creation("a", "1")).unwrap());
        assert!(!first.repeats(&creation("b", "1")).unwrap());
        assert!(!first.repeats(&creation("", "1")).unwrap());
        assert!(!creation("", "1").repeats(&creation("", "1")).unwrap());
        assert!(matches!(
            first.repeats(&creation("a", "2")),
            Err(Error::RequestIdReused { .. })
        ));
    }
}
