//! Deliveries against a scripted server, with hours compressed by a simulated clock.

use jiff::SignedDuration;
use store::testing::TestDb;

use super::*;
use crate::{
    delivery::{LEASE, State},
    samples,
    smtp::stub::{Act, At},
    store::{
        MIGRATIONS,
        deliveries::{Stored, Word},
    },
};

mod world;

use world::{World, due, is};

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
    async fn a_crash_between_sending_and_writing_down_sends_the_same_again_once_the_claim_lapses(
        db: Db,
    ) {
        let mut world = World::new(&db, [Act::Hang(At::Dot)]).await;
        world.start(4);
        world.publish("1", &["anna@acme.example"]).await;
        let stub = &world.stub;
        world
            .until("the server has it", |_| stub.log().taken.len() == 1)
            .await;
        world.kill().await;
        assert!(is(&world.of("anna@acme.example").await, Word::Sending));

        world.start(4);
        world.publish("2", &["bob@acme.example"]).await;
        world
            .until("bob's is sent", |all| all.iter().any(|d| is(d, Word::Sent)))
            .await;
        assert!(
            is(&world.of("anna@acme.example").await, Word::Sending),
            "the claim still holds"
        );
        world.advance(LEASE);
        world.until_all(Word::Sent).await;
        let taken: Vec<_> = world
            .stub
            .log()
            .taken
            .iter()
            .filter(|taken| taken.to == "anna@acme.example")
            .cloned()
            .collect();
        assert_eq!(taken.len(), 2);
        assert_eq!(taken[0], taken[1]);
        let tries = world.tries("anna@acme.example").await;
        assert!(tries[1].starts_with("Interrupted"), "{tries:?}");
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
    let sender = Sender {
        db: world.db.clone(),
        clock: world.clock.clone(),
        seal: Arc::clone(&world.seal),
        relay: Arc::new(Relay::new(world.stub.settings()).unwrap()),
        from: world.publisher.from.address.clone(),
        in_flight: 1,
    };
    let down = Arc::new(AtomicBool::new(false));
    let now = world.clock.now();
    let claim = Claim(uuid::Uuid::new_v4());
    let claimed =
        store::write!(world.db, |tx| deliveries::claim(tx, now, 1, || claim).await).unwrap();
    let mut flights = Flights {
        tasks: JoinSet::new(),
        attempts: HashMap::new(),
    };
    let task = flights.tasks.spawn(async { panic!("oh no") });
    flights
        .attempts
        .insert(task.id(), (claimed[0].delivery.id, claim));
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

store::on_both!(
    MIGRATIONS,
    async fn a_late_answer_of_a_lapsed_claim_changes_nothing(db: Db) {
        let world = World::new(&db, []).await;
        world.publish("1", &["anna@acme.example"]).await;
        let sender = Sender {
            db: world.db.clone(),
            clock: world.clock.clone(),
            seal: Arc::clone(&world.seal),
            relay: Arc::new(Relay::new(world.stub.settings()).unwrap()),
            from: world.publisher.from.address.clone(),
            in_flight: 1,
        };
        let (old, new) = (Claim(uuid::Uuid::new_v4()), Claim(uuid::Uuid::new_v4()));
        let mut id = None;
        for claim in [old, new] {
            let now = world.clock.now();
            let claimed =
                store::write!(db, |tx| deliveries::claim(tx, now, 1, || claim).await).unwrap();
            id = Some(claimed[0].delivery.id);
            world.advance(LEASE);
        }
        let id = id.unwrap();
        let taken = Answer::Taken(Words::new("250 ok"));
        sender.finish((id, old), &taken, false).await.unwrap();
        assert!(is(&world.of("anna@acme.example").await, Word::Sending));
        sender.finish((id, new), &taken, false).await.unwrap();
        assert!(is(&world.of("anna@acme.example").await, Word::Sent));
        sender
            .finish((id, old), &Answer::Never(Words::new("550")), false)
            .await
            .unwrap();
        assert!(is(&world.of("anna@acme.example").await, Word::Sent));
    }
);

/// Everything that is logged, kept in memory.
#[derive(Clone, Default)]
struct Lines(Arc<std::sync::Mutex<Vec<u8>>>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// On one thread, so that one subscriber hears all of it, whatever level and library.
#[tokio::test(flavor = "current_thread")]
async fn logs_hold_no_address_no_subject_no_text_and_no_token() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let guard = tracing::subscriber::set_default(subscriber);
    let test = TestDb::sqlite(&MIGRATIONS).await;
    let refused = Act::Say(At::Recipient, "550 no anna@acme.example here");
    let mut world = World::new(test.db(), [Act::Drop(At::Dot), refused]).await;
    world.start(1);
    world
        .publish("1", &["anna@acme.example", "bob@acme.example"])
        .await;
    world.quiet().await;
    world.advance(SignedDuration::from_secs(10));
    world.quiet().await;
    world.shell.clone().finish_test().await;
    drop(guard);
    let logged = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert!(
        logged.contains("a mail was sent") && logged.contains("refused for good"),
        "{logged}"
    );
    assert!(
        logged.contains("request-1"),
        "the request's id is what joins it"
    );
    for secret in [
        "acme.example",
        samples::TOKEN,
        "moves to version",
        "If you deny",
    ] {
        assert!(!logged.contains(secret), "{secret}:\n{logged}");
    }
}
