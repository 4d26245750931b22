//! What the edge's pages say in English.

use proto::notification::v1::Category;

use super::{
    Choice, ConsentMessage, EntryTexts, Frame, Message, Moment, OfferTexts, OverviewTexts, Row,
    Said, Texts, Typing, UnsubscribeMessage, UnsubscribeTexts, Who, Wish,
};
use crate::edge::deny_page::{
    Actor, Basis, EntryView, Kind, Lack, OfferView, OverviewView, Standing, Status,
};

/// English.
pub(super) struct English;

impl Texts for English {
    fn frame(&self, who: &Who) -> Frame {
        Frame {
            questions: format!("Questions? Ask {}.", who.support),
            reference: "Reference",
            other: "Deutsch",
            other_tag: "de",
        }
    }

    fn message(&self, message: &Message) -> Said {
        let (title, text) = match message {
            Message::ConsoleMissing => (
                "The console is not here",
                "It was not built into this program. Run cargo xtask console, then build the program again; a debug build has it at once.",
            ),
            Message::NothingHere => ("There is nothing here", "Use the whole link from the mail."),
            Message::NotThisWay => (
                "That cannot be done here",
                "Open the link from the mail in a browser.",
            ),
            Message::SignInOver => (
                "This sign-in is over",
                "It took too long, or was not begun here. Open the application again to begin anew.",
            ),
            Message::SignedOut => (
                "You are signed out",
                "Open the application again to sign in.",
            ),
            Message::NoSignIn => (
                "Nobody signs in here",
                "This console has no sign-in. Whoever runs it sets one up by --console-client-id.",
            ),
            Message::NotSignedIn(why) => {
                return Said {
                    title: "You are not signed in",
                    text: format!(
                        "Go back to the console and sign in again. What happened: {why}."
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
                "Nothing was decided: neither of the two answers was chosen. Please choose one, type the short name, and send again."
            }
            Lack::Word => {
                "Nothing was decided: the short name of the application is missing, or it is another one. Please choose once more, and type the short name as the page shows it."
            }
            Lack::Time => {
                "Nothing was decided: the form came back faster than a person reads. Please choose once more."
            }
            Lack::FreshPage => {
                "Nothing was decided: this page had been open for too long, or its form had been sent before. Please look at what holds now, and choose once more."
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
            1 => " That is 1 person.".to_owned(),
            users => format!(" That is {users} people."),
        };
        OfferTexts {
            title: format!("{application}: your decision"),
            heading: heading(offer, who),
            standing: standing(offer, who),
            look_again: "Look again",
            rows: rows(offer, who),
            everything: format!("Everything that {tenant} has agreed to"),
            denying: "What denying does",
            denying_does: format!(
                "From the moment that version {target} is in use, nobody at {tenant} can use {application}: every request is refused.{people} There is no falling back to an earlier version. {} is told of your decision, and so are all contacts of {tenant}. You can change it on this page while the link works.",
                who.operator
            ),
            question: if offer.denied {
                "Do you want to change your decision?".to_owned()
            } else {
                format!("What do you decide for {tenant}?")
            },
            accept: Choice {
                name: match (offer.denied, offer.kind) {
                    (true, _) => "Take the denial back".to_owned(),
                    (false, Kind::Accept) => "Accept".to_owned(),
                    (false, Kind::Deny) => format!("Keep using {application}"),
                },
                does: format!("Everybody at {tenant} is let into version {target}."),
            },
            deny: Choice {
                name: if offer.denied {
                    "Leave it denied".to_owned()
                } else {
                    format!("Deny version {target}")
                },
                does: format!(
                    "Nobody at {tenant} can use {application} while version {target} is in use."
                ),
            },
            typing: Typing {
                why: "Mail programs open links and press buttons by themselves. So that only a person decides, type the short name of the application:",
                label: "Short name",
            },
            send: "Send decision",
        }
    }

    fn overview(&self, overview: &OverviewView, who: &Who) -> OverviewTexts {
        let tenant = &overview.tenant;
        OverviewTexts {
            title: format!("What {tenant} has agreed to"),
            nothing: format!("{tenant} uses no application of {}.", who.operator),
            entries: overview
                .entries
                .iter()
                .map(|entry| self.entry(entry))
                .collect(),
            withdraw: "Withdraw",
            withdrawing_does: format!(
                "From the moment that you withdraw, nobody at {tenant} can use that version while it is in use: every request is refused, and there is no falling back to an earlier version. {} is told, and so are all contacts of {tenant}. To agree again, use the link in the mail that asked you, or ask {}.",
                who.operator, who.support
            ),
            question: "What do you withdraw from?",
            word: "Short name:",
            typing: Typing {
                why: "So that only a person decides, type the short name of the application that you withdraw from.",
                label: "Short name",
            },
            send: "Withdraw",
            until: overview
                .until
                .map(|until| format!("This page works until {}.", self.time(until))),
        }
    }

    fn standing(&self, standing: Standing) -> &'static str {
        match standing {
            Standing::Asked => "asked, not answered yet",
            Standing::Agreeing => "agreed, not at every gateway yet",
            Standing::Agreed => "agreed",
            Standing::DeniedInForce => "denied, in force",
            Standing::DeniedTakingEffect => "denied, not at every gateway yet",
            Standing::DeniedRecorded => "denied, from the switch on",
            Standing::Failed => "not possible",
            Standing::TakenAway => "taken away",
            Standing::Unknown => "unknown",
        }
    }

    fn basis(&self, basis: Basis) -> &'static str {
        match basis {
            Basis::Accepted => "your acceptance",
            Basis::OnRecord => "your consent on record",
            Basis::MovedWithNotice => "a switch that you were told of",
            Basis::Moved => "a switch between versions without app credentials",
        }
    }

    fn actor(&self, actor: &Actor) -> String {
        match actor {
            Actor::Link(Some(address)) => {
                format!("somebody with a link of our mails, from {address}")
            }
            Actor::Link(None) => "somebody with a link of our mails".to_owned(),
            Actor::Tenant => "your administrator".to_owned(),
            Actor::Switch => "a switch of versions".to_owned(),
            Actor::Operator => "us, the operator".to_owned(),
        }
    }

    fn unsubscribe(&self, wish: &Wish<'_>, who: &Who) -> UnsubscribeTexts {
        let (address, about) = (wish.address, about(wish.category));
        let (title, holds) = if wish.done {
            (
                "No more mails like this",
                format!("{address} gets no more mails about {about}."),
            )
        } else {
            (
                "No more mails like this?",
                format!(
                    "{address} gets mails about {about} from {}. Nothing has changed yet.",
                    who.operator
                ),
            )
        };
        UnsubscribeTexts {
            title,
            holds,
            again: wish.done.then(|| {
                format!(
                    "The inbox still shows everything. To get these mails again, ask {}.",
                    who.support
                )
            }),
            send: "Send no more of them",
            required: "Mails that ask for your decision, or confirm it, come all the same.",
        }
    }

    fn time(&self, Moment(time): Moment) -> String {
        time.strftime("%-d %B %Y, %H:%M UTC").to_string()
    }
}

impl English {
    fn entry(&self, entry: &EntryView) -> EntryTexts {
        let state = self.standing(entry.standing);
        let mut rows = vec![Row {
            label: "State",
            value: if entry.in_use {
                state.to_owned()
            } else {
                format!("{state}; this version is not in use now")
            },
        }];
        rows.extend(entry.since.map(|since| Row {
            label: "Since",
            value: self.time(since),
        }));
        rows.push(Row {
            label: "By",
            value: self.actor(&entry.by),
        });
        rows.extend(entry.rests_on.map(|basis| Row {
            label: "Rests on",
            value: self.basis(basis).to_owned(),
        }));
        EntryTexts {
            heading: format!("{}, version {}", entry.application, entry.version),
            rows,
        }
    }
}

fn heading(offer: &OfferView, who: &Who) -> String {
    let (application, target) = (&offer.application, &offer.target_version);
    match (offer.status, offer.kind) {
        (Status::Open, Kind::Accept) => format!("{} offers you {application}", who.operator),
        (Status::Open, Kind::Deny) => format!("{application} moves to version {target}"),
        (Status::Accepted, _) => format!("You have accepted {application} {target}"),
        (Status::DeniedRecorded, _) => "Your denial is recorded".to_owned(),
        (Status::DeniedTakingEffect, _) => "Your denial is taking effect".to_owned(),
        (Status::DeniedInForce, _) => "Your denial is in force".to_owned(),
        (Status::Expired, _) => "The time to decide is over".to_owned(),
        (Status::Void, _) => "There is nothing to decide any more".to_owned(),
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
            format!("Nobody at {tenant} can use {application} before you accept.")
        }
        (Status::Open, Kind::Deny) => {
            let from = match source.as_str() {
                "" => String::new(),
                source => format!(" from version {source}"),
            };
            format!(
                "Unless you deny, everybody at {tenant} moves along{from} to version {target}. You need not do anything for that."
            )
        }
        (Status::Accepted, _) => {
            format!("Everybody at {tenant} is let in while version {target} is in use.")
        }
        (Status::DeniedRecorded, _) => {
            let present = match source.as_str() {
                "" => String::new(),
                source => format!(", {source}"),
            };
            format!(
                "From the switch to version {target} on, nobody at {tenant} can use {application}. Until then your users use the present version{present}."
            )
        }
        (Status::DeniedTakingEffect, _) => {
            let outstanding = match (&offer.gateways_outstanding[..], offer.gateways_unnamed) {
                ([], _) => String::new(),
                (named, 0) => format!("Still outstanding: {}. ", named.join(", ")),
                (named, more) => {
                    format!("Still outstanding: {} and {more} more. ", named.join(", "))
                }
            };
            format!(
                "It is recorded, and in effect on {} of {} gateways. {outstanding}They follow on their own.",
                offer.gateways_refusing, offer.gateways
            )
        }
        (Status::DeniedInForce, _) => {
            format!("Nobody at {tenant} can use {application} while version {target} is in use.")
        }
        (Status::Expired, _) => {
            let worked = match offer.until {
                Some(until) => format!("This link worked until {}.", English.time(until)),
                None => "This link works no more.".to_owned(),
            };
            format!(
                "{worked} What was decided before holds. To decide anew, ask {} for a new link.",
                who.support
            )
        }
        (Status::Void, _) => format!(
            "The move to version {target} was given up, or you were asked anew by another mail. Nothing that was said with this link holds any more."
        ),
    }
}

fn rows(offer: &OfferView, who: &Who) -> Vec<Row> {
    let version = |version: &str| format!("Version {version}");
    let source = Some(&offer.source_version).filter(|source| !source.is_empty());
    let rows = [
        ("Application", Some(offer.application.clone())),
        ("Offered by", Some(who.operator.clone())),
        ("For", Some(offer.tenant.clone())),
        ("When you were asked", source.map(|source| version(source))),
        (
            "Your decision is about",
            Some(version(&offer.target_version)),
        ),
        ("Decided", offer.decided.map(|time| English.time(time))),
        (
            "This link works until",
            offer.until.map(|time| English.time(time)),
        ),
    ];
    rows.into_iter()
        .filter_map(|(label, value)| value.map(|value| Row { label, value }))
        .collect()
}

fn consent(message: ConsentMessage) -> (&'static str, &'static str) {
    match message {
        ConsentMessage::TooMany => (
            "Please wait a minute",
            "Too many links that do not exist were opened from your network. Nothing was decided; open your link again in a minute.",
        ),
        ConsentMessage::CrossSite => (
            "This form came from another page",
            "Nothing was decided. Open the link from the mail, and decide on the page that it leads to.",
        ),
        ConsentMessage::TooLarge => (
            "That was too much",
            "Nothing was decided. Open the link from the mail again.",
        ),
        ConsentMessage::Unreadable => (
            "This form cannot be read",
            "Nothing was decided. Open the link from the mail again, and decide on the page that it leads to.",
        ),
        ConsentMessage::Unknown => (
            "This link leads nowhere",
            "It may be incomplete: some mail programs break long links. Copy the whole link from the mail. If a newer mail came since, use the link in that one.",
        ),
        ConsentMessage::Expired => (
            "This link has expired",
            "What was decided before holds. To see it, use the link of a newer mail, or ask for one.",
        ),
        ConsentMessage::TakenAway => (
            "It was taken away meanwhile",
            "Nothing was decided: there is nothing left to withdraw from. Open the page again.",
        ),
        ConsentMessage::Away => (
            "Not available right now",
            "We cannot look up your link at this moment, and if you sent a decision, it may not have arrived. Open the link again in a minute: the page says what holds.",
        ),
    }
}

fn unsubscription(message: UnsubscribeMessage) -> (&'static str, &'static str) {
    match message {
        UnsubscribeMessage::TooMany => (
            "Please wait a minute",
            "Too many links that do not exist were opened from your network. Open your link again in a minute.",
        ),
        UnsubscribeMessage::NotAsked => (
            "Nothing has changed",
            "Open the link from the mail, and press the button on the page.",
        ),
        UnsubscribeMessage::TooLarge => (
            "That was too much",
            "Nothing has changed. Open the link from the mail again.",
        ),
        UnsubscribeMessage::Unknown => (
            "This link leads nowhere",
            "It may be incomplete: some mail programs break long links. Copy the whole link from the mail.",
        ),
        UnsubscribeMessage::Away => (
            "Not available right now",
            "Nothing may have changed. Open the link again in a minute: the page says what holds.",
        ),
    }
}

fn about(category: Category) -> &'static str {
    match category {
        Category::Unspecified => "what happens here",
        Category::Consent => "decisions",
        Category::Access => "applications that are taken away",
        Category::Denials => "tenants that deny a version",
        Category::Acceptances => "tenants that accept a version",
        Category::Switches => "switches of applications",
        Category::Tests => "versions in test",
        Category::Mails => "mails that do not arrive",
        Category::Recovery => "restored backups",
    }
}
