//! A catalog that dies anywhere is only a catalog that takes longer.

use ::store::testing::TestDb;
use wire::SwitchState;

use super::{Gateway, World, gateway::hello, wire};
use crate::store::MIGRATIONS;

::store::on_both!(
    MIGRATIONS,
    async fn a_switch_goes_on_after_a_crash_at_each_of_its_steps(db: TestDb) {
        let mut world = World::start(&db).await;
        let (_, two) = world.crm_on_one().await;
        let mut gateway = Gateway::join(&world, "a").await;

        world.peers.direct(|script| script.provisioning_down = true);
        let confirmed = world.confirm(&two).await.unwrap();
        world.crash().await;
        gateway = gateway.again(&world).await;
        world
            .peers
            .direct(|script| script.provisioning_down = false);

        let preparing = gateway.until_preparing().await;
        world.crash().await;
        gateway = gateway.again(&world).await;
        let again = gateway.until_preparing().await;
        assert_eq!(
            again.turn, preparing.turn,
            "the turn is the one that was promised"
        );
        world.peers.direct(|script| script.close_hangs = true);
        gateway.ready(&again).await;

        world
            .peers
            .until("the closing of consent", |script| script.closed.len() == 2)
            .await;
        world.crash().await;
        gateway = gateway.again(&world).await;
        // It is asked again once the claim of the one that died has lapsed.
        gateway.until_holding().await;
        world.crash().await;
        gateway = gateway.again(&world).await;
        let route = gateway.until_holding().await;
        gateway.held(&route).await;
        gateway.until_releasing().await;
        world.crash().await;
        gateway = gateway.again(&world).await;
        let route = gateway.until_releasing().await;
        assert_eq!(route.generation, 2);
        gateway.released_and_drained(&route).await;
        let ended = world.ended(&confirmed.name).await;
        assert_eq!(
            (ended.state(), ended.generation),
            (SwitchState::Succeeded, 2)
        );
        let generations: Vec<_> = gateway.seen.iter().map(|route| route.generation).collect();
        assert!(generations.is_sorted(), "{generations:?}");
        world.finish().await;
    }
);

::store::on_both!(
    MIGRATIONS,
    async fn what_a_dead_replica_had_claimed_goes_on_once_its_lease_lapses(db: TestDb) {
        let mut world = World::simulated(&db).await;
        let (_, two) = world.crm_on_one().await;
        world.peers.direct(|script| script.close_hangs = true);
        let confirmed = world.confirm(&two).await.unwrap();
        world
            .peers
            .until("the closing of consent", |script| script.closed.len() == 2)
            .await;
        world.crash().await;
        let request = wire::GetSwitchRequest {
            name: confirmed.name.clone(),
        };
        let open = world
            .switches()
            .get_switch(request)
            .await
            .unwrap()
            .into_inner()
            .switch
            .unwrap();
        assert_eq!(open.state(), SwitchState::ClosingConsent);
        world.clock.advance(std::time::Duration::from_secs(13));
        let ended = world.ended(&confirmed.name).await;
        assert_eq!(
            (ended.state(), ended.generation),
            (SwitchState::Succeeded, 2)
        );
        assert_eq!(world.peers.seen().closed.len(), 3, "it was asked again");
        world.finish().await;
    }
);

::store::on_both!(
    MIGRATIONS,
    async fn gateways_of_different_replicas_take_part_in_one_switch(db: TestDb) {
        let world = World::start(&db).await;
        let (_, two) = world.crm_on_one().await;
        let (other, address) = world.replica().await;
        let mut a = Gateway::join(&world, "a").await;
        let mut b = Gateway::hello(address, hello("b")).await.unwrap();
        let confirmed = world.confirm(&two).await.unwrap();
        tokio::join!(a.obey(), b.obey());
        let ended = world.ended(&confirmed.name).await;
        assert_eq!(
            (ended.state(), ended.generation),
            (SwitchState::Succeeded, 2)
        );
        assert_eq!(
            world.peers.seen().settled.len(),
            2,
            "one for each switch that ended"
        );
        other.finish_test().await;
        world.finish().await;
    }
);
