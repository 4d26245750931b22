//! The issuer's server, on the loopback.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use aws_lc_rs::digest;
use axum::{
    Form, Json, Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinSet};

use super::Signer;
use crate::IssuerUrl;

/// An issuer. It ends with its value.
pub struct TestIssuer {
    address: SocketAddr,
    shared: Arc<Shared>,
    _serving: JoinSet<()>,
}

struct Shared {
    issuer: String,
    state: Mutex<Inner>,
    fetches: AtomicUsize,
}

struct Inner {
    signer: Arc<Signer>,
    /// What the key set is made of.
    keys: Vec<Value>,
    cache_control: String,
    document: Value,
    up: bool,
    /// Sign-ins that wait for their code to be exchanged, and refresh tokens.
    grants: HashMap<String, Grant>,
    given: usize,
}

#[derive(Clone)]
struct Grant {
    client: String,
    redirect: String,
    challenge: String,
    nonce: String,
    claims: Value,
}

impl TestIssuer {
    /// Starts with one key, `first`, on P-256.
    ///
    /// # Panics
    /// The machine has no port left.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let issuer = format!("http://{address}");
        let signer = Arc::new(Signer::p256("first"));
        let document = json!({
            "issuer": issuer,
            "jwks_uri": format!("{issuer}/keys"),
            "authorization_endpoint": format!("{issuer}/authorize"),
            "token_endpoint": format!("{issuer}/token"),
            "end_session_endpoint": format!("{issuer}/end"),
            "authorization_response_iss_parameter_supported": true,
        });
        let shared = Arc::new(Shared {
            issuer,
            state: Mutex::new(Inner {
                keys: vec![signer.jwk()],
                signer,
                cache_control: "max-age=300".to_owned(),
                document,
                up: true,
                grants: HashMap::new(),
                given: 0,
            }),
            fetches: AtomicUsize::new(0),
        });
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(document_of))
            .route("/keys", get(keys_of))
            .route("/token", post(token_of))
            .with_state(Arc::clone(&shared));
        let mut serving = JoinSet::new();
        serving.spawn(async move { drop(axum::serve(listener, router).await) });
        Self {
            address,
            shared,
            _serving: serving,
        }
    }

    /// Returns its name.
    ///
    /// # Panics
    /// Never: an address on the loopback is one.
    #[must_use]
    pub fn url(&self) -> IssuerUrl {
        let text = format!("http://{}", self.address);
        text.parse().expect("an address on the loopback")
    }

    /// Returns the key that signs now.
    #[must_use]
    pub fn signer(&self) -> Arc<Signer> {
        Arc::clone(&self.shared.state().signer)
    }

    /// Signs with this key from now on, and publishes it instead of those before.
    pub fn rotate(&self, signer: Signer) {
        let mut state = self.shared.state();
        state.keys = vec![signer.jwk()];
        state.signer = Arc::new(signer);
    }

    /// Publishes these keys.
    pub fn publish(&self, keys: Vec<Value>) {
        self.shared.state().keys = keys;
    }

    /// Says this of how long the keys may be kept.
    pub fn cache_control(&self, text: &str) {
        text.clone_into(&mut self.shared.state().cache_control);
    }

    /// Changes a member of the discovery document.
    pub fn document(&self, member: &str, value: Value) {
        self.shared.state().document[member] = value;
    }

    /// Answers, or fails every call.
    pub fn up(&self, up: bool) {
        self.shared.state().up = up;
    }

    /// Returns how often the keys were asked for.
    #[must_use]
    pub fn fetches(&self) -> usize {
        self.shared.fetches.load(Ordering::SeqCst)
    }

    /// Signs an access token of these claims; `iss` is added.
    #[must_use]
    pub fn access_token(&self, claims: &Value) -> String {
        let signer = self.signer();
        signer.token(&signer.header("at+jwt"), &self.own(claims))
    }

    /// Adds the issuer to claims.
    fn own(&self, claims: &Value) -> Value {
        let mut claims = claims.clone();
        claims["iss"] = self.shared.issuer.clone().into();
        claims
    }

    /// Does what a person's browser does who signs in: takes the address that the client made, and
    /// returns the `code` and the `state` with which the browser comes back. The tokens will be made of
    /// these claims; `iss`, and in the ID token `aud` and `nonce`, are added.
    ///
    /// # Panics
    /// The address lacks something.
    #[must_use]
    pub fn sign_in(&self, place: &str, claims: &Value) -> (String, String) {
        let (_, query) = place.split_once('?').expect("a query");
        let query: HashMap<String, String> = form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect();
        let text = |name: &str| query.get(name).cloned().expect("a parameter");
        assert_eq!(text("code_challenge_method"), "S256");
        assert_eq!(text("response_type"), "code");
        let grant = Grant {
            client: text("client_id"),
            redirect: text("redirect_uri"),
            challenge: text("code_challenge"),
            nonce: text("nonce"),
            claims: self.own(claims),
        };
        let mut state = self.shared.state();
        (state.give("code", grant), text("state"))
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, Inner> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Keeps a grant under a new name.
    fn give(&mut self, kind: &str, grant: Grant) -> String {
        self.given += 1;
        let name = format!("{kind}-{}", self.given);
        self.grants.insert(name.clone(), grant);
        name
    }
}

async fn document_of(State(shared): State<Arc<Shared>>) -> Response {
    let state = shared.state();
    if !state.up {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    Json(state.document.clone()).into_response()
}

async fn keys_of(State(shared): State<Arc<Shared>>) -> Response {
    shared.fetches.fetch_add(1, Ordering::SeqCst);
    let state = shared.state();
    if !state.up {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let header = [("cache-control", state.cache_control.clone())];
    (header, Json(json!({ "keys": state.keys }))).into_response()
}

/// Exchanges a code or a refresh token, each once.
async fn token_of(
    State(shared): State<Arc<Shared>>,
    Form(form): Form<HashMap<String, String>>,
) -> Response {
    let text = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    let mut state = shared.state();
    let code = match text("grant_type") {
        "authorization_code" => text("code"),
        _ => text("refresh_token"),
    };
    let Some(grant) = state.grants.remove(code) else {
        return refused();
    };
    let verifier = digest::digest(&digest::SHA256, text("code_verifier").as_bytes());
    let proven = URL_SAFE_NO_PAD.encode(verifier) == grant.challenge
        && text("redirect_uri") == grant.redirect;
    if text("grant_type") == "authorization_code" && !proven {
        return refused();
    }
    let signer = Arc::clone(&state.signer);
    let access = signer.token(&signer.header("at+jwt"), &grant.claims);
    let mut claims = grant.claims.clone();
    claims["aud"] = grant.client.clone().into();
    claims["nonce"] = grant.nonce.clone().into();
    let id = signer.token(&signer.header("JWT"), &claims);
    let refresh = state.give("refresh", grant);
    Json(json!({
        "token_type": "Bearer",
        "access_token": access,
        "id_token": id,
        "refresh_token": refresh,
        "expires_in": 300,
    }))
    .into_response()
}

fn refused() -> Response {
    let body = json!({ "error": "invalid_grant" });
    (StatusCode::BAD_REQUEST, Json(body)).into_response()
}
