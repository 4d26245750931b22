use std::{convert::Infallible, future::pending};

use super::*;

#[tokio::test]
async fn a_task_that_ends_fails_or_panics_early_ends_the_process_by_name() {
    let shell = Shell::for_tests();
    shell.spawn("short", async { Ok::<(), Infallible>(()) });
    assert_eq!(
        shell.failed().await.to_string(),
        "task short ended though nobody asked"
    );
    assert!(shell.stopping().is_cancelled());

    let shell = Shell::for_tests();
    shell.spawn("broken", async { Err("no disk") });
    assert_eq!(
        shell.failed().await.to_string(),
        "task broken failed: no disk"
    );

    let shell = Shell::for_tests();
    shell.spawn_until_stop("wild", async {
        assert!(shell_is_fine(), "oh no");
        Ok::<(), Infallible>(())
    });
    assert_eq!(
        shell.failed().await.to_string(),
        "task wild panicked: oh no"
    );
    assert_eq!(shell.failure().unwrap().exit_code(), crate::exit::INTERNAL);
}

fn shell_is_fine() -> bool {
    false
}

#[tokio::test]
async fn tasks_that_end_when_asked_drain_without_a_word() {
    let shell = Shell::for_tests();
    let stop = shell.stopping();
    shell.spawn("good", async move {
        stop.cancelled().await;
        Ok::<(), Infallible>(())
    });
    shell.spawn_until_stop("dropped", pending::<Result<(), Infallible>>());
    assert!(shell.failure().is_none());
    shell.clone().finish_test().await;
    assert!(shell.failure().is_none());
}

#[tokio::test]
async fn what_does_not_end_is_cut_at_the_deadline_and_named() {
    let shell = Shell::for_tests();
    shell.spawn("stubborn", pending::<Result<(), Infallible>>());
    shell.stop();
    let left = shell.drained(Duration::from_millis(5)).await;
    assert_eq!(left, Err(vec!["stubborn".to_owned()]));
}

#[tokio::test]
async fn a_shell_is_ready_when_every_latch_is_released() {
    let shell = Shell::for_tests();
    let child = shell.child("catalog");
    let (routes, grants) = (shell.hold_ready("routes"), child.hold_ready("grants"));
    assert_eq!(shell.waiting_for(), ["grants", "routes"]);
    assert_eq!(child.waiting_for(), ["grants"]);
    assert!(shell.ready().now_or_never().is_none());
    grants.release();
    child.ready().await;
    assert!(shell.ready().now_or_never().is_none());
    drop(routes);
    shell.ready().await;
}

#[tokio::test]
async fn a_child_stops_alone_fails_all_and_is_drained_with_its_parent() {
    let shell = Shell::for_tests();
    let (one, two) = (shell.child("one"), shell.child("two"));
    one.stop();
    assert!(!shell.stopping().is_cancelled() && !two.stopping().is_cancelled());
    two.spawn("waits", pending::<Result<(), Infallible>>());
    two.spawn("breaks", async { Err("it did") });
    assert_eq!(
        shell.failed().await.to_string(),
        "task breaks failed: it did"
    );
    shell.stop();
    assert!(two.stopping().is_cancelled());
    assert!(shell.drained(Duration::from_millis(5)).await.is_err());
    assert!(two.running().is_empty());
}
