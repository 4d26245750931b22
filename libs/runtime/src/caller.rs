//! Who calls: by a key from a file that is read again when it changes, or, where only this machine
//! can call, by the caller's word. Keys are never logged.

use std::{
    fmt, fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    str::FromStr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use contract::{Caller, Identity, Problem, Role, reason};
use http::HeaderMap;
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::{clock::Clock, error::Error};

/// The metadata key of a bearer key.
pub const AUTHORIZATION: &str = "authorization";
/// The metadata key by which a caller on the same machine says its role.
pub const ROLE: &str = "x-switchover-role";
/// The metadata key by which a caller on the same machine says who it is.
pub const SUBJECT: &str = "x-switchover-subject";
/// The role of a caller that says it is nobody.
pub const ANONYMOUS: &str = "anonymous";

/// Who people on this machine are, where no keys are needed and they do not say.
const LOCAL: &str = "people/local";
/// How often the keys file is looked at, at most.
const LOOK: Duration = Duration::from_secs(1);
/// The largest keys file, in bytes.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// A secret by which a caller proves who it is.
#[derive(Clone)]
pub struct Key(SecretString);

impl Key {
    const PREFIX: &str = "swk_";
    const BYTES: usize = 32;

    /// Draws a new one of 256 random bits. Show it once; keep only its digest.
    pub fn generate() -> Self {
        let mut bytes = [0; Self::BYTES];
        aws_lc_rs::rand::fill(&mut bytes).expect("the system has random bytes");
        Self(format!("{}{}", Self::PREFIX, URL_SAFE_NO_PAD.encode(bytes)).into())
    }

    /// Reads one from a file that holds nothing else.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = fs::read_to_string(path).map_err(|error| Error::file(path, error))?;
        text.trim()
            .parse()
            .map_err(|error: KeyError| Error::file(path, error))
    }

    /// Returns the secret text, to show or to send it.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// Returns the SHA-256 digest in hex, as a keys file holds it.
    pub fn digest(&self) -> String {
        Sha256::digest(self.expose())
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

/// A text that is not a key; it does not say which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not a key: `swk_` and 43 letters, digits, `-` and `_`")]
pub struct KeyError;

impl FromStr for Key {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let encoded = text.strip_prefix(Self::PREFIX).ok_or(KeyError)?;
        match URL_SAFE_NO_PAD.decode(encoded) {
            Ok(bytes) if bytes.len() == Self::BYTES => Ok(Self(text.to_owned().into())),
            Ok(_) | Err(_) => Err(KeyError),
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

/// Who may call a server at all.
#[derive(Debug, Clone)]
pub enum Access {
    /// Whoever is on this machine, as whoever they say; an operator admin unless they say.
    Open,
    /// Whoever has a key of the file.
    Keys(Arc<KeyFile>),
}

impl Access {
    /// Reads a keys file.
    pub fn keys(path: impl Into<PathBuf>, clock: Clock) -> Result<Self, Error> {
        KeyFile::open(path.into(), clock)
            .map(Arc::new)
            .map(Self::Keys)
    }

    /// Refuses to believe everybody where more than this machine can call.
    pub fn fits(&self, listen: SocketAddr) -> Result<(), Error> {
        match self {
            Self::Open if !listen.ip().is_loopback() => Err(Error::Usage(format!(
                "{listen} can be reached from other machines, so callers need keys: give a keys file, or listen on 127.0.0.1"
            ))),
            Self::Open | Self::Keys(_) => Ok(()),
        }
    }

    /// Tells who makes a call with these headers. Wrong credentials are refused, none are nobody.
    pub fn identify(&self, headers: &HeaderMap) -> Result<Caller, Problem> {
        match self {
            Self::Open => claimed(headers),
            Self::Keys(file) => match headers.get(AUTHORIZATION) {
                None => Ok(Caller::Anonymous),
                Some(value) => {
                    let key = value.to_str().ok().and_then(bearer).ok_or_else(refused)?;
                    file.owner(&key).map(Caller::Known).ok_or_else(refused)
                }
            },
        }
    }
}

fn refused() -> Problem {
    Problem::unauthenticated(
        reason::UNAUTHENTICATED,
        "The key is not known here, or has expired.",
    )
}

fn bearer(value: &str) -> Option<Key> {
    let (scheme, key) = value.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| key.trim().parse().ok())?
}

fn claimed(headers: &HeaderMap) -> Result<Caller, Problem> {
    let text = |name| {
        headers
            .get(name)
            .map(|value| value.to_str().unwrap_or_default())
    };
    let wrong =
        |error: contract::NameError| Problem::unauthenticated(reason::UNAUTHENTICATED, error);
    let role = match text(ROLE) {
        None => Role::OperatorAdmin,
        Some(ANONYMOUS) => return Ok(Caller::Anonymous),
        Some(role) => role.parse().map_err(wrong)?,
    };
    Identity::new(role, text(SUBJECT).unwrap_or(LOCAL))
        .map(Caller::Known)
        .map_err(wrong)
}

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
pub struct KeyFile {
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

#[derive(Debug)]
struct Entry {
    sha256: [u8; 32],
    identity: Identity,
    expires: Option<Timestamp>,
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
    fn open(path: PathBuf, clock: Clock) -> Result<Self, Error> {
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

    fn owner(&self, key: &Key) -> Option<Identity> {
        let digest: [u8; 32] = Sha256::digest(key.expose()).into();
        let now = self.clock.now();
        let entries = self.current();
        // Every entry is compared, so that the time tells nothing of which one it was.
        entries.iter().fold(None, |found, entry| {
            let same = bool::from(entry.sha256.ct_eq(&digest));
            let holds = entry.expires.is_none_or(|end| now < end);
            if same && holds {
                Some(entry.identity.clone())
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

#[cfg(test)]
mod tests;
