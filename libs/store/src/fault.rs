//! Points around each commit at which a process can be made to die, for tests. Without the feature
//! `faults`, which no release has, nothing of this is compiled in.

/// The side of a commit on which a point lies.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Side {
    /// Everything is written and nothing is kept.
    Before,
    /// Everything is kept and nobody knows.
    After,
}

/// Dies here as by `kill -9` if the fail points of this process say so, and prints whose
/// transaction it was.
#[cfg(feature = "faults")]
#[expect(
    clippy::print_stderr,
    reason = "the last words of a process that a test kills"
)]
pub(crate) fn point(side: Side, place: &str) {
    let name = match side {
        Side::Before => "store.commit.before",
        Side::After => "store.commit.after",
    };
    if fail::eval(name, |_| ()).is_some() {
        eprintln!("dying at {name} in {place}");
        std::process::abort();
    }
}

#[cfg(not(feature = "faults"))]
#[inline(always)]
pub(crate) fn point(_: Side, _: &str) {}
