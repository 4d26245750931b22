//! What a caller has seen of a thing, so that it does not change what it has not seen (AIP-154).

use std::{fmt, str::FromStr};

use crate::{
    name::{NameError, Revision, serde_as_text},
    problem::Problem,
    reason,
};

/// The revision that a caller saw, as opaque text such as `r12`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Etag(Revision);

impl Etag {
    /// Refuses with `STALE_ETAG` unless what the caller saw is what is.
    pub fn must_match(self, current: Revision, resource: impl fmt::Display) -> Result<(), Problem> {
        if self.0 == current {
            return Ok(());
        }
        let message = format_args!("{resource} has changed since it was read.");
        Err(Problem::aborted(reason::STALE_ETAG, message)
            .resource(&resource)
            .with("etag", Self(current)))
    }
}

impl From<Revision> for Etag {
    fn from(revision: Revision) -> Self {
        Self(revision)
    }
}

impl FromStr for Etag {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        text.strip_prefix('r')
            .and_then(|number| number.parse::<u64>().ok())
            .and_then(|number| Revision::try_from(number).ok())
            .map(Self)
            .filter(|etag| etag.to_string() == text)
            .ok_or_else(|| NameError::new(text, "an etag", "as it was read, unchanged"))
    }
}

impl fmt::Display for Etag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "r{}", self.0)
    }
}

serde_as_text!(Etag);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_etag_is_refused_with_the_one_that_holds() {
        let seen: Etag = "r12".parse().unwrap();
        let now = Revision::try_from(13u64).unwrap();
        assert!(
            seen.must_match(Revision::try_from(12u64).unwrap(), "applications/crm")
                .is_ok()
        );
        let problem = seen.must_match(now, "applications/crm").unwrap_err();
        assert!(problem.is(&reason::STALE_ETAG));
        assert_eq!(problem.metadata()["etag"], "r13");
        assert_eq!(problem.about(), Some("applications/crm"));
    }

    #[test]
    fn an_etag_has_one_spelling() {
        for text in [
            "",
            "12",
            "r",
            "r012",
            "r+1",
            "r-1",
            "r99999999999999999999",
            "R1",
        ] {
            assert!(text.parse::<Etag>().is_err(), "{text:?}");
        }
    }
}
