//! Versions: what may be registered as one release, and where it stands.

use std::{collections::BTreeSet, fmt, str::FromStr, time::Duration};

use contract::{Etag, Line, Revision, VersionRef};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Creation;
use crate::{error::Error, place::Place};

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

    /// Returns the scopes with which its backend acts for tenants.
    pub(crate) fn scopes(&self) -> BTreeSet<String> {
        match &self.facts.app_credentials {
            AppCredentials::None => BTreeSet::new(),
            AppCredentials::Needed(scopes) => scopes.iter().map(ToString::to_string).collect(),
        }
    }

    /// Tells whether its backend acts for tenants.
    pub(crate) fn needs_credentials(&self) -> bool {
        self.facts.app_credentials != AppCredentials::None
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
pub(crate) struct Malformed(pub(super) &'static str);

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

pub(super) use checked_text;

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

#[cfg(test)]
mod tests {
    use super::*;

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
}
