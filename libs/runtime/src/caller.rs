//! Who calls: by an API key, by an access token of the operator's issuer, by a client certificate, or,
//! where only this machine can call, by the caller's word. Keys and tokens are never logged.
//!
//! A bearer in the call decides. Without one the certificate of the connection does, unless the call
//! says that it is nobody's.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use contract::{Caller, Identity, Problem, Role, Scope, Subject, reason};
use http::HeaderMap;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::{
    clock::Clock,
    error::Error,
    tls::{Certified, ServerTls},
};

mod development;
mod file;
mod key;
mod person;
mod standing;
mod tokens;

pub use key::{Key, KeyError};
pub use tokens::{Tokens, TokensArgs};

use file::{Entry, KeyFile};

/// The metadata key of a bearer key or token.
pub const AUTHORIZATION: &str = "authorization";
/// The metadata key by which a caller on the same machine says its role, and one whose token grants
/// several chooses.
pub const ROLE: &str = "x-switchover-role";
/// The metadata key by which a caller on the same machine says who it is, and one whose token grants
/// several tenants chooses.
pub const SUBJECT: &str = "x-switchover-subject";
/// The metadata key by which an edge says that it passes a call on whose maker's word is not to be taken.
pub const PASSED_ON: &str = "x-switchover-passed-on";
/// The role of a caller that says it is nobody.
pub const ANONYMOUS: &str = "anonymous";

/// Who people on this machine are, where no keys are needed and they do not say.
const LOCAL: &str = "people/local";

/// What a server believes of who calls.
#[derive(Debug, Clone)]
pub enum Access {
    /// Whoever is on this machine, as whoever they say; an operator admin unless they say.
    Open,
    /// Whoever proves it.
    Proven(Arc<Proofs>),
}

/// What is taken as a proof of who calls, and how calls come.
#[derive(Debug)]
pub struct Proofs {
    keys: Option<KeyFile>,
    tokens: Option<Tokens>,
    tls: Option<ServerTls>,
    /// Whether the operator says that nobody else listens on the network.
    plaintext: bool,
    clock: Clock,
}

/// How a caller proved who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// Not at all: nobody is known to call.
    None,
    /// By its word, on this machine.
    Word,
    /// By an API key.
    Key,
    /// By an access token.
    Token,
    /// By a client certificate.
    Certificate,
}

/// Who calls, and by what that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proven {
    /// Who.
    pub caller: Caller,
    /// By what.
    pub proof: Proof,
    /// Until when the proof is good, if it ends.
    pub expires: Option<Timestamp>,
    /// The person that speaks for a tenant, if a token says so.
    pub person: Option<Subject>,
    /// What the key may be used for.
    pub scope: Arc<Scope>,
    /// What the keys file said of the key.
    entry: Option<Entry>,
}

impl Proven {
    fn new(caller: Caller, proof: Proof) -> Self {
        Self {
            caller,
            proof,
            expires: None,
            person: None,
            scope: Arc::default(),
            entry: None,
        }
    }

    /// Tells whether the proof is a development key, by which its holder may be whom it says.
    pub fn is_for_development(&self) -> bool {
        self.entry.as_ref().is_some_and(|entry| entry.development)
    }
}

impl Access {
    /// Reads a keys file, by which alone callers prove who they are, unencrypted.
    pub fn keys(path: impl Into<PathBuf>, clock: Clock) -> Result<Self, Error> {
        let proofs = Proofs::new(Some(path.into()), None, None, clock)?;
        Self::by(proofs.plaintext(true))
    }

    /// Believes these proofs; whoever is on this machine if there are none.
    pub fn by(proofs: Proofs) -> Result<Self, Error> {
        match (proofs.proves(), &proofs.tls) {
            (true, _) => Ok(Self::Proven(Arc::new(proofs))),
            (false, None) => Ok(Self::Open),
            (false, Some(_)) => Err(Error::Usage(
                "--tls-cert protects nothing while every caller is believed: give --keys, --oidc-issuer or --tls-client-ca".to_owned(),
            )),
        }
    }

    /// Refuses to believe everybody where more than this machine can call, and to be called
    /// unencrypted from there unless the operator says so; and development keys, as
    /// [`Access::fits_keys`] does.
    pub fn fits(&self, listen: SocketAddr) -> Result<(), Error> {
        match self {
            Self::Open | Self::Proven(_) if listen.ip().is_loopback() => Ok(()),
            Self::Open => reachable(
                listen,
                "callers must prove who they are: give --keys, --oidc-issuer or --tls-client-ca, or listen on 127.0.0.1",
            ),
            Self::Proven(proofs) if proofs.tls.is_none() && !proofs.plaintext => reachable(
                listen,
                "calls must be encrypted: give --tls-cert and --tls-key, or --plaintext if the network is your own alone",
            ),
            Self::Proven(_) => self.fits_keys(listen),
        }
    }

    /// Refuses an address that more than this machine can call where the keys file holds development
    /// keys. Where it does not refuse one, a development key that comes into the file later is not
    /// taken.
    pub fn fits_keys(&self, listen: SocketAddr) -> Result<(), Error> {
        match self {
            Self::Proven(proofs) if !listen.ip().is_loopback() => {
                let held = proofs.keys.as_ref().map_or(Ok(()), KeyFile::serve_others);
                held.or_else(|why| {
                    let text = format!("the file of --keys must hold none of switchover dev, and {why}: make others by switchover keys create, or listen on 127.0.0.1");
                    reachable(listen, &text)
                })
            }
            Self::Open | Self::Proven(_) => Ok(()),
        }
    }

    /// Keeps what is believed up to date until the stop, so that calls that go on hear of changes;
    /// none where nothing changes by itself.
    pub(crate) fn look_after(
        &self,
        stop: CancellationToken,
    ) -> Option<impl Future<Output = ()> + Send + 'static> {
        match self {
            Self::Proven(proofs) if proofs.keys.is_some() => {
                let proofs = proofs.clone();
                Some(async move {
                    if let Some(keys) = &proofs.keys {
                        keys.look_after(&stop).await;
                    }
                })
            }
            Self::Open | Self::Proven(_) => None,
        }
    }

    /// Returns how calls are taken encrypted, if they are.
    pub(crate) fn tls(&self) -> Option<&ServerTls> {
        match self {
            Self::Open => None,
            Self::Proven(proofs) => proofs.tls.as_ref(),
        }
    }

    /// Tells who makes a call with these headers, over a connection with this certificate. Wrong
    /// credentials are refused, none are nobody.
    pub async fn identify(
        &self,
        headers: &HeaderMap,
        certificate: Option<&Certified>,
    ) -> Result<Proven, Problem> {
        match self {
            Self::Open => claimed(headers),
            Self::Proven(proofs) => proofs.identify(headers, certificate).await,
        }
    }
}

impl Proofs {
    /// Takes a keys file, tokens and encrypted connections, as far as they are given.
    pub fn new(
        keys: Option<PathBuf>,
        tokens: Option<Tokens>,
        tls: Option<ServerTls>,
        clock: Clock,
    ) -> Result<Self, Error> {
        let keys = keys.map(|path| KeyFile::open(path, clock.clone()));
        Ok(Self {
            keys: keys.transpose()?,
            tokens,
            tls,
            plaintext: false,
            clock,
        })
    }

    /// Sets whether calls may come unencrypted from other machines.
    #[must_use]
    pub fn plaintext(mut self, on: bool) -> Self {
        self.plaintext = on;
        self
    }

    fn proves(&self) -> bool {
        let certificates = self.tls.as_ref().is_some_and(ServerTls::knows_clients);
        self.keys.is_some() || self.tokens.is_some() || certificates
    }

    async fn identify(
        &self,
        headers: &HeaderMap,
        certificate: Option<&Certified>,
    ) -> Result<Proven, Problem> {
        let mut given = headers.get_all(AUTHORIZATION).iter();
        let Some(value) = given.next() else {
            let certificate = certificate.filter(|_| only(headers, ROLE) != Some(ANONYMOUS));
            return self.certified(certificate);
        };
        // With two, each reader could believe another.
        let bearer = value.to_str().ok().and_then(bearer);
        let bearer = bearer
            .filter(|_| given.next().is_none())
            .ok_or_else(refused)?;
        match (Key::is_meant(bearer), &self.keys, &self.tokens) {
            (true, Some(keys), _) => {
                let key: Key = bearer.parse().map_err(|_| refused())?;
                let entry = keys.owner(&key).ok_or_else(refused)?;
                by_key(entry, headers)
            }
            (false, _, Some(tokens)) => {
                let now = oidc::Now {
                    time: self.clock.now(),
                    instant: self.clock.instant(),
                };
                tokens.identify(bearer, headers, now).await
            }
            (true, None, _) => Err(Problem::unauthenticated(
                reason::UNAUTHENTICATED,
                "API keys are not taken here: sign in for an access token.",
            )),
            (false, _, None) => Err(refused()),
        }
    }

    /// Tells whom a certificate proves to call.
    fn certified(&self, certificate: Option<&Certified>) -> Result<Proven, Problem> {
        let wrong = |message| Err(Problem::unauthenticated(reason::UNAUTHENTICATED, message));
        match certificate {
            None => Ok(Proven::new(Caller::Anonymous, Proof::None)),
            // The connection was made while it was valid.
            Some(certificate) if self.clock.now() >= certificate.until => {
                wrong("The client's certificate has expired: connect again with a new one.")
            }
            Some(Certified { identity: None, .. }) => wrong(
                "The client's certificate names no service and no gateway of this installation.",
            ),
            Some(Certified {
                identity: Some(identity),
                until,
            }) => Ok(Proven {
                expires: Some(*until),
                ..Proven::new(Caller::Known(identity.clone()), Proof::Certificate)
            }),
        }
    }
}

/// Refuses to serve an address.
fn reachable(listen: SocketAddr, why: &str) -> Result<(), Error> {
    let text = format!("{listen} can be reached from other machines, so {why}");
    Err(Error::Usage(text))
}

/// Tells whom a key of the file proves to call.
fn by_key(entry: Entry, headers: &HeaderMap) -> Result<Proven, Problem> {
    let (identity, person) = match &entry.identity {
        admin @ Identity::OperatorAdmin(person) if entry.development => {
            let chosen = development::chosen(admin, headers)?;
            let for_tenant = matches!(chosen, Identity::TenantAdmin(_));
            (chosen, for_tenant.then(|| person.clone()))
        }
        identity => (identity.clone(), None),
    };
    Ok(Proven {
        expires: entry.expires,
        scope: entry.scope.clone(),
        person,
        entry: Some(entry),
        ..Proven::new(Caller::Known(identity), Proof::Key)
    })
}

fn refused() -> Problem {
    Problem::unauthenticated(
        reason::UNAUTHENTICATED,
        "The key is not known here, or has expired.",
    )
}

fn bearer(value: &str) -> Option<&str> {
    let (scheme, key) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}

/// Reads a header that stands at most once.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get(name)
        .map(|value| value.to_str().unwrap_or_default())
}

fn claimed(headers: &HeaderMap) -> Result<Proven, Problem> {
    // It came from this machine, and from who knows where before.
    if headers.contains_key(PASSED_ON) {
        return Ok(Proven::new(Caller::Anonymous, Proof::None));
    }
    let wrong =
        |error: contract::NameError| Problem::unauthenticated(reason::UNAUTHENTICATED, error);
    let role = match only(headers, ROLE) {
        None => Role::OperatorAdmin,
        Some(ANONYMOUS) => return Ok(Proven::new(Caller::Anonymous, Proof::None)),
        Some(role) => role.parse().map_err(wrong)?,
    };
    Identity::new(role, only(headers, SUBJECT).unwrap_or(LOCAL))
        .map(|identity| Proven::new(Caller::Known(identity), Proof::Word))
        .map_err(wrong)
}

#[cfg(test)]
mod tests;
