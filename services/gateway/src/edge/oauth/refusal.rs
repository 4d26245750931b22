//! Refusals as RFC 6749 §5.2 words them, with our reason beside.

use std::time::Duration;

use axum::{
    body::Body,
    http::{HeaderValue, Response, StatusCode, header},
};
use contract::{Problem, RequestId, reason};
use serde_json::{Value, json};

use crate::edge::page;

/// When to try again while provisioning is away.
const RETRY: Duration = Duration::from_secs(5);
/// What a client that is unknown is asked for.
const CHALLENGE: &str = "Basic realm=\"switchover\", charset=\"UTF-8\"";

/// Why there is no token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    status: StatusCode,
    /// The code of OAuth.
    error: &'static str,
    /// Ours.
    reason: String,
    description: String,
    retry_after: Option<Duration>,
}

/// The request cannot be understood.
pub(super) fn wrong(description: &str) -> Refusal {
    let reason = reason::INVALID_FIELDS.as_str();
    Refusal::new(
        StatusCode::BAD_REQUEST,
        "invalid_request",
        reason,
        description,
    )
}

/// The client does not say who it is in a way that is known.
pub(super) fn unknown(description: &str) -> Refusal {
    let reason = reason::CLIENT_INVALID.as_str();
    Refusal::new(
        StatusCode::UNAUTHORIZED,
        "invalid_client",
        reason,
        description,
    )
}

/// There is no such grant.
pub(super) fn grant_unknown() -> Refusal {
    let description = "the only grant_type is client_credentials";
    let reason = reason::INVALID_FIELDS.as_str();
    Refusal::new(
        StatusCode::BAD_REQUEST,
        "unsupported_grant_type",
        reason,
        description,
    )
}

impl Refusal {
    fn new(status: StatusCode, error: &'static str, reason: &str, description: &str) -> Self {
        Self {
            status,
            error,
            reason: reason.to_owned(),
            description: printable(description),
            retry_after: None,
        }
    }

    /// The source or the client has to wait.
    pub(super) fn too_many(wait: Duration) -> Self {
        let (reason, description) = (
            reason::RATE_LIMITED,
            "too many requests: wait, then ask again",
        );
        let mut refusal = Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "temporarily_unavailable",
            reason.as_str(),
            description,
        );
        refusal.retry_after = Some(wait);
        refusal
    }

    /// Provisioning cannot be asked.
    pub(super) fn away() -> Self {
        let mut refusal = Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "temporarily_unavailable",
            reason::PEER_UNAVAILABLE.as_str(),
            "not available right now: try again in a moment",
        );
        refusal.retry_after = Some(RETRY);
        refusal
    }

    /// Provisioning refused the whole call.
    pub(super) fn of(problem: &Problem, reference: &RequestId) -> Self {
        let reason = problem.reason().as_str();
        let code = if problem.is(&reason::RATE_LIMITED) {
            return Self::too_many(problem.delay().unwrap_or(RETRY));
        } else if problem.is(&reason::INVALID_FIELDS) {
            let fields: Vec<_> = problem
                .fields()
                .iter()
                .map(|field| format!("{} {}", field.field, field.description))
                .collect();
            return wrong(&fields.join("; "));
        } else if [
            reason::CLIENT_INVALID,
            reason::CREDENTIAL_REVOKED,
            reason::CREDENTIAL_EXPIRED,
        ]
        .contains(problem.reason())
        {
            return Self::new(
                StatusCode::UNAUTHORIZED,
                "invalid_client",
                reason,
                problem.message(),
            );
        } else if [reason::VERSION_WRONG, reason::VERSION_NOT_IN_USE].contains(problem.reason()) {
            "unauthorized_client"
        } else {
            tracing::warn!(%problem, %reason, %reference, "no token can be had");
            return Self::away();
        };
        Self::new(StatusCode::BAD_REQUEST, code, reason, problem.message())
    }

    /// There is no token for a tenant.
    pub(super) fn of_tenant(reason: &str, message: &str) -> Self {
        let code = if reason == reason::SCOPE_TOO_WIDE.as_str() {
            "invalid_scope"
        } else {
            "unauthorized_client"
        };
        Self::new(StatusCode::BAD_REQUEST, code, reason, message)
    }

    /// Returns it as OAuth has it, to stand in an answer.
    pub(super) fn json(&self) -> Value {
        json!({
            "error": self.error,
            "error_description": self.description,
            "reason": self.reason,
        })
    }

    /// Returns it as an answer.
    pub(super) fn response(&self, reference: &RequestId) -> Response<Body> {
        let mut value = self.json();
        value["reference"] = reference.as_str().into();
        let mut response = page::json(self.status, &value);
        let headers = response.headers_mut();
        if self.status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static(CHALLENGE);
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        if let Some(wait) = self.retry_after {
            let seconds = wait.as_millis().div_ceil(1000).max(1);
            let seconds = u64::try_from(seconds).unwrap_or(u64::MAX);
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// Keeps to the characters that OAuth allows in a description.
fn printable(text: &str) -> String {
    let fits = |c: char| match c {
        '"' | '\\' => '\'',
        ' '..='~' => c,
        _ => '?',
    };
    text.chars().map(fits).collect()
}
