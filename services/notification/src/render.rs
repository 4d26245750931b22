//! A notice as a mail: subject, plain text and HTML, both from the same texts in the operator's language.
//!
//! Links lead to the configured address and nowhere else; names are shown such that no mail program
//! makes a link of them. A value that is missing is an error, never a gap.

use contract::Language;

use crate::{
    config::EdgeUrl,
    event::wording,
    look::{Logo, Look, Picture},
    notice::{Body, DisplayName, Notice},
    texts::{Missing, Style, Texts},
};

mod html;
mod plain;

/// The mails that there are; each has a section in every file under `texts/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Letter {
    /// To a tenant: it is moved, and may deny.
    DenyOffered,
    /// To a tenant: it is asked to accept.
    AcceptOffered,
    /// To the operator: a tenant has denied.
    VersionDenied,
    /// To a tenant: it has denied.
    DenialConfirmed,
    /// To the operator: a tenant has accepted.
    VersionAccepted,
    /// To a tenant: it has accepted.
    AcceptanceConfirmed,
    /// To the operator: another version is in use.
    SwitchSucceeded,
    /// To the operator: a switch was given up.
    SwitchGivenUp,
    /// To the operator: something waits for a second person.
    ProposalWaiting,
    /// To the operator: a backup of the catalog was restored.
    CatalogInRecovery,
    /// To a tenant: an application was taken away.
    AccessRemoved,
}

impl Letter {
    /// Every letter, in the order in which they are previewed.
    pub(crate) const ALL: [Self; 11] = [
        Self::DenyOffered,
        Self::AcceptOffered,
        Self::VersionDenied,
        Self::DenialConfirmed,
        Self::VersionAccepted,
        Self::AcceptanceConfirmed,
        Self::SwitchSucceeded,
        Self::SwitchGivenUp,
        Self::ProposalWaiting,
        Self::CatalogInRecovery,
        Self::AccessRemoved,
    ];

    /// Returns its name, as the texts have it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::DenyOffered => "deny_offered",
            Self::AcceptOffered => "accept_offered",
            Self::VersionDenied => "version_denied",
            Self::DenialConfirmed => "denial_confirmed",
            Self::VersionAccepted => "version_accepted",
            Self::AcceptanceConfirmed => "acceptance_confirmed",
            Self::SwitchSucceeded => "switch_succeeded",
            Self::SwitchGivenUp => "switch_given_up",
            Self::ProposalWaiting => "proposal_waiting",
            Self::CatalogInRecovery => "catalog_in_recovery",
            Self::AccessRemoved => "access_removed",
        }
    }
}

/// What a mail says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mail {
    /// One line.
    pub(crate) subject: String,
    /// For people who read text.
    pub(crate) text: String,
    /// The same with headings and a button.
    pub(crate) html: String,
    /// What it is written in.
    pub(crate) language: Language,
    /// The picture that the HTML shows, if it goes along.
    pub(crate) picture: Option<Picture>,
    /// The address at which its reader wants no more mails like it, where that may be wanted.
    pub(crate) unsubscribe: Option<String>,
}

/// A mail that could not be rendered. Its text names the letter, never what was to go into it.
#[derive(Debug, thiserror::Error)]
#[error("the letter {} could not be written: {why}", .letter.as_str())]
pub(crate) struct RenderError {
    letter: Letter,
    why: Missing,
}

/// Who reads a mail.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Reader<'a> {
    /// For the salutation.
    pub(crate) name: Option<&'a DisplayName>,
    /// The address at which they want no more such mails, where that may be wanted.
    pub(crate) unsubscribe: Option<&'a str>,
}

/// Writes mails.
pub(crate) struct Renderer {
    operator: DisplayName,
    edge: EdgeUrl,
    look: Look,
}

impl Renderer {
    /// Mails speak for `operator` and look as its mails do; their links lead to `edge`.
    pub(crate) fn new(operator: DisplayName, edge: EdgeUrl, look: Look) -> Self {
        Self {
            operator,
            edge,
            look,
        }
    }

    /// Returns the address at which a reader wants no more such mails.
    pub(crate) fn unsubscribe(&self, token: &str) -> String {
        self.edge.unsubscribe(token, self.look.language)
    }

    /// Renders the letter for a notice.
    ///
    /// # Errors
    /// If a text wants what the notice does not have.
    pub(crate) fn render(
        &self,
        letter: Letter,
        notice: &Notice,
        reader: Reader<'_>,
    ) -> Result<Mail, RenderError> {
        self.try_render(letter, notice, reader)
            .map_err(|why| RenderError { letter, why })
    }

    fn try_render(
        &self,
        letter: Letter,
        notice: &Notice,
        reader: Reader<'_>,
    ) -> Result<Mail, Missing> {
        let language = self.look.language;
        let texts = Texts::of(language);
        let mut values = wording::values(&notice.body).written(texts)?;
        if let Body::DenyOffered { token, .. } | Body::AcceptOffered { token, .. } = &notice.body {
            values.plain("link", self.edge.consent(token, language));
        }
        values.name("operator", self.operator.as_str());
        values.name("reader", reader.name.map_or("", DisplayName::as_str));
        values.plain("time", texts.time(notice.time)?);
        values.plain("unsubscribe", reader.unsubscribe.unwrap_or_default());
        let said = texts.letter(letter.as_str())?;
        let subject = said.subject.render(&values, Style::Line)?;
        Ok(Mail {
            subject: subject.split_whitespace().collect::<Vec<_>>().join(" "),
            text: plain::mail(texts, said, &values)?,
            html: html::mail(texts, said, &values, &self.look)?,
            language,
            picture: match &self.look.logo {
                Some(Logo::Embedded(picture)) => Some(picture.clone()),
                Some(Logo::Url(_)) | None => None,
            },
            unsubscribe: reader.unsubscribe.map(str::to_owned),
        })
    }
}

#[cfg(test)]
mod tests;
