//! What the story measured.

use std::{collections::BTreeSet, time::Duration};

use proto::catalog::v1::Switch;
use serde::Serialize;

use super::DENIER;
use crate::load::{Load, Record};

/// What has happened while a load was running, on the clock of its record.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    /// When a switch reported success, and the generation that it made.
    pub(crate) successes: Vec<(u64, u64)>,
    /// From when on the denial is in force.
    pub(crate) denied_at: Option<u64>,
    /// The longest time that a gateway held a request.
    pub(crate) longest_hold: Duration,
    /// Requests that were held.
    pub(crate) held: u64,
    /// Slow requests that were under way at a switch and finished on the version they began on.
    pub(crate) slow: u64,
    /// Switches that were given up because of a kill.
    pub(crate) given_up: u64,
    /// Processes killed.
    pub(crate) kills: u64,
}

impl Notes {
    /// Writes down that a switch has just reported success.
    pub(crate) fn switched(&mut self, load: &Load, switch: Switch) {
        self.successes.push((load.now(), switch.generation));
        for gateway in switch.gateways {
            self.held += u64::try_from(gateway.held_requests).unwrap_or_default();
            let hold = gateway
                .longest_hold
                .and_then(|hold| Duration::try_from(hold).ok());
            self.longest_hold = self.longest_hold.max(hold.unwrap_or_default());
        }
    }
}

/// The figures of one story, calm part and kills together unless a name says otherwise.
#[derive(Debug, Clone, Serialize)]
pub struct Figures {
    /// Requests sent.
    pub requests: u64,
    /// Requests that failed. Those that a killed gateway took with it are counted apart.
    pub failed: u64,
    /// The first of them.
    pub failures: Vec<String>,
    /// Answers of an older generation to requests sent after a switch had reported success.
    pub old_after_success: u64,
    /// Pairs of answers that no single register can have given.
    pub contradictions: u64,
    /// Switches that succeeded.
    pub switches: u64,
    /// Switches given up because of a kill, and confirmed again.
    pub given_up: u64,
    /// Processes killed.
    pub kills: u64,
    /// Requests that broke off because their gateway was killed.
    pub cut_by_kill: u64,
    /// The longest time between two answers while nothing was killed.
    pub longest_gap_ms: f64,
    /// The longest time that a gateway held a request while nothing was killed.
    pub longest_hold_ms: f64,
    /// The longest time that a gateway held a request while processes were killed.
    pub longest_hold_under_kills_ms: f64,
    /// Requests held.
    pub held: u64,
    /// Requests of the tenant that denied which the denied version answered all the same.
    pub denied_served: u64,
    /// Requests of that tenant that were refused.
    pub denied_refused: u64,
    /// Slow requests that finished on the version they began on.
    pub slow_finished_on_old: u64,
    /// Mails that arrived, by Message-ID.
    pub mails: u64,
    /// Mails that were sent and did not arrive.
    pub mails_missing: u64,
    /// Mails that arrived once more under the same Message-ID.
    pub mails_doubled: u64,
    /// Events in the operator's inbox.
    pub events: u64,
}

impl Figures {
    pub(crate) fn of(
        (calm, notes): (&Record, &Notes),
        (stormy, broken): (&Record, &Notes),
        deliveries: u64,
        message_ids: Vec<String>,
        events: u64,
    ) -> Self {
        let arrived = message_ids.len() as u64;
        let mails = message_ids.into_iter().collect::<BTreeSet<_>>().len() as u64;
        let both = [(calm, notes), (stormy, broken)];
        let sum = |of: &dyn Fn(&Record, &Notes) -> u64| {
            both.iter()
                .map(|(record, notes)| of(record, notes))
                .sum::<u64>()
        };
        let failures = calm.faults().chain(stormy.faults()).take(10).collect();
        Self {
            requests: sum(&|record, _| record.requests()),
            failed: sum(&|record, _| record.faults().count() as u64),
            failures,
            old_after_success: sum(&old_after_success),
            contradictions: sum(&|record, _| record.contradictions(&[])),
            switches: sum(&|_, notes| notes.successes.len() as u64),
            given_up: sum(&|_, notes| notes.given_up),
            kills: sum(&|_, notes| notes.kills),
            cut_by_kill: sum(&|record, _| record.cut_by_kill()),
            longest_gap_ms: millis(calm.longest_gap()),
            longest_hold_ms: millis(notes.longest_hold),
            longest_hold_under_kills_ms: millis(broken.longest_hold),
            held: sum(&|_, notes| notes.held),
            denied_served: sum(&denied_served),
            denied_refused: sum(&|record, _| record.denied()),
            slow_finished_on_old: sum(&|_, notes| notes.slow),
            mails,
            mails_missing: deliveries.saturating_sub(mails),
            mails_doubled: arrived - mails,
            events,
        }
    }

    /// Tells whether everything was as it must be.
    #[must_use]
    pub fn sound(&self) -> bool {
        let wrong = [
            self.failed,
            self.old_after_success,
            self.contradictions,
            self.denied_served,
            self.mails_missing,
        ];
        wrong.iter().all(|count| *count == 0)
            && [
                self.requests,
                self.switches,
                self.denied_refused,
                self.mails,
                self.events,
            ]
            .iter()
            .all(|count| *count > 0)
    }
}

fn old_after_success(record: &Record, notes: &Notes) -> u64 {
    let old = record.served.iter().filter(|served| {
        let last = notes
            .successes
            .iter()
            .rfind(|(time, _)| *time < served.sent);
        last.is_some_and(|(_, generation)| served.generation < *generation)
    });
    old.count() as u64
}

fn denied_served(record: &Record, notes: &Notes) -> u64 {
    let Some(from) = notes.denied_at else {
        return 0;
    };
    let served = record
        .served
        .iter()
        .filter(|served| served.tenant == DENIER.0 && served.version == 2 && served.sent > from);
    served.count() as u64
}

fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}
