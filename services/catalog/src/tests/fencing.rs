//! Gateways that are silent: what they hold up, and what goes on without them.

use std::time::Duration;

use ::store::testing::TestDb;
use contract::{Problem, reason};
use proto::catalog::v1::follow_request::Message;
use wire::{GatewayAnswer, GatewayStanding, SwitchState};

use super::{
    Gateway, World,
    gateway::hello,
    receipts::{holds, receipt},
    soon, wire,
};
use crate::{fleet::applied::sha256, store::MIGRATIONS};

/// Leases of half a minute, and the twentieth by which clocks may differ.
const SURELY_OVER: u64 = 32;
/// Less than any deadline of a state that nobody looks out for, such as the two seconds of a hold: it
/// may begin just before a step.
const STEP: u64 = 1;
const LOOKS: usize = 20;

/// Moves the clock in steps until something has happened; returns how many seconds it took. Between
/// two steps it looks often: a clock that outruns the database would let every claim lapse.
async fn seconds_until(world: &World, mut happened: impl AsyncFnMut() -> bool) -> u64 {
    let mut seconds = 0;
    soon("what time brings", async {
        loop {
            for _ in 0..LOOKS {
                if happened().await {
                    return;
                }
            }
            world.clock.advance(Duration::from_secs(STEP));
            seconds += STEP;
        }
    })
    .await;
    seconds
}

/// Awaits what needs no deadline to pass, while the clock goes slower than the real one: the claim of
/// a driver whose transaction failed has to lapse before another one goes on.
async fn while_time_goes_on<T>(world: &World, what: impl Future<Output = T>) -> T {
    const SLOWER: u32 = 5;
    const PACE: Duration = Duration::from_millis(20);
    let mut pace = tokio::time::interval(PACE * SLOWER);
    let mut what = std::pin::pin!(what);
    loop {
        tokio::select! {
            biased;
            done = &mut what => return done,
            _ = pace.tick() => world.clock.advance(PACE),
        }
    }
}

async fn state(world: &World, switch: &wire::Switch) -> SwitchState {
    let request = wire::GetSwitchRequest {
        name: switch.name.clone(),
    };
    let mut switches = world.switches();
    // Many tests at once keep a database busy.
    let got = soon("the switch", async {
        loop {
            if let Ok(got) = switches.get_switch(request.clone()).await {
                return got;
            }
        }
    });
    got.await.into_inner().switch.unwrap().state()
}

async fn until_ready(world: &World, switch: &wire::Switch) {
    let ready = |switch: &wire::Switch| {
        let mut parts = switch.gateways.iter();
        parts.any(|part| part.answer() == GatewayAnswer::Ready)
    };
    world.until(&switch.name, "one ready", ready).await;
}

/// Two members, the second of which has gone without a word.
async fn one_of_two_gone(world: &World) -> Gateway {
    let a = Gateway::join(world, "a").await;
    drop(Gateway::join(world, "b").await);
    world
        .until_gateway("b", "the end of its stream", |b| !b.connected)
        .await;
    a
}

::store::on_both!(
    MIGRATIONS,
    async fn in_fleet_mode_static_a_silent_gateway_is_named_and_holds_up_every_switch_until_evicted(
        db: TestDb,
    ) {
        let world = World::simulated(&db).await;
        let (_, two) = world.crm_on_one().await;
        let mut a = one_of_two_gone(&world).await;
        let confirmed = world.confirm(&two).await.unwrap();
        let route = a.until_preparing().await;
        a.ready(&route).await;
        until_ready(&world, &confirmed).await;
        let took = seconds_until(&world, async || {
            state(&world, &confirmed).await != SwitchState::Preparing
        });
        assert!(took.await >= 60, "the deadline is a minute");
        let ended = world.ended(&confirmed.name).await;
        let failure = ended.failure.unwrap();
        assert_eq!(failure.reason, "GATEWAY_SILENT");
        assert!(failure.message.contains("from b:"), "{}", failure.message);
        assert_eq!(world.application().await.generation, 1);

        world.evict("b").await.unwrap();
        assert!(world.gateway("b").await.is_none());
        a.until_no_turn().await;
        let again = world.confirm(&two).await.unwrap();
        a.obey().await;
        assert_eq!(
            world.ended(&again.name).await.state(),
            SwitchState::Succeeded
        );
        world.finish().await;
    }
);

::store::on_both!(
    MIGRATIONS,
    async fn in_fleet_mode_fenced_a_switch_goes_on_without_a_silent_gateway_after_its_lease(
        db: TestDb,
    ) {
        let world = World::simulated(&db).await;
        let (_, two) = world.fenced_crm_on_one().await;
        let mut a = one_of_two_gone(&world).await;
        let lease = a.route().lease.unwrap();
        assert_eq!((lease.seconds, lease.nanos), (30, 0));
        a.beat_for_lease(1).await;
        let confirmed = world.confirm(&two).await.unwrap();
        let route = a.until_preparing().await;
        a.ready(&route).await;
        let fences = |switch: &wire::Switch| {
            let mut steps = switch.steps.iter();
            steps.any(|step| step.state() == SwitchState::Fencing)
        };
        // A bug may be done with it before anybody looks.
        world.until(&confirmed.name, "fencing", fences).await;
        let standing = world.gateway("b").await.unwrap().standing();
        let took = seconds_until(&world, async || {
            state(&world, &confirmed).await != SwitchState::Fencing
        });
        let took = took.await;
        assert!(took >= SURELY_OVER, "left out after {took} s");
        assert_eq!(standing, GatewayStanding::Fencing);
        let ended = while_time_goes_on(&world, async {
            a.hold_and_release().await;
            world.ended(&confirmed.name).await
        });
        let ended = ended.await;
        assert_eq!(
            (ended.state(), ended.generation),
            (SwitchState::Succeeded, 2)
        );
        let part = |name: &str| {
            let name = format!("gateways/{name}");
            let part = ended.gateways.iter().find(|part| part.gateway == name);
            part.unwrap().answer()
        };
        assert_eq!(
            (part("a"), part("b")),
            (GatewayAnswer::Drained, GatewayAnswer::Fenced)
        );
        let left = receipt(&world, &confirmed.name).await.unwrap();
        assert!(holds(&left), "{left:?}");
        let json: serde_json::Value = serde_json::from_str(&left.json).unwrap();
        let parts = json["gateways"].as_array().unwrap().iter();
        let said: Vec<_> = parts
            .map(|part| (&part["gateway"], &part["answered"]))
            .collect();
        let named = |name: &str| serde_json::Value::from(name);
        assert_eq!(
            said,
            [
                (&named("gateways/a"), &named("drained")),
                (&named("gateways/b"), &named("fenced"))
            ]
        );
        let b = world.gateway("b").await.unwrap();
        assert_eq!(b.standing(), GatewayStanding::Fenced);

        // It comes back, knows what is true, gets leases, and is waited for.
        let mut b = Gateway::join(&world, "b").await;
        assert_eq!(b.route().generation, 2);
        b.beat_for_lease(1).await;
        let listed = world.gateway("b").await.unwrap();
        assert_eq!(listed.standing(), GatewayStanding::Member);
        world.finish().await;
    }
);

::store::on_both!(
    MIGRATIONS,
    async fn a_gateway_that_says_nothing_to_a_switch_gets_no_leases_until_it_says_hello(
        db: TestDb,
    ) {
        let world = World::simulated(&db).await;
        let (_, two) = world.fenced_crm_on_one().await;
        let mut a = Gateway::join(&world, "a").await;
        let mut mute = Gateway::join(&world, "mute").await;
        mute.beat_for_lease(1).await;
        let confirmed = world.confirm(&two).await.unwrap();
        let route = a.until_preparing().await;
        a.ready(&route).await;
        until_ready(&world, &confirmed).await;
        seconds_until(&world, async || {
            state(&world, &confirmed).await == SwitchState::Fencing
        })
        .await;
        let beat = wire::Beat {
            sequence: 2,
            ..wire::Beat::default()
        };
        mute.say(Message::Beat(beat)).await;
        mute.say(Message::Hello(hello("mute"))).await;
        mute.until_ended().await;
        assert_eq!(
            mute.leases,
            [1],
            "what it said after the mark gives nothing"
        );
        // It comes back while its lease runs out: the switch has it prepare like the others.
        let mut mute = Gateway::join(&world, "mute").await;
        assert_eq!(state(&world, &confirmed).await, SwitchState::Preparing);
        mute.beat_for_lease(1).await;
        let route = mute.until_preparing().await;
        mute.ready(&route).await;
        let ended = while_time_goes_on(&world, async {
            tokio::join!(a.hold_and_release(), mute.hold_and_release());
            world.ended(&confirmed.name).await
        });
        let ended = ended.await;
        assert_eq!(ended.state(), SwitchState::Succeeded);
        world.finish().await;
    }
);

::store::on_both!(
    MIGRATIONS,
    async fn an_eviction_waits_for_the_leases_that_the_gateway_may_have(db: TestDb) {
        let world = World::simulated(&db).await;
        world.fenced_crm_on_one().await;
        drop(one_of_two_gone(&world).await);
        let alive = world.evict("b").await.unwrap_err();
        assert!(alive.is(&reason::GATEWAY_ALIVE), "{alive:?}");
        world.clock.advance(Duration::from_secs(16));
        world.evict("b").await.unwrap();
        let b = world.gateway("b").await.unwrap();
        assert_eq!(b.standing(), GatewayStanding::Fencing);
        let took = seconds_until(&world, async || world.gateway("b").await.is_none()).await;
        assert!(took >= SURELY_OVER, "evicted after {took} s");
        world.finish().await;
    }
);

::store::on_both!(
    MIGRATIONS,
    async fn fleet_mode_and_lease_are_fixed_from_the_first_activation_on(db: TestDb) {
        let world = World::start(&db).await;
        world.fenced_crm_on_one().await;
        let update = |seconds| wire::UpdateApplicationRequest {
            application: Some(wire::Application {
                name: "applications/crm".to_owned(),
                policy: Some(wire::SwitchPolicy {
                    fleet_mode: wire::FleetMode::Fenced.into(),
                    lease: Some(prost_types::Duration { seconds, nanos: 0 }),
                    ..wire::SwitchPolicy::default()
                }),
                ..wire::Application::default()
            }),
            ..wire::UpdateApplicationRequest::default()
        };
        let refused = world.applications().update_application(update(31)).await;
        let refused = Problem::from(refused.unwrap_err());
        assert!(refused.is(&reason::FLEET_MODE_FIXED), "{refused:?}");
        let same = world.applications().update_application(update(30)).await;
        let policy = same
            .unwrap()
            .into_inner()
            .application
            .unwrap()
            .policy
            .unwrap();
        assert_eq!(policy.fleet_mode(), wire::FleetMode::Fenced);
        world.finish().await;
    }
);

::store::on_both!(
    MIGRATIONS,
    async fn a_gateway_that_applies_something_else_is_told_once_more_and_then_shown_as_diverged(
        db: TestDb,
    ) {
        let world = World::simulated(&db).await;
        world.crm_on_one().await;
        let mut a = Gateway::join(&world, "a").await;
        let route = a.route().clone();
        for _ in 0..2 {
            let before = a.messages;
            a.applied(&route, "another").await;
            if a.seen.len() == 1 {
                soon("the route again", async {
                    while a.messages == before {
                        a.next().await.unwrap();
                    }
                })
                .await;
            }
        }
        assert_eq!(a.seen, [route.clone(), route.clone()]);
        let refused = wire::Refused {
            application: "applications/other".to_owned(),
            timeline: route.timeline.clone(),
            revision: 7,
            reason: "UNREADABLE".to_owned(),
            message: "It cannot be read.".to_owned(),
        };
        a.say(Message::Refused(refused.clone())).await;
        let beat = |state_hash: String| wire::Beat {
            state_hash,
            not_ready_message: "Grants are missing.".to_owned(),
            open_connections: 12,
            traffic: vec![wire::TrafficReport {
                application: route.application.clone(),
                generation: 1,
                requests: 10,
                failed: 1,
            }],
            ..wire::Beat::default()
        };
        a.say(Message::Beat(beat(String::new()))).await;
        world
            .until_gateway("a", "its divergence", |a| a.diverged)
            .await;
        let listed = world.gateway("a").await.unwrap();
        assert_eq!(listed.refused, [refused]);
        assert_eq!(
            (
                listed.ready,
                listed.not_ready_message.as_str(),
                listed.open_connections
            ),
            (false, "Grants are missing.", 12)
        );
        let position = &listed.positions[0];
        assert_eq!(
            (position.generation, position.version.as_str()),
            (1, "1"),
            "{position:?}"
        );
        let database = ::store::Db::open(&world.url, &MIGRATIONS).await.unwrap();
        let counted = ::store::read!(database, |tx| crate::store::traffic::of(
            tx,
            &"crm".parse().unwrap(),
            contract::Generation::FIRST
        )
        .await);
        assert_eq!(counted.unwrap(), [("a".to_owned(), 10, 1)]);
        database.close().await;

        // What is right is right again.
        let hash = sha256(&prost::Message::encode_to_vec(&route));
        a.applied(&route, &hash).await;
        world.clock.advance(Duration::from_secs(5));
        a.say(Message::Beat(beat(sha256(hash.as_bytes())))).await;
        world
            .until_gateway("a", "its recovery", |a| !a.diverged)
            .await;
        world.finish().await;
    }
);

::store::on_both!(
    MIGRATIONS,
    async fn a_gateway_is_taken_out_of_use_and_into_use_again(db: TestDb) {
        let world = World::start(&db).await;
        world.crm_on_one().await;
        let mut a = Gateway::join(&world, "a").await;
        let drain = wire::DrainGatewayRequest {
            name: "gateways/a".to_owned(),
            reason: "a new kernel".to_owned(),
        };
        let drained = world.fleet().drain_gateway(drain).await.unwrap();
        let standing = drained.into_inner().gateway.unwrap().standing();
        assert_eq!(standing, GatewayStanding::Draining);
        let ordered = async |a: &mut Gateway, drain: bool| {
            soon("the order", async {
                while a.drain != Some(drain) {
                    a.next().await.unwrap();
                }
            })
            .await;
        };
        ordered(&mut a, true).await;
        // It is told first of all on the next stream.
        let mut again = Gateway::hello(world.address, hello("a")).await.unwrap();
        assert_eq!(again.drain, Some(true));
        let resume = wire::ResumeGatewayRequest {
            name: "gateways/a".to_owned(),
            reason: String::new(),
        };
        let resumed = world.fleet().resume_gateway(resume).await.unwrap();
        let standing = resumed.into_inner().gateway.unwrap().standing();
        assert_eq!(standing, GatewayStanding::Member);
        ordered(&mut again, false).await;
        let nobody = wire::DrainGatewayRequest {
            name: "gateways/z".to_owned(),
            reason: String::new(),
        };
        let refused = Problem::from(world.fleet().drain_gateway(nobody).await.unwrap_err());
        assert!(refused.is(&reason::NOT_FOUND), "{refused:?}");
        world.finish().await;
    }
);

/// The same promises with a bug planted: a test that kept them all the same would prove nothing.
#[cfg(feature = "faults")]
mod planted {
    use runtime::fault::{Plant, plant};

    #[test]
    #[should_panic(expected = "left out after")]
    fn a_fence_that_does_not_wait_for_the_lease_is_found() {
        plant(Some(Plant::FenceWithoutWait));
        super::in_fleet_mode_fenced_a_switch_goes_on_without_a_silent_gateway_after_its_lease::sqlite();
    }

    #[test]
    #[should_panic(expected = "what it said after the mark gives nothing")]
    fn a_lease_in_spite_of_the_mark_is_found() {
        plant(Some(Plant::RenewIgnoresMark));
        super::a_gateway_that_says_nothing_to_a_switch_gets_no_leases_until_it_says_hello::sqlite();
    }
}
