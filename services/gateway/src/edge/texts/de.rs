//! What the edge's pages say in German.

use proto::notification::v1::Category;

use super::{
    Choice, ConsentMessage, EntryTexts, Frame, Message, Moment, OfferTexts, OverviewTexts, Row,
    Said, Texts, Typing, UnsubscribeMessage, UnsubscribeTexts, Who, Wish,
};
use crate::{
    config::SUPPORT,
    edge::deny_page::{
        Actor, Basis, EntryView, Kind, Lack, OfferView, OverviewView, Standing, Status,
    },
};

/// German.
pub(super) struct German;

impl Texts for German {
    fn frame(&self, who: &Who) -> Frame {
        Frame {
            questions: format!("Fragen? Wenden Sie sich an {}.", support(who)),
            reference: "Kennung",
            other: "English",
            other_tag: "en",
        }
    }

    fn message(&self, message: &Message) -> Said {
        let (title, text) = match message {
            Message::ConsoleMissing => (
                "Die Konsole ist nicht hier",
                "Sie wurde nicht in dieses Programm eingebaut. Rufen Sie cargo xtask console auf, und bauen Sie das Programm dann noch einmal; ein Debug-Build hat sie sofort.",
            ),
            Message::NothingHere => (
                "Hier gibt es nichts",
                "Nehmen Sie den ganzen Link aus der Mail.",
            ),
            Message::NotThisWay => (
                "Das geht hier nicht",
                "Öffnen Sie den Link aus der Mail in einem Browser.",
            ),
            Message::SignInOver => (
                "Diese Anmeldung ist vorbei",
                "Sie dauerte zu lange, oder wurde nicht hier begonnen. Öffnen Sie die Anwendung noch einmal, um neu zu beginnen.",
            ),
            Message::SignedOut => (
                "Sie sind abgemeldet",
                "Öffnen Sie die Anwendung noch einmal, um sich anzumelden.",
            ),
            Message::NoSignIn => (
                "Hier meldet sich niemand an",
                "Diese Konsole hat keine Anmeldung. Wer sie betreibt, richtet mit --console-client-id eine ein.",
            ),
            Message::NotSignedIn(why) => {
                return Said {
                    title: "Sie sind nicht angemeldet",
                    text: format!(
                        "Gehen Sie zurück zur Konsole, und melden Sie sich noch einmal an. Der Grund: {why}."
                    )
                    .into(),
                };
            }
            Message::Consent(message) => consent(*message),
            Message::Unsubscribe(message) => unsubscription(*message),
        };
        Said {
            title,
            text: text.into(),
        }
    }

    fn lack(&self, lack: Lack) -> &'static str {
        match lack {
            Lack::Choice => {
                "Es wurde nichts entschieden: Keine der beiden Antworten war gewählt. Bitte wählen Sie eine, tippen Sie den Kurznamen, und senden Sie noch einmal."
            }
            Lack::Word => {
                "Es wurde nichts entschieden: Der Kurzname der Anwendung fehlt, oder es ist ein anderer. Bitte wählen Sie noch einmal, und tippen Sie den Kurznamen so, wie ihn die Seite zeigt."
            }
            Lack::Time => {
                "Es wurde nichts entschieden: Das Formular kam schneller zurück, als ein Mensch liest. Bitte wählen Sie noch einmal."
            }
            Lack::FreshPage => {
                "Es wurde nichts entschieden: Diese Seite war zu lange offen, oder ihr Formular wurde schon einmal gesendet. Bitte sehen Sie nach, was jetzt gilt, und wählen Sie noch einmal."
            }
        }
    }

    fn offer(&self, offer: &OfferView, who: &Who) -> OfferTexts {
        let OfferView {
            application,
            tenant,
            target_version: target,
            ..
        } = offer;
        let people = match offer.users {
            0 => String::new(),
            1 => " Das ist 1 Mensch.".to_owned(),
            users => format!(" Das sind {users} Menschen."),
        };
        OfferTexts {
            title: format!("{application}: Ihre Entscheidung"),
            heading: heading(offer, who),
            standing: standing(offer, who),
            look_again: "Noch einmal nachsehen",
            rows: rows(offer, who),
            everything: format!("Alles, was {tenant} vereinbart hat"),
            denying: "Was eine Ablehnung bewirkt",
            denying_does: format!(
                "Sobald Version {target} in Betrieb ist, kann bei {tenant} niemand {application} benutzen: Jede Anfrage wird abgewiesen.{people} Einen Weg zurück auf eine frühere Version gibt es nicht. {} erfährt von Ihrer Entscheidung, ebenso alle Kontakte von {tenant}. Solange der Link gilt, können Sie sie auf dieser Seite ändern.",
                who.operator
            ),
            question: if offer.denied {
                "Möchten Sie Ihre Entscheidung ändern?".to_owned()
            } else {
                format!("Was entscheiden Sie für {tenant}?")
            },
            accept: Choice {
                name: match (offer.denied, offer.kind) {
                    (true, _) => "Die Ablehnung zurücknehmen".to_owned(),
                    (false, Kind::Accept) => "Zustimmen".to_owned(),
                    (false, Kind::Deny) => format!("{application} weiter benutzen"),
                },
                does: format!("Bei {tenant} dürfen alle Version {target} benutzen."),
            },
            deny: Choice {
                name: if offer.denied {
                    "Bei der Ablehnung bleiben".to_owned()
                } else {
                    format!("Version {target} ablehnen")
                },
                does: format!(
                    "Bei {tenant} kann niemand {application} benutzen, solange Version {target} in Betrieb ist."
                ),
            },
            typing: Typing {
                why: "Mailprogramme öffnen Links und drücken Knöpfe von selbst. Damit nur ein Mensch entscheidet, tippen Sie den Kurznamen der Anwendung:",
                label: "Kurzname",
            },
            send: "Entscheidung senden",
        }
    }

    fn overview(&self, overview: &OverviewView, who: &Who) -> OverviewTexts {
        let tenant = &overview.tenant;
        OverviewTexts {
            title: format!("Was {tenant} vereinbart hat"),
            nothing: format!("{tenant} benutzt keine Anwendung von {}.", who.operator),
            entries: overview
                .entries
                .iter()
                .map(|entry| self.entry(entry))
                .collect(),
            withdraw: "Zustimmung widerrufen",
            withdrawing_does: format!(
                "Sobald Sie widerrufen, kann bei {tenant} niemand diese Version benutzen, solange sie in Betrieb ist: Jede Anfrage wird abgewiesen, und einen Weg zurück auf eine frühere Version gibt es nicht. {} erfährt davon, ebenso alle Kontakte von {tenant}. Um wieder zuzustimmen, nehmen Sie den Link in der Mail, mit der Sie gefragt wurden, oder wenden Sie sich an {}.",
                who.operator,
                support(who)
            ),
            question: "Welche Zustimmung widerrufen Sie?",
            word: "Kurzname:",
            typing: Typing {
                why: "Damit nur ein Mensch entscheidet, tippen Sie den Kurznamen der Anwendung, für die Sie widerrufen.",
                label: "Kurzname",
            },
            send: "Widerrufen",
            until: overview
                .until
                .map(|until| format!("Diese Seite gilt bis {}.", self.time(until))),
        }
    }

    fn standing(&self, standing: Standing) -> &'static str {
        match standing {
            Standing::Asked => "gefragt, noch keine Antwort",
            Standing::Agreeing => "zugestimmt, noch nicht bei jedem Gateway",
            Standing::Agreed => "zugestimmt",
            Standing::DeniedInForce => "abgelehnt, in Kraft",
            Standing::DeniedTakingEffect => "abgelehnt, noch nicht bei jedem Gateway",
            Standing::DeniedRecorded => "abgelehnt, vom Wechsel an",
            Standing::Failed => "nicht möglich",
            Standing::TakenAway => "entzogen",
            Standing::Unknown => "unbekannt",
        }
    }

    fn basis(&self, basis: Basis) -> &'static str {
        match basis {
            Basis::Accepted => "Ihrer Zustimmung",
            Basis::OnRecord => "Ihrer schriftlichen Zustimmung",
            Basis::MovedWithNotice => "einem Wechsel, von dem Sie erfahren haben",
            Basis::Moved => "einem Wechsel zwischen Versionen ohne App-Zugangsdaten",
        }
    }

    fn actor(&self, actor: &Actor) -> String {
        match actor {
            Actor::Link(Some(address)) => {
                format!("jemand mit einem Link aus unseren Mails, von {address}")
            }
            Actor::Link(None) => "jemand mit einem Link aus unseren Mails".to_owned(),
            Actor::Tenant => "Ihre Administration".to_owned(),
            Actor::Switch => "ein Wechsel der Version".to_owned(),
            Actor::Operator => "wir, der Betreiber".to_owned(),
        }
    }

    fn unsubscribe(&self, wish: &Wish<'_>, who: &Who) -> UnsubscribeTexts {
        let (address, about) = (wish.address, about(wish.category));
        let (title, holds) = if wish.done {
            (
                "Keine Mails wie diese mehr",
                format!("{address} bekommt keine Mails mehr über {about}."),
            )
        } else {
            (
                "Keine Mails wie diese mehr?",
                format!(
                    "{} sendet Mails über {about} an {address}. Noch hat sich nichts geändert.",
                    who.operator
                ),
            )
        };
        UnsubscribeTexts {
            title,
            holds,
            again: wish.done.then(|| {
                format!(
                    "Der Posteingang zeigt weiterhin alles. Um diese Mails wieder zu bekommen, wenden Sie sich an {}.",
                    support(who)
                )
            }),
            send: "Keine mehr senden",
            required: "Mails, die Sie um eine Entscheidung bitten oder sie bestätigen, kommen trotzdem.",
        }
    }

    fn time(&self, Moment(time): Moment) -> String {
        const MONTHS: [&str; 12] = [
            "Januar",
            "Februar",
            "März",
            "April",
            "Mai",
            "Juni",
            "Juli",
            "August",
            "September",
            "Oktober",
            "November",
            "Dezember",
        ];
        let time = time.to_zoned(jiff::tz::TimeZone::UTC);
        let month = usize::try_from(time.month()).unwrap_or_default();
        let month = MONTHS.get(month.wrapping_sub(1)).unwrap_or(&"");
        let clock = time.strftime("%H:%M");
        format!("{}. {month} {}, {clock} Uhr (UTC)", time.day(), time.year())
    }
}

impl German {
    fn entry(&self, entry: &EntryView) -> EntryTexts {
        let state = self.standing(entry.standing);
        let mut rows = vec![Row {
            label: "Stand",
            value: if entry.in_use {
                state.to_owned()
            } else {
                format!("{state}; diese Version ist jetzt nicht in Betrieb")
            },
        }];
        rows.extend(entry.since.map(|since| Row {
            label: "Seit",
            value: self.time(since),
        }));
        rows.push(Row {
            label: "Durch",
            value: self.actor(&entry.by),
        });
        rows.extend(entry.rests_on.map(|basis| Row {
            label: "Beruht auf",
            value: self.basis(basis).to_owned(),
        }));
        EntryTexts {
            heading: format!("{}, Version {}", entry.application, entry.version),
            rows,
        }
    }
}

/// Returns whom to ask, after a verb that takes the accusative.
fn support(who: &Who) -> &str {
    match who.support.as_str() {
        SUPPORT => "Ihre Administration",
        told => told,
    }
}

fn heading(offer: &OfferView, who: &Who) -> String {
    let (application, target) = (&offer.application, &offer.target_version);
    match (offer.status, offer.kind) {
        (Status::Open, Kind::Accept) => format!("{} bietet Ihnen {application} an", who.operator),
        (Status::Open, Kind::Deny) => format!("{application} wechselt auf Version {target}"),
        (Status::Accepted, _) => {
            format!("Sie haben Version {target} von {application} zugestimmt")
        }
        (Status::DeniedRecorded, _) => "Ihre Ablehnung ist vermerkt".to_owned(),
        (Status::DeniedTakingEffect, _) => "Ihre Ablehnung tritt in Kraft".to_owned(),
        (Status::DeniedInForce, _) => "Ihre Ablehnung ist in Kraft".to_owned(),
        (Status::Expired, _) => "Die Zeit zum Entscheiden ist vorbei".to_owned(),
        (Status::Void, _) => "Es gibt nichts mehr zu entscheiden".to_owned(),
    }
}

fn standing(offer: &OfferView, who: &Who) -> String {
    let OfferView {
        application,
        tenant,
        source_version: source,
        target_version: target,
        ..
    } = offer;
    match (offer.status, offer.kind) {
        (Status::Open, Kind::Accept) => {
            format!("Bei {tenant} kann niemand {application} benutzen, bevor Sie zustimmen.")
        }
        (Status::Open, Kind::Deny) => {
            let from = match source.as_str() {
                "" => String::new(),
                source => format!(" von Version {source}"),
            };
            format!(
                "Wenn Sie nicht ablehnen, wechseln bei {tenant} alle{from} auf Version {target}. Dafür ist nichts zu tun."
            )
        }
        (Status::Accepted, _) => {
            format!(
                "Bei {tenant} werden alle eingelassen, solange Version {target} in Betrieb ist."
            )
        }
        (Status::DeniedRecorded, _) => {
            let present = match source.as_str() {
                "" => String::new(),
                source => format!(", {source}"),
            };
            format!(
                "Vom Wechsel auf Version {target} an kann bei {tenant} niemand {application} benutzen. Bis dahin bleiben Ihre Benutzer auf der jetzigen Version{present}."
            )
        }
        (Status::DeniedTakingEffect, _) => {
            let outstanding = match (&offer.gateways_outstanding[..], offer.gateways_unnamed) {
                ([], _) => String::new(),
                (named, 0) => format!("Noch offen: {}. ", named.join(", ")),
                (named, more) => format!("Noch offen: {} und {more} weitere. ", named.join(", ")),
            };
            format!(
                "Sie ist vermerkt und gilt bei {} von {} Gateways. {outstanding}Die übrigen folgen von selbst.",
                offer.gateways_refusing, offer.gateways
            )
        }
        (Status::DeniedInForce, _) => {
            format!(
                "Bei {tenant} kann niemand {application} benutzen, solange Version {target} in Betrieb ist."
            )
        }
        (Status::Expired, _) => {
            let worked = match offer.until {
                Some(until) => format!("Dieser Link galt bis {}.", German.time(until)),
                None => "Dieser Link gilt nicht mehr.".to_owned(),
            };
            format!(
                "{worked} Was vorher entschieden wurde, gilt weiter. Um neu zu entscheiden, bitten Sie {} um einen neuen Link.",
                support(who)
            )
        }
        (Status::Void, _) => format!(
            "Der Wechsel auf Version {target} wurde aufgegeben, oder Sie wurden mit einer anderen Mail neu gefragt. Was mit diesem Link gesagt wurde, gilt nicht mehr."
        ),
    }
}

fn rows(offer: &OfferView, who: &Who) -> Vec<Row> {
    let version = |version: &str| format!("Version {version}");
    let source = Some(&offer.source_version).filter(|source| !source.is_empty());
    let rows = [
        ("Anwendung", Some(offer.application.clone())),
        ("Angeboten von", Some(who.operator.clone())),
        ("Für", Some(offer.tenant.clone())),
        (
            "Als Sie gefragt wurden",
            source.map(|source| version(source)),
        ),
        (
            "Ihre Entscheidung betrifft",
            Some(version(&offer.target_version)),
        ),
        ("Entschieden", offer.decided.map(|time| German.time(time))),
        (
            "Dieser Link gilt bis",
            offer.until.map(|time| German.time(time)),
        ),
    ];
    rows.into_iter()
        .filter_map(|(label, value)| value.map(|value| Row { label, value }))
        .collect()
}

fn consent(message: ConsentMessage) -> (&'static str, &'static str) {
    match message {
        ConsentMessage::TooMany => (
            "Bitte warten Sie eine Minute",
            "Aus Ihrem Netz wurden zu viele Links geöffnet, die es nicht gibt. Es wurde nichts entschieden; öffnen Sie Ihren Link in einer Minute noch einmal.",
        ),
        ConsentMessage::CrossSite => (
            "Dieses Formular kam von einer anderen Seite",
            "Es wurde nichts entschieden. Öffnen Sie den Link aus der Mail, und entscheiden Sie auf der Seite, zu der er führt.",
        ),
        ConsentMessage::TooLarge => (
            "Das war zu viel",
            "Es wurde nichts entschieden. Öffnen Sie den Link aus der Mail noch einmal.",
        ),
        ConsentMessage::Unreadable => (
            "Dieses Formular ist nicht lesbar",
            "Es wurde nichts entschieden. Öffnen Sie den Link aus der Mail noch einmal, und entscheiden Sie auf der Seite, zu der er führt.",
        ),
        ConsentMessage::Unknown => (
            "Dieser Link führt nirgendwohin",
            "Vielleicht ist er nicht vollständig: Manche Mailprogramme brechen lange Links um. Kopieren Sie den ganzen Link aus der Mail. Wenn seitdem eine neuere Mail kam, nehmen Sie den Link in dieser.",
        ),
        ConsentMessage::Expired => (
            "Dieser Link ist abgelaufen",
            "Was vorher entschieden wurde, gilt weiter. Um es zu sehen, nehmen Sie den Link einer neueren Mail, oder bitten Sie um einen.",
        ),
        ConsentMessage::TakenAway => (
            "Die Anwendung wurde inzwischen entzogen",
            "Es wurde nichts entschieden: Es gibt keine Zustimmung mehr, die Sie widerrufen könnten. Öffnen Sie die Seite noch einmal.",
        ),
        ConsentMessage::Away => (
            "Im Moment nicht verfügbar",
            "Wir können Ihren Link gerade nicht nachschlagen, und falls Sie eine Entscheidung gesendet haben, ist sie vielleicht nicht angekommen. Öffnen Sie den Link in einer Minute noch einmal: Die Seite sagt, was gilt.",
        ),
    }
}

fn unsubscription(message: UnsubscribeMessage) -> (&'static str, &'static str) {
    match message {
        UnsubscribeMessage::TooMany => (
            "Bitte warten Sie eine Minute",
            "Aus Ihrem Netz wurden zu viele Links geöffnet, die es nicht gibt. Öffnen Sie Ihren Link in einer Minute noch einmal.",
        ),
        UnsubscribeMessage::NotAsked => (
            "Es hat sich nichts geändert",
            "Öffnen Sie den Link aus der Mail, und drücken Sie den Knopf auf der Seite.",
        ),
        UnsubscribeMessage::TooLarge => (
            "Das war zu viel",
            "Es hat sich nichts geändert. Öffnen Sie den Link aus der Mail noch einmal.",
        ),
        UnsubscribeMessage::Unknown => (
            "Dieser Link führt nirgendwohin",
            "Vielleicht ist er nicht vollständig: Manche Mailprogramme brechen lange Links um. Kopieren Sie den ganzen Link aus der Mail.",
        ),
        UnsubscribeMessage::Away => (
            "Im Moment nicht verfügbar",
            "Vielleicht hat sich nichts geändert. Öffnen Sie den Link in einer Minute noch einmal: Die Seite sagt, was gilt.",
        ),
    }
}

fn about(category: Category) -> &'static str {
    match category {
        Category::Unspecified => "das, was hier geschieht",
        Category::Consent => "Entscheidungen",
        Category::Access => "Anwendungen, die entzogen werden",
        Category::Denials => "Mandanten, die eine Version ablehnen",
        Category::Acceptances => "Mandanten, die einer Version zustimmen",
        Category::Switches => "Wechsel von Anwendungen",
        Category::Tests => "Versionen im Test",
        Category::Mails => "Mails, die nicht ankommen",
        Category::Recovery => "eingespielte Sicherungen",
    }
}
