//! What has ended, what the catalog is to be told of it, and what lasts: in memory, without waiting.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::mark::{Ending, Known, Mark};

/// How long it is remembered: sessions last half a day, and one that began a little later by another
/// gateway's clock counts too.
pub(super) const KEPT: Duration = Duration::from_secs(12 * 60 * 60 + 120);
/// The most that is remembered. Of more, all sessions of before end: nobody is let in because something
/// was forgotten.
const REMEMBERED_MAX: usize = 100_000;

#[derive(Debug, Default)]
pub(super) struct State {
    /// When it ended, in seconds since 1970.
    ended: HashMap<Mark, i64>,
    /// Of it, what the catalog has not taken yet.
    uncarried: BTreeMap<Mark, i64>,
    /// By which all sessions end.
    cover: Vec<Mark>,
    next: u64,
    open: BTreeMap<u64, (Known, CancellationToken)>,
}

/// What came of something that was taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// This is new.
    New(Vec<Ending>),
    /// It was too much: what is remembered is not what it was.
    Over,
}

impl State {
    /// Takes what the disk remembers. Whether the catalog has it shows when that tells all that it keeps.
    pub(super) fn recall(&mut self, endings: Vec<Ending>, now: Timestamp) {
        for Ending { mark, at } in endings {
            let last = self.ended.entry(mark).or_insert(at);
            *last = at.max(*last);
        }
        self.forget(now);
    }

    pub(super) fn cover(&mut self, all: Vec<Mark>) {
        for mark in all {
            if !self.cover.contains(&mark) {
                self.cover.push(mark);
            }
        }
    }

    /// Ends sessions; `carried` if the catalog has it, or is not to be told.
    pub(super) fn take(&mut self, endings: &[Ending], carried: bool) -> Taken {
        let (mut new, mut over) = (Vec::new(), false);
        // What ends all sessions first: what it covers need not be remembered.
        let (all, some): (Vec<&Ending>, Vec<&Ending>) = endings
            .iter()
            .partition(|ending| self.cover.contains(&ending.mark));
        for ending in all.into_iter().chain(some) {
            if self.take_one(*ending, carried) {
                new.push(*ending);
            }
            if self.ended.len() > REMEMBERED_MAX && !self.cover.is_empty() {
                self.end_all();
                over = true;
            }
        }
        let ended = self.open.values().filter(|(known, _)| self.has(known));
        ended.for_each(|(_, end)| end.cancel());
        match over {
            true => Taken::Over,
            false => Taken::New(new),
        }
    }

    /// Tells whether it is new.
    fn take_one(&mut self, Ending { mark, at }: Ending, carried: bool) -> bool {
        let covers = self.cover.contains(&mark);
        if !covers && self.covered().is_some_and(|until| at <= until) {
            return false;
        }
        let known = self.ended.get(&mark).copied();
        let new = known.is_none_or(|known| known < at);
        if new {
            self.ended.insert(mark, at);
        }
        if !carried && new {
            self.uncarried.insert(mark, at);
        }
        if carried && self.uncarried.get(&mark).is_some_and(|known| *known <= at) {
            self.uncarried.remove(&mark);
        }
        if covers && new {
            self.drop_covered();
        }
        new
    }

    /// Too much has ended to remember each.
    fn end_all(&mut self) {
        tracing::warn!("too many sessions have ended to remember each: all have");
        let last = self.ended.values().copied().max().unwrap_or_default();
        for mark in self.cover.clone() {
            self.ended.insert(mark, last);
            self.uncarried.insert(mark, last);
        }
        self.drop_covered();
    }

    /// Returns until when all that has ended is covered.
    fn covered(&self) -> Option<i64> {
        let at = self.cover.iter().map(|mark| self.ended.get(mark).copied());
        at.min().flatten()
    }

    fn drop_covered(&mut self) {
        let Some(until) = self.covered() else { return };
        let cover = &self.cover;
        let needed = |mark: &Mark, at: &mut i64| *at > until || cover.contains(mark);
        self.ended.retain(needed);
        self.uncarried.retain(needed);
    }

    /// Compares with all that the catalog keeps: what it lacks it is to be told, such as what it lost when
    /// its database was put back.
    pub(super) fn compare(&mut self, kept: &[Ending]) {
        let kept: HashMap<Mark, i64> = kept.iter().map(|it| (it.mark, it.at)).collect();
        let lacks = |(mark, at): &(&Mark, &i64)| kept.get(mark).is_none_or(|kept| kept < at);
        let lacking = self.ended.iter().filter(lacks);
        self.uncarried = lacking.map(|(mark, at)| (*mark, *at)).collect();
    }

    /// Returns at most `limit` that the catalog is to be told.
    pub(super) fn uncarried(&self, limit: usize) -> Vec<Ending> {
        let first = self.uncarried.iter().take(limit);
        first
            .map(|(mark, at)| Ending {
                mark: *mark,
                at: *at,
            })
            .collect()
    }

    /// Tells whether the catalog has all of these.
    pub(super) fn is_carried(&self, marks: &[Mark]) -> bool {
        marks.iter().all(|mark| !self.uncarried.contains_key(mark))
    }

    /// Returns all that is remembered.
    pub(super) fn endings(&self) -> Vec<Ending> {
        let all = self.ended.iter();
        all.map(|(mark, at)| Ending {
            mark: *mark,
            at: *at,
        })
        .collect()
    }

    pub(super) fn has(&self, known: &Known) -> bool {
        if self.ended.is_empty() {
            return false;
        }
        let began = known.began.as_second();
        let since = |mark| self.ended.get(mark).is_some_and(|at| began <= *at);
        known.own.iter().any(|mark| self.ended.contains_key(mark)) || known.shared.iter().any(since)
    }

    /// Returns the number under which it is watched. Under the lock under which sessions end: none ends
    /// between the look and the watch.
    pub(super) fn watch(&mut self, known: Known, end: CancellationToken) -> u64 {
        if self.has(&known) {
            end.cancel();
        }
        let number = self.next;
        self.next += 1;
        self.open.insert(number, (known, end));
        number
    }

    pub(super) fn unwatch(&mut self, number: u64) {
        self.open.remove(&number);
    }

    pub(super) fn look(&mut self, now: Timestamp) {
        let over = self.open.values().filter(|(known, _)| known.ends <= now);
        over.for_each(|(_, end)| end.cancel());
        self.forget(now);
    }

    fn forget(&mut self, now: Timestamp) {
        let kept = i64::try_from(KEPT.as_secs()).unwrap_or(i64::MAX);
        let needed = |_: &Mark, at: &mut i64| now.as_second() < at.saturating_add(kept);
        self.ended.retain(needed);
        self.uncarried.retain(needed);
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> (usize, usize) {
        (self.ended.len(), self.open.len())
    }
}
