//! Whether users must sign in, who has, and what versions are told of it.
//!
//! A session is a sealed cookie of one host: no gateway keeps any. What gateways share is two key files
//! (one seals, one signs), and which sessions have ended before their time.

mod asking;
pub(super) mod cookie;
pub(in crate::apps) mod decide;
mod flow;
mod identity;
mod known;
pub(super) mod own;
mod policy;
mod session;

use std::{
    convert::Infallible,
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use http::{HeaderMap, HeaderValue, header};
use jiff::Timestamp;
use runtime::{CancellationToken, Clock, Seal};
use tokio::time::{MissedTickBehavior, interval};

pub use flow::Provider;
pub use policy::{LoginPolicy, LoginRule, Needs};

pub(super) use asking::{Asking, CSRF, Site};
pub(super) use decide::{Ask, Asked, Client, Passed, Stop, decide};
pub(crate) use flow::Relay;
pub(super) use identity::IDENTITY;
pub(crate) use known::Ended;
pub(super) use own::{Own, Visit};
pub(super) use session::Session;

use super::snapshot::Serving;
use crate::sign_outs::{Known, SignOuts, Watch};
use identity::Signer;

/// How often it is looked whether what lasts has outlived its session.
const LOOKS_EVERY: Duration = Duration::from_secs(5);

/// What signs users in, and knows them. Clones are the same one.
#[derive(Clone)]
pub struct Login(Arc<Inner>);

struct Inner {
    seal: Seal,
    signer: Signer,
    sign_outs: SignOuts,
    clock: Clock,
    /// Where users sign in; none if nobody said.
    provider: Option<Provider>,
}

/// What [`Login::open`] needs.
#[derive(Debug)]
pub(crate) struct LoginSettings {
    /// The file of the keys that seal sessions; the same for all gateways.
    pub(crate) seal_key: PathBuf,
    /// The file of the keys that sign what versions are told; the same for all gateways.
    pub(crate) signing_key: PathBuf,
    /// Where browsers reach the edge: scheme and authority.
    pub(crate) edge: String,
    /// Where users sign in; none if nobody said.
    pub(crate) provider: Option<Provider>,
}

impl Login {
    /// Reads keys; makes those that are not there. Blocks on a disk.
    ///
    /// # Errors
    /// A file cannot be read or made, or others can read a key.
    pub(crate) fn open(
        settings: LoginSettings,
        sign_outs: SignOuts,
        clock: Clock,
    ) -> Result<Self, runtime::Error> {
        let at = |path: &Path, error| runtime::Error::file(path, error);
        let signer = Signer::load_or_create(&settings.signing_key, &settings.edge)
            .map_err(|error| at(&settings.signing_key, error))?;
        let seal = Seal::load_or_create(&settings.seal_key)?;
        Ok(Self::new(seal, signer, sign_outs, settings.provider, clock))
    }

    fn new(
        seal: Seal,
        signer: Signer,
        sign_outs: SignOuts,
        provider: Option<Provider>,
        clock: Clock,
    ) -> Self {
        sign_outs.cover(known::all(&seal));
        Self(Arc::new(Inner {
            seal,
            signer,
            sign_outs,
            clock,
            provider,
        }))
    }

    /// One whose keys and endings live as long as the process, with nowhere to sign in.
    pub(super) fn for_process(clock: Clock) -> Self {
        let signer = Signer::for_process("http://localhost:8081");
        let sign_outs = SignOuts::for_process();
        Self::new(Seal::for_tests(), signer, sign_outs, None, clock)
    }

    /// The same with somewhere to sign in.
    #[cfg(test)]
    pub(super) fn for_tests(provider: Option<Provider>, clock: Clock) -> Self {
        let signer = Signer::for_process("http://edge.example");
        let sign_outs = SignOuts::for_process();
        Self::new(Seal::for_tests(), signer, sign_outs, provider, clock)
    }

    /// Tells whether there is somewhere to sign in.
    pub(crate) fn has_provider(&self) -> bool {
        self.0.provider.is_some()
    }

    /// Returns the keys by which versions check who asks.
    pub(crate) fn key_set(&self) -> serde_json::Value {
        self.0.signer.key_set()
    }

    /// Returns what time it is.
    pub(super) fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// Returns the session that a request shows, if it lasts at `now` and is of this place.
    pub(super) fn session(&self, asking: &Asking, now: Timestamp) -> Option<Session> {
        let place = asking.place();
        asking.session(|sealed| {
            let session = Session::open(&self.0.seal, &place.host, sealed)?;
            let good = session.tenant == place.tenant
                && session.lasts(now)
                && !self.0.sign_outs.has(&self.known(&session));
            good.then_some(session)
        })
    }

    /// Has `end` told when a session ends, for as long as what is returned is there.
    pub(super) fn watch(&self, session: &Session, end: CancellationToken) -> Watch {
        self.0.sign_outs.watch(self.known(session), end)
    }

    fn known(&self, session: &Session) -> Known {
        known::of(&self.0.seal, self.issuer(), session)
    }

    /// Returns who names users and their sign-ins.
    fn issuer(&self) -> &str {
        let provider = self.0.provider.as_ref();
        provider.map_or("", |provider| provider.client.issuer().url().as_str())
    }

    /// Says to a version who asks.
    pub(super) fn identity(
        &self,
        serving: &Serving,
        tenant: &str,
        session: Option<&Session>,
    ) -> HeaderValue {
        self.0.signer.sign(serving, tenant, session, self.now())
    }

    /// Gives a browser its session to keep; tells whether it could.
    pub(super) fn show(&self, session: &Session, fields: &mut HeaderMap, place: &Site) -> bool {
        let Some(sealed) = session.seal(&self.0.seal, &place.host) else {
            return false;
        };
        let left = session.ends().duration_since(self.now()).as_secs();
        fields.append(
            header::SET_COOKIE,
            cookie::set(session::COOKIE, &sealed, "/", left),
        );
        // What carries a session is nobody else's.
        fields.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        true
    }

    /// Ends sessions, and what lasts of them, here at once and across restarts, and at all gateways that
    /// reach the catalog.
    pub(crate) async fn end(&self, ended: Ended, now: Timestamp) {
        let marks = known::marks(&self.0.seal, self.issuer(), &ended);
        self.0.sign_outs.end(marks, now).await;
    }

    /// Ends what lasts of sessions whose time is over, until `stop`.
    pub(crate) async fn look_after(self, stop: CancellationToken) -> Result<(), Infallible> {
        let mut ticks = interval(LOOKS_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let looking = async {
            loop {
                ticks.tick().await;
                self.0.sign_outs.look(self.now());
            }
        };
        stop.run_until_cancelled(looking).await.unwrap_or(Ok(()))
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login")
            .field("provider", &self.0.provider)
            .finish_non_exhaustive()
    }
}
