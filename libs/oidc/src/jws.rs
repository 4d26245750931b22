//! A token's three parts, taken apart before anything in them is believed.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{
    jwk::{Algorithm, Key},
    object::Object,
    refusal::Refusal,
};

/// The most bytes of a token. gRPC's headers have room for 16 KiB in all.
pub const TOKEN_BYTES_MAX: usize = 12 * 1024;

/// Members of a header that bring a key, name a place of one, or change what is signed.
const FOREIGN: [&str; 6] = ["jku", "jwk", "x5u", "x5c", "crit", "b64"];

/// A token that nobody has checked yet.
#[derive(Debug)]
pub(crate) struct Unchecked<'a> {
    pub(crate) algorithm: Algorithm,
    pub(crate) key_id: String,
    /// The kind of token, in lower case and without `application/`, if it says so.
    pub(crate) kind: Option<String>,
    signed: &'a str,
    claims: Vec<u8>,
    signature: Vec<u8>,
}

impl<'a> Unchecked<'a> {
    /// Takes a token apart.
    pub(crate) fn read(token: &'a str) -> Result<Self, Refusal> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(Refusal::TooLong);
        }
        let (signed, signature) = token
            .rsplit_once('.')
            .ok_or(Refusal::Malformed("it has no parts"))?;
        let (header, claims) = signed
            .split_once('.')
            .filter(|(_, claims)| !claims.contains('.'))
            .ok_or(Refusal::Malformed("it does not have three parts"))?;
        let decode = |part: &str, why| {
            let bytes = URL_SAFE_NO_PAD.decode(part);
            bytes.map_err(|_| Refusal::Malformed(why))
        };
        let header = decode(header, "the header is not base64url")?;
        let header =
            Object::read(&header).ok_or(Refusal::Malformed("the header is not an object"))?;
        if FOREIGN.iter().any(|name| header.0.contains_key(*name)) {
            return Err(Refusal::Header);
        }
        let algorithm = header
            .text("alg")
            .and_then(Algorithm::read)
            .ok_or(Refusal::Algorithm)?;
        let key_id = header.text("kid").ok_or(Refusal::NoKeyId)?.to_owned();
        let kind = match header.0.get("typ") {
            None => None,
            Some(kind) => {
                let kind = kind.as_str().ok_or(Refusal::Type)?.to_ascii_lowercase();
                Some(kind.trim_start_matches("application/").to_owned())
            }
        };
        Ok(Self {
            algorithm,
            key_id,
            kind,
            signed,
            claims: decode(claims, "the claims are not base64url")?,
            signature: decode(signature, "the signature is not base64url")?,
        })
    }

    /// Reads the claims, if the key signed them.
    pub(crate) fn check(&self, key: &Key) -> Result<Object, Refusal> {
        if !key.is_for(self.algorithm) {
            return Err(Refusal::KeyAlgorithm);
        }
        if !key.made(self.algorithm, self.signed.as_bytes(), &self.signature) {
            return Err(Refusal::Signature);
        }
        Object::read(&self.claims).ok_or(Refusal::Malformed("the claims are not an object"))
    }
}
