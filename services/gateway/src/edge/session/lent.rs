//! A key that the edge lends to the console's own pages, so that nobody signs in where everything is a
//! demonstration on one machine.

use axum::{
    body::Body,
    http::{HeaderMap, Response, StatusCode, header},
};
use runtime::Key;
use serde_json::json;
use tonic::transport::Channel;

use super::{bearer, known, page, untold};

/// The key that is lent: a development key.
#[derive(Debug)]
pub(crate) struct Lent(Key);

impl Lent {
    pub(crate) fn new(key: Key) -> Self {
        Self(key)
    }

    /// Adds it to a call that shows nothing itself.
    pub(super) fn lend(&self, headers: &mut HeaderMap) {
        if !headers.contains_key(header::AUTHORIZATION)
            && let Ok(bearer) = bearer(self.0.expose())
        {
            headers.insert(header::AUTHORIZATION, bearer);
        }
    }

    /// Answers `GET /session`: whose key it is. Its holder may be whom it says, so the console can be
    /// looked at as somebody else.
    pub(super) async fn show(&self, catalog: Option<Channel>) -> Response<Body> {
        match known(self.0.expose(), catalog).await {
            Ok((role, subject)) => page::json(
                StatusCode::OK,
                &json!({
                    "signed_in": true,
                    "subject": subject,
                    "role": role,
                    "csrf": "",
                    "login_url": "",
                    "development": true,
                }),
            ),
            Err(_) => untold(),
        }
    }
}
