//! What a gateway tells a version of who asks: a JWT that is good for a minute, signed with ES256, so that
//! a backend can refuse whoever comes around the gateway.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use crate::{jwt::write, keys::SigningKey};

/// How long one is good for.
pub const LIFETIME: Duration = Duration::from_secs(60);

/// Who asks, of what.
#[derive(Debug, Clone, Copy)]
pub struct Identity<'a> {
    /// Who says so: the address of the gateways' edge.
    pub issuer: &'a str,
    /// The application, for whose backends alone it is.
    pub application: &'a str,
    /// The version that the request goes to.
    pub version: &'a str,
    /// The generation that the version is in use in; none for one in test.
    pub generation: Option<u64>,
    /// The tenant at whose address was asked.
    pub tenant: &'a str,
    /// Who has signed in; none where a path is open to everybody.
    pub user: Option<User<'a>>,
    /// Since when it is true.
    pub issued_at: Timestamp,
}

/// Somebody who has signed in.
#[derive(Debug, Clone, Copy)]
pub struct User<'a> {
    /// As the identity provider names them.
    pub subject: &'a str,
    /// What they may be.
    pub roles: &'a [String],
    /// Their session: another sign-in, another session.
    pub session: &'a str,
}

#[derive(Serialize)]
struct Payload<'a> {
    iss: &'a str,
    aud: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<&'a str>,
    tenant: &'a str,
    roles: &'a [String],
    version: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    generation: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<&'a str>,
    iat: i64,
    exp: i64,
}

impl Identity<'_> {
    /// Writes and signs it.
    #[must_use]
    pub fn sign(&self, key: &SigningKey) -> String {
        let issued_at = self.issued_at.as_second();
        let payload = Payload {
            iss: self.issuer,
            aud: self.application,
            sub: self.user.map(|user| user.subject),
            tenant: self.tenant,
            roles: self.user.map_or(&[], |user| user.roles),
            version: self.version,
            generation: self.generation,
            sid: self.user.map(|user| user.session),
            iat: issued_at,
            exp: issued_at + i64::try_from(LIFETIME.as_secs()).unwrap_or_default(),
        };
        write("switchover-identity+jwt", &payload, key)
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    use serde_json::{Value, json};

    use super::*;
    use crate::keys::key_set;

    fn open(part: &str) -> Value {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    }

    #[test]
    fn it_says_who_asks_of_what_for_a_minute_and_is_signed_with_a_published_key() {
        let key = SigningKey::draw();
        let roles = ["clerk".to_owned()];
        let mut identity = Identity {
            issuer: "https://edge.example",
            application: "shop",
            version: "2.0",
            generation: Some(7),
            tenant: "hall",
            user: Some(User {
                subject: "u-1",
                roles: &roles,
                session: "s-1",
            }),
            issued_at: Timestamp::from_second(1000).unwrap(),
        };
        let token = identity.sign(&key);
        let parts: Vec<&str> = token.split('.').collect();
        let [header, payload, signature] = parts.as_slice() else {
            panic!("{token}");
        };
        let header = open(header);
        assert_eq!(header["alg"], "ES256");
        assert_eq!(header["typ"], "switchover-identity+jwt");
        assert_eq!(
            open(payload),
            json!({
                "iss": "https://edge.example", "aud": "shop", "sub": "u-1", "tenant": "hall",
                "roles": ["clerk"], "version": "2.0", "generation": 7, "sid": "s-1",
                "iat": 1000, "exp": 1060,
            })
        );
        let set = key_set([&key]);
        assert_eq!(set["keys"][0]["kid"], header["kid"]);
        let coordinate = |name: &str| {
            let text = set["keys"][0][name].as_str().unwrap();
            URL_SAFE_NO_PAD.decode(text).unwrap()
        };
        let point = [vec![4], coordinate("x"), coordinate("y")].concat();
        let signed = token.rsplit_once('.').unwrap().0;
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
            .verify(signed.as_bytes(), &signature)
            .unwrap();

        identity.user = None;
        identity.generation = None;
        let token = identity.sign(&key);
        let payload = open(token.split('.').nth(1).unwrap());
        for absent in ["sub", "sid", "generation"] {
            assert!(payload.get(absent).is_none(), "{payload}");
        }
        assert_eq!(payload["roles"], json!([]));
    }
}
