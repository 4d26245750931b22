use crate::{
    edge::limit::WRONG_MAX,
    tests::{
        http::{Answer, send},
        world::World,
    },
};

const TOKEN: &str = "s1.0a1b2c3d.Zq3vN8yB1tKxW5rD7mHcJ2pLfS9gUaE4oQ6iTnVbYwX";
const FORM: &str = "application/x-www-form-urlencoded";
const ONE_CLICK: &str = "List-Unsubscribe=One-Click";

async fn edge() -> World {
    let mut world = World::without_gateway().await;
    world.start_gateway().await;
    world.notification.link(TOKEN, "olga@<ops>.example");
    world
}

async fn visit(world: &World, method: &str, token: &str) -> Answer {
    let path = format!("/unsubscribe/{token}");
    send(world.at().edge, method, &path, &[], "").await.unwrap()
}

async fn post(world: &World, kind: &str, body: &str) -> Answer {
    let path = format!("/unsubscribe/{TOKEN}");
    let fields = [("Content-Type", kind)];
    send(world.at().edge, "POST", &path, &fields, body)
        .await
        .unwrap()
}

#[tokio::test]
async fn whoever_looks_changes_nothing_and_the_token_is_not_on_the_page() {
    let world = edge().await;
    for method in ["GET", "HEAD", "GET", "OPTIONS", "PUT", "DELETE"] {
        let answer = visit(&world, method, TOKEN).await;
        assert!(!answer.body.contains(TOKEN), "{method}: {}", answer.body);
        assert!(!world.notification.is_unsubscribed(TOKEN), "{method}");
    }
    let page = visit(&world, "GET", TOKEN).await;
    assert_eq!(page.status, 200);
    assert_eq!(page.field("Referrer-Policy"), "no-referrer");
    assert_eq!(page.field("Cache-Control"), "no-store");
    assert!(
        page.body.contains("olga@&lt;ops&gt;.example"),
        "{}",
        page.body
    );
    assert!(
        page.body.contains("Nothing has changed yet."),
        "{}",
        page.body
    );
    world.end().await;
}

#[tokio::test]
async fn one_click_of_a_mail_program_or_of_the_page_is_enough() {
    for (kind, body) in [
        (FORM, ONE_CLICK.to_owned()),
        (
            "multipart/form-data; boundary=x",
            "--x\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--x--\r\n".to_owned(),
        ),
    ] {
        let world = edge().await;
        let answer = post(&world, kind, &body).await;
        // No redirect: mail programs do not follow any (RFC 8058 section 3.1).
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert!(world.notification.is_unsubscribed(TOKEN), "{kind}");
        let again = post(&world, kind, &body).await;
        assert_eq!(again.status, 200);
        let page = visit(&world, "GET", TOKEN).await;
        assert!(page.body.contains("gets no more mails about switches"), "{}", page.body);
        assert!(!page.body.contains("<form"), "{}", page.body);
        world.end().await;
    }
}

#[tokio::test]
async fn a_post_that_asks_for_something_else_changes_nothing() {
    let world = edge().await;
    for body in [
        "",
        "x=y",
        "List-Unsubscribe=",
        "List-Unsubscribe=Two-Clicks",
        "decision=deny",
    ] {
        let answer = post(&world, FORM, body).await;
        assert_eq!(answer.status, 400, "{body}");
    }
    let answer = post(&world, FORM, &"x".repeat(5000)).await;
    assert_eq!(answer.status, 413);
    assert!(!world.notification.is_unsubscribed(TOKEN));
    world.end().await;
}

#[tokio::test]
async fn tokens_cannot_be_guessed_for_long() {
    let world = edge().await;
    for _ in 0..WRONG_MAX {
        assert_eq!(visit(&world, "GET", "s1.x.y").await.status, 404);
    }
    let answer = visit(&world, "GET", TOKEN).await;
    assert_eq!(answer.status, 429);
    assert!(!answer.field("Retry-After").is_empty());
    world.end().await;
}

#[tokio::test]
async fn while_notification_is_away_the_page_says_when_to_come_again() {
    let mut world = edge().await;
    world.stop_provisioning().await;
    let answer = post(&world, FORM, ONE_CLICK).await;
    assert_eq!(answer.status, 503);
    assert!(answer.body.contains("Reference: "), "{}", answer.body);
    assert!(!world.notification.is_unsubscribed(TOKEN));
}

#[tokio::test]
async fn whoever_reads_german_reads_it_before_and_after() {
    let world = edge().await;
    let german = format!("{TOKEN}?lang=de");
    let page = visit(&world, "GET", &german).await;
    assert_eq!(page.field("Content-Language"), "de");
    for part in [
        "<html lang=\"de\">",
        "Keine Mails wie diese mehr?",
        "Noch hat sich nichts geändert.",
        "<a href=\"?lang=en\"",
    ] {
        assert!(page.body.contains(part), "{part}: {}", page.body);
    }
    let fields = [("Content-Type", FORM)];
    let path = format!("/unsubscribe/{german}");
    let done = send(world.at().edge, "POST", &path, &fields, ONE_CLICK).await;
    let done = done.unwrap();
    assert_eq!(done.status, 200);
    assert!(
        done.body
            .contains("bekommt keine Mails mehr über Wechsel von Anwendungen."),
        "{}",
        done.body
    );
    let wrong = visit(&world, "GET", "s1.x.y?lang=de").await;
    assert!(wrong.body.contains("Dieser Link führt nirgendwohin"));
    world.end().await;
}
