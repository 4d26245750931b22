//! Whether a log is as it was written: found by anybody who has its entries.

use std::collections::BTreeSet;

use crate::{
    entry::{Entry, GENESIS, Head},
    service::Service,
};

/// What is wrong with a log, and at which number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// An entry is not what its hash says.
    #[error("entry {0} was changed: it is not what its hash says")]
    Changed(i64),
    /// An entry was written anew, with a hash that fits it.
    #[error("entry {0} or the one before it was replaced: it follows on another one")]
    Replaced(i64),
    /// There is one between two that are not there.
    #[error("entry {0} is missing")]
    Missing(i64),
    /// One stands where another should.
    #[error(
        "entry {found} stands where entry {expected} should: entries were reordered or repeated"
    )]
    Reordered {
        /// Which should stand there.
        expected: i64,
        /// Which does.
        found: i64,
    },
    /// It goes on after what there is.
    #[error(
        "the log ends with entry {found}, but the service has written {written}: entries were cut off"
    )]
    Cut {
        /// The number of the last one.
        found: i64,
        /// The number that the service remembers.
        written: i64,
    },
    /// It ends elsewhere than the service says.
    #[error("entry {0} is the last one, but not the one that the service has written last")]
    OtherEnd(i64),
    /// An entry of another service.
    #[error("entry {number} is of {service}")]
    Foreign {
        /// The entry.
        number: i64,
        /// Whose it is.
        service: Service,
    },
}

impl Broken {
    /// Returns the number at which the log is broken.
    pub fn number(&self) -> i64 {
        match self {
            Self::Changed(number) | Self::Replaced(number) | Self::OtherEnd(number) => *number,
            Self::Missing(number) => *number,
            Self::Reordered { expected, .. } => *expected,
            Self::Cut { found, .. } => found + 1,
            Self::Foreign { number, .. } => *number,
        }
    }
}

/// Follows the entries of one service from the first on; returns where they end. Hashes that are met
/// are taken out of `sought`.
///
/// # Errors
/// The first that is wrong.
pub fn follow<'a>(
    service: Service,
    entries: impl IntoIterator<Item = &'a Entry>,
    sought: &mut BTreeSet<String>,
) -> Result<Head, Broken> {
    let mut entries = entries.into_iter();
    let mut head = Head {
        number: 0,
        hash: GENESIS.to_owned(),
    };
    sought.remove(GENESIS);
    while let Some(entry) = entries.next() {
        let expected = head.number + 1;
        if entry.service != service {
            return Err(Broken::Foreign {
                number: entry.number,
                service: entry.service,
            });
        }
        if entry.number != expected {
            let found = entry.number;
            let later = found < expected || entries.any(|entry| entry.number == expected);
            return Err(if later {
                Broken::Reordered { expected, found }
            } else {
                Broken::Missing(expected)
            });
        }
        if !entry.is_whole() {
            return Err(Broken::Changed(expected));
        }
        if entry.previous != head.hash {
            return Err(Broken::Replaced(expected));
        }
        sought.remove(&entry.hash);
        head = Head {
            number: entry.number,
            hash: entry.hash.clone(),
        };
    }
    Ok(head)
}

/// Compares where the entries end with where the service says that they do.
///
/// # Errors
/// If that is elsewhere.
pub fn ends(found: &Head, written: &Head) -> Result<(), Broken> {
    if found.number != written.number {
        Err(Broken::Cut {
            found: found.number,
            written: written.number,
        })
    } else if found.hash != written.hash {
        Err(Broken::OtherEnd(found.number))
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
