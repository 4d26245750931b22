//! What was broken, and from when to when, on the clock of the load.

use std::sync::Mutex;

use crate::load::Load;

/// How long a gateway may take to find everybody again once it can.
const RECOVERY_MICROS: u64 = 20_000_000;

/// Whom a fault keeps from the catalog or from provisioning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whom {
    /// One gateway.
    Gateway(usize),
    /// Every gateway.
    All,
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
}

#[derive(Debug, Clone, Copy)]
struct Window {
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
        };
        *count += 1;
        all.windows.push(Window {
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
            };
            let over = window.to.map(|to| to.saturating_add(RECOVERY_MICROS));
            meant && window.from <= answered && over.is_none_or(|over| sent <= over)
        })
    }
}
