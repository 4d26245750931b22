//! Writes down what gateways counted, and forgets it after its time.

use std::{
    collections::{BTreeMap, VecDeque},
    convert::Infallible,
    time::Duration,
};

use ::store::{Db, Error};
use jiff::SignedDuration;
use runtime::{CancellationToken, Clock, retry};
use tokio::sync::mpsc;

use super::{Report, Tally, kept_since};
use crate::store::traffic_seconds;

/// Reports that wait to be written down; one more is dropped.
const WAITING_MAX: usize = 4096;
/// Gateways close their seconds at about the same time: what comes within this is written together.
const GATHER: Duration = Duration::from_millis(100);
/// The rest of a second, so that nothing is written more often than once in it.
const PAUSE: Duration = Duration::from_millis(900);
/// Counts of one transaction, unless one report has more: it is short, because a switch may be next.
const COUNTS_AT_ONCE: usize = 400;
/// How often it is looked for what is to be forgotten.
const FORGET_EVERY: SignedDuration = SignedDuration::from_mins(1);
/// Rows of one transaction that are forgotten: others write between two of them.
const FORGET_AT_ONCE: i64 = 200;

/// Returns where reports go in, and where [`keep`] takes them from.
pub(crate) fn channel() -> (mpsc::Sender<Report>, mpsc::Receiver<Report>) {
    mpsc::channel(WAITING_MAX)
}

/// Writes reports down until `stop`. What is not written by then is sent again by whoever said it.
pub(crate) async fn keep(
    db: Db,
    clock: Clock,
    mut reports: mpsc::Receiver<Report>,
    stop: CancellationToken,
) -> Result<(), Infallible> {
    let mut waiting = VecDeque::new();
    loop {
        if waiting.is_empty() {
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                report = reports.recv() => match report {
                    Some(report) => waiting.push_back(report),
                    None => return Ok(()),
                },
            }
        }
        if retry::pause(GATHER, &stop).await.is_err() {
            return Ok(());
        }
        while waiting.len() < WAITING_MAX
            && let Ok(report) = reports.try_recv()
        {
            waiting.push_back(report);
        }
        while !waiting.is_empty() && !stop.is_cancelled() {
            let together = fitting(&waiting);
            let some = &waiting.make_contiguous()[..together];
            if let Err(error) = write_down(&db, some, &clock).await {
                tracing::warn!(
                    reports = waiting.len(),
                    error = &error as &dyn std::error::Error,
                    "what users were answered waits to be written down"
                );
                break;
            }
            for report in waiting.drain(..together) {
                let number = report.number;
                report.taken.send_if_modified(|taken| {
                    let later = number > *taken;
                    *taken = number.max(*taken);
                    later
                });
            }
        }
        if retry::pause(PAUSE, &stop).await.is_err() {
            return Ok(());
        }
    }
}

/// Returns how many of the reports fit into one transaction: one at least.
fn fitting(waiting: &VecDeque<Report>) -> usize {
    let mut room = COUNTS_AT_ONCE;
    let fit = waiting.iter().take_while(|report| {
        let left = room.checked_sub(report.counts.len());
        room = left.unwrap_or_default();
        left.is_some()
    });
    fit.count().max(1)
}

/// Adds reports to what is there, but for those that are in it already.
async fn write_down(db: &Db, reports: &[Report], clock: &Clock) -> Result<(), Error> {
    let now = clock.now();
    ::store::write!(db, |tx| {
        // In the order of their keys, as every replica goes, so that none waits for another in a ring.
        let mut numbers = BTreeMap::new();
        for report in reports {
            numbers
                .entry((&report.gateway, report.boot.to_string()))
                .or_insert((&report.boot, 0));
        }
        for ((gateway, _), (boot, number)) in &mut numbers {
            *number = traffic_seconds::counted(tx, gateway, boot).await?;
        }
        let mut sums = BTreeMap::<_, Tally>::new();
        for report in reports {
            let who = (&report.gateway, report.boot.to_string());
            let Some((_, number)) = numbers.get_mut(&who) else {
                continue;
            };
            if report.number <= *number {
                tracing::debug!(gateway.name = %report.gateway, report.number, "a report has been counted before");
                continue;
            }
            *number = report.number;
            for (slot, tally) in &report.counts {
                sums.entry(slot).or_default().add(*tally);
            }
        }
        for ((gateway, _), (boot, number)) in &numbers {
            traffic_seconds::count(tx, gateway, boot, *number, now).await?;
        }
        for (slot, tally) in sums {
            traffic_seconds::add(tx, slot, tally).await?;
        }
        Ok(())
    })
}

/// Forgets what is older than so many hours, a little at once, until `stop`.
pub(crate) async fn forget(
    db: Db,
    clock: Clock,
    hours: u16,
    stop: CancellationToken,
) -> Result<(), Infallible> {
    loop {
        let now = clock.now();
        let before = kept_since(now, hours);
        while !stop.is_cancelled() {
            let forgotten: Result<i64, Error> = ::store::write!(db, |tx| {
                traffic_seconds::forget(tx, before, FORGET_AT_ONCE).await
            });
            match forgotten {
                Ok(FORGET_AT_ONCE..) => {}
                Ok(_) => break,
                Err(error) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "what users were answered long ago cannot be forgotten right now"
                    );
                    break;
                }
            }
        }
        let again = now.saturating_add(FORGET_EVERY).unwrap_or(now);
        if retry::until(again, &clock, &stop).await.is_err() {
            return Ok(());
        }
    }
}
