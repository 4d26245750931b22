//! The key of a running `switchover dev`, for the command line of the same person: in a file for each
//! address that it listens on, which counts only while it runs.

use std::{
    env,
    fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError},
    io::{self, Write as _},
    net::{Ipv4Addr, SocketAddr},
    os::unix::fs::{
        DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
    },
    path::{Path, PathBuf},
};

use runtime::{Endpoint, Error, Key};

/// Returns the folder of these files: of this person, and of nobody else.
pub(crate) fn folder() -> Option<PathBuf> {
    let absolute = |name| {
        let path = PathBuf::from(env::var_os(name)?);
        path.is_absolute().then_some(path)
    };
    let state = absolute("XDG_STATE_HOME")
        .or_else(|| Some(absolute("HOME")?.join(".local").join("state")))?;
    Some(state.join("switchover").join("dev"))
}

/// Returns the key for an address where a `switchover dev` of this person runs.
pub(crate) fn of(endpoint: &Endpoint) -> Option<Key> {
    read(&folder()?, address(endpoint)?)
}

fn read(folder: &Path, address: SocketAddr) -> Option<Key> {
    let path = path(folder, address);
    let file = File::open(&path).ok()?;
    if file.metadata().ok()?.mode() & 0o077 != 0 {
        return None;
    }
    match file.try_lock_shared() {
        // Nobody holds it: it was left by a process that was killed, and somebody else may listen now.
        Ok(()) | Err(TryLockError::Error(_)) => None,
        Err(TryLockError::WouldBlock) => Key::read(&path).ok().filter(Key::is_for_development),
    }
}

/// Returns the address on this machine that an endpoint is, if it is one.
fn address(endpoint: &Endpoint) -> Option<SocketAddr> {
    let origin = endpoint.origin();
    let place = origin.strip_prefix("http://")?;
    let address = match place.strip_prefix("localhost:") {
        Some(port) => SocketAddr::from((Ipv4Addr::LOCALHOST, port.parse().ok()?)),
        None => place.parse().ok()?,
    };
    address.ip().is_loopback().then_some(address)
}

fn path(folder: &Path, address: SocketAddr) -> PathBuf {
    folder.join(format!("{}-{}.key", address.ip(), address.port()))
}

/// The key, to be found until this is dropped.
#[derive(Debug)]
pub(crate) struct Findable {
    files: Vec<(PathBuf, File)>,
}

impl Findable {
    /// Has the key found at these addresses.
    ///
    /// # Errors
    /// A file cannot be written.
    pub(crate) fn at(folder: &Path, addresses: &[SocketAddr], key: &Key) -> Result<Self, Error> {
        let mut made = DirBuilder::new();
        made.recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(|error| Error::file(folder, error))?;
        let mut findable = Self { files: Vec::new() };
        for address in addresses {
            let path = path(folder, *address);
            let file = hold(&path, key).map_err(|error| Error::file(&path, error))?;
            findable.files.push((path, file));
        }
        Ok(findable)
    }
}

fn hold(path: &Path, key: &Key) -> io::Result<File> {
    let mut file = loop {
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(path)?;
        // Whoever looks whether it is held does so for a moment; whoever ended just now removes it.
        file.lock()?;
        let there = fs::metadata(path).map(|there| there.ino());
        if there.is_ok_and(|there| file.metadata().is_ok_and(|held| held.ino() == there)) {
            break file;
        }
    };
    file.set_permissions(Permissions::from_mode(0o600))?;
    file.set_len(0)?;
    writeln!(file, "{}", key.expose())?;
    Ok(file)
}

impl Drop for Findable {
    fn drop(&mut self) {
        for (path, _held) in &self.files {
            // What is left counts for nobody once it is not held.
            drop(fs::remove_file(path));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(port: u16) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, port))
    }

    #[test]
    fn each_address_has_the_key_of_who_runs_there_and_only_while_it_runs() {
        let state = tempfile::tempdir().unwrap();
        let folder = state.path().join("switchover").join("dev");
        let [one, other] = [(); 2].map(|()| Key::generate_for_development());
        assert!(read(&folder, at(1)).is_none());
        let first = Findable::at(&folder, &[at(1), at(2)], &one).unwrap();
        let second = Findable::at(&folder, &[at(3)], &other).unwrap();
        let found = |port| read(&folder, at(port)).map(|key| key.digest());
        assert_eq!(found(1), Some(one.digest()));
        assert_eq!(found(3), Some(other.digest()));
        drop(second);
        assert_eq!((found(2), found(3)), (Some(one.digest()), None));
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!(mode(&folder), 0o700);
        assert_eq!(mode(&path(&folder, at(1))), 0o600);
        drop(first);
        assert!(fs::read_dir(&folder).unwrap().next().is_none());
    }

    #[test]
    fn what_a_killed_process_left_is_no_key_and_is_written_anew_by_the_next() {
        let state = tempfile::tempdir().unwrap();
        let [old, new] = [(); 2].map(|()| Key::generate_for_development());
        let left = path(state.path(), at(1));
        fs::write(&left, format!("{}\n\n\n", old.expose())).unwrap();
        fs::set_permissions(&left, Permissions::from_mode(0o600)).unwrap();
        assert!(read(state.path(), at(1)).is_none());
        let running = Findable::at(state.path(), &[at(1)], &new).unwrap();
        let found = read(state.path(), at(1)).unwrap();
        assert_eq!(found.digest(), new.digest());
        fs::set_permissions(&left, Permissions::from_mode(0o644)).unwrap();
        assert!(read(state.path(), at(1)).is_none(), "others can read it");
        drop(running);
    }

    #[test]
    fn only_addresses_of_this_machine_can_have_one() {
        let read = |text: &str| address(&text.parse().unwrap());
        assert_eq!(read("http://127.0.0.1:7101"), Some(at(7101)));
        assert_eq!(read("http://localhost:7101/"), Some(at(7101)));
        assert!(read("http://[::1]:7101").is_some());
        for text in [
            "https://127.0.0.1:7101",
            "http://192.0.2.1:7101",
            "http://localhost.example:7101",
            "http://127.0.0.1",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
