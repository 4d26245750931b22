//! A backup of the catalog's database was restored.

use ::store::testing::TestDb;
use contract::{Problem, reason};
use proto::{
    catalog::v1::route::Turn, notification::v1::notice::Body, provisioning::v1::SwitchOutcome,
};
use wire::SwitchState;

use super::{
    Gateway, World,
    gateway::hello,
    peers::{GRANTS_REVISION, GRANTS_TIMELINE},
    receipts::{holds, receipt},
    wire,
};
use crate::store::MIGRATIONS;

async fn recovery(world: &World) -> wire::GetRecoveryResponse {
    let request = wire::GetRecoveryRequest {};
    let answer = world.fleet().get_recovery(request).await.unwrap();
    answer.into_inner()
}

async fn adopt(world: &World, versions: &[&str]) -> Result<Vec<String>, Problem> {
    let request = wire::AdoptRecoveryRequest {
        versions: versions.iter().map(ToString::to_string).collect(),
        reason: "the disk broke".to_owned(),
    };
    let adopted = world.fleet().adopt_recovery(request).await?;
    Ok(adopted.into_inner().switches)
}

/// What a gateway knows, as a hello says it.
fn knows(
    name: &str,
    route: &wire::Route,
    revision: u64,
    generation: u64,
    version: &str,
) -> wire::Hello {
    wire::Hello {
        positions: vec![wire::RoutePosition {
            application: route.application.clone(),
            timeline: route.timeline.clone(),
            revision,
            generation,
            version: version.to_owned(),
        }],
        ..hello(name)
    }
}

async fn refused(world: &World, hello: wire::Hello) -> Problem {
    let gateway = Gateway::hello(world.address, hello).await;
    gateway.map(drop).unwrap_err()
}

::store::on_both!(
    MIGRATIONS,
    async fn what_gateways_know_is_adopted_as_a_hold_and_nothing_goes_backwards(db: TestDb) {
        let world = World::start(&db).await;
        let (one, two) = world.crm_on_one().await;
        let mut b = Gateway::join(&world, "b").await;
        let known = b.route().clone();
        let open = world.confirm(&two).await.unwrap();
        b.until_preparing().await;
        assert!(!recovery(&world).await.recovering);
        let early = adopt(&world, &[]).await.unwrap_err();
        assert!(early.is(&reason::NOT_IN_RECOVERY), "{early:?}");

        // One gateway has seen two switches that the catalog knows nothing of.
        let ahead = knows("a", &known, 50, 4, "2");
        let problem = refused(&world, ahead.clone()).await;
        assert!(problem.is(&reason::MOVED_BACKWARDS), "{problem:?}");
        let ended = b.until_ended().await;
        assert!(ended.is(&reason::IN_RECOVERY), "{ended:?}");
        let standing = recovery(&world).await;
        assert!(standing.recovering && standing.message.contains("gateways/a"));
        assert_eq!(standing.missing_gateways, ["gateways/b"]);
        let [application] = standing.applications.as_slice() else {
            panic!("{standing:?}");
        };
        let (restored, reported) = (
            application.restored.as_ref().unwrap(),
            application.reported.as_ref().unwrap(),
        );
        assert_eq!((restored.generation, restored.version.as_str()), (1, "1"));
        assert_eq!(
            (
                reported.generation,
                reported.revision,
                reported.version.as_str()
            ),
            (4, 50, "2")
        );
        assert!(application.version_known);
        world
            .peers
            .until("the notice of it", |script| {
                let told = |body: &Option<Body>| matches!(body, Some(Body::CatalogInRecovery(_)));
                script.notices.iter().any(|notice| told(&notice.body))
            })
            .await;

        // Nothing is decided, here or by another replica.
        for refused in [
            world.confirm(&one).await.map(drop).unwrap_err(),
            world.cancel(&open.name).await.map(drop).unwrap_err(),
        ] {
            assert!(refused.is(&reason::IN_RECOVERY), "{refused:?}");
        }
        let missing = adopt(&world, &[]).await.unwrap_err();
        assert!(missing.is(&reason::GATEWAYS_MISSING), "{missing:?}");
        assert!(missing.message().contains("gateways/b"), "{missing:?}");
        let behind = knows("b", &known, 40, 3, "1");
        let problem = refused(&world, behind.clone()).await;
        assert!(problem.is(&reason::MOVED_BACKWARDS), "{problem:?}");

        let adopted = adopt(&world, &[]).await.unwrap();
        let [switch] = adopted.as_slice() else {
            panic!("{adopted:?}");
        };
        let ended = world.ended(&open.name).await;
        assert_eq!(ended.failure.unwrap().reason, "RESTORED");
        let left = receipt(&world, &open.name).await.unwrap();
        assert!(holds(&left), "{left:?}");
        let json: serde_json::Value = serde_json::from_str(&left.json).unwrap();
        assert_eq!(
            (&json["outcome"], &json["failure"]["reason"]),
            (&"failed".into(), &"RESTORED".into())
        );
        let settled = world.peers.seen().settled;
        assert!(settled.iter().any(|settled| {
            settled.switch == open.name && settled.outcome() == SwitchOutcome::GivenUp
        }));
        let uncancelled = world.cancel(switch).await.unwrap_err();
        assert!(uncancelled.is(&reason::SWITCH_COMMITTED), "{uncancelled:?}");

        let mut a = Gateway::hello(world.address, ahead).await.unwrap();
        let first = &a.seen[0];
        assert!(matches!(first.turn, Some(Turn::Holding(_))), "{first:?}");
        assert!(first.revision > 50 && first.generation == 4, "{first:?}");
        assert_eq!(first.predecessor_timeline, known.timeline);
        assert_ne!(first.timeline, known.timeline);
        let mut b = Gateway::hello(world.address, behind).await.unwrap();
        for gateway in [&mut a, &mut b] {
            let route = gateway
                .until("the hold with its grants", |route| match &route.turn {
                    Some(Turn::Holding(holding)) => {
                        (holding.grants_timeline.as_str(), holding.grants_revision)
                            == (GRANTS_TIMELINE, GRANTS_REVISION)
                    }
                    _ => false,
                })
                .await;
            assert_eq!(world.application().await.generation, 4);
            gateway.held(&route).await;
        }
        for gateway in [&mut a, &mut b] {
            let route = gateway.until_releasing().await;
            assert_eq!(
                (
                    route.generation,
                    route.active.as_ref().unwrap().version.as_str()
                ),
                (5, "2")
            );
            gateway.released_and_drained(&route).await;
        }
        let ended = world.ended(switch).await;
        assert_eq!(
            (ended.state(), ended.generation, ended.reason.as_str()),
            (SwitchState::Succeeded, 5, "the disk broke")
        );
        let left = receipt(&world, switch).await.unwrap();
        assert!(holds(&left), "{left:?}");
        let json: serde_json::Value = serde_json::from_str(&left.json).unwrap();
        assert_eq!(json["outcome"], "succeeded");
        assert_eq!(
            (&json["generation_before"], &json["generation_after"]),
            (&4.into(), &5.into())
        );
        let newest = &world.history().await[0];
        assert_eq!(
            (newest.action(), newest.switch.as_str()),
            (wire::HistoryAction::Adopted, switch.as_str())
        );
        let moved = world.peers.seen().moves;
        assert!(moved.iter().any(|moved| moved.switch == *switch));

        // One that slept through all of it is behind, and forgets what it knew.
        let late = knows("c", &known, 41, 3, "1");
        let late = Gateway::hello(world.address, late).await.unwrap();
        assert_eq!(late.route().generation, 5);
        assert!(!recovery(&world).await.recovering);
        world.finish().await;
    }
);

::store::on_both!(
    MIGRATIONS,
    async fn a_version_that_the_backup_does_not_know_is_chosen_by_the_operator(db: TestDb) {
        let world = World::start(&db).await;
        let (one, _) = world.crm_on_one().await;
        let a = Gateway::join(&world, "a").await;
        let known = a.route().clone();
        let ahead = knows("a", &known, 50, 4, "9");
        let problem = refused(&world, ahead.clone()).await;
        assert!(problem.is(&reason::MOVED_BACKWARDS), "{problem:?}");
        let needed = adopt(&world, &[]).await.unwrap_err();
        assert!(needed.is(&reason::VERSION_NEEDED), "{needed:?}");
        let unknown = adopt(&world, &["applications/crm/versions/9"]).await;
        assert!(unknown.unwrap_err().is(&reason::NOT_FOUND));
        let adopted = adopt(&world, &[&one]).await.unwrap();
        let mut a = Gateway::hello(world.address, ahead).await.unwrap();
        let route = a
            .until("the hold with its grants", |route| match &route.turn {
                Some(Turn::Holding(holding)) => holding.grants_revision == GRANTS_REVISION,
                _ => false,
            })
            .await;
        a.held(&route).await;
        let route = a.until_releasing().await;
        assert_eq!(
            (
                route.generation,
                route.active.as_ref().unwrap().version.as_str()
            ),
            (5, "1")
        );
        a.released_and_drained(&route).await;
        let ended = world.ended(&adopted[0]).await;
        assert_eq!(ended.state(), SwitchState::Succeeded);
        world.finish().await;
    }
);

::store::on_both!(
    MIGRATIONS,
    async fn a_catalog_that_is_said_to_be_restored_asks_everybody_first(db: TestDb) {
        let mut world = World::start(&db).await;
        world.crm_on_one().await;
        let a = Gateway::join(&world, "a").await;
        world.kill().await;
        crate::restore(&world.url).await.unwrap();
        world.crash().await;
        let standing = recovery(&world).await;
        assert!(standing.recovering, "{standing:?}");
        assert_eq!(standing.missing_gateways, ["gateways/a"]);
        let missing = adopt(&world, &[]).await.unwrap_err();
        assert!(missing.is(&reason::GATEWAYS_MISSING), "{missing:?}");
        let same = a.route().clone();
        let problem = refused(&world, knows("a", &same, same.revision, 1, "1")).await;
        assert!(problem.is(&reason::IN_RECOVERY), "{problem:?}");
        assert!(recovery(&world).await.missing_gateways.is_empty());
        let adopted = adopt(&world, &[]).await.unwrap();
        let mut a = a.again(&world).await;
        let route = a
            .until("the hold with its grants", |route| match &route.turn {
                Some(Turn::Holding(holding)) => holding.grants_revision == GRANTS_REVISION,
                _ => false,
            })
            .await;
        a.held(&route).await;
        let route = a.until_releasing().await;
        assert_eq!(route.generation, 2);
        a.released_and_drained(&route).await;
        let ended = world.ended(&adopted[0]).await;
        assert_eq!(ended.state(), SwitchState::Succeeded);
        world.finish().await;
    }
);

/// The same promises with a bug planted: a test that kept them all the same would prove nothing.
#[cfg(feature = "faults")]
mod planted {
    use runtime::fault::{Plant, plant};

    #[test]
    #[should_panic(expected = "knows more of applications/crm than the catalog")]
    fn an_adoption_at_a_used_generation_is_found() {
        plant(Some(Plant::RollbackNoFloor));
        super::what_gateways_know_is_adopted_as_a_hold_and_nothing_goes_backwards::sqlite();
    }
}
