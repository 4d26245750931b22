//! One issuer: its keys are fetched when they are needed, kept as long as it allows, and fetched again
//! when a token names one that is not among them, however many such tokens come.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::{
    FutureExt as _,
    future::{BoxFuture, Shared},
};
use tokio::time::timeout;

use crate::{
    Now,
    access::{AccessRules, AccessToken},
    id::IdToken,
    jwk::{self, Key},
    jws::Unchecked,
    logout::LogoutToken,
    metadata::Metadata,
    object::Object,
    place::IssuerUrl,
    refusal::Refusal,
    web::{Answer, NoRoots, Unreachable, Web, WebError},
};

/// How long after it was asked an issuer is not asked again.
pub const COOLDOWN: Duration = Duration::from_secs(10);
/// How long keys are believed while their issuer does not answer.
pub const KEPT: Duration = Duration::from_secs(24 * 60 * 60);
/// How long keys are not asked for again, if the issuer does not say.
const FRESH: Duration = Duration::from_secs(10 * 60);
const FRESH_MIN: Duration = Duration::from_secs(60);
const FRESH_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// How long a call waits for an issuer that failed the last time, if there are keys to go on with.
const PATIENCE: Duration = Duration::from_millis(200);
/// How long it waits otherwise: two answers, and some.
const WAIT: Duration = Duration::from_secs(12);

/// An issuer of tokens. Clones share its keys.
#[derive(Clone)]
pub struct Issuer(Arc<Inner>);

struct Inner {
    url: IssuerUrl,
    web: Web,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    known: Option<Arc<Known>>,
    tried: Option<Duration>,
    failing: bool,
    /// Whoever waits drives it, so one who goes away does not end it for the others.
    fetching: Option<Fetching>,
}

type Fetching = Shared<BoxFuture<'static, Result<Arc<Known>, Unreachable>>>;

/// What was fetched.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) metadata: Metadata,
    keys: Vec<Key>,
    asked: Duration,
    fresh_until: Duration,
}

impl Known {
    fn has(&self, id: &str) -> bool {
        self.keys.iter().any(|key| key.id() == id)
    }

    /// Returns the key of a token: of those with its name, the one that is for its algorithm.
    fn key(&self, token: &Unchecked<'_>) -> Result<&Key, Refusal> {
        let named = || self.keys.iter().filter(|key| key.id() == token.key_id);
        named()
            .find(|key| key.is_for(token.algorithm))
            .or_else(|| named().next())
            .ok_or(Refusal::UnknownKey)
    }
}

impl Issuer {
    /// Prepares to ask an issuer; asks nothing yet.
    ///
    /// # Errors
    /// The system trusts no authorities, so nothing could be believed.
    pub fn new(url: IssuerUrl) -> Result<Self, NoRoots> {
        Ok(Self(Arc::new(Inner {
            url,
            web: Web::new()?,
            state: Mutex::default(),
        })))
    }

    /// Returns its name.
    #[must_use]
    pub fn url(&self) -> &IssuerUrl {
        &self.0.url
    }

    pub(crate) fn web(&self) -> &Web {
        &self.0.web
    }

    /// Checks an access token.
    ///
    /// # Errors
    /// Why it is not believed.
    pub async fn access_token(
        &self,
        token: &str,
        rules: &AccessRules,
        now: Now,
    ) -> Result<AccessToken, Refusal> {
        let (kind, claims) = self.claims(token, now).await?;
        rules.check(kind.as_deref(), claims, self.0.url.as_str(), now.time)
    }

    /// Checks an ID token that this client was given; with the nonce of its sign-in, if it has one.
    ///
    /// # Errors
    /// Why it is not believed.
    pub async fn id_token(
        &self,
        token: &str,
        client: &str,
        nonce: Option<&str>,
        now: Now,
    ) -> Result<IdToken, Refusal> {
        let (kind, claims) = self.claims(token, now).await?;
        let issuer = self.0.url.as_str();
        IdToken::check(kind.as_deref(), claims, issuer, client, nonce, now.time)
    }

    /// Checks a logout token for this client.
    ///
    /// # Errors
    /// Why it is not believed.
    pub async fn logout_token(
        &self,
        token: &str,
        client: &str,
        now: Now,
    ) -> Result<LogoutToken, Refusal> {
        let (kind, claims) = self.claims(token, now).await?;
        let issuer = self.0.url.as_str();
        LogoutToken::check(kind.as_deref(), claims, issuer, client, now.time)
    }

    async fn claims(&self, token: &str, now: Now) -> Result<(Option<String>, Object), Refusal> {
        let token = Unchecked::read(token)?;
        let known = self.known(|known| known.has(&token.key_id), now).await;
        let known = known.map_err(|_| Refusal::NoKeys)?;
        let claims = token.check(known.key(&token)?)?;
        Ok((token.kind, claims))
    }

    /// Returns what the issuer says of itself.
    pub(crate) async fn metadata(&self, now: Now) -> Result<Metadata, Unreachable> {
        let known = self.known(|_| true, now).await?;
        Ok(known.metadata.clone())
    }

    /// Returns what is known; fetched again if it is old or not enough, unless that was tried just now.
    async fn known(
        &self,
        enough: impl Fn(&Known) -> bool,
        now: Now,
    ) -> Result<Arc<Known>, Unreachable> {
        let (fetching, patience) = {
            let mut state = self.state();
            let fresh = |known: &&Arc<Known>| now.instant < known.fresh_until && enough(known);
            if let Some(known) = state.known.as_ref().filter(fresh) {
                return Ok(Arc::clone(known));
            }
            let resting = |tried: Duration| now.instant.saturating_sub(tried) < COOLDOWN;
            let fetching = match state.fetching.clone() {
                Some(fetching) => fetching,
                None if state.tried.is_some_and(resting) => return state.kept(now),
                None => {
                    let fetching = fetch(self.0.web.clone(), self.0.url.clone(), now.instant);
                    let fetching = fetching.boxed().shared();
                    state.tried = Some(now.instant);
                    state.fetching = Some(fetching.clone());
                    fetching
                }
            };
            let spared = state.failing && state.kept(now).is_ok_and(|known| enough(&known));
            (fetching, if spared { PATIENCE } else { WAIT })
        };
        if let Ok(fetched) = timeout(patience, fetching.clone()).await {
            self.state().settle(&fetching, fetched, &self.0.url);
        }
        self.state().kept(now)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Returns what is known, old or not, unless it is too old to be believed.
    fn kept(&self, now: Now) -> Result<Arc<Known>, Unreachable> {
        let young = |known: &&Arc<Known>| now.instant.saturating_sub(known.asked) < KEPT;
        let known = self.known.as_ref().filter(young).cloned();
        known.ok_or_else(|| Unreachable::new("the keys", WebError::Late))
    }

    /// Takes what a fetch brought, once.
    fn settle(
        &mut self,
        fetching: &Fetching,
        fetched: Result<Arc<Known>, Unreachable>,
        issuer: &IssuerUrl,
    ) {
        if !self
            .fetching
            .as_ref()
            .is_some_and(|one| one.ptr_eq(fetching))
        {
            return;
        }
        self.fetching = None;
        self.failing = fetched.is_err();
        match fetched {
            Ok(known) => {
                let keys = known.keys.len();
                tracing::debug!(%issuer, keys, "fetched the issuer's keys");
                self.known = Some(known);
            }
            Err(error) => {
                let kept = self.known.is_some();
                tracing::warn!(%issuer, %error, kept, "the issuer's keys could not be fetched");
            }
        }
    }
}

async fn fetch(web: Web, url: IssuerUrl, asked: Duration) -> Result<Arc<Known>, Unreachable> {
    let document = web.get(&url.discovery()).await;
    let document = document.map_err(|why| Unreachable::new("the discovery document", why))?;
    let metadata = Metadata::read(&document.body, &url)?;
    let keys = |why| Unreachable::new("the keys", why);
    let answer: Answer = web.get(&metadata.keys).await.map_err(keys)?;
    let fresh = answer.max_age().unwrap_or(FRESH);
    let set = jwk::read_set(&answer.body);
    let set = set.ok_or_else(|| keys(WebError::Answer("they are not a key set")))?;
    Ok(Arc::new(Known {
        metadata,
        keys: set,
        asked,
        fresh_until: asked + fresh.clamp(FRESH_MIN, FRESH_MAX),
    }))
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Issuer({})", self.0.url)
    }
}
