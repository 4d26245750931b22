//! The edge for people's browsers, programs and applications' backends, on a listener of its own: the
//! console and its API, the pages behind links in mails, access tokens, and whether this gateway is well. Nothing here
//! logs the path of a page: a token may stand in it.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{Arc, OnceLock},
    time::Duration,
};

use axum::{
    Extension, Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, Method, Response, StatusCode, Uri, header},
    middleware::{self, Next},
    routing::{MethodRouter, get, post},
};
use proto::{
    notification::v1::subscription_service_client::SubscriptionServiceClient,
    provisioning::v1::{
        consent_service_client::ConsentServiceClient, token_service_client::TokenServiceClient,
    },
};
use runtime::{Client, Clock, Credentials, Endpoint, connect_lazy};
use serde::Serialize;
use tokio::sync::watch;

use crate::{apps::Login, control::status::Status};

mod api;
mod console;
mod deny_page;
mod limit;
mod login;
mod oauth;
mod page;
mod serve;
mod session;
mod source;
mod texts;
mod unsubscribe_page;

use api::Whence;
pub use api::{AllowedOrigin, NoOrigin};
pub(crate) use api::{Api, ApiSettings, Most, Own, Upstreams};
use deny_page::Visit;
use limit::{Limiter, WRONG_MAX};
pub(crate) use login::{CALLBACK, SIGNED_OUT};
use oauth::{KeySet, TOKEN_CALLS_MAX};
use page::{Pages, Reading, json, wants_json};
pub(crate) use serve::serve;
use session::Joined;
pub(crate) use session::{Lent, Sessions, SignIn};
pub use source::{NoProxy, TrustedProxy};
use texts::{Message, Who};

/// How long a browser may take to send a form.
const BODY_MAX: Duration = Duration::from_secs(10);

/// What the edge answers with.
pub(crate) struct Edge {
    consent: ConsentServiceClient<Client>,
    tokens: TokenServiceClient<Client>,
    notification: Notification,
    status: watch::Receiver<Arc<Status>>,
    /// Signs users in at applications.
    login: Login,
    pages: Pages,
    /// Counts wrong tokens of links by network.
    strangers: Limiter<IpAddr>,
    /// Counts wrong client secrets by network.
    guessers: Limiter<IpAddr>,
    /// Counts what clients with right secrets ask for, by client id: nobody else can use it up.
    clients: Limiter<String>,
    keys: KeySet,
    api: Api,
    sessions: Sessions,
    clock: Clock,
    /// Where browsers and backends reach this edge: scheme and authority.
    origin: String,
    /// Whose word on where a request came from is taken.
    proxies: Vec<TrustedProxy>,
}

/// Where notification is. Most gateways never ask it, so there is no connection to it before one does.
pub(crate) struct Notification {
    endpoint: Endpoint,
    credentials: Credentials,
    client: OnceLock<Client>,
}

impl Notification {
    /// Remembers where it is, and who asks.
    pub(crate) fn new(endpoint: Endpoint, credentials: Credentials) -> Self {
        Self {
            endpoint,
            credentials,
            client: OnceLock::new(),
        }
    }

    /// Returns who asks it what unsubscribe links are about.
    fn subscriptions(&self) -> Result<SubscriptionServiceClient<Client>, tonic::Status> {
        let client = match self.client.get() {
            Some(client) => client.clone(),
            None => {
                let made = connect_lazy(&self.endpoint, &self.credentials)
                    .map_err(|error| tonic::Status::unavailable(error.to_string()))?;
                self.client.get_or_init(|| made).clone()
            }
        };
        Ok(SubscriptionServiceClient::new(client))
    }
}

/// Who is on the other side of a connection.
#[derive(Debug, Clone, Copy)]
struct Peer(SocketAddr);

/// Whether a request was made on this machine, with no proxy between.
#[derive(Debug, Clone, Copy)]
struct Here(bool);

/// What an edge is made of.
pub(crate) struct Parts {
    /// Asked about consent and tokens.
    pub(crate) provisioning: Client,
    /// Asked about unsubscribe links.
    pub(crate) notification: Notification,
    /// Passes calls on to the services.
    pub(crate) api: Api,
    /// Signs people in to the console.
    pub(crate) sessions: Sessions,
    /// Signs users in at applications.
    pub(crate) login: Login,
    /// How this gateway is.
    pub(crate) status: watch::Receiver<Arc<Status>>,
    /// Tells the time.
    pub(crate) clock: Clock,
}

impl Edge {
    /// Makes an edge.
    pub(crate) fn new(parts: Parts, settings: &EdgeSettings<'_>) -> Self {
        let Parts {
            provisioning,
            notification,
            api,
            sessions,
            login,
            status,
            clock,
        } = parts;
        Self {
            consent: ConsentServiceClient::new(provisioning.clone()),
            tokens: TokenServiceClient::new(provisioning),
            notification,
            status,
            login,
            pages: Pages::new(
                Who {
                    operator: settings.operator.to_owned(),
                    support: settings.support.to_owned(),
                },
                settings.origin,
            ),
            strangers: Limiter::new(clock.clone(), WRONG_MAX),
            guessers: Limiter::new(clock.clone(), WRONG_MAX),
            clients: Limiter::new(clock.clone(), TOKEN_CALLS_MAX),
            keys: KeySet::default(),
            api,
            sessions,
            clock,
            origin: settings.origin.to_owned(),
            proxies: settings.proxies.to_vec(),
        }
    }

    /// Returns what answers requests.
    pub(crate) fn router(self) -> Router {
        let edge = Arc::new(self);
        Router::new()
            .route("/", get(home))
            .route("/assets/{*path}", get(asset))
            .route("/.switchover/live", get(live))
            .route("/.switchover/ready", get(ready))
            .route(
                "/consent/{token}",
                MethodRouter::new().get(show).post(decide),
            )
            .route("/session", get(who))
            .route("/session/login", get(login))
            .route("/session/callback", get(callback))
            .route("/session/logout", post(logout))
            .route("/oauth/token", post(token))
            .route("/oauth/tenants", get(tenants))
            .route("/.well-known/jwks.json", get(keys))
            .route(login::KEYS, get(login::keys))
            .route(login::CALLBACK, get(login::callback))
            .route(login::SIGNED_OUT, get(login::signed_out))
            .route(login::LOGOUT, post(login::logout))
            .route("/.well-known/oauth-authorization-server", get(metadata))
            .route(
                "/unsubscribe/{token}",
                MethodRouter::new().get(show_unsubscribe).post(unsubscribe),
            )
            .fallback(elsewhere)
            .method_not_allowed_fallback(not_this_way)
            .layer(middleware::from_fn_with_state(edge.clone(), seal))
            .layer(middleware::from_fn_with_state(edge.clone(), look_through))
            .with_state(edge)
    }
}

/// What pages say of the installation.
pub(crate) struct EdgeSettings<'a> {
    /// Who runs the applications.
    pub(crate) operator: &'a str,
    /// Whom people are to ask.
    pub(crate) support: &'a str,
    /// Where browsers reach this edge: scheme and authority.
    pub(crate) origin: &'a str,
    /// Whose word on where a request came from is taken.
    pub(crate) proxies: &'a [TrustedProxy],
}

/// Puts the address from which the request came in the place of the proxy's that brought it.
async fn look_through(
    State(edge): State<Arc<Edge>>,
    Extension(Peer(peer)): Extension<Peer>,
    mut request: Request,
    next: Next,
) -> Response<Body> {
    let here = source::is_here(peer.ip(), request.headers());
    request.extensions_mut().insert(Here(here));
    let source = source::source(peer.ip(), request.headers(), &edge.proxies);
    let peer = Peer(SocketAddr::new(source, peer.port()));
    request.extensions_mut().insert(peer);
    next.run(request).await
}

async fn seal(State(edge): State<Arc<Edge>>, request: Request, next: Next) -> Response<Body> {
    let mut response = next.run(request).await;
    edge.pages.seal(response.headers_mut());
    response
}

async fn home(State(edge): State<Arc<Edge>>, headers: HeaderMap) -> Response<Body> {
    if wants_json(&headers) {
        return nothing_here(&edge, &headers);
    }
    console::page(&headers).unwrap_or_else(|| {
        let (status, reading) = (StatusCode::NOT_FOUND, Reading::by_fields(&headers));
        edge.pages
            .message(status, reading, &Message::ConsoleMissing, None)
    })
}

async fn asset(State(edge): State<Arc<Edge>>, uri: Uri, headers: HeaderMap) -> Response<Body> {
    console::asset(uri.path(), &headers).unwrap_or_else(|| nothing_here(&edge, &headers))
}

async fn live() -> Response<Body> {
    json(StatusCode::OK, &serde_json::json!({ "live": true }))
}

/// Whether to send requests here, and why not.
#[derive(Serialize)]
struct Readiness<'a> {
    gateway: &'a contract::GatewayName,
    ready: bool,
    reasons: &'a [String],
}

async fn ready(State(edge): State<Arc<Edge>>) -> Response<Body> {
    let status = edge.status.borrow().clone();
    let ready = status.not_ready.is_empty();
    let code = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    json(
        code,
        &Readiness {
            gateway: &status.gateway,
            ready,
            reasons: &status.not_ready,
        },
    )
}

async fn show(
    State(edge): State<Arc<Edge>>,
    Extension(peer): Extension<Peer>,
    request: Request,
) -> Response<Body> {
    let visit = visit(edge, peer, &request);
    if deny_page::asks_for_all(request.uri().query()) {
        visit.overview().await
    } else {
        visit.show().await
    }
}

async fn decide(
    State(edge): State<Arc<Edge>>,
    Extension(peer): Extension<Peer>,
    request: Request,
) -> Response<Body> {
    let visit = visit(edge, peer, &request);
    let all = deny_page::asks_for_all(request.uri().query());
    let body = axum::body::to_bytes(request.into_body(), deny_page::BODY_BYTES_MAX);
    match tokio::time::timeout(BODY_MAX, body).await {
        Ok(Ok(body)) if all => visit.withdraw(body).await,
        Ok(Ok(body)) => visit.decide(body).await,
        // Too much, too slow or broken off: in every case there is no form.
        Ok(Err(_)) | Err(_) => visit.too_large(),
    }
}

async fn token(
    State(edge): State<Arc<Edge>>,
    Extension(Peer(peer)): Extension<Peer>,
    request: Request,
) -> Response<Body> {
    let (head, body) = request.into_parts();
    let asking = oauth::Asking::new(edge, peer.ip(), head.headers);
    let body = axum::body::to_bytes(body, oauth::BODY_BYTES_MAX);
    // Too much, too slow or broken off: in every case there is no form.
    let form = tokio::time::timeout(BODY_MAX, body).await;
    asking.token(form.ok().and_then(Result::ok)).await
}

async fn tenants(
    State(edge): State<Arc<Edge>>,
    Extension(Peer(peer)): Extension<Peer>,
    request: Request,
) -> Response<Body> {
    let (head, _) = request.into_parts();
    let query = head.uri.query().unwrap_or_default().to_owned();
    let asking = oauth::Asking::new(edge, peer.ip(), head.headers);
    asking.tenants(&query).await
}

async fn keys(State(edge): State<Arc<Edge>>) -> Response<Body> {
    oauth::keys(&edge).await
}

async fn metadata(State(edge): State<Arc<Edge>>) -> Response<Body> {
    oauth::metadata(&edge.origin)
}

fn visit(edge: Arc<Edge>, Peer(peer): Peer, request: &Request) -> Visit {
    Visit::new(edge, peer.ip().to_canonical(), request)
}

async fn show_unsubscribe(
    State(edge): State<Arc<Edge>>,
    Extension(peer): Extension<Peer>,
    request: Request,
) -> Response<Body> {
    wish(edge, peer, &request).show().await
}

async fn unsubscribe(
    State(edge): State<Arc<Edge>>,
    Extension(peer): Extension<Peer>,
    request: Request,
) -> Response<Body> {
    let wish = wish(edge, peer, &request);
    let body = axum::body::to_bytes(request.into_body(), unsubscribe_page::BODY_BYTES_MAX);
    match tokio::time::timeout(BODY_MAX, body).await {
        Ok(Ok(body)) => wish.unsubscribe(body).await,
        Ok(Err(_)) | Err(_) => wish.too_large(),
    }
}

fn wish(edge: Arc<Edge>, Peer(peer): Peer, request: &Request) -> unsubscribe_page::Visit {
    unsubscribe_page::Visit::new(edge, peer.ip().to_canonical(), request)
}

async fn elsewhere(
    State(edge): State<Arc<Edge>>,
    Extension(Peer(peer)): Extension<Peer>,
    Extension(Here(here)): Extension<Here>,
    request: Request,
) -> Response<Body> {
    if Api::is_method(request.uri().path()) {
        let source = peer.ip();
        return call(&edge, Whence { source, here }, request).await;
    }
    let looks = matches!(*request.method(), Method::GET | Method::HEAD);
    if looks
        && console::takes_page(request.headers())
        && let Some(page) = console::page(request.headers())
    {
        return page;
    }
    nothing_here(&edge, request.headers())
}

/// Answers a call, in the session of the page that makes it if it has one.
async fn call(edge: &Edge, whence: Whence, mut request: Request) -> Response<Body> {
    if edge.api.is_own_page(whence, &request) {
        edge.sessions.lend(request.headers_mut());
    }
    let (mut head, body) = request.into_parts();
    let joined = edge.sessions.join(&mut head, &edge.origin, &edge.clock);
    let cookies = match joined.await {
        Joined::Forged => return session::forged(),
        Joined::Alone => HeaderMap::new(),
        Joined::With(cookies) => cookies,
    };
    let request = Request::from_parts(head, body);
    let mut response = edge.api.answer(whence, request).await;
    response.headers_mut().extend(cookies);
    response
}

async fn who(State(edge): State<Arc<Edge>>, request: Request) -> Response<Body> {
    // Under a name that was made to lead here, a page of somebody else would be its own.
    if !edge.api.is_own_host(&request) {
        return misdirected();
    }
    let catalog = edge.api.catalog();
    let headers = request.headers();
    edge.sessions.show(headers, catalog, &edge.clock).await
}

async fn login(State(edge): State<Arc<Edge>>, request: Request) -> Response<Body> {
    if !edge.api.is_own_host(&request) {
        return misdirected();
    }
    let query = request.uri().query().unwrap_or_default();
    let headers = request.headers();
    let led = edge
        .sessions
        .login(headers, query, &edge.pages, &edge.clock);
    led.await
}

async fn callback(State(edge): State<Arc<Edge>>, uri: Uri, headers: HeaderMap) -> Response<Body> {
    let query = uri.query().unwrap_or_default();
    let answered = edge
        .sessions
        .callback(&headers, query, &edge.pages, &edge.clock);
    answered.await
}

async fn logout(State(edge): State<Arc<Edge>>, headers: HeaderMap) -> Response<Body> {
    edge.sessions
        .logout(&headers, &edge.origin, &edge.clock)
        .await
}

fn misdirected() -> Response<Body> {
    json(
        StatusCode::MISDIRECTED_REQUEST,
        &serde_json::json!({ "error": "HOST_REFUSED", "message": "This edge has another address. Ask it there." }),
    )
}

fn nothing_here(edge: &Edge, headers: &HeaderMap) -> Response<Body> {
    if wants_json(headers) {
        return json(
            StatusCode::NOT_FOUND,
            &serde_json::json!({ "error": "NOT_FOUND", "message": "There is nothing here." }),
        );
    }
    let (status, reading) = (StatusCode::NOT_FOUND, Reading::by_fields(headers));
    edge.pages
        .message(status, reading, &Message::NothingHere, None)
}

async fn not_this_way(
    State(edge): State<Arc<Edge>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response<Body> {
    if uri.path().starts_with("/oauth/") {
        return oauth::wrong_method();
    }
    let (status, reading) = (StatusCode::METHOD_NOT_ALLOWED, Reading::by_fields(&headers));
    let mut response = edge
        .pages
        .message(status, reading, &Message::NotThisWay, None);
    if method == Method::OPTIONS {
        response.headers_mut().remove(header::CONTENT_TYPE);
        *response.body_mut() = Body::empty();
    }
    response
}
