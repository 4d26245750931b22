//! The one place where a host becomes a tenant and an application, and back.

use std::{fmt, str::FromStr};

use contract::{ApplicationName, OperatorName, TenantId};

/// Under which scheme, domain and port applications are reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppsUrl {
    scheme: Scheme,
    domain: Box<str>,
    port: Option<u16>,
}

/// How users' connections are protected in front of the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// Not at all.
    Http,
    /// By TLS.
    Https,
}

impl Scheme {
    /// Returns `http` or `https`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// A text that is not an address for applications.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the applications' address is http:// or https://, a domain in lower case and a port if need be"
)]
pub struct AppsUrlError;

impl AppsUrl {
    /// The most characters of the domain: with three names before it a host stays below the 253
    /// that DNS allows.
    pub const DOMAIN_MAX: usize = 180;

    /// Returns the scheme.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Returns the domain.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// Returns the address under which an operator's user or tester reaches an application.
    pub fn of(&self, operator: &OperatorName, address: &Address) -> String {
        let port = self.port.map(|port| format!(":{port}")).unwrap_or_default();
        let host = address.host(operator, self);
        format!("{}://{host}{port}", self.scheme.as_str())
    }
}

impl FromStr for AppsUrl {
    type Err = AppsUrlError;

    fn from_str(text: &str) -> Result<Self, AppsUrlError> {
        let (scheme, rest) = text.split_once("://").ok_or(AppsUrlError)?;
        let scheme = match scheme {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return Err(AppsUrlError),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (domain, port) = match rest.split_once(':') {
            Some((domain, port)) => (domain, Some(parse_port(port).ok_or(AppsUrlError)?)),
            None => (rest, None),
        };
        let fits = domain.len() <= Self::DOMAIN_MAX
            && domain.split('.').all(is_label)
            && domain == domain.to_ascii_lowercase();
        fits.then(|| Self {
            scheme,
            domain: domain.into(),
            port,
        })
        .ok_or(AppsUrlError)
    }
}

impl fmt::Display for AppsUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.as_str(), self.domain)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

/// What a host names.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Address {
    /// `{tenant}-{application}-{operator}.{domain}`: the active version, for a tenant's users.
    User {
        /// Whose users.
        tenant: TenantId,
        /// Of what.
        application: ApplicationName,
    },
    /// `{application}-{operator}.test.{domain}`: the version in test, for testers.
    Test {
        /// Of what.
        application: ApplicationName,
    },
}

/// Why a host names nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HostError {
    /// It is not a host name as it should be written.
    Malformed,
    /// It is one, and no address of this operator.
    Unknown,
}

/// The longest host that is looked at, its port included.
const HOST_MAX: usize = 260;

impl Address {
    /// Returns the host, without a port.
    pub fn host(&self, operator: &OperatorName, apps: &AppsUrl) -> String {
        match self {
            Self::User {
                tenant,
                application,
            } => format!("{tenant}-{application}-{operator}.{}", apps.domain),
            Self::Test { application } => format!("{application}-{operator}.test.{}", apps.domain),
        }
    }

    /// Returns what was asked for.
    pub fn application(&self) -> &ApplicationName {
        match self {
            Self::User { application, .. } | Self::Test { application } => application,
        }
    }

    /// Reads a `Host` field or an authority: any case, any port, one trailing dot at most.
    pub(super) fn parse(
        host: &str,
        operator: &OperatorName,
        apps: &AppsUrl,
    ) -> Result<Self, HostError> {
        let host = canonical(host).ok_or(HostError::Malformed)?;
        let ours = host
            .strip_suffix(&*apps.domain)
            .and_then(|names| names.strip_suffix('.'))
            .ok_or(HostError::Unknown)?;
        Self::of_names(ours, operator).ok_or(HostError::Unknown)
    }

    fn of_names(names: &str, operator: &OperatorName) -> Option<Self> {
        let (label, test) = match names.strip_suffix(".test") {
            Some(label) => (label, true),
            None => (names, false),
        };
        let rest = label.strip_suffix(operator.as_str())?.strip_suffix('-')?;
        if test {
            return Some(Self::Test {
                application: rest.parse().ok()?,
            });
        }
        let (tenant, application) = rest.split_once('-')?;
        Some(Self::User {
            tenant: tenant.parse().ok()?,
            application: application.parse().ok()?,
        })
    }
}

/// Returns the one spelling of a host: lower case, without port and trailing dot.
fn canonical(host: &str) -> Option<String> {
    if host.len() > HOST_MAX {
        return None;
    }
    let name = match host.split_once(':') {
        Some((name, port)) => parse_port(port).map(|_| name)?,
        None => host,
    };
    let name = name.strip_suffix('.').unwrap_or(name);
    name.split('.')
        .all(is_label)
        .then(|| name.to_ascii_lowercase())
}

fn parse_port(text: &str) -> Option<u16> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|port| digits && *port != 0)
}

/// Letters, digits and inner hyphens (RFC 1123 section 2.1).
fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    fn operator() -> OperatorName {
        "acme".parse().unwrap()
    }

    fn apps() -> AppsUrl {
        "https://apps.example.com:8443".parse().unwrap()
    }

    fn user(tenant: &str, application: &str) -> Address {
        Address::User {
            tenant: tenant.parse().unwrap(),
            application: application.parse().unwrap(),
        }
    }

    #[test]
    fn hosts_are_read_in_any_case_with_any_port_and_one_dot() {
        for host in [
            "hall-shop-acme.apps.example.com",
            "HALL-Shop-ACME.Apps.Example.COM",
            "hall-shop-acme.apps.example.com.",
            "hall-shop-acme.apps.example.com:80",
            "hall-shop-acme.apps.example.com.:8443",
        ] {
            let parsed = Address::parse(host, &operator(), &apps());
            assert_eq!(parsed, Ok(user("hall", "shop")), "{host}");
        }
        assert_eq!(
            Address::parse("shop-acme.test.apps.example.com", &operator(), &apps()),
            Ok(Address::Test {
                application: "shop".parse().unwrap()
            })
        );
    }

    #[test]
    fn odd_hosts_are_refused() {
        let check = |host: &str, expected| {
            let parsed = Address::parse(host, &operator(), &apps());
            assert_eq!(parsed, Err(expected), "{host}");
        };
        for malformed in [
            "",
            ".",
            "hall-shop-acme.apps.example.com..",
            "hall-shop-acme..apps.example.com",
            "hall-shop-acme.apps.example.com:",
            "hall-shop-acme.apps.example.com:0",
            "hall-shop-acme.apps.example.com:+80",
            "hall-shop-acme.apps.example.com:80:80",
            "hall-shop-acme.apps.example.com:65536",
            "u@hall-shop-acme.apps.example.com",
            "hall%2dshop-acme.apps.example.com",
            "hall_shop_acme.apps.example.com",
            "hall-shop-acme.apps.example.com/",
            "hall-shop-acme.apps.example.com, x",
            " hall-shop-acme.apps.example.com",
            "ｈall-shop-acme.apps.example.com",
            "[::1]",
        ] {
            check(malformed, HostError::Malformed);
        }
        for unknown in [
            "apps.example.com",
            "acme.apps.example.com",
            "shop-acme.apps.example.com",
            "hall-shop-other.apps.example.com",
            "hall-shop-xacme.apps.example.com",
            "a-b-c-acme.apps.example.com",
            "hall-shop-acme.test.apps.example.com",
            "hall-shop-acme.www.apps.example.com",
            "hall-shop-acme.example.com",
            "hall-shop-acme.apps.example.com.evil.example",
            "hall-shop-acme.evilapps.example.com",
            "127.0.0.1",
        ] {
            check(unknown, HostError::Unknown);
        }
    }

    #[test]
    fn addresses_for_applications_have_a_domain_and_no_path() {
        assert_eq!(apps().to_string(), "https://apps.example.com:8443");
        assert_eq!(
            apps().of(&operator(), &user("hall", "shop")),
            "https://hall-shop-acme.apps.example.com:8443"
        );
        for refused in [
            "example.com",
            "ftp://example.com",
            "http://",
            "http://Example.com",
            "http://example.com/x",
            "http://example.com:x",
            "http://a_b.example.com",
        ] {
            assert_eq!(refused.parse::<AppsUrl>(), Err(AppsUrlError), "{refused}");
        }
    }

    fn addresses() -> impl Strategy<Value = Address> {
        let application = "[a-z][a-z0-9]{0,19}".prop_map(|name| name.parse().unwrap());
        let tenant = "[a-z][a-z0-9]{1,7}".prop_map(|name| name.parse().unwrap());
        (proptest::option::of(tenant), application).prop_map(|(tenant, application)| match tenant {
            Some(tenant) => Address::User {
                tenant,
                application,
            },
            None => Address::Test { application },
        })
    }

    proptest! {
        #[test]
        fn what_is_printed_is_what_is_read(address in addresses(), operator in "[a-z][a-z0-9]{0,19}") {
            let operator: OperatorName = operator.parse().unwrap();
            let host = address.host(&operator, &apps());
            prop_assert_eq!(Address::parse(&host, &operator, &apps()), Ok(address));
        }

        #[test]
        fn different_addresses_have_different_hosts(all in proptest::collection::hash_set(addresses(), 0..50)) {
            let hosts: HashSet<_> = all.iter().map(|it| it.host(&operator(), &apps())).collect();
            prop_assert_eq!(hosts.len(), all.len());
        }

        #[test]
        fn any_text_is_read_without_a_panic(host in "\\PC{0,80}") {
            if let Ok(address) = Address::parse(&host, &operator(), &apps()) {
                prop_assert!(host.to_ascii_lowercase().starts_with(&address.host(&operator(), &apps())));
            }
        }
    }
}
