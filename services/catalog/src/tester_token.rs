//! What testers show to reach a version in test. The token itself is shown once and kept nowhere;
//! tables and gateways have its hash alone.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};

/// A new tester token. Its `Debug` does not show it.
pub(crate) struct TesterToken(String);

impl TesterToken {
    const BYTES: usize = 32;

    /// Draws one of 256 random bits.
    pub(crate) fn generate() -> Self {
        Self(URL_SAFE_NO_PAD.encode(rand::random::<[u8; Self::BYTES]>()))
    }

    /// Returns what is kept of it.
    pub(crate) fn hash(&self) -> TokenHash {
        let digest = Sha256::digest(self.0.as_bytes());
        TokenHash(digest.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// Returns the token, to show it once.
    pub(crate) fn reveal(self) -> String {
        self.0
    }
}

impl fmt::Debug for TesterToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TesterToken(…)")
    }
}

/// SHA-256 of a tester token, lower-case hex.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TokenHash(String);

impl TokenHash {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Takes a hash as it was stored.
    pub(crate) fn stored(hex: String) -> Option<Self> {
        let fits = hex.len() == 64 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        fits.then_some(Self(hex))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_long_never_the_same_and_kept_as_its_hash() {
        let (one, other) = (TesterToken::generate(), TesterToken::generate());
        assert_ne!(one.hash(), other.hash());
        assert_eq!(TokenHash::stored(one.hash().0), Some(one.hash()));
        assert!(!format!("{one:?}").contains(&one.0));
        let shown = one.reveal();
        assert_eq!(shown.len(), 43);
        assert_eq!(TokenHash::stored(shown), None);
        // FIPS 180-2, appendix B.1.
        assert_eq!(
            TesterToken("abc".to_owned()).hash().as_str(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
