//! Why a process cannot start or go on, and what it exits with.

use std::{io, net::SocketAddr, path::PathBuf};

/// What a process exits with (the numbers of `sysexits.h`).
pub mod exit {
    /// It did what it was asked and stopped in good order.
    pub const OK: u8 = 0;
    /// It was called with flags or configuration that cannot work; nothing was opened.
    pub const USAGE: u8 = 64;
    /// Something it needs is not there: an address, a database, a peer.
    pub const UNAVAILABLE: u8 = 69;
    /// A fault of its own.
    pub const INTERNAL: u8 = 70;
    /// It stopped when asked, but had to cut what did not end in time.
    pub const CUT: u8 = 75;
    /// A file it was given is missing or wrong.
    pub const CONFIG: u8 = 78;
}

/// Why a process cannot start or go on, in one sentence.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Flags or variables that cannot work.
    #[error("{0}")]
    Usage(String),
    /// A file that is missing or wrong.
    #[error("{path}: {why}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// An address that cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// Something that is needed does not answer.
    #[error("{what} is not available: {why}")]
    Unavailable {
        /// What is needed.
        what: String,
        /// What it says.
        why: String,
    },
    /// The contracts cannot be obeyed.
    #[error("{0}")]
    Contracts(#[from] contract::access::AccessError),
    /// A task that should have gone on.
    #[error("task {task} {why}")]
    Task {
        /// The task's name.
        task: String,
        /// How it ended.
        why: String,
    },
    /// A fault of our own.
    #[error("{0}")]
    Internal(String),
}

#[expect(clippy::needless_pass_by_value, reason = "so that they fit `map_err`")]
impl Error {
    /// Something that is needed does not answer.
    pub fn unavailable(what: impl Into<String>, why: impl ToString) -> Self {
        Self::Unavailable {
            what: what.into(),
            why: why.to_string(),
        }
    }

    /// A file that is missing or wrong.
    pub fn file(path: impl Into<PathBuf>, why: impl ToString) -> Self {
        Self::File {
            path: path.into(),
            why: why.to_string(),
        }
    }

    /// A fault of our own.
    pub fn internal(why: impl ToString) -> Self {
        Self::Internal(why.to_string())
    }

    /// Returns what the process exits with.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => exit::USAGE,
            Self::File { .. } => exit::CONFIG,
            Self::Listen { .. } | Self::Unavailable { .. } => exit::UNAVAILABLE,
            Self::Contracts(_) | Self::Task { .. } | Self::Internal(_) => exit::INTERNAL,
        }
    }
}
