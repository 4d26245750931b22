//! The page behind the unsubscribe link of a mail. GET tells what it is about and changes nothing, as
//! mail software fetches links; a POST with the one field that RFC 8058 names does it, from a mail
//! program or from the page's button. The token stands in the page's address and nowhere else.

use std::{net::IpAddr, sync::Arc, time::Duration};

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, HeaderValue, Response, StatusCode, header},
};
use contract::{Problem, reason};
use minijinja::context;
use proto::notification::v1::{
    Category, GetUnsubscriptionRequest, UnsubscribeRequest, Unsubscription,
};
use runtime::request;

use super::{
    Edge,
    limit::network,
    page::{json, wants_json},
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
    pub(super) fn new(edge: Arc<Edge>, token: &str, address: IpAddr, headers: HeaderMap) -> Self {
        let token = if token.len() <= TOKEN_MAX { token } else { "" };
        Self {
            reference: request::new_id(&edge.clock),
            edge,
            token: token.to_owned(),
            address,
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
        let about = about(found.category());
        let values = context! { done => found.unsubscribed, address => found.address, about };
        self.edge
            .pages
            .page(StatusCode::OK, "unsubscribe.html", values)
    }

    fn refuse(&self, failure: &Failure) -> Response<Body> {
        let (status, code, title, text, wait) = match failure {
            Failure::TooMany(wait) => (
                StatusCode::TOO_MANY_REQUESTS,
                "RATE_LIMITED",
                "Please wait a minute",
                "Too many links that do not exist were opened from your network. Open your link again in a minute.",
                Some(*wait),
            ),
            Failure::NotAsked => (
                StatusCode::BAD_REQUEST,
                "INVALID_FIELDS",
                "Nothing has changed",
                "Open the link from the mail, and press the button on the page.",
                None,
            ),
            Failure::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "TOO_LARGE",
                "That was too much",
                "Nothing has changed. Open the link from the mail again.",
                None,
            ),
            Failure::Peer(problem) if problem.is(&reason::TOKEN_INVALID) => (
                StatusCode::NOT_FOUND,
                "TOKEN_INVALID",
                "This link leads nowhere",
                "It may be incomplete: some mail programs break long links. Copy the whole link from the mail.",
                None,
            ),
            Failure::Peer(problem) => {
                tracing::warn!(%problem, reason = %problem.reason(), reference = %self.reference, "an unsubscribe page cannot be shown");
                (
                    StatusCode::SERVICE_UNAVAILABLE,
                    "PEER_UNAVAILABLE",
                    "Not available right now",
                    "Nothing may have changed. Open the link again in a minute: the page says what holds.",
                    Some(RETRY),
                )
            }
        };
        let mut response = if wants_json(&self.headers) {
            let refusal =
                serde_json::json!({ "error": code, "message": text, "reference": self.reference });
            json(status, &refusal)
        } else {
            let reference = status.is_server_error().then(|| self.reference.as_str());
            self.edge.pages.message(status, title, text, reference)
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

fn about(category: Category) -> &'static str {
    match category {
        Category::Unspecified => "what happens here",
        Category::Consent => "decisions",
        Category::Access => "applications that are taken away",
        Category::Denials => "tenants that deny a version",
        Category::Acceptances => "tenants that accept a version",
        Category::Switches => "switches of applications",
        Category::Tests => "versions in test",
        Category::Mails => "mails that do not arrive",
        Category::Recovery => "restored backups",
    }
}

#[cfg(test)]
mod tests;
