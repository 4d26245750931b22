//! Whose request it is where proxies of the operator stand between: all that is counted or written down
//! by source is so by this one.

use std::{net::IpAddr, str::FromStr};

use axum::http::HeaderMap;
use ipnet::IpNet;

/// A proxy in front of the edge, or a network of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrustedProxy(IpNet);

impl FromStr for TrustedProxy {
    type Err = NoProxy;

    fn from_str(text: &str) -> Result<Self, NoProxy> {
        let network = text.parse::<IpNet>().ok();
        let network = network.or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
        network.map(Self).ok_or(NoProxy)
    }
}

/// A text that is neither an address nor a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be an address such as 10.0.0.7 or a network such as 10.0.0.0/8")]
pub struct NoProxy;

/// What each proxy appends the address to from which the request came to it.
const FIELD: &str = "x-forwarded-for";

/// Returns the address that the nearest hop has which is no proxy of ours: whatever stands before it in
/// the field was said by a stranger.
pub(super) fn source(peer: IpAddr, headers: &HeaderMap, proxies: &[TrustedProxy]) -> IpAddr {
    let is_ours = |address: IpAddr| {
        let address = address.to_canonical();
        proxies
            .iter()
            .any(|TrustedProxy(net)| net.contains(&address))
    };
    let said: Vec<&str> = headers
        .get_all(FIELD)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .collect();
    let mut source = peer;
    for hop in said.into_iter().rev() {
        if !is_ours(source) {
            break;
        }
        let Ok(hop) = hop.parse::<IpAddr>() else {
            break;
        };
        source = hop;
    }
    source
}

/// What proxies say of a request that passed them.
const PASSED: [&str; 3] = [FIELD, "forwarded", "via"];

/// Tells whether a request was made on this machine, with no proxy between that says so.
pub(super) fn is_here(peer: IpAddr, headers: &HeaderMap) -> bool {
    peer.to_canonical().is_loopback() && !PASSED.iter().any(|field| headers.contains_key(*field))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(peer: &str, said: &[&str]) -> String {
        let proxies = ["10.0.0.0/8", "2001:db8::1"].map(|text| text.parse().unwrap());
        let mut headers = HeaderMap::new();
        for value in said {
            headers.append(FIELD, value.parse().unwrap());
        }
        source(peer.parse().unwrap(), &headers, &proxies).to_string()
    }

    #[test]
    fn a_stranger_is_believed_nothing_and_a_proxy_its_own_word_alone() {
        assert_eq!(from("192.0.2.9", &["198.51.100.1"]), "192.0.2.9");
        assert_eq!(from("10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(from("10.0.0.1", &["198.51.100.1"]), "198.51.100.1");
        let forged = "203.0.113.5, 198.51.100.1";
        assert_eq!(from("10.0.0.1", &[forged]), "198.51.100.1");
        assert_eq!(from("::ffff:10.0.0.1", &["198.51.100.1"]), "198.51.100.1");
    }

    #[test]
    fn several_proxies_are_looked_through_in_one_field_or_in_many() {
        let chain = ["203.0.113.5, 198.51.100.1", "2001:db8::1,10.1.1.1"];
        assert_eq!(from("10.0.0.1", &chain), "198.51.100.1");
        assert_eq!(from("10.0.0.1", &["198.51.100.1, nobody"]), "10.0.0.1");
        assert_eq!(from("10.0.0.1", &["10.9.9.9"]), "10.9.9.9");
    }

    #[test]
    fn only_what_comes_straight_from_this_machine_is_from_here() {
        let here = |peer: &str, field: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            if let Some(field) = field {
                headers.insert(field, "192.0.2.1".parse().unwrap());
            }
            is_here(peer.parse().unwrap(), &headers)
        };
        for peer in ["127.0.0.1", "127.8.0.1", "::1", "::ffff:127.0.0.1"] {
            assert!(here(peer, None), "{peer}");
            for field in PASSED {
                assert!(!here(peer, Some(field)), "{peer} {field}");
            }
        }
        for peer in ["10.0.0.1", "192.0.2.1", "2001:db8::1"] {
            assert!(!here(peer, None), "{peer}");
        }
    }

    #[test]
    fn a_proxy_is_an_address_or_a_network() {
        assert!("10.0.0.7".parse::<TrustedProxy>().is_ok());
        assert!("2001:db8::/32".parse::<TrustedProxy>().is_ok());
        for wrong in ["", "proxy.example", "10.0.0.0/33"] {
            assert_eq!(wrong.parse::<TrustedProxy>(), Err(NoProxy), "{wrong}");
        }
    }
}
