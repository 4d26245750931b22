//! The pages, as browsers, scanners and programs use them.

use std::{collections::BTreeSet, time::Duration};

use contract::{Problem, Reason, reason};
use jiff::Timestamp;
use proto::provisioning::v1 as wire;
use runtime::Clock;

use crate::{
    edge::limit::WRONG_MAX,
    tests::{
        http::{Answer, send},
        provisioning::FORM_TOKEN,
        world::World,
    },
};

mod german;
mod overview;

const TOKEN: &str = "Zq3vN8yB1tKxW5rD7mHcJ2pLfS9gUaE4oQ6iTnVbYwX";
const FORM: &str = "application/x-www-form-urlencoded";
const A_PERSON: [(&str, &str); 3] = [
    ("Origin", "null"),
    ("Sec-Fetch-Site", "same-origin"),
    ("Sec-Fetch-User", "?1"),
];

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn wire_time(text: &str) -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: time(text).as_second(),
        nanos: 0,
    }
}

fn offer(kind: wire::OfferKind, status: wire::OfferStatus) -> wire::Offer {
    let decided = !matches!(
        status,
        wire::OfferStatus::Open | wire::OfferStatus::Expired | wire::OfferStatus::Void
    );
    wire::Offer {
        provisioning: "tenants/acme/applications/crm/provisionings/2.0".to_owned(),
        tenant_display_name: "Acme & Sons <Ltd>".to_owned(),
        application_display_name: "Customers".to_owned(),
        source_version: match kind {
            wire::OfferKind::Accept => String::new(),
            wire::OfferKind::Deny | wire::OfferKind::Unspecified => "1.4".to_owned(),
        },
        target_version: "2.0".to_owned(),
        kind: kind.into(),
        status: status.into(),
        decision_time: decided.then(|| wire_time("2026-11-23T10:00:00Z")),
        expire_time: Some(match status {
            wire::OfferStatus::Expired => wire_time("2026-11-22T08:30:00Z"),
            _ => wire_time("2026-12-24T08:30:00Z"),
        }),
        outstanding_gateways: match status {
            wire::OfferStatus::DeniedTakingEffect => vec!["gateways/g-2".to_owned()],
            _ => Vec::new(),
        },
        fleet_size: 3,
        typed_word: "crm".to_owned(),
        tenant_users: 0,
    }
}

/// A gateway's edge at a time of its own, with one open link.
async fn edge() -> World {
    let mut world = World::without_gateway().await;
    world.clock = Clock::simulated(time("2026-11-23T12:00:00Z"), 1);
    world.start_gateway().await;
    world.provisioning.offer(TOKEN, open());
    world
}

fn open() -> wire::Offer {
    offer(wire::OfferKind::Deny, wire::OfferStatus::Open)
}

async fn visit(world: &World, method: &str, token: &str, fields: &[(&str, &str)]) -> Answer {
    let path = format!("/consent/{token}");
    send(world.at().edge, method, &path, fields, "")
        .await
        .unwrap()
}

async fn post(world: &World, fields: &[(&str, &str)], body: &str) -> Answer {
    let mut fields = fields.to_vec();
    fields.push(("Content-Type", FORM));
    let path = format!("/consent/{TOKEN}");
    send(world.at().edge, "POST", &path, &fields, body)
        .await
        .unwrap()
}

/// The form as a person's browser sends it.
async fn choose(world: &World, choice: &str) -> Answer {
    let page = visit(world, "GET", TOKEN, &[]).await;
    let form_token = hidden(&page, "form_token");
    let body = format!("form_token={form_token}&decision={choice}&typed=crm");
    post(world, &A_PERSON, &body).await
}

fn hidden<'a>(page: &'a Answer, name: &str) -> &'a str {
    let start = format!("name=\"{name}\" value=\"");
    let (_, rest) = page.body.split_once(&start).unwrap();
    rest.split_once('"').unwrap().0
}

/// What a reader sees: the page without its style.
fn seen(page: &Answer) -> String {
    let (head, rest) = page.body.split_once("<style>").unwrap();
    let (_, rest) = rest.split_once("</style>").unwrap();
    let lines = [head, rest].concat();
    let lines: Vec<&str> = lines
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    lines.join("\n")
}

#[tokio::test]
async fn each_state_of_an_offer_has_its_page() {
    let world = edge().await;
    let states = [
        ("open", wire::OfferKind::Deny, wire::OfferStatus::Open, 200),
        (
            "first",
            wire::OfferKind::Accept,
            wire::OfferStatus::Open,
            200,
        ),
        (
            "accepted",
            wire::OfferKind::Deny,
            wire::OfferStatus::Accepted,
            200,
        ),
        (
            "recorded",
            wire::OfferKind::Deny,
            wire::OfferStatus::DeniedRecorded,
            200,
        ),
        (
            "taking_effect",
            wire::OfferKind::Deny,
            wire::OfferStatus::DeniedTakingEffect,
            200,
        ),
        (
            "in_force",
            wire::OfferKind::Deny,
            wire::OfferStatus::DeniedInForce,
            200,
        ),
        (
            "expired",
            wire::OfferKind::Deny,
            wire::OfferStatus::Expired,
            410,
        ),
        ("void", wire::OfferKind::Deny, wire::OfferStatus::Void, 410),
    ];
    for (name, kind, status, code) in states {
        world.provisioning.offer(TOKEN, offer(kind, status));
        let page = visit(&world, "GET", TOKEN, &[]).await;
        assert_eq!(page.status, code, "{name}");
        let decides = code == 200;
        assert_eq!(page.body.contains("<form"), decides, "{name}");
        assert!(
            !seen(&page).contains("checked"),
            "nothing is chosen beforehand"
        );
        insta::assert_snapshot!(name, seen(&page));
    }
    world.end().await;
}

#[tokio::test]
async fn looking_changes_nothing_however_often_and_by_whatever_method() {
    let world = edge().await;
    let get = visit(&world, "GET", TOKEN, &[]).await;
    let head = visit(&world, "HEAD", TOKEN, &[]).await;
    assert_eq!((get.status, head.status), (200, 200));
    assert_eq!(head.body, "");
    for (method, expected) in [
        ("OPTIONS", 405),
        ("PUT", 405),
        ("DELETE", 405),
        ("PATCH", 405),
    ] {
        let answer = visit(&world, method, TOKEN, &[]).await;
        assert_eq!(answer.status, expected, "{method}");
        assert!(
            answer.field("allow").contains("POST"),
            "{method}: {}",
            answer.head
        );
    }
    let prefetch = visit(&world, "GET", TOKEN, &[("Sec-Purpose", "prefetch")]).await;
    assert_eq!(prefetch.status, 200);
    assert_eq!(world.provisioning.decisions(), []);
    assert!(world.provisioning.looked_up() >= 3);
    world.end().await;
}

#[tokio::test]
async fn a_person_denies_and_takes_it_back_on_the_same_page() {
    let world = edge().await;
    let answer = choose(&world, "deny").await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    assert_eq!(answer.field("location"), format!("/consent/{TOKEN}"));
    let page = visit(&world, "GET", TOKEN, &[]).await;
    assert!(
        page.body.contains("Your denial is recorded"),
        "{}",
        page.body
    );
    assert!(page.body.contains("Take the denial back"), "{}", page.body);

    let answer = choose(&world, "accept").await;
    assert_eq!(answer.status, 303);
    let page = visit(&world, "GET", TOKEN, &[]).await;
    assert!(page.body.contains("You have accepted"), "{}", page.body);

    let decisions = world.provisioning.decisions();
    let [deny, accept] = decisions.as_slice() else {
        panic!("{decisions:?}")
    };
    assert_eq!(deny.decision(), wire::Decision::Deny);
    assert_eq!(accept.decision(), wire::Decision::Accept);
    assert_eq!(deny.token, TOKEN);
    assert_eq!(deny.form_token, FORM_TOKEN);
    assert_eq!(deny.origin.as_ref().unwrap().address, "127.0.0.1");
    world.end().await;
}

#[tokio::test]
async fn what_was_typed_goes_to_provisioning_and_what_it_misses_is_said_on_the_page() {
    let world = edge().await;
    let page = visit(&world, "GET", TOKEN, &[]).await;
    assert!(
        page.body.contains("<b translate=\"no\">crm</b>"),
        "{}",
        page.body
    );
    let inputs = page.body.split("<input").skip(1);
    let told = inputs.filter_map(|input| input.split('>').next());
    for input in told {
        assert!(
            !input.contains("crm"),
            "no field tells the word to machines: {input}"
        );
    }
    for (refusal, status) in [
        (reason::GESTURE_MISSING, 422),
        (reason::FORM_TOO_FAST, 409),
        (reason::FORM_STALE, 409),
    ] {
        let problem = Problem::failed_precondition(refusal.clone(), "no");
        world.provisioning.refuse_with(Some(problem));
        let answer = choose(&world, "deny").await;
        assert_eq!(answer.status, status, "{refusal}");
        assert!(
            answer.body.contains("Nothing was decided"),
            "{}",
            answer.body
        );
        assert!(seen(&answer).contains("<form") && !seen(&answer).contains("checked"));
        if refusal == reason::GESTURE_MISSING {
            insta::assert_snapshot!("without_the_word", seen(&answer));
        }
    }
    assert_eq!(world.provisioning.decisions(), []);
    world.provisioning.refuse_with(None);
    assert_eq!(choose(&world, "deny").await.status, 303);
    let decisions = world.provisioning.decisions();
    assert_eq!((decisions.len(), decisions[0].typed.as_str()), (1, "crm"));
    world.end().await;
}

#[tokio::test]
async fn forms_that_are_not_ours_decide_nothing() {
    let world = edge().await;
    let good = format!("form_token={FORM_TOKEN}&decision=deny");
    let cross = [("Origin", "https://evil.example"), ("Sec-Fetch-User", "?1")];
    assert_eq!(post(&world, &cross, &good).await.status, 403);
    let cross = [("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-User", "?1")];
    assert_eq!(post(&world, &cross, &good).await.status, 403);

    let none = format!("form_token={FORM_TOKEN}");
    let answer = post(&world, &A_PERSON, &none).await;
    assert_eq!(answer.status, 422);
    assert!(answer.body.contains("Please choose"), "{}", answer.body);
    let json = [&A_PERSON[..], &[("Accept", "application/json")]].concat();
    let answer = post(&world, &json, &none).await;
    assert_eq!(answer.field("content-type"), "application/json");
    assert!(answer.body.contains("INVALID_FIELDS"), "{}", answer.body);
    for bad in ["decision=deny", "form_token=x&decision=perhaps", "%%%"] {
        assert_eq!(post(&world, &A_PERSON, bad).await.status, 400, "{bad}");
    }
    let path = format!("/consent/{TOKEN}");
    let plain = [("Content-Type", "text/plain"), ("Sec-Fetch-User", "?1")];
    let answer = send(world.at().edge, "POST", &path, &plain, &good)
        .await
        .unwrap();
    assert_eq!(answer.status, 400);
    let most = format!("{good}&x={}", "a".repeat(8 * 1024));
    assert_eq!(post(&world, &A_PERSON, &most).await.status, 413);
    assert_eq!(world.provisioning.decisions(), []);
    world.end().await;
}

#[tokio::test]
async fn what_provisioning_refuses_is_shown_as_what_it_is() {
    let world = edge().await;
    let refuse = |code, reason: Reason| {
        world
            .provisioning
            .refuse_with(Some(Problem::new(code, reason, "no")));
    };
    for (status, refusal, words) in [
        (
            wire::OfferStatus::Expired,
            reason::TOKEN_EXPIRED,
            "The time to decide is over",
        ),
        (
            wire::OfferStatus::Void,
            reason::TOKEN_VOID,
            "nothing to decide",
        ),
    ] {
        world.provisioning.offer(TOKEN, open());
        world
            .provisioning
            .offer(TOKEN, offer(wire::OfferKind::Deny, status));
        refuse(contract::Code::FailedPrecondition, refusal);
        let body = format!("form_token={FORM_TOKEN}&decision=deny&typed=crm");
        let answer = post(&world, &A_PERSON, &body).await;
        assert_eq!(answer.status, 410);
        assert!(answer.body.contains(words), "{}", answer.body);
        assert!(!answer.body.contains("<form"));
    }
    assert_eq!(world.provisioning.decisions(), []);
    world.end().await;
}

#[tokio::test]
async fn links_that_lead_nowhere_all_look_the_same_and_cannot_be_guessed_fast() {
    let world = edge().await;
    let long = "x".repeat(3000);
    let wrong = ["A".repeat(43), "x".to_owned(), "%00%ff".to_owned(), long];
    let mut pages = BTreeSet::new();
    for token in &wrong {
        let page = visit(&world, "GET", token, &[]).await;
        assert_eq!(page.status, 404, "{token:.50}");
        assert!(page.field("retry-after").is_empty());
        pages.insert(page.body);
    }
    assert_eq!(pages.len(), 1);
    assert!(pages.first().unwrap().contains("leads nowhere"));
    assert_eq!(
        world.provisioning.looked_up(),
        4,
        "malformed ones take the same way"
    );

    for _ in 4..WRONG_MAX {
        assert_eq!(visit(&world, "GET", "nope", &[]).await.status, 404);
    }
    for token in ["nope", TOKEN] {
        let page = visit(&world, "GET", token, &[]).await;
        assert_eq!((page.status, page.field("retry-after")), (429, "60"));
    }
    world.clock.advance(Duration::from_secs(60));
    assert_eq!(visit(&world, "GET", TOKEN, &[]).await.status, 200);
    world.end().await;
}

#[tokio::test]
async fn who_comes_by_a_proxy_of_ours_is_counted_by_the_address_that_it_tells() {
    let world = edge().await;
    let guesser = [("x-forwarded-for", "198.51.100.1")];
    for _ in 0..WRONG_MAX {
        assert_eq!(visit(&world, "GET", "nope", &guesser).await.status, 404);
    }
    assert_eq!(visit(&world, "GET", TOKEN, &guesser).await.status, 429);
    let other = [("x-forwarded-for", "198.51.100.1, 203.0.113.5")];
    assert_eq!(visit(&world, "GET", TOKEN, &other).await.status, 200);
    world.end().await;
}

#[tokio::test]
async fn without_provisioning_the_page_says_to_come_back() {
    let mut world = edge().await;
    world.stop_provisioning().await;
    let page = visit(&world, "GET", TOKEN, &[]).await;
    assert_eq!((page.status, page.field("retry-after")), (503, "10"));
    assert!(page.body.contains("Reference: "), "{}", page.body);
    world.start_provisioning().await;
    world.end().await;
}

#[tokio::test]
async fn every_answer_keeps_to_itself_and_never_repeats_the_token() {
    let world = edge().await;
    let edge = world.at().edge;
    let path = format!("/consent/{TOKEN}");
    let page = visit(&world, "GET", TOKEN, &[]).await;
    let body = format!("form_token={FORM_TOKEN}&decision=deny");
    let answers = [
        page,
        visit(&world, "GET", "nope", &[]).await,
        visit(&world, "DELETE", TOKEN, &[]).await,
        post(&world, &[], &body).await,
        post(&world, &A_PERSON, "x").await,
        send(edge, "GET", &path, &[("Accept", "application/json")], "")
            .await
            .unwrap(),
        send(edge, "GET", "/nothing", &[], "").await.unwrap(),
    ];
    for answer in answers {
        let policy = answer.field("content-security-policy");
        for rule in [
            "default-src 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
            "'sha256-",
        ] {
            assert!(policy.contains(rule), "{policy}");
        }
        assert_eq!(answer.field("referrer-policy"), "no-referrer");
        assert_eq!(answer.field("cache-control"), "no-store");
        assert_eq!(answer.field("x-robots-tag"), "noindex, nofollow");
        assert_eq!(answer.field("x-content-type-options"), "nosniff");
        assert!(!answer.body.contains(TOKEN), "{}", answer.body);
        assert!(!answer.body.contains("<script"), "{}", answer.body);
        let json = answer.field("content-type") == "application/json";
        assert!(
            json || !answer.body.contains("Sons <Ltd>"),
            "names are escaped"
        );
    }
    world.end().await;
}

#[tokio::test]
async fn programs_get_json_and_no_form() {
    let world = edge().await;
    let json = [("Accept", "application/json")];
    let answer = visit(&world, "GET", TOKEN, &json).await;
    let offer: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(offer["status"], "open");
    assert_eq!(offer["tenant"], "Acme & Sons <Ltd>");
    assert!(!answer.body.contains(FORM_TOKEN));
    let answer = visit(&world, "GET", "nope", &json).await;
    let error: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(
        (answer.status, &error["error"]),
        (404, &"TOKEN_INVALID".into())
    );
    world.end().await;
}
