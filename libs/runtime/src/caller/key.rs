//! API keys: secrets that automation, services and gateways hold, and that services keep as digests.

use std::{fmt, fs, path::Path, str::FromStr};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

use crate::error::Error;

/// A secret by which a caller proves who it is.
#[derive(Clone)]
pub struct Key {
    text: SecretString,
    development: bool,
}

impl Key {
    const PREFIX: &str = "swk_";
    /// What follows the prefix of a development key. No other key is as long.
    const DEVELOPMENT: &str = "dev_";
    const BYTES: usize = 32;

    /// Draws a new one of 256 random bits. Show it once; keep only its digest.
    pub fn generate() -> Self {
        Self::draw(false)
    }

    /// Draws a new development key: one that services take only where no other machine can call.
    pub fn generate_for_development() -> Self {
        Self::draw(true)
    }

    fn draw(development: bool) -> Self {
        let mut bytes = [0; Self::BYTES];
        aws_lc_rs::rand::fill(&mut bytes).expect("the system has random bytes");
        let kind = if development { Self::DEVELOPMENT } else { "" };
        let text = format!("{}{kind}{}", Self::PREFIX, URL_SAFE_NO_PAD.encode(bytes));
        Self {
            text: text.into(),
            development,
        }
    }

    /// Tells whether it is a development key.
    pub fn is_for_development(&self) -> bool {
        self.development
    }

    /// Reads one from a file that holds nothing else.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = fs::read_to_string(path).map_err(|error| Error::file(path, error))?;
        text.trim()
            .parse()
            .map_err(|error: KeyError| Error::file(path, error))
    }

    /// Returns the secret text, to show or to send it.
    pub fn expose(&self) -> &str {
        self.text.expose_secret()
    }

    /// Returns the SHA-256 digest in hex, as a keys file holds it.
    pub fn digest(&self) -> String {
        digest(self.expose())
    }

    /// Tells whether a text is meant as a key, right or wrong.
    pub(super) fn is_meant(text: &str) -> bool {
        text.starts_with(Self::PREFIX)
    }
}

/// Returns the SHA-256 digest in hex.
pub(super) fn digest(text: &str) -> String {
    Sha256::digest(text)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// A text that is not a key; it does not say which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not a key: `swk_`, or `swk_dev_`, and 43 letters, digits, `-` and `_`")]
pub struct KeyError;

impl FromStr for Key {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let holds = |encoded: &str| {
            URL_SAFE_NO_PAD
                .decode(encoded)
                .is_ok_and(|bytes| bytes.len() == Self::BYTES)
        };
        let rest = text.strip_prefix(Self::PREFIX).ok_or(KeyError)?;
        let development = rest.strip_prefix(Self::DEVELOPMENT).is_some_and(holds);
        if development || holds(rest) {
            Ok(Self {
                text: text.to_owned().into(),
                development,
            })
        } else {
            Err(KeyError)
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}
