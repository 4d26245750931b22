//! The file of the keys that services accept, read again when it changes.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};

use contract::{Identity, Role, Scope};
use jiff::Timestamp;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::key::Key;
use crate::{clock::Clock, error::Error, retry};

/// How often the keys file is looked at, at most.
pub(super) const LOOK: Duration = Duration::from_secs(1);
/// The largest keys file, in bytes.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// The keys that callers may use, from a TOML file:
///
/// ```toml
/// [[key]]
/// sha256 = "…"                       # hex digest of the key
/// role = "gateway"
/// subject = "gateways/gateway-1"
/// expires = "2027-01-01T00:00:00Z"   # optional
/// methods = ["switchover.catalog.v1.SwitchService/*"]   # optional: these of its role's alone
/// applications = ["crm"]             # optional: these alone
/// development = true                 # optional: a key of `switchover dev`, for the loopback alone
/// ```
///
/// A change is in force within a second. While a changed file cannot be read, the last good one
/// holds and the log says so.
#[derive(Debug)]
pub(super) struct KeyFile {
    path: PathBuf,
    clock: Clock,
    known: Mutex<Known>,
    /// Whether other machines can call: then it must hold no development key, now and later.
    reachable: AtomicBool,
    /// Says that other keys are known from now on.
    changes: watch::Sender<()>,
}

#[derive(Debug)]
struct Known {
    entries: Arc<[Entry]>,
    stamp: Option<Stamp>,
    looked: Duration,
}

/// What tells that a file has changed.
type Stamp = (SystemTime, u64);

/// One key of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    sha256: [u8; 32],
    pub(super) identity: Identity,
    pub(super) expires: Option<Timestamp>,
    pub(super) scope: Arc<Scope>,
    /// Whether it is a development key.
    pub(super) development: bool,
}

impl Entry {
    /// Tells whether two are the same caller's, for the same. Until when is another matter.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        let same_end = Self {
            expires: self.expires,
            ..other.clone()
        };
        *self == same_end
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    key: Vec<Line>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    sha256: String,
    role: Role,
    subject: String,
    expires: Option<Timestamp>,
    #[serde(default)]
    methods: Vec<String>,
    #[serde(default)]
    applications: Vec<String>,
    #[serde(default)]
    development: bool,
}

impl KeyFile {
    /// Reads it.
    pub(super) fn open(path: PathBuf, clock: Clock) -> Result<Self, Error> {
        let stamp = stamp(&path).map_err(|error| Error::file(&path, error))?;
        let entries = read(&path).map_err(|why| Error::file(&path, why))?;
        let known = Known {
            entries,
            stamp: Some(stamp),
            looked: clock.instant(),
        };
        Ok(Self {
            path,
            clock,
            known: Mutex::new(known),
            reachable: AtomicBool::new(false),
            changes: watch::Sender::new(()),
        })
    }

    /// Holds the file to what is allowed where other machines can call: refuses a development key.
    /// A changed file that has one is not taken from now on.
    pub(super) fn serve_others(&self) -> Result<(), String> {
        // First, so that what is read from now on is held to it.
        self.reachable.store(true, Ordering::Relaxed);
        without_development(&self.current())
    }

    /// Looks at the file now and then until the stop, so that those who wait for changes hear of them.
    pub(super) async fn look_after(&self, stop: &CancellationToken) {
        while retry::elapsed(LOOK, &self.clock, stop).await.is_ok() {
            self.current();
        }
    }

    /// Follows changes of the keys; only while [`KeyFile::look_after`] runs do they show by themselves.
    pub(super) fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    /// Returns what the file says now of a key that it had, if it still has it and it has not expired.
    pub(super) fn again(&self, entry: &Entry) -> Option<Entry> {
        let now = self.clock.now();
        let entries = self.current();
        let mut same = entries.iter().filter(|known| {
            known.sha256 == entry.sha256 && known.expires.is_none_or(|end| now < end)
        });
        // The last one counts, as it does for calls.
        same.next_back().cloned()
    }

    /// Returns who holds the key, if it is known and has not expired.
    pub(super) fn owner(&self, key: &Key) -> Option<Entry> {
        let digest: [u8; 32] = Sha256::digest(key.expose()).into();
        let now = self.clock.now();
        let entries = self.current();
        // Every entry is compared, so that the time tells nothing of which one it was.
        entries.iter().fold(None, |found, entry| {
            let same = bool::from(entry.sha256.ct_eq(&digest))
                && entry.development == key.is_for_development();
            let holds = entry.expires.is_none_or(|end| now < end);
            if same && holds {
                Some(entry.clone())
            } else {
                found
            }
        })
    }

    /// Returns the keys, read again if the file has changed.
    fn current(&self) -> Arc<[Entry]> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.instant();
        if now.saturating_sub(known.looked) >= LOOK {
            known.looked = now;
            let stamp = stamp(&self.path).ok();
            if stamp != known.stamp {
                known.stamp = stamp;
                match self.read_again() {
                    Ok(entries) => {
                        tracing::info!(file = %self.path.display(), keys = entries.len(), "read the keys again");
                        known.entries = entries;
                        self.changes.send_replace(());
                    }
                    Err(why) => {
                        tracing::error!(file = %self.path.display(), why, "the keys cannot be read; the last good ones hold");
                    }
                }
            }
        }
        known.entries.clone()
    }

    fn read_again(&self) -> Result<Arc<[Entry]>, String> {
        let entries = read(&self.path)?;
        if self.reachable.load(Ordering::Relaxed) {
            without_development(&entries)?;
        }
        Ok(entries)
    }
}

fn without_development(entries: &[Entry]) -> Result<(), String> {
    match entries.iter().position(|entry| entry.development) {
        None => Ok(()),
        Some(index) => Err(format!("key {} is a development key", index + 1)),
    }
}

fn stamp(path: &Path) -> std::io::Result<Stamp> {
    let data = fs::metadata(path)?;
    Ok((data.modified()?, data.len()))
}

fn read(path: &Path) -> Result<Arc<[Entry]>, String> {
    let size = fs::metadata(path).map_err(|error| error.to_string())?.len();
    if size > FILE_BYTES_MAX {
        return Err(format!("is larger than {FILE_BYTES_MAX} bytes"));
    }
    let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
    // The parser's own words repeat the line, which may hold what somebody took for a key.
    let file: File = toml::from_str(&text).map_err(|error| error.message().to_owned())?;
    file.key
        .into_iter()
        .enumerate()
        .map(|(n, line)| entry(n + 1, &line))
        .collect()
}

fn entry(number: usize, line: &Line) -> Result<Entry, String> {
    let digest = (0..32).map(|n| {
        line.sha256
            .get(n * 2..n * 2 + 2)
            .and_then(|hex| u8::from_str_radix(hex, 16).ok())
    });
    let sha256 = digest
        .collect::<Option<Vec<u8>>>()
        .filter(|_| line.sha256.len() == 64)
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| format!("key {number}: sha256 is not 64 hex digits"))?;
    let wrong = |error: &dyn std::fmt::Display| format!("key {number}: {error}");
    let identity = Identity::new(line.role, &line.subject).map_err(|error| wrong(&error))?;
    let methods = line.methods.iter().map(|text| text.parse());
    let applications = line.applications.iter().map(|text| text.parse());
    let scope = Scope {
        methods: methods
            .collect::<Result<_, _>>()
            .map_err(|error: contract::scope::MethodError| wrong(&error))?,
        applications: applications
            .collect::<Result<_, _>>()
            .map_err(|error: contract::NameError| wrong(&error))?,
    };
    Ok(Entry {
        sha256,
        identity,
        expires: line.expires,
        scope: Arc::new(scope),
        development: line.development,
    })
}
