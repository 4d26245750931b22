//! App credentials: issued, shown once, rotated with an overlap, revoked for ever.

use std::time::Duration;

use argon2::{Argon2, password_hash::PasswordHasher as _};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use contract::{CredentialId, CredentialName, VersionRef};
use jiff::Timestamp;
use rand::{TryRng as _, rngs::SysRng};
use secrecy::{ExposeSecret as _, SecretString};
use store::Tx;

use crate::{catalog::AppCredentials, error::Error, service::Service, store::credentials};

/// Random bytes of a secret.
const SECRET_BYTES: usize = 32;
/// Random bytes of a client id.
const CLIENT_BYTES: usize = 16;
/// How long the secret before stays valid unless the caller says.
pub(crate) const OVERLAP: Duration = Duration::from_secs(24 * 60 * 60);
/// How long it stays valid at most.
pub(crate) const OVERLAP_MAX: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Client id and secret of a version.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Credential {
    /// Its name.
    pub(crate) name: CredentialName,
    /// The client id.
    pub(crate) client_id: String,
    /// Argon2id of the secret.
    pub(crate) secret_hash: String,
    /// The secret before, while it may still be valid.
    pub(crate) previous: Option<Previous>,
    /// When it was issued.
    pub(crate) created_at: Timestamp,
    /// When its secret was last replaced.
    pub(crate) rotated_at: Option<Timestamp>,
    /// When it became worthless.
    pub(crate) revoked_at: Option<Timestamp>,
}

/// The secret before the present one.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Previous {
    /// Argon2id of it.
    pub(crate) hash: String,
    /// Until when it is valid.
    pub(crate) expires_at: Timestamp,
}

/// Issues a pair for a version that needs one; the secret is returned here and never again.
pub(crate) async fn issue(
    service: &Service,
    version: &VersionRef,
) -> Result<(Credential, SecretString), Error> {
    match service.catalog.app_credentials(version).await? {
        AppCredentials::Needed => {}
        AppCredentials::NotNeeded => return Err(Error::CredentialsNotNeeded(version.clone())),
    }
    let (secret, secret_hash) = draw().await?;
    let new = Credential {
        name: CredentialName {
            application: version.application.clone(),
            version: version.version.clone(),
            credential: service.clock.new_id(),
        },
        client_id: random::<CLIENT_BYTES>(),
        secret_hash,
        previous: None,
        created_at: service.now(),
        rotated_at: None,
        revoked_at: None,
    };
    store::write!(service.db, |tx| credentials::insert(tx, &new).await)?;
    Ok((new, secret))
}

/// Returns up to `limit` of a version's pairs, newest first, those older than `before`.
pub(crate) async fn list(
    service: &Service,
    version: &VersionRef,
    before: Option<&CredentialId>,
    limit: i64,
) -> Result<Vec<Credential>, Error> {
    Ok(store::read!(service.db, |tx| credentials::list(
        tx, version, before, limit
    )
    .await)?)
}

/// Gives a pair a new secret; the one before stays valid for the overlap.
pub(crate) async fn rotate(
    service: &Service,
    name: &CredentialName,
    overlap: Duration,
) -> Result<(Credential, SecretString), Error> {
    let (secret, hash) = draw().await?;
    let now = service.now();
    let credential = store::write!(service.db, |tx| {
        let mut credential = find(tx, name).await?;
        if credential.revoked_at.is_some() {
            return Err(Error::CredentialRevoked(name.clone()));
        }
        let before = std::mem::replace(&mut credential.secret_hash, hash.clone());
        credential.previous = (!overlap.is_zero()).then(|| Previous {
            hash: before,
            expires_at: now + overlap,
        });
        credential.rotated_at = Some(now);
        credentials::save(tx, &credential).await?;
        Ok(credential)
    })?;
    Ok((credential, secret))
}

/// Makes a pair worthless.
pub(crate) async fn revoke(service: &Service, name: &CredentialName) -> Result<Credential, Error> {
    let now = service.now();
    store::write!(service.db, |tx| {
        let mut credential = find(tx, name).await?;
        if credential.revoked_at.is_none() {
            credential.revoked_at = Some(now);
            credential.previous = None;
            credentials::save(tx, &credential).await?;
        }
        Ok(credential)
    })
}

async fn find(tx: &mut Tx, name: &CredentialName) -> Result<Credential, Error> {
    credentials::find(tx, name)
        .await?
        .ok_or_else(|| Error::Missing(name.to_string()))
}

/// Draws a secret and hashes it, which takes a processor for a while: not on an async thread.
async fn draw() -> Result<(SecretString, String), Error> {
    let work = tokio::task::spawn_blocking(|| {
        let secret = SecretString::from(random::<SECRET_BYTES>());
        let hash = Argon2::default().hash_password(secret.expose_secret().as_bytes());
        hash.map(|hash| (secret, hash.to_string()))
            .map_err(|error| Error::Broken(error.to_string()))
    });
    work.await
        .map_err(|error| Error::Broken(error.to_string()))?
}

fn random<const N: usize>() -> String {
    let mut bytes = [0; N];
    SysRng
        .try_fill_bytes(&mut bytes)
        .expect("the system has random bytes");
    URL_SAFE_NO_PAD.encode(bytes)
}
