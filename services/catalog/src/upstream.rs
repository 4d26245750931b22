//! What may be a version's upstream: the operator's own networks are fine, what is special to a
//! machine or to this installation never is. Names are judged again by every address they lead to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::place::{Host, Place};

/// What this installation allows.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    /// Whether versions may run on this machine's loopback.
    pub(crate) loopback: Loopback,
    /// Under which users reach applications.
    pub(crate) apps: Place,
    /// Where browsers reach the operator's pages.
    pub(crate) edge: Place,
    /// Where this catalog and the services it knows listen.
    pub(crate) own: Vec<SocketAddr>,
}

/// Whether versions may run on the loopback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loopback {
    Refused,
    Allowed,
}

/// Why an upstream is refused; reads on after the field's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Refusal(pub(crate) String);

/// Names by which clouds answer for their instance metadata.
const METADATA_NAMES: [&str; 4] = [
    "metadata.google.internal",
    "metadata.goog",
    "metadata",
    "instance-data",
];

impl Rules {
    /// Judges an upstream as it is written. `listeners` are those of the gateways.
    pub(crate) fn check(&self, upstream: &Place, listeners: &[SocketAddr]) -> Result<(), Refusal> {
        match upstream.host() {
            Host::Address(address) => {
                self.check_address(SocketAddr::new(*address, upstream.port()), listeners)
            }
            Host::Name(name) => self.check_name(name, upstream.port(), listeners),
        }
    }

    fn check_name(&self, name: &str, port: u16, listeners: &[SocketAddr]) -> Result<(), Refusal> {
        let refused = |why: &str| Err(Refusal(why.to_owned()));
        if METADATA_NAMES.contains(&name) {
            return refused("leads to the machine's own metadata");
        }
        if let Host::Name(domain) = self.apps.host() {
            let below = name
                .strip_suffix(&**domain)
                .is_some_and(|rest| rest.ends_with('.'));
            if below || (name == &**domain && port == self.apps.port()) {
                return refused(
                    "lies under the domain of the applications, so it would lead back to the gateways",
                );
            }
        }
        if *self.edge.host() == Host::Name(name.into()) && port == self.edge.port() {
            return refused("is where the gateways serve the operator's pages");
        }
        if name == "localhost" || name.ends_with(".localhost") {
            return self
                .check_address(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port), listeners);
        }
        Ok(())
    }

    /// Judges an address that an upstream names or leads to.
    pub(crate) fn check_address(
        &self,
        address: SocketAddr,
        listeners: &[SocketAddr],
    ) -> Result<(), Refusal> {
        let ip = inner(address.ip());
        let address = SocketAddr::new(ip, address.port());
        if let Some(why) = never(ip) {
            return Err(Refusal(why.to_owned()));
        }
        if ip.is_loopback() && self.loopback == Loopback::Refused {
            return Err(Refusal(
                "leads to the gateway's own machine; this installation does not allow that"
                    .to_owned(),
            ));
        }
        let edge = match self.edge.host() {
            Host::Address(ip) => Some(SocketAddr::new(*ip, self.edge.port())),
            Host::Name(_) => None,
        };
        let apps = match self.apps.host() {
            Host::Address(ip) => Some(SocketAddr::new(*ip, self.apps.port())),
            Host::Name(_) => None,
        };
        let ours = listeners
            .iter()
            .chain(&self.own)
            .copied()
            .chain(edge)
            .chain(apps);
        for own in ours {
            if reaches(address, own) {
                return Err(Refusal(format!(
                    "leads to {own}, where Switchover itself listens"
                )));
            }
        }
        Ok(())
    }
}

/// Tells whether a connection to `address` could reach a listener on `own`.
fn reaches(address: SocketAddr, own: SocketAddr) -> bool {
    let ip = inner(own.ip());
    let same = ip == address.ip() || (ip.is_unspecified() && address.ip().is_loopback());
    // Any loopback address reaches what listens on one of them often enough to be refused.
    let loopback = ip.is_loopback() && address.ip().is_loopback();
    address.port() == own.port() && (same || loopback)
}

/// Returns the IPv4 address that an IPv6 address stands for, if it does: mapped, compatible,
/// NAT64 (RFC 6052, RFC 8215), 6to4 (RFC 3056).
fn inner(ip: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = ip else { return ip };
    let segments = v6.segments();
    let v4 = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    match segments {
        [0, 0, 0, 0, 0, 0xffff, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x64, 0xff9b, 1, _, _, _, high, low] => v4(high, low),
        // `::` and `::1` are addresses of their own.
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 || low > 1 => v4(high, low),
        [0x2002, high, low, ..] => v4(high, low),
        _ => ip,
    }
}

/// Returns why an address is never an upstream.
fn never(ip: IpAddr) -> Option<&'static str> {
    const METADATA: &str = "leads to the machine's own metadata";
    match ip {
        IpAddr::V4(v4) => match v4.octets() {
            [0, ..] => Some("is no address to connect to"),
            [169, 254, ..] => Some("is a link-local address, where machines find their metadata"),
            [100, 100, 100, 200] | [168, 63, 129, 16] | [192, 0, 0, 192] => Some(METADATA),
            [224..=239, ..] => Some("is a multicast address"),
            [240..=255, ..] => Some("is a reserved or broadcast address"),
            _ => None,
        },
        IpAddr::V6(v6) => {
            const V6_METADATA: [Ipv6Addr; 3] = [
                Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
                Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
                Ipv6Addr::new(0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42),
            ];
            if v6.is_unspecified() {
                Some("is no address to connect to")
            } else if v6.is_unicast_link_local() {
                Some("is a link-local address, where machines find their metadata")
            } else if v6.is_multicast() {
                Some("is a multicast address")
            } else if v6.segments()[..2] == [0x2001, 0] {
                Some("is a tunnel address that stands for another one")
            } else if V6_METADATA.contains(&v6) {
                Some(METADATA)
            } else {
                None
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn rules(loopback: Loopback) -> Rules {
        Rules {
            loopback,
            apps: "http://example.com:8080".parse().unwrap(),
            edge: "http://edge.example.net:8081".parse().unwrap(),
            own: vec!["127.0.0.1:7101".parse().unwrap()],
        }
    }

    fn check(text: &str, loopback: Loopback, listeners: &[&str]) -> Result<(), String> {
        let place: Place = text.parse().map_err(|error| format!("{error}"))?;
        let listeners: Vec<_> = listeners.iter().map(|l| l.parse().unwrap()).collect();
        rules(loopback)
            .check(&place, &listeners)
            .map_err(|refusal| refusal.0)
    }

    #[test]
    fn the_operators_own_networks_are_fine() {
        for text in [
            "http://10.0.0.7:9000",
            "http://192.168.1.1",
            "https://crm-v2.internal:8443",
            "http://[fd12:3456::1]:80",
            "http://93.184.216.34",
            "http://example.com:9000",
            "http://notexample.com:8080",
        ] {
            assert_eq!(check(text, Loopback::Refused, &[]), Ok(()), "{text}");
        }
    }

    #[test]
    fn what_is_special_to_a_machine_is_refused_in_every_spelling() {
        for text in [
            "http://169.254.169.254",
            "http://169.254.0.1:80",
            "http://[::ffff:169.254.169.254]",
            "http://[::ffff:a9fe:a9fe]",
            "http://[::169.254.169.254]",
            "http://[64:ff9b::a9fe:a9fe]",
            "http://[64:ff9b:1::a9fe:a9fe]",
            "http://[2002:a9fe:a9fe::1]",
            "http://[2001:0:a9fe:a9fe::1]",
            "http://[fe80::1]",
            "http://[febf::1]",
            "http://[fd00:ec2::254]",
            "http://[fd20:ce::254]",
            "http://100.100.100.200",
            "http://168.63.129.16",
            "http://192.0.0.192",
            "http://metadata.google.internal",
            "http://METADATA.google.internal.",
            "http://0.0.0.0",
            "http://0.1.2.3",
            "http://[::]",
            "http://[::ffff:0.0.0.0]",
            "http://224.0.0.1",
            "http://239.255.255.255",
            "http://[ff02::1]",
            "http://255.255.255.255",
            "http://240.0.0.1",
            "http://2852039166",
            "http://0xa9fea9fe",
            "http://0xa9.0xfe.0xa9.0xfe",
            "http://0251.0376.0251.0376",
            "http://169.254.43518",
            "http://169.16689662",
            "http://１６９.254.169.254",
            "http://169。254。169。254",
        ] {
            assert!(check(text, Loopback::Allowed, &[]).is_err(), "{text}");
        }
    }

    #[test]
    fn the_loopback_is_an_upstream_only_where_that_is_allowed() {
        for text in [
            "http://127.0.0.1:9000",
            "http://127.8.9.1:9000",
            "http://[::1]:9000",
            "http://[::ffff:127.0.0.1]:9000",
            "http://localhost:9000",
            "http://crm.localhost:9000",
        ] {
            assert!(check(text, Loopback::Refused, &[]).is_err(), "{text}");
            assert_eq!(check(text, Loopback::Allowed, &[]), Ok(()), "{text}");
        }
    }

    #[test]
    fn nothing_leads_back_to_switchover() {
        for text in [
            "http://acme-crm-op.example.com:8080",
            "http://x.example.com",
            "http://example.com:8080",
            "http://edge.example.net:8081",
            "http://127.0.0.1:7101",
            "http://localhost:7101",
            "http://[::ffff:127.0.0.1]:7101",
        ] {
            assert!(check(text, Loopback::Allowed, &[]).is_err(), "{text}");
        }
        for (text, listener) in [
            ("http://127.0.0.1:8080", "0.0.0.0:8080"),
            ("http://[::1]:8080", "[::]:8080"),
            ("http://127.0.0.1:8080", "[::]:8080"),
            ("http://10.0.0.7:8080", "10.0.0.7:8080"),
            ("http://127.0.0.2:8080", "127.0.0.1:8080"),
        ] {
            assert!(
                check(text, Loopback::Allowed, &[listener]).is_err(),
                "{text} {listener}"
            );
        }
        assert_eq!(
            check(
                "http://10.0.0.7:8080",
                Loopback::Allowed,
                &["10.0.0.8:8080", "0.0.0.0:80"]
            ),
            Ok(())
        );
    }
}
