//! What a stop means to the fleet.

use super::world::World;
use crate::control::route_tests::told;

#[tokio::test]
async fn a_gateway_that_stops_leaves_the_fleet_and_then_waits_for_the_catalog() {
    let mut world = World::start().await;
    world.stop_gateway().await;
    assert_eq!(world.catalog.left(), ["gateways/g-1"]);
    world.stop_catalog().await;

    // Meanwhile a switch went on without it.
    world.provisioning.decide("acme", "2", true);
    world.start_gateway().await;
    assert!(world.makes_wait().await, "version 1 may have been replaced");
    world.tell(told("crm", 5, 2));
    world.start_catalog().await;
    world.until_serves("2").await;
    world.end().await;
}

#[tokio::test]
async fn a_gateway_that_stops_unheard_stays_a_member_and_serves_when_it_is_back() {
    let mut world = World::start().await;
    world.stop_catalog().await;
    world
        .until_not_ready("it does not follow the catalog")
        .await;
    world.stop_gateway().await;
    assert_eq!(world.catalog.left(), Vec::<String>::new());
    world.start_gateway().await;
    assert_eq!(world.ask().await.body, "version 1");
    world.end().await;
}
