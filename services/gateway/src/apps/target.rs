//! Where requests go: one version's upstream, and how to see that it works.

use std::{fmt, str::FromStr, time::Duration};

use contract::VersionName;
use http::uri::{Authority, Scheme, Uri};

/// A version as the data plane needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The version.
    pub version: VersionName,
    /// Where its requests go.
    pub upstream: Upstream,
    /// How to see that it works.
    pub health: HealthProbe,
}

/// The version in test, and what lets testers in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestTarget {
    /// The version.
    pub target: Target,
    /// SHA-256 of the tester token.
    pub tester_token_sha256: [u8; 32],
}

/// The root of a version's addresses: `http` or `https`, host, port, nothing else.
///
/// ```
/// use gateway::apps::Upstream;
///
/// assert!("http://10.1.2.3:9000".parse::<Upstream>().is_ok());
/// assert!("https://shop.internal/".parse::<Upstream>().is_ok());
/// assert!("http://shop.internal/base".parse::<Upstream>().is_err());
/// assert!("http://user@shop.internal".parse::<Upstream>().is_err());
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Upstream {
    scheme: Scheme,
    authority: Authority,
    port: u16,
}

/// A text that is not the root of an http or https address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an upstream is http:// or https://, a host, a port if need be, and nothing behind")]
pub struct UpstreamError;

impl Upstream {
    /// The most characters.
    pub const MAX: usize = 300;

    /// Returns `http` or `https`.
    pub fn scheme(&self) -> &Scheme {
        &self.scheme
    }

    /// Returns host and port as the address wrote them: what requests carry as `Host`.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Returns the name or address to resolve, an IPv6 address without its brackets.
    pub fn host(&self) -> &str {
        let host = self.authority.host();
        host.strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .unwrap_or(host)
    }

    /// Returns the port, the scheme's own if none was given.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl FromStr for Upstream {
    type Err = UpstreamError;

    fn from_str(text: &str) -> Result<Self, UpstreamError> {
        if text.len() > Self::MAX || text.contains(['#', '?']) {
            return Err(UpstreamError);
        }
        let parts = text.parse::<Uri>().map_err(|_| UpstreamError)?.into_parts();
        let (Some(scheme), Some(authority)) = (parts.scheme, parts.authority) else {
            return Err(UpstreamError);
        };
        let usual = match scheme.as_str() {
            "http" => 80,
            "https" => 443,
            _ => return Err(UpstreamError),
        };
        let port = match authority.port() {
            Some(port) => port.as_u16(),
            // Something that is not a port stands where one should.
            None if authority.as_str() != authority.host() => return Err(UpstreamError),
            None => usual,
        };
        let bare = parts.path_and_query.is_none_or(|path| path == "/")
            && !authority.as_str().contains('@')
            && !authority.host().is_empty()
            && port != 0;
        bare.then_some(Self {
            scheme,
            authority,
            port,
        })
        .ok_or(UpstreamError)
    }
}

impl fmt::Display for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.authority)
    }
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Upstream({self})")
    }
}

/// One GET request that tells whether a version works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthProbe {
    path: http::uri::PathAndQuery,
    expected: Vec<(u16, u16)>,
    timeout: Duration,
}

/// What a health probe may not be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HealthProbeError {
    /// Not a path.
    #[error(
        "the path begins with / and has at most {} characters",
        HealthProbe::PATH_MAX
    )]
    Path,
    /// Not statuses.
    #[error(
        "expected statuses are 1 to {} ranges within 100 to 599",
        HealthProbe::RANGES_MAX
    )]
    Expected,
    /// Too short or too long.
    #[error("the answer may take 100 ms to 30 s")]
    Timeout,
}

impl HealthProbe {
    /// The most characters of the path.
    pub const PATH_MAX: usize = 300;
    /// The most ranges of statuses.
    pub const RANGES_MAX: usize = 20;
    /// The least and the most time for an answer.
    pub const TIMEOUT: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(30)];

    /// Makes a probe; `expected` are ranges of statuses, both ends included.
    ///
    /// # Errors
    ///
    /// If a part is outside of its bounds.
    pub fn new(
        path: &str,
        expected: Vec<(u16, u16)>,
        timeout: Duration,
    ) -> Result<Self, HealthProbeError> {
        let fits = path.starts_with('/') && path.len() <= Self::PATH_MAX && !path.contains('#');
        let path = path
            .parse()
            .ok()
            .filter(|_| fits)
            .ok_or(HealthProbeError::Path)?;
        let ranges = 1..=Self::RANGES_MAX;
        let within = |(first, last): &(u16, u16)| 100 <= *first && first <= last && *last <= 599;
        if !ranges.contains(&expected.len()) || !expected.iter().all(within) {
            return Err(HealthProbeError::Expected);
        }
        let [least, most] = Self::TIMEOUT;
        if !(least..=most).contains(&timeout) {
            return Err(HealthProbeError::Timeout);
        }
        Ok(Self {
            path,
            expected,
            timeout,
        })
    }

    pub(super) fn path(&self) -> &http::uri::PathAndQuery {
        &self.path
    }

    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }

    pub(super) fn expects(&self, status: http::StatusCode) -> bool {
        self.expected
            .iter()
            .any(|(first, last)| (*first..=*last).contains(&status.as_u16()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upstream_is_a_root_and_nothing_else() {
        let check = |text: &str, expected: Option<(&str, u16)>| {
            let parsed = text.parse::<Upstream>().ok();
            let seen = parsed.as_ref().map(|it| (it.host(), it.port()));
            assert_eq!(seen, expected, "{text}");
        };
        check("http://shop", Some(("shop", 80)));
        check("https://shop.example/", Some(("shop.example", 443)));
        check("http://[::1]:9000", Some(("::1", 9000)));
        for refused in [
            "",
            "shop:80",
            "ftp://shop",
            "http://",
            "http://shop:0",
            "http://shop:99999",
            "http://shop:",
            "http://a@shop",
            "http://shop/x",
            "http://shop?x",
            "http://shop/#x",
        ] {
            check(refused, None);
        }
    }

    #[test]
    fn a_probe_knows_its_bounds() {
        let second = Duration::from_secs(1);
        let ok = HealthProbe::new("/health?deep=1", vec![(200, 204), (301, 301)], second).unwrap();
        assert!(
            ok.expects(http::StatusCode::OK) && ok.expects(http::StatusCode::MOVED_PERMANENTLY)
        );
        assert!(!ok.expects(http::StatusCode::FOUND));
        let refused = |path: &str, expected, timeout| {
            HealthProbe::new(path, expected, timeout).expect_err("out of bounds")
        };
        assert_eq!(
            refused("health", vec![(200, 299)], second),
            HealthProbeError::Path
        );
        assert_eq!(refused("/", vec![], second), HealthProbeError::Expected);
        assert_eq!(
            refused("/", vec![(299, 200)], second),
            HealthProbeError::Expected
        );
        assert_eq!(
            refused("/", vec![(200, 600)], second),
            HealthProbeError::Expected
        );
        assert_eq!(
            refused("/", vec![(200, 299)], Duration::from_secs(31)),
            HealthProbeError::Timeout
        );
    }
}
