//! What proves that somebody holds a link: 256 random bits that are shown in one mail and kept
//! nowhere, and a form's token that proves that the page was opened. Nothing here is ever logged.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use rand::{TryRng as _, rngs::SysRng};
use runtime::Seal;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// Random bytes of a token.
const BYTES: usize = 32;
/// The longest text that is taken for a token; ours have 43 characters.
const TEXT_BYTES_MAX: usize = 200;
/// How long a page may stay open before its form counts no longer.
const FORM_LIFETIME: SignedDuration = SignedDuration::from_hours(1);
/// How far the clocks of two replicas may be apart.
const LEEWAY: SignedDuration = SignedDuration::from_secs(60);
const FORM: &str = "consent form";

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

/// Makes the form's token for the link whose token has this hash.
pub(crate) fn form(seal: &Seal, hash: &str, now: Timestamp) -> String {
    let opened = now.as_microsecond().to_be_bytes();
    let mac = seal.mac(FORM, &bound(hash, opened));
    URL_SAFE_NO_PAD.encode([opened.as_slice(), &mac].concat())
}

/// Tells whether a form's token was made for this link, not longer than an hour ago.
pub(crate) fn is_fresh(seal: &Seal, hash: &str, form: &str, now: Timestamp) -> bool {
    if form.len() > TEXT_BYTES_MAX {
        return false;
    }
    let Ok(bytes) = URL_SAFE_NO_PAD.decode(form) else {
        return false;
    };
    let Some((opened, mac)) = bytes.split_first_chunk::<8>() else {
        return false;
    };
    let made_here = seal.verify(FORM, &bound(hash, *opened), mac);
    let age = Timestamp::from_microsecond(i64::from_be_bytes(*opened))
        .map(|opened| now.duration_since(opened));
    made_here && age.is_ok_and(|age| age <= FORM_LIFETIME && age >= -LEEWAY)
}

fn bound(hash: &str, opened: [u8; 8]) -> Vec<u8> {
    [hash.as_bytes(), &opened].concat()
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

    #[test]
    fn a_form_counts_for_its_own_link_for_an_hour() {
        let seal = Seal::for_tests();
        let now = Timestamp::from_second(1_000_000).unwrap();
        let made = form(&seal, "aa", now);
        let fresh = |hash: &str, text: &str, seconds: i64| {
            is_fresh(&seal, hash, text, now + SignedDuration::from_secs(seconds))
        };
        assert!(fresh("aa", &made, 0) && fresh("aa", &made, 3600) && fresh("aa", &made, -60));
        assert!(!fresh("aa", &made, 3601) && !fresh("aa", &made, -61));
        assert!(!fresh("ab", &made, 0));
        assert!(!is_fresh(&Seal::for_tests(), "aa", &made, now));
        for text in ["", "AAAA", "ä", &made[1..], &"A".repeat(TEXT_BYTES_MAX + 1)] {
            assert!(!fresh("aa", text, 0), "{text:?}");
        }
        let mut later = URL_SAFE_NO_PAD.decode(&made).unwrap();
        later[6] ^= 1;
        assert!(!fresh("aa", &URL_SAFE_NO_PAD.encode(later), 0));
    }
}
