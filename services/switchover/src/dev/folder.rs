//! The folder with all data: one process at a time, and never deleted unless it is ours.

use std::{
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
};

use runtime::Error;

/// Marks a folder as ours and keeps others out while it is held.
const LOCK: &str = "switchover-dev.lock";

/// The folder, held until it is dropped.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// Opens or makes the folder; `fresh` deletes what an earlier run left in it.
    pub(crate) fn open(path: &Path, fresh: bool) -> Result<Self, Error> {
        fs::create_dir_all(path).map_err(|error| Error::file(path, error))?;
        let path = path
            .canonicalize()
            .map_err(|error| Error::file(path, error))?;
        let ours = path.join(LOCK);
        let mut entries = fs::read_dir(&path).map_err(|error| Error::file(&path, error))?;
        if !ours.exists() && entries.next().is_some() {
            let why = "is not empty and not of switchover dev; give another --data-dir";
            return Err(Error::file(&path, why));
        }
        let lock = File::create(&ours).map_err(|error| Error::file(&ours, error))?;
        lock.try_lock().map_err(|_| {
            Error::unavailable(path.display().to_string(), "another switchover dev uses it")
        })?;
        let folder = Self { path, _lock: lock };
        if fresh {
            folder.empty()?;
        }
        Ok(folder)
    }

    fn empty(&self) -> Result<(), Error> {
        let entries = fs::read_dir(&self.path).map_err(|error| Error::file(&self.path, error))?;
        for entry in entries {
            let entry = entry.map_err(|error| Error::file(&self.path, error))?;
            let path = entry.path();
            let deleted = match entry.file_type() {
                _ if entry.file_name() == LOCK => Ok(()),
                Ok(kind) if kind.is_dir() => fs::remove_dir_all(&path),
                Ok(_) => fs::remove_file(&path),
                Err(error) => Err(error),
            };
            deleted.map_err(|error| Error::file(&path, error))?;
        }
        Ok(())
    }

    /// Returns where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns a path in it.
    pub(crate) fn file(&self, name: &str) -> String {
        self.path.join(name).display().to_string()
    }
}

/// Writes a file so that nobody ever reads a part of it.
pub(crate) fn write_whole(path: &Path, text: &str) -> Result<(), Error> {
    let failed = |error| Error::file(path, error);
    let draft = path.with_extension("draft");
    let mut file = File::create(&draft).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    fs::rename(&draft, path).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fresh_start_deletes_what_an_earlier_run_left() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("data");
        let folder = Folder::open(&path, false).unwrap();
        fs::write(folder.file("catalog.db"), "x").unwrap();
        fs::create_dir(folder.file("gateway")).unwrap();
        drop(folder);
        let kept = Folder::open(&path, false).unwrap();
        assert!(Path::new(&kept.file("catalog.db")).exists());
        drop(kept);
        let fresh = Folder::open(&path, true).unwrap();
        assert!(!Path::new(&fresh.file("catalog.db")).exists());
        assert!(!Path::new(&fresh.file("gateway")).exists());
    }

    #[test]
    fn a_folder_of_somebody_else_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let theirs = folder.path().join("thesis.txt");
        fs::write(&theirs, "years").unwrap();
        let error = Folder::open(folder.path(), true).unwrap_err();
        assert!(error.to_string().contains("--data-dir"), "{error}");
        assert!(theirs.exists());
    }

    #[test]
    fn two_cannot_use_one_folder() {
        let folder = tempfile::tempdir().unwrap();
        let first = Folder::open(folder.path(), false).unwrap();
        let error = Folder::open(folder.path(), false).unwrap_err();
        assert!(
            error.to_string().contains("another switchover dev"),
            "{error}"
        );
        drop(first);
        Folder::open(folder.path(), false).unwrap();
    }
}
