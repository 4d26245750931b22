//! What becomes of a switch that a restored catalog has forgotten.

use super::*;

/// A switch from 1 to 2 has closed its consent when the catalog is restored from a backup that does not
/// know it; then `served` is adopted.
async fn adopted(db: &TestDb, served: &str) -> ProvisioningState {
    let world = World::start(db).await;
    world.add_tenant("anna", 1).await;
    world.create("anna", "1", true).await.unwrap();
    world.move_all(&switch(1), "", "1", false).await;
    world
        .settle(&switch(1), SwitchOutcome::Committed)
        .await
        .unwrap();
    world.move_all(&switch(2), "1", "2", false).await;
    world.close(&switch(2)).await.unwrap();
    let refused = world.step(&switch(3), "", served, false).await.unwrap_err();
    assert!(refused.is(&reason::SWITCH_OPEN), "{refused:?}");
    assert!(world.adopt(&switch(3), served).await.done);
    assert!(
        world.adopt(&switch(3), served).await.done,
        "twice is as once"
    );
    world.close(&switch(3)).await.unwrap();
    world
        .settle(&switch(3), SwitchOutcome::Committed)
        .await
        .unwrap();
    assert_eq!(
        world.state("anna", served).await,
        ProvisioningState::Provisioned
    );
    world.state("anna", "2").await
}

store::on_both!(
    MIGRATIONS,
    async fn a_switch_that_the_restored_catalog_forgot_counts_where_gateways_serve_its_target(
        db: TestDb,
    ) {
        assert_eq!(adopted(&db, "2").await, ProvisioningState::Provisioned);
    }
);

store::on_both!(
    MIGRATIONS,
    async fn a_switch_that_the_restored_catalog_forgot_is_void_where_gateways_do_not(db: TestDb) {
        assert_eq!(adopted(&db, "1").await, ProvisioningState::Removed);
    }
);
