//! What stands for what has ended.

use std::fmt;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
use jiff::Timestamp;
use runtime::Seal;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// A keyed digest of what has ended: equal for gateways that share a key, and nothing to anybody else.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Mark([u8; 32]);

impl Mark {
    /// Returns the marks of what some words name, one by each key that seals: gateways that read their key
    /// files at different times have one in common.
    pub(crate) fn all(seal: &Seal, purpose: &str, words: &[&str]) -> Vec<Self> {
        // As JSON, no two lists of words are the same text.
        let words = serde_json::to_vec(words).expect("texts only");
        let macs = seal.macs(purpose, &words).into_iter();
        macs.map(Self).collect()
    }

    /// Returns it as messages have it.
    pub(super) fn to_bytes(self) -> [u8; 32] {
        self.0
    }

    /// Reads what a message says.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

impl fmt::Debug for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64.encode(self.0))
    }
}

impl Serialize for Mark {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&BASE64.encode(self.0))
    }
}

impl<'de> Deserialize<'de> for Mark {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let bytes = BASE64.decode(text).map_err(D::Error::custom)?;
        Self::from_bytes(&bytes).ok_or_else(|| D::Error::custom("a mark has 32 bytes"))
    }
}

/// What has ended, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ending {
    pub(crate) mark: Mark,
    /// In seconds since 1970.
    pub(crate) at: i64,
}

/// What a session is known by among what has ended.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    /// It has ended if one of these has.
    pub(crate) own: Vec<Mark>,
    /// It has ended if one of these has since it began.
    pub(crate) shared: Vec<Mark>,
    pub(crate) began: Timestamp,
    /// When it ends by itself.
    pub(crate) ends: Timestamp,
}
