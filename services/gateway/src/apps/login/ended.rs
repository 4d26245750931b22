//! Sessions that have ended before their time: somebody signed out, here or at the identity provider.
//! What is remembered is on disk before anybody is told that it has ended, and forgotten once every
//! session that it is about would have ended anyway.

use std::{
    collections::{BTreeMap, HashMap},
    fs::{self, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::session::{LIFETIME, Session};

/// How often it is looked whether what lasts has outlived its session.
pub(in crate::apps) const LOOKS_EVERY: Duration = Duration::from_secs(5);
/// The most that is remembered. Of more, all sessions of before end: nobody is let in because
/// something was forgotten.
const REMEMBERED_MAX: usize = 100_000;

/// What has ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Ended {
    /// This session.
    Session(String),
    /// The sessions of a sign-in, as the identity provider names it.
    ProviderSession(String),
    /// Those of somebody, begun by then.
    Subject(String),
    /// All, begun by then.
    All,
}

#[derive(Debug, Serialize, Deserialize)]
struct Line {
    ended: Ended,
    /// In seconds since 1970.
    at: i64,
}

/// What has ended, and what lasts meanwhile.
#[derive(Debug, Default)]
pub(in crate::apps) struct Endings {
    state: Mutex<State>,
    /// Held by whoever writes; none for what lives as long as the process.
    file: Option<Mutex<PathBuf>>,
}

#[derive(Debug, Default)]
struct State {
    ended: HashMap<Ended, i64>,
    next: u64,
    open: BTreeMap<u64, (Session, CancellationToken)>,
}

/// What lasts, watched for as long as this is there.
#[derive(Debug)]
pub(in crate::apps) struct Watch {
    endings: Arc<Endings>,
    number: u64,
}

impl Endings {
    /// Reads what is remembered, and leaves out what is to be forgotten at `now`.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub(in crate::apps) fn open(path: &Path, now: Timestamp) -> io::Result<Self> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error),
        };
        let lines = text.split_inclusive('\n').filter_map(|line| {
            // The last line may be half of one: nobody was told of it.
            let whole = line.strip_suffix('\n')?;
            Some(serde_json::from_str::<Line>(whole).map_err(io::Error::other))
        });
        let lines = lines.collect::<io::Result<Vec<_>>>()?;
        let ended = lines.into_iter().map(|line| (line.ended, line.at));
        let mut state = State {
            ended: ended.collect(),
            ..State::default()
        };
        state.forget(now);
        let beside = path.with_extension("new");
        let mut file = private(OpenOptions::new().truncate(true)).open(&beside)?;
        for (ended, at) in &state.ended {
            file.write_all(line(ended, *at).as_bytes())?;
        }
        file.sync_all()?;
        fs::rename(beside, path)?;
        Ok(Self {
            state: Mutex::new(state),
            file: Some(Mutex::new(path.to_owned())),
        })
    }

    /// Ends what is begun by `now`, with what lasts of it, and writes it down. Blocks on a disk.
    ///
    /// # Errors
    /// It could not be written down: it has ended, until this process does.
    pub(in crate::apps) fn end(&self, ended: Ended, now: Timestamp) -> io::Result<()> {
        let at = now.as_second();
        let written = line(&ended, at);
        self.lock().end(ended, at);
        let Some(file) = &self.file else {
            return Ok(());
        };
        let path = file.lock().unwrap_or_else(PoisonError::into_inner);
        let mut file = private(OpenOptions::new().append(true)).open(&*path)?;
        file.write_all(written.as_bytes())?;
        file.sync_all()
    }

    /// Tells whether a session has ended before its time.
    pub(in crate::apps) fn has(&self, session: &Session) -> bool {
        self.lock().has(session)
    }

    /// Has `end` told when a session ends, for as long as what is returned is there.
    pub(in crate::apps) fn watch(
        self: &Arc<Self>,
        session: &Session,
        end: CancellationToken,
    ) -> Watch {
        let mut state = self.lock();
        // Under the lock under which sessions end: none ends between the look and the watch.
        if state.has(session) {
            end.cancel();
        }
        let number = state.next;
        state.next += 1;
        state.open.insert(number, (session.clone(), end));
        Watch {
            endings: Arc::clone(self),
            number,
        }
    }

    /// Ends what lasts of sessions whose time is over at `now`, and forgets what is no longer needed.
    pub(in crate::apps) fn look(&self, now: Timestamp) {
        let mut state = self.lock();
        for (session, end) in state.open.values() {
            if session.ends() <= now {
                end.cancel();
            }
        }
        state.forget(now);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn end(&mut self, ended: Ended, at: i64) {
        if self.ended.len() >= REMEMBERED_MAX {
            tracing::warn!("too many sessions have ended to remember each: all have");
            self.ended.clear();
            self.ended.insert(Ended::All, at);
        }
        let last = self.ended.entry(ended).or_insert(at);
        *last = at.max(*last);
        let over: Vec<_> = self.open.values().filter(|(it, _)| self.has(it)).collect();
        for (_, end) in over {
            end.cancel();
        }
    }

    fn has(&self, session: &Session) -> bool {
        if self.ended.is_empty() {
            return false;
        }
        let began = session.began().as_second();
        let by_then = |ended: &Ended| self.ended.get(ended).is_some_and(|at| began <= *at);
        let provider = session.provider_session.clone();
        self.ended.contains_key(&Ended::Session(session.id.clone()))
            || provider.is_some_and(|it| self.ended.contains_key(&Ended::ProviderSession(it)))
            || by_then(&Ended::Subject(session.subject.clone()))
            || by_then(&Ended::All)
    }

    fn forget(&mut self, now: Timestamp) {
        // A session that began a little later by another gateway's clock counts too.
        let kept = LIFETIME + Duration::from_secs(120);
        let kept = i64::try_from(kept.as_secs()).unwrap_or(i64::MAX);
        self.ended.retain(|_, at| now.as_second() < *at + kept);
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.endings.lock().open.remove(&self.number);
    }
}

fn line(ended: &Ended, at: i64) -> String {
    let line = Line {
        ended: ended.clone(),
        at,
    };
    let line = serde_json::to_string(&line).expect("texts and numbers only");
    format!("{line}\n")
}

fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options.write(true).create(true).mode(0o600)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apps::login::session::tests::{at, session};

    #[test]
    fn what_lasts_ends_with_its_session_and_nothing_else_does() {
        let endings = Arc::new(Endings::default());
        let (mine, other) = (session(&[]), session(&[]));
        let [first, second] = [CancellationToken::new(), CancellationToken::new()];
        let _first = endings.watch(&mine, first.clone());
        let _second = endings.watch(&other, second.clone());
        endings
            .end(Ended::Session(mine.id.clone()), at(10))
            .unwrap();
        assert!(first.is_cancelled() && endings.has(&mine));
        assert!(!second.is_cancelled() && !endings.has(&other));
        let late = CancellationToken::new();
        let _late = endings.watch(&mine, late.clone());
        assert!(late.is_cancelled(), "what begins afterwards has ended too");
        endings
            .end(Ended::ProviderSession("p-1".to_owned()), at(11))
            .unwrap();
        assert!(second.is_cancelled());
    }

    #[test]
    fn everything_of_somebody_ends_but_what_they_begin_afterwards() {
        let endings = Arc::new(Endings::default());
        endings
            .end(Ended::Subject("u-1".to_owned()), at(-1))
            .unwrap();
        let later = session(&[]);
        assert!(!endings.has(&later));
        endings
            .end(Ended::Subject("u-2".to_owned()), at(5))
            .unwrap();
        assert!(!endings.has(&later));
        endings
            .end(Ended::Subject("u-1".to_owned()), at(0))
            .unwrap();
        assert!(endings.has(&later));
    }

    #[test]
    fn what_lasts_ends_after_half_a_day_and_is_watched_no_longer_than_it_lasts() {
        let endings = Arc::new(Endings::default());
        let end = CancellationToken::new();
        let watch = endings.watch(&session(&[]), end.clone());
        let whole = i64::try_from(LIFETIME.as_secs()).unwrap();
        endings.look(at(whole - 1));
        assert!(!end.is_cancelled());
        endings.look(at(whole));
        assert!(end.is_cancelled());
        drop(watch);
        assert!(endings.lock().open.is_empty());
    }

    #[test]
    fn what_has_ended_stays_ended_across_a_restart_until_it_would_have_anyway() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ended");
        let mine = session(&[]);
        let endings = Endings::open(&path, at(0)).unwrap();
        endings
            .end(Ended::Session(mine.id.clone()), at(10))
            .unwrap();
        drop(endings);
        let mut half = fs::read_to_string(&path).unwrap();
        half.push_str("{\"ended\":{\"sess");
        fs::write(&path, half).unwrap();
        let again = Endings::open(&path, at(20)).unwrap();
        assert!(again.has(&mine));
        assert!(!again.has(&session(&[])));
        drop(again);
        let later = i64::try_from(LIFETIME.as_secs()).unwrap() + 130;
        assert!(!Endings::open(&path, at(later)).unwrap().has(&mine));
        assert_eq!(fs::read_to_string(&path).unwrap(), "");
    }

    #[test]
    fn what_cannot_be_remembered_has_ended() {
        let endings = Endings::default();
        for number in 0..=REMEMBERED_MAX {
            endings.lock().end(Ended::Session(number.to_string()), 5);
        }
        assert!(endings.has(&session(&[])));
        assert!(endings.lock().ended.len() < 10);
    }
}
