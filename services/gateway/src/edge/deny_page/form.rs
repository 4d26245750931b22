//! What comes back from the page, and who seems to have sent it.

use std::time::Duration;

use axum::{
    body::{Body, Bytes},
    extract::{FromRequest as _, Request},
    http::{HeaderMap, HeaderValue, Method, header},
};
use jiff::Timestamp;
use proto::provisioning::v1 as wire;
use serde::Deserialize;

/// The most bytes of a form.
pub(in crate::edge) const BODY_BYTES_MAX: usize = 8 * 1024;
/// The most characters of a form token.
const FORM_TOKEN_MAX: usize = 500;
/// Nobody reads the page and decides in less.
const TOO_FAST: Duration = Duration::from_secs(2);

/// What a tenant decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Choice {
    /// Its users may use the version.
    Accept,
    /// They may not.
    Deny,
}

impl Choice {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Deny => "deny",
        }
    }

    pub(super) fn wire(self) -> wire::Decision {
        match self {
            Self::Accept => wire::Decision::Accept,
            Self::Deny => wire::Decision::Deny,
        }
    }
}

/// Whether the form is the one that asks once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Confirmation {
    /// It is the first one.
    None,
    /// It is, and its box was ticked.
    Given,
}

/// A form as it was sent.
#[derive(Debug)]
pub(super) struct Form {
    pub(super) choice: Choice,
    pub(super) form_token: String,
    pub(super) confirmation: Confirmation,
    shown_at: Option<Timestamp>,
}

/// Why a form is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FormError {
    /// More bytes than a form has.
    TooLarge,
    /// Not one of ours.
    Unreadable,
    /// Nothing was chosen.
    NoChoice,
}

#[derive(Deserialize)]
struct Fields {
    decision: Option<Choice>,
    form_token: String,
    shown_at: Option<i64>,
    confirmed: Option<String>,
}

impl Form {
    /// Reads a form, sent with this content type.
    pub(super) async fn parse(kind: Option<&HeaderValue>, body: Bytes) -> Result<Self, FormError> {
        if body.len() > BODY_BYTES_MAX {
            return Err(FormError::TooLarge);
        }
        let mut request = Request::new(Body::from(body));
        *request.method_mut() = Method::POST;
        if let Some(kind) = kind {
            request
                .headers_mut()
                .insert(header::CONTENT_TYPE, kind.clone());
        }
        let axum::Form(fields) = axum::Form::<Fields>::from_request(request, &())
            .await
            .map_err(|_| FormError::Unreadable)?;
        if fields.form_token.is_empty() || fields.form_token.len() > FORM_TOKEN_MAX {
            return Err(FormError::Unreadable);
        }
        Ok(Self {
            choice: fields.decision.ok_or(FormError::NoChoice)?,
            form_token: fields.form_token,
            confirmation: match fields.confirmed.as_deref() {
                Some("yes") => Confirmation::Given,
                Some(_) | None => Confirmation::None,
            },
            shown_at: fields
                .shown_at
                .and_then(|millis| Timestamp::from_millisecond(millis).ok()),
        })
    }

    /// Tells whether the page was open for as long as a person needs. A time that is missing or to
    /// come tells nothing, so it counts as too fast.
    pub(super) fn took_its_time(&self, now: Timestamp) -> bool {
        self.shown_at.is_some_and(|shown_at| {
            Duration::try_from(now.duration_since(shown_at))
                .is_ok_and(|open_for| open_for >= TOO_FAST)
        })
    }
}

/// Who seems to have sent a form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sender {
    /// A browser that says a person sent it, or that it comes from our page.
    Person,
    /// It does not say.
    Unsure,
}

impl Sender {
    /// Reads what the browser says; none if it says that another site's page sent it.
    ///
    /// A page with `Referrer-Policy: no-referrer` sends its forms with `Origin: null` (Fetch
    /// standard, "serializing a request origin"), so that alone says nothing.
    pub(super) fn of(headers: &HeaderMap, ours: &str) -> Option<Self> {
        let field = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
        let origin = field("origin");
        let host = field(header::HOST.as_str()).unwrap_or_default();
        let from_us = match origin {
            Some("null") | None => None,
            Some(origin) => {
                let authority = origin.split_once("://").map(|(_, authority)| authority);
                Some(origin == ours || authority == Some(host))
            }
        };
        let same_site = field("sec-fetch-site").map(|site| matches!(site, "same-origin" | "none"));
        if from_us == Some(false) || same_site == Some(false) {
            return None;
        }
        let by_a_person = field("sec-fetch-user") == Some("?1");
        Some(if by_a_person || from_us == Some(true) {
            Self::Person
        } else {
            Self::Unsure
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sender(fields: &[(&'static str, &'static str)]) -> Option<Sender> {
        let mut headers = HeaderMap::new();
        headers.insert("host", "edge.example:8081".parse().unwrap());
        for (name, value) in fields {
            headers.insert(*name, value.parse().unwrap());
        }
        Sender::of(&headers, "https://consent.example")
    }

    #[test]
    fn only_a_browser_that_says_so_counts_as_a_person_on_our_page() {
        for person in [
            &[("origin", "https://consent.example")][..],
            &[("origin", "http://edge.example:8081")],
            &[
                ("origin", "null"),
                ("sec-fetch-site", "same-origin"),
                ("sec-fetch-user", "?1"),
            ],
        ] {
            assert_eq!(sender(person), Some(Sender::Person), "{person:?}");
        }
        for unsure in [
            &[][..],
            &[("origin", "null")],
            &[("sec-fetch-site", "same-origin")],
            &[("sec-fetch-site", "none"), ("sec-fetch-user", "?0")],
        ] {
            assert_eq!(sender(unsure), Some(Sender::Unsure), "{unsure:?}");
        }
        for other_site in [
            &[("origin", "https://evil.example")][..],
            &[("origin", "https://edge.example:8081.evil.example")],
            &[("sec-fetch-site", "cross-site"), ("sec-fetch-user", "?1")],
            &[("sec-fetch-site", "same-site")],
            &[
                ("origin", "https://consent.example"),
                ("sec-fetch-site", "cross-site"),
            ],
        ] {
            assert_eq!(sender(other_site), None, "{other_site:?}");
        }
    }

    async fn parse(body: impl Into<Bytes>) -> Result<Form, FormError> {
        let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
        Form::parse(Some(&kind), body.into()).await
    }

    #[tokio::test]
    async fn a_form_is_read_whole_or_not_at_all() {
        let form = parse("form_token=t&decision=deny&shown_at=5&extra=1")
            .await
            .unwrap();
        assert_eq!(form.choice, Choice::Deny);
        assert_eq!(form.confirmation, Confirmation::None);
        let long = format!(
            "form_token={}&decision=deny",
            "t".repeat(FORM_TOKEN_MAX + 1)
        );
        for (body, error) in [
            ("form_token=t".to_owned(), FormError::NoChoice),
            ("decision=deny".to_owned(), FormError::Unreadable),
            (
                "form_token=&decision=deny".to_owned(),
                FormError::Unreadable,
            ),
            (
                "form_token=t&decision=maybe".to_owned(),
                FormError::Unreadable,
            ),
            (
                "form_token=t&decision=deny&decision=accept".to_owned(),
                FormError::Unreadable,
            ),
            ("a".repeat(BODY_BYTES_MAX + 1), FormError::TooLarge),
            (long, FormError::Unreadable),
        ] {
            assert_eq!(parse(body.clone()).await.unwrap_err(), error, "{body:.60}");
        }
        let plain = HeaderValue::from_static("text/plain");
        for kind in [None, Some(&plain)] {
            let body = Bytes::from_static(b"form_token=t&decision=deny");
            assert_eq!(
                Form::parse(kind, body).await.unwrap_err(),
                FormError::Unreadable
            );
        }
    }

    #[tokio::test]
    async fn a_time_that_is_missing_or_to_come_counts_as_too_fast() {
        let now = Timestamp::from_millisecond(10_000).unwrap();
        for (shown_at, expected) in [
            ("", false),
            ("&shown_at=8001", false),
            ("&shown_at=8000", true),
            ("&shown_at=10500", false),
            ("&shown_at=9223372036854775807", false),
        ] {
            let form = parse(format!("form_token=t&decision=deny{shown_at}"))
                .await
                .unwrap();
            assert_eq!(form.took_its_time(now), expected, "{shown_at}");
        }
    }
}
