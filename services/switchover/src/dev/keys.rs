//! The keys of the demonstration: one for each service, the gateway and the demo operator. They are
//! development keys, so they are worth nothing where another machine can call.

use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::Write as _,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use contract::{Identity, Role, Scope};
use runtime::{Access, Clock, Error, Key};

use crate::show::key::Made;

/// Who has a key: its name, and who that is to services. The console knows the demo operator, too.
const HOLDERS: [(&str, Role, &str); 5] = [
    ("catalog", Role::Service, "catalog"),
    ("provisioning", Role::Service, "provisioning"),
    ("notification", Role::Service, "notification"),
    ("gateway", Role::Gateway, "gateways/local"),
    (OPERATOR, Role::OperatorAdmin, "people/demo"),
];
const OPERATOR: &str = "operator";

/// The keys, each in a file of its own, and the file of those that services take.
#[derive(Debug)]
pub(crate) struct Keys {
    folder: PathBuf,
}

impl Keys {
    /// Takes those of an earlier run, or draws new ones if any is missing.
    pub(crate) fn open(data: &Path) -> Result<Self, Error> {
        let keys = Self {
            folder: data.join("keys"),
        };
        if !keys.are_whole() {
            keys.draw(&data.join("keys.draft"))?;
        }
        Ok(keys)
    }

    fn are_whole(&self) -> bool {
        let own = |(name, ..): &(&str, Role, &str)| Key::read(&self.own(name)).is_ok();
        HOLDERS.iter().all(own) && Access::keys(self.accepted(), Clock::real()).is_ok()
    }

    /// Draws all anew: they are there whole or not at all.
    fn draw(&self, draft: &Path) -> Result<(), Error> {
        for old in [draft, &self.folder] {
            if old.exists() {
                fs::remove_dir_all(old).map_err(|error| Error::file(old, error))?;
            }
        }
        let made = DirBuilder::new().mode(0o700).create(draft);
        made.map_err(|error| Error::file(draft, error))?;
        let drafted = Self {
            folder: draft.to_owned(),
        };
        let mut accepted = String::new();
        for (name, role, subject) in HOLDERS {
            let made = Made {
                key: Key::generate_for_development(),
                identity: Identity::new(role, subject).map_err(Error::internal)?,
                expires: None,
                scope: Scope::default(),
            };
            accepted.push_str(&made.entry());
            write(&drafted.own(name), made.key.expose())?;
        }
        write(&drafted.accepted(), &accepted)?;
        fs::rename(draft, &self.folder).map_err(|error| Error::file(&self.folder, error))
    }

    /// Returns the file of the keys that services take.
    pub(crate) fn accepted(&self) -> PathBuf {
        self.folder.join("accepted.toml")
    }

    /// Returns the file of the key of a service or the gateway.
    pub(crate) fn own(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.key"))
    }

    /// Returns the file of the demo operator's key.
    pub(crate) fn operator(&self) -> PathBuf {
        self.own(OPERATOR)
    }
}

fn write(path: &Path, text: &str) -> Result<(), Error> {
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    file.and_then(|mut file| writeln!(file, "{text}"))
        .map_err(|error| Error::file(path, error))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    #[test]
    fn keys_are_drawn_once_and_only_their_owner_reads_them() {
        let data = tempfile::tempdir().unwrap();
        let keys = Keys::open(data.path()).unwrap();
        let operator = Key::read(&keys.operator()).unwrap();
        assert!(operator.is_for_development());
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!(mode(&keys.folder), 0o700);
        for entry in fs::read_dir(&keys.folder).unwrap() {
            let path = entry.unwrap().path();
            assert_eq!(mode(&path), 0o600, "{}", path.display());
        }
        let accepted = fs::read_to_string(keys.accepted()).unwrap();
        assert_eq!(
            accepted.matches("development = true").count(),
            HOLDERS.len()
        );

        let again = Key::read(&Keys::open(data.path()).unwrap().operator()).unwrap();
        assert_eq!(again.digest(), operator.digest());
        fs::remove_file(keys.own("catalog")).unwrap();
        let anew = Key::read(&Keys::open(data.path()).unwrap().operator()).unwrap();
        assert_ne!(anew.digest(), operator.digest());
    }

    #[test]
    fn services_with_them_are_on_the_loopback_alone() {
        let data = tempfile::tempdir().unwrap();
        let keys = Keys::open(data.path()).unwrap();
        let access = Access::keys(keys.accepted(), Clock::real()).unwrap();
        access.fits("127.0.0.1:1".parse().unwrap()).unwrap();
        let error = access.fits("0.0.0.0:1".parse().unwrap()).unwrap_err();
        assert!(error.to_string().contains("switchover dev"), "{error}");
    }
}
