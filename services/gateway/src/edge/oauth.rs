//! Access tokens for applications' backends: OAuth 2 client credentials (RFC 6749 §4.4) with a tenant
//! and a version beside, several tenants at once as an extension; the tenants of a client; and the keys
//! by which tokens are checked. Provisioning decides; here its words become those of OAuth. Nothing here
//! logs a secret or a token.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, HeaderValue, Response, StatusCode, header},
};
use contract::{Problem, reason};
use proto::provisioning::v1 as wire;
use runtime::request;
use serde_json::{Value, json};

use super::{
    Edge,
    limit::network,
    page::{self, answer},
};

mod client;
mod form;
mod refusal;
#[cfg(test)]
mod tests;

use client::Client;
pub(super) use form::BODY_BYTES_MAX;
use form::Form;
use refusal::{Refusal, wrong};

/// Calls with a right secret that one client may make within a minute: a token lasts for thirty, and one
/// call is for up to a hundred tenants.
pub(super) const TOKEN_CALLS_MAX: u32 = 120;
/// How long provisioning may take to answer.
const CALL_MAX: Duration = Duration::from_secs(10);
/// How long the keys are taken from memory; far less than a key is published before it signs.
const KEYS_FRESH: Duration = Duration::from_secs(60);
/// How long others may keep the keys, in seconds: with [`KEYS_FRESH`] less than the hour that a key is
/// published before it signs.
const KEYS_KEPT: &str = "public, max-age=900";

/// One request of a backend.
pub(super) struct Asking {
    edge: Arc<Edge>,
    source: IpAddr,
    headers: HeaderMap,
    reference: contract::RequestId,
}

impl Asking {
    /// Begins with who asks.
    pub(super) fn new(edge: Arc<Edge>, address: IpAddr, headers: HeaderMap) -> Self {
        Self {
            reference: request::new_id(&edge.clock),
            edge,
            source: network(address),
            headers,
        }
    }

    /// Answers with a token, or with several; `body` is none if it could not be read.
    pub(super) async fn token(self, body: Option<Bytes>) -> Response<Body> {
        let answered = self.within(self.issue(body)).await;
        let mut response = self.respond(answered);
        // RFC 6749 §5.1 asks for it beside `Cache-Control`.
        let no_cache = HeaderValue::from_static("no-cache");
        response.headers_mut().insert(header::PRAGMA, no_cache);
        response
    }

    /// Answers with a page of the tenants that the client can have tokens for.
    pub(super) async fn tenants(self, query: &str) -> Response<Body> {
        let answered = self.within(self.list(query)).await;
        self.respond(answered)
    }

    async fn within<T>(&self, work: impl Future<Output = T>) -> T {
        request::with_request_id(self.reference.clone(), work).await
    }

    async fn issue(&self, body: Option<Bytes>) -> Result<Value, Refusal> {
        self.admit()?;
        let kind = self.headers.get(header::CONTENT_TYPE);
        let form = Form::parse(kind, body).await?;
        let client = Client::of(
            &self.headers,
            form.client_id.clone(),
            form.client_secret.clone(),
        )?;
        form.check_grant()?;
        self.pace(&client)?;
        let request = wire::IssueTokenRequest {
            client_id: client.id.clone(),
            client_secret: client.secret.clone(),
            version: form.version.clone(),
            tenants: form
                .tenants
                .iter()
                .map(|id| format!("tenants/{id}"))
                .collect(),
            scopes: form.scopes.clone(),
        };
        let mut tokens = self.edge.tokens.clone();
        let issued = self.call(&client, tokens.issue_token(request)).await?;
        match issued.answers.as_slice() {
            [only] => told(only),
            answers => Ok(json!({
                "tokens": answers.iter().map(|answer| match told(answer) {
                    Ok(token) => token,
                    Err(refusal) => {
                        let mut refused = refusal.json();
                        refused["tenant"] = tenant_id(&answer.tenant).into();
                        refused
                    }
                }).collect::<Vec<_>>(),
            })),
        }
    }

    async fn list(&self, query: &str) -> Result<Value, Refusal> {
        self.admit()?;
        let (page_size, page_token) = form::page(query).await?;
        let client = Client::of(&self.headers, None, None)?;
        self.pace(&client)?;
        let request = wire::ListClientTenantsRequest {
            client_id: client.id.clone(),
            client_secret: client.secret.clone(),
            page_size,
            page_token,
        };
        let mut tokens = self.edge.tokens.clone();
        let listed = self
            .call(&client, tokens.list_client_tenants(request))
            .await?;
        let mut segments = listed.version.split('/').skip(1).step_by(2);
        Ok(json!({
            "application": segments.next().unwrap_or_default(),
            "version": segments.next().unwrap_or_default(),
            "tenants": listed.tenants.iter().map(|listed| tenant_id(&listed.tenant)).collect::<Vec<_>>(),
            "next_page_token": listed.next_page_token,
        }))
    }

    /// Refuses a source that has shown too many wrong secrets.
    fn admit(&self) -> Result<(), Refusal> {
        match self.edge.guessers.wait(&self.source) {
            Some(wait) => Err(Refusal::too_many(wait)),
            None => Ok(()),
        }
    }

    /// Refuses a client that has asked too often.
    fn pace(&self, client: &Client) -> Result<(), Refusal> {
        match self.edge.clients.wait(client.id.as_str()) {
            Some(wait) => Err(Refusal::too_many(wait)),
            None => Ok(()),
        }
    }

    async fn call<T>(
        &self,
        client: &Client,
        call: impl Future<Output = Result<tonic::Response<T>, tonic::Status>>,
    ) -> Result<T, Refusal> {
        let problem = match tokio::time::timeout(CALL_MAX, call).await {
            Ok(Ok(response)) => {
                self.edge.clients.count(client.id.clone());
                return Ok(response.into_inner());
            }
            Ok(Err(status)) => Problem::from(status),
            Err(_) => Problem::unavailable(reason::PEER_UNAVAILABLE, "no answer in time"),
        };
        if problem.is(&reason::CLIENT_INVALID) {
            self.edge.guessers.count(self.source);
        }
        Err(Refusal::of(&problem, &self.reference))
    }

    fn respond(&self, answered: Result<Value, Refusal>) -> Response<Body> {
        match answered {
            Ok(value) => page::json(StatusCode::OK, &value),
            Err(refusal) => refusal.response(&self.reference),
        }
    }
}

/// Returns one token, or why there is none.
fn told(answer: &wire::TokenAnswer) -> Result<Value, Refusal> {
    match &answer.result {
        Some(wire::token_answer::Result::Token(token)) => Ok(json!({
            "access_token": token.access_token,
            "token_type": "Bearer",
            "expires_in": token.lifetime.map_or(0, |lifetime| lifetime.seconds),
            "scope": token.scopes.join(" "),
            "tenant": tenant_id(&answer.tenant),
        })),
        Some(wire::token_answer::Result::Refusal(refused)) => {
            Err(Refusal::of_tenant(&refused.reason, &refused.message))
        }
        None => Err(Refusal::away()),
    }
}

fn tenant_id(name: &str) -> &str {
    name.strip_prefix("tenants/").unwrap_or(name)
}

/// The keys as provisioning last told them, and until when they are not asked for again.
#[derive(Debug, Default)]
pub(super) struct KeySet(Mutex<Option<(Duration, String)>>);

impl KeySet {
    fn last(&self) -> Option<(Duration, String)> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn remember(&self, until: Duration, keys: String) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((until, keys));
    }
}

/// Answers with the keys by which tokens are checked. Who checks tokens needs them while provisioning is
/// away, too: then those that it told last.
pub(super) async fn keys(edge: &Edge) -> Response<Body> {
    let now = edge.clock.instant();
    let known = edge.keys.last();
    if let Some((until, keys)) = &known
        && now < *until
    {
        return key_set(keys.clone());
    }
    let mut tokens = edge.tokens.clone();
    let call = tokens.get_keys(wire::GetKeysRequest {});
    match (tokio::time::timeout(CALL_MAX, call).await, known) {
        (Ok(Ok(told)), _) => {
            let keys = told.into_inner().jwks;
            edge.keys.remember(now + KEYS_FRESH, keys.clone());
            key_set(keys)
        }
        (_, Some((_, keys))) => {
            tracing::warn!(
                "the keys of tokens are those that provisioning told last: it does not answer"
            );
            key_set(keys)
        }
        (_, None) => Refusal::away().response(&request::new_id(&edge.clock)),
    }
}

fn key_set(keys: String) -> Response<Body> {
    let mut response = answer(StatusCode::OK, "application/jwk-set+json", keys);
    let kept = HeaderValue::from_static(KEYS_KEPT);
    response.headers_mut().insert(header::CACHE_CONTROL, kept);
    response
}

/// Answers what a client needs to know that knows the edge's address alone (RFC 8414).
pub(super) fn metadata(origin: &str) -> Response<Body> {
    let value = json!({
        "issuer": origin,
        "token_endpoint": format!("{origin}/oauth/token"),
        "jwks_uri": format!("{origin}/.well-known/jwks.json"),
        "grant_types_supported": [form::GRANT],
        "response_types_supported": [],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
    });
    let mut response = page::json(StatusCode::OK, &value);
    let kept = HeaderValue::from_static(KEYS_KEPT);
    response.headers_mut().insert(header::CACHE_CONTROL, kept);
    response
}

/// Answers a method that the endpoints of OAuth do not have.
pub(super) fn wrong_method() -> Response<Body> {
    let refusal = wrong("ask /oauth/token by POST with a form, and /oauth/tenants by GET");
    page::json(StatusCode::METHOD_NOT_ALLOWED, &refusal.json())
}
