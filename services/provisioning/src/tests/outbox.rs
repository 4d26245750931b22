//! Notices are published whatever happens, and count once.

use super::*;

fn asked(notices: &[Notice]) -> usize {
    let offered = |notice: &&Notice| matches!(notice.body, Some(notice::Body::AcceptOffered(_)));
    notices.iter().filter(offered).count()
}

store::on_both!(
    MIGRATIONS,
    async fn nothing_is_lost_while_nobody_takes_it_and_over_a_restart(db: TestDb) {
        let mut world = World::start(&db).await;
        world.notification.feel(Mood::Down);
        for tenant in ["acme", "beta"] {
            world.add_tenant(tenant, 1).await;
            world.ask(tenant, "1").await;
        }
        world.notification.called_after(1).await;
        world.restart().await;
        // Whoever had taken them is gone; after a while they are anybody's.
        world.minutes(1);
        let calls = world.notification.calls();
        world.notification.called_after(calls).await;
        assert_eq!(world.notification.notices().len(), 0);
        world.notification.feel(Mood::Good);
        world
            .notification
            .until(|notices| (asked(notices) == 2).then_some(()))
            .await;
        world.finish().await;
    }
);

store::on_both!(
    MIGRATIONS,
    async fn an_answer_that_is_lost_makes_no_second_notice(db: TestDb) {
        let world = World::start(&db).await;
        world.notification.feel(Mood::Forgetful);
        world.add_tenant("acme", 1).await;
        world.ask("acme", "1").await;
        world.notification.called_after(2).await;
        world.notification.feel(Mood::Good);
        world.add_tenant("beta", 1).await;
        world.ask("beta", "1").await;
        world
            .notification
            .until(|notices| (asked(notices) >= 2).then_some(()))
            .await;
        assert_eq!(world.notification.notices().len(), 2);
        world.finish().await;
    }
);

store::on_both!(
    MIGRATIONS,
    async fn a_notice_that_is_refused_for_good_holds_up_no_other(db: TestDb) {
        let world = World::start(&db).await;
        world.notification.feel(Mood::Down);
        for tenant in ["acme", "bad", "gama"] {
            world.add_tenant(tenant, 1).await;
            world.ask(tenant, "1").await;
        }
        world.notification.called_after(0).await;
        world.minutes(1);
        world
            .notification
            .feel(Mood::Refusing("tenants/bad".to_owned()));
        world
            .notification
            .until(|notices| (asked(notices) == 2).then_some(()))
            .await;
        world.ask_beta_too().await;
        world
            .notification
            .until(|notices| (asked(notices) == 3).then_some(()))
            .await;
        world.finish().await;
    }
);

impl World {
    async fn ask_beta_too(&self) {
        self.add_tenant("beta", 1).await;
        self.ask("beta", "1").await;
    }
}

store::on_both!(
    MIGRATIONS,
    async fn tokens_are_in_no_table_while_they_wait_and_after(db: TestDb) {
        let world = World::start(&db).await;
        world.notification.feel(Mood::Down);
        world.add_tenant("acme", 1).await;
        world.ask("acme", "1").await;
        world.notification.called_after(0).await;
        let bodies = async || -> Vec<(String,)> {
            let rows: Result<_, store::Error> =
                store::read!(*db.db(), |tx| store::on!(tx, |conn| sqlx::query_as(
                    "select body from outbox union all select token_hash from offers"
                )
                .fetch_all(conn)
                .await));
            rows.unwrap()
        };
        let waiting = bodies().await;
        world.minutes(1);
        world.notification.feel(Mood::Good);
        let token = world.token("acme", "1").await;
        let wiped = async { while !bodies().await.iter().any(|(body,)| body.is_empty()) {} };
        tokio::time::timeout(Duration::from_secs(20), wiped)
            .await
            .unwrap();
        for (text,) in waiting.into_iter().chain(bodies().await) {
            assert!(!text.contains(&token) && !text.contains("acme"), "{text}");
        }
        world.finish().await;
    }
);
