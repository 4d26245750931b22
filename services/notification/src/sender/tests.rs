//! Deliveries against a scripted server, with hours compressed by a simulated clock.

use jiff::SignedDuration;
use store::testing::TestDb;

use super::*;
use crate::{
    delivery::State,
    smtp::stub::{Act, At},
    store::{MIGRATIONS, deliveries::Word},
};

mod claims;
mod crowds;
mod faults;
mod logs;
mod world;

use world::{World, domains, due, is};

store::on_both!(
    MIGRATIONS,
    async fn a_mail_is_sent_once_and_its_text_forgotten(db: Db) {
        let mut world = World::new(&db, []).await;
        world.start(4);
        world
            .publish("1", &["anna@acme.example", "bob@acme.example"])
            .await;
        world.until_all(Word::Sent).await;
        world.shell.clone().finish_test().await;
        assert_eq!(
            world.stub.copies().into_values().collect::<Vec<_>>(),
            [1, 1]
        );
        assert_eq!(
            world.tries("anna@acme.example").await,
            ["250 2.0.0 queued as 1"]
        );
        let anna = world.of("anna@acme.example").await;
        let retried = retry_now(&db, &world.clock, anna.id).await;
        assert!(matches!(retried, Err(Error::Sent(_))), "{retried:?}");
        assert!(world.told().await.is_empty());
    }
);

store::on_both!(
    MIGRATIONS,
    async fn a_mail_whose_answer_was_lost_is_sent_again_with_the_same_bytes(db: Db) {
        let mut world = World::new(&db, [Act::Drop(At::Dot)]).await;
        world.start(4);
        world.publish("1", &["anna@acme.example"]).await;
        world.quiet().await;
        let anna = world.of("anna@acme.example").await;
        assert!(is(&anna, Word::Queued), "{anna:?}");
        world.advance(SignedDuration::from_secs(10));
        world.until_all(Word::Sent).await;
        let taken = world.stub.log().taken.clone();
        assert_eq!(taken.len(), 2);
        assert_eq!(taken[0], taken[1], "Message-ID, Date and text");
        assert_eq!(taken[0].message_id(), anna.message_id);
        let tries = world.tries("anna@acme.example").await;
        assert!(tries[1].contains("it may have taken the mail"), "{tries:?}");
        world.shell.clone().finish_test().await;
    }
);

store::on_both!(
    MIGRATIONS,
    async fn a_refusal_is_shown_in_the_servers_words_and_can_be_tried_again(db: Db) {
        let mut world = World::new(
            &db,
            [Act::Say(At::Recipient, "550-5.1.1 no such\r\n550 user")],
        )
        .await;
        world.start(4);
        world.publish("1", &["anna@acme.example"]).await;
        world.until_all(Word::Failed).await;
        let anna = world.of("anna@acme.example").await;
        assert_eq!(
            anna.progress.told().unwrap().1.as_str(),
            "550 5.1.1 no such user"
        );
        let told = world.told().await;
        assert!(
            told.len() == 1 && told[0].starts_with("mail_failed: 550 5.1.1 no such user"),
            "{told:?}"
        );
        world.advance(SignedDuration::from_hours(48));
        world.quiet().await;
        assert!(
            world.stub.log().taken.is_empty(),
            "nobody tries it by itself"
        );

        retry_now(&db, &world.clock, anna.id).await.unwrap();
        world.until_all(Word::Sent).await;
        assert_eq!(world.stub.log().taken[0].message_id(), anna.message_id);
        assert_eq!(world.told().await.len(), 1);
        world.shell.clone().finish_test().await;
    }
);

store::on_both!(
    MIGRATIONS,
    async fn a_mail_that_waits_can_be_tried_at_once(db: Db) {
        let mut world = World::new(&db, [Act::Say(At::Recipient, "450 greylisted")]).await;
        world.start(4);
        world.publish("1", &["anna@acme.example"]).await;
        world.quiet().await;
        let anna = world.of("anna@acme.example").await;
        assert!(
            matches!(
                anna.progress.state,
                State::Queued {
                    wait: Wait::Recipient,
                    ..
                }
            ),
            "{anna:?}"
        );
        retry_now(&db, &world.clock, anna.id).await.unwrap();
        world.until_all(Word::Sent).await;
        world.shell.clone().finish_test().await;
    }
);

// Six hours in a moment.
store::on_both!(
    MIGRATIONS,
    async fn a_dead_server_delays_mail_and_one_that_is_back_gets_all_of_it_once(db: Db) {
        const MAILS: usize = 60;
        let mut world = World::new(&db, []).await;
        world.stub.then_always(Act::Drop(At::Greeting));
        world.start(8);
        for n in 0..MAILS / 10 {
            let addresses: Vec<_> = (0..10).map(|m| format!("a{n}-{m}@acme.example")).collect();
            world
                .publish(
                    &n.to_string(),
                    &addresses.iter().map(String::as_str).collect::<Vec<_>>(),
                )
                .await;
        }
        for _ in 0..6 {
            world.quiet().await;
            world.advance(SignedDuration::from_hours(1));
        }
        world.quiet().await;
        let waiting = world.all().await;
        assert!(waiting.iter().all(|d| is(d, Word::Queued)), "{waiting:?}");
        assert!(
            waiting.iter().all(|d| d.try_count >= 6),
            "each was tried again and again"
        );
        assert!(
            world.told().await.is_empty(),
            "hours are no reason to give up"
        );

        world.stub.then_always(Act::Take);
        // The first that is due shows that the server is back; the others need not wait for their turn.
        let first = waiting.iter().filter_map(due).min().unwrap();
        world.advance(first.duration_since(world.clock.now()));
        world.until_all(Word::Sent).await;
        let copies = world.stub.copies();
        assert_eq!((copies.len(), copies.values().max()), (MAILS, Some(&1)));
        world.shell.clone().finish_test().await;
    }
);

#[tokio::test]
async fn after_five_days_a_mail_is_dead_and_the_operator_knows() {
    let test = TestDb::sqlite(&MIGRATIONS).await;
    let mut world = World::new(test.db(), []).await;
    world
        .stub
        .then_always(Act::Say(At::Recipient, "450 greylisted for ever"));
    world.start(4);
    world.publish("1", &["anna@acme.example"]).await;
    for _ in 0..5 * 24 {
        world.quiet().await;
        world.advance(SignedDuration::from_hours(1));
    }
    world.until_all(Word::Dead).await;
    let told = world.told().await;
    assert!(
        told.len() == 1 && told[0].starts_with("mail_dead"),
        "{told:?}"
    );
    let anna = world.of("anna@acme.example").await;
    assert_eq!(world.tries("anna@acme.example").await.len(), 20);
    world.stub.then_always(Act::Take);
    retry_now(&world.db, &world.clock, anna.id).await.unwrap();
    world.until_all(Word::Sent).await;
    world.shell.clone().finish_test().await;
}
