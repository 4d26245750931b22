//! What gateways are told.

use super::*;

store::on_both!(
    MIGRATIONS,
    async fn a_gateway_gets_everything_once_and_then_each_change(db: TestDb) {
        let world = with_two(&db).await;
        let mut gateway = Gateway::connect(&world.endpoint, "g-1", "", 0)
            .await
            .unwrap();
        let first = gateway.next().await.unwrap();
        assert!(first.full);
        assert_eq!(first.grants.len(), 2);
        assert!(first.grants.values().all(|decision| decision == "admitted"));
        world.add_tenant("gama", 1).await;
        world.ask("gama", "1").await;
        let change = gateway.next().await.unwrap();
        assert!(!change.full && change.revision > first.revision);
        assert_eq!(change.timeline, first.timeline);
        let key = ("gama".to_owned(), "1".to_owned());
        assert_eq!(
            change.grants.into_iter().collect::<Vec<_>>(),
            [(key, "REFUSAL_REASON_PENDING_ACCEPTANCE".to_owned())]
        );
        let remove = RemoveProvisioningRequest {
            tenant: "tenants/acme".to_owned(),
            application: "applications/crm".to_owned(),
            reason: String::new(),
        };
        world
            .provisionings()
            .remove_provisioning(remove)
            .await
            .unwrap();
        gateway
            .apply_until("acme", "1", "REFUSAL_REASON_REMOVED")
            .await;
        drop(gateway);
        world.finish().await;
    }
);

store::on_both!(
    MIGRATIONS,
    async fn a_gateway_that_comes_back_gets_only_what_has_changed(db: TestDb) {
        let mut world = with_two(&db).await;
        let mut gateway = Gateway::connect(&world.endpoint, "g-1", "", 0)
            .await
            .unwrap();
        let known = gateway.next().await.unwrap();
        drop(gateway);
        world.restart().await;
        let connect = async |timeline: &str, revision: u64| {
            Gateway::connect(&world.endpoint, "g-1", timeline, revision).await
        };
        // Nothing has changed: it is told so.
        let mut gateway = connect(&known.timeline, known.revision).await.unwrap();
        let nothing = gateway.next().await.unwrap();
        assert_eq!(
            (
                nothing.full,
                nothing.revision,
                nothing.grants.len(),
                nothing.parts
            ),
            (false, known.revision, 0, 1)
        );
        drop(gateway);
        world.add_tenant("gama", 1).await;
        world.give("gama", "1").await;
        let mut gateway = connect(&known.timeline, known.revision).await.unwrap();
        let change = gateway.next().await.unwrap();
        assert_eq!((change.full, change.grants.len()), (false, 1));
        // Of another history: everything, under this one's name.
        let foreign = "00000000-0000-4000-8000-000000000000";
        let mut stranger = connect(foreign, 999).await.unwrap();
        let all = stranger.next().await.unwrap();
        assert_eq!(
            (all.full, all.grants.len(), &all.timeline),
            (true, 3, &known.timeline)
        );
        drop((gateway, stranger));
        world.finish().await;
    }
);

store::on_both!(
    MIGRATIONS,
    async fn a_gateway_that_knows_more_than_the_database_is_refused(db: TestDb) {
        let world = with_two(&db).await;
        let mut gateway = Gateway::connect(&world.endpoint, "g-1", "", 0)
            .await
            .unwrap();
        let known = gateway.next().await.unwrap();
        let ahead =
            Gateway::connect(&world.endpoint, "g-1", &known.timeline, known.revision + 1).await;
        assert_eq!(ahead.err().unwrap().reason(), &reason::MOVED_BACKWARDS);
        // Nor may it say that it has applied what was never sent.
        let mut never = known.clone();
        never.revision += 1;
        gateway.apply(&never).await;
        assert_eq!(
            gateway.next().await.unwrap_err().reason(),
            &reason::INVALID_FIELDS
        );
        drop(gateway);
        world.finish().await;
    }
);

store::on_both!(
    MIGRATIONS,
    async fn a_gateway_speaks_for_itself_alone_and_by_its_latest_stream(db: TestDb) {
        let world = with_two(&db).await;
        let foreign = Gateway::connect_as(&world.endpoint, "g-1", "g-2", "", 0).await;
        assert_eq!(foreign.err().unwrap().reason(), &reason::NOT_FOUND);
        let mut old = Gateway::connect(&world.endpoint, "g-1", "", 0)
            .await
            .unwrap();
        let set = old.next().await.unwrap();
        let mut new = Gateway::connect(&world.endpoint, "g-1", "", 0)
            .await
            .unwrap();
        new.next().await.unwrap();
        old.apply(&set).await;
        assert_eq!(
            old.next().await.unwrap_err().code(),
            contract::Code::Aborted
        );
        drop((old, new));
        world.finish().await;
    }
);
