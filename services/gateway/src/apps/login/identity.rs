//! What versions are told of who asks, signed by keys that all gateways of an installation share.

use std::{
    collections::HashMap,
    fs::{self, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::Path,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use base64::{Engine as _, prelude::BASE64_STANDARD as BASE64};
use http::{HeaderName, HeaderValue};
use jiff::Timestamp;
use rustls::pki_types::{PrivatePkcs8KeyDer, pem::PemObject as _};
use serde_json::Value;
use tokens::{Identity, SigningKey, User, keys::key_set};

use super::session::Session;
use crate::apps::snapshot::Serving;

/// The field in which a version is told.
pub(in crate::apps) const IDENTITY: HeaderName = HeaderName::from_static("switchover-identity");
/// How long what was signed is used again: so long it is good for longer than that at least.
const USED: Duration = Duration::from_secs(20);
/// The most that is kept to be used again; then all is signed anew.
const KEPT_MAX: usize = 10_000;
/// Characters of a line of a PEM file.
const PEM_LINE: usize = 64;

/// The keys, and what they have signed lately.
#[derive(Debug)]
pub(in crate::apps) struct Signer {
    /// Never empty; the first one signs, all are published.
    keys: Vec<SigningKey>,
    issuer: String,
    kept: Mutex<HashMap<Of, (Timestamp, HeaderValue)>>,
}

/// What is signed once for many requests.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Of {
    session: Option<String>,
    tenant: String,
    application: String,
    version: String,
    generation: Option<u64>,
}

impl Signer {
    /// Signs with a key that lives as long as the process.
    pub(in crate::apps) fn for_process(issuer: &str) -> Self {
        Self::with(vec![SigningKey::draw()], issuer)
    }

    fn with(keys: Vec<SigningKey>, issuer: &str) -> Self {
        Self {
            keys,
            issuer: issuer.to_owned(),
            kept: Mutex::default(),
        }
    }

    /// Reads keys (PKCS#8, PEM) from a file, or makes one there (mode 0600). Refuses a file that others
    /// can read.
    ///
    /// # Errors
    /// The file cannot be read or made, or holds no key.
    pub(in crate::apps) fn load_or_create(path: &Path, issuer: &str) -> io::Result<Self> {
        match fs::metadata(path) {
            Ok(data) if data.mode() & 0o077 != 0 => {
                return Err(io::Error::other(
                    "others can read this key file; make its mode 0600",
                ));
            }
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => make(path)?,
            Err(error) => return Err(error),
        }
        let text = fs::read(path)?;
        let wrong = || io::Error::other("this holds no PKCS#8 key of P-256 in PEM");
        let keys = PrivatePkcs8KeyDer::pem_slice_iter(&text)
            .map(|key| {
                let key = key.map_err(|_| wrong())?;
                SigningKey::from_pkcs8(key.secret_pkcs8_der()).map_err(|_| wrong())
            })
            .collect::<io::Result<Vec<_>>>()?;
        match keys.is_empty() {
            true => Err(wrong()),
            false => Ok(Self::with(keys, issuer)),
        }
    }

    /// Returns the public halves of the keys.
    pub(in crate::apps) fn key_set(&self) -> Value {
        key_set(&self.keys)
    }

    /// Says who asks what serves at `now`; nobody where anybody may.
    pub(in crate::apps) fn sign(
        &self,
        serving: &Serving,
        tenant: &str,
        session: Option<&Session>,
        now: Timestamp,
    ) -> HeaderValue {
        let of = Of {
            session: session.map(|session| session.id.clone()),
            tenant: tenant.to_owned(),
            application: serving.application.to_string(),
            version: serving.target.version.to_string(),
            generation: serving.generation.map(contract::Generation::get),
        };
        let fresh = |since: Timestamp| {
            let age = now.duration_since(since);
            !age.is_negative() && age.unsigned_abs() < USED
        };
        let kept = self.kept().get(&of).cloned();
        if let Some((since, token)) = kept
            && fresh(since)
        {
            return token;
        }
        let token = self.sign_anew(&of, session, now);
        let mut kept = self.kept();
        if kept.len() >= KEPT_MAX {
            kept.clear();
        }
        kept.insert(of, (now, token.clone()));
        token
    }

    fn sign_anew(&self, of: &Of, session: Option<&Session>, now: Timestamp) -> HeaderValue {
        let identity = Identity {
            issuer: &self.issuer,
            application: &of.application,
            version: &of.version,
            generation: of.generation,
            tenant: &of.tenant,
            user: session.map(|session| User {
                subject: &session.subject,
                roles: &session.roles,
                session: &session.id,
            }),
            issued_at: now,
        };
        let key = self.keys.first().expect("there is at least one key");
        let token = identity.sign(key);
        let mut token = HeaderValue::try_from(token).expect("base64 and dots");
        token.set_sensitive(true);
        token
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, HashMap<Of, (Timestamp, HeaderValue)>> {
        // Nothing panics while it is held.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes a key file; if another process is faster, its key is the one.
fn make(path: &Path) -> io::Result<()> {
    let key = BASE64.encode(SigningKey::draw().pkcs8());
    let mut text = "-----BEGIN PRIVATE KEY-----\n".to_owned();
    for line in key.as_bytes().chunks(PEM_LINE) {
        text.push_str(&String::from_utf8_lossy(line));
        text.push('\n');
    }
    text.push_str("-----END PRIVATE KEY-----\n");
    let beside = path.with_extension(format!("{}.new", std::process::id()));
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&beside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    let placed = fs::hard_link(&beside, path);
    fs::remove_file(&beside)?;
    match placed {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        placed => placed,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_key_file_is_made_once_for_its_owner_and_read_by_all_gateways_that_share_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("login.key");
        let first = Signer::load_or_create(&path, "https://edge").unwrap();
        let second = Signer::load_or_create(&path, "https://edge").unwrap();
        assert_eq!(first.key_set(), second.key_set());
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);

        let other = folder.path().join("other.key");
        let newer = Signer::load_or_create(&other, "https://edge").unwrap();
        let both = [fs::read(&other).unwrap(), fs::read(&path).unwrap()].concat();
        fs::write(&path, both).unwrap();
        let rotated = Signer::load_or_create(&path, "https://edge").unwrap();
        let ids: Vec<&str> = rotated.keys.iter().map(SigningKey::id).collect();
        assert_eq!(ids, [newer.keys[0].id(), first.keys[0].id()]);

        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(Signer::load_or_create(&path, "https://edge").is_err());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, "no key").unwrap();
        assert!(Signer::load_or_create(&path, "https://edge").is_err());
    }
}
