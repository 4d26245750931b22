//! What is explored: a fleet, what may happen to it and how often, and the bug that is planted.

use runtime::fault::Plant;

/// One exploration.
#[derive(Debug, Clone, Copy)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "what may happen, each on its own"
)]
pub struct Setting {
    /// What people call it.
    pub name: &'static str,
    /// Gateways, the joining one included.
    pub gateways: usize,
    /// Switches that are confirmed at most.
    pub switches: u8,
    /// Deaths of gateways at most.
    pub crashes: u8,
    /// Whether the last gateway is no member yet.
    pub joins: bool,
    /// Whether gateways of the fleet that stopped are evicted.
    pub evicts: bool,
    /// Whether gateways serve by leases and switches go on without those that are silent.
    pub fenced: bool,
    /// Backups that are restored at most.
    pub restores: u8,
    /// Whether a tenant denies the target.
    pub denies: bool,
    /// Whether two catalog replicas read and write as they like and die in between. Without it a
    /// transaction is one step: it is shown with it that one that has read what is no more writes
    /// nothing.
    pub races: bool,
}

/// The smallest: nothing goes wrong.
const CALM: Setting = Setting {
    name: "static, 2 gateways, 1 switch",
    gateways: 2,
    switches: 1,
    crashes: 0,
    joins: false,
    evicts: false,
    fenced: false,
    restores: 0,
    denies: false,
    races: false,
};

const RACES: Setting = Setting {
    name: "static, 2 gateways, 1 switch, racing replicas",
    races: true,
    ..CALM
};
const CRASHES: Setting = Setting {
    name: "static, 2 gateways, 1 switch, 3 crashes, evictions",
    crashes: 3,
    evicts: true,
    ..CALM
};
const TWO_SWITCHES: Setting = Setting {
    name: "static, 2 gateways, 2 switches, 1 crash",
    switches: 2,
    crashes: 1,
    ..CALM
};
const JOINER: Setting = Setting {
    name: "static, 1 gateway and one that joins, 1 switch, 1 crash",
    crashes: 1,
    joins: true,
    ..CALM
};
const JOINER_TWO_SWITCHES: Setting = Setting {
    name: "static, 1 gateway and one that joins, 2 switches, 1 crash",
    switches: 2,
    ..JOINER
};
const RESTORE: Setting = Setting {
    name: "static, 2 gateways, 1 switch, restore and adoption",
    restores: 1,
    ..CALM
};
const FENCED: Setting = Setting {
    name: "fenced, 2 gateways, 1 switch",
    fenced: true,
    ..CALM
};
const FENCED_CRASH: Setting = Setting {
    name: "fenced, 2 gateways, 1 switch, 1 crash",
    crashes: 1,
    ..FENCED
};
const FENCED_TWO_SWITCHES: Setting = Setting {
    name: "fenced, 2 gateways, 2 switches",
    switches: 2,
    ..FENCED
};
const CONSENT: Setting = Setting {
    name: "static, 2 gateways, 1 switch, a tenant denies",
    denies: true,
    ..CALM
};
const CONSENT_CRASH: Setting = Setting {
    name: "static, 2 gateways, 1 switch, 1 crash, a tenant denies",
    crashes: 1,
    ..CONSENT
};
const THREE: Setting = Setting {
    name: "static, 3 gateways, 1 switch",
    gateways: 3,
    ..CALM
};
const THREE_CRASH: Setting = Setting {
    name: "static, 3 gateways, 1 switch, 1 crash",
    crashes: 1,
    ..THREE
};
const THREE_TWO_SWITCHES: Setting = Setting {
    name: "static, 3 gateways, 2 switches",
    switches: 2,
    ..THREE
};
const THREE_FENCED: Setting = Setting {
    name: "fenced, 3 gateways, 1 switch",
    fenced: true,
    ..THREE
};

impl Setting {
    /// Those that a test has time for.
    pub const SHORT: &[Self] = &[RACES, CRASHES, JOINER, RESTORE, FENCED, CONSENT, THREE];

    /// Those that take longer.
    pub const MORE: &[Self] = &[
        TWO_SWITCHES,
        JOINER_TWO_SWITCHES,
        FENCED_CRASH,
        CONSENT_CRASH,
        THREE_CRASH,
    ];

    /// Those that take longest.
    pub const LONG: &[Self] = &[THREE_TWO_SWITCHES, FENCED_TWO_SWITCHES, THREE_FENCED];

    /// Returns the smallest exploration that has what a bug needs to show.
    pub fn for_bug(bug: Plant) -> Self {
        match bug {
            Plant::QuorumInsteadOfAll => THREE,
            Plant::AckBeforeFlip
            | Plant::HoldTimeoutFallsBack
            | Plant::RouteCachedPerConnection => CALM,
            Plant::HoldNotPersisted => Self {
                name: "static, 2 gateways, 1 switch, 1 crash",
                crashes: 1,
                ..CALM
            },
            Plant::StaleStateApplied | Plant::AckNotBoundToRev => Self {
                name: "static, 2 gateways, 2 switches",
                switches: 2,
                ..CALM
            },
            Plant::JoinReadsBeforeMember => JOINER,
            Plant::CommitWithoutCas | Plant::AnnounceBeforeDurable => RACES,
            Plant::LeaseFlagNotClock | Plant::FenceWithoutWait | Plant::RenewIgnoresMark => FENCED,
            Plant::BootBeforeSyncFenced => FENCED_CRASH,
            Plant::RestoreSilently | Plant::RollbackNoFloor => RESTORE,
            Plant::EvictLive => Self {
                name: "static, 2 gateways, 1 switch, evictions",
                evicts: true,
                ..CALM
            },
            Plant::DenyAnsweredWhenRecorded
            | Plant::HeldWithoutGrants
            | Plant::PhaseFromCatalog => CONSENT,
        }
    }
}
