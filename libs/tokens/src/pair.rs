//! Client ids and secrets as they are drawn: the secret is for whoever asked, its hash for tables.

use std::fmt;

use argon2::{Argon2, password_hash::PasswordHasher as _};
use aws_lc_rs::rand;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret as _, SecretString};

/// Random bytes of a secret.
const SECRET_BYTES: usize = 32;
/// Random bytes of a client id.
const CLIENT_BYTES: usize = 16;

/// Why nothing was drawn: a fault of our own.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a secret could not be hashed: {0}")]
pub struct Undrawn(String);

/// A new secret of 256 random bits.
pub struct Secret {
    clear: SecretString,
    hash: String,
}

/// A new client id and its secret.
pub struct Pair {
    /// The client id: 128 random bits in base64url.
    pub client_id: String,
    /// Its secret.
    pub secret: Secret,
}

impl Secret {
    /// Draws a secret and hashes it, which takes a processor for a while: see [`draw`].
    pub fn draw() -> Result<Self, Undrawn> {
        let clear = SecretString::from(random::<SECRET_BYTES>());
        let hash = Argon2::default().hash_password(clear.expose_secret().as_bytes());
        let hash = hash.map_err(|error| Undrawn(error.to_string()))?;
        Ok(Self {
            clear,
            hash: hash.to_string(),
        })
    }

    /// Returns the argon2id hash, as a PHC string.
    #[must_use]
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// Returns the secret, to show it once.
    #[must_use]
    pub fn reveal(self) -> String {
        self.clear.expose_secret().to_owned()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl fmt::Debug for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pair({}, …)", self.client_id)
    }
}

/// Draws a secret, not on an async thread.
pub async fn draw_secret() -> Result<Secret, Undrawn> {
    let drawn = tokio::task::spawn_blocking(Secret::draw).await;
    drawn.map_err(|error| Undrawn(error.to_string()))?
}

/// Draws a client id and a secret, not on an async thread.
pub async fn draw() -> Result<Pair, Undrawn> {
    Ok(Pair {
        client_id: random::<CLIENT_BYTES>(),
        secret: draw_secret().await?,
    })
}

fn random<const N: usize>() -> String {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).expect("the system has random bytes");
    URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_pair_is_long_never_the_same_and_shows_its_secret_to_nobody_who_prints_it() {
        let (one, other) = (draw().await.unwrap(), draw().await.unwrap());
        assert_ne!(one.client_id, other.client_id);
        let printed = format!("{one:?} {:?}", one.secret);
        let hash = one.secret.hash().to_owned();
        let (client_id, secret) = (one.client_id, one.secret.reveal());
        assert_ne!(secret, other.secret.reveal());
        assert_eq!((client_id.len(), secret.len()), (22, 43));
        assert!(hash.starts_with("$argon2id$"));
        assert!(!printed.contains(&secret) && !hash.contains(&secret));
    }
}
