//! Keys that sign tokens of every kind, right and wrong.

use aws_lc_rs::{
    rand::SystemRandom,
    rsa::KeySize,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
        RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaKeyPair,
    },
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::Algorithm;

/// A key that signs.
pub struct Signer {
    id: String,
    pair: Pair,
}

enum Pair {
    Rsa(Box<RsaKeyPair>),
    P256(Box<EcdsaKeyPair>),
    Ed25519(Box<Ed25519KeyPair>),
}

impl Signer {
    /// Draws an RSA key of 2048 bits.
    #[must_use]
    pub fn rsa(id: &str) -> Self {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).expect("a key can be drawn");
        Self::new(id, Pair::Rsa(Box::new(pair)))
    }

    /// Draws a key on P-256.
    #[must_use]
    pub fn p256(id: &str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING);
        Self::new(id, Pair::P256(Box::new(pair.expect("a key can be drawn"))))
    }

    /// Draws an Ed25519 key.
    #[must_use]
    pub fn ed25519(id: &str) -> Self {
        let pair = Ed25519KeyPair::generate().expect("a key can be drawn");
        Self::new(id, Pair::Ed25519(Box::new(pair)))
    }

    fn new(id: &str, pair: Pair) -> Self {
        Self {
            id: id.to_owned(),
            pair,
        }
    }

    /// Returns the public half as a key set has it.
    #[must_use]
    pub fn jwk(&self) -> Value {
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let id = &self.id;
        match &self.pair {
            Pair::Rsa(pair) => {
                let key = pair.public_key();
                let n = encode(key.modulus().big_endian_without_leading_zero());
                let e = encode(key.exponent().big_endian_without_leading_zero());
                json!({ "kty": "RSA", "use": "sig", "kid": id, "n": n, "e": e })
            }
            Pair::P256(pair) => {
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                let (x, y) = (encode(x), encode(y));
                json!({ "kty": "EC", "crv": "P-256", "use": "sig", "kid": id, "x": x, "y": y })
            }
            Pair::Ed25519(pair) => {
                let x = encode(pair.public_key().as_ref());
                json!({ "kty": "OKP", "crv": "Ed25519", "use": "sig", "kid": id, "x": x })
            }
        }
    }

    /// Returns the name of an algorithm that the key is for.
    #[must_use]
    pub fn algorithm(&self) -> &'static str {
        match self.pair {
            Pair::Rsa(_) => "RS256",
            Pair::P256(_) => "ES256",
            Pair::Ed25519(_) => "EdDSA",
        }
    }

    /// Returns a header of this kind for what the key signs.
    #[must_use]
    pub fn header(&self, kind: &str) -> Value {
        json!({ "alg": self.algorithm(), "typ": kind, "kid": self.id })
    }

    /// Signs.
    #[must_use]
    pub fn sign(&self, algorithm: Algorithm, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                let padding: &dyn aws_lc_rs::signature::RsaEncoding = match algorithm {
                    Algorithm::Ps256 => &RSA_PSS_SHA256,
                    Algorithm::Rs256 | Algorithm::Es256 | Algorithm::EdDsa => &RSA_PKCS1_SHA256,
                };
                pair.sign(padding, &random, message, &mut signature)
                    .expect("the system has random bytes");
                signature
            }
            Pair::P256(pair) => {
                let signature = pair.sign(&random, message);
                signature
                    .expect("the system has random bytes")
                    .as_ref()
                    .to_vec()
            }
            Pair::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }

    /// Makes a token of a header and claims, however wrong they are, with a signature of this key.
    #[must_use]
    pub fn token(&self, header: &Value, claims: &Value) -> String {
        let algorithm = header["alg"].as_str().and_then(Algorithm::read);
        let algorithm = algorithm.unwrap_or(Algorithm::Rs256);
        let signed = format!("{}.{}", encoded(header), encoded(claims));
        let signature = self.sign(algorithm, signed.as_bytes());
        joined(&signed, &signature)
    }
}

/// Writes one part of a token.
#[must_use]
pub fn encoded(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

/// Joins what was signed with a signature.
#[must_use]
pub fn joined(signed: &str, signature: &[u8]) -> String {
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}
