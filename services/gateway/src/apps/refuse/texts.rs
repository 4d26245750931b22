//! What refusals say to people: one file a language. What a language lacks does not compile.

use contract::Language;

use super::Why;

mod de;
mod en;

/// What is said about a reason.
#[derive(Debug, Clone, Copy)]
pub(super) struct Said {
    /// One line.
    pub(super) title: &'static str,
    /// A few sentences.
    pub(super) detail: &'static str,
}

/// What else a page says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Labels {
    /// What the field for a tester's token is called.
    pub(super) token: &'static str,
    /// What its button does.
    pub(super) open: &'static str,
    /// Stands before the name of the role that is missing.
    pub(super) role: &'static str,
    /// Leads to the sign-in.
    pub(super) sign_in: &'static str,
    /// Sends the same again.
    pub(super) again: &'static str,
    /// Stands before the request's id.
    pub(super) request: &'static str,
}

/// Says why a request was refused.
pub(super) fn said(why: Why, language: Language) -> Said {
    match language {
        Language::English => en::said(why),
        Language::German => de::said(why),
    }
}

/// Returns what else a page says.
pub(super) fn labels(language: Language) -> Labels {
    match language {
        Language::English => en::LABELS,
        Language::German => de::LABELS,
    }
}

/// Says whom to ask.
pub(super) fn questions(support: &str, language: Language) -> String {
    match language {
        Language::English => en::questions(support),
        Language::German => de::questions(support),
    }
}
