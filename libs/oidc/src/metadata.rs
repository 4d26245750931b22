//! An issuer's discovery document.

use http::Uri;

use crate::{
    object::Object,
    place::{IssuerUrl, callable},
    web::{Unreachable, WebError},
};

/// What an issuer says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Metadata {
    pub(crate) keys: Uri,
    pub(crate) authorization: Option<Uri>,
    pub(crate) token: Option<Uri>,
    pub(crate) end_session: Option<Uri>,
    /// Takes a client's secret in a form only: not as `Basic` credentials.
    pub(crate) secret_in_form: bool,
    /// Names itself in the answers that browsers carry (RFC 9207).
    pub(crate) names_itself: bool,
}

impl Metadata {
    /// Reads a document, which must be this issuer's own.
    pub(crate) fn read(bytes: &[u8], issuer: &IssuerUrl) -> Result<Self, Unreachable> {
        let wrong = |why| Unreachable::new("the discovery document", WebError::Answer(why));
        let document = Object::read(bytes).ok_or_else(|| wrong("it is not a JSON object"))?;
        if document.text("issuer") != Some(issuer.as_str()) {
            return Err(wrong(
                "it is another issuer's: the names must be the same to the letter",
            ));
        }
        let place = |name: &str| match document.text(name) {
            None => Ok(None),
            Some(text) => callable(text)
                .map(Some)
                .map_err(|_| wrong("an address in it is neither encrypted nor on the loopback")),
        };
        let secrets = document
            .0
            .get("token_endpoint_auth_methods_supported")
            .and_then(|methods| methods.as_array());
        let takes =
            |method: &str| secrets.is_some_and(|methods| methods.iter().any(|one| one == method));
        Ok(Self {
            keys: place("jwks_uri")?.ok_or_else(|| wrong("it does not say where its keys are"))?,
            authorization: place("authorization_endpoint")?,
            token: place("token_endpoint")?,
            end_session: place("end_session_endpoint")?,
            secret_in_form: takes("client_secret_post") && !takes("client_secret_basic"),
            names_itself: document
                .0
                .get("authorization_response_iss_parameter_supported")
                == Some(&true.into()),
        })
    }
}
