//! Sign-outs: kept until every session that they are about would have ended anyway, and told to all
//! gateways. Who signed out is not known here: a mark says something only to gateways.

use std::{fmt, str::FromStr, time::Duration};

use ::store::{Db, Listener};
use jiff::Timestamp;
use runtime::Clock;
use uuid::Uuid;

use crate::{
    error::Error,
    store::{
        SIGN_OUTS,
        sign_outs::{self, Kept},
    },
};

/// How long one is kept: sessions last 12 h at most, and clocks of gateways may be apart.
const KEPT: Duration = Duration::from_secs(12 * 60 * 60 + 300);
/// How far ahead a gateway's clock is believed.
const AHEAD_MAX: Duration = Duration::from_secs(60);
/// A lost wake-up costs at most this.
const POLL: Duration = Duration::from_secs(2);
/// The most that are told at once.
const TOLD_MAX: usize = 1000;

/// Stands for what has ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Mark([u8; Mark::BYTES]);

impl Mark {
    pub(crate) const BYTES: usize = 32;

    pub(crate) fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }
}

/// A text or bytes that are no mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be 32 bytes")]
pub(crate) struct NoMark;

impl TryFrom<&[u8]> for Mark {
    type Error = NoMark;

    fn try_from(bytes: &[u8]) -> Result<Self, NoMark> {
        bytes.try_into().map(Self).map_err(|_| NoMark)
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Reads 64 hexadecimal digits.
impl FromStr for Mark {
    type Err = NoMark;

    fn from_str(text: &str) -> Result<Self, NoMark> {
        let digits = text.as_bytes();
        let mut mark = [0; Self::BYTES];
        if digits.len() != 2 * mark.len() {
            return Err(NoMark);
        }
        for (byte, pair) in mark.iter_mut().zip(digits.chunks_exact(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| NoMark)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| NoMark)?;
        }
        Ok(Self(mark))
    }
}

/// What has ended, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SignOut {
    pub(crate) mark: Mark,
    pub(crate) ended_at: Timestamp,
}

/// Keeps sign-outs that are not kept yet, and wakes who follows.
pub(crate) async fn record(db: &Db, clock: &Clock, told: &[SignOut]) -> Result<(), Error> {
    let now = clock.now();
    let latest = now.saturating_add(AHEAD_MAX).unwrap_or(Timestamp::MAX);
    let positions: Vec<Uuid> = told.iter().map(|_| fresh(clock)).collect();
    ::store::write!(db, |tx| {
        let mut new = Vec::new();
        for (sign_out, position) in told.iter().zip(&positions) {
            let ended_at = sign_out.ended_at.min(latest);
            let known = sign_outs::ended_at(tx, &sign_out.mark).await?;
            if ended_at >= since(now) && known.is_none_or(|known| known < ended_at) {
                let sign_out = SignOut {
                    ended_at,
                    ..*sign_out
                };
                new.push((sign_out, *position));
            }
        }
        if new.is_empty() {
            return Ok(());
        }
        sign_outs::forget(tx, since(now)).await?;
        let count = i64::try_from(new.len()).unwrap_or(i64::MAX);
        let before = sign_outs::take_numbers(tx, count).await?;
        for ((sign_out, position), number) in new.into_iter().zip(before + 1..) {
            let kept = Kept {
                number,
                position,
                sign_out,
            };
            sign_outs::put(tx, &kept).await?;
        }
        Ok(())
    })
}

fn fresh(clock: &Clock) -> Uuid {
    uuid::Builder::from_random_bytes(clock.random()).into_uuid()
}

/// Returns from when on what ended still matters.
fn since(now: Timestamp) -> Timestamp {
    now.saturating_sub(KEPT).unwrap_or(Timestamp::MIN)
}

/// Somebody who follows.
pub(crate) struct Follower {
    db: Db,
    clock: Clock,
    listener: Listener,
    next: Next,
}

/// What is told next.
#[derive(Debug, Clone, Copy)]
enum Next {
    /// What came after a place, if that is known; otherwise everything.
    From(Option<Uuid>),
    /// More of what is kept.
    More { after: Place, full: bool },
    /// What is new.
    New { after: Place },
}

/// How far somebody is.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    number: i64,
    position: Option<Uuid>,
}

/// What is told at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) sign_outs: Vec<SignOut>,
    /// Where to go on; none if nothing was told yet.
    pub(crate) position: Option<Uuid>,
    pub(crate) full: bool,
    pub(crate) complete: bool,
}

impl Follower {
    /// Follows from a place that was told; without one, from the beginning.
    pub(crate) fn new(db: Db, clock: Clock, position: Option<Uuid>) -> Self {
        Self {
            // Before the first look: what is recorded after it wakes.
            listener: db.listen(SIGN_OUTS),
            db,
            clock,
            next: Next::From(position),
        }
    }

    /// Returns what is told next; waits for it once all that is kept has been.
    pub(crate) async fn next(&mut self) -> Result<Told, Error> {
        loop {
            let (mut after, full, waits) = match self.next {
                Next::From(position) => {
                    let known = self.find(position).await?;
                    (known.unwrap_or_default(), known.is_none(), false)
                }
                Next::More { after, full } => (after, full, false),
                Next::New { after } => (after, false, true),
            };
            let rows = self.read(after.number).await?;
            if waits && rows.is_empty() {
                self.listener.changed_or(POLL).await;
                continue;
            }
            let complete = rows.len() < TOLD_MAX;
            if let Some(last) = rows.last() {
                after = Place {
                    number: last.number,
                    position: Some(last.position),
                };
            }
            self.next = match complete || waits {
                true => Next::New { after },
                false => Next::More { after, full },
            };
            return Ok(Told {
                sign_outs: rows.into_iter().map(|row| row.sign_out).collect(),
                position: after.position,
                full,
                complete: complete || waits,
            });
        }
    }

    async fn find(&self, position: Option<Uuid>) -> Result<Option<Place>, Error> {
        let Some(position) = position else {
            return Ok(None);
        };
        let number = ::store::read!(self.db, |tx| Ok::<_, Error>(
            sign_outs::number_of(tx, position).await?
        ));
        Ok(number?.map(|number| Place {
            number,
            position: Some(position),
        }))
    }

    async fn read(&self, after: i64) -> Result<Vec<Kept>, Error> {
        let since = since(self.clock.now());
        let limit = i64::try_from(TOLD_MAX).unwrap_or(i64::MAX);
        ::store::read!(self.db, |tx| Ok::<_, Error>(
            sign_outs::list(tx, after, since, limit).await?
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::MIGRATIONS;

    const BEGIN: i64 = 1_800_000_000;

    fn clock() -> Clock {
        Clock::simulated(Timestamp::from_second(BEGIN).unwrap(), 1)
    }

    fn sign_out(number: u64, second: i64) -> SignOut {
        let mut mark = [0; 32];
        mark[..8].copy_from_slice(&number.to_be_bytes());
        SignOut {
            mark: Mark(mark),
            ended_at: Timestamp::from_second(BEGIN + second).unwrap(),
        }
    }

    #[test]
    fn a_mark_reads_as_it_is_written() {
        let mark = sign_out(0xfe01, 0).mark;
        assert_eq!(mark.to_string().parse(), Ok(mark));
        for text in ["", "00", &"0g".repeat(32), &"é".repeat(32)] {
            assert_eq!(text.parse::<Mark>(), Err(NoMark), "{text}");
        }
        assert_eq!(Mark::try_from(&[1; 31][..]), Err(NoMark));
    }

    ::store::on_both!(
        MIGRATIONS,
        async fn what_is_kept_is_told_first_then_what_is_new_and_nothing_twice(db: Db) {
            let clock = clock();
            let all: Vec<_> = (0..2500).map(|number| sign_out(number, 0)).collect();
            for some in all.chunks(100) {
                record(&db, &clock, some).await.unwrap();
            }
            let mut follower = Follower::new(db.clone(), clock.clone(), None);
            let mut heard = Vec::new();
            loop {
                let told = follower.next().await.unwrap();
                assert!(told.full && told.sign_outs.len() <= TOLD_MAX);
                heard.extend(told.sign_outs);
                if told.complete {
                    break;
                }
            }
            assert_eq!(heard, all);
            let new = sign_out(2500, 1);
            record(&db, &clock, &[all[7], new]).await.unwrap();
            let told = follower.next().await.unwrap();
            assert_eq!((told.sign_outs, told.full), (vec![new], false));

            let later = sign_out(7, 5);
            let mut again = Follower::new(db.clone(), clock.clone(), told.position);
            let nothing = again.next().await.unwrap();
            assert!(nothing.sign_outs.is_empty() && nothing.complete && !nothing.full);
            record(&db, &clock, &[later]).await.unwrap();
            assert_eq!(again.next().await.unwrap().sign_outs, [later]);
            let stranger = Some(Uuid::from_u128(7));
            let told = Follower::new(db, clock, stranger).next().await.unwrap();
            assert!(told.full && told.sign_outs.len() == TOLD_MAX);
        }
    );

    ::store::on_both!(
        MIGRATIONS,
        async fn whoever_follows_while_many_record_misses_none(db: Db) {
            let clock = clock();
            let mut recording = tokio::task::JoinSet::new();
            for writer in 0..8_u64 {
                let (db, clock) = (db.clone(), clock.clone());
                recording.spawn(async move {
                    for number in 0..20 {
                        let one = sign_out(writer * 100 + number, 0);
                        record(&db, &clock, &[one]).await.unwrap();
                    }
                });
            }
            let mut follower = Follower::new(db.clone(), clock.clone(), None);
            let mut heard = std::collections::BTreeSet::new();
            while heard.len() < 160 {
                for one in follower.next().await.unwrap().sign_outs {
                    assert!(heard.insert(one.mark), "told twice");
                }
            }
            recording.join_all().await;
        }
    );

    ::store::on_both!(
        MIGRATIONS,
        async fn what_would_have_ended_anyway_is_forgotten(db: Db) {
            let clock = clock();
            record(&db, &clock, &[sign_out(1, 0), sign_out(2, 600)])
                .await
                .unwrap();
            clock.advance(KEPT + Duration::from_secs(1));
            let mut follower = Follower::new(db.clone(), clock.clone(), None);
            let told = follower.next().await.unwrap().sign_outs;
            assert_eq!(told, [sign_out(2, 60)], "no clock is so far ahead");
            record(&db, &clock, &[sign_out(1, 0), sign_out(3, 43_200)])
                .await
                .unwrap();
            let count = ::store::read!(db, |tx| sign_outs::list(tx, 0, Timestamp::UNIX_EPOCH, 100)
                .await);
            assert_eq!(count.unwrap().len(), 2);
        }
    );
}
