//! Forgets events and deliveries after their time, a few at once, so that nobody waits for it.

use std::convert::Infallible;

use clap::Args;
use jiff::{SignedDuration, Timestamp};
use runtime::{CancellationToken, Clock, retry};
use store::{Db, Error};

use crate::{
    delivery::after,
    store::retention::{self, Age, Shelf},
};

/// How often it is looked for what is to be forgotten.
const EVERY: SignedDuration = SignedDuration::from_hours(1);
/// Rows of one transaction: others write between two of them.
const AT_ONCE: usize = 200;

/// For how many days what is kept. An event is kept as long as a mail of it, and at least a week, so
/// that a notice that is published again is known.
#[derive(Debug, Clone, Copy, Args)]
pub struct RetentionArgs {
    /// Days that events are kept which were put away
    #[arg(long, env = "SWITCHOVER_KEEP_ARCHIVED_DAYS", default_value_t = 90, value_parser = clap::value_parser!(u16).range(7..=36500))]
    pub keep_archived_days: u16,
    /// Days that events are kept which somebody has read
    #[arg(long, env = "SWITCHOVER_KEEP_READ_DAYS", default_value_t = 365, value_parser = clap::value_parser!(u16).range(7..=36500))]
    pub keep_read_days: u16,
    /// Days that events are kept which nobody has read
    #[arg(long, env = "SWITCHOVER_KEEP_UNREAD_DAYS", default_value_t = 730, value_parser = clap::value_parser!(u16).range(7..=36500))]
    pub keep_unread_days: u16,
    /// Days that it is kept which mails were sent
    #[arg(long, env = "SWITCHOVER_KEEP_SENT_DAYS", default_value_t = 90, value_parser = clap::value_parser!(u16).range(7..=36500))]
    pub keep_sent_days: u16,
    /// Days that mails are kept which failed, were given up or came back
    #[arg(long, env = "SWITCHOVER_KEEP_UNSENT_DAYS", default_value_t = 365, value_parser = clap::value_parser!(u16).range(7..=36500))]
    pub keep_unsent_days: u16,
}

impl Default for RetentionArgs {
    fn default() -> Self {
        Self {
            keep_archived_days: 90,
            keep_read_days: 365,
            keep_unread_days: 730,
            keep_sent_days: 90,
            keep_unsent_days: 365,
        }
    }
}

impl RetentionArgs {
    /// Returns what is to be forgotten now; deliveries first, because events stay as long as theirs.
    fn ages(&self, now: Timestamp) -> [Age; 5] {
        let age = |shelf, days: u16| Age {
            shelf,
            before: after(now, SignedDuration::from_hours(-24 * i64::from(days))),
        };
        [
            age(Shelf::Sent, self.keep_sent_days),
            age(Shelf::Unsent, self.keep_unsent_days),
            age(Shelf::Archived, self.keep_archived_days),
            age(Shelf::Read, self.keep_read_days),
            age(Shelf::Unread, self.keep_unread_days),
        ]
    }
}

/// Forgets until it is asked to stop.
pub(crate) async fn run(
    db: Db,
    clock: Clock,
    keep: RetentionArgs,
    stop: CancellationToken,
) -> Result<(), Infallible> {
    loop {
        let now = clock.now();
        match sweep(&db, &keep, now, &stop).await {
            Ok(0) => {}
            Ok(rows) => tracing::info!(rows, "forgot events and mails after their time"),
            Err(error) => tracing::warn!(
                error = &error as &dyn std::error::Error,
                "events and mails cannot be forgotten right now"
            ),
        }
        if retry::until(after(now, EVERY), &clock, &stop)
            .await
            .is_err()
        {
            return Ok(());
        }
    }
}

/// Forgets what is older than it is kept; returns how many rows.
async fn sweep(
    db: &Db,
    keep: &RetentionArgs,
    now: Timestamp,
    stop: &CancellationToken,
) -> Result<usize, Error> {
    let mut forgotten = 0;
    for age in keep.ages(now) {
        while !stop.is_cancelled() {
            let rows = store::write!(db, |tx| retention::forget(tx, age, AT_ONCE).await)?;
            forgotten += rows;
            if rows < AT_ONCE {
                break;
            }
        }
    }
    Ok(forgotten)
}

#[cfg(test)]
mod tests;
