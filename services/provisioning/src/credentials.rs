//! App credentials: issued, shown once, rotated with an overlap, revoked for ever.

use std::time::Duration;

use contract::{CredentialId, CredentialName, RequestId, VersionRef};
use jiff::{SignedDuration, Timestamp};
use store::Tx;
use tokens::{Secret, Stored, pair};

use crate::{
    catalog::AppCredentials,
    error::Error,
    service::Service,
    store::{backends, credentials},
    trail,
};

/// How long the secret before stays valid unless the caller says.
pub(crate) const OVERLAP: Duration = Duration::from_secs(24 * 60 * 60);
/// How long it stays valid at most.
pub(crate) const OVERLAP_MAX: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// How long from now on a pair may be valid that has an end: ten years.
pub(crate) const VALID_MAX: SignedDuration = SignedDuration::from_hours(10 * 366 * 24);
/// A use is written down only if the one before is older.
const USE_WRITTEN: SignedDuration = SignedDuration::from_secs(60);

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
    /// Under which request it was created, if under one.
    pub(crate) request_id: Option<RequestId>,
    /// When it was issued.
    pub(crate) created_at: Timestamp,
    /// When its secret was last replaced.
    pub(crate) rotated_at: Option<Timestamp>,
    /// Under which request that was, if under one.
    pub(crate) rotation: Option<RequestId>,
    /// When a right secret was last shown, to a minute.
    pub(crate) last_used_at: Option<Timestamp>,
    /// From when on it is worthless; none if it has no end.
    pub(crate) expires_at: Option<Timestamp>,
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

impl Credential {
    /// Returns the version that it belongs to.
    pub(crate) fn version(&self) -> VersionRef {
        VersionRef {
            application: self.name.application.clone(),
            version: self.name.version.clone(),
        }
    }

    /// Returns the hashes that a secret is checked against.
    pub(crate) fn stored(&self) -> Stored {
        let previous = self.previous.as_ref();
        Stored {
            present: self.secret_hash.clone(),
            previous: previous.map(|previous| (previous.hash.clone(), previous.expires_at)),
        }
    }

    /// Tells whether a use now is to be written down.
    pub(crate) fn use_is_news(&self, now: Timestamp) -> bool {
        self.last_used_at
            .is_none_or(|last| now >= last + USE_WRITTEN)
    }

    fn has_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| now >= end)
    }
}

/// What an operator says of a new pair.
#[derive(Debug, Clone)]
pub(crate) struct NewPair {
    /// Whose backend it is for.
    pub(crate) version: VersionRef,
    /// Names the request, so that a retry makes no second pair.
    pub(crate) request_id: Option<RequestId>,
    /// From when on it is worthless.
    pub(crate) expires_at: Option<Timestamp>,
}

impl NewPair {
    fn made(&self, credential: &Credential) -> bool {
        credential.version() == self.version && credential.expires_at == self.expires_at
    }
}

/// Issues a pair for a version that needs one. The secret is returned here and never again: a retry
/// gets the pair without it.
pub(crate) async fn issue(
    service: &Service,
    asked: &NewPair,
) -> Result<(Credential, Option<Secret>), Error> {
    if let Some(made) = store::read!(service.db, |tx| again(tx, asked).await)? {
        return Ok((made, None));
    }
    let version = &asked.version;
    let backend = match service.catalog.app_credentials(version).await? {
        AppCredentials::Needed(backend) => backend,
        AppCredentials::NotNeeded => return Err(Error::CredentialsNotNeeded(version.clone())),
    };
    let drawn = pair::draw().await?;
    let new = Credential {
        name: CredentialName {
            application: version.application.clone(),
            version: version.version.clone(),
            credential: service.clock.new_id(),
        },
        client_id: drawn.client_id,
        secret_hash: drawn.secret.hash().to_owned(),
        previous: None,
        request_id: asked.request_id.clone(),
        created_at: service.now(),
        rotated_at: None,
        rotation: None,
        last_used_at: None,
        expires_at: asked.expires_at,
        revoked_at: None,
    };
    let made = store::write!(service.db, |tx| {
        if let Some(made) = again(tx, asked).await? {
            return Ok(Some(made));
        }
        // What the catalog has told by itself since is newer.
        backends::add(tx, version, &backend).await?;
        credentials::insert(tx, &new).await?;
        trail::credential(tx, new.created_at, None, &new).await?;
        Ok::<_, Error>(None)
    })?;
    Ok(match made {
        Some(made) => (made, None),
        None => {
            tracing::info!(credential = %new.name, "app credentials were issued");
            (new, Some(drawn.secret))
        }
    })
}

/// Returns the pair that the same request has made before.
async fn again(tx: &mut Tx, asked: &NewPair) -> Result<Option<Credential>, Error> {
    let Some(request) = &asked.request_id else {
        return Ok(None);
    };
    match credentials::find_by_request(tx, request).await? {
        Some(made) if asked.made(&made) => Ok(Some(made)),
        Some(_) => Err(Error::RequestIdReused),
        None => Ok(None),
    }
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

/// Gives a pair a new secret; the one before stays valid for the overlap. A retry replaces the secret
/// that was drawn first and shown to nobody: the one before that is still the one in use.
pub(crate) async fn rotate(
    service: &Service,
    name: &CredentialName,
    overlap: Duration,
    request: Option<&RequestId>,
) -> Result<(Credential, Secret), Error> {
    let secret = pair::draw_secret().await?;
    let now = service.now();
    let credential = store::write!(service.db, |tx| {
        let mut credential = find(tx, name).await?;
        if credential.revoked_at.is_some() {
            return Err(Error::CredentialRevoked(name.clone()));
        }
        if credential.has_expired(now) {
            return Err(Error::CredentialExpired(name.clone()));
        }
        let was = credential.clone();
        let before = std::mem::replace(&mut credential.secret_hash, secret.hash().to_owned());
        let again = request.is_some() && credential.rotation.as_ref() == request;
        if !again {
            credential.previous = (!overlap.is_zero()).then(|| Previous {
                hash: before,
                expires_at: now + overlap,
            });
            credential.rotated_at = Some(now);
            credential.rotation = request.cloned();
        }
        credentials::save(tx, &credential).await?;
        if !again {
            trail::credential(tx, now, Some(&was), &credential).await?;
        }
        Ok(credential)
    })?;
    tracing::info!(credential = %name, ?overlap, "a client secret was replaced");
    Ok((credential, secret))
}

/// Makes a pair worthless.
pub(crate) async fn revoke(service: &Service, name: &CredentialName) -> Result<Credential, Error> {
    let now = service.now();
    let revoked = store::write!(service.db, |tx| {
        let mut credential = find(tx, name).await?;
        if credential.revoked_at.is_none() {
            let was = credential.clone();
            credential.revoked_at = Some(now);
            credential.previous = None;
            credentials::save(tx, &credential).await?;
            trail::credential(tx, now, Some(&was), &credential).await?;
        }
        Ok::<_, Error>(credential)
    })?;
    tracing::info!(credential = %name, "app credentials were revoked");
    Ok(revoked)
}

async fn find(tx: &mut Tx, name: &CredentialName) -> Result<Credential, Error> {
    credentials::find(tx, name)
        .await?
        .ok_or_else(|| Error::Missing(name.to_string()))
}
