//! Secrets that must be readable again, such as a relay's password: AES-256-GCM under keys from a
//! file. The newest key seals, all keys open, so keys can be exchanged while data stays.

use std::{
    fmt, fs,
    io::Write as _,
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hmac, rand,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret as _, SecretBox, SecretSlice};

use crate::error::Error;

/// Why something cannot be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The text is not what [`Seal::seal`] wrote.
    #[error("the sealed text is damaged")]
    Malformed,
    /// No key of the file has this id.
    #[error("the sealed text needs key {0}, which the key file lacks")]
    UnknownKey(String),
    /// It was sealed for something else, or changed since.
    #[error("the sealed text was made for another purpose or was changed")]
    Refused,
}

/// Seals and opens with the keys of one file.
pub struct Seal {
    path: Option<PathBuf>,
    /// Oldest first; never empty.
    keys: Vec<SealKey>,
}

struct SealKey {
    id: String,
    secret: SecretBox<[u8; KEY_BYTES]>,
}

const KEY_BYTES: usize = 32;
const ID_BYTES: usize = 4;
/// Texts are `s1.{key id}.{nonce, ciphertext and tag in base64url}`.
const FORM: &str = "s1";
/// The most bytes that are sealed at once.
const PLAIN_BYTES_MAX: usize = 128 * 1024;
const NO_RANDOM: &str = "the system has random bytes";

impl Seal {
    /// Reads the key file, or makes one (mode 0600) with a new key. Refuses a file that others can
    /// read.
    pub fn load_or_create(path: impl Into<PathBuf>) -> Result<Self, Error> {
        let path = path.into();
        match fs::metadata(&path) {
            Ok(data) if data.mode() & 0o077 != 0 => Err(Error::file(
                path,
                "others can read this key file; make its mode 0600",
            )),
            Ok(_) => load(path),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let seal = Self {
                    path: Some(path.clone()),
                    keys: vec![SealKey::generate()],
                };
                match seal.write(&path, true) {
                    Ok(()) => Ok(seal),
                    // Another process was faster: its keys are the ones.
                    Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => load(path),
                    Err(error) => Err(Error::file(path, error)),
                }
            }
            Err(error) => Err(Error::file(path, error)),
        }
    }

    /// Keys that live as long as the process, for tests.
    pub fn for_tests() -> Self {
        Self {
            path: None,
            keys: vec![SealKey::generate()],
        }
    }

    /// Adds a new key to the file: from now on it seals. Older keys still open.
    pub fn rotate(&mut self) -> Result<(), Error> {
        self.keys.push(SealKey::generate());
        match self.path.clone() {
            None => Ok(()),
            Some(path) => self
                .write(&path, false)
                .map_err(|error| Error::file(path, error)),
        }
    }

    /// Seals up to 128 KiB for a purpose, as text for a database column.
    ///
    /// # Panics
    /// If there is more than that: callers have limits of their own.
    pub fn seal(&self, purpose: &str, plain: &[u8]) -> String {
        assert!(
            plain.len() <= PLAIN_BYTES_MAX,
            "{} bytes are too many to seal",
            plain.len()
        );
        let key = self.newest();
        let mut nonce = [0; NONCE_LEN];
        rand::fill(&mut nonce).expect(NO_RANDOM);
        let mut sealed = plain.to_vec();
        key.cipher()
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(bound(&key.id, purpose)),
                &mut sealed,
            )
            .expect("128 KiB are far below what the cipher takes");
        let whole = [nonce.as_slice(), &sealed].concat();
        format!("{FORM}.{}.{}", key.id, URL_SAFE_NO_PAD.encode(whole))
    }

    /// Opens what was sealed for the same purpose.
    pub fn open(&self, purpose: &str, text: &str) -> Result<SecretSlice<u8>, SealError> {
        let mut parts = text.splitn(3, '.');
        let (Some(FORM), Some(id), Some(encoded)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(SealError::Malformed);
        };
        let mut whole = URL_SAFE_NO_PAD
            .decode(encoded)
            .map_err(|_| SealError::Malformed)?;
        if whole.len() < NONCE_LEN {
            return Err(SealError::Malformed);
        }
        let key = self
            .keys
            .iter()
            .find(|key| key.id == id)
            .ok_or_else(|| SealError::UnknownKey(id.chars().take(2 * ID_BYTES).collect()))?;
        let (nonce, sealed) = whole.split_at_mut(NONCE_LEN);
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError::Malformed)?;
        let plain = key
            .cipher()
            .open_in_place(nonce, Aad::from(bound(&key.id, purpose)), sealed)
            .map_err(|_| SealError::Refused)?;
        let opened = SecretSlice::from(plain.to_vec());
        plain.fill(0);
        Ok(opened)
    }

    /// Returns the keyed digest of data for a purpose.
    pub fn mac(&self, purpose: &str, data: &[u8]) -> [u8; 32] {
        let tag = hmac::sign(&self.newest().mac_key(purpose), data);
        tag.as_ref().try_into().expect("SHA-256 has 32 bytes")
    }

    /// Returns the keyed digests of data for a purpose, one by each key: whoever has one of them in common
    /// has one of these in common.
    pub fn macs(&self, purpose: &str, data: &[u8]) -> Vec<[u8; 32]> {
        let tags = self
            .keys
            .iter()
            .map(|key| hmac::sign(&key.mac_key(purpose), data));
        tags.map(|tag| tag.as_ref().try_into().expect("SHA-256 has 32 bytes"))
            .collect()
    }

    /// Tells, in constant time, whether a digest was made here for this purpose and data.
    pub fn verify(&self, purpose: &str, data: &[u8], mac: &[u8]) -> bool {
        self.keys
            .iter()
            .any(|key| hmac::verify(&key.mac_key(purpose), data, mac).is_ok())
    }

    fn newest(&self) -> &SealKey {
        self.keys
            .last()
            .expect("a seal is made with at least one key")
    }

    /// Writes beside the file and renames, so that no moment has half a file.
    fn write(&self, path: &Path, new: bool) -> std::io::Result<()> {
        let text: SecretBox<String> = SecretBox::init_with(|| {
            let lines = self.keys.iter().map(SealKey::line);
            lines.collect()
        });
        let beside = path.with_extension(format!("{}.new", std::process::id()));
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&beside)?;
        file.write_all(text.expose_secret().as_bytes())?;
        file.sync_all()?;
        let placed = if new {
            fs::hard_link(&beside, path)
        } else {
            fs::rename(&beside, path)
        };
        if new {
            fs::remove_file(&beside)?;
        }
        placed?;
        match path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
        {
            Some(folder) => fs::File::open(folder)?.sync_all(),
            None => fs::File::open(".")?.sync_all(),
        }
    }
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<_> = self.keys.iter().map(|key| &key.id).collect();
        f.debug_struct("Seal")
            .field("path", &self.path)
            .field("keys", &ids)
            .finish()
    }
}

impl SealKey {
    fn generate() -> Self {
        let mut id = [0; ID_BYTES];
        rand::fill(&mut id).expect(NO_RANDOM);
        Self {
            id: id.iter().map(|byte| format!("{byte:02x}")).collect(),
            secret: SecretBox::init_with_mut(|secret: &mut [u8; KEY_BYTES]| {
                rand::fill(secret).expect(NO_RANDOM);
            }),
        }
    }

    fn line(&self) -> String {
        format!(
            "{} {}\n",
            self.id,
            URL_SAFE_NO_PAD.encode(self.secret.expose_secret())
        )
    }

    fn parse(line: &str) -> Option<Self> {
        let (id, secret) = line.split_once(' ')?;
        let hex = id.len() == 2 * ID_BYTES && id.chars().all(|c| c.is_ascii_hexdigit());
        let secret: [u8; KEY_BYTES] = URL_SAFE_NO_PAD.decode(secret).ok()?.try_into().ok()?;
        hex.then(|| Self {
            id: id.to_owned(),
            secret: SecretBox::new(Box::new(secret)),
        })
    }

    /// A key of its own for each use, so that no two uses share one.
    fn derive(&self, usage: &str) -> hmac::Tag {
        hmac::sign(
            &hmac::Key::new(hmac::HMAC_SHA256, self.secret.expose_secret()),
            usage.as_bytes(),
        )
    }

    fn cipher(&self) -> LessSafeKey {
        let key = self.derive("seal");
        LessSafeKey::new(
            UnboundKey::new(&AES_256_GCM, key.as_ref()).expect("32 bytes are AES-256's key"),
        )
    }

    fn mac_key(&self, purpose: &str) -> hmac::Key {
        hmac::Key::new(
            hmac::HMAC_SHA256,
            self.derive(&format!("mac:{purpose}")).as_ref(),
        )
    }
}

fn load(path: PathBuf) -> Result<Seal, Error> {
    let text = fs::read_to_string(&path).map_err(|error| Error::file(&path, error))?;
    let keys: Option<Vec<_>> = text.lines().map(SealKey::parse).collect();
    match keys.filter(|keys| !keys.is_empty()) {
        Some(keys) => Ok(Seal {
            path: Some(path),
            keys,
        }),
        None => Err(Error::file(
            path,
            "this is not a key file: one line a key, its id and the key",
        )),
    }
}

/// What a sealed text is bound to.
fn bound(id: &str, purpose: &str) -> Vec<u8> {
    format!("{FORM}.{id}.{purpose}").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(seal: &Seal, purpose: &str, text: &str) -> Result<Vec<u8>, SealError> {
        seal.open(purpose, text)
            .map(|secret| secret.expose_secret().to_vec())
    }

    #[test]
    fn what_is_sealed_opens_for_its_purpose_alone() {
        let seal = Seal::for_tests();
        let text = seal.seal("smtp", b"hunter2");
        assert!(!text.contains("hunter2"));
        assert_eq!(open(&seal, "smtp", &text), Ok(b"hunter2".to_vec()));
        assert_eq!(open(&seal, "other", &text), Err(SealError::Refused));
        assert_ne!(
            seal.seal("smtp", b"hunter2"),
            text,
            "equal secrets must not look equal"
        );
        assert!(matches!(
            open(&Seal::for_tests(), "smtp", &text),
            Err(SealError::UnknownKey(_))
        ));
        assert_eq!(open(&seal, "e", &seal.seal("e", b"")), Ok(Vec::new()));
    }

    #[test]
    fn every_change_of_a_sealed_text_is_refused() {
        let seal = Seal::for_tests();
        let text = seal.seal("smtp", b"hunter2");
        for at in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            assert!(open(&seal, "smtp", &changed).is_err(), "{changed}");
        }
        for text in [
            "",
            "s1",
            "s1..",
            "s1.00000000.",
            "s1.00000000.AAAA",
            "s2.x.y",
        ] {
            assert!(open(&seal, "smtp", text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_new_key_seals_and_the_old_ones_still_open_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("seal.keys");
        let mut seal = Seal::load_or_create(&path).unwrap();
        let (old, mac) = (seal.seal("p", b"old"), seal.mac("p", b"data"));
        seal.rotate().unwrap();
        let new = seal.seal("p", b"new");
        assert_ne!(old.split('.').nth(1), new.split('.').nth(1));
        let again = Seal::load_or_create(&path).unwrap();
        assert_eq!(open(&again, "p", &old), Ok(b"old".to_vec()));
        assert_eq!(open(&again, "p", &new), Ok(b"new".to_vec()));
        assert!(again.verify("p", b"data", &mac));
        assert_eq!(
            fs::read_dir(folder.path()).unwrap().count(),
            1,
            "nothing is left beside"
        );
    }

    #[test]
    fn the_key_file_is_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("seal.keys");
        drop(Seal::load_or_create(&path).unwrap());
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
        assert!(Seal::load_or_create(&path).is_err());
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        fs::write(&path, "").unwrap();
        assert!(Seal::load_or_create(&path).is_err());
    }

    #[test]
    fn a_digest_holds_for_its_purpose_and_data_alone() {
        let seal = Seal::for_tests();
        let mac = seal.mac("token", b"data");
        assert!(seal.verify("token", b"data", &mac));
        assert!(!seal.verify("other", b"data", &mac));
        assert!(!seal.verify("token", b"date", &mac));
        assert!(!seal.verify("token", b"data", &mac[..31]));
        assert!(!Seal::for_tests().verify("token", b"data", &mac));
    }

    #[test]
    fn whoever_shares_a_key_makes_a_digest_in_common() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("seal.keys");
        let old = Seal::load_or_create(&path).unwrap();
        let mut new = Seal::load_or_create(&path).unwrap();
        new.rotate().unwrap();
        let (before, after) = (old.macs("mark", b"data"), new.macs("mark", b"data"));
        assert_eq!(before, after[..1]);
        assert_eq!(after[1], new.mac("mark", b"data"));
        assert_ne!(new.macs("mark", b"date"), after);
        assert_ne!(new.macs("other", b"data"), after);
    }
}
