//! Pages for people: one stylesheet, one layout, texts escaped, and the header fields that keep a
//! page with a secret in its address to itself (S38).

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Response, StatusCode, header},
};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use minijinja::{Environment, Value, context};
use sha2::{Digest as _, Sha256};

/// Renders pages.
#[derive(Debug)]
pub(super) struct Pages {
    environment: Environment<'static>,
    policy: HeaderValue,
}

const STYLE: &str = include_str!("../../templates/page.css");
const TEMPLATES: [(&str, &str); 6] = [
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
    ("home.html", include_str!("../../templates/home.html")),
];

impl Pages {
    /// Reads the templates; `operator` and `support` are on every page.
    pub(super) fn new(operator: &str, support: &str) -> Self {
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
            "default-src 'none'; style-src 'sha256-{}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
            BASE64.encode(Sha256::digest(STYLE))
        );
        Self {
            environment,
            policy: HeaderValue::from_str(&policy).expect("base64 and ASCII"),
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

    /// Adds to any answer of the edge what keeps it to itself.
    pub(super) fn seal(&self, headers: &mut HeaderMap) {
        let fields = [
            (header::REFERRER_POLICY, "no-referrer"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::X_FRAME_OPTIONS, "DENY"),
        ];
        for (name, value) in fields {
            headers.insert(name, HeaderValue::from_static(value));
        }
        // Only what says of itself that it may be kept is kept.
        headers
            .entry(header::CACHE_CONTROL)
            .or_insert(HeaderValue::from_static("no-store"));
        headers.insert(
            "x-robots-tag",
            HeaderValue::from_static("noindex, nofollow"),
        );
        headers.insert(
            "cross-origin-opener-policy",
            HeaderValue::from_static("same-origin"),
        );
        headers.insert(header::CONTENT_SECURITY_POLICY, self.policy.clone());
    }
}

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
