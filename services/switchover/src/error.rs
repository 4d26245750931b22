//! What ends a command other than well, and the exit code that says so.

use std::{fmt, io, process::ExitCode};

use contract::{Code, Problem, RequestId};

/// How the process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Ok = 0,
    /// A switch failed or was cancelled, tenants of a file failed, or a question was answered No.
    NotDone = 1,
    /// The command line is wrong.
    Usage = 2,
    /// There is no such thing.
    NotFound = 3,
    /// Refused: wrong fields, wrong state, there is one already, somebody was faster.
    Refused = 4,
    /// The caller is unknown, or its role does not allow it.
    Permission = 5,
    /// A service cannot be reached, or time ran out.
    Unavailable = 6,
    /// A history has requests that contradict each other, or an audit log is not as it was written.
    Contradicted = 7,
    /// A service cannot start: its flags or variables are wrong.
    Configuration = 64,
    /// A service cannot start: an address, a database or a peer is not there.
    Missing = 69,
    /// A fault in Switchover.
    Internal = 70,
    /// A service stopped, but had to cut what did not end in time.
    Cut = 75,
    /// A file is missing or wrong.
    File = 78,
}

impl Exit {
    /// The exit codes as `--help` explains them.
    pub const HELP: &str = "\
Exit codes:
   0  done
   1  the switch failed or was cancelled, tenants of a file failed, or a question was answered No
   2  the command line is wrong
   3  there is no such thing
   4  refused: wrong fields, wrong state, there is one already, somebody was faster
   5  not permitted, or not known who asks
   6  a service cannot be reached, or time ran out
   7  a history has requests that contradict each other, or an audit log was changed
  64  a service cannot start: its flags or variables are wrong
  69  a service cannot start: an address, a database or a peer is not there
  70  a fault in Switchover
  75  a service stopped, but had to cut what did not end in time
  78  a file is missing or wrong";
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

impl From<Code> for Exit {
    fn from(code: Code) -> Self {
        match code {
            Code::NotFound => Self::NotFound,
            Code::InvalidArgument
            | Code::OutOfRange
            | Code::AlreadyExists
            | Code::FailedPrecondition
            | Code::Aborted => Self::Refused,
            Code::PermissionDenied | Code::Unauthenticated => Self::Permission,
            Code::Unavailable
            | Code::DeadlineExceeded
            | Code::Cancelled
            | Code::ResourceExhausted => Self::Unavailable,
            Code::Unknown | Code::Unimplemented | Code::Internal | Code::DataLoss => Self::Internal,
        }
    }
}

/// A line of a file that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrongLine {
    /// Its number, from 1.
    pub number: u64,
    /// What is wrong.
    pub why: String,
}

/// Why a command did not end well.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A service said no, or did not answer.
    #[error("{problem}")]
    Service {
        /// What it said.
        problem: Problem,
        /// The request under which its log knows of it.
        request_id: RequestId,
    },
    /// What was asked for makes no sense.
    #[error("{message}")]
    Usage {
        /// Why not.
        message: String,
        /// What to do instead.
        hint: Option<String>,
    },
    /// A switch ended without making its target the active version; its own view says why.
    #[error("the switch did not succeed")]
    SwitchGivenUp,
    /// The person said No.
    #[error("nothing was changed")]
    Declined,
    /// A history has requests that contradict each other; they have been shown.
    #[error("the history is not linearizable")]
    Contradicted,
    /// An audit log is not as it was written.
    #[error("{what}")]
    Tampered {
        /// What is wrong, unless it was shown.
        what: String,
    },
    /// Some tenants of a file failed; they have been shown.
    #[error("{failed} tenants failed")]
    Incomplete {
        /// How many.
        failed: usize,
    },
    /// A file has lines that are wrong; nothing of it was sent.
    #[error("{path} has wrong lines")]
    Lines {
        /// The file.
        path: String,
        /// The first of them.
        wrong: Vec<WrongLine>,
        /// How many more there are.
        more: usize,
    },
    /// A history cannot be checked.
    #[error("{path}: {error}")]
    History {
        /// The file.
        path: String,
        /// What is wrong with it.
        error: history::Error,
    },
    /// A service or the demonstration could not start or go on.
    #[error(transparent)]
    Runtime(#[from] runtime::Error),
    /// What was to be shown could not be written.
    #[error("the output cannot be written: {0}")]
    Output(#[from] io::Error),
}

impl Error {
    /// Refuses a command line.
    pub fn usage(message: impl fmt::Display, hint: Option<String>) -> Self {
        Self::Usage {
            message: message.to_string(),
            hint,
        }
    }

    /// Returns the exit code that it means.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Service { problem, .. } => problem.code().into(),
            Self::Usage { .. } => Exit::Usage,
            Self::SwitchGivenUp | Self::Declined | Self::Incomplete { .. } => Exit::NotDone,
            Self::Contradicted | Self::Tampered { .. } => Exit::Contradicted,
            Self::History { .. } | Self::Lines { .. } => Exit::File,
            Self::Runtime(error) => match error.exit_code() {
                runtime::exit::USAGE => Exit::Configuration,
                runtime::exit::UNAVAILABLE => Exit::Missing,
                runtime::exit::CUT => Exit::Cut,
                runtime::exit::CONFIG => Exit::File,
                _ => Exit::Internal,
            },
            // Whoever read the output has gone; what was asked for is done.
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Ok,
            Self::Output(_) => Exit::Internal,
        }
    }
}

#[cfg(test)]
mod tests {
    use contract::reason;

    use super::*;

    #[test]
    fn every_code_of_a_problem_has_the_exit_code_that_the_help_says() {
        let expected = [
            (Code::NotFound, 3),
            (Code::InvalidArgument, 4),
            (Code::AlreadyExists, 4),
            (Code::FailedPrecondition, 4),
            (Code::Aborted, 4),
            (Code::OutOfRange, 4),
            (Code::PermissionDenied, 5),
            (Code::Unauthenticated, 5),
            (Code::Unavailable, 6),
            (Code::DeadlineExceeded, 6),
            (Code::ResourceExhausted, 6),
            (Code::Cancelled, 6),
            (Code::Internal, 70),
            (Code::Unknown, 70),
            (Code::Unimplemented, 70),
            (Code::DataLoss, 70),
        ];
        for (code, exit) in expected {
            let error = Error::Service {
                problem: Problem::new(code, reason::INTERNAL, "x"),
                request_id: "r".parse().unwrap(),
            };
            assert_eq!(error.exit() as u8, exit, "{code:?}");
            let listed = format!("\n{exit:>4}  ");
            assert!(Exit::HELP.contains(&listed), "{exit} is explained");
        }
    }

    #[test]
    fn what_a_service_exits_with_is_explained_too() {
        use runtime::exit;
        for (error, exit) in [
            (runtime::Error::Usage(String::new()), exit::USAGE),
            (runtime::Error::unavailable("x", "y"), exit::UNAVAILABLE),
            (runtime::Error::file("x", "y"), exit::CONFIG),
            (runtime::Error::internal("x"), exit::INTERNAL),
        ] {
            assert_eq!(Error::from(error).exit() as u8, exit);
        }
        for exit in [
            exit::USAGE,
            exit::UNAVAILABLE,
            exit::INTERNAL,
            exit::CUT,
            exit::CONFIG,
        ] {
            assert!(Exit::HELP.contains(&format!("\n{exit:>4}  ")), "{exit}");
        }
    }

    #[test]
    fn a_reader_that_has_gone_is_no_failure() {
        let gone = Error::Output(io::ErrorKind::BrokenPipe.into());
        assert_eq!(gone.exit(), Exit::Ok);
        let full = Error::Output(io::ErrorKind::StorageFull.into());
        assert_eq!(full.exit(), Exit::Internal);
    }
}
