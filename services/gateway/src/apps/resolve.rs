//! From a host name to a connection: resolved once, pinned, checked each time.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use arc_swap::ArcSwap;
use runtime::net::Stream;
use tokio::{net::lookup_host, time::timeout};

/// The longest that resolving a name may take.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(5);
/// The longest that connecting to one address may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// The most addresses of one name that are tried.
const ADDRESSES_MAX: usize = 8;

/// The addresses of one upstream. They are resolved once and kept, so that a name that changes its
/// mind cannot move requests; only when none of them can be connected to is the name asked again.
#[derive(Debug)]
pub(super) struct Addresses {
    host: Box<str>,
    port: u16,
    pinned: ArcSwap<Vec<SocketAddr>>,
}

impl Addresses {
    pub(super) fn new(host: &str, port: u16) -> Self {
        Self {
            host: host.into(),
            port,
            pinned: ArcSwap::default(),
        }
    }

    /// Resolves the name and pins what it finds.
    ///
    /// # Errors
    ///
    /// If the name has no address, or only such that no upstream may have.
    pub(super) async fn pin(&self) -> io::Result<Vec<SocketAddr>> {
        let lookup = lookup_host((&*self.host, self.port));
        let found = timeout(RESOLVE_TIMEOUT, lookup)
            .await
            .map_err(|_| io::Error::other("the name was not resolved in time"))??;
        let addresses: Vec<_> = found
            .filter(|address| allowed(address.ip()))
            .take(ADDRESSES_MAX)
            .collect();
        if addresses.is_empty() {
            return Err(io::Error::other("the name has no address that is allowed"));
        }
        self.pinned.store(addresses.clone().into());
        Ok(addresses)
    }

    /// Connects to a pinned address; if there is none or none answers, to a newly resolved one.
    pub(super) async fn connect(&self) -> io::Result<Stream> {
        let pinned = self.pinned.load_full();
        if let Ok(stream) = connect(&pinned).await {
            return Ok(stream);
        }
        let fresh = self.pin().await?;
        connect(&fresh).await
    }
}

async fn connect(addresses: &[SocketAddr]) -> io::Result<Stream> {
    let mut last = io::Error::other("no address is known");
    for address in addresses {
        match timeout(CONNECT_TIMEOUT, Stream::connect(*address)).await {
            Ok(Ok(stream)) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Ok(Err(error)) => last = error,
            Err(_) => last = io::Error::other("no connection in time"),
        }
    }
    Err(last)
}

/// Refuses what is never an upstream whatever its name says: links, metadata services, groups,
/// nobody.
fn allowed(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => allowed_v4(address),
        IpAddr::V6(address) => allowed_v6(address),
    }
}

fn allowed_v4(address: Ipv4Addr) -> bool {
    const METADATA: [Ipv4Addr; 2] = [
        Ipv4Addr::new(100, 100, 100, 200),
        Ipv4Addr::new(168, 63, 129, 16),
    ];
    !(address.octets()[0] == 0
        || address.is_link_local()
        || address.is_multicast()
        || address.is_broadcast()
        || METADATA.contains(&address))
}

fn allowed_v6(address: Ipv6Addr) -> bool {
    const METADATA: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
    let segments = address.segments();
    let v4 = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        allowed_v4(Ipv4Addr::new(a, b, c, d))
    };
    match segments {
        // An IPv4 address in another's clothes: mapped, compatible, NAT64, 6to4.
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => v4(high, low),
        [0, 0, 0, 0, 0, 0, high, low] => address.is_loopback() || v4(high, low),
        [0x2002, high, low, ..] => v4(high, low),
        _ => !(address.is_unicast_link_local() || address.is_multicast() || address == METADATA),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_never_an_upstream_is_refused_in_every_spelling() {
        for refused in [
            "0.0.0.0",
            "0.1.2.3",
            "169.254.169.254",
            "100.100.100.200",
            "168.63.129.16",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "fe80::1",
            "ff02::1",
            "fd00:ec2::254",
            "::ffff:169.254.169.254",
            "::169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
        ] {
            assert!(!allowed(refused.parse().unwrap()), "{refused}");
        }
        for fine in [
            "127.0.0.1",
            "10.0.0.1",
            "192.168.1.1",
            "8.8.8.8",
            "::1",
            "fd12::1",
            "2001:db8::1",
        ] {
            assert!(allowed(fine.parse().unwrap()), "{fine}");
        }
    }

    #[tokio::test]
    async fn a_name_with_no_allowed_address_is_not_connected_to() {
        let addresses = Addresses::new("169.254.169.254", 80);
        let error = addresses.connect().await.map(drop).unwrap_err();
        assert!(error.to_string().contains("allowed"), "{error}");
    }
}
