//! Why a history cannot be checked.

use std::io;

/// Why a history cannot be checked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("the history cannot be read: {0}")]
    Read(#[from] io::Error),
    /// A line is no record.
    #[error("line {number}: {why}")]
    Line {
        /// Counted from 1.
        number: u64,
        /// What is wrong with it.
        why: String,
    },
}
