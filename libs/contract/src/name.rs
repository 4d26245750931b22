//! Names, ids and counters: the only way in is to parse them, so that whoever holds one need not
//! check it again.

mod counter;
mod id;
mod resource;
mod word;

pub use counter::{Generation, ProposalNumber, Revision};
pub use id::{CredentialId, DeliveryId, EventId, Nonce, SwitchId, TimedId, Timeline};
pub use resource::{
    ApplicationRef, CredentialName, DeliveryName, EventName, GatewayRef, InboxName, OrAll,
    ProposalName, ProvisioningName, SwitchName, TenantRef, VersionRef, Wildcard,
};
pub use word::{ApplicationName, GatewayName, OperatorName, RequestId, TenantId, VersionName};

/// A text that is not the name it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{given} is not {what}: {allowed}")]
pub struct NameError {
    given: String,
    what: &'static str,
    allowed: &'static str,
}

impl NameError {
    pub(crate) fn new(given: &str, what: &'static str, allowed: &'static str) -> Self {
        Self {
            given: quote(given),
            what,
            allowed,
        }
    }

    /// Returns what would have been accepted.
    pub fn allowed(&self) -> &'static str {
        self.allowed
    }
}

/// The most characters of a refused text that an error repeats.
const QUOTED_CHARS_MAX: usize = 60;

/// Shows a foreign text inside a sentence: escaped, and never longer than a line.
pub(crate) fn quote(text: &str) -> String {
    let mut shown: String = text.chars().take(QUOTED_CHARS_MAX).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    format!("{shown:?}")
}

/// Serde as the type's text: `Display` out, `FromStr` in.
macro_rules! serde_as_text {
    ($name:ident) => {
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <String as serde::Deserialize>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use serde_as_text;

#[cfg(test)]
mod tests;
