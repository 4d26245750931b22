//! The pages for whoever reads German.

use super::*;

const A_GERMAN: (&str, &str) = ("Accept-Language", "de-DE,de;q=0.9,en;q=0.8");

#[tokio::test]
async fn each_state_of_an_offer_has_its_page_in_german() {
    let world = edge().await;
    let states = [
        ("open", wire::OfferKind::Deny, wire::OfferStatus::Open),
        ("first", wire::OfferKind::Accept, wire::OfferStatus::Open),
        (
            "accepted",
            wire::OfferKind::Deny,
            wire::OfferStatus::Accepted,
        ),
        (
            "recorded",
            wire::OfferKind::Deny,
            wire::OfferStatus::DeniedRecorded,
        ),
        (
            "taking_effect",
            wire::OfferKind::Deny,
            wire::OfferStatus::DeniedTakingEffect,
        ),
        (
            "in_force",
            wire::OfferKind::Deny,
            wire::OfferStatus::DeniedInForce,
        ),
        ("expired", wire::OfferKind::Deny, wire::OfferStatus::Expired),
        ("void", wire::OfferKind::Deny, wire::OfferStatus::Void),
    ];
    for (name, kind, status) in states {
        let offer = wire::Offer {
            tenant_users: 250,
            ..offer(kind, status)
        };
        world.provisioning.offer(TOKEN, offer);
        let page = visit(&world, "GET", TOKEN, &[A_GERMAN]).await;
        insta::assert_snapshot!(name, seen(&page));
    }
    world.end().await;
}

#[tokio::test]
async fn the_address_says_more_than_the_browser_and_both_are_told_on_the_answer() {
    let world = edge().await;
    let english = ("Accept-Language", "en-GB,en;q=0.9,de;q=0.1");
    for (tail, fields, language, varies) in [
        ("", &[][..], "en", true),
        ("", &[A_GERMAN], "de", true),
        ("", &[english], "en", true),
        ("", &[("Accept-Language", "fr, it;q=0.5")], "en", true),
        ("?lang=en", &[A_GERMAN], "en", false),
        ("?lang=de", &[english], "de", false),
        ("?all&lang=de", &[english], "de", false),
        ("?lang=fr", &[A_GERMAN], "de", true),
    ] {
        let page = visit(&world, "GET", &format!("{TOKEN}{tail}"), fields).await;
        assert_eq!(page.status, 200);
        assert!(page.body.contains(&format!("<html lang=\"{language}\">")));
        assert_eq!(page.field("content-language"), language, "{tail}");
        let vary = page.field("vary").contains("accept-language");
        assert_eq!(vary, varies, "{tail}");
    }
    world.end().await;
}

#[tokio::test]
async fn a_choice_of_language_goes_along_from_page_to_page() {
    let world = edge().await;
    let german = format!("{TOKEN}?lang=de");
    let page = visit(&world, "GET", &german, &[]).await;
    for place in [
        "<a href=\"?lang=en\" hreflang=\"en\" lang=\"en\">English</a>",
        "<a href=\"?all&amp;lang=de\">",
        "<form method=\"post\" action=\"\">",
    ] {
        assert!(page.body.contains(place), "{place}: {}", page.body);
    }
    let all = visit(&world, "GET", &format!("{german}&all"), &[]).await;
    let other = "<a href=\"?all&amp;lang=en\" hreflang=\"en\" lang=\"en\">English</a>";
    assert!(all.body.contains(other), "{}", all.body);

    let sent = |body: &'static str| {
        let mut fields = A_PERSON.to_vec();
        fields.push(("Content-Type", FORM));
        let (edge, path) = (world.at().edge, format!("/consent/{german}"));
        async move { send(edge, "POST", &path, &fields, body).await.unwrap() }
    };
    let again = sent("form_token=f&typed=crm").await;
    assert_eq!(again.status, 422);
    assert!(
        again
            .body
            .contains("Es wurde nichts entschieden: Keine der beiden Antworten"),
        "{}",
        again.body
    );
    let decided = sent("form_token=f&decision=deny&typed=crm").await;
    assert_eq!(decided.status, 303, "{}", decided.body);
    let place = format!("/consent/{TOKEN}?lang=de");
    assert_eq!(decided.field("location"), place);
    let page = visit(&world, "GET", &german, &[]).await;
    assert!(
        page.body.contains("Ihre Ablehnung ist vermerkt"),
        "{}",
        page.body
    );
    world.end().await;
}

#[tokio::test]
async fn what_keeps_a_link_from_its_page_is_said_in_german_and_to_programs_in_english() {
    let mut world = edge().await;
    let json = [A_GERMAN, ("Accept", "application/json")];
    let unknown = visit(&world, "GET", "nope?lang=de", &[]).await;
    assert!(unknown.body.contains("Dieser Link führt nirgendwohin"));
    assert!(
        unknown.body.contains("<a href=\"?lang=en\""),
        "{}",
        unknown.body
    );
    let told = visit(&world, "GET", "nope?lang=de", &json).await;
    assert!(told.body.contains("It may be incomplete"), "{}", told.body);
    let offer = visit(&world, "GET", TOKEN, &json).await;
    assert!(
        offer.body.contains("24 December 2026, 08:30 UTC"),
        "{}",
        offer.body
    );
    let nothing = send(world.at().edge, "GET", "/nothing", &[A_GERMAN], "").await;
    let nothing = nothing.unwrap();
    assert!(
        nothing.body.contains("Hier gibt es nichts"),
        "{}",
        nothing.body
    );
    assert!(
        !nothing.body.contains("hreflang"),
        "an address that names no language leads to none"
    );
    world.stop_provisioning().await;
    let away = visit(&world, "GET", TOKEN, &[A_GERMAN]).await;
    assert_eq!(away.status, 503);
    assert!(away.body.contains("Kennung: "), "{}", away.body);
    world.start_provisioning().await;
    world.end().await;
}
