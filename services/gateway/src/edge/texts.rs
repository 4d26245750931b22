//! What the edge's pages say to people: one file a language. What a language lacks does not compile; values
//! are put in as they are, and escaped where they become part of a page. Programs are told everything in
//! English.

use std::borrow::Cow;

use contract::Language;
use jiff::Timestamp;
use proto::notification::v1::Category;
use serde::{Serialize, Serializer};

use super::deny_page::{Actor, Basis, Lack, OfferView, OverviewView, Standing};

mod de;
mod en;

/// Returns what is said in a language.
pub(super) fn of(language: Language) -> &'static dyn Texts {
    match language {
        Language::English => &en::English,
        Language::German => &de::German,
    }
}

/// Everything that is said in one language.
pub(super) trait Texts {
    /// Returns what every page says, whatever it is about.
    fn frame(&self, who: &Who) -> Frame;
    /// Returns what a page says that only says something.
    fn message(&self, message: &Message) -> Said;
    /// Says that nothing was decided, and what a form lacked.
    fn lack(&self, lack: Lack) -> &'static str;
    /// Returns what the page of an offer says.
    fn offer(&self, offer: &OfferView, who: &Who) -> OfferTexts;
    /// Returns what the page of everything that a tenant has agreed to says.
    fn overview(&self, overview: &OverviewView, who: &Who) -> OverviewTexts;
    /// Says where a tenant stands with a version.
    fn standing(&self, standing: Standing) -> &'static str;
    /// Says on what a tenant's use of a version rests.
    fn basis(&self, basis: Basis) -> &'static str;
    /// Says to a tenant who caused something. Of the operator's people it is not said who.
    fn actor(&self, actor: &Actor) -> String;
    /// Returns what the page behind an unsubscribe link says.
    fn unsubscribe(&self, wish: &Wish<'_>, who: &Who) -> UnsubscribeTexts;
    /// Writes a time to the minute. The reader's time zone is not known, so it is said which one it is.
    fn time(&self, moment: Moment) -> String;
}

/// Who speaks, and whom to ask.
#[derive(Debug, Clone)]
pub(super) struct Who {
    /// Who runs the applications.
    pub(super) operator: String,
    /// Whom people are to ask, in the operator's own words.
    pub(super) support: String,
}

/// A time that people read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment(pub(super) Timestamp);

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&of(Language::English).time(*self))
    }
}

/// What every page says.
#[derive(Debug, Serialize)]
pub(super) struct Frame {
    /// Whom to ask.
    pub(super) questions: String,
    /// Stands before what names the request in logs.
    pub(super) reference: &'static str,
    /// What the other language calls itself.
    pub(super) other: &'static str,
    /// Its tag.
    pub(super) other_tag: &'static str,
}

/// What a page says that only says something.
#[derive(Debug, Serialize)]
pub(super) struct Said {
    /// One line.
    pub(super) title: &'static str,
    /// A few sentences.
    pub(super) text: Cow<'static, str>,
}

/// A row of a table of two columns.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    /// What it is about.
    pub(super) label: &'static str,
    /// What it says.
    pub(super) value: String,
}

/// The field for the word that only a person types.
#[derive(Debug, Serialize)]
pub(super) struct Typing {
    /// Why, and what.
    pub(super) why: &'static str,
    /// What the field is called.
    pub(super) label: &'static str,
}

/// A choice of a form, and what it does.
#[derive(Debug, Serialize)]
pub(super) struct Choice {
    /// What is chosen.
    pub(super) name: String,
    /// What comes of it.
    pub(super) does: String,
}

/// What the page of an offer says.
#[derive(Debug, Serialize)]
pub(super) struct OfferTexts {
    pub(super) title: String,
    pub(super) heading: String,
    /// Where it stands.
    pub(super) standing: String,
    /// Asks for the page anew.
    pub(super) look_again: &'static str,
    pub(super) rows: Vec<Row>,
    /// Leads to everything that the tenant has agreed to.
    pub(super) everything: String,
    pub(super) denying: &'static str,
    pub(super) denying_does: String,
    pub(super) question: String,
    pub(super) accept: Choice,
    pub(super) deny: Choice,
    pub(super) typing: Typing,
    pub(super) send: &'static str,
}

/// What the page of everything that a tenant has agreed to says.
#[derive(Debug, Serialize)]
pub(super) struct OverviewTexts {
    pub(super) title: String,
    /// There is nothing.
    pub(super) nothing: String,
    /// In the order of what they are about.
    pub(super) entries: Vec<EntryTexts>,
    pub(super) withdraw: &'static str,
    pub(super) withdrawing_does: String,
    pub(super) question: &'static str,
    /// Stands before the word to type.
    pub(super) word: &'static str,
    pub(super) typing: Typing,
    pub(super) send: &'static str,
    /// Until when the page works, if that is known.
    pub(super) until: Option<String>,
}

/// What is said of one version of one application.
#[derive(Debug, Serialize)]
pub(super) struct EntryTexts {
    pub(super) heading: String,
    pub(super) rows: Vec<Row>,
}

/// What an unsubscribe link is about.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wish<'a> {
    /// Whose mails.
    pub(super) address: &'a str,
    /// Which of them.
    pub(super) category: Category,
    /// Whether they come no more.
    pub(super) done: bool,
}

/// What the page behind an unsubscribe link says.
#[derive(Debug, Serialize)]
pub(super) struct UnsubscribeTexts {
    pub(super) title: &'static str,
    /// What holds.
    pub(super) holds: String,
    /// What to do for the opposite; only once it is done.
    pub(super) again: Option<String>,
    pub(super) send: &'static str,
    pub(super) required: &'static str,
}

/// What a page says that only says something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Message {
    /// The console was not built in.
    ConsoleMissing,
    /// The address leads nowhere.
    NothingHere,
    /// The method is not taken.
    NotThisWay,
    /// A sign-in at an application took too long, or was not begun here.
    SignInOver,
    /// Somebody has signed out of the applications.
    SignedOut,
    /// The console has no sign-in.
    NoSignIn,
    /// A sign-in at the console came to nothing, for this reason.
    NotSignedIn(String),
    /// Something about a consent link.
    Consent(ConsentMessage),
    /// Something about an unsubscribe link.
    Unsubscribe(UnsubscribeMessage),
}

/// What keeps a consent link from its page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ConsentMessage {
    TooMany,
    CrossSite,
    TooLarge,
    Unreadable,
    Unknown,
    Expired,
    TakenAway,
    Away,
}

/// What keeps an unsubscribe link from its page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UnsubscribeMessage {
    TooMany,
    NotAsked,
    TooLarge,
    Unknown,
    Away,
}

#[cfg(test)]
mod tests;
