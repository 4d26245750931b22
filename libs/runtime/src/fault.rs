//! Faults for tests: points at which the process dies, and bugs that are planted. Without the
//! feature `faults`, which no release has, nothing of this is compiled in.

/// A bug that can be planted into the product, each the absence of one rule of the protocol. The
/// suites that prove the protocol must catch every one: a suite that does not is one that cannot
/// fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Plant {
    /// R1: a commit needs more than half of the members, not all.
    QuorumInsteadOfAll = 1,
    /// R2: held is said before the last request could get in by the old gate.
    AckBeforeFlip,
    /// R3: held is said without a promise on disk.
    HoldNotPersisted,
    /// R4: an older state is applied.
    StaleStateApplied,
    /// R5: an answer to one hold counts for another.
    AckNotBoundToRev,
    /// R6: a gateway gets its first state before it is a member.
    JoinReadsBeforeMember,
    /// R7: a transition does not compare the revision that it was made from.
    CommitWithoutCas,
    /// R7: an outcome is told before it is durable.
    AnnounceBeforeDurable,
    /// R8: a flag that a task sets says whether the lease holds, not the clock.
    LeaseFlagNotClock,
    /// R8: a silent gateway is left out before its lease has run out.
    FenceWithoutWait,
    /// R8: a marked gateway gets leases.
    RenewIgnoresMark,
    /// R8: a gateway that starts serves from disk without a lease.
    BootBeforeSyncFenced,
    /// R9: a hold that lasts too long goes back to the old version.
    HoldTimeoutFallsBack,
    /// R9: a restored catalog goes on as if nothing had happened.
    RestoreSilently,
    /// R9: what is adopted begins at a generation that was used before.
    RollbackNoFloor,
    /// R9: a connection keeps the route of its first request.
    RouteCachedPerConnection,
    /// R9: a gateway that serves can be evicted.
    EvictLive,
    /// Consent: a denial is answered as in force when it is only recorded.
    DenyAnsweredWhenRecorded,
    /// Consent: held is said without the grants that the hold names.
    HeldWithoutGrants,
    /// Consent: whether a denial must wait is read from what the catalog last said, not from the
    /// denial's own transaction.
    PhaseFromCatalog,
}

impl Plant {
    /// Every bug.
    pub const ALL: [Self; 20] = [
        Self::QuorumInsteadOfAll,
        Self::AckBeforeFlip,
        Self::HoldNotPersisted,
        Self::StaleStateApplied,
        Self::AckNotBoundToRev,
        Self::JoinReadsBeforeMember,
        Self::CommitWithoutCas,
        Self::AnnounceBeforeDurable,
        Self::LeaseFlagNotClock,
        Self::FenceWithoutWait,
        Self::RenewIgnoresMark,
        Self::BootBeforeSyncFenced,
        Self::HoldTimeoutFallsBack,
        Self::RestoreSilently,
        Self::RollbackNoFloor,
        Self::RouteCachedPerConnection,
        Self::EvictLive,
        Self::DenyAnsweredWhenRecorded,
        Self::HeldWithoutGrants,
        Self::PhaseFromCatalog,
    ];
}

/// Tells whether a bug is planted in this process.
#[cfg(not(feature = "faults"))]
#[inline(always)]
pub fn planted(_: Plant) -> bool {
    false
}

/// Reads from the environment at which points this process is to die and which bug is planted.
#[cfg(not(feature = "faults"))]
#[inline(always)]
pub fn arm() {}

/// Dies here as by `kill -9` if the variable `FAILPOINTS` says so, as in
/// `FAILPOINTS=gateway.routes.written=2*off->return`: at the third time that it gets here.
#[cfg(not(feature = "faults"))]
#[inline(always)]
pub fn crash_point(_: &str) {}

/// What a clock shows that is off by so many seconds as the variable `SWITCHOVER_CLOCK_OFF` says.
#[cfg(not(feature = "faults"))]
#[inline(always)]
pub(crate) fn misread(now: jiff::Timestamp) -> jiff::Timestamp {
    now
}

#[cfg(feature = "faults")]
pub(crate) use enabled::misread;
#[cfg(feature = "faults")]
pub use enabled::{arm, crash_point, plant, planted};

#[cfg(feature = "faults")]
mod enabled {
    use std::sync::{
        LazyLock, Once,
        atomic::{AtomicU8, Ordering},
    };

    use jiff::{SignedDuration, Timestamp};

    use super::Plant;

    /// Names the bug that a process starts with.
    const VARIABLE: &str = "SWITCHOVER_PLANT";

    /// Says by how much the system's clock is off, in seconds, backwards too.
    const CLOCK_VARIABLE: &str = "SWITCHOVER_CLOCK_OFF";

    static CLOCK_OFF: LazyLock<SignedDuration> = LazyLock::new(|| {
        let seconds = std::env::var(CLOCK_VARIABLE).ok().map(|seconds| {
            let read = seconds.parse();
            read.unwrap_or_else(|_| panic!("{CLOCK_VARIABLE}: {seconds} is no number of seconds"))
        });
        SignedDuration::from_secs(seconds.unwrap_or(0))
    });

    static PLANTED: AtomicU8 = AtomicU8::new(0);
    static BEGUN: Once = Once::new();

    /// What a clock shows that is off by so many seconds as the variable `SWITCHOVER_CLOCK_OFF` says.
    pub(crate) fn misread(now: Timestamp) -> Timestamp {
        now.saturating_add(*CLOCK_OFF).unwrap_or(now)
    }

    /// Plants one bug in this process, or none, in place of the one before.
    pub fn plant(bug: Option<Plant>) {
        arm();
        PLANTED.store(bug.map_or(0, |bug| bug as u8), Ordering::SeqCst);
    }

    /// Tells whether a bug is planted in this process.
    pub fn planted(bug: Plant) -> bool {
        arm();
        PLANTED.load(Ordering::SeqCst) == bug as u8
    }

    /// Dies here as by `kill -9` if the variable `FAILPOINTS` says so, as in
    /// `FAILPOINTS=gateway.routes.written=2*off->return`: at the third time that it gets here.
    #[expect(
        clippy::print_stderr,
        reason = "the last words of a process that a test kills"
    )]
    pub fn crash_point(name: &str) {
        arm();
        if fail::eval(name, |_| ()).is_some() {
            eprintln!("dying at {name}");
            std::process::abort();
        }
    }

    /// Reads from the environment at which points this process is to die, here and around commits,
    /// and which bug is planted.
    pub fn arm() {
        BEGUN.call_once(|| {
            // Lives as long as the process.
            std::mem::forget(fail::FailScenario::setup());
            if let Ok(name) = std::env::var(VARIABLE) {
                let bug = Plant::ALL
                    .into_iter()
                    .find(|bug| format!("{bug:?}") == name)
                    .unwrap_or_else(|| panic!("{VARIABLE}: there is no bug {name}"));
                PLANTED.store(bug as u8, Ordering::SeqCst);
            }
        });
    }
}

#[cfg(all(test, feature = "faults"))]
mod tests {
    use super::*;

    #[test]
    fn one_bug_at_a_time_is_planted() {
        assert!(Plant::ALL.into_iter().all(|bug| !planted(bug)));
        plant(Some(Plant::EvictLive));
        assert!(planted(Plant::EvictLive) && !planted(Plant::QuorumInsteadOfAll));
        plant(None);
        assert!(Plant::ALL.into_iter().all(|bug| !planted(bug)));
    }
}
