//! A version in test is for testers, and for nobody else.

use http::{Request, StatusCode};
use sha2::{Digest as _, Sha256};

use super::{
    upstream::Upstream,
    world::{Answer, LONG, TESTER, USER, World, empty, full, until},
};
use crate::apps::GateOrder;

const TOKEN: &str = "n7Vb-tester_token-0123456789";

/// Version 1.0 is active, 2.0 in test.
async fn world() -> (World, Upstream, Upstream) {
    let world = World::start().await;
    let (active, test) = (Upstream::start("1.0").await, Upstream::start("2.0").await);
    let mut route = world.test(&test, Sha256::digest(TOKEN).into());
    route.generation = Some(contract::Generation::FIRST);
    route.gate = GateOrder::Open(active.target());
    world.plane.set_route(route);
    (world, active, test)
}

async fn ask(world: &World, field: (&str, &str)) -> Answer {
    let request = Request::get("/")
        .header("host", TESTER)
        .header(field.0, field.1)
        .body(empty())
        .unwrap();
    world.connect().await.finish(request).await
}

async fn log_in(world: &World, token: &str) -> Answer {
    let request = Request::post("/.switchover/tester")
        .header("host", TESTER)
        .header("accept", "text/html")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(full(format!("token={token}")))
        .unwrap();
    world.connect().await.finish(request).await
}

#[tokio::test]
async fn a_version_in_test_is_reached_with_the_token_and_not_without() {
    let (world, active, test) = world().await;
    let without = world.get(TESTER, "/").await;
    assert_eq!(without.status, StatusCode::UNAUTHORIZED);
    assert_eq!(without.reason(), "TESTER_TOKEN_NEEDED");
    let wrong = ask(&world, ("switchover-tester-token", "another")).await;
    assert_eq!(wrong.reason(), "TESTER_TOKEN_WRONG");
    assert_eq!(test.seen.arrivals(), 0);

    let right = ask(&world, ("switchover-tester-token", TOKEN)).await;
    assert_eq!((right.status, &*right.text), (StatusCode::OK, "2.0"));
    assert_eq!(right.field("switchover-version"), "2.0");
    let (_, _, fields) = test.last();
    assert_eq!(fields["switchover-tenant"], "acme");
    assert_eq!(fields["switchover-tester"], "true");
    assert_eq!(fields["switchover-version"], "2.0");
    assert!(!fields.contains_key("switchover-tester-token"));
    assert!(!fields.contains_key("switchover-generation"));
    assert_eq!(active.seen.arrivals(), 0);
}

#[tokio::test]
async fn the_token_opens_nothing_at_users_addresses() {
    let (world, active, test) = world().await;
    let request = Request::get("/")
        .header("host", USER)
        .header("switchover-tester-token", TOKEN)
        .header("switchover-tester", "true")
        .header("cookie", format!("switchover-tester={TOKEN}; mine=1"))
        .body(empty())
        .unwrap();
    let answer = world.connect().await.finish(request).await;
    assert_eq!(answer.text, "1.0");
    assert_eq!(test.seen.arrivals(), 0);
    let (_, _, fields) = active.last();
    assert_eq!(fields["cookie"], "mine=1");
    assert!(!fields.contains_key("switchover-tester"));
    assert!(!fields.contains_key("switchover-tester-token"));
}

#[tokio::test]
async fn the_form_sets_a_cookie_that_lets_in_and_goes_no_further() {
    let (world, _active, test) = world().await;
    let page = ask(&world, ("accept", "text/html,*/*;q=0.8")).await;
    assert_eq!(page.status, StatusCode::UNAUTHORIZED);
    assert!(page.text.contains("action=\"/.switchover/tester\""));
    let wrong = log_in(&world, "wrong").await;
    assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    assert!(wrong.text.contains("aria-invalid"));
    assert!(!wrong.fields.contains_key("set-cookie"));

    let right = log_in(&world, TOKEN).await;
    assert_eq!(right.status, StatusCode::SEE_OTHER);
    assert_eq!(right.field("location"), "/");
    let cookie = right.field("set-cookie");
    assert!(cookie.ends_with("; HttpOnly; SameSite=Strict"), "{cookie}");
    let (cookie, _) = cookie.split_once(';').unwrap();
    let answer = ask(&world, ("cookie", cookie)).await;
    assert_eq!(answer.text, "2.0");
    let (_, _, fields) = test.last();
    assert!(!fields.contains_key("cookie"), "{fields:?}");
}

#[tokio::test]
async fn who_guesses_tokens_is_stopped() {
    let (world, _active, test) = world().await;
    let mut stopped = 0;
    for number in 0..30 {
        let answer = ask(
            &world,
            ("switchover-tester-token", &format!("guess{number}")),
        )
        .await;
        if answer.status == StatusCode::TOO_MANY_REQUESTS {
            assert_eq!(answer.field("retry-after"), "60");
            stopped += 1;
        }
    }
    assert_eq!(stopped, 10);
    let form = log_in(&world, "guess").await;
    assert_eq!(form.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(test.seen.arrivals(), 0);
    assert_eq!(world.get(USER, "/").await.text, "1.0", "users never notice");
}

#[tokio::test]
async fn testers_requests_never_count_as_users() {
    let (world, _active, _test) = world().await;
    ask(&world, ("switchover-tester-token", TOKEN)).await;
    world.get(USER, "/").await;
    let status = world.plane.status(None, true).remove(0);
    assert_eq!(status.test_version.as_ref().unwrap().as_str(), "2.0");
    assert_eq!(status.active_version.as_ref().unwrap().as_str(), "1.0");
    let mut counts: Vec<_> = status
        .traffic
        .iter()
        .map(|it| (it.version.as_str(), it.test, it.requests, it.tenants.len()))
        .collect();
    counts.sort_unstable();
    assert_eq!(counts, [("1.0", false, 1, 1), ("2.0", true, 1, 0)]);
}

/// The version in test becomes the active one: the tester's request under way finishes, is not
/// counted among the users', and the test address has nothing any more.
#[tokio::test]
async fn a_testers_request_outlives_the_end_of_the_test() {
    let (world, _active, test) = world().await;
    let mut connection = world.connect().await;
    let request = Request::get("/slow")
        .header("host", TESTER)
        .header("switchover-tester-token", TOKEN)
        .body(empty())
        .unwrap();
    let slow = connection.finish(request);
    let switch = async {
        until("the tester's request is there", || {
            test.seen.arrivals() == 1
        })
        .await;
        let drain = world.open(2, &test).unwrap();
        assert_eq!(world.get(USER, "/").await.text, "2.0");
        let after = ask(&world, ("switchover-tester-token", TOKEN)).await;
        assert_eq!(after.reason(), "NOTHING_IN_TEST");
        test.go_on();
        drain.finish(LONG).await
    };
    let (answer, drained) = tokio::join!(slow, switch);
    assert_eq!(answer.text, "2.0");
    assert_eq!((drained.finished, drained.cut), (0, 0));
}

#[tokio::test]
async fn a_cancelled_test_is_over_for_testers_and_can_be_drained() {
    let (world, active, _test) = world().await;
    let drain = world.open(1, &active).expect("the test has left");
    assert_eq!(drain.in_flight(), 0);
    let answer = ask(&world, ("switchover-tester-token", TOKEN)).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(drain.finish(LONG).await.cut, 0);
    assert_eq!(world.get(USER, "/").await.text, "1.0");
}
