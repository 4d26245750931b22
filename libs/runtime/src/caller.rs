//! Who calls: by an API key, by an access token of the operator's issuer, or, where only this machine
//! can call, by the caller's word. Keys and tokens are never logged.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use contract::{Caller, Identity, Problem, Role, Subject, reason};
use http::HeaderMap;
use jiff::Timestamp;

use crate::{clock::Clock, error::Error};

mod file;
mod key;
mod person;
mod tokens;

pub use key::{Key, KeyError};
pub use tokens::{Tokens, TokensArgs};

use file::KeyFile;

/// The metadata key of a bearer key or token.
pub const AUTHORIZATION: &str = "authorization";
/// The metadata key by which a caller on the same machine says its role, and one whose token grants
/// several chooses.
pub const ROLE: &str = "x-switchover-role";
/// The metadata key by which a caller on the same machine says who it is, and one whose token grants
/// several tenants chooses.
pub const SUBJECT: &str = "x-switchover-subject";
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

/// What is taken as a proof of who calls; at least one of it is there.
#[derive(Debug)]
pub struct Proofs {
    keys: Option<KeyFile>,
    tokens: Option<Tokens>,
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
}

impl Proven {
    fn new(caller: Caller, proof: Proof) -> Self {
        Self {
            caller,
            proof,
            expires: None,
            person: None,
        }
    }
}

impl Access {
    /// Reads a keys file, by which alone callers prove who they are.
    pub fn keys(path: impl Into<PathBuf>, clock: Clock) -> Result<Self, Error> {
        Self::by(Some(path.into()), None, clock)
    }

    /// Believes what is given; whoever is on this machine if nothing is.
    pub fn by(keys: Option<PathBuf>, tokens: Option<Tokens>, clock: Clock) -> Result<Self, Error> {
        if keys.is_none() && tokens.is_none() {
            return Ok(Self::Open);
        }
        let keys = keys.map(|path| KeyFile::open(path, clock.clone()));
        Ok(Self::Proven(Arc::new(Proofs {
            keys: keys.transpose()?,
            tokens,
            clock,
        })))
    }

    /// Refuses to believe everybody where more than this machine can call.
    pub fn fits(&self, listen: SocketAddr) -> Result<(), Error> {
        match self {
            Self::Open if !listen.ip().is_loopback() => Err(Error::Usage(format!(
                "{listen} can be reached from other machines, so callers must prove who they are: give a keys file (--keys) or an issuer (--oidc-issuer), or listen on 127.0.0.1"
            ))),
            Self::Open | Self::Proven(_) => Ok(()),
        }
    }

    /// Tells who makes a call with these headers. Wrong credentials are refused, none are nobody.
    pub async fn identify(&self, headers: &HeaderMap) -> Result<Proven, Problem> {
        match self {
            Self::Open => claimed(headers),
            Self::Proven(proofs) => proofs.identify(headers).await,
        }
    }
}

impl Proofs {
    async fn identify(&self, headers: &HeaderMap) -> Result<Proven, Problem> {
        let mut given = headers.get_all(AUTHORIZATION).iter();
        let Some(value) = given.next() else {
            return Ok(Proven::new(Caller::Anonymous, Proof::None));
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
                Ok(Proven {
                    expires: entry.expires,
                    ..Proven::new(Caller::Known(entry.identity), Proof::Key)
                })
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
