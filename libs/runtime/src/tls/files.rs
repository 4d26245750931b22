//! Something made of PEM files, made again when they change; while they cannot be read, the last one
//! holds.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};

use crate::{clock::Clock, error::Error};

/// How often files are looked at, at most.
pub(super) const LOOK: Duration = Duration::from_secs(1);
/// The largest file, in bytes.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Makes something of files, or says which is wrong.
type Make<T> = Box<dyn Fn() -> Result<T, Error> + Send + Sync>;

/// Something made of files.
pub(super) struct Made<T> {
    paths: Vec<PathBuf>,
    make: Make<T>,
    clock: Clock,
    known: Mutex<Known<T>>,
}

struct Known<T> {
    value: Arc<T>,
    stamps: Vec<Option<Stamp>>,
    looked: Duration,
}

/// What tells that a file has changed.
type Stamp = (SystemTime, u64);

impl<T> Made<T> {
    /// Makes it for the first time.
    pub(super) fn open(paths: Vec<PathBuf>, make: Make<T>, clock: Clock) -> Result<Self, Error> {
        let stamps = paths.iter().map(|path| stamp(path)).collect();
        let value = Arc::new(make()?);
        let known = Known {
            value,
            stamps,
            looked: clock.instant(),
        };
        Ok(Self {
            paths,
            make,
            clock,
            known: Mutex::new(known),
        })
    }

    /// Returns it, made again if a file has changed.
    pub(super) fn current(&self) -> Arc<T> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.instant();
        if now.saturating_sub(known.looked) >= LOOK {
            known.looked = now;
            let stamps: Vec<_> = self.paths.iter().map(|path| stamp(path)).collect();
            if stamps != known.stamps {
                match (self.make)() {
                    Ok(value) => {
                        tracing::info!(files = ?self.paths, "read the certificates again");
                        known.value = Arc::new(value);
                        known.stamps = stamps;
                    }
                    // Files of one change are written one after the other: looked at again soon.
                    Err(error) => {
                        tracing::error!(%error, "the certificates cannot be read; the last good ones hold");
                    }
                }
            }
        }
        Arc::clone(&known.value)
    }
}

impl<T> fmt::Debug for Made<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Made({:?})", self.paths)
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let data = fs::metadata(path).ok()?;
    Some((data.modified().ok()?, data.len()))
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let wrong = |error: std::io::Error| Error::file(path, error);
    if fs::metadata(path).map_err(wrong)?.len() > FILE_BYTES_MAX {
        return Err(Error::file(path, "is larger than 1 MiB"));
    }
    fs::read(path).map_err(wrong)
}

/// Reads a certificate and those above it.
pub(super) fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let text = read(path)?;
    let chain = CertificateDer::pem_slice_iter(&text).collect::<Result<Vec<_>, _>>();
    match chain {
        Ok(chain) if !chain.is_empty() => Ok(chain),
        Ok(_) => Err(Error::file(path, "holds no certificate in PEM")),
        Err(_) => Err(Error::file(path, "is not PEM")),
    }
}

/// Reads a private key. What is wrong with it is never told in its own words.
pub(super) fn key(path: &Path) -> Result<PrivateKeyDer<'static>, Error> {
    let text = read(path)?;
    PrivateKeyDer::from_pem_slice(&text)
        .map_err(|_| Error::file(path, "holds no private key in PEM"))
}

/// Reads authorities.
pub(super) fn roots(path: &Path) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    for certificate in chain(path)? {
        roots
            .add(certificate)
            .map_err(|error| Error::file(path, error))?;
    }
    Ok(roots)
}
