//! Kinds of events: for whom each is, in which tab it shows, what is mailed, and how it reads.

use contract::{ApplicationName, SwitchName, TenantId, VersionName};
use jiff::Timestamp;

use crate::{
    category::Category,
    notice::{Application, Body, Counts, Notice, Recipient},
    render::Letter,
};

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
    pub(crate) const ALL: [Self; 12] = [
        Self::DenyOffered,
        Self::AcceptOffered,
        Self::VersionDenied,
        Self::VersionAccepted,
        Self::SwitchSucceeded,
        Self::SwitchGivenUp,
        Self::VersionInTest,
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
            Self::CatalogInRecovery => "catalog_in_recovery",
            Self::AccessRemoved => "access_removed",
            Self::MailFailed => "mail_failed",
            Self::MailDead => "mail_dead",
            Self::MailBounced => "mail_bounced",
        }
    }

    /// Returns what it is about, as far as one may want to be told of it or not.
    pub(crate) fn category(self, audience: Audience) -> Category {
        match (self, audience) {
            (Self::DenyOffered | Self::AcceptOffered, _) => Category::Consent,
            (Self::VersionDenied, Audience::Operator) => Category::Denials,
            (Self::VersionAccepted, Audience::Operator) => Category::Acceptances,
            (Self::VersionDenied | Self::VersionAccepted, Audience::Tenant) => Category::Consent,
            (Self::SwitchSucceeded | Self::SwitchGivenUp, _) => Category::Switches,
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
    /// One line.
    pub(crate) title: String,
    /// A few sentences.
    pub(crate) text: String,
    /// What it is about.
    pub(crate) about: About,
}

/// Writes a time as people read it, in UTC and to the minute.
pub(crate) fn day_and_time(time: Timestamp) -> String {
    time.strftime("%-d %B %Y, %H:%M UTC").to_string()
}

/// Words a notice for its recipient. Mails say the same at more length.
pub(crate) fn tell(notice: &Notice) -> Told {
    let to_tenant = matches!(notice.recipient, Recipient::Tenant { .. });
    match &notice.body {
        Body::DenyOffered {
            application,
            tenant,
            source,
            target,
            expires,
            token: _,
        } => {
            let app = shown(application);
            Told {
                title: format!("{app} moves to version {target}"),
                text: format!(
                    "Your users are to be moved from version {source} of {app} to version {target}. Nothing has to be done for that. \
                     If you deny, your users cannot use {app} as soon as version {target} is in use: there is no falling back to version {source}. \
                     The link to deny was mailed to your contacts; it works until {}.",
                    day_and_time(*expires)
                ),
                about: about(application, Some(&tenant.name), Some(target)),
            }
        }
        Body::AcceptOffered {
            application,
            tenant,
            target,
            expires,
            token: _,
        } => {
            let app = shown(application);
            Told {
                title: format!("{app} waits for your consent"),
                text: format!(
                    "Your users can use {app}, version {target}, once you have accepted it. \
                     The link to accept was mailed to your contacts; it works until {}.",
                    day_and_time(*expires)
                ),
                about: about(application, Some(&tenant.name), Some(target)),
            }
        }
        Body::VersionDenied {
            application,
            tenant,
            version,
            actor,
            counts,
        } => {
            let app = shown(application);
            let who = if to_tenant {
                "You have".to_owned()
            } else {
                format!("{} has", tenant.display_name)
            };
            let whose = if to_tenant { "Your users" } else { "Its users" };
            let effect = match counts {
                Counts::Now => format!("{whose} cannot use {app} from now on."),
                Counts::FromCommit => format!(
                    "It is recorded. {whose} stay on the version in use until version {version} follows it, and cannot use {app} from then on."
                ),
            };
            Told {
                title: format!("{who} denied version {version} of {app}"),
                text: with_actor(&effect, actor.as_ref().map(contract::Line::as_str)),
                about: about(application, Some(&tenant.name), Some(version)),
            }
        }
        Body::VersionAccepted {
            application,
            tenant,
            version,
            actor,
        } => {
            let app = shown(application);
            let who = if to_tenant {
                "You have".to_owned()
            } else {
                format!("{} has", tenant.display_name)
            };
            let whose = if to_tenant { "Your users" } else { "Its users" };
            let effect = format!("{whose} may use {app} while version {version} is in use.");
            Told {
                title: format!("{who} accepted version {version} of {app}"),
                text: with_actor(&effect, actor.as_ref().map(contract::Line::as_str)),
                about: about(application, Some(&tenant.name), Some(version)),
            }
        }
        Body::SwitchSucceeded {
            application,
            switch,
            source,
            target,
            denied_tenants,
        } => {
            let app = shown(application);
            let before = match source {
                Some(source) => format!("Version {target} of {app} has followed version {source}."),
                None => format!("{app} is in use for the first time, with version {target}."),
            };
            Told {
                title: format!("{app} is on version {target}"),
                text: format!("{before} {}", denials(*denied_tenants)),
                about: About {
                    switch: Some(switch.clone()),
                    ..about(application, None, Some(target))
                },
            }
        }
        Body::SwitchGivenUp {
            application,
            switch,
            target,
            message,
        } => {
            let app = shown(application);
            Told {
                title: format!("The switch of {app} to version {target} was given up"),
                text: with_reason("Everything is as before.", message.as_str()),
                about: About {
                    switch: Some(switch.clone()),
                    ..about(application, None, Some(target))
                },
            }
        }
        Body::VersionInTest {
            application,
            version,
            test_address,
        } => {
            let app = shown(application);
            Told {
                title: format!("Version {version} of {app} is in test"),
                text: format!("Testers, and nobody else, reach it under {test_address}."),
                about: about(application, None, Some(version)),
            }
        }
        Body::CatalogInRecovery { message } => Told {
            title: "The catalog is in recovery".to_owned(),
            text: with_reason(
                "A backup of its database was restored. Users are served as before; no switch begins or goes on until you adopt what is to be true: switchover catalog recovery",
                message.as_str(),
            ),
            about: About::default(),
        },
        Body::AccessRemoved {
            application,
            tenant,
            message,
        } => {
            let app = shown(application);
            Told {
                title: format!("{app} was taken away"),
                text: with_reason(
                    &format!("Your users can no longer use {app}."),
                    message.as_str(),
                ),
                about: about(application, Some(&tenant.name), None),
            }
        }
    }
}

/// Says how many tenants are left out of a version.
pub(crate) fn denials(tenants: u32) -> String {
    match tenants {
        0 => "No tenant has denied it.".to_owned(),
        1 => "1 tenant has denied it; its users cannot use the application.".to_owned(),
        n => format!("{n} tenants have denied it; their users cannot use the application."),
    }
}

/// Words what became of a mail, for the operator. Says where to look it up, not to whom it went.
pub(crate) fn tell_of_mail(kind: Kind, delivery: &str, subject: &str, reason: &str) -> Told {
    // Servers end their words with a full stop or without.
    let reason = format!("{}.", reason.trim_end_matches('.'));
    let (title, text) = match kind {
        Kind::MailDead => (
            format!("A mail was given up: {subject}"),
            format!(
                "It was tried for five days. The last try met: {reason} It is kept as {delivery} and can be tried again."
            ),
        ),
        Kind::MailBounced => (
            format!("A mail came back: {subject}"),
            format!(
                "{reason} It is kept as {delivery}, without its text. Correct the contact's address; what it asked can be asked again: switchover provisionings ask-again"
            ),
        ),
        _ => (
            format!("A mail could not be sent: {subject}"),
            format!(
                "{reason} It is kept as {delivery} and can be tried again once the cause is mended."
            ),
        ),
    };
    Told {
        title,
        text,
        about: About::default(),
    }
}

/// Words that a tenant's mails of a day have reached their limit.
pub(crate) fn tell_of_limit(tenant: &TenantId, limit: i64) -> Told {
    Told {
        title: format!("No more mails to tenant {tenant} today"),
        text: format!(
            "{limit} mails went to its contacts within 24 hours, which is the limit. Further ones are kept unsent; \
             they can be tried again one by one. Its inbox shows everything."
        ),
        about: About {
            tenant: Some(tenant.clone()),
            ..About::default()
        },
    }
}

fn shown(application: &Application) -> String {
    format!("“{}”", application.display_name)
}

fn about(
    application: &Application,
    tenant: Option<&TenantId>,
    version: Option<&VersionName>,
) -> About {
    About {
        application: Some(application.name.clone()),
        tenant: tenant.cloned(),
        version: version.cloned(),
        switch: None,
    }
}

fn with_actor(effect: &str, actor: Option<&str>) -> String {
    match actor {
        Some(actor) => format!("{effect} Decided by {actor}."),
        None => effect.to_owned(),
    }
}

fn with_reason(effect: &str, message: &str) -> String {
    match message.trim() {
        "" => effect.to_owned(),
        message => format!("{effect} {message}"),
    }
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

    #[test]
    fn every_event_reads_well() {
        let mut all = String::new();
        for notice in samples::notices() {
            let told = tell(&notice);
            all += &format!(
                "{} → {} [{}]\n  {}\n  {}\n\n",
                notice.body.kind().as_str(),
                notice.inbox(),
                notice.placing().tab.as_str(),
                told.title,
                told.text
            );
        }
        for kind in [Kind::MailFailed, Kind::MailDead, Kind::MailBounced] {
            let told = tell_of_mail(
                kind,
                "deliveries/1",
                "“CRM” moves to version 3",
                "550 no such user.",
            );
            all += &format!("{}\n  {}\n  {}\n\n", kind.as_str(), told.title, told.text);
        }
        let told = tell_of_limit(&"acme".parse().unwrap(), 500);
        all += &format!("limit\n  {}\n  {}\n", told.title, told.text);
        insta::assert_snapshot!(all);
    }

    #[test]
    fn no_event_shows_a_token() {
        for notice in samples::notices() {
            let told = tell(&notice);
            assert!(!format!("{told:?}").contains(samples::TOKEN), "{told:?}");
        }
    }
}
