//! Kinds of events: for whom each is, in which tab it shows, what is mailed, and how it reads.

use contract::{ApplicationName, Language, SwitchName, TenantId, VersionName};

use crate::{
    category::Category,
    notice::{Body, Notice},
    render::Letter,
    texts::Values,
};

pub(crate) mod wording;

use wording::Wording;

/// What kind of event it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    /// The tenant is moved to another version and may deny.
    DenyOffered,
    /// The tenant is asked to accept an application.
    AcceptOffered,
    /// The tenant has denied a version.
    VersionDenied,
    /// The tenant has accepted a version.
    VersionAccepted,
    /// Another version is in use.
    SwitchSucceeded,
    /// A switch was given up.
    SwitchGivenUp,
    /// A version is in test.
    VersionInTest,
    /// Something waits for a second person.
    ProposalWaiting,
    /// A backup of the catalog was restored.
    CatalogInRecovery,
    /// An application was taken away from a tenant.
    AccessRemoved,
    /// A mail was refused for good.
    MailFailed,
    /// A mail was tried for days in vain.
    MailDead,
    /// A mail was sent and came back.
    MailBounced,
}

/// Where an event shows when it is not archived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Tab {
    /// What happened to applications.
    Applications,
    /// What a tenant is asked or has agreed to.
    Subscriptions,
    /// What somebody must know of.
    Events,
}

/// Whose inbox it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audience {
    /// The operator's.
    Operator,
    /// A tenant's.
    Tenant,
}

/// What is made of a kind of event for an audience.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Placing {
    /// Where it shows.
    pub(crate) tab: Tab,
    /// Which mail goes out, if any.
    pub(crate) mail: Option<Letter>,
}

/// Everything there is to be told: what is not here cannot be published. There is no mail about mail.
#[rustfmt::skip]
const PLACINGS: &[(Kind, Audience, Tab, Option<Letter>)] = {
    use Audience::{Operator, Tenant};
    use Kind as K;
    use Letter as L;
    use Tab::{Applications, Events, Subscriptions};
    &[
        // kind              to        tab            mail
        (K::DenyOffered,     Tenant,   Subscriptions, Some(L::DenyOffered)),
        (K::AcceptOffered,   Tenant,   Subscriptions, Some(L::AcceptOffered)),
        (K::VersionDenied,   Operator, Events,        Some(L::VersionDenied)),
        (K::VersionDenied,   Tenant,   Events,        Some(L::DenialConfirmed)),
        (K::VersionAccepted, Operator, Events,        Some(L::VersionAccepted)),
        (K::VersionAccepted, Tenant,   Subscriptions, Some(L::AcceptanceConfirmed)),
        (K::SwitchSucceeded, Operator, Applications,  Some(L::SwitchSucceeded)),
        (K::SwitchGivenUp,   Operator, Applications,  Some(L::SwitchGivenUp)),
        (K::VersionInTest,   Operator, Applications,  None),
        (K::ProposalWaiting, Operator, Applications,  Some(L::ProposalWaiting)),
        (K::CatalogInRecovery, Operator, Events,      Some(L::CatalogInRecovery)),
        (K::AccessRemoved,   Tenant,   Events,        Some(L::AccessRemoved)),
        (K::MailFailed,      Operator, Events,        None),
        (K::MailDead,        Operator, Events,        None),
        (K::MailBounced,     Operator, Events,        None),
    ]
};

impl Kind {
    /// Every kind.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 13] = [
        Self::DenyOffered,
        Self::AcceptOffered,
        Self::VersionDenied,
        Self::VersionAccepted,
        Self::SwitchSucceeded,
        Self::SwitchGivenUp,
        Self::VersionInTest,
        Self::ProposalWaiting,
        Self::CatalogInRecovery,
        Self::AccessRemoved,
        Self::MailFailed,
        Self::MailDead,
        Self::MailBounced,
    ];

    /// Returns the stable word for it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::DenyOffered => "deny_offered",
            Self::AcceptOffered => "accept_offered",
            Self::VersionDenied => "version_denied",
            Self::VersionAccepted => "version_accepted",
            Self::SwitchSucceeded => "switch_succeeded",
            Self::SwitchGivenUp => "switch_given_up",
            Self::VersionInTest => "version_in_test",
            Self::ProposalWaiting => "proposal_waiting",
            Self::CatalogInRecovery => "catalog_in_recovery",
            Self::AccessRemoved => "access_removed",
            Self::MailFailed => "mail_failed",
            Self::MailDead => "mail_dead",
            Self::MailBounced => "mail_bounced",
        }
    }

    /// Returns the name of its words for an audience.
    pub(crate) fn words(self, audience: Audience) -> &'static str {
        match (self, audience) {
            (Self::VersionDenied, Audience::Tenant) => "version_denied to_tenant",
            (Self::VersionAccepted, Audience::Tenant) => "version_accepted to_tenant",
            (kind, Audience::Operator | Audience::Tenant) => kind.as_str(),
        }
    }

    /// Returns what it is about, as far as one may want to be told of it or not.
    pub(crate) fn category(self, audience: Audience) -> Category {
        match (self, audience) {
            (Self::DenyOffered | Self::AcceptOffered, _) => Category::Consent,
            (Self::VersionDenied, Audience::Operator) => Category::Denials,
            (Self::VersionAccepted, Audience::Operator) => Category::Acceptances,
            (Self::VersionDenied | Self::VersionAccepted, Audience::Tenant) => Category::Consent,
            (Self::SwitchSucceeded | Self::SwitchGivenUp | Self::ProposalWaiting, _) => {
                Category::Switches
            }
            (Self::VersionInTest, _) => Category::Tests,
            (Self::CatalogInRecovery, _) => Category::Recovery,
            (Self::AccessRemoved, _) => Category::Access,
            (Self::MailFailed | Self::MailDead | Self::MailBounced, _) => Category::Mails,
        }
    }

    /// Returns what is made of it for an audience; nothing if it is not for that audience.
    pub(crate) fn placing(self, audience: Audience) -> Option<Placing> {
        PLACINGS
            .iter()
            .find(|(kind, to, ..)| (*kind, *to) == (self, audience))
            .map(|&(_, _, tab, mail)| Placing { tab, mail })
    }
}

impl Tab {
    /// Every tab.
    pub(crate) const ALL: [Self; 3] = [Self::Applications, Self::Subscriptions, Self::Events];

    /// Returns the stable word for it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Applications => "applications",
            Self::Subscriptions => "subscriptions",
            Self::Events => "events",
        }
    }

    /// Reads the word.
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tab| tab.as_str() == word)
    }
}

/// What an event is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct About {
    /// Which application.
    pub(crate) application: Option<ApplicationName>,
    /// Which tenant.
    pub(crate) tenant: Option<TenantId>,
    /// Which version.
    pub(crate) version: Option<VersionName>,
    /// Which switch.
    pub(crate) switch: Option<SwitchName>,
}

/// How an event reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    /// One line, in English.
    pub(crate) title: String,
    /// A few sentences, in English.
    pub(crate) text: String,
    /// What both are made from, for other languages.
    pub(crate) wording: Wording,
    /// What it is about.
    pub(crate) about: About,
}

impl Told {
    /// Words an event. What cannot be worded shows all the same, by its kind and the reason.
    fn new(name: &str, values: Values, about: About) -> Self {
        let wording = Wording::new(name, values);
        let (title, text) = wording
            .read(Language::English)
            .unwrap_or_else(|why| (wording.name().to_owned(), why.to_string()));
        Self {
            title,
            text,
            wording,
            about,
        }
    }
}

impl Notice {
    /// Words it for its recipient's inbox. Mails say the same at more length.
    pub(crate) fn told(&self) -> Told {
        let name = self.body.kind().words(self.audience());
        Told::new(name, wording::values(&self.body), about(&self.body))
    }
}

/// Returns what a notice is about.
fn about(body: &Body) -> About {
    let (version, switch) = match body {
        Body::DenyOffered { target, .. } | Body::AcceptOffered { target, .. } => {
            (Some(target), None)
        }
        Body::VersionDenied { version, .. }
        | Body::VersionAccepted { version, .. }
        | Body::VersionInTest { version, .. } => (Some(version), None),
        Body::SwitchSucceeded { target, switch, .. }
        | Body::SwitchGivenUp { target, switch, .. } => (Some(target), Some(switch)),
        Body::ProposalWaiting { version, .. } => (version.as_ref(), None),
        Body::CatalogInRecovery { .. } | Body::AccessRemoved { .. } => (None, None),
    };
    About {
        application: body
            .application()
            .map(|application| application.name.clone()),
        tenant: body.tenant().map(|tenant| tenant.name.clone()),
        version: version.cloned(),
        switch: switch.cloned(),
    }
}

/// Words what became of a mail, for the operator. Says where to look it up, not to whom it went.
pub(crate) fn tell_of_mail(kind: Kind, delivery: &str, subject: &str, reason: &str) -> Told {
    let mut values = Values::default();
    values.plain("delivery", delivery);
    values.name("subject", subject);
    // Servers end their words with a full stop or without.
    values.name("reason", format!("{}.", reason.trim_end_matches('.')));
    Told::new(kind.as_str(), values, About::default())
}

/// Words that a tenant's mails of a day have reached their limit.
pub(crate) fn tell_of_limit(tenant: &TenantId, limit: i64) -> Told {
    let mut values = Values::default();
    values.plain("tenant", tenant.as_str());
    values.plain("limit", limit.to_string());
    let about = About {
        tenant: Some(tenant.clone()),
        ..About::default()
    };
    Told::new("mail_limit", values, about)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    #[test]
    fn every_kind_is_for_somebody_and_listed_once() {
        for kind in Kind::ALL {
            let namesakes = Kind::ALL
                .into_iter()
                .filter(|other| other.as_str() == kind.as_str());
            assert_eq!(namesakes.count(), 1, "{kind:?}");
            let listed = PLACINGS.iter().filter(|(k, ..)| *k == kind);
            assert!(listed.count() >= 1, "{kind:?}");
        }
        for (kind, audience, tab, mail) in PLACINGS {
            let alike = PLACINGS
                .iter()
                .filter(|(k, a, ..)| (k, a) == (kind, audience));
            assert_eq!(alike.count(), 1, "{kind:?} {audience:?}");
            assert_eq!(
                kind.placing(*audience),
                Some(Placing {
                    tab: *tab,
                    mail: *mail
                })
            );
        }
    }

    #[test]
    fn consent_tokens_go_to_tenants_alone() {
        for kind in [Kind::DenyOffered, Kind::AcceptOffered] {
            assert_eq!(kind.placing(Audience::Operator), None);
        }
    }

    fn all_events(language: Language) -> String {
        let mut all = String::new();
        for notice in samples::notices() {
            let (title, text) = notice.told().wording.read(language).unwrap();
            all += &format!(
                "{} → {} [{}]\n  {title}\n  {text}\n\n",
                notice.body.kind().as_str(),
                notice.inbox(),
                notice.placing().tab.as_str(),
            );
        }
        for kind in [Kind::MailFailed, Kind::MailDead, Kind::MailBounced] {
            let told = tell_of_mail(
                kind,
                "deliveries/1",
                "“CRM” moves to version 3",
                "550 no such user.",
            );
            let (title, text) = told.wording.read(language).unwrap();
            all += &format!("{}\n  {title}\n  {text}\n\n", kind.as_str());
        }
        let told = tell_of_limit(&"acme".parse().unwrap(), 500);
        let (title, text) = told.wording.read(language).unwrap();
        all + &format!("limit\n  {title}\n  {text}\n")
    }

    #[test]
    fn every_event_reads_well() {
        insta::assert_snapshot!(all_events(Language::English));
    }

    #[test]
    fn every_event_reads_well_in_german() {
        insta::assert_snapshot!(all_events(Language::German));
    }

    #[test]
    fn no_event_shows_a_token() {
        for notice in samples::notices() {
            let told = notice.told();
            assert!(!format!("{told:?}").contains(samples::TOKEN), "{told:?}");
        }
    }
}
