//! What the fleet hears of a gateway, and what becomes of its word.

use std::fs;

use prost::Message as _;
use proto::catalog::v1 as wire;
use proto::gateway::v1::Gate;
use sha2::{Digest as _, Sha256};

use super::world::{World, until};
use crate::control::route_tests::{holding, nonce, preparing, told, uuid};

fn fenced(mut route: wire::Route, seconds: i64) -> wire::Route {
    route.lease = Some(prost_types::Duration { seconds, nanos: 0 });
    route
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn until_status(world: &World, status: u16, what: &str) {
    until(what, async || {
        let answer = world.ask().await;
        (answer.status == status)
            .then_some(())
            .ok_or_else(|| format!("{} {}", answer.status, answer.body))
    })
    .await;
}

/// Waits for a beat that says so.
async fn beat(world: &World, what: &str, says: impl Fn(&wire::Beat) -> bool) -> wire::Beat {
    until(what, async || {
        let beats = world.catalog.beats();
        let found = beats.iter().rev().find(|beat| says(beat)).cloned();
        found.ok_or_else(|| format!("{:?}", beats.last()))
    })
    .await
}

#[tokio::test]
async fn every_route_is_answered_and_the_state_is_in_every_beat() {
    let world = World::start().await;
    let mut odd = told("erp", 4, 0);
    odd.display_name = "a\u{202e}b".to_owned();
    world.tell(odd);
    let mut foreign = told("crm", 9, 2);
    foreign.timeline = uuid(9);
    world
        .catalog
        .say(wire::follow_response::Message::Route(foreign));
    world.tell(told("hrm", 1, 0));
    until("a route behind refused ones is applied", async || {
        let applied = world.catalog.applied();
        let found = applied
            .iter()
            .any(|it| it.application == "applications/hrm");
        found.then_some(()).ok_or_else(|| format!("{applied:?}"))
    })
    .await;
    let refused = world.catalog.refused();
    let said: Vec<_> = refused
        .iter()
        .map(|it| (it.application.as_str(), it.revision, it.reason.as_str()))
        .collect();
    assert_eq!(
        said,
        [
            ("applications/erp", 4, "ROUTE_INVALID"),
            ("applications/crm", 9, "TIMELINE_FOREIGN")
        ]
    );
    assert!(refused[0].message.contains("display_name"), "{refused:?}");
    assert_eq!(refused[1].timeline, uuid(9));

    let applied = world.catalog.applied();
    let hashes: Vec<String> = ["applications/crm", "applications/hrm"]
        .iter()
        .map(|name| {
            let told = world.catalog.route(name);
            let expected = hex(&Sha256::digest(told.encode_to_vec()));
            let applied = applied.iter().find(|it| it.application == **name).unwrap();
            assert_eq!((applied.revision, &applied.hash), (1, &expected));
            assert_eq!(applied.timeline, uuid(1));
            expected
        })
        .collect();
    let state = hex(&Sha256::digest(hashes.concat()));
    let beat = beat(&world, "a beat has the state", |beat| {
        beat.state_hash == state
    })
    .await;
    assert!(!beat.ready);
    assert!(
        beat.not_ready_message.contains("erp"),
        "{}",
        beat.not_ready_message
    );

    // Told again, answered again: by the same stream and by a new one.
    let times = async |more_than: usize| {
        until("it is applied again", async || {
            let applied = world.catalog.applied();
            let of_hrm = applied
                .iter()
                .filter(|it| it.application == "applications/hrm");
            let times = of_hrm.count();
            (times > more_than)
                .then_some(())
                .ok_or_else(|| times.to_string())
        })
        .await;
    };
    world.tell(told("hrm", 1, 0));
    times(1).await;
    world.catalog.break_streams();
    times(2).await;
    let hello = world.catalog.hellos().pop().unwrap();
    assert_eq!(hello.positions[0].application, "applications/crm");
    assert_eq!(hello.positions[0].version, "1");
    world.end().await;
}

#[tokio::test]
async fn a_gateway_that_is_cut_off_stops_serving_what_needs_a_lease_and_goes_on_when_it_is_back() {
    let mut world = World::start().await;
    world.tell(fenced(told("crm", 2, 1), 1));
    until_status(&world, 200, "it is served under a lease").await;
    let status = world.status().await;
    assert_eq!(status.applications[0].gate(), Gate::Open);
    let left = status.applications[0].lease_left.unwrap();
    assert!(left.seconds == 0 && left.nanos > 0, "{left:?}");
    // Five beats a lease.
    let sequence = beat(&world, "there are beats", |beat| beat.sequence > 5)
        .await
        .sequence;
    assert!(sequence > 5);

    world.stop_catalog().await;
    until_status(&world, 503, "the lease ends").await;
    let answer = world.ask().await;
    assert!(answer.body.contains("FENCED"), "{}", answer.body);
    assert_eq!(answer.field("retry-after"), "5");
    assert_eq!(world.status().await.applications[0].gate(), Gate::Fenced);
    world.until_not_ready("its lease has run out").await;

    world.start_catalog().await;
    until_status(&world, 200, "it is served again").await;
    world.until_ready().await;

    // A catalog that gives none is no better than none.
    world.catalog.give_leases(false);
    until_status(&world, 503, "the lease ends").await;
    world.until_not_ready("its lease has run out").await;
    let said = beat(&world, "it is said", |beat| !beat.ready).await;
    assert!(said.not_ready_message.contains("lease"), "{said:?}");
    world.catalog.give_leases(true);
    until_status(&world, 200, "it is served again").await;
    world.end().await;
}

#[tokio::test]
async fn a_gateway_that_starts_serves_what_needs_a_lease_only_once_it_has_one() {
    let mut world = World::start().await;
    world.tell(fenced(told("crm", 2, 1), 5));
    world.tell(told("erp", 1, 0));
    until_status(&world, 200, "it is served under a lease").await;
    // A turn is answered ready only once it, and so all before it, is on disk.
    world.tell(preparing(told("erp", 2, 0), 2));
    world.answered(2).await;
    world.kill_gateway().await;
    world.stop_catalog().await;
    world.start_gateway().await;
    let answer = world.ask().await;
    assert_eq!(answer.status, 503);
    assert!(answer.body.contains("FENCED"), "{}", answer.body);

    // Followed and synced, but without a lease.
    world.catalog.give_leases(false);
    world.start_catalog().await;
    world.until_not_ready("its lease has run out").await;
    until("it follows", async || {
        let status = world.status().await;
        (status.membership() == proto::gateway::v1::Membership::Following)
            .then_some(())
            .ok_or_else(|| format!("{status:?}"))
    })
    .await;
    assert_eq!(world.ask().await.status, 503);
    world.catalog.give_leases(true);
    until_status(&world, 200, "the first lease").await;
    world.end().await;
}

/// A lease says that what was told is current. It is nothing to an application whose newest state
/// this gateway has refused.
#[tokio::test]
async fn what_was_refused_is_not_served_under_a_lease_that_came_after() {
    let world = World::start().await;
    world.tell(fenced(told("crm", 2, 1), 1));
    until_status(&world, 200, "it is served under a lease").await;
    let mut odd = fenced(told("crm", 3, 2), 1);
    odd.display_name = "a\u{202e}b".to_owned();
    world.tell(odd);
    until_status(&world, 503, "its lease ends though beats are answered").await;
    world.tell(fenced(told("crm", 4, 1), 1));
    until_status(&world, 200, "it is served again").await;
    world.end().await;
}

#[tokio::test]
async fn a_lease_does_not_wait_for_the_disk() {
    let mut world = World::without_gateway().await;
    world.provisioning.decide("acme", "1", true);
    world.tell(fenced(told("crm", 1, 1), 1));
    fs::create_dir(world.state_dir().join("routes.json.new")).unwrap();
    world.start_gateway().await;
    until_status(&world, 200, "it is served under a lease").await;
    world.tell(preparing(fenced(told("crm", 2, 1), 1), 2));
    world.answered(2).await;
    world.until_not_ready("cannot be written to disk").await;
    // Longer than a lease.
    let first = beat(&world, "a beat", |_| true).await.sequence;
    beat(&world, "many beats later", |beat| beat.sequence > first + 8).await;
    assert_eq!(world.ask().await.status, 200);
    world.end().await;
}

#[tokio::test]
async fn a_gateway_that_is_taken_out_of_use_serves_and_sends_users_elsewhere() {
    let mut world = World::start().await;
    let answer = world.ask().await;
    assert_eq!(
        (answer.status, answer.field("connection")),
        (200, "close"),
        "asked for"
    );
    let kept = async |world: &World| world.ask_on_a_kept_connection().await;
    assert_eq!(kept(&world).await.field("connection"), "");

    world.catalog.drain(true);
    world
        .until_not_ready("an operator takes it out of use")
        .await;
    let answer = kept(&world).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "version 1"));
    assert_eq!(answer.field("connection"), "close");
    assert!(world.status().await.draining);
    let said = beat(&world, "it is said", |beat| !beat.ready).await;
    assert!(said.not_ready_message.contains("out of use"), "{said:?}");

    // It is told anew on every stream, and after a restart.
    world.catalog.break_streams();
    until("it follows again", async || {
        let hellos = world.catalog.hellos().len();
        (hellos > 1).then_some(()).ok_or_else(|| hellos.to_string())
    })
    .await;
    world
        .until_not_ready("an operator takes it out of use")
        .await;
    world.kill_gateway().await;
    world.start_gateway().await;
    world
        .until_not_ready("an operator takes it out of use")
        .await;

    world.catalog.drain(false);
    world.until_ready().await;
    assert_eq!(kept(&world).await.field("connection"), "");
    assert!(!world.status().await.draining);

    // Nobody says that it is in use: on a stream that does not say otherwise, it is.
    world.catalog.drain(true);
    world
        .until_not_ready("an operator takes it out of use")
        .await;
    world.catalog.drain_unheard(false);
    world.catalog.break_streams();
    world.until_ready().await;
    world.end().await;
}

#[tokio::test]
async fn health_and_readiness_are_answered_while_requests_are_held() {
    let world = World::start().await;
    world.tell(preparing(told("crm", 2, 1), 2));
    world.answered(2).await;
    world.tell(holding(told("crm", 3, 1), 3, 1));
    world.answered(3).await;
    let (held, ()) = tokio::join!(world.ask(), async {
        until("a request waits", async || {
            match world.status().await.applications[0].held_requests {
                1 => Ok(()),
                waiting => Err(waiting.to_string()),
            }
        })
        .await;
        assert_eq!(world.readiness().await.status, 200);
        assert_eq!(world.liveness().await.status, 200);
        world.tell(told("crm", 4, 1));
    });
    assert_eq!(held.status, 200);
    world.end().await;
}

#[tokio::test]
async fn a_restored_catalog_goes_on_by_its_first_hold_through_a_restart() {
    let mut world = World::start().await;
    let adopted = |turn: u8| {
        let mut route = holding(told("crm", 1_000, 1), turn, 1);
        route.timeline = uuid(2);
        route.predecessor_timeline = uuid(1);
        route
    };
    world.tell(adopted(5));
    assert!(matches!(
        world.answered(5).await,
        wire::answer::Answer::Held(_)
    ));
    world.kill_gateway().await;
    world.stop_catalog().await;
    world.start_gateway().await;
    assert!(world.makes_wait().await, "the disk knows of the hold");

    let mut outcome = crate::control::route_tests::releasing(told("crm", 1_001, 2), 6);
    outcome.timeline = uuid(2);
    world.provisioning.decide("acme", "2", true);
    world.tell(outcome);
    world.start_catalog().await;
    world.until_serves("2").await;
    let hello = world.catalog.hellos().pop().unwrap();
    assert_eq!(hello.positions[0].timeline, uuid(2));
    assert_eq!(world.catalog.refused(), []);
    assert!(!world.catalog.answers(&nonce(6).to_string()).is_empty());
    world.end().await;
}

#[tokio::test]
async fn traffic_is_reported_where_the_route_asks_for_it() {
    let world = World::start().await;
    world.until_serves("1").await;
    assert!(
        world
            .catalog
            .beats()
            .iter()
            .all(|beat| beat.traffic.is_empty())
    );
    // A short lease, so that beats come often.
    let mut route = fenced(told("crm", 2, 1), 1);
    route.report_traffic = true;
    world.tell(route);
    world.until_serves("1").await;
    let said = beat(&world, "it is said", |beat| !beat.traffic.is_empty()).await;
    let report = &said.traffic[0];
    assert_eq!(report.application, "applications/crm");
    assert_eq!((report.generation, report.failed), (1, 0));
    let asked = report.requests;
    world.ask().await;
    beat(&world, "it is counted", |beat| {
        beat.traffic
            .first()
            .is_some_and(|report| report.requests > asked)
    })
    .await;
    world.end().await;
}

/// The same promises with a bug planted: a test that kept them all the same would prove nothing.
#[cfg(feature = "faults")]
mod planted {
    use runtime::fault::{Plant, plant};

    #[test]
    #[should_panic(expected = "left: 200\n right: 503")]
    fn a_start_that_serves_without_a_lease_is_found() {
        plant(Some(Plant::BootBeforeSyncFenced));
        super::a_gateway_that_starts_serves_what_needs_a_lease_only_once_it_has_one();
    }
}
