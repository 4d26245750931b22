//! What kind of world a seed is: how the fleet is told what to do when it is cut off, what comes
//! between a gateway and the catalog, and what the operator may do.

/// One kind of world.
#[derive(Debug, Clone, Copy)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is drawn from the seed by itself, and any goes with any"
)]
pub(super) struct World {
    /// Nothing goes wrong, and so no request fails.
    pub(super) calm: bool,
    /// Users are served under leases, which end when the catalog is not heard.
    pub(super) fenced: bool,
    /// What gateways and catalogs say to each other is delayed, doubled and said again much later.
    pub(super) relayed: bool,
    /// Wall clocks jump.
    pub(super) jumps: bool,
    /// The operator tries to evict gateways that switches waited for in vain. Not where silence or a
    /// wall clock could have the catalog grant it: then it is the operator's word that they are
    /// stopped, and here they may run.
    pub(super) evicts: bool,
    /// Gateways crash when they hold requests, and come back cut off.
    pub(super) crashes: bool,
    /// What provisioning says reaches gateways late.
    pub(super) late_grants: bool,
    /// The catalogs once stay away for longer than a request is held.
    pub(super) long_outage: bool,
    /// The replicas wake each other never, and look by themselves only: gateways may then be too late
    /// to get ready.
    pub(super) unheard: bool,
}

impl World {
    pub(super) fn of(seed: u64) -> Self {
        let calm = seed.is_multiple_of(8);
        let (fenced, jumps) = (seed % 3 == 2, seed % 2 == 1);
        let long_outage = !calm && seed % 10 == 6;
        Self {
            calm,
            fenced,
            relayed: !calm && seed % 4 < 2,
            jumps,
            evicts: !jumps && !fenced && !long_outage,
            crashes: !fenced && seed % 4 == 2,
            late_grants: seed % 4 == 3,
            long_outage,
            unheard: !calm && seed.is_multiple_of(5),
        }
    }
}
