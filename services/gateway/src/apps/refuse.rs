//! What the gateway says itself: one refusal, as a page for people, JSON for programs, or a line.

mod texts;
mod words;

use std::{fmt, time::Duration};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use contract::{Language, Line, RequestId};
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use minijinja::{AutoEscape, Environment, context};
use sha2::{Digest as _, Sha256};

use super::{SUPPORT_CHARS_MAX, body::ResponseBody, snapshot::RefusalReason};
use crate::reader::Reader;
use words::{Ask, Words};

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
    /// The path can be read in several ways, and rules go by it.
    PathRefused,
    /// Somebody has to sign in.
    SignInNeeded,
    /// Who has signed in lacks a role.
    RoleMissing,
    /// Another site's page may have sent it in somebody's name.
    ForeignRequest,
    /// A login is required, and there is nowhere to sign in.
    LoginNotSetUp,
    /// A sign-in came to nothing.
    SignInFailed,
    /// Who has signed in is no user of this tenant.
    OtherTenant,
    /// The identity provider does not answer.
    ProviderAway,
    /// The gateway has nothing at this path of its own.
    NothingHere,
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
            | Self::PathRefused
            | Self::SignInNeeded
            | Self::RoleMissing
            | Self::ForeignRequest
            | Self::LoginNotSetUp
            | Self::SignInFailed
            | Self::OtherTenant
            | Self::ProviderAway
            | Self::NothingHere
            | Self::UpstreamUnreachable
            | Self::UpstreamBrokeOff
            | Self::UpstreamTimeout => false,
        }
    }

    /// Returns when trying again may help.
    fn retry_after(self) -> Option<Duration> {
        let seconds = match self {
            Self::HeldTooLong | Self::TooManyHeld | Self::GenerationNotReached | Self::Cut => 1,
            Self::Fenced | Self::UpstreamUnreachable | Self::ProviderAway => 5,
            Self::NotYetAvailable | Self::TooManyTries | Self::LoginNotSetUp => 60,
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
            | Self::PathRefused
            | Self::SignInNeeded
            | Self::RoleMissing
            | Self::ForeignRequest
            | Self::SignInFailed
            | Self::OtherTenant
            | Self::NothingHere
            | Self::Loop
            | Self::RequestStalled
            | Self::UpstreamBrokeOff
            | Self::UpstreamTimeout => return None,
        };
        Some(Duration::from_secs(seconds))
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
    /// The role that is missing, if one is.
    pub(super) role: Option<&'a str>,
    /// Where to sign in, if that helps.
    pub(super) sign_in: Option<&'a str>,
    /// Who reads it, if it is a page; programs are told everything in English.
    pub(super) reader: Reader,
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
            Form::Line => ("text/plain; charset=utf-8", self.line(refusal.why, &words)),
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
        if form == Form::Page {
            refusal.reader.mark(fields);
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
            let scheme = match refusal.sign_in {
                Some(place) => HeaderValue::try_from(format!("Switchover-Sign-In uri=\"{place}\"")),
                None => Ok(HeaderValue::from_static("Switchover-Tester-Token")),
            };
            fields.extend(scheme.map(|scheme| (header::WWW_AUTHENTICATE, scheme)));
        }
        if refusal.why.closes() {
            fields.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    fn page(&self, refusal: &Refusal<'_>, words: &Words) -> String {
        let language = refusal.reader.language;
        let said = texts::said(refusal.why, language);
        let labels = texts::labels(language);
        let questions = match words.ask {
            Ask::Support => Some(texts::questions(self.support.as_str(), language)),
            Ask::Again => None,
        };
        self.templates
            .get_template("page")
            .and_then(|page| {
                page.render(context! {
                    style => STYLE,
                    language => language.tag(),
                    application => refusal.application,
                    title => said.title,
                    detail => said.detail,
                    questions,
                    again => refusal.why.retry_after().map(|_| labels.again),
                    token => matches!(refusal.why, Why::TokenNeeded | Why::TokenWrong),
                    token_label => labels.token,
                    token_send => labels.open,
                    role_label => labels.role,
                    sign_in_label => labels.sign_in,
                    request_label => labels.request,
                    wrong => refusal.why == Why::TokenWrong,
                    status => words.status.as_u16(),
                    reason => words.reason,
                    request_id => refusal.request_id.as_str(),
                    role => refusal.role,
                    sign_in => refusal.sign_in,
                })
            })
            .expect("the page renders with these values: a test does it for every reason")
    }

    fn json(&self, refusal: &Refusal<'_>, words: &Words) -> String {
        let said = texts::said(refusal.why, Language::English);
        let mut problem = serde_json::json!({
            "title": said.title,
            "status": words.status.as_u16(),
            "detail": said.detail,
            "reason": words.reason,
            "application": refusal.application,
            "support": match words.ask {
                Ask::Support => Some(self.support.as_str()),
                Ask::Again => None,
            },
            "request_id": refusal.request_id,
        });
        if let Some(role) = refusal.role {
            problem["role"] = role.into();
        }
        if let Some(place) = refusal.sign_in {
            problem["sign_in"] = place.into();
        }
        problem.to_string()
    }

    fn line(&self, why: Why, words: &Words) -> String {
        let said = texts::said(why, Language::English);
        let said = format!("{}. {}", said.title, said.detail);
        match words.ask {
            Ask::Support => {
                let questions = texts::questions(self.support.as_str(), Language::English);
                format!("{said} {questions}\n")
            }
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
