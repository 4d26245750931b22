//! An issuer's keys: only such as may sign tokens, each for its own algorithms alone.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256,
    RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;

use crate::object::Object;

/// The most keys of an issuer that are looked at.
const KEYS_MAX: usize = 100;
/// The most bytes of a key's name.
const ID_MAX: usize = 300;
/// The fewest and most bits of an RSA key.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// How a token may be signed. There is no other way: not without a signature, not with a shared secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// RSA, PKCS #1 v1.5, SHA-256.
    Rs256,
    /// RSA, PSS, SHA-256.
    Ps256,
    /// ECDSA on P-256, SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
}

impl Algorithm {
    /// Reads a name as headers and keys have it; exactly so, as JOSE tells upper from lower case.
    pub(crate) fn read(name: &str) -> Option<Self> {
        match name {
            "RS256" => Some(Self::Rs256),
            "PS256" => Some(Self::Ps256),
            "ES256" => Some(Self::Es256),
            "EdDSA" => Some(Self::EdDsa),
            _ => None,
        }
    }
}

/// A key that may sign tokens.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    id: String,
    /// Set if the issuer says that the key is for this algorithm alone.
    only: Option<Algorithm>,
    material: Material,
}

#[derive(Debug, Clone)]
enum Material {
    Rsa(RsaPublicKeyComponents<Vec<u8>>),
    /// An uncompressed point.
    P256(Vec<u8>),
    Ed25519(Vec<u8>),
}

impl Key {
    /// Returns its name.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Tells whether the key is for this algorithm.
    pub(crate) fn is_for(&self, algorithm: Algorithm) -> bool {
        let kind = match (&self.material, algorithm) {
            (Material::Rsa(_), Algorithm::Rs256 | Algorithm::Ps256)
            | (Material::P256(_), Algorithm::Es256)
            | (Material::Ed25519(_), Algorithm::EdDsa) => true,
            (Material::Rsa(_) | Material::P256(_) | Material::Ed25519(_), _) => false,
        };
        kind && self.only.is_none_or(|only| only == algorithm)
    }

    /// Tells whether the key made the signature, in this way and no other.
    pub(crate) fn made(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        if !self.is_for(algorithm) {
            return false;
        }
        let plain = |how: &'static dyn VerificationAlgorithm, key: &[u8]| {
            UnparsedPublicKey::new(how, key).verify(message, signature)
        };
        let checked = match (&self.material, algorithm) {
            (Material::Rsa(key), Algorithm::Ps256) => {
                key.verify(&RSA_PSS_2048_8192_SHA256, message, signature)
            }
            (Material::Rsa(key), _) => key.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature),
            (Material::P256(key), _) => plain(&ECDSA_P256_SHA256_FIXED, key),
            (Material::Ed25519(key), _) => plain(&ED25519, key),
        };
        checked.is_ok()
    }
}

/// Reads a key set. Keys that may not sign tokens, or that cannot be read, are left out: an issuer may
/// have such for other purposes. None if it is no key set.
pub(crate) fn read_set(bytes: &[u8]) -> Option<Vec<Key>> {
    let set = Object::read(bytes)?;
    let keys = set.0.get("keys")?.as_array()?;
    Some(keys.iter().take(KEYS_MAX).filter_map(key).collect())
}

fn key(value: &Value) -> Option<Key> {
    let text = |name| value.get(name).and_then(Value::as_str);
    let id = text("kid").filter(|id| (1..=ID_MAX).contains(&id.len()))?;
    // A key whose private half is public proves nothing.
    if value.get("d").is_some() || value.get("k").is_some() {
        return None;
    }
    if value.get("use").is_some_and(|purpose| purpose != "sig") {
        return None;
    }
    if let Some(operations) = value.get("key_ops") {
        let may = |operation: &Value| operation == "verify";
        operations.as_array().filter(|all| all.iter().any(may))?;
    }
    let only = match value.get("alg") {
        None => None,
        Some(name) => Some(Algorithm::read(name.as_str()?)?),
    };
    let bytes = |name| text(name).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
    let material = match text("kty")? {
        "RSA" => {
            let [n, e] = [bytes("n")?, bytes("e")?].map(without_zeros);
            if !RSA_BITS.contains(&bits(&n)) || e.len() > 8 || e.last()? % 2 == 0 || e == [1] {
                return None;
            }
            Material::Rsa(RsaPublicKeyComponents { n, e })
        }
        "EC" if text("crv") == Some("P-256") => {
            let (x, y) = (bytes("x")?, bytes("y")?);
            if x.len() != 32 || y.len() != 32 {
                return None;
            }
            Material::P256([vec![4], x, y].concat())
        }
        "OKP" if text("crv") == Some("Ed25519") => {
            Material::Ed25519(bytes("x").filter(|x| x.len() == 32)?)
        }
        _ => return None,
    };
    let key = Key {
        id: id.to_owned(),
        only: None,
        material,
    };
    // A key that is said to be for what it cannot do is not to be used for what it can.
    match only {
        Some(only) if !key.is_for(only) => None,
        _ => Some(Key { only, ..key }),
    }
}

fn without_zeros(mut bytes: Vec<u8>) -> Vec<u8> {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.split_off(zeros)
}

fn bits(number: &[u8]) -> usize {
    let first = number
        .first()
        .map_or(8, |byte| byte.leading_zeros() as usize);
    number.len() * 8 - first.min(number.len() * 8)
}
