//! What was broken, and from when to when, on the clock of the load.

use std::{sync::Mutex, time::Duration};

use crate::load::Load;

/// How long a gateway may take to find everybody again once it can: a try that met the fault may go
/// on for 5 s, the pause after it lasts up to 1 s, and a machine that is busy gets 1 s.
const LINK: Duration = Duration::from_secs(7);
/// How long a switch may stand after one of those that drive it was gone: the claim on it ends after
/// 3 s, and gateways may have to find another catalog before they hear what came of it.
const DRIVER: Duration = Duration::from_secs(10);
/// How long what was under way on a slow wire may still take: each message is late by 200 ms at most,
/// and a step of a switch is two of them.
const SLOW: Duration = Duration::from_secs(1);

/// Whom a fault keeps from the catalog or from provisioning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whom {
    /// One gateway.
    Gateway(usize),
    /// Every gateway.
    All,
    /// None: mails wait, and nothing else does.
    Nobody,
}

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `kill -9`.
    Kill,
    /// A pause of the whole process.
    Pause,
    /// An immediate restart of the database.
    Database,
    /// A cut or reset wire.
    Partition,
    /// A slow wire.
    Slow,
    /// A commit whose answer is lost.
    LostCommit,
    /// A disk on which every so often a write takes its time.
    SlowDisk,
    /// A wall clock that is wrong.
    Clock,
}

#[derive(Debug, Clone, Copy)]
struct Window {
    kind: Kind,
    whom: Whom,
    from: u64,
    // None while it lasts.
    to: Option<u64>,
}

/// What was broken.
#[derive(Debug, Default)]
pub(super) struct Faults(Mutex<Counted>);

/// What was broken, counted.
#[derive(Debug, Default, Clone)]
pub(super) struct Counted {
    pub(super) kills: u64,
    pub(super) pauses: u64,
    pub(super) database_restarts: u64,
    pub(super) partitions: u64,
    pub(super) slow: u64,
    pub(super) lost_commits: u64,
    pub(super) slow_disks: u64,
    pub(super) wrong_clocks: u64,
    windows: Vec<Window>,
}

/// A fault that has begun.
#[must_use]
#[derive(Debug, Clone, Copy)]
pub(super) struct Begun(usize);

impl Faults {
    pub(super) fn begin(&self, kind: Kind, whom: Whom, load: &Load) -> Begun {
        let from = load.now();
        let mut all = self.0.lock().expect("no holder panics");
        let count = match kind {
            Kind::Kill => &mut all.kills,
            Kind::Pause => &mut all.pauses,
            Kind::Database => &mut all.database_restarts,
            Kind::Partition => &mut all.partitions,
            Kind::Slow => &mut all.slow,
            Kind::LostCommit => &mut all.lost_commits,
            Kind::SlowDisk => &mut all.slow_disks,
            Kind::Clock => &mut all.wrong_clocks,
        };
        *count += 1;
        all.windows.push(Window {
            kind,
            whom,
            from,
            to: None,
        });
        Begun(all.windows.len() - 1)
    }

    pub(super) fn end(&self, begun: Begun, load: &Load) {
        let to = load.now();
        self.0.lock().expect("no holder panics").windows[begun.0].to = Some(to);
    }

    pub(super) fn counted(&self) -> Counted {
        self.0.lock().expect("no holder panics").clone()
    }
}

impl Counted {
    /// Tells whether a request to a gateway may have met a fault, or what one left behind.
    pub(super) fn excuse(&self, gateway: u8, sent: u64, answered: u64) -> bool {
        self.windows.iter().any(|window| {
            let meant = match window.whom {
                Whom::All => true,
                Whom::Gateway(index) => index == usize::from(gateway),
                Whom::Nobody => false,
            };
            let after = u64::try_from(after(window.kind, window.whom).as_micros());
            let over = window
                .to
                .map(|to| to.saturating_add(after.unwrap_or(u64::MAX)));
            meant && window.from <= answered && over.is_none_or(|over| sent <= over)
        })
    }
}

/// How long after a fault a gateway may still refuse because of it.
fn after(kind: Kind, whom: Whom) -> Duration {
    match (kind, whom) {
        // It counts as killed until it has said that it is ready, and then it knows all.
        (Kind::Kill, Whom::Gateway(_)) | (_, Whom::Nobody) => Duration::ZERO,
        (Kind::Slow | Kind::SlowDisk, Whom::Gateway(_) | Whom::All) => SLOW,
        (
            Kind::Pause | Kind::Database | Kind::Partition | Kind::LostCommit | Kind::Clock,
            Whom::Gateway(_),
        ) => LINK,
        (
            Kind::Kill
            | Kind::Pause
            | Kind::Database
            | Kind::Partition
            | Kind::LostCommit
            | Kind::Clock,
            Whom::All,
        ) => DRIVER,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000;

    fn broken(kind: Kind, whom: Whom) -> Counted {
        let window = Window {
            kind,
            whom,
            from: 100 * SECOND,
            to: Some(103 * SECOND),
        };
        Counted {
            windows: vec![window],
            ..Counted::default()
        }
    }

    #[test]
    fn a_fault_excuses_its_gateway_while_it_lasts_and_as_long_after_as_its_kind_says() {
        let cut = broken(Kind::Partition, Whom::Gateway(1));
        assert!(!cut.excuse(1, 90 * SECOND, 99 * SECOND), "before");
        assert!(cut.excuse(1, 90 * SECOND, 101 * SECOND), "met it");
        assert!(cut.excuse(1, 110 * SECOND, 111 * SECOND), "just after");
        assert!(!cut.excuse(1, 111 * SECOND, 112 * SECOND), "long after");
        assert!(!cut.excuse(0, 101 * SECOND, 102 * SECOND), "another one");
        let slow = broken(Kind::Slow, Whom::Gateway(1));
        assert!(!slow.excuse(1, 105 * SECOND, 106 * SECOND));
        let killed = broken(Kind::Kill, Whom::Gateway(1));
        assert!(!killed.excuse(1, 104 * SECOND, 105 * SECOND));
    }

    #[test]
    fn mails_that_wait_excuse_nothing() {
        let killed = broken(Kind::Kill, Whom::Nobody);
        assert!(!killed.excuse(0, 101 * SECOND, 102 * SECOND));
    }
}
