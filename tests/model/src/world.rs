//! What there is at one moment: the catalog's row, what was announced, gateways with their disks,
//! and what a bystander wrote down.

use catalog::model as switch;
use gateway::model::{Gate, Told};
use provisioning::model::Phase;

use crate::interned::{SwitchId, TurnId};

/// The most gateways of a fleet.
pub(crate) const GATEWAYS_MAX: usize = 3;

/// Everything at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct World {
    pub(crate) row: Row,
    /// Transactions of catalog replicas between reading and writing.
    pub(crate) open: [Option<Transaction>; 2],
    pub(crate) backup: Option<Row>,
    /// How often a backup was restored. Names nonces apart, which are random.
    pub(crate) restores: u8,
    /// Every state that was ever announced, with the restores before it. Never removed: each may
    /// still arrive anywhere, late, twice, in any order, or never.
    pub(crate) announced: Vec<(u8, Told)>,
    pub(crate) gateways: [Gateway; GATEWAYS_MAX],
    pub(crate) tenant: Tenant,
    pub(crate) spent: Spent,
    pub(crate) seen: Seen,
}

/// The catalog's row of the application, with the fleet, which changes under the same lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Row {
    pub(crate) timeline: u8,
    pub(crate) revision: u8,
    pub(crate) generation: u8,
    pub(crate) version: u8,
    pub(crate) switch: Option<SwitchId>,
    /// The version that the last begun switch leads to.
    pub(crate) target: u8,
    /// Switches that were begun.
    pub(crate) begun: u8,
    /// A bit for each member of the fleet.
    pub(crate) members: u8,
    /// Members that get no leases.
    pub(crate) marked: u8,
    /// Marked members whose leases have run out: no switch waits for them.
    pub(crate) fenced: u8,
    pub(crate) recovery: Option<Recovery>,
    /// Whether the open switch is an adoption, which is never given up.
    pub(crate) adopting: bool,
}

/// What gateways have reported since a backup was restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub(crate) struct Recovery {
    pub(crate) reported: u8,
    pub(crate) revision: u8,
    pub(crate) generation: u8,
}

/// A transaction that has read and not yet written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Transaction {
    pub(crate) read: Row,
    pub(crate) writes: Row,
}

/// One gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Gateway {
    pub(crate) life: Life,
    pub(crate) turn: Option<TurnId>,
    /// Whom the data plane admits now.
    pub(crate) gate: Gate,
    /// A flip that the data plane has not taken yet.
    pub(crate) flip: Option<Gate>,
    /// Whether the present state is to be written to disk.
    pub(crate) writing: bool,
    pub(crate) disk: Option<Told>,
    /// What it answered, by nonce: a turn has one positive answer.
    pub(crate) answered: u64,
    /// The revision from which on its stream reads states.
    pub(crate) reads_from: u8,
    /// The revision with which it became a member; none if it is none.
    pub(crate) member_since: Option<u8>,
    /// The restores before its stream began.
    pub(crate) stream: u8,
    pub(crate) lease: Lease,
    /// The grants that its data plane has.
    pub(crate) grants: u8,
    /// The revision of the last hold that it said to keep, while no greater one is applied.
    pub(crate) promised: u8,
    /// The greatest generation that it ever served.
    pub(crate) served: u8,
}

/// Whether a gateway's process is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Life {
    /// Not yet started, no member.
    Unborn,
    /// It runs.
    Up,
    /// It died; it may start again with its disk.
    Down,
    /// It never comes back.
    Gone,
}

/// Whether a gateway of a fenced fleet may serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Lease {
    /// It may not.
    None,
    /// It may, by the clock.
    Runs,
    /// It may not by the clock, and a flag that a task sets still says that it may. Nothing looks
    /// at the flag but a planted bug.
    Flagged,
    /// It serves from disk without one: a planted bug.
    Unasked,
}

/// One tenant and its denial of the switch's target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Tenant {
    /// Where provisioning has the switch.
    pub(crate) phase: Phase,
    /// The newest revision of the grants: from 1 on the tenant is not let in to the target.
    pub(crate) grants: u8,
    /// What the last call that fixed the denies returned, if the catalog has not taken it yet.
    pub(crate) closed: Option<u8>,
    pub(crate) denial: Denial,
}

/// How far the denial is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Denial {
    /// Nobody has clicked.
    None,
    /// Written; not answered yet.
    Waits,
    /// Answered at once: in force from the first request after the switch.
    FromTheSwitchOn,
    /// Answered once all gateways had it: in force.
    InForce,
}

/// What there is only so much of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct Spent {
    pub(crate) crashes: u8,
    pub(crate) restores: u8,
}

/// What the clients saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Seen {
    /// The greatest generation of a completed response.
    pub(crate) generation: u8,
    /// The version that each generation was served by; 0 for none.
    pub(crate) versions: [u8; 8],
    /// The gate that each client's connection began with. Nothing looks at it but a planted bug.
    pub(crate) connections: [Option<(u8, Gate)>; 2],
    /// A bit for each invariant that was broken.
    pub(crate) broken: u16,
}

/// What must always be true.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Invariant {
    /// The active version changes by a commit alone.
    I1,
    /// After a response of one generation, no request is answered by an older one.
    I2,
    /// Generations at a gateway never go down.
    I3,
    /// Who has said to hold admits nothing until a greater revision is applied.
    I10,
    /// At a commit every member has answered this hold, or is fenced and cannot serve.
    I12,
    /// A gateway admits only by a state that is not older than its membership.
    I13,
    /// A generation is one version.
    I14,
    /// A commit begins the next generation.
    I15,
    /// A denial that is answered precedes every later request of the tenant.
    I17,
}

impl Invariant {
    /// Those that users see broken.
    pub(crate) const SEEN_BY_USERS: u16 = Self::I2.bit() | Self::I3.bit() | Self::I17.bit();

    pub(crate) const fn bit(self) -> u16 {
        1 << self as u16
    }
}

impl World {
    pub(crate) fn breaks(&mut self, invariant: Invariant) {
        self.seen.broken |= invariant.bit();
    }

    /// Names the turn that a transaction begins which writes the next revision.
    pub(crate) fn next_nonce(&self, row: &Row) -> u8 {
        self.restores * 32 + row.revision + 1
    }
}

impl Row {
    /// Returns the members that switches wait for.
    pub(crate) fn fleet(&self) -> u8 {
        self.members & !self.fenced
    }

    pub(crate) fn told(&self, turn: switch::Turn) -> Told {
        use gateway::model::Order;
        Told {
            timeline: self.timeline,
            revision: self.revision,
            generation: self.generation,
            version: self.version,
            order: match turn {
                switch::Turn::None => Order::None,
                switch::Turn::Preparing(nonce) => Order::Preparing(nonce),
                switch::Turn::Holding(nonce, grants) => Order::Holding(nonce, grants),
                switch::Turn::Releasing(nonce) => Order::Releasing(nonce),
            },
        }
    }
}

impl Gateway {
    pub(crate) fn has_answered(&self, nonce: u8) -> bool {
        self.answered & (1 << nonce) != 0
    }
}

/// Returns the bit of a gateway.
pub(crate) fn bit(gateway: usize) -> u8 {
    1 << gateway
}
