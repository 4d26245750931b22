//! Keys by which the parts of one installation know each other, as an operator would make them.

use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::Result;
use contract::Role;
use runtime::{Credentials, Key};

/// How services know who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Callers {
    /// They believe what callers on their own machine say.
    Believed,
    /// Callers prove it by keys.
    Keyed,
}

/// A folder with a key for each caller, and the file of those that services accept.
#[derive(Debug)]
pub struct Keys {
    folder: PathBuf,
}

impl Keys {
    /// Begins with no key, in a folder of its own.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn new(folder: &Path) -> Result<Self> {
        let folder = folder.join("keys");
        fs::create_dir_all(&folder)?;
        Ok(Self { folder })
    }

    /// Returns the file of the keys that services accept.
    #[must_use]
    pub fn accepted(&self) -> PathBuf {
        self.folder.join("accepted.toml")
    }

    /// Makes a key and returns the file that it is in.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn issue(&self, role: Role, subject: &str, name: &str) -> Result<PathBuf> {
        let key = Key::generate();
        let path = self.folder.join(format!("{name}.key"));
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)?;
        writeln!(file, "{}", key.expose())?;
        let mut accepted = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.accepted())?;
        let digest = key.digest();
        writeln!(
            accepted,
            "[[key]]\nsha256 = \"{digest}\"\nrole = \"{role}\"\nsubject = \"{subject}\"\n"
        )?;
        Ok(path)
    }

    /// Makes a key and returns how its holder calls.
    ///
    /// # Errors
    /// When a file cannot be written or read.
    pub fn credentials(&self, role: Role, subject: &str, name: &str) -> Result<Credentials> {
        Ok(Credentials::Key(Key::read(
            &self.issue(role, subject, name)?,
        )?))
    }
}
