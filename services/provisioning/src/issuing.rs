//! Tokens: who asks by which pair, for whom there is one, and what it says. Nothing here logs a
//! secret or a token.

use std::collections::BTreeSet;

use contract::{ProvisioningName, TenantId, VersionName};
use jiff::Timestamp;
use secrecy::SecretString;
use store::Tx;
use tokens::{
    Asked, Claims, Refusal, Standing, Stored, VersionStanding,
    decide::{for_tenant, works},
};

use crate::{
    backend::{self, Backend},
    consent,
    credentials::Credential,
    error::Error,
    service::Service,
    signing,
    store::{applications, credentials, provisionings, switches},
};

/// Client id and secret, as a backend shows them.
#[derive(Debug)]
pub(crate) struct Client {
    /// The client id.
    pub(crate) id: String,
    /// What is said to be its secret.
    pub(crate) secret: SecretString,
}

/// What a backend asks for.
#[derive(Debug)]
pub(crate) struct Wanted {
    /// The version that it says it is of.
    pub(crate) version: VersionName,
    /// For whom.
    pub(crate) tenants: Vec<TenantId>,
    /// What the tokens are to allow; none is all that the version was granted.
    pub(crate) scopes: BTreeSet<String>,
}

/// A token for one tenant.
#[derive(Clone)]
pub(crate) struct Token {
    /// The signed JWT.
    pub(crate) text: String,
    /// What it allows.
    pub(crate) scopes: BTreeSet<String>,
}

/// What became of the request for one tenant.
pub(crate) type Answer = (TenantId, Result<Token, Refusal>);

/// Tenants that tokens can be had for.
pub(crate) struct Tenants {
    /// The pair that asked.
    pub(crate) credential: Credential,
    /// By name.
    pub(crate) tenants: Vec<TenantId>,
}

/// A pair whose secret was right, and how its version stands.
struct Proven {
    credential: Credential,
    version: VersionStanding,
}

/// Issues a token for each tenant, or says why there is none.
pub(crate) async fn issue(
    service: &Service,
    client: &Client,
    wanted: &Wanted,
) -> Result<Vec<Answer>, Error> {
    let credential = authenticate(service, client).await?;
    let backend = backend::find(service, &credential.version()).await?;
    let now = service.now();
    let (proven, standings) = store::read!(service.db, |tx| {
        let proven = prove(tx, &credential, &backend).await?;
        let mut standings = Vec::new();
        for tenant in &wanted.tenants {
            standings.push(standing(tx, &proven.credential, tenant).await?);
        }
        Ok::<_, Error>((proven, standings))
    })?;
    let version_is_its_own = wanted.version == proven.credential.name.version;
    proven.works(version_is_its_own, now)?;
    let keys = signing::ring(service).await?;
    // Not before: the key may have been drawn just now.
    let now = service.now();
    let key = keys.signer(now);
    let key = key.ok_or_else(|| Error::Broken("no key signs tokens now".to_owned()))?;
    let mut answers = Vec::new();
    for (tenant, standing) in wanted.tenants.iter().zip(standings) {
        let asked = Asked {
            tenant: standing,
            own_tenant: service.own_tenant.as_ref() == Some(tenant),
            granted: &backend.scopes,
            wanted: &wanted.scopes,
        };
        let token = for_tenant(proven.version, asked).map(|scopes| {
            let claims = Claims {
                issuer: &service.issuer,
                client_id: &proven.credential.client_id,
                application: proven.credential.name.application.as_str(),
                version: proven.credential.name.version.as_str(),
                tenant: tenant.as_str(),
                scopes: &scopes,
                id: &service.new_id(),
                issued_at: now,
            };
            let text = claims.sign(key);
            Token { text, scopes }
        });
        answers.push((tenant.clone(), token));
    }
    let issued = answers.iter().filter(|(_, token)| token.is_ok()).count();
    tracing::info!(credential = %proven.credential.name, issued, refused = answers.len() - issued, "tokens were asked for");
    Ok(answers)
}

/// Returns up to `limit` tenants that tokens can be had for, those after `after`.
pub(crate) async fn tenants(
    service: &Service,
    client: &Client,
    after: Option<&TenantId>,
    limit: i64,
) -> Result<Tenants, Error> {
    let credential = authenticate(service, client).await?;
    let backend = backend::find(service, &credential.version()).await?;
    let now = service.now();
    store::read!(service.db, |tx| {
        let proven = prove(tx, &credential, &backend).await?;
        proven.works(true, now)?;
        let credential = proven.credential;
        let tenants = match proven.version {
            VersionStanding::InTest => {
                let own = service.own_tenant.iter();
                own.filter(|own| after.is_none_or(|after| *own > after))
                    .cloned()
                    .collect()
            }
            VersionStanding::InUse | VersionStanding::Left { .. } | VersionStanding::NotInUse => {
                let (application, version) =
                    (&credential.name.application, &credential.name.version);
                provisionings::provisioned(tx, application, version, after, limit).await?
            }
        };
        Ok(Tenants {
            credential,
            tenants,
        })
    })
}

/// Returns the pair whose secret was shown. Whether there is no such client or its secret is another
/// is not told, by the time that it takes either.
async fn authenticate(service: &Service, client: &Client) -> Result<Credential, Error> {
    let found = store::read!(service.db, |tx| credentials::find_by_client(tx, &client.id)
        .await)?;
    let stored = found
        .as_ref()
        .map_or_else(Stored::nobody, Credential::stored);
    let (now, instant) = (service.now(), service.clock.instant());
    let right = service
        .verifier
        .is_right(&stored, &client.secret, now, instant)
        .await?;
    match found {
        Some(credential) if right => {
            if credential.use_is_news(now) {
                note_use(service, &credential, now).await;
            }
            Ok(credential)
        }
        found => {
            let credential = found.map(|credential| credential.name.to_string());
            tracing::warn!(
                credential,
                "a client was refused: its id or its secret is wrong"
            );
            Err(Error::ClientInvalid)
        }
    }
}

/// Writes down that the pair is in use. That it fails keeps nobody from a token.
async fn note_use(service: &Service, credential: &Credential, now: Timestamp) {
    let id = &credential.name.credential;
    let written = store::write!(service.db, |tx| credentials::used(tx, id, now).await);
    if let Err(error) = written {
        tracing::warn!(credential = %credential.name, %error, "its use could not be written down");
    }
}

/// Reads the pair anew, for it may have been revoked while its secret was checked, and how its
/// version stands.
async fn prove(tx: &mut Tx, credential: &Credential, backend: &Backend) -> Result<Proven, Error> {
    let name = &credential.name;
    let credential = credentials::find(tx, name).await?;
    let credential = credential.ok_or(Error::ClientInvalid)?;
    let application = applications::find(tx, &name.application).await?;
    let unsettled = switches::unsettled(tx, &name.application).await?;
    let version = backend.standing(
        &name.version,
        application.active.as_ref(),
        unsettled.as_ref(),
    );
    Ok(Proven {
        credential,
        version,
    })
}

async fn standing(
    tx: &mut Tx,
    credential: &Credential,
    tenant: &TenantId,
) -> Result<Standing, Error> {
    let name = ProvisioningName {
        tenant: tenant.clone(),
        application: credential.name.application.clone(),
        version: credential.name.version.clone(),
    };
    let found = provisionings::find(tx, &name).await?;
    Ok(match found.map(|found| found.consent.standing) {
        Some(consent::Standing::Provisioned(_)) => Standing::Provisioned,
        Some(consent::Standing::PendingAcceptance) => Standing::Pending,
        Some(consent::Standing::Denied) => Standing::Denied,
        Some(consent::Standing::Failed(_) | consent::Standing::Removed(_)) | None => {
            Standing::Absent
        }
    })
}

impl Proven {
    /// Refuses a pair that gets no token for any tenant.
    fn works(&self, version_is_its_own: bool, now: Timestamp) -> Result<(), Error> {
        let credential = tokens::Credential {
            revoked: self.credential.revoked_at.is_some(),
            expires_at: self.credential.expires_at,
            version_is_its_own,
        };
        works(credential, self.version, now).map_err(Error::TokenRefused)
    }
}
