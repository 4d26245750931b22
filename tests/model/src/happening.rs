//! What may happen next.

use catalog::model as switch;

/// One step of the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Happening {
    /// An operator confirms the next version.
    Confirm,
    /// A catalog replica takes an event in, as one transaction.
    Advance(switch::Event),
    /// A catalog replica reads, and decides what to write.
    Read(Option<switch::Event>),
    /// It writes, if the row is as it was read.
    Write(usize),
    /// It dies in between.
    ReplicaDies(usize),

    /// Provisioning fixes the denies.
    CloseConsent,
    /// Provisioning hears the outcome, and the catalog that it has.
    SettleConsent,
    /// The tenant denies the target.
    Deny,
    /// Every gateway has the denial: it is answered.
    AnswerDenial,
    /// A gateway gets the newest grants.
    Grants(usize),

    /// A gateway gets what was announced.
    Arrives(usize, usize),
    /// The data plane takes a flip.
    Flipped(usize),
    /// The disk has the present state.
    Written(usize),
    /// A gateway dies.
    Dies(usize),
    /// It starts again from its disk.
    Starts(usize),
    /// A client's request is sent, admitted and answered by a gateway.
    Ask(usize, usize),

    /// A gateway becomes a member and starts.
    Joins(usize),
    /// A gateway that stopped is evicted.
    Evict(usize),
    /// A gateway gets no more leases.
    Mark(usize),
    /// A marked gateway's leases have run out.
    Fence(usize),
    /// A marked gateway is heard again, and is a full member.
    Rejoins(usize),
    /// A gateway's lease is renewed.
    Renew(usize),
    /// A gateway's lease runs out.
    LeaseEnds(usize),

    /// A backup is made.
    Backup,
    /// It is restored.
    Restore,
    /// A gateway tells the restored catalog what it has.
    Reports(usize),
    /// What was restored and reported is the truth from now on.
    Adopt,

    /// Planted: a gateway reads a state before it is a member.
    ReadsEarly(usize),
    /// Planted: a hold lasts too long and falls back.
    FallsBack(usize),
}
