//! Who asks: client id and secret by HTTP Basic, or in the form (RFC 6749 §2.3.1).

use axum::http::{HeaderMap, header};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};

use super::refusal::{Refusal, unknown, wrong};

/// The most bytes of the field `Authorization`.
const FIELD_MAX: usize = 2000;

/// A client id and what is said to be its secret. It has no `Debug`: nobody prints it.
pub(super) struct Client {
    pub(super) id: String,
    pub(super) secret: String,
}

impl Client {
    /// Reads the one way in which the client says who it is.
    pub(super) fn of(
        headers: &HeaderMap,
        form_id: Option<String>,
        form_secret: Option<String>,
    ) -> Result<Self, Refusal> {
        let mut fields = headers.get_all(header::AUTHORIZATION).iter();
        let basic = match (fields.next(), fields.next()) {
            (None, _) => None,
            (Some(field), None) => Some(field.to_str().ok().and_then(basic).ok_or_else(|| {
                unknown("the field Authorization is not Basic with a client id and a secret")
            })?),
            (Some(_), Some(_)) => return Err(wrong("the field Authorization comes twice")),
        };
        match (basic, form_id, form_secret) {
            (Some(client), None, None) => Ok(client),
            // Some libraries name the client in the form, too.
            (Some(client), Some(id), None) if id == client.id => Ok(client),
            (Some(_), _, _) => Err(wrong(
                "the client says twice who it is: in the field Authorization and in the form",
            )),
            (None, Some(id), Some(secret)) => Ok(Self { id, secret }),
            (None, _, _) => Err(unknown(
                "the client does not say who it is: send client id and secret by HTTP Basic",
            )),
        }
    }
}

/// Reads `Basic` and the base64 of id, colon and secret, each encoded as in a form.
fn basic(field: &str) -> Option<Client> {
    let (scheme, encoded) = field.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") || field.len() > FIELD_MAX {
        return None;
    }
    let decoded = BASE64.decode(encoded.trim()).ok()?;
    let decoded = String::from_utf8(decoded).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    Some(Client {
        id: form_decoded(id)?,
        secret: form_decoded(secret)?,
    })
}

/// Decodes one value of `application/x-www-form-urlencoded`.
fn form_decoded(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(bytes.next()?).to_digit(16);
                let (high, low) = (digit()?, digit()?);
                u8::try_from(16 * high + low).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn headers(fields: &[&str]) -> HeaderMap {
        let fields = fields.iter().map(|field| {
            let value = HeaderValue::from_str(field).unwrap();
            (header::AUTHORIZATION, value)
        });
        fields.collect()
    }

    fn read(fields: &[&str], id: Option<&str>, secret: Option<&str>) -> Option<(String, String)> {
        let [id, secret] = [id, secret].map(|text| text.map(str::to_owned));
        let client = Client::of(&headers(fields), id, secret).ok()?;
        Some((client.id, client.secret))
    }

    #[test]
    fn a_client_says_once_who_it_is_by_basic_or_in_the_form() {
        let some = |id: &str, secret: &str| Some((id.to_owned(), secret.to_owned()));
        let basic = |text: &str| format!("Basic {}", BASE64.encode(text));
        assert_eq!(read(&[&basic("me:pass")], None, None), some("me", "pass"));
        assert_eq!(
            read(&["basic bWU6cGFzcw=="], Some("me"), None),
            some("me", "pass")
        );
        assert_eq!(
            read(&[&basic("m%65:a%3Ab+c")], None, None),
            some("me", "a:b c")
        );
        assert_eq!(read(&[], Some("me"), Some("pass")), some("me", "pass"));
        let me = basic("me:pass");
        for (fields, id, secret) in [
            (&[][..], None, None),
            (&[], Some("me"), None),
            (&[], None, Some("pass")),
            (&[&*me], Some("me"), Some("pass")),
            (&[&*me], Some("you"), None),
            (&[&*me, &*me], None, None),
            (&["Bearer abc"], None, None),
            (&["Basic"], None, None),
            (&["Basic ***"], None, None),
            (&["Basic bWU="], None, None),
            (&[&*basic("me:%zz")], None, None),
            (&[&*basic("me:%4")], None, None),
            (&[&*basic("me:%ff")], None, None),
        ] {
            assert_eq!(read(fields, id, secret), None, "{fields:?}");
        }
    }
}
