//! What gateways count of users' requests, added up and kept for a while.

use std::time::Duration;

use ::store::testing::TestDb;
use contract::{Problem, Role};
use proto::catalog::v1::{follow_request::Message, traffic_service_client::TrafficServiceClient};

use super::{
    Gateway, World,
    gateway::{boot, hello},
    soon, wire,
    world::{ANNA, client},
};
use crate::store::MIGRATIONS;

/// When simulated worlds begin, in seconds since 1970.
const BEGIN: i64 = 1_800_000_000;

fn count(generation: u64, age_millis: u64, requests: i64, failed: i64) -> wire::TrafficCount {
    wire::TrafficCount {
        application: "applications/crm".to_owned(),
        age: Some(contract::duration::write(Duration::from_millis(age_millis))),
        generation,
        requests,
        failed,
    }
}

impl Gateway {
    async fn report(&self, number: u64, counts: Vec<wire::TrafficCount>) {
        self.say(Message::Traffic(wire::Traffic { number, counts }))
            .await;
    }

    /// Waits until a report is kept.
    async fn until_taken(&mut self, number: u64) {
        soon("that a report is kept", async {
            while self.taken < number {
                self.next().await.unwrap();
            }
        })
        .await;
        assert_eq!(self.taken, number);
    }
}

impl World {
    async fn list(
        &self,
        change: impl FnOnce(&mut wire::ListTrafficRequest),
    ) -> Result<wire::ListTrafficResponse, Problem> {
        let second = |seconds| Some(prost_types::Timestamp { seconds, nanos: 0 });
        let now = self.clock.now().as_second();
        let mut request = wire::ListTrafficRequest {
            parent: "applications/crm".to_owned(),
            start_time: second(now - 900),
            end_time: second(now + 1),
            step: None,
        };
        change(&mut request);
        let client = client(self.address, Role::OperatorViewer, ANNA);
        let listed = TrafficServiceClient::new(client)
            .list_traffic(request)
            .await?;
        Ok(listed.into_inner())
    }

    /// Returns each point as: seconds since the world began, generation, version, requests, failed.
    async fn points(&self) -> Vec<(i64, u64, String, i64, i64)> {
        plain(&self.list(|_| ()).await.unwrap())
    }
}

fn plain(listed: &wire::ListTrafficResponse) -> Vec<(i64, u64, String, i64, i64)> {
    let points = listed.points.iter().map(|it| {
        let at = it.time.unwrap().seconds - BEGIN;
        (
            at,
            it.generation,
            it.version.clone(),
            it.requests,
            it.failed,
        )
    });
    points.collect()
}

::store::on_both!(
    MIGRATIONS,
    async fn what_gateways_count_is_added_up_over_replicas_and_a_switch(db: TestDb) {
        let world = World::simulated(&db).await;
        let (_, two) = world.crm_on_one().await;
        let (other, address) = world.replica().await;
        let mut a = Gateway::join(&world, "a").await;
        let mut b = Gateway::hello(address, hello("b")).await.unwrap();
        // Their clocks are not asked: this is so long ago, as each says.
        a.report(1, vec![count(1, 500, 7, 1), count(1, 60_000, 2, 0)])
            .await;
        b.report(1, vec![count(1, 900, 5, 0)]).await;
        a.until_taken(1).await;
        b.until_taken(1).await;
        let one = |at, requests, failed| (at, 1, "1".to_owned(), requests, failed);
        assert_eq!(world.points().await, [one(-60, 2, 0), one(-1, 12, 1)]);

        let name = world.confirm(&two).await.unwrap().name;
        tokio::join!(a.obey(), b.obey());
        world.ended(&name).await;
        world.clock.advance(Duration::from_secs(2));
        a.report(2, vec![count(1, 1500, 1, 0), count(2, 1500, 3, 0)])
            .await;
        b.report(2, vec![count(2, 500, 4, 2)]).await;
        a.until_taken(2).await;
        b.until_taken(2).await;
        let two = |at, requests, failed| (at, 2, "2".to_owned(), requests, failed);
        let all = [
            one(-60, 2, 0),
            one(-1, 12, 1),
            one(0, 1, 0),
            two(0, 3, 0),
            two(1, 4, 2),
        ];
        assert_eq!(world.points().await, all);

        let listed = world
            .list(|request| {
                request.step = Some(prost_types::Duration {
                    seconds: 60,
                    nanos: 0,
                })
            })
            .await
            .unwrap();
        assert_eq!(
            plain(&listed),
            [one(-60, 14, 1), one(0, 1, 0), two(0, 7, 2)]
        );
        let times = (
            listed.complete_time.unwrap(),
            listed.kept_since_time.unwrap(),
        );
        assert_eq!(
            (times.0.seconds, times.1.seconds),
            (BEGIN, BEGIN + 2 - 48 * 3600)
        );
        world.finish().await;
        other.finish_test().await;
    }
);

::store::on_both!(
    MIGRATIONS,
    async fn a_report_that_comes_again_counts_once_wherever_it_comes(db: TestDb) {
        let mut world = World::simulated(&db).await;
        world.crm_on_one().await;
        let (other, address) = world.replica().await;
        let mut a = Gateway::join(&world, "a").await;
        a.report(1, vec![count(1, 0, 7, 0)]).await;
        a.until_taken(1).await;
        // It has not heard that it is kept, says it again to another one, and goes on.
        let mut again = Gateway::hello(address, hello("a")).await.unwrap();
        again.report(1, vec![count(1, 0, 7, 0)]).await;
        again.report(2, vec![count(1, 0, 10, 0)]).await;
        again.report(2, vec![count(1, 0, 10, 0)]).await;
        again.until_taken(2).await;
        let points = async |world: &World| world.points().await[0].3;
        assert_eq!(points(&world).await, 17);
        // Neither the death of a replica changes that …
        world.crash().await;
        let mut again = again.again(&world).await;
        again.report(2, vec![count(1, 0, 10, 0)]).await;
        again.report(3, vec![count(1, 0, 100, 0)]).await;
        again.until_taken(3).await;
        assert_eq!(points(&world).await, 117);
        // … nor is another start of the gateway a repeat.
        again.leave().await;
        let started = wire::Hello {
            boot: boot(2),
            ..hello("a")
        };
        let mut started = Gateway::hello(world.address, started).await.unwrap();
        started.report(1, vec![count(1, 0, 1000, 0)]).await;
        started.until_taken(1).await;
        assert_eq!(points(&world).await, 1117);
        world.finish().await;
        other.finish_test().await;
    }
);

::store::on_both!(
    MIGRATIONS,
    async fn what_cannot_be_counted_is_dropped_and_ends_no_stream(db: TestDb) {
        let world = World::simulated(&db).await;
        world.fenced_crm_on_one().await;
        let mut a = Gateway::join(&world, "a").await;
        let nobodys = wire::TrafficCount {
            application: "applications/nobody".to_owned(),
            ..count(1, 0, 1, 0)
        };
        a.report(0, vec![count(1, 0, 1, 0)]).await;
        a.report(u64::MAX, vec![count(1, 0, 1, 0)]).await;
        let bad = vec![
            count(0, 0, 1, 0),
            count(1, 0, -1, 0),
            nobodys,
            count(9, 0, 1, 0),
        ];
        a.report(1, bad).await;
        a.until_taken(1).await;
        a.report(2, vec![count(1, 0, 5, 0); 201]).await;
        a.until_taken(2).await;
        a.beat_for_lease(1).await;
        // Of a generation that no switch began nobody knows the version.
        assert_eq!(world.points().await, [(0, 1, "1".to_owned(), 1000, 0)]);
        world.finish().await;
    }
);

::store::on_both!(
    MIGRATIONS,
    async fn it_is_forgotten_after_its_time(db: TestDb) {
        let world = World::simulated(&db).await;
        world.crm_on_one().await;
        let mut a = Gateway::join(&world, "a").await;
        // More than goes at once.
        for number in 1..=3 {
            let counts = (0..200).map(|it| count(1, (number * 200 + it) * 1000, 1, 0));
            a.report(number, counts.collect()).await;
            a.until_taken(number).await;
        }
        assert_eq!(world.points().await.len(), 600);
        let kept = Duration::from_secs(48 * 3600);
        world.clock.advance(kept - Duration::from_secs(500));
        let database = ::store::Db::open(&world.url, &MIGRATIONS).await.unwrap();
        let rows = async |table: &'static str| {
            let sql = match table {
                "seconds" => "select count(*) from traffic_seconds",
                _ => "select count(*) from traffic_reports",
            };
            let counted: Result<(i64,), ::store::Error> = ::store::read!(database, |tx| {
                ::store::on!(tx, |conn| sqlx::query_as(sql).fetch_one(conn).await)
            });
            counted.unwrap().0
        };
        soon("that the older ones are forgotten", async {
            while rows("seconds").await != 301 {}
        })
        .await;
        assert_eq!(rows("reports").await, 1);
        world.clock.advance(Duration::from_secs(600));
        soon("that all is forgotten", async {
            while rows("seconds").await + rows("reports").await != 0 {}
        })
        .await;
        database.close().await;
        world.finish().await;
    }
);

::store::on_both!(
    MIGRATIONS,
    async fn where_none_is_kept_gateways_are_not_asked_for_it(db: TestDb) {
        let mut world = World::simulated(&db).await;
        world.fenced_crm_on_one().await;
        let a = Gateway::join(&world, "a").await;
        assert!(a.wants_traffic);
        world.keep_traffic_hours = 0;
        world.crash().await;
        let mut a = a.again(&world).await;
        assert!(!a.wants_traffic);
        a.report(1, vec![count(1, 0, 1, 0)]).await;
        a.beat_for_lease(1).await;
        let listed = world.list(|_| ()).await.unwrap();
        assert!(listed.points.is_empty());
        assert_eq!(listed.kept_since_time.unwrap().seconds, BEGIN);
        world.finish().await;
    }
);

::store::on_both!(
    MIGRATIONS,
    async fn what_a_gateway_that_is_not_heard_may_have_counted_is_not_complete(db: TestDb) {
        let world = World::simulated(&db).await;
        world.crm_on_one().await;
        let a = Gateway::join(&world, "a").await;
        let complete = async || {
            world
                .list(|_| ())
                .await
                .unwrap()
                .complete_time
                .unwrap()
                .seconds
        };
        assert_eq!(complete().await, BEGIN - 2);
        world.clock.advance(Duration::from_secs(60));
        assert_eq!(complete().await, BEGIN - 2, "it was last heard then");
        a.leave().await;
        assert_eq!(complete().await, BEGIN + 58);
        world.finish().await;
    }
);

::store::on_both!(
    MIGRATIONS,
    async fn what_cannot_be_listed_is_refused(db: TestDb) {
        let world = World::simulated(&db).await;
        world.crm_on_one().await;
        let time = |seconds| Some(prost_types::Timestamp { seconds, nanos: 0 });
        let step = |seconds, nanos| Some(prost_types::Duration { seconds, nanos });
        let refused = async |change: &dyn Fn(&mut wire::ListTrafficRequest)| {
            let problem = world.list(|request| change(request)).await.unwrap_err();
            let fields = problem.fields().iter().map(|it| it.field.clone());
            (problem.code(), fields.collect::<Vec<_>>().join(","))
        };
        let wrong = |field: &str| (contract::Code::InvalidArgument, field.to_owned());
        let nobody = |it: &mut wire::ListTrafficRequest| it.parent = "applications/no".to_owned();
        assert_eq!(refused(&nobody).await.0, contract::Code::NotFound);
        assert_eq!(refused(&|it| it.parent.clear()).await, wrong("parent"));
        assert_eq!(
            refused(&|it| it.start_time = None).await,
            wrong("start_time")
        );
        assert_eq!(
            refused(&|it| it.end_time = time(BEGIN - 901)).await,
            wrong("start_time")
        );
        for bad in [
            step(0, 500_000_000),
            step(0, 0),
            step(3601, 0),
            step(1, 1),
            step(-1, 0),
        ] {
            assert_eq!(refused(&|it| it.step = bad).await, wrong("step"));
        }
        let far = |it: &mut wire::ListTrafficRequest| it.end_time = time(253_402_000_000);
        assert_eq!(refused(&far).await, wrong("step"));
        assert_eq!(
            refused(&|it| it.end_time = time(BEGIN + 101)).await,
            wrong("step")
        );
        let most = |it: &mut wire::ListTrafficRequest| it.end_time = time(BEGIN + 100);
        world.list(most).await.unwrap();
        // Steps begin at multiples of their length: this one has a part of one at each end.
        let shifted = |it: &mut wire::ListTrafficRequest| {
            it.start_time = time(BEGIN + 1);
            it.end_time = time(BEGIN + 10_001);
            it.step = step(10, 0);
        };
        assert_eq!(refused(&shifted).await, wrong("step"));
        let unset = |it: &mut wire::ListTrafficRequest| it.end_time = None;
        world.list(unset).await.unwrap();
        world.finish().await;
    }
);
