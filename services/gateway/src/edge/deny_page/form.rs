//! What comes back from the page, and whether it comes from there.

use axum::{
    body::{Body, Bytes},
    extract::{FromRequest as _, Request},
    http::{HeaderMap, HeaderValue, Method, header},
};
use proto::provisioning::v1 as wire;
use serde::{Deserialize, de::DeserializeOwned};

/// The most bytes of a form.
pub(in crate::edge) const BODY_BYTES_MAX: usize = 8 * 1024;
/// The most characters of a form token.
const FORM_TOKEN_MAX: usize = 500;
/// The most characters of what is typed; the page lets no browser send more.
const TYPED_CHARS_MAX: usize = 100;

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
    pub(super) fn wire(self) -> wire::Decision {
        match self {
            Self::Accept => wire::Decision::Accept,
            Self::Deny => wire::Decision::Deny,
        }
    }
}

/// A form as it was sent.
#[derive(Debug)]
pub(super) struct Form {
    pub(super) choice: Choice,
    pub(super) form_token: String,
    /// As it was typed; empty if nothing was.
    pub(super) typed: String,
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
    #[serde(default)]
    typed: String,
}

impl Form {
    /// Reads a form, sent with this content type.
    pub(super) async fn parse(kind: Option<&HeaderValue>, body: Bytes) -> Result<Self, FormError> {
        let fields: Fields = read(kind, body).await?;
        if fields.form_token.is_empty() || fields.form_token.len() > FORM_TOKEN_MAX {
            return Err(FormError::Unreadable);
        }
        if fields.typed.chars().count() > TYPED_CHARS_MAX {
            return Err(FormError::Unreadable);
        }
        Ok(Self {
            choice: fields.decision.ok_or(FormError::NoChoice)?,
            form_token: fields.form_token,
            typed: fields.typed,
        })
    }
}

/// Reads the fields of a form, sent with this content type.
pub(super) async fn read<T: DeserializeOwned>(
    kind: Option<&HeaderValue>,
    body: Bytes,
) -> Result<T, FormError> {
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
    let fields = axum::Form::<T>::from_request(request, &()).await;
    fields
        .map(|axum::Form(fields)| fields)
        .map_err(|_| FormError::Unreadable)
}

/// Tells whether the browser says that another site's page sent the form.
///
/// A page with `Referrer-Policy: no-referrer` sends its forms with `Origin: null` (Fetch standard,
/// "serializing a request origin"), so that alone says nothing.
pub(super) fn from_another_site(headers: &HeaderMap, ours: &str) -> bool {
    let field = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let host = field(header::HOST.as_str()).unwrap_or_default();
    let other_origin = match field("origin") {
        Some("null") | None => false,
        Some(origin) => {
            let authority = origin.split_once("://").map(|(_, authority)| authority);
            origin != ours && authority != Some(host)
        }
    };
    let other_site =
        field("sec-fetch-site").is_some_and(|site| !matches!(site, "same-origin" | "none"));
    other_origin || other_site
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_of_another_sites_page_is_known_by_what_the_browser_says() {
        let foreign = |fields: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            headers.insert("host", "edge.example:8081".parse().unwrap());
            for (name, value) in fields {
                headers.insert(*name, value.parse().unwrap());
            }
            from_another_site(&headers, "https://consent.example")
        };
        for ours in [
            &[][..],
            &[("origin", "https://consent.example")],
            &[("origin", "http://edge.example:8081")],
            &[("origin", "null"), ("sec-fetch-site", "same-origin")],
            &[("sec-fetch-site", "none"), ("sec-fetch-user", "?0")],
        ] {
            assert!(!foreign(ours), "{ours:?}");
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
            assert!(foreign(other_site), "{other_site:?}");
        }
    }

    async fn parse(body: impl Into<Bytes>) -> Result<Form, FormError> {
        let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
        Form::parse(Some(&kind), body.into()).await
    }

    #[tokio::test]
    async fn a_form_is_read_whole_or_not_at_all() {
        let form = parse("form_token=t&decision=deny&typed=+Crm&extra=1")
            .await
            .unwrap();
        assert_eq!((form.choice, form.typed.as_str()), (Choice::Deny, " Crm"));
        let untyped = parse("form_token=t&decision=deny").await.unwrap();
        assert_eq!(untyped.typed, "");
        let much = format!("form_token=t&decision=deny&typed={}", "t".repeat(101));
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
            (much, FormError::Unreadable),
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
}
