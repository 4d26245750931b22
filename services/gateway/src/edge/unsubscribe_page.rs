//! The page behind the unsubscribe link of a mail. GET tells what it is about and changes nothing, as
//! mail software fetches links; a POST with the one field that RFC 8058 names does it, from a mail
//! program or from the page's button. The token stands in the page's address and nowhere else.

use std::{net::IpAddr, sync::Arc, time::Duration};

use axum::{
    body::{Body, Bytes},
    extract::Request,
    http::{HeaderMap, HeaderValue, Response, StatusCode, header},
};
use contract::{Language, Problem, reason};
use minijinja::{Value, context, value::Serde};
use proto::notification::v1::{GetUnsubscriptionRequest, UnsubscribeRequest, Unsubscription};
use runtime::request;

use super::{
    Edge,
    limit::network,
    page::{Reading, json, wants_json},
    texts::{self, Message, UnsubscribeMessage, Wish},
};

/// The longest token that is looked up.
const TOKEN_MAX: usize = 900;
/// The most bytes of what is posted: one short field, in either of the forms that programs use.
pub(super) const BODY_BYTES_MAX: usize = 4 * 1024;
/// How long notification may take to answer.
const CALL_MAX: Duration = Duration::from_secs(10);
/// When to try again while notification is away.
const RETRY: Duration = Duration::from_secs(10);

/// One visit of one page.
pub(super) struct Visit {
    edge: Arc<Edge>,
    token: String,
    address: IpAddr,
    headers: HeaderMap,
    reading: Reading,
    reference: contract::RequestId,
}

/// What keeps a visit from its page.
enum Failure {
    TooMany(Duration),
    NotAsked,
    TooLarge,
    Peer(Problem),
}

impl Visit {
    /// Begins a visit by the page's address.
    pub(super) fn new(edge: Arc<Edge>, address: IpAddr, request: &Request) -> Self {
        let path = request.uri().path();
        let token = path.strip_prefix("/unsubscribe/").unwrap_or_default();
        let headers = request.headers().clone();
        let token = if token.len() <= TOKEN_MAX { token } else { "" };
        Self {
            reference: request::new_id(&edge.clock),
            edge,
            token: token.to_owned(),
            address,
            reading: Reading::of_link(request.uri().query(), "", &headers),
            headers,
        }
    }

    /// Shows what the link is about.
    pub(super) async fn show(self) -> Response<Body> {
        let ask = async {
            let request = GetUnsubscriptionRequest {
                token: self.token.clone(),
            };
            let mut subscriptions = self.edge.notification.subscriptions()?;
            let answer = subscriptions.get_unsubscription(request).await?;
            Ok(answer.into_inner().unsubscription)
        };
        let shown = self.looked_up(ask).await;
        self.end(shown)
    }

    /// Does what the link is for, if that is what was posted.
    pub(super) async fn unsubscribe(self, body: Bytes) -> Response<Body> {
        if !is_one_click(&body) {
            return self.refuse(&Failure::NotAsked);
        }
        let ask = async {
            let request = UnsubscribeRequest {
                token: self.token.clone(),
            };
            let mut subscriptions = self.edge.notification.subscriptions()?;
            let answer = subscriptions.unsubscribe(request).await?;
            Ok(answer.into_inner().unsubscription)
        };
        let done = self.looked_up(ask).await;
        self.end(done)
    }

    /// Answers what is too large to be read.
    pub(super) fn too_large(self) -> Response<Body> {
        self.refuse(&Failure::TooLarge)
    }

    async fn looked_up(
        &self,
        ask: impl Future<Output = Result<Option<Unsubscription>, tonic::Status>>,
    ) -> Result<Unsubscription, Failure> {
        if let Some(wait) = self.edge.strangers.wait(&network(self.address)) {
            return Err(Failure::TooMany(wait));
        }
        let ask = request::with_request_id(self.reference.clone(), ask);
        let answered = tokio::time::timeout(CALL_MAX, ask)
            .await
            .unwrap_or_else(|_| Err(tonic::Status::deadline_exceeded("no answer in time")));
        match answered {
            Ok(Some(found)) => Ok(found),
            Ok(None) => Err(Failure::Peer(Problem::broken(
                "notification told of nothing that the link is about",
            ))),
            Err(status) => {
                let problem = Problem::from(status);
                if problem.is(&reason::TOKEN_INVALID) {
                    self.edge.strangers.count(network(self.address));
                }
                Err(Failure::Peer(problem))
            }
        }
    }

    fn end(&self, found: Result<Unsubscription, Failure>) -> Response<Body> {
        let found = match found {
            Ok(found) => found,
            Err(failure) => return self.refuse(&failure),
        };
        if wants_json(&self.headers) {
            let state = serde_json::json!({ "unsubscribed": found.unsubscribed });
            return json(StatusCode::OK, &state);
        }
        let wish = Wish {
            address: &found.address,
            category: found.category(),
            done: found.unsubscribed,
        };
        let pages = &self.edge.pages;
        let said = self.reading.texts().unsubscribe(&wish, pages.who());
        let values = context! { done => wish.done, said => Value::from(Serde(&said)) };
        pages.page(StatusCode::OK, self.reading, "unsubscribe.html", values)
    }

    fn refuse(&self, failure: &Failure) -> Response<Body> {
        let (status, code, message, wait) = match failure {
            Failure::TooMany(wait) => (
                StatusCode::TOO_MANY_REQUESTS,
                "RATE_LIMITED",
                UnsubscribeMessage::TooMany,
                Some(*wait),
            ),
            Failure::NotAsked => (
                StatusCode::BAD_REQUEST,
                "INVALID_FIELDS",
                UnsubscribeMessage::NotAsked,
                None,
            ),
            Failure::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "TOO_LARGE",
                UnsubscribeMessage::TooLarge,
                None,
            ),
            Failure::Peer(problem) if problem.is(&reason::TOKEN_INVALID) => (
                StatusCode::NOT_FOUND,
                "TOKEN_INVALID",
                UnsubscribeMessage::Unknown,
                None,
            ),
            Failure::Peer(problem) => {
                tracing::warn!(%problem, reason = %problem.reason(), reference = %self.reference, "an unsubscribe page cannot be shown");
                (
                    StatusCode::SERVICE_UNAVAILABLE,
                    "PEER_UNAVAILABLE",
                    UnsubscribeMessage::Away,
                    Some(RETRY),
                )
            }
        };
        let message = Message::Unsubscribe(message);
        let mut response = if wants_json(&self.headers) {
            let text = texts::of(Language::English).message(&message).text;
            let refusal =
                serde_json::json!({ "error": code, "message": text, "reference": self.reference });
            json(status, &refusal)
        } else {
            let reference = status.is_server_error().then(|| self.reference.as_str());
            let pages = &self.edge.pages;
            pages.message(status, self.reading, &message, reference)
        };
        if let Some(wait) = wait {
            let seconds = HeaderValue::from(wait.as_secs().max(1));
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        response
    }
}

/// Tells whether this is what RFC 8058 says that a mail program posts, as a form of either kind.
fn is_one_click(body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body);
    let encoded = text
        .split('&')
        .any(|field| field.trim() == "List-Unsubscribe=One-Click");
    let mut lines = text.lines().map(str::trim);
    // In parts: the field's name, an empty line, its value (RFC 7578).
    let named = lines.any(|line| {
        let line = line.to_ascii_lowercase();
        line.starts_with("content-disposition:") && line.contains("name=\"list-unsubscribe\"")
    });
    let in_parts =
        named && lines.find(|line| line.is_empty()).is_some() && lines.next() == Some("One-Click");
    encoded || in_parts
}

#[cfg(test)]
mod tests;
