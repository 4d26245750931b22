//! The file of the key by which a process calls others, which somebody replaces while it runs.

use std::{
    fmt, fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use tonic::metadata::{Ascii, MetadataValue};

use crate::{caller::Key, error::Error};

/// A file that holds a key and nothing else. A changed one counts from the next call on; while it
/// cannot be read, the last key holds and the log says so.
#[derive(Clone)]
pub struct HeldKey {
    path: PathBuf,
    last: Arc<Mutex<Last>>,
}

struct Last {
    bearer: MetadataValue<Ascii>,
    stamp: Option<Stamp>,
}

/// What tells that a file is another one or has changed: seconds and nanoseconds, bytes, number.
type Stamp = (i64, i64, u64, u64);

impl HeldKey {
    /// Reads it.
    ///
    /// # Errors
    /// There is no key in it now.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let stamp = stamp(path);
        let bearer = bearer(&Key::read(path)?)?;
        Ok(Self {
            path: path.to_owned(),
            last: Arc::new(Mutex::new(Last { bearer, stamp })),
        })
    }

    /// Returns the header for one call.
    pub(super) fn bearer(&self) -> MetadataValue<Ascii> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let stamp = stamp(&self.path);
        if stamp != last.stamp {
            last.stamp = stamp;
            match Key::read(&self.path).and_then(|key| bearer(&key)) {
                Ok(bearer) => last.bearer = bearer,
                Err(error) => {
                    tracing::error!(%error, "the key cannot be read again; the last one is used");
                }
            }
        }
        last.bearer.clone()
    }
}

/// Returns the header by which a key is shown.
pub(super) fn bearer(key: &Key) -> Result<MetadataValue<Ascii>, Error> {
    let value = format!("Bearer {}", key.expose()).parse::<MetadataValue<Ascii>>();
    let mut value = value.map_err(|_| Error::internal("credentials are printable ASCII"))?;
    value.set_sensitive(true);
    Ok(value)
}

fn stamp(path: &Path) -> Option<Stamp> {
    let data = fs::metadata(path).ok()?;
    Some((data.mtime(), data.mtime_nsec(), data.len(), data.ino()))
}

impl fmt::Debug for HeldKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HeldKey({})", self.path.display())
    }
}

#[cfg(test)]
mod tests {
    use tonic::{Request, service::Interceptor as _};

    use super::*;
    use crate::{
        caller::AUTHORIZATION,
        client::{Credentials, Identify},
    };

    #[test]
    fn a_key_that_is_replaced_in_its_file_is_the_one_of_the_next_call() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("own.key");
        assert!(HeldKey::open(&path).is_err());
        let [old, new] = [(); 2].map(|()| Key::generate());
        fs::write(&path, old.expose()).unwrap();
        let held = Credentials::KeyFile(HeldKey::open(&path).unwrap());
        let mut identify = Identify::new(&held).unwrap();
        let mut shown = || {
            let request = identify.call(Request::new(())).unwrap();
            let value = request.metadata().get(AUTHORIZATION).unwrap();
            assert!(value.is_sensitive());
            value.to_str().unwrap().to_owned()
        };
        assert_eq!(shown(), format!("Bearer {}", old.expose()));
        let draft = folder.path().join("draft");
        fs::write(&draft, new.expose()).unwrap();
        fs::rename(&draft, &path).unwrap();
        assert_eq!(shown(), format!("Bearer {}", new.expose()));
        fs::write(&path, "half a k").unwrap();
        assert_eq!(shown(), format!("Bearer {}", new.expose()));
        fs::remove_file(&path).unwrap();
        assert_eq!(shown(), format!("Bearer {}", new.expose()));
        assert!(!format!("{held:?}").contains(new.expose()));
    }
}
