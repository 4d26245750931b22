//! Who may send a mail right now: claims that are renewed, and claims that lapse.

use super::*;
use crate::{delivery::LEASE, store::deliveries::Stored};

const SECOND: SignedDuration = SignedDuration::from_secs(1);

/// Returns whose it is, and until when.
fn held(delivery: &Stored) -> Option<(Claim, Timestamp)> {
    match delivery.progress.state {
        State::Sending { claim, until } => Some((claim, until)),
        State::Queued { .. }
        | State::Sent { .. }
        | State::Bounced { .. }
        | State::Failed { .. }
        | State::Dead { .. } => None,
    }
}

fn fresh() -> Claim {
    Claim(uuid::Uuid::new_v4())
}

/// Claims one mail that is due, if any is.
async fn claim(world: &World, claim: Claim) -> Option<DeliveryId> {
    let now = world.clock.now();
    let claimed = store::write!(world.db, |tx| deliveries::claim(
        tx,
        now,
        1,
        &mut domains(),
        || claim
    )
    .await)
    .unwrap();
    claimed.first().map(|claimed| claimed.delivery.id)
}

async fn renew(world: &World, (id, claim): Attempt) -> bool {
    let now = world.clock.now();
    store::write!(world.db, |tx| deliveries::renew(tx, id, claim, now).await).unwrap()
}

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
    async fn a_late_answer_of_a_lapsed_claim_changes_nothing(db: Db) {
        let world = World::new(&db, []).await;
        world.publish("1", &["anna@acme.example"]).await;
        let sender = world.sender(1);
        let (old, new) = (fresh(), fresh());
        let id = claim(&world, old).await.unwrap();
        world.advance(LEASE);
        assert_eq!(claim(&world, new).await, Some(id));
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

store::on_both!(
    MIGRATIONS,
    async fn a_mail_under_way_is_kept_by_its_sender_and_taken_over_half_a_minute_after_a_crash(
        db: Db,
    ) {
        let mut world = World::new(&db, [Act::Hang(At::Dot)]).await;
        world.start(1);
        world.publish("1", &["anna@acme.example"]).await;
        let stub = &world.stub;
        world
            .until("the server has it", |_| stub.log().taken.len() == 1)
            .await;
        let (first, _) = held(&world.of("anna@acme.example").await).unwrap();
        let other = world.sender(1);
        let mut flights = Flights::none(world.clock.now());
        let down = Arc::new(AtomicBool::new(false));
        for _ in 0..4 {
            world.advance(RENEWAL);
            let longer = Some((first, after(world.clock.now(), LEASE)));
            world
                .until("its claim is renewed", |all| held(&all[0]) == longer)
                .await;
            other.start(1, &mut flights, &down).await.unwrap();
            assert!(flights.attempts.is_empty(), "the claim holds");
        }
        assert_eq!(world.of("anna@acme.example").await.try_count, 1);

        world.kill().await;
        world.advance(LEASE - SECOND);
        other.start(1, &mut flights, &down).await.unwrap();
        assert!(flights.attempts.is_empty(), "it still holds");
        world.advance(SECOND);
        other.start(1, &mut flights, &down).await.unwrap();
        assert_eq!(flights.attempts.len(), 1);
        world.until_all(Word::Sent).await;
        assert_eq!(world.stub.log().taken.len(), 2);
    }
);

store::on_both!(
    MIGRATIONS,
    async fn a_renewal_by_a_lapsed_claim_changes_nothing(db: Db) {
        let world = World::new(&db, []).await;
        world.publish("1", &["anna@acme.example"]).await;
        let (old, new) = (fresh(), fresh());
        let id = claim(&world, old).await.unwrap();
        world.advance(LEASE - SECOND);
        assert!(renew(&world, (id, old)).await);
        world.advance(SECOND);
        assert_eq!(claim(&world, new).await, None, "it was renewed");
        world.advance(LEASE);
        assert_eq!(claim(&world, new).await, Some(id));

        let before = world.of("anna@acme.example").await;
        world.advance(SECOND);
        assert!(!renew(&world, (id, old)).await);
        assert_eq!(world.of("anna@acme.example").await, before);
        assert!(renew(&world, (id, new)).await);

        let taken = Answer::Taken(Words::new("250 ok"));
        world
            .sender(1)
            .finish((id, new), &taken, false)
            .await
            .unwrap();
        let sent = world.of("anna@acme.example").await;
        for claim in [old, new] {
            assert!(!renew(&world, (id, claim)).await);
        }
        assert_eq!(world.of("anna@acme.example").await, sent);
    }
);

store::on_both!(
    MIGRATIONS,
    async fn a_sender_that_was_held_up_does_not_send_its_own_mails_twice(db: Db) {
        let world = World::new(&db, []).await;
        world.publish("1", &["anna@acme.example"]).await;
        let sender = world.sender(2);
        let down = Arc::new(AtomicBool::new(false));
        let mut flights = Flights::none(world.clock.now());
        let mine = fresh();
        let id = claim(&world, mine).await.unwrap();
        let under_way = flights.tasks.spawn(std::future::pending());
        let attempt = ((id, mine), "acme.example".into());
        flights.attempts.insert(under_way.id(), attempt);
        world.advance(LEASE + SECOND);
        sender.start(1, &mut flights, &down).await.unwrap();
        assert_eq!(flights.attempts.len(), 1);
        let longer = Some((mine, after(world.clock.now(), LEASE)));
        assert_eq!(held(&world.of("anna@acme.example").await), longer);
    }
);
