//! Pages for people: one stylesheet, one layout, texts escaped, and the header fields that keep a
//! page with a secret in its address to itself (S38).

use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header},
};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use contract::Language;
use minijinja::{Environment, Value, context, value::Serde};
use sha2::{Digest as _, Sha256};

use super::texts::{self, Message, Texts, Who};
use crate::reader::{PARAMETER, Reader};

/// Renders pages.
#[derive(Debug)]
pub(super) struct Pages {
    environment: Environment<'static>,
    who: Who,
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
    /// Reads the templates; `who` speaks on every page, and browsers come to `origin`.
    pub(super) fn new(who: Who, origin: &str) -> Self {
        let mut environment = Environment::new();
        for (name, source) in TEMPLATES {
            environment
                .add_template(name, source)
                .expect("the templates are compiled in, and tested");
        }
        environment.add_global("operator", who.operator.as_str());
        environment.add_global("style", STYLE);
        let policy = format!(
            "default-src 'none'; style-src 'sha256-{}'; object-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
            BASE64.encode(Sha256::digest(STYLE))
        );
        Self {
            environment,
            who,
            policy: HeaderValue::from_str(&policy).expect("base64 and ASCII"),
            encrypted: origin.starts_with("https://"),
        }
    }

    /// Returns who speaks on pages.
    pub(super) fn who(&self) -> &Who {
        &self.who
    }

    /// Renders one page in its reader's language.
    pub(super) fn page(
        &self,
        status: StatusCode,
        reading: Reading,
        template: &str,
        values: Value,
    ) -> Response<Body> {
        let frame = reading.texts().frame(&self.who);
        let other = reading.other(frame.other_tag);
        let values = context! {
            language => reading.reader.language.tag(),
            frame => Value::from(Serde(&frame)),
            other,
            ..values
        };
        let page = self
            .environment
            .get_template(template)
            .and_then(|template| template.render(values));
        match page {
            Ok(page) => {
                let mut response = answer(status, "text/html; charset=utf-8", page);
                reading.reader.mark(response.headers_mut());
                response
            }
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
        reading: Reading,
        message: &Message,
        reference: Option<&str>,
    ) -> Response<Body> {
        let said = Value::from(Serde(reading.texts().message(message)));
        let values = context! { said, reference => reference.unwrap_or_default() };
        self.page(status, reading, "message.html", values)
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

/// Who reads a page, and how it is asked for in another language.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    /// Who reads it.
    pub(super) reader: Reader,
    /// What its address asks for beside a language; none if the address can name no language.
    query: Option<&'static str>,
}

impl Reading {
    /// A page that a browser asks for in its language.
    pub(super) fn by_fields(fields: &HeaderMap) -> Self {
        Self {
            reader: Reader::by_fields(fields),
            query: None,
        }
    }

    /// A page behind a link, which may name a language; `asks` is what else its query asks for, or empty.
    pub(super) fn of_link(query: Option<&str>, asks: &'static str, fields: &HeaderMap) -> Self {
        Self {
            reader: Reader::of(query, fields),
            query: Some(asks),
        }
    }

    /// Returns what is said in the reader's language.
    pub(super) fn texts(self) -> &'static dyn Texts {
        texts::of(self.reader.language)
    }

    /// Returns the query that leads to what `asks` asks for, in the language that the address names.
    pub(super) fn query(self, asks: &str) -> String {
        query(asks, self.reader.asked.map(Language::tag))
    }

    /// Returns the query that leads to the same page in another language, if one does.
    fn other(self, tag: &str) -> Option<String> {
        self.query.map(|asks| query(asks, Some(tag)))
    }
}

fn query(asks: &str, language: Option<&str>) -> String {
    match (asks, language) {
        ("", None) => String::new(),
        (asks, None) => format!("?{asks}"),
        ("", Some(tag)) => format!("?{PARAMETER}={tag}"),
        (asks, Some(tag)) => format!("?{asks}&{PARAMETER}={tag}"),
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
