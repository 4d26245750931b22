use super::*;
use crate::{COOLDOWN, KEPT, testing::Signer};

#[tokio::test]
async fn keys_are_asked_for_once_and_a_new_one_is_taken_without_a_restart() {
    let world = World::start().await;
    assert_eq!(
        world.fake.fetches(),
        0,
        "nothing is asked before it is needed"
    );
    for _ in 0..10 {
        let token = world.fake.access_token(&claims());
        assert_eq!(world.check(&token, at(0)).await.unwrap().subject(), "anna");
    }
    assert_eq!(world.fake.fetches(), 1);
    let old = world.fake.access_token(&claims());
    world.fake.rotate(Signer::rsa("second"));
    let new = world.fake.access_token(&claims());
    assert!(world.check(&new, at(20)).await.is_ok());
    assert_eq!(world.fake.fetches(), 2);
    assert_eq!(
        world.check(&old, at(20)).await,
        Err(Refusal::UnknownKey),
        "a key that was withdrawn is believed no longer"
    );
}

#[tokio::test]
async fn a_flood_of_unknown_keys_is_no_flood_of_questions() {
    let world = World::start().await;
    assert!(
        world
            .check(&world.fake.access_token(&claims()), at(0))
            .await
            .is_ok()
    );
    let mut asked = Vec::new();
    for second in 0..60 {
        let stranger = Signer::p256(&format!("stranger-{second}"));
        let token = stranger.token(&stranger.header("at+jwt"), &claims());
        let flood = (0..20).map(|_| world.check(&token, at(second)));
        for answer in futures::future::join_all(flood).await {
            assert_eq!(answer, Err(Refusal::UnknownKey));
        }
        asked.push(world.fake.fetches());
    }
    let most = 1 + 60 / usize::try_from(COOLDOWN.as_secs()).unwrap();
    assert!(*asked.last().unwrap() <= most, "{asked:?}");
    assert!(
        world
            .check(&world.fake.access_token(&claims()), at(60))
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn callers_that_hang_up_do_not_keep_a_new_key_from_the_others() {
    let world = World::start().await;
    let token = world.fake.access_token(&claims());
    // The first caller goes away as soon as the question is on its way.
    let gone = world.check(&token, at(0));
    assert!(futures::poll!(Box::pin(gone)).is_pending());
    assert!(world.check(&token, at(1)).await.is_ok());
    assert_eq!(world.fake.fetches(), 1);
}

#[tokio::test]
async fn while_the_issuer_is_away_its_keys_hold_for_a_day_and_no_longer() {
    let world = World::start().await;
    let ends = Timestamp::from_second(START).unwrap() + KEPT * 2;
    let rules = AccessRules::new(AUDIENCE).lifetime_max(KEPT * 3);
    let token = world.fake.access_token(&but("exp", ends.as_second()));
    let check = |now| world.issuer.access_token(&token, &rules, now);
    assert!(check(at(0)).await.is_ok());
    world.fake.up(false);
    assert!(check(at(3600)).await.is_ok(), "old keys hold");
    assert!(check(at(KEPT.as_secs() - 1)).await.is_ok());
    assert_eq!(check(at(KEPT.as_secs())).await, Err(Refusal::NoKeys));
    world.fake.up(true);
    let back = at(KEPT.as_secs() + COOLDOWN.as_secs());
    assert!(check(back).await.is_ok(), "it answers again");
}

#[tokio::test]
async fn an_issuer_that_never_answered_is_not_believed_and_soon_asked_again() {
    let world = World::start().await;
    world.fake.up(false);
    let token = world.fake.access_token(&claims());
    assert_eq!(world.check(&token, at(0)).await, Err(Refusal::NoKeys));
    world.fake.up(true);
    assert_eq!(world.check(&token, at(1)).await, Err(Refusal::NoKeys));
    assert!(world.check(&token, at(COOLDOWN.as_secs())).await.is_ok());
}

#[tokio::test]
async fn keys_are_kept_as_long_as_the_issuer_allows_within_a_minute_and_a_day() {
    let rules = AccessRules::new(AUDIENCE).lifetime_max(KEPT * 3);
    for (said, seconds) in [
        ("max-age=300", 300),
        ("public, max-age=120", 120),
        ("max-age=1", 60),
        ("no-store", 60),
        ("max-age=120, no-cache", 60),
        ("max-age=99999999", 24 * 3600),
        ("max-age=-1", 600),
        ("", 600),
    ] {
        let world = World::start().await;
        world.fake.cache_control(said);
        let end = START + 3 * 24 * 3600;
        let token = world.fake.access_token(&but("exp", end));
        for (second, fetches) in [(0, 1), (seconds - 1, 1), (seconds, 2)] {
            let answer = world.issuer.access_token(&token, &rules, at(second)).await;
            assert!(answer.is_ok(), "{said} after {second}: {answer:?}");
            assert_eq!(world.fake.fetches(), fetches, "{said} after {second}");
        }
    }
}

#[tokio::test]
async fn a_discovery_document_of_another_issuer_or_with_foreign_places_is_refused() {
    for (member, value) in [
        ("issuer", json!("https://id.example.com")),
        ("issuer", Value::Null),
        ("jwks_uri", json!("http://keys.example.com/keys")),
        ("jwks_uri", json!("file:///etc/passwd")),
        ("jwks_uri", Value::Null),
        ("token_endpoint", json!("http://id.example.com/token")),
    ] {
        let world = World::start().await;
        world.fake.document(member, value.clone());
        let token = world.fake.access_token(&claims());
        let answer = world.check(&token, at(0)).await;
        assert_eq!(answer, Err(Refusal::NoKeys), "{member} = {value}");
    }
    let world = World::start().await;
    let slash = format!("{}/", world.fake.url());
    world.fake.document("issuer", json!(slash));
    let token = world.fake.access_token(&claims());
    assert_eq!(
        world.check(&token, at(0)).await,
        Err(Refusal::NoKeys),
        "names are the same to the letter"
    );
}
