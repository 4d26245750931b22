//! Tells the commits of changes from everything else that a client says to PostgreSQL.

/// How a transaction begins that may change things, and the rest of what is said of it.
const WRITES: &[u8] = b"isolation level serializable";
const READS: &[u8] = b"read only";
const COMMITS: &[u8] = b"COMMIT\0";

/// One connection, as far as it has been heard. Our statements are short and sent one at a time: none
/// of these words lies across two reads.
#[derive(Debug, Default)]
pub(super) struct Commits {
    writing: bool,
}

impl Commits {
    /// Takes in what a client says; true if it commits a change.
    pub(super) fn a_change_is_committed(&mut self, said: &[u8]) -> bool {
        let says = |words: &[u8]| said.windows(words.len()).any(|window| window == words);
        if says(WRITES) {
            self.writing = true;
        } else if says(READS) {
            self.writing = false;
        }
        let committed = self.writing && says(COMMITS);
        self.writing &= !committed;
        committed
    }
}

#[cfg(test)]
pub(super) const BEGIN_READ: &[u8] =
    b"Q\0\0\0\x30begin isolation level repeatable read read only\0";
#[cfg(test)]
pub(super) const BEGIN_WRITE: &[u8] = b"Q\0\0\0\x25begin isolation level serializable\0";
#[cfg(test)]
pub(super) const COMMIT: &[u8] = b"Q\0\0\0\x0bCOMMIT\0";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_that_ends_commits_nothing() {
        let mut commits = Commits::default();
        let heard = [
            BEGIN_WRITE,
            COMMIT,
            COMMIT,
            BEGIN_READ,
            COMMIT,
            BEGIN_WRITE,
            b"S",
            COMMIT,
        ]
        .map(|said| commits.a_change_is_committed(said));
        assert_eq!(
            heard,
            [false, true, false, false, false, false, false, true]
        );
    }
}
