//! What the gateway says itself: one refusal, as a page for people, JSON for programs, or a line.

use std::{fmt, time::Duration};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use contract::{Line, RequestId};
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use minijinja::{AutoEscape, Environment, context};
use sha2::{Digest as _, Sha256};

use super::{SUPPORT_CHARS_MAX, body::ResponseBody, snapshot::RefusalReason};

/// Why a request gets no answer from a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// The host is missing, doubled or malformed.
    BadHost,
    /// The head cannot be forwarded as it is.
    BadRequest,
    /// The method is never forwarded.
    MethodRefused,
    /// The address is too long.
    UriTooLong,
    /// Something else than `100-continue` is expected.
    ExpectationRefused,
    /// The host is no address of this operator, or no such application is known.
    UnknownAddress,
    /// The application has no active version yet.
    NotYetAvailable,
    /// The tenant's users are not let in.
    Refused(RefusalReason),
    /// Held for as long as a request may be.
    HeldTooLong,
    /// As many requests are held as may.
    TooManyHeld,
    /// The least generation that the request wants is not written as one.
    BadMinGeneration,
    /// The generation that the request wants has not come here in time.
    GenerationNotReached,
    /// The catalog has not been heard for longer than the application may be served without.
    Fenced,
    /// No version is in test.
    NothingInTest,
    /// A tester has not shown the token.
    TokenNeeded,
    /// What was shown is not the token.
    TokenWrong,
    /// Wrong tokens came too often.
    TooManyTries,
    /// The request has been here before.
    Loop,
    /// The user has sent no more of the request for too long.
    RequestStalled,
    /// No connection to the version.
    UpstreamUnreachable,
    /// The connection to the version broke before an answer.
    UpstreamBrokeOff,
    /// The version does not answer.
    UpstreamTimeout,
    /// The version's time to drain is over.
    Cut,
}

/// What is said about a reason.
struct Words {
    status: StatusCode,
    /// Stable; programs decide by it.
    reason: &'static str,
    title: &'static str,
    detail: &'static str,
    /// Who can do something about it.
    ask: Ask,
}

#[derive(Clone, Copy)]
enum Ask {
    /// The operator's support.
    Support,
    /// Nobody: trying again helps.
    Again,
}

impl Why {
    /// Returns the status that says it.
    pub(super) fn status(self) -> StatusCode {
        self.words().status
    }

    /// Returns the stable name.
    pub(super) fn reason(self) -> &'static str {
        self.words().reason
    }

    /// Tells whether the version failed, not the request.
    pub(super) fn is_upstreams(self) -> bool {
        matches!(
            self,
            Self::UpstreamUnreachable | Self::UpstreamBrokeOff | Self::UpstreamTimeout | Self::Cut
        )
    }

    /// Tells whether the connection is in a state in which nothing else may be read from it.
    pub(super) fn closes(self) -> bool {
        match self {
            Self::BadHost
            | Self::BadRequest
            | Self::MethodRefused
            | Self::UriTooLong
            | Self::ExpectationRefused
            | Self::Loop
            | Self::RequestStalled
            | Self::Cut => true,
            Self::UnknownAddress
            | Self::NotYetAvailable
            | Self::Refused(_)
            | Self::HeldTooLong
            | Self::TooManyHeld
            | Self::BadMinGeneration
            | Self::GenerationNotReached
            | Self::Fenced
            | Self::NothingInTest
            | Self::TokenNeeded
            | Self::TokenWrong
            | Self::TooManyTries
            | Self::UpstreamUnreachable
            | Self::UpstreamBrokeOff
            | Self::UpstreamTimeout => false,
        }
    }

    /// Returns when trying again may help.
    fn retry_after(self) -> Option<Duration> {
        let seconds = match self {
            Self::HeldTooLong | Self::TooManyHeld | Self::GenerationNotReached | Self::Cut => 1,
            Self::Fenced | Self::UpstreamUnreachable => 5,
            Self::NotYetAvailable | Self::TooManyTries => 60,
            Self::BadHost
            | Self::BadRequest
            | Self::MethodRefused
            | Self::UriTooLong
            | Self::ExpectationRefused
            | Self::UnknownAddress
            | Self::Refused(_)
            | Self::BadMinGeneration
            | Self::NothingInTest
            | Self::TokenNeeded
            | Self::TokenWrong
            | Self::Loop
            | Self::RequestStalled
            | Self::UpstreamBrokeOff
            | Self::UpstreamTimeout => return None,
        };
        Some(Duration::from_secs(seconds))
    }

    #[expect(clippy::too_many_lines, reason = "one sentence after the other")]
    fn words(self) -> Words {
        use Ask::{Again, Support};
        let words = |status, reason, title, detail, ask| Words {
            status,
            reason,
            title,
            detail,
            ask,
        };
        match self {
            Self::BadHost => words(
                StatusCode::BAD_REQUEST,
                "BAD_HOST",
                "This address is not valid",
                "The request names no host, more than one, or one that is not written as hosts are.",
                Support,
            ),
            Self::BadRequest => words(
                StatusCode::BAD_REQUEST,
                "BAD_REQUEST",
                "This request is not valid",
                "The request is not written as HTTP wants it, so it was not passed on.",
                Support,
            ),
            Self::MethodRefused => words(
                StatusCode::METHOD_NOT_ALLOWED,
                "METHOD_REFUSED",
                "This method is not allowed",
                "CONNECT and TRACE are never passed on.",
                Support,
            ),
            Self::UriTooLong => words(
                StatusCode::URI_TOO_LONG,
                "URI_TOO_LONG",
                "This address is too long",
                "An address may have at most 8192 characters.",
                Support,
            ),
            Self::ExpectationRefused => words(
                StatusCode::EXPECTATION_FAILED,
                "EXPECTATION_REFUSED",
                "This request expects too much",
                "Nothing but 100-continue can be expected.",
                Support,
            ),
            Self::UnknownAddress => words(
                StatusCode::NOT_FOUND,
                "UNKNOWN_ADDRESS",
                "There is no application at this address",
                "Check the address for a typing mistake.",
                Support,
            ),
            Self::NotYetAvailable => words(
                StatusCode::SERVICE_UNAVAILABLE,
                "NOT_YET_AVAILABLE",
                "This application is not available yet",
                "It is being set up. Please come back later.",
                Support,
            ),
            Self::Refused(RefusalReason::NotProvisioned) => words(
                StatusCode::FORBIDDEN,
                "NOT_PROVISIONED",
                "Your organisation does not use this application",
                "It has not been set up for your organisation.",
                Support,
            ),
            Self::Refused(RefusalReason::Denied) => words(
                StatusCode::FORBIDDEN,
                "DENIED",
                "Your organisation has denied this version",
                "The application is now on a version that your organisation has denied, so it cannot \
                 be used. Your administrator can accept it at any time, with the link in the mail \
                 about it.",
                Support,
            ),
            Self::Refused(RefusalReason::PendingAcceptance) => words(
                StatusCode::FORBIDDEN,
                "PENDING_ACCEPTANCE",
                "Your organisation has not accepted this application yet",
                "It can be used as soon as your administrator has accepted it, with the link in the \
                 mail about it.",
                Support,
            ),
            Self::Refused(RefusalReason::Failed) => words(
                StatusCode::FORBIDDEN,
                "PROVISIONING_FAILED",
                "This application could not be set up for your organisation",
                "Something went wrong while it was being set up.",
                Support,
            ),
            Self::Refused(RefusalReason::Removed) => words(
                StatusCode::FORBIDDEN,
                "REMOVED",
                "Your organisation no longer uses this application",
                "It has been taken away from your organisation.",
                Support,
            ),
            Self::HeldTooLong => words(
                StatusCode::SERVICE_UNAVAILABLE,
                "HELD_TOO_LONG",
                "This application is being updated",
                "It takes longer than it should. Nothing of your request has reached it; please try \
                 again in a moment.",
                Again,
            ),
            Self::TooManyHeld => words(
                StatusCode::SERVICE_UNAVAILABLE,
                "TOO_MANY_HELD",
                "This application is being updated",
                "Too many requests wait already. Nothing of yours has reached it; please try again \
                 in a moment.",
                Again,
            ),
            Self::BadMinGeneration => words(
                StatusCode::BAD_REQUEST,
                "BAD_MIN_GENERATION",
                "This request names no generation",
                "X-Min-Generation is one whole number from 1 on: the least generation, as in \
                 Switchover-Generation of an answer, that the request is to be answered by.",
                Support,
            ),
            Self::GenerationNotReached => words(
                StatusCode::SERVICE_UNAVAILABLE,
                "GENERATION_NOT_REACHED",
                "This application is not that far yet",
                "The generation that X-Min-Generation names has not come to this gateway in time. \
                 Nothing of your request has reached the application; please try again in a moment.",
                Again,
            ),
            Self::Fenced => words(
                StatusCode::SERVICE_UNAVAILABLE,
                "FENCED",
                "This application cannot be reached from here",
                "This gateway is cut off from the rest of the installation. Nothing of your request \
                 has reached the application; please try again in a moment.",
                Again,
            ),
            Self::NothingInTest => words(
                StatusCode::NOT_FOUND,
                "NOTHING_IN_TEST",
                "No version is in test",
                "The version that was in test here has become the active one, or its test was \
                 cancelled.",
                Support,
            ),
            Self::TokenNeeded => words(
                StatusCode::UNAUTHORIZED,
                "TESTER_TOKEN_NEEDED",
                "For testers",
                "The version at this address is in test. Testers get in with the tester token.",
                Support,
            ),
            Self::TokenWrong => words(
                StatusCode::UNAUTHORIZED,
                "TESTER_TOKEN_WRONG",
                "This is not the tester token",
                "The token is another one, or no longer valid.",
                Support,
            ),
            Self::TooManyTries => words(
                StatusCode::TOO_MANY_REQUESTS,
                "TOO_MANY_TRIES",
                "Too many wrong tokens",
                "Please wait a minute, then try again.",
                Support,
            ),
            Self::Loop => words(
                StatusCode::LOOP_DETECTED,
                "LOOP",
                "This application leads back to itself",
                "The version's upstream sends requests back to where they came from.",
                Support,
            ),
            Self::RequestStalled => words(
                StatusCode::REQUEST_TIMEOUT,
                "REQUEST_STALLED",
                "Your request has not arrived",
                "Nothing more of it came for too long.",
                Again,
            ),
            Self::UpstreamUnreachable => words(
                StatusCode::BAD_GATEWAY,
                "UPSTREAM_UNREACHABLE",
                "This application cannot be reached",
                "There is no connection to it at the moment. Nothing of your request has reached it.",
                Support,
            ),
            Self::UpstreamBrokeOff => words(
                StatusCode::BAD_GATEWAY,
                "UPSTREAM_BROKE_OFF",
                "This application broke off",
                "The connection to it ended before it answered. Your request may have taken effect.",
                Support,
            ),
            Self::UpstreamTimeout => words(
                StatusCode::GATEWAY_TIMEOUT,
                "UPSTREAM_TIMEOUT",
                "This application does not answer",
                "It took too long to answer. Your request may have taken effect.",
                Support,
            ),
            Self::Cut => words(
                StatusCode::SERVICE_UNAVAILABLE,
                "CUT",
                "This application was updated",
                "Your request took longer than the version before had left. It may have taken \
                 effect; please look, then try again.",
                Again,
            ),
        }
    }
}

/// One refusal of one request.
pub(super) struct Refusal<'a> {
    /// Why.
    pub(super) why: Why,
    /// What people call the application, if it is known.
    pub(super) application: Option<&'a str>,
    /// The request.
    pub(super) request_id: &'a RequestId,
}

/// How the one who asks wants to be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Page,
    Json,
    Line,
}

impl Form {
    /// Reads `Accept`: browsers name HTML; who does not is a program.
    pub(super) fn wanted(fields: &HeaderMap) -> Self {
        let accepts = |kind: &str| {
            fields
                .get_all(header::ACCEPT)
                .iter()
                .filter_map(|value| value.to_str().ok())
                .flat_map(|value| value.split(','))
                .any(|range| {
                    let mut parts = range.split(';').map(str::trim);
                    let named = parts.next().is_some_and(|it| it.eq_ignore_ascii_case(kind));
                    named && !parts.any(|it| matches!(it, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
                })
        };
        if accepts("text/html") || accepts("application/xhtml+xml") {
            Self::Page
        } else if accepts("text/plain") && !accepts("application/json") {
            Self::Line
        } else {
            Self::Json
        }
    }
}

/// Writes refusals in the installation's own words.
pub(super) struct Pages {
    templates: Environment<'static>,
    support: Line<SUPPORT_CHARS_MAX>,
    policy: HeaderValue,
}

const STYLE: &str = include_str!("refuse/page.css");

impl Pages {
    /// Takes whom people are to ask.
    pub(super) fn new(support: &Line<SUPPORT_CHARS_MAX>) -> Self {
        let mut templates = Environment::new();
        templates.set_auto_escape_callback(|_| AutoEscape::Html);
        templates
            .add_template("page", include_str!("refuse/page.html"))
            .expect("the page is a valid template: a test renders it");
        let hash = BASE64_STANDARD.encode(Sha256::digest(STYLE));
        let policy = format!(
            "default-src 'none'; style-src 'sha256-{hash}'; form-action 'self'; \
             base-uri 'none'; frame-ancestors 'none'"
        );
        Self {
            templates,
            support: support.clone(),
            policy: HeaderValue::from_str(&policy).expect("it is printable ASCII"),
        }
    }

    /// Writes a refusal.
    pub(super) fn render(&self, refusal: &Refusal<'_>, form: Form) -> Response<ResponseBody> {
        let words = refusal.why.words();
        let (kind, text) = match form {
            Form::Page => ("text/html; charset=utf-8", self.page(refusal, &words)),
            Form::Json => ("application/problem+json", self.json(refusal, &words)),
            Form::Line => ("text/plain; charset=utf-8", self.line(&words)),
        };
        let mut response = Response::new(ResponseBody::own(text));
        *response.status_mut() = words.status;
        let fields = response.headers_mut();
        let fixed = [
            (header::CONTENT_TYPE, kind),
            (header::CACHE_CONTROL, "no-store"),
            (header::VARY, "accept"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::REFERRER_POLICY, "no-referrer"),
        ];
        for (name, value) in fixed {
            fields.insert(name, HeaderValue::from_static(value));
        }
        fields.insert("x-robots-tag", HeaderValue::from_static("noindex"));
        fields.insert(header::CONTENT_SECURITY_POLICY, self.policy.clone());
        if let Some(after) = refusal.why.retry_after() {
            fields.insert(header::RETRY_AFTER, after.as_secs().into());
        }
        if words.status == StatusCode::METHOD_NOT_ALLOWED {
            let allowed = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
            fields.insert(header::ALLOW, HeaderValue::from_static(allowed));
        }
        if words.status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Switchover-Tester-Token");
            fields.insert(header::WWW_AUTHENTICATE, scheme);
        }
        if refusal.why.closes() {
            fields.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    fn page(&self, refusal: &Refusal<'_>, words: &Words) -> String {
        let support = match words.ask {
            Ask::Support => Some(self.support.as_str()),
            Ask::Again => None,
        };
        self.templates
            .get_template("page")
            .and_then(|page| {
                page.render(context! {
                    style => STYLE,
                    application => refusal.application,
                    title => words.title,
                    detail => words.detail,
                    support => support,
                    again => refusal.why.retry_after().is_some(),
                    token => matches!(refusal.why, Why::TokenNeeded | Why::TokenWrong),
                    wrong => refusal.why == Why::TokenWrong,
                    status => words.status.as_u16(),
                    reason => words.reason,
                    request_id => refusal.request_id.as_str(),
                })
            })
            .expect("the page renders with these values: a test does it for every reason")
    }

    fn json(&self, refusal: &Refusal<'_>, words: &Words) -> String {
        serde_json::json!({
            "title": words.title,
            "status": words.status.as_u16(),
            "detail": words.detail,
            "reason": words.reason,
            "application": refusal.application,
            "support": match words.ask {
                Ask::Support => Some(self.support.as_str()),
                Ask::Again => None,
            },
            "request_id": refusal.request_id,
        })
        .to_string()
    }

    fn line(&self, words: &Words) -> String {
        let said = format!("{}. {}", words.title, words.detail);
        match words.ask {
            Ask::Support => format!("{said} Questions? Ask {}.\n", self.support),
            Ask::Again => format!("{said}\n"),
        }
    }
}

impl fmt::Debug for Pages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pages")
            .field("support", &self.support)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
