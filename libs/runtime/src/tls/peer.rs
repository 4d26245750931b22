//! Who a client certificate names: `spiffe://{domain}/service/{name}` or `…/gateway/{name}`.

use std::{fmt, str::FromStr};

use contract::{Identity, Role};
use jiff::{
    Timestamp,
    civil::{Date, DateTime},
    tz::TimeZone,
};
use rustls::pki_types::CertificateDer;

/// The domain in the names of one installation's certificates: 1 to 120 lower-case letters, digits,
/// `-`, `_` and `.`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustDomain(String);

impl TrustDomain {
    /// The domain unless another is given.
    pub(super) const USUAL: &str = "switchover";
}

impl Default for TrustDomain {
    fn default() -> Self {
        Self(Self::USUAL.to_owned())
    }
}

impl FromStr for TrustDomain {
    type Err = TrustDomainError;

    fn from_str(text: &str) -> Result<Self, TrustDomainError> {
        let may = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b);
        if (1..=120).contains(&text.len()) && text.bytes().all(may) {
            Ok(Self(text.to_owned()))
        } else {
            Err(TrustDomainError)
        }
    }
}

impl fmt::Display for TrustDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text that is no trust domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a trust domain is 1 to 120 lower-case letters, digits, `-`, `_` and `.`, such as switchover"
)]
pub struct TrustDomainError;

/// What a client certificate proves that an authority of ours has signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certified {
    /// Who its holder is; none if it names nobody here.
    pub(crate) identity: Option<Identity>,
    /// Until when.
    pub(crate) until: Timestamp,
}

impl Certified {
    /// Reads a certificate whose signature was checked before.
    pub(crate) fn read(certificate: &CertificateDer<'_>, domain: &TrustDomain) -> Option<Self> {
        let parsed = webpki::EndEntityCert::try_from(certificate).ok()?;
        Some(Self {
            identity: named(parsed.valid_uri_names(), domain),
            until: not_after(certificate)?,
        })
    }
}

/// Returns who is named. With two names each reader could believe another, so that is nobody.
fn named<'a>(names: impl Iterator<Item = &'a str>, domain: &TrustDomain) -> Option<Identity> {
    let mut names = names.take(2);
    let name = names.next().filter(|_| names.next().is_none())?;
    let path = name.strip_prefix("spiffe://")?.strip_prefix(&domain.0)?;
    let (kind, name) = path.strip_prefix('/')?.split_once('/')?;
    if name.is_empty() || name.contains(['/', '?', '#', '%']) {
        return None;
    }
    match kind {
        "service" => Identity::new(Role::Service, name).ok(),
        "gateway" => Identity::new(Role::Gateway, &format!("gateways/{name}")).ok(),
        _ => None,
    }
}

/// Returns when a certificate ends (RFC 5280, section 4.1): its fifth part, if the version is told.
fn not_after(certificate: &[u8]) -> Option<Timestamp> {
    let (_, certificate, _) = element(certificate)?;
    let (_, mut rest, _) = element(certificate)?;
    // Version (if told), serial number, algorithm, issuer; then the validity.
    let version = *rest.first()? == 0xa0;
    for _ in 0..(if version { 4 } else { 3 }) {
        (_, _, rest) = element(rest)?;
    }
    let (_, validity, _) = element(rest)?;
    let (_, _, after) = element(validity)?;
    let (kind, text, _) = element(after)?;
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let number = |from: usize| text.get(from..from + 2)?.parse::<i8>().ok();
    let (year, rest) = match kind {
        // Two digits of the year, from 1950 on.
        0x17 => {
            let year = i16::from(number(0)?);
            (if year < 50 { 2000 + year } else { 1900 + year }, 2)
        }
        0x18 => (text.get(..4)?.parse().ok()?, 4),
        _ => return None,
    };
    let date = Date::new(year, number(rest)?, number(rest + 2)?).ok()?;
    let (hour, minute, second) = (number(rest + 4)?, number(rest + 6)?, number(rest + 8)?);
    let time = jiff::civil::Time::new(hour, minute, second, 0).ok()?;
    let zoned = DateTime::from_parts(date, time)
        .to_zoned(TimeZone::UTC)
        .ok()?;
    Some(zoned.timestamp())
}

/// Takes one element off DER: its kind, its content, and what follows.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (kind, rest) = bytes.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = if *first < 0x80 {
        (usize::from(*first), rest)
    } else {
        let (length, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
        let length = length.iter().try_fold(0_usize, |sum, byte| {
            Some(sum.checked_mul(256)? + usize::from(*byte))
        })?;
        (length, rest)
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((*kind, content, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::testing::Authority;

    fn who(names: &[&str]) -> Option<String> {
        let domain = TrustDomain::default();
        let identity = named(names.iter().copied(), &domain)?;
        Some(format!("{} {}", identity.role(), identity.subject()))
    }

    #[test]
    fn a_name_of_the_domain_is_a_service_or_a_gateway_and_any_other_is_nobody() {
        let service = Some("service catalog".to_owned());
        assert_eq!(who(&["spiffe://switchover/service/catalog"]), service);
        let gateway = Some("gateway gateways/gateway-1".to_owned());
        assert_eq!(who(&["spiffe://switchover/gateway/gateway-1"]), gateway);
        for names in [
            &[][..],
            &["spiffe://elsewhere/service/catalog"],
            &["spiffe://switchover.evil/service/catalog"],
            &["spiffe://switchover/service/"],
            &["spiffe://switchover/service"],
            &["spiffe://switchover/service/a/b"],
            &["spiffe://switchover/service/a%2fb"],
            &["spiffe://switchover/gateway/A B"],
            &["spiffe://switchover/operator-admin/anna"],
            &["spiffe://switchover//service/catalog"],
            &["SPIFFE://switchover/service/catalog"],
            &["https://switchover/service/catalog"],
            &["spiffe://switchover/service/catalog?x"],
            &[
                "spiffe://switchover/service/catalog",
                "spiffe://switchover/gateway/g-1",
            ],
        ] {
            assert_eq!(who(names), None, "{names:?}");
        }
    }

    #[test]
    fn a_certificate_tells_who_holds_it_and_until_when() {
        let authority = Authority::new();
        for (end, expected) in [
            (2049, "2049-06-07T00:00:00Z"),
            (2050, "2050-06-07T00:00:00Z"),
        ] {
            let uri = "spiffe://switchover/gateway/g-1";
            let issued = authority.issue(&[uri], (end, 6, 7));
            let read = Certified::read(issued.der(), &TrustDomain::default()).unwrap();
            assert_eq!(read.until, expected.parse::<Timestamp>().unwrap());
            assert_eq!(read.identity.unwrap().subject(), "gateways/g-1");
        }
    }

    #[test]
    fn der_that_breaks_off_is_no_certificate() {
        let authority = Authority::new();
        let issued = authority.issue(&["spiffe://switchover/service/x"], (2049, 1, 1));
        let der = issued.der();
        for length in 0..der.len().min(160) {
            assert_eq!(not_after(&der[..length]), None);
        }
        assert_eq!(
            element(&[0x30, 0x88, 255, 255, 255, 255, 255, 255, 255, 255, 1]),
            None
        );
        assert_eq!(element(&[0x30, 0xff]), None);
    }

    #[test]
    fn a_trust_domain_is_a_plain_name() {
        assert!("prod.example.com".parse::<TrustDomain>().is_ok());
        for text in ["", "A", "a/b", "a b", &"x".repeat(121)] {
            assert!(text.parse::<TrustDomain>().is_err(), "{text}");
        }
    }
}
