//! Keys by which the parts of one installation know each other, as an operator would make them.

use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Result, ensure};
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
        let path = self.own(name);
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

    /// Draws another key into the file of one, and has services accept it in the place of that.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub fn replace(&self, subject: &str, name: &str) -> Result<()> {
        let (old, new) = (Key::read(&self.own(name))?, Key::generate());
        put(&self.own(name), new.expose())?;
        let accepted = fs::read_to_string(self.accepted())?;
        let (before, after) = (old.digest(), new.digest());
        ensure!(accepted.contains(&before), "{subject} has no such key");
        put(&self.accepted(), &accepted.replace(&before, &after))
    }

    /// Has services no longer accept the key of somebody.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn withdraw(&self, subject: &str) -> Result<()> {
        let accepted = fs::read_to_string(self.accepted())?;
        let others: String = accepted
            .split_inclusive("\n\n")
            .filter(|entry| !entry.contains(&format!("subject = \"{subject}\"")))
            .collect();
        ensure!(others != accepted, "{subject} has no key");
        put(&self.accepted(), &others)
    }

    /// Returns the file of somebody's key.
    #[must_use]
    pub fn own(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.key"))
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

/// Replaces a file so that nobody ever reads a part of it.
fn put(path: &Path, text: &str) -> Result<()> {
    let draft = path.with_extension("draft");
    fs::write(&draft, text)?;
    Ok(fs::rename(&draft, path)?)
}
