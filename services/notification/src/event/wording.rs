//! What an event says before it is in any language: the name of its words, and the values that go into
//! them. It is kept with the event, and read in the language of whoever looks.

use contract::Language;
use serde::{Deserialize, Serialize};

use crate::{
    notice::{Body, Counts},
    texts::{Missing, Texts, Values},
};

/// What an event says, in no language yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Wording {
    /// The name of its words in the texts.
    name: Box<str>,
    values: Values,
}

impl Wording {
    /// Says these words with these values.
    pub(crate) fn new(name: &str, values: Values) -> Self {
        Self {
            name: name.into(),
            values,
        }
    }

    /// Returns the title and the text.
    ///
    /// # Errors
    /// If the words are not known here, or want a value that is not there.
    pub(crate) fn read(&self, language: Language) -> Result<(String, String), Missing> {
        let texts = Texts::of(language);
        texts.event(&self.name, &self.values.clone().written(texts)?)
    }

    /// Returns the name of its words.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Writes it for the database.
    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(self).expect("texts, times and flags only")
    }

    /// Reads what was written; none of what is empty, or what another release has written otherwise.
    pub(crate) fn from_json(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}

/// Returns what a notice puts into texts: everything but links, which belong to mails.
pub(crate) fn values(body: &Body) -> Values {
    let mut values = Values::default();
    if let Some(application) = body.application() {
        values.name("application", application.display_name.as_str());
    }
    if let Some(tenant) = body.tenant() {
        values.name("tenant", tenant.display_name.as_str());
    }
    match body {
        Body::DenyOffered {
            source,
            target,
            expires,
            ..
        } => {
            values.name("source", source.as_str());
            values.name("target", target.as_str());
            values.time("expires", *expires);
        }
        Body::AcceptOffered {
            target, expires, ..
        } => {
            values.name("target", target.as_str());
            values.time("expires", *expires);
        }
        Body::VersionDenied {
            version,
            actor,
            counts,
            ..
        } => {
            values.name("version", version.as_str());
            values.name("actor", actor.as_ref().map_or("", contract::Line::as_str));
            values.flag("in_force", *counts == Counts::Now);
        }
        Body::VersionAccepted { version, actor, .. } => {
            values.name("version", version.as_str());
            values.name("actor", actor.as_ref().map_or("", contract::Line::as_str));
        }
        Body::SwitchSucceeded {
            switch,
            source,
            target,
            denied_tenants,
            ..
        } => {
            values.plain("switch", switch.to_string());
            let source = source.as_ref().map(contract::VersionName::as_str);
            values.name("source", source.unwrap_or_default());
            values.name("target", target.as_str());
            values.plain("denied", denied_tenants.to_string());
            values.flag("no_denials", *denied_tenants == 0);
            values.flag("one_denial", *denied_tenants == 1);
            values.flag("several_denials", *denied_tenants > 1);
        }
        Body::SwitchGivenUp {
            switch,
            target,
            message,
            ..
        } => {
            values.plain("switch", switch.to_string());
            values.name("target", target.as_str());
            values.name("message", message.as_str().trim());
        }
        Body::VersionInTest {
            version,
            test_address,
            ..
        } => {
            values.name("version", version.as_str());
            values.name("test_address", test_address.as_str());
        }
        Body::ProposalWaiting {
            proposal,
            version,
            proposer,
            message,
            expires,
            ..
        } => {
            values.plain("proposal", proposal.to_string());
            let version = version.as_ref().map(contract::VersionName::as_str);
            values.name("version", version.unwrap_or_default());
            values.name("proposer", proposer.as_str());
            values.name("message", message.as_str().trim());
            values.time("expires", *expires);
        }
        Body::CatalogInRecovery { message } | Body::AccessRemoved { message, .. } => {
            values.name("message", message.as_str().trim());
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    #[test]
    fn what_was_kept_reads_as_it_would_have_at_once() {
        for notice in samples::notices() {
            let wording = notice.told().wording;
            let kept = Wording::from_json(&wording.to_json());
            assert_eq!(kept.as_ref(), Some(&wording));
            for language in Language::ALL {
                assert!(wording.read(language).is_ok(), "{wording:?}");
            }
            let json = wording.to_json();
            assert!(!json.contains(samples::TOKEN), "{json}");
        }
    }

    #[test]
    fn what_is_not_known_here_is_none_or_an_error_and_never_a_gap() {
        for text in [
            "",
            "{}",
            "null",
            r#"{"name":"x","values":{"a":{"list":[]}}}"#,
        ] {
            assert_eq!(Wording::from_json(text), None, "{text}");
        }
        let unknown = r#"{"name":"of_another_release","values":{}}"#;
        let unknown = Wording::from_json(unknown).unwrap();
        assert!(unknown.read(Language::German).is_err());
        let lacking = Wording::new("access_removed", Values::default());
        assert!(lacking.read(Language::German).is_err());
    }
}
