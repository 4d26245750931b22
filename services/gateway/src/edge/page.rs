//! Pages for people: one stylesheet, one layout, texts escaped, and the header fields that keep a
//! page with a secret in its address to itself (S38).

use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header},
};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use minijinja::{Environment, Value, context};
use sha2::{Digest as _, Sha256};

/// Renders pages.
#[derive(Debug)]
pub(super) struct Pages {
    environment: Environment<'static>,
    policy: HeaderValue,
    /// Whether browsers reach this edge by TLS alone.
    encrypted: bool,
}

const STYLE: &str = include_str!("../../templates/page.css");
const TEMPLATES: [(&str, &str); 5] = [
    ("layout.html", include_str!("../../templates/layout.html")),
    ("offer.html", include_str!("../../templates/offer.html")),
    (
        "overview.html",
        include_str!("../../templates/overview.html"),
    ),
    ("message.html", include_str!("../../templates/message.html")),
    (
        "unsubscribe.html",
        include_str!("../../templates/unsubscribe.html"),
    ),
];

impl Pages {
    /// Reads the templates; `operator` and `support` are on every page, and browsers come to `origin`.
    pub(super) fn new(operator: &str, support: &str, origin: &str) -> Self {
        let mut environment = Environment::new();
        for (name, source) in TEMPLATES {
            environment
                .add_template(name, source)
                .expect("the templates are compiled in, and tested");
        }
        environment.add_global("operator", operator);
        environment.add_global("support", support);
        environment.add_global("style", STYLE);
        let policy = format!(
            "default-src 'none'; style-src 'sha256-{}'; object-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
            BASE64.encode(Sha256::digest(STYLE))
        );
        Self {
            environment,
            policy: HeaderValue::from_str(&policy).expect("base64 and ASCII"),
            encrypted: origin.starts_with("https://"),
        }
    }

    /// Renders one page.
    pub(super) fn page(&self, status: StatusCode, template: &str, values: Value) -> Response<Body> {
        let page = self
            .environment
            .get_template(template)
            .and_then(|template| template.render(values));
        match page {
            Ok(page) => answer(status, "text/html; charset=utf-8", page),
            Err(error) => {
                tracing::error!(template, %error, "a page cannot be rendered");
                answer(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "text/plain; charset=utf-8",
                    "Something is wrong on our side.".to_owned(),
                )
            }
        }
    }

    /// Renders a page that only says something.
    pub(super) fn message(
        &self,
        status: StatusCode,
        title: &str,
        text: &str,
        reference: Option<&str>,
    ) -> Response<Body> {
        self.page(
            status,
            "message.html",
            context! { title, text, reference => reference.unwrap_or_default() },
        )
    }

    /// Adds to any answer of the edge what keeps it to itself (S44).
    pub(super) fn seal(&self, headers: &mut HeaderMap) {
        for (name, value) in SEAL {
            headers.insert(
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            );
        }
        if self.encrypted {
            let kept = HeaderValue::from_static(ENCRYPTED);
            headers.insert(header::STRICT_TRANSPORT_SECURITY, kept);
        }
        // Only what says of itself that it may be kept is kept.
        headers
            .entry(header::CACHE_CONTROL)
            .or_insert(HeaderValue::from_static("no-store"));
        headers
            .entry(header::CONTENT_SECURITY_POLICY)
            .or_insert_with(|| self.policy.clone());
    }
}

/// What every answer of the edge says.
const SEAL: [(&str, &str); 7] = [
    ("referrer-policy", "no-referrer"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("x-robots-tag", "noindex, nofollow"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    (
        "permissions-policy",
        "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), magnetometer=(), microphone=(), midi=(), payment=(), usb=()",
    ),
];
/// Browsers come by TLS alone for two years.
const ENCRYPTED: &str = "max-age=63072000";

/// Answers with a text of a type.
pub(super) fn answer(status: StatusCode, kind: &'static str, text: String) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// Answers with JSON.
pub(super) fn json(status: StatusCode, value: &impl serde::Serialize) -> Response<Body> {
    let text = serde_json::to_string(value).expect("texts and numbers only");
    answer(status, "application/json", text)
}

/// Tells whether whoever asks prefers JSON: names it, and before HTML.
pub(super) fn wants_json(headers: &HeaderMap) -> bool {
    let accept = headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let json = accept.find("application/json");
    let html = accept.find("text/html");
    match (json, html) {
        (Some(json), Some(html)) => json < html,
        (Some(_), None) => true,
        (None, _) => false,
    }
}
