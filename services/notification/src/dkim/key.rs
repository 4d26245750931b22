//! Keys that sign mails, and the DNS records by which others check them.

use std::{fmt, fs, os::unix::fs::MetadataExt as _, path::PathBuf, str::FromStr};

use aws_lc_rs::{
    encoding::{AsDer as _, PublicKeyX509Der},
    rand::SystemRandom,
    rsa,
    signature::{Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use contract::EmailAddress;
use runtime::Error;
use rustls::pki_types::{PrivateKeyDer, pem::PemObject as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

/// The longest text of one string of a TXT record (RFC 1035 section 3.3).
const STRING_MAX: usize = 255;
const NO_KEY: &str = "this is not a key that signs mails: RSA of 2048 to 8192 bits or Ed25519, in PEM, \
    as `openssl genpkey -algorithm rsa -pkeyopt rsa_keygen_bits:2048` or `openssl genpkey -algorithm ed25519` writes it";

/// Which of a domain's keys: the first part of the name of its DNS record. 1 to 63 letters, digits,
/// `-` and `.`, first and last a letter or digit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector(Box<str>);

impl FromStr for Selector {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let part = |part: &str| {
            let plain = part.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
            !part.is_empty() && plain && !part.starts_with('-') && !part.ends_with('-')
        };
        if text.len() <= 63 && text.split('.').all(part) {
            Ok(Self(text.to_ascii_lowercase().into()))
        } else {
            Err("a selector has 1 to 63 letters, digits, `-` and `.`")
        }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A key as it is told: `SELECTOR=FILE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFile {
    /// Which of the domain's keys.
    pub selector: Selector,
    /// The file, with the private key in PEM.
    pub path: PathBuf,
}

/// The text is no key as it is told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be SELECTOR=FILE, such as 2026=/etc/switchover/dkim.pem; {0}")]
pub struct KeyFileError(&'static str);

impl FromStr for KeyFile {
    type Err = KeyFileError;

    fn from_str(text: &str) -> Result<Self, KeyFileError> {
        let (selector, path) = text
            .split_once('=')
            .ok_or(KeyFileError("there is no `=`"))?;
        if path.is_empty() {
            return Err(KeyFileError("there is no file"));
        }
        Ok(Self {
            selector: selector.parse().map_err(KeyFileError)?,
            path: path.into(),
        })
    }
}

/// A private key.
pub struct Key {
    selector: Selector,
    pair: Pair,
}

enum Pair {
    Rsa(rsa::KeyPair),
    Ed25519(Ed25519KeyPair),
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({}, {})", self.selector, self.algorithm())
    }
}

impl Key {
    /// Reads the key. Refuses a file that others can read; that of root may be its group's too, which is how
    /// systemd hands credentials over.
    ///
    /// # Errors
    /// If the file cannot be read, is open to others or holds no such key.
    pub fn load(file: &KeyFile) -> Result<Self, Error> {
        let KeyFile { selector, path } = file;
        let data = fs::metadata(path).map_err(|error| Error::file(path, error))?;
        let closed = if data.uid() == 0 { 0o037 } else { 0o077 };
        if data.mode() & closed != 0 {
            let why = "others can read this key file; make its mode 0600";
            return Err(Error::file(path, why));
        }
        let text: SecretString = fs::read_to_string(path)
            .map_err(|error| Error::file(path, error))?
            .into();
        Self::from_pem(selector.clone(), text.expose_secret())
            .ok_or_else(|| Error::file(path, NO_KEY))
    }

    pub(super) fn from_pem(selector: Selector, pem: &str) -> Option<Self> {
        let pair = match PrivateKeyDer::from_pem_slice(pem.as_bytes()).ok()? {
            PrivateKeyDer::Pkcs1(der) => {
                Pair::Rsa(rsa::KeyPair::from_der(der.secret_pkcs1_der()).ok()?)
            }
            PrivateKeyDer::Pkcs8(der) => {
                let der = der.secret_pkcs8_der();
                match rsa::KeyPair::from_pkcs8(der) {
                    Ok(pair) => Pair::Rsa(pair),
                    Err(_) => Pair::Ed25519(Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).ok()?),
                }
            }
            _ => return None,
        };
        Some(Self { selector, pair })
    }

    /// Returns which of the domain's keys it is.
    pub(super) fn selector(&self) -> &Selector {
        &self.selector
    }

    /// Returns how it signs, as signatures say it.
    pub(super) fn algorithm(&self) -> &'static str {
        match self.pair {
            Pair::Rsa(_) => "rsa-sha256",
            Pair::Ed25519(_) => "ed25519-sha256",
        }
    }

    /// Signs.
    ///
    /// # Panics
    /// If the system has no random bytes.
    pub(super) fn sign(&self, text: &[u8]) -> Vec<u8> {
        match &self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(
                    &RSA_PKCS1_SHA256,
                    &SystemRandom::new(),
                    text,
                    &mut signature,
                )
                .expect("the buffer is as long as the key");
                signature
            }
            // The hash is what is signed (RFC 8463 section 3).
            Pair::Ed25519(pair) => pair.sign(&Sha256::digest(text)).as_ref().to_vec(),
        }
    }

    /// Returns the DNS record by which others check what it signs for a domain.
    ///
    /// # Panics
    /// Never: a key that was read has a form to write.
    pub fn record(&self, domain: &str) -> Record {
        let (kind, public) = match &self.pair {
            Pair::Rsa(pair) => {
                let der: PublicKeyX509Der<'_> =
                    pair.public_key().as_der().expect("a key that was read");
                ("rsa", STANDARD.encode(der.as_ref()))
            }
            // Not in a structure, the 32 bytes alone (RFC 8463 section 4).
            Pair::Ed25519(pair) => ("ed25519", STANDARD.encode(pair.public_key().as_ref())),
        };
        Record {
            name: format!("{}._domainkey.{}", self.selector, domain.to_lowercase()),
            text: format!("v=DKIM1; k={kind}; p={public}"),
        }
    }
}

/// A TXT record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its name, without the dot at the end.
    pub name: String,
    /// Its text as a whole.
    pub text: String,
}

impl Record {
    /// Returns the domain that mails from an address are signed for.
    pub fn domain_of(address: &EmailAddress) -> &str {
        address.domain()
    }

    /// Returns it as a line of a zone file: a text of more than 255 bytes is several strings there,
    /// which resolvers join.
    pub fn zone_line(&self) -> String {
        let strings: Vec<_> = self
            .text
            .as_bytes()
            .chunks(STRING_MAX)
            .map(|part| format!("\"{}\"", String::from_utf8_lossy(part)))
            .collect();
        format!("{}. IN TXT ( {} )", self.name, strings.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_key_is_told_by_selector_and_file() {
        let file: KeyFile = "2026.A=/etc/dkim=1.pem".parse().unwrap();
        assert_eq!(file.selector.to_string(), "2026.a");
        assert_eq!(file.path, PathBuf::from("/etc/dkim=1.pem"));
        let long = format!("{}=x", "a".repeat(64));
        for text in [
            "", "x", "x=", "=x", "-x=y", "x-=y", "a..b=y", "a_b=y", "a b=y", &long,
        ] {
            assert!(text.parse::<KeyFile>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_key_that_others_can_read_or_that_is_none_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dkim.pem");
        let file = KeyFile {
            selector: "s".parse().unwrap(),
            path: path.clone(),
        };
        assert!(Key::load(&file).is_err(), "it is not there");
        let mode = |mode| fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        fs::write(&path, super::super::tests::ED25519).unwrap();
        mode(0o644);
        let open = Key::load(&file).unwrap_err().to_string();
        assert!(open.contains("0600"), "{open}");
        mode(0o440);
        let roots = fs::metadata(&path).unwrap().uid() == 0;
        assert_eq!(
            Key::load(&file).is_ok(),
            roots,
            "its group's, if it is root's"
        );
        mode(0o660);
        assert!(Key::load(&file).is_err(), "its group can write it");
        mode(0o600);
        Key::load(&file).unwrap();
        fs::write(
            &path,
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        )
        .unwrap();
        let none = Key::load(&file).unwrap_err().to_string();
        assert!(none.contains("openssl genpkey"), "{none}");
    }

    #[test]
    fn a_long_record_is_several_strings_of_one_text() {
        let record = Record {
            name: "s._domainkey.example.com".to_owned(),
            text: "x".repeat(600),
        };
        let line = record.zone_line();
        let strings: Vec<_> = line.split('"').skip(1).step_by(2).collect();
        assert_eq!(
            strings.iter().map(|s| s.len()).collect::<Vec<_>>(),
            [255, 255, 90]
        );
        assert_eq!(strings.concat(), record.text);
    }
}
