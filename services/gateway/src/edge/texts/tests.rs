use std::collections::BTreeSet;

use super::*;

const SUPPORT_OF_ACME: &str = "help@acme.example";

fn who(support: &str) -> Who {
    Who {
        operator: "ACME".to_owned(),
        support: support.to_owned(),
    }
}

fn messages() -> Vec<Message> {
    use ConsentMessage as C;
    use UnsubscribeMessage as U;
    let consent = [
        C::TooMany,
        C::CrossSite,
        C::TooLarge,
        C::Unreadable,
        C::Unknown,
        C::Expired,
        C::TakenAway,
        C::Away,
    ];
    let unsubscribe = [U::TooMany, U::NotAsked, U::TooLarge, U::Unknown, U::Away];
    let others = [
        Message::ConsoleMissing,
        Message::NothingHere,
        Message::NotThisWay,
        Message::SignInOver,
        Message::SignedOut,
        Message::NoSignIn,
        Message::NotSignedIn("no".to_owned()),
    ];
    let consent = consent.into_iter().map(Message::Consent);
    let unsubscribe = unsubscribe.into_iter().map(Message::Unsubscribe);
    others
        .into_iter()
        .chain(consent)
        .chain(unsubscribe)
        .collect()
}

#[test]
fn nothing_is_said_in_the_other_language() {
    let [english, german] = Language::ALL.map(of);
    for message in messages() {
        let [one, other] = [english, german].map(|texts| texts.message(&message));
        assert_ne!(one.title, other.title, "{message:?}");
        assert_ne!(one.text, other.text, "{message:?}");
    }
    for lack in [Lack::Choice, Lack::Word, Lack::Time, Lack::FreshPage] {
        let notes = [english, german].map(|texts| texts.lack(lack));
        assert!(notes[0].starts_with("Nothing was decided: "), "{lack:?}");
        assert!(
            notes[1].starts_with("Es wurde nichts entschieden: "),
            "{lack:?}"
        );
    }
}

#[test]
fn everything_that_is_said_reads_well_in_german() {
    let all = messages().iter().fold(String::new(), |all, message| {
        let said = of(Language::German).message(message);
        format!("{all}{message:?}\n  {}\n  {}\n\n", said.title, said.text)
    });
    insta::assert_snapshot!(all);
}

#[test]
fn whom_to_ask_is_said_in_the_language_of_the_page_where_nobody_says_it_otherwise() {
    let asked = |language, support| of(language).frame(&who(support)).questions;
    let said = crate::config::SUPPORT;
    for (language, support, questions) in [
        (
            Language::English,
            said,
            "Questions? Ask your administrator.",
        ),
        (
            Language::German,
            said,
            "Fragen? Wenden Sie sich an Ihre Administration.",
        ),
        (
            Language::English,
            SUPPORT_OF_ACME,
            "Questions? Ask help@acme.example.",
        ),
        (
            Language::German,
            SUPPORT_OF_ACME,
            "Fragen? Wenden Sie sich an help@acme.example.",
        ),
    ] {
        assert_eq!(asked(language, support), questions);
    }
}

#[test]
fn times_read_as_each_language_writes_them() {
    let moment = Moment("2026-03-07T09:05:59Z".parse().unwrap());
    let read = Language::ALL.map(|language| of(language).time(moment));
    assert_eq!(
        read,
        ["7 March 2026, 09:05 UTC", "7. März 2026, 09:05 Uhr (UTC)"]
    );
}

#[test]
fn each_category_of_mails_is_told_apart() {
    use Category as C;
    let all = [
        C::Unspecified,
        C::Consent,
        C::Access,
        C::Denials,
        C::Acceptances,
        C::Switches,
        C::Tests,
        C::Mails,
        C::Recovery,
    ];
    for language in Language::ALL {
        let said: BTreeSet<_> = all
            .into_iter()
            .map(|category| {
                let wish = Wish {
                    address: "olga@ops.example",
                    category,
                    done: false,
                };
                of(language).unsubscribe(&wish, &who(SUPPORT_OF_ACME)).holds
            })
            .collect();
        assert_eq!(said.len(), all.len(), "{language}");
    }
}
