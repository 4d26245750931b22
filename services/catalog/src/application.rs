//! Applications: what may be registered, and how their switches behave.

mod login;
mod policy;
mod version;

use std::{str::FromStr, time::Duration};

use contract::{
    ApplicationName, ApplicationRef, Etag, Generation, Line, Prose, RequestId, Revision, SwitchId,
    SwitchName, Timeline, VersionName, VersionRef,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{error::Error, tester_token::TokenHash};
pub(crate) use login::{Login, LoginRule, Method, Needs};
pub(crate) use policy::{Bake, Denials, Denied, Errors, Overlap, ScopeGrowth};
pub(crate) use version::{
    AppCredentials, HealthCheck, HealthPath, Malformed, Role, RoleName, Scope, Standing, Version,
    VersionFacts,
};

/// What tenants use; reached under one stable address per tenant.
#[derive(Debug, Clone)]
pub(crate) struct Application {
    pub(crate) name: ApplicationName,
    pub(crate) display_name: Line<50>,
    pub(crate) summary: Prose<500>,
    pub(crate) policy: Policy,
    pub(crate) approval: Approval,
    /// None: requests are passed through.
    pub(crate) login: Option<Login>,
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

/// Whether a switch needs a second person.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Approval {
    /// Whoever confirms begins it.
    #[default]
    NotRequired,
    /// Somebody else approves what one has proposed.
    SecondPerson,
}

impl Approval {
    pub(crate) const ALL: [Self; 2] = [Self::NotRequired, Self::SecondPerson];

    /// Returns how it is stored.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::NotRequired => "not_required",
            Self::SecondPerson => "second_person",
        }
    }
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

    /// Returns the generation as a number: 0 before the first one.
    pub(crate) fn number(&self) -> u64 {
        self.generation().map_or(0, contract::Generation::get)
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

/// How switches of one application behave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Policy {
    /// How long gateways may take to get ready.
    pub(crate) prepare_timeout: Duration,
    /// How long requests may be held before the switch is given up.
    pub(crate) hold_timeout: Duration,
    /// How long requests in flight may go on on the version that left.
    pub(crate) drain_timeout: Duration,
    pub(crate) tenant_failures: TenantFailures,
    /// What becomes of a gateway that is not heard.
    pub(crate) fleet: FleetMode,
    pub(crate) overlap: Overlap,
    /// How long a commit waits for the last request on the version that leaves, unless they may
    /// overlap.
    pub(crate) overlap_timeout: Duration,
    /// How many long-lived connections each gateway ends a second when it drains.
    pub(crate) drain_rate: u32,
    /// How the new version is watched; none: nobody does.
    pub(crate) bake: Option<Bake>,
    /// How long tenants that get mails have to deny before gateways get ready.
    pub(crate) minimum_notice: Duration,
    /// Which denials stop a switch.
    pub(crate) denials: Denials,
    pub(crate) scope_growth: ScopeGrowth,
    /// How long app credentials of the version that was left get tokens after its drain.
    pub(crate) credential_grace: Duration,
}

/// What becomes of a gateway that is not heard. Fixed from the first activation on: a gateway that is
/// cut off must know it too.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FleetMode {
    /// It serves what it knew last; no switch is committed without it until it is back or evicted.
    #[default]
    Static,
    /// It stops to serve once its lease has run out; a switch goes on without it after that.
    Fenced {
        /// How long it may serve after it last reached the catalog.
        lease: Duration,
    },
}

impl FleetMode {
    /// Returns the lease, if there is one.
    pub(crate) fn lease(self) -> Option<Duration> {
        match self {
            Self::Static => None,
            Self::Fenced { lease } => Some(lease),
        }
    }
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
            fleet: FleetMode::Static,
            overlap: Overlap::Allowed,
            overlap_timeout: Duration::from_secs(10),
            drain_rate: 100,
            bake: None,
            minimum_notice: Duration::ZERO,
            denials: Denials::default(),
            scope_growth: ScopeGrowth::MoveAlong,
            credential_grace: Duration::ZERO,
        }
    }
}

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
    /// Who has approved it, where a second person had to.
    pub(crate) approved_by: Option<String>,
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
