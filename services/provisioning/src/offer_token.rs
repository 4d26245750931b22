//! What proves that somebody holds a link: 256 random bits that are shown in one mail and kept
//! nowhere. Nothing here is ever logged.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rand::{TryRng as _, rngs::SysRng};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// Random bytes of a token.
const BYTES: usize = 32;
/// The longest text that is taken for a token; ours have 43 characters.
const TEXT_BYTES_MAX: usize = 200;

/// A token as it goes into a link.
pub(crate) struct Token(SecretString);

impl Token {
    /// Draws a new one from the system's random source.
    pub(crate) fn mint() -> Self {
        let mut bytes = [0; BYTES];
        SysRng
            .try_fill_bytes(&mut bytes)
            .expect("the system has random bytes");
        Self(URL_SAFE_NO_PAD.encode(bytes).into())
    }

    /// Returns the text, for the mail alone.
    pub(crate) fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// Returns what is stored of it.
    pub(crate) fn hash(&self) -> String {
        hash(self.expose())
    }
}

/// Returns SHA-256 in lower-case hex of what somebody says is a token, well formed or not: all are
/// looked up alike.
pub(crate) fn hash(text: &str) -> String {
    let text = if text.len() > TEXT_BYTES_MAX {
        ""
    } else {
        text
    };
    Sha256::digest(text)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Compares two hashes in constant time.
pub(crate) fn same(a: &str, b: &str) -> bool {
    bool::from(a.as_bytes().ct_eq(b.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_256_random_bits_and_only_its_hash_is_told() {
        let (one, two) = (Token::mint(), Token::mint());
        assert_eq!(one.expose().len(), 43);
        assert_ne!(one.expose(), two.expose());
        assert_eq!(one.hash().len(), 64);
        assert_eq!(hash(one.expose()), one.hash());
        assert!(!one.hash().contains(one.expose()));
        assert!(same(&one.hash(), &hash(one.expose())) && !same(&one.hash(), &two.hash()));
        assert_eq!(hash(&"x".repeat(TEXT_BYTES_MAX + 1)), hash(""));
    }
}
