//! Trying again what broke off, as long as there is hope.

use std::time::Duration;

use contract::Code;
use runtime::{Backoff, CancellationToken};

use crate::error::Error;

/// How long somebody goes on.
#[derive(Debug, Clone, Copy)]
pub(super) enum Patience {
    /// Until so many tries in a row have brought nothing.
    Tries(u32),
    /// For ever, once anything has come: whoever has never been let in is told at once.
    OnceLetIn,
}

/// The tries of one thing.
pub(super) struct Again {
    patience: Patience,
    /// In a row.
    failures: u32,
    let_in: bool,
    backoff: Backoff,
    stop: CancellationToken,
}

impl Again {
    /// The first pause before another try, unless somebody says otherwise.
    pub(super) const PAUSE_FIRST: Duration = Duration::from_millis(100);
    const PAUSE_MAX: Duration = Duration::from_secs(5);

    pub(super) fn new(patience: Patience, first_pause: Duration) -> Self {
        Self {
            patience,
            failures: 0,
            let_in: false,
            backoff: Backoff::new(first_pause, Self::PAUSE_MAX),
            stop: CancellationToken::new(),
        }
    }

    /// Notes that something has come.
    pub(super) fn brought(&mut self) {
        self.backoff.reset();
        self.failures = 0;
        self.let_in = true;
    }

    /// Waits for another try; the error itself if there is to be none.
    pub(super) async fn wait(&mut self, broken: Error) -> Result<(), Error> {
        self.failures += 1;
        let over = match self.patience {
            Patience::Tries(most) => self.failures >= most,
            Patience::OnceLetIn => !self.let_in,
        };
        let hope = match &broken {
            Error::Service { problem, .. } if problem.transient() => true,
            // What was let in ends with its key or token; a new one may be in the file by now.
            Error::Service { problem, .. } if problem.code() == Code::Unauthenticated => {
                self.let_in && self.failures == 1
            }
            _ => false,
        };
        if over || !hope || self.backoff.next(&self.stop).await.is_err() {
            return Err(broken);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use contract::{Problem, reason};

    use super::*;

    #[tokio::test]
    async fn who_was_let_in_and_is_unknown_now_tries_once_with_what_is_in_the_file() {
        let unknown = || Error::Service {
            problem: Problem::unauthenticated(reason::UNAUTHENTICATED, "It has expired."),
            request_id: "r".parse().unwrap(),
        };
        for patience in [Patience::Tries(20), Patience::OnceLetIn] {
            let mut again = Again::new(patience, Duration::from_millis(1));
            assert!(again.wait(unknown()).await.is_err(), "never let in");
            again.brought();
            again.wait(unknown()).await.unwrap();
            assert!(again.wait(unknown()).await.is_err(), "and still unknown");
            again.brought();
            again.wait(unknown()).await.unwrap();
        }
    }
}
