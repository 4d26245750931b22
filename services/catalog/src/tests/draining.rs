//! The operator's say in a drain.

use ::store::testing::TestDb;
use contract::reason;
use proto::catalog::v1::route::Turn;
use wire::{HistoryAction, SwitchState};

use super::{Gateway, World, wire};
use crate::store::MIGRATIONS;

fn drain_timeout(route: &wire::Route) -> Option<i64> {
    match &route.turn {
        Some(Turn::Releasing(turn)) => turn.drain_timeout.map(|time| time.seconds),
        Some(Turn::Preparing(_) | Turn::Holding(_)) | None => None,
    }
}

::store::on_both!(
    MIGRATIONS,
    async fn a_drain_is_extended_and_cut_by_the_operators_word(db: TestDb) {
        let world = World::start(&db).await;
        let (_, two) = world.crm_on_one().await;
        let mut gateway = Gateway::join(&world, "a").await;
        let name = world.confirm(&two).await.unwrap().name;
        let extend = wire::ExtendDrainRequest {
            name: name.clone(),
            by: Some(prost_types::Duration {
                seconds: 300,
                nanos: 0,
            }),
            reason: "a report is running".to_owned(),
        };
        let early = world.switches().extend_drain(extend.clone()).await;
        let early: contract::Problem = early.unwrap_err().into();
        assert!(early.is(&reason::SWITCH_NOT_DRAINING));

        let route = gateway.until_preparing().await;
        gateway.ready(&route).await;
        let route = gateway.until_holding().await;
        gateway.held(&route).await;
        let route = gateway.until_releasing().await;
        assert_eq!(drain_timeout(&route), Some(30));
        let released = wire::answer::Answer::Released(wire::Released::default());
        gateway.answer(&route, released).await;
        let going = wire::Draining {
            open_requests: 3,
            closed_connections: 2,
        };
        gateway
            .answer(&route, wire::answer::Answer::Draining(going))
            .await;
        let seen = world.until(&name, "how the drain goes", |switch| {
            switch
                .gateways
                .iter()
                .any(|gateway| gateway.open_requests == 3)
        });
        let before = seen.await;
        assert_eq!(before.state(), SwitchState::Draining);
        assert_eq!(before.gateways[0].closed_connections, 2);

        let extended = world.switches().extend_drain(extend).await.unwrap();
        let extended = extended.into_inner().switch.unwrap();
        let seconds = |switch: &wire::Switch| switch.drain_deadline.unwrap().seconds;
        assert_eq!(seconds(&extended), seconds(&before) + 300);
        gateway
            .until("more time", |route| drain_timeout(route) == Some(330))
            .await;
        let far = wire::ExtendDrainRequest {
            name: name.clone(),
            by: Some(prost_types::Duration {
                seconds: 24 * 3600,
                nanos: 0,
            }),
            reason: String::new(),
        };
        world.switches().extend_drain(far.clone()).await.unwrap();
        let too_far = world.switches().extend_drain(far).await.unwrap_err();
        let too_far: contract::Problem = too_far.into();
        assert!(too_far.is(&reason::INVALID_FIELDS), "{too_far}");

        let cut = wire::CutDrainRequest {
            name: name.clone(),
            reason: "enough".to_owned(),
        };
        world.switches().cut_drain(cut.clone()).await.unwrap();
        let route = gateway
            .until("the cut", |route| drain_timeout(route) == Some(0))
            .await;
        world.switches().cut_drain(cut).await.unwrap();
        gateway
            .answer(
                &route,
                wire::answer::Answer::Drained(wire::Drained {
                    finished_requests: 1,
                    cut_requests: 3,
                    closed_connections: 2,
                }),
            )
            .await;
        let ended = world.ended(&name).await;
        assert_eq!(ended.gateways[0].cut_requests, 3);
        assert_eq!(ended.gateways[0].open_requests, 0);
        let did = |action| {
            let history = world.history();
            async move {
                let entries = history.await.into_iter();
                entries
                    .filter(|entry| entry.action() == action)
                    .collect::<Vec<_>>()
            }
        };
        let extensions = did(HistoryAction::DrainExtended).await;
        assert_eq!(extensions.len(), 2);
        assert_eq!(extensions[1].reason, "a report is running");
        let cuts = did(HistoryAction::DrainCut).await;
        assert_eq!((cuts.len(), cuts[0].actor.as_str()), (1, "people/anna"));
        assert_eq!((&cuts[0].version, &cuts[0].switch), (&two, &name));
        world.finish().await;
    }
);
