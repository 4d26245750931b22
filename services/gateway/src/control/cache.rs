//! The last known state on disk. Whatever is read back is a state that was once written, or
//! nothing: damage is noticed by checksums, and a file that is replaced is replaced whole.
//!
//! Everything here blocks; the callers run it beside the runtime's threads.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

pub(crate) mod grants;
pub(crate) mod routes;

/// The folder in which one gateway keeps what it knows, held by this process alone.
#[derive(Debug)]
pub(crate) struct StateDir {
    path: PathBuf,
    /// Locked for as long as it is open.
    _lock: File,
}

impl StateDir {
    /// Opens the folder, making it if need be, for its owner alone (0700).
    pub(crate) fn open(path: &Path) -> Result<Self, StateDirError> {
        let at = |error| StateDirError::Unusable {
            path: path.to_owned(),
            error,
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(at)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o700)).map_err(at)?;
        let lock = private(OpenOptions::new().write(true).create(true).truncate(false))
            .open(path.join("lock"))
            .map_err(at)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                path: path.to_owned(),
                _lock: lock,
            }),
            Err(TryLockError::WouldBlock) => Err(StateDirError::InUse(path.to_owned())),
            Err(TryLockError::Error(error)) => Err(at(error)),
        }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Makes renames durable.
    fn sync(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }

    /// Writes `content` beside `name` and makes it durable; it replaces nothing yet.
    fn write_beside(&self, name: &str, content: &[u8]) -> io::Result<PathBuf> {
        let path = self.file(&format!("{name}.new"));
        let mut file =
            private(OpenOptions::new().write(true).create(true).truncate(true)).open(&path)?;
        file.write_all(content)?;
        file.sync_all()?;
        Ok(path)
    }
}

/// Why the state folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StateDirError {
    /// Another gateway has it.
    #[error("another gateway uses the state folder {0}: give each a folder of its own")]
    InUse(PathBuf),
    /// The system does not let us.
    #[error("the state folder {path} cannot be used")]
    Unusable {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
}

/// For the owner alone.
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options.mode(0o600)
}

/// Returns the content of a file, or none if there is no such file.
fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(content) => Ok(Some(content)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Returns the SHA-256 of `content` in lower-case hex.
fn checksum(content: &[u8]) -> String {
    Sha256::digest(content)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_folder_belongs_to_one_process_and_its_owner() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("state");
        let dir = StateDir::open(&path).unwrap();
        assert!(matches!(
            StateDir::open(&path),
            Err(StateDirError::InUse(_))
        ));
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o700
        );
        let file = dir.write_beside("routes", b"x").unwrap();
        assert_eq!(
            fs::metadata(file).unwrap().permissions().mode() & 0o777,
            0o600
        );
        drop(dir);
        StateDir::open(&path).unwrap();
    }
}
