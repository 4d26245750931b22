//! What users' sign-in needs at the edge: the one place where the identity provider sends browsers back
//! to, the page after the sign-out, and where the provider tells of ended sign-ins.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Query, Request, State},
    http::{HeaderMap, HeaderValue, Response, StatusCode, header},
};
use serde::Deserialize;

use super::{
    BODY_MAX, Edge,
    page::{Reading, json},
    texts::Message,
};
use crate::apps::Relay;

/// Where the identity provider sends browsers back to.
pub(crate) const CALLBACK: &str = "/.switchover/callback";
/// Where browsers are once they have signed out.
pub(crate) const SIGNED_OUT: &str = "/.switchover/signed-out";
/// Where the provider tells that a sign-in has ended (OpenID Connect Back-Channel Logout 1.0).
pub(super) const LOGOUT: &str = "/.switchover/backchannel-logout";
/// The keys by which versions check what they are told of users.
pub(super) const KEYS: &str = "/.well-known/gateway-jwks.json";
/// The most bytes of a logout token's form.
const FORM_BYTES_MAX: usize = 32 * 1024;

/// Sends a browser on to where its sign-in began.
pub(super) async fn callback(State(edge): State<Arc<Edge>>, request: Request) -> Response<Body> {
    let relay = Query::try_from_uri(request.uri()).map(|Query(relay)| relay);
    let place = edge.login.relay(relay.unwrap_or_else(|_| Relay::default()));
    match place.and_then(|place| HeaderValue::try_from(place).ok()) {
        Some(place) => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::SEE_OTHER;
            let fields = response.headers_mut();
            fields.insert(header::LOCATION, place);
            response
        }
        None => {
            let (status, reading) = (
                StatusCode::BAD_REQUEST,
                Reading::by_fields(request.headers()),
            );
            edge.pages
                .message(status, reading, &Message::SignInOver, None)
        }
    }
}

/// Says that somebody has signed out.
pub(super) async fn signed_out(
    State(edge): State<Arc<Edge>>,
    headers: HeaderMap,
) -> Response<Body> {
    let reading = Reading::by_fields(&headers);
    let pages = &edge.pages;
    pages.message(StatusCode::OK, reading, &Message::SignedOut, None)
}

/// Ends what a logout token is about.
pub(super) async fn logout(State(edge): State<Arc<Edge>>, request: Request) -> Response<Body> {
    #[derive(Deserialize)]
    struct Form {
        logout_token: String,
    }
    let body = axum::body::to_bytes(request.into_body(), FORM_BYTES_MAX);
    let form = match tokio::time::timeout(BODY_MAX, body).await {
        Ok(Ok(form)) => form,
        // Too much, too slow or broken off: in every case there is no form.
        Ok(Err(_)) | Err(_) => return refused("invalid_request"),
    };
    // A form's body is written as a query is (WHATWG URL, section 5).
    let form = std::str::from_utf8(&form).ok();
    let form = form.and_then(|form| format!("/?{form}").parse().ok());
    let form = form.and_then(|uri| Query::<Form>::try_from_uri(&uri).ok());
    let Some(Query(Form { logout_token })) = form else {
        return refused("invalid_request");
    };
    match edge.login.logout(&logout_token).await {
        Ok(()) => json(StatusCode::OK, &serde_json::json!({})),
        Err(why) => {
            tracing::warn!(reason = why.name(), "a logout token was refused");
            refused("invalid_request")
        }
    }
}

/// Publishes the keys.
pub(super) async fn keys(State(edge): State<Arc<Edge>>) -> Response<Body> {
    json(StatusCode::OK, &edge.login.key_set())
}

fn refused(error: &str) -> Response<Body> {
    json(
        StatusCode::BAD_REQUEST,
        &serde_json::json!({ "error": error }),
    )
}
