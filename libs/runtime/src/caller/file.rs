//! The file of the keys that services accept, read again when it changes.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use contract::{Identity, Role};
use jiff::Timestamp;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::key::Key;
use crate::{clock::Clock, error::Error};

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
/// ```
///
/// A change is in force within a second. While a changed file cannot be read, the last good one
/// holds and the log says so.
#[derive(Debug)]
pub(super) struct KeyFile {
    path: PathBuf,
    clock: Clock,
    known: Mutex<Known>,
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
#[derive(Debug, Clone)]
pub(super) struct Entry {
    sha256: [u8; 32],
    pub(super) identity: Identity,
    pub(super) expires: Option<Timestamp>,
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
        })
    }

    /// Returns who holds the key, if it is known and has not expired.
    pub(super) fn owner(&self, key: &Key) -> Option<Entry> {
        let digest: [u8; 32] = Sha256::digest(key.expose()).into();
        let now = self.clock.now();
        let entries = self.current();
        // Every entry is compared, so that the time tells nothing of which one it was.
        entries.iter().fold(None, |found, entry| {
            let same = bool::from(entry.sha256.ct_eq(&digest));
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
                match read(&self.path) {
                    Ok(entries) => {
                        tracing::info!(file = %self.path.display(), keys = entries.len(), "read the keys again");
                        known.entries = entries;
                    }
                    Err(why) => {
                        tracing::error!(file = %self.path.display(), why, "the keys cannot be read; the last good ones hold");
                    }
                }
            }
        }
        known.entries.clone()
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
    let identity = Identity::new(line.role, &line.subject)
        .map_err(|error| format!("key {number}: {error}"))?;
    Ok(Entry {
        sha256,
        identity,
        expires: line.expires,
    })
}
