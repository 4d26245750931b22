//! Signatures that outlive the process: Ed25519 (RFC 8032) under a key from a file. What is signed
//! can be checked by anybody who has the public key, with any tool.

use std::{
    fmt, fs,
    io::Write as _,
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::Path,
    str::FromStr,
};

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use rustls::pki_types::{PrivatePkcs8KeyDer, SubjectPublicKeyInfoDer, pem::PemObject as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

use crate::error::Error;

const PUBLIC_BYTES: usize = 32;
/// Characters of a line of base64 in PEM (RFC 7468).
const PEM_LINE: usize = 64;

/// A key that signs.
pub struct SigningKey(Ed25519KeyPair);

impl SigningKey {
    /// Reads the key from a file in PEM, PKCS#8, as `openssl genpkey -algorithm ed25519` writes it,
    /// or makes one (mode 0600) with a new key. Refuses a file that others can read.
    pub fn load_or_create(path: &Path) -> Result<Self, Error> {
        match fs::metadata(path) {
            Ok(data) if data.mode() & 0o077 != 0 => Err(Error::file(
                path,
                "others can read this key file; make its mode 0600",
            )),
            Ok(_) => Self::load(path),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let key = Self::generate();
                match key.write_new(path) {
                    Ok(()) => Ok(key),
                    // Another process was faster: its key is the one.
                    Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                        Self::load(path)
                    }
                    Err(error) => Err(Error::file(path, error)),
                }
            }
            Err(error) => Err(Error::file(path, error)),
        }
    }

    /// A key that lives as long as the process.
    ///
    /// # Panics
    /// If the system has no random bytes.
    pub fn generate() -> Self {
        Self(Ed25519KeyPair::generate().expect("the system has random bytes"))
    }

    /// Signs.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.0.sign(message).as_ref().to_vec()
    }

    /// Returns the key by which anybody can check signatures.
    ///
    /// # Panics
    /// Never: the public key has 32 bytes.
    pub fn public(&self) -> PublicKey {
        let bytes = self.0.public_key().as_ref();
        PublicKey(bytes.try_into().expect("Ed25519 has 32 bytes"))
    }

    fn load(path: &Path) -> Result<Self, Error> {
        let text: SecretString = fs::read_to_string(path)
            .map_err(|error| Error::file(path, error))?
            .into();
        let wrong = || {
            Error::file(
                path,
                "this is not a key file: an Ed25519 key in PEM, as openssl genpkey writes it",
            )
        };
        let der = PrivatePkcs8KeyDer::from_pem_slice(text.expose_secret().as_bytes())
            .map_err(|_| wrong())?;
        Ed25519KeyPair::from_pkcs8(der.secret_pkcs8_der())
            .map(Self)
            .map_err(|_| wrong())
    }

    fn pem(&self) -> SecretString {
        let der = self.0.to_pkcs8v1().expect("a key pair has a form to write");
        let encoded = STANDARD.encode(der.as_ref());
        let mut text = "-----BEGIN PRIVATE KEY-----\n".to_owned();
        for line in encoded.as_bytes().chunks(PEM_LINE) {
            text.push_str(&String::from_utf8_lossy(line));
            text.push('\n');
        }
        text.push_str("-----END PRIVATE KEY-----\n");
        text.into()
    }

    /// Writes beside the file and links, so that no moment has half a file, and no file is lost.
    fn write_new(&self, path: &Path) -> std::io::Result<()> {
        let beside = path.with_extension(format!("{}.new", std::process::id()));
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&beside)?;
        file.write_all(self.pem().expose_secret().as_bytes())?;
        file.sync_all()?;
        let placed = fs::hard_link(&beside, path);
        fs::remove_file(&beside)?;
        placed?;
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        fs::File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SigningKey")
            .field(&self.public().id())
            .finish()
    }
}

/// A key by which anybody can check signatures. Its text is its 32 bytes in base64.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicKey([u8; PUBLIC_BYTES]);

/// A text is not a public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not an Ed25519 public key: its 32 bytes in base64, or in PEM")]
pub struct NoPublicKey;

impl PublicKey {
    /// Returns what names the key: its SHA-256, lower-case hex.
    pub fn id(&self) -> String {
        sha256_hex(&self.0)
    }

    /// Tells whether the key has signed exactly this message.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.0)
            .verify(message, signature)
            .is_ok()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(self.0))
    }
}

impl FromStr for PublicKey {
    type Err = NoPublicKey;

    /// Reads the form that [`fmt::Display`] writes, or PEM as `openssl pkey -pubout` writes it.
    fn from_str(text: &str) -> Result<Self, NoPublicKey> {
        if text.contains("-----BEGIN") {
            let der = SubjectPublicKeyInfoDer::from_pem_slice(text.as_bytes())
                .map_err(|_| NoPublicKey)?;
            // The only form that an Ed25519 key has (RFC 8410).
            const BEFORE: [u8; 12] = [
                0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
            ];
            let bytes = der.strip_prefix(&BEFORE).ok_or(NoPublicKey)?;
            return bytes.try_into().map(Self).map_err(|_| NoPublicKey);
        }
        let bytes = STANDARD.decode(text.trim()).map_err(|_| NoPublicKey)?;
        bytes.try_into().map(Self).map_err(|_| NoPublicKey)
    }
}

/// Returns the SHA-256 of bytes, lower-case hex.
pub fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_signature_holds_for_one_key_and_one_message_alone() {
        let key = SigningKey::generate();
        let signature = key.sign(b"receipt");
        let public: PublicKey = key.public().to_string().parse().unwrap();
        assert!(public.verifies(b"receipt", &signature));
        assert!(!public.verifies(b"receipu", &signature));
        assert!(!public.verifies(b"receipt", &signature[..63]));
        assert!(
            !SigningKey::generate()
                .public()
                .verifies(b"receipt", &signature)
        );
        for at in 0..signature.len() {
            let mut forged = signature.clone();
            forged[at] ^= 1;
            assert!(!public.verifies(b"receipt", &forged), "{at}");
        }
    }

    #[test]
    fn the_key_file_is_made_once_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("receipt.key");
        let key = SigningKey::load_or_create(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        let again = SigningKey::load_or_create(&path).unwrap();
        assert_eq!(again.public(), key.public());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(SigningKey::load_or_create(&path).is_err());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, "no key").unwrap();
        assert!(SigningKey::load_or_create(&path).is_err());
    }

    #[test]
    fn keys_that_openssl_writes_are_understood() {
        // From RFC 8410, section 10.
        let private = "-----BEGIN PRIVATE KEY-----\n\
            MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
            -----END PRIVATE KEY-----\n";
        let public = "-----BEGIN PUBLIC KEY-----\n\
            MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n\
            -----END PUBLIC KEY-----\n";
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("receipt.key");
        fs::write(&path, private).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let key = SigningKey::load_or_create(&path).unwrap();
        assert_eq!(public.parse(), Ok(key.public()));
        for wrong in [
            "",
            "AAAA",
            "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        ] {
            assert_eq!(wrong.parse::<PublicKey>(), Err(NoPublicKey), "{wrong}");
        }
    }
}
