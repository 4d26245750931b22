//! Whether users must sign in before gateways let their requests through, and what is needed where.

use std::{collections::BTreeSet, fmt, str::FromStr};

use contract::PathPrefix;
use serde::{Deserialize, Serialize};

use super::version::{Malformed, RoleName, checked_text};

/// Users must sign in. Where no rule fits, anybody who has may.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Login {
    pub(crate) rules: Vec<LoginRule>,
}

/// What is needed below one path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LoginRule {
    pub(crate) prefix: PathPrefix,
    /// None: all of them.
    pub(crate) methods: BTreeSet<Method>,
    pub(crate) needs: Needs,
}

/// Who may.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Needs {
    /// Anybody.
    Nothing,
    /// Anybody who is signed in.
    SignedIn,
    /// Whoever has the role.
    Role(RoleName),
}

/// 1 to 20 upper-case letters. `HEAD` is `GET` here.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Method(String);

checked_text!(
    Method,
    "1 to 20 upper-case letters, and `GET` for `HEAD`, which is `GET` here",
    |text| (1..=20).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_uppercase())
        && text != "HEAD"
);

impl Login {
    /// Returns the roles that rules name, each once.
    pub(crate) fn roles(&self) -> BTreeSet<&RoleName> {
        self.rules
            .iter()
            .filter_map(|rule| match &rule.needs {
                Needs::Nothing | Needs::SignedIn => None,
                Needs::Role(role) => Some(role),
            })
            .collect()
    }
}
