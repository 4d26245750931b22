//! The page behind a link in a mail: GET shows, POST does. A tenant denies a version, accepts it,
//! or takes either back while the link works.
//!
//! Mail software fetches links, submits forms and presses buttons, in a browser too, so GET and HEAD
//! change nothing, no choice is made beforehand, and a form decides only with a word that the page
//! asks a person to type (S33, S34). Provisioning judges that word and the time that the page was
//! open; here it is said what is missing. The token stands in the page's address and nowhere else:
//! not in its text, its links, or a log (S38, S39).

use std::{net::IpAddr, sync::Arc, time::Duration};

use axum::{
    body::{Body, Bytes},
    extract::Request,
    http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header},
};
use contract::{Language, Problem, reason};
use minijinja::{Value, context, value::Serde};
use proto::provisioning::v1 as wire;
use runtime::request;

use super::{
    Edge,
    limit::network,
    page::{Pages, Reading, json, wants_json},
    texts::{self, ConsentMessage, Message, Texts},
};

mod form;
mod lack;
mod offer;
mod overview;
#[cfg(test)]
mod tests;

pub(super) use form::BODY_BYTES_MAX;
use form::{Form, FormError, from_another_site};
pub(super) use lack::Lack;
pub(super) use offer::{Kind, OfferView, Status};
pub(super) use overview::{Actor, Basis, EntryView, OverviewView, QUERY, Standing};

/// The longest token that is looked up; real ones have 43 characters.
const TOKEN_MAX: usize = 100;
/// The most characters of a browser's own description that are kept.
const USER_AGENT_MAX: usize = 300;
/// How long provisioning may take to answer, the wait for every gateway included.
const CALL_MAX: Duration = Duration::from_secs(15);
/// When to try again while provisioning is away.
const RETRY: Duration = Duration::from_secs(10);

/// One visit of one page.
pub(super) struct Visit {
    edge: Arc<Edge>,
    token: String,
    address: IpAddr,
    headers: HeaderMap,
    reading: Reading,
    /// Whether only the page's head is asked for.
    head: bool,
    reference: contract::RequestId,
}

/// What keeps a visit from its page.
enum Failure {
    TooMany(Duration),
    CrossSite,
    Form(FormError),
    Peer(Problem),
}

impl Visit {
    /// Begins a visit by the page's address.
    pub(super) fn new(edge: Arc<Edge>, address: IpAddr, request: &Request) -> Self {
        let path = request.uri().path();
        let token = path.strip_prefix("/consent/").unwrap_or_default();
        let headers = request.headers().clone();
        let query = request.uri().query();
        let asks = if asks_for_all(query) { QUERY } else { "" };
        let token = if token.len() <= TOKEN_MAX { token } else { "" };
        Self {
            reference: request::new_id(&edge.clock),
            edge,
            token: token.to_owned(),
            address,
            reading: Reading::of_link(query, asks, &headers),
            headers,
            head: request.method() == Method::HEAD,
        }
    }

    /// Shows where the offer stands.
    pub(super) async fn show(self) -> Response<Body> {
        let shown = self.within(self.offer()).await;
        match shown {
            Ok((offer, form_token)) => self.render(None, &offer, &form_token, None),
            Err(failure) => self.refuse(&failure),
        }
    }

    /// Takes a decision, or shows the page again and says what is missing.
    pub(super) async fn decide(self, body: Bytes) -> Response<Body> {
        match self.within(self.decide_by(body)).await {
            Ok(response) => response,
            Err(failure) => self.refuse(&failure),
        }
    }

    async fn within<T>(&self, work: impl Future<Output = T>) -> T {
        request::with_request_id(self.reference.clone(), work).await
    }

    async fn decide_by(&self, body: Bytes) -> Result<Response<Body>, Failure> {
        self.admit()?;
        if from_another_site(&self.headers, &self.edge.origin) {
            return Err(Failure::CrossSite);
        }
        let kind = self.headers.get(header::CONTENT_TYPE);
        match Form::parse(kind, body).await {
            Ok(form) => self.send(form).await,
            Err(FormError::NoChoice) => self.show_again(Lack::Choice).await,
            Err(error) => Err(Failure::Form(error)),
        }
    }

    async fn send(&self, form: Form) -> Result<Response<Body>, Failure> {
        let decided = self
            .call(async {
                self.edge
                    .consent
                    .clone()
                    .decide_offer(wire::DecideOfferRequest {
                        token: self.token.clone(),
                        form_token: form.form_token,
                        decision: form.choice.wire().into(),
                        typed: form.typed,
                        origin: Some(self.origin()),
                    })
                    .await
            })
            .await;
        match decided {
            Ok(response) => {
                let offer = self.view(response.offer.as_ref())?;
                tracing::info!(choice = ?form.choice, status = ?offer.status, reference = %self.reference, "a decision was taken");
                if wants_json(&self.headers) {
                    return Ok(json(StatusCode::OK, &offer));
                }
                Ok(self.see_other())
            }
            Err(Failure::Peer(problem)) if Lack::of(&problem).is_some() => {
                let lack = Lack::of(&problem).unwrap_or(Lack::FreshPage);
                self.show_again(lack).await
            }
            Err(Failure::Peer(problem))
                if matches!(problem.reason().as_str(), "TOKEN_EXPIRED" | "TOKEN_VOID") =>
            {
                let (offer, form_token) = self.offer().await?;
                Ok(self.render(Some(StatusCode::GONE), &offer, &form_token, None))
            }
            Err(failure) => Err(failure),
        }
    }

    /// Returns where this visit comes from.
    fn origin(&self) -> wire::Origin {
        let user_agent = self.headers.get(header::USER_AGENT);
        let user_agent = user_agent.map(|value| String::from_utf8_lossy(value.as_bytes()));
        wire::Origin {
            address: self.address.to_string(),
            user_agent: user_agent
                .unwrap_or_default()
                .chars()
                .filter(|c| !c.is_control())
                .take(USER_AGENT_MAX)
                .collect(),
        }
    }

    /// Asks provisioning what the link is about.
    async fn offer(&self) -> Result<(OfferView, String), Failure> {
        self.admit()?;
        let request = wire::GetOfferRequest {
            token: self.token.clone(),
            gesture: true,
            origin: Some(self.origin()),
            head: self.head,
        };
        let response = self
            .call(async { self.edge.consent.clone().get_offer(request).await })
            .await?;
        Ok((self.view(response.offer.as_ref())?, response.form_token))
    }

    fn view(&self, offer: Option<&wire::Offer>) -> Result<OfferView, Failure> {
        offer
            .and_then(|offer| OfferView::of(offer, self.edge.clock.now()))
            .ok_or_else(|| {
                Failure::Peer(Problem::broken(
                    "provisioning told an offer that cannot be shown",
                ))
            })
    }

    fn admit(&self) -> Result<(), Failure> {
        match self.edge.strangers.wait(&network(self.address)) {
            Some(wait) => Err(Failure::TooMany(wait)),
            None => Ok(()),
        }
    }

    async fn call<T>(
        &self,
        call: impl Future<Output = Result<tonic::Response<T>, tonic::Status>>,
    ) -> Result<T, Failure> {
        let answered = tokio::time::timeout(CALL_MAX, call)
            .await
            .unwrap_or_else(|_| Err(tonic::Status::deadline_exceeded("no answer in time")));
        match answered {
            Ok(response) => Ok(response.into_inner()),
            Err(status) => {
                let problem = Problem::from(status);
                if problem.is(&reason::TOKEN_INVALID) {
                    self.edge.strangers.count(network(self.address));
                }
                Err(Failure::Peer(problem))
            }
        }
    }

    /// Nothing was decided: shows the page anew, and what was missing.
    async fn show_again(&self, lack: Lack) -> Result<Response<Body>, Failure> {
        let (offer, form_token) = self.offer().await?;
        if !offer.open_to_decisions {
            return Ok(self.render(None, &offer, &form_token, None));
        }
        if wants_json(&self.headers) {
            return Ok(lacking(lack));
        }
        Ok(self.render(Some(lack.status()), &offer, &form_token, Some(lack)))
    }

    fn render(
        &self,
        status: Option<StatusCode>,
        offer: &OfferView,
        form_token: &str,
        lack: Option<Lack>,
    ) -> Response<Body> {
        let status = status.unwrap_or_else(|| offer.http_status());
        if wants_json(&self.headers) {
            return json(status, offer);
        }
        // The form of a page that nothing can be decided on is not shown.
        let form_token = if offer.open_to_decisions {
            form_token
        } else {
            ""
        };
        let said = self.texts().offer(offer, self.pages().who());
        let values = context! {
            said => Value::from(Serde(&said)),
            offer => Value::from(Serde(offer)),
            typed_word => offer.typed_word.as_str(),
            form_token,
            note => lack.map(|lack| self.texts().lack(lack)),
            everything => self.reading.query(QUERY),
        };
        self.pages()
            .page(status, self.reading, "offer.html", values)
    }

    /// After a decision the browser asks for the page anew, so that a reload sends nothing.
    fn see_other(&self) -> Response<Body> {
        self.see("")
    }

    /// Sends the browser to what the same link asks for so, in the language that it was asked for.
    fn see(&self, asks: &str) -> Response<Body> {
        let behind = self.reading.query(asks);
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SEE_OTHER;
        let location = format!("/consent/{}{behind}", self.token);
        if let Ok(location) = HeaderValue::from_str(&location) {
            response.headers_mut().insert(header::LOCATION, location);
        }
        response
    }

    fn refuse(&self, failure: &Failure) -> Response<Body> {
        let refusal = self.refusal(failure);
        let message = Message::Consent(refusal.message);
        let mut response = if wants_json(&self.headers) {
            let said = texts::of(Language::English).message(&message);
            json(
                refusal.status,
                &serde_json::json!({
                    "error": refusal.reason,
                    "message": said.text,
                    "reference": self.reference,
                }),
            )
        } else {
            let reference = refusal
                .status
                .is_server_error()
                .then(|| self.reference.as_str());
            self.pages()
                .message(refusal.status, self.reading, &message, reference)
        };
        if let Some(wait) = refusal.retry_after {
            let seconds = wait.as_secs().max(1);
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }

    fn refusal(&self, failure: &Failure) -> Refusal {
        let refusal = |status, reason, message, retry_after| Refusal {
            status,
            reason,
            message,
            retry_after,
        };
        match failure {
            Failure::TooMany(wait) => refusal(
                StatusCode::TOO_MANY_REQUESTS,
                "RATE_LIMITED",
                ConsentMessage::TooMany,
                Some(*wait),
            ),
            Failure::CrossSite => refusal(
                StatusCode::FORBIDDEN,
                "CROSS_SITE",
                ConsentMessage::CrossSite,
                None,
            ),
            Failure::Form(FormError::TooLarge) => refusal(
                StatusCode::PAYLOAD_TOO_LARGE,
                "TOO_LARGE",
                ConsentMessage::TooLarge,
                None,
            ),
            Failure::Form(FormError::NoChoice | FormError::Unreadable) => refusal(
                StatusCode::BAD_REQUEST,
                "INVALID_FIELDS",
                ConsentMessage::Unreadable,
                None,
            ),
            Failure::Peer(problem) if problem.is(&reason::TOKEN_INVALID) => refusal(
                StatusCode::NOT_FOUND,
                "TOKEN_INVALID",
                ConsentMessage::Unknown,
                None,
            ),
            Failure::Peer(problem) if problem.is(&reason::TOKEN_EXPIRED) => refusal(
                StatusCode::GONE,
                "TOKEN_EXPIRED",
                ConsentMessage::Expired,
                None,
            ),
            Failure::Peer(problem) if problem.is(&reason::NOT_PROVISIONED) => refusal(
                StatusCode::CONFLICT,
                "NOT_PROVISIONED",
                ConsentMessage::TakenAway,
                None,
            ),
            Failure::Peer(problem) => {
                tracing::warn!(%problem, reason = %problem.reason(), reference = %self.reference, "a consent page cannot be shown");
                refusal(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "PEER_UNAVAILABLE",
                    ConsentMessage::Away,
                    Some(RETRY),
                )
            }
        }
    }

    /// Answers a form that is too large to be read.
    pub(super) fn too_large(self) -> Response<Body> {
        self.refuse(&Failure::Form(FormError::TooLarge))
    }

    fn pages(&self) -> &Pages {
        &self.edge.pages
    }

    fn texts(&self) -> &'static dyn Texts {
        self.reading.texts()
    }
}

/// Tells whether a link is asked for everything that its tenant has agreed to.
pub(super) fn asks_for_all(query: Option<&str>) -> bool {
    query.is_some_and(|query| query.split('&').any(|asked| asked == QUERY))
}

/// Tells a program what a form lacked.
fn lacking(lack: Lack) -> Response<Body> {
    let said = texts::of(Language::English).lack(lack);
    let refusal = serde_json::json!({ "error": lack.reason(), "message": said });
    json(lack.status(), &refusal)
}

struct Refusal {
    status: StatusCode,
    reason: &'static str,
    message: ConsentMessage,
    retry_after: Option<Duration>,
}
