//! What goes wrong with one mail, or with us, stops no other mail.

use super::*;
use crate::store::deliveries::Stored;

#[tokio::test]
async fn one_bad_recipient_delays_nobody() {
    let test = TestDb::sqlite(&MIGRATIONS).await;
    let mut world = World::new(test.db(), []).await;
    world
        .stub
        .with("slow@acme.example", Act::Hang(At::Recipient));
    world
        .stub
        .with("bad@acme.example", Act::Say(At::Recipient, "550 no"));
    world
        .stub
        .with("busy@acme.example", Act::Say(At::Recipient, "450 no"));
    world.start(2);
    world
        .publish(
            "1",
            &[
                "slow@acme.example",
                "bad@acme.example",
                "busy@acme.example",
                "a@acme.example",
                "b@acme.example",
            ],
        )
        .await;
    let of = |all: &[Stored], recipient: &str| {
        let found = all.iter().find(|d| d.recipient == recipient);
        found.map(|d| (Word::of(&d.progress.state), d.try_count))
    };
    world
        .until("all but the slow one are settled", |all| {
            of(all, "a@acme.example") == Some((Word::Sent, 1))
                && of(all, "b@acme.example") == Some((Word::Sent, 1))
                && of(all, "bad@acme.example") == Some((Word::Failed, 1))
                && of(all, "busy@acme.example") == Some((Word::Queued, 1))
                && of(all, "slow@acme.example") == Some((Word::Sending, 1))
        })
        .await;
    assert!(world.stub.log().open_max <= 2, "no more than two at a time");
    world.kill().await;
}

store::on_both!(
    MIGRATIONS,
    async fn a_poison_row_is_parked_with_its_reason_and_the_next_one_sent(db: Db) {
        let mut world = World::new(&db, []).await;
        world
            .publish(
                "1",
                &[
                    "poison@acme.example",
                    "header@acme.example",
                    "good@acme.example",
                ],
            )
            .await;
        // Before anybody has claimed them, one mail is damaged, and one goes to no address.
        store::write!(db, |tx| {
            const DAMAGE: &str = "update deliveries set mail = 's1.00000000.x' where recipient = 'poison@acme.example'";
            const ADDRESS: &str = "update deliveries set recipient = $1 where recipient = 'header@acme.example'";
            store::on!(tx, |conn| sqlx::query(DAMAGE).execute(conn).await.map(drop))?;
            store::on!(tx, |conn| sqlx::query(ADDRESS).bind("a@b.c>\r\nRCPT TO:<evil@evil.example").execute(conn).await.map(drop))
        })
        .unwrap();
        world.start(1);
        world
            .until("nothing is left", |all| {
                all.iter()
                    .all(|d| !is(d, Word::Queued) && !is(d, Word::Sending))
            })
            .await;
        let states: Vec<_> = world
            .all()
            .await
            .iter()
            .map(|d| Word::of(&d.progress.state))
            .collect();
        assert_eq!(
            states.iter().filter(|word| **word == Word::Failed).count(),
            2,
            "{states:?}"
        );
        assert!(is(&world.of("good@acme.example").await, Word::Sent));
        assert!(
            !world
                .stub
                .log()
                .commands
                .iter()
                .any(|command| command.contains("evil"))
        );
        assert_eq!(world.told().await.len(), 2);
        world.shell.clone().finish_test().await;
    }
);

#[tokio::test]
async fn mails_wait_for_a_key_that_is_missing() {
    let test = TestDb::sqlite(&MIGRATIONS).await;
    let mut world = World::new(test.db(), []).await;
    world.publish("1", &["anna@acme.example"]).await;
    let right = std::mem::replace(&mut world.seal, Arc::new(Seal::for_tests()));
    world.start(4);
    world.quiet().await;
    let anna = world.of("anna@acme.example").await;
    assert!(is(&anna, Word::Queued), "{anna:?}");
    world.shell.clone().finish_test().await;

    world.seal = right;
    world.start(4);
    world.advance(SignedDuration::from_secs(10));
    world.until_all(Word::Sent).await;
    world.shell.clone().finish_test().await;
}

#[tokio::test]
async fn a_send_that_panics_is_refused_and_the_worker_goes_on() {
    let test = TestDb::sqlite(&MIGRATIONS).await;
    let mut world = World::new(test.db(), []).await;
    world.publish("1", &["anna@acme.example"]).await;
    let sender = world.sender(1);
    let down = Arc::new(AtomicBool::new(false));
    let now = world.clock.now();
    let claim = Claim(uuid::Uuid::new_v4());
    let claimed = store::write!(world.db, |tx| deliveries::claim(
        tx,
        now,
        1,
        &mut domains(),
        || claim
    )
    .await)
    .unwrap();
    let mut flights = Flights::none(now);
    let task = flights.tasks.spawn(async { panic!("oh no") });
    flights.attempts.insert(
        task.id(),
        ((claimed[0].delivery.id, claim), claimed[0].domain.clone()),
    );
    while let Some(ended) = flights.tasks.join_next_with_id().await {
        sender.landed(&ended, &mut flights, &down);
    }
    assert!(is(&world.of("anna@acme.example").await, Word::Failed));
    assert_eq!(world.told().await.len(), 1);
    world.start(1);
    world.publish("2", &["bob@acme.example"]).await;
    world
        .until("bob's is sent", |all| all.iter().any(|d| is(d, Word::Sent)))
        .await;
    world.shell.clone().finish_test().await;
}
