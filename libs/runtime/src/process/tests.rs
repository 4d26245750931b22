use std::{convert::Infallible, future::pending, process::Command};

use super::*;
use crate::telemetry::LogArgs;

/// Runs a process whose drain has no time, and returns its exit code.
fn run<T>(run: impl AsyncFnOnce(Shell) -> Result<T, Error>) -> String {
    let args = ProcessArgs {
        log: LogArgs::default(),
        drain_seconds: 0,
    };
    format!("{:?}", main("test", &args, run))
}

fn code(code: u8) -> String {
    format!("{:?}", ExitCode::from(code))
}

#[test]
fn bad_configuration_is_told_by_its_exit_code() {
    let usage = run(async |_| Err::<(), _>(Error::Usage("no such flag".to_owned())));
    assert_eq!(usage, code(exit::USAGE));
    let args = ProcessArgs {
        log: LogArgs {
            filter: "no=such=level".to_owned(),
            ..LogArgs::default()
        },
        drain_seconds: 0,
    };
    let started = main("test", &args, async |_| -> Result<(), Error> {
        unreachable!()
    });
    assert_eq!(format!("{started:?}"), code(exit::USAGE));
}

#[test]
fn a_task_that_dies_ends_the_process() {
    let ended = run(async |shell| {
        shell.spawn("broken", async { Err("no disk") });
        Ok(())
    });
    assert_eq!(ended, code(exit::INTERNAL));
    let starting = run(async |shell| {
        shell.spawn("broken", async { Err("no disk") });
        pending::<Result<(), Error>>().await
    });
    assert_eq!(starting, code(exit::INTERNAL));
}

#[test]
fn a_signal_stops_in_good_order() {
    let ended = run(async |shell| {
        shell.spawn_until_stop("serve", pending::<Result<(), Infallible>>());
        terminate();
        Ok(())
    });
    assert_eq!(ended, code(exit::OK));
}

#[test]
fn what_does_not_end_in_time_is_cut_and_the_exit_code_says_so() {
    let ended = run(async |shell| {
        shell.spawn("stubborn", pending::<Result<(), Infallible>>());
        terminate();
        Ok(())
    });
    assert_eq!(ended, code(exit::CUT));
}

/// Asks this process to end, as a service manager would.
fn terminate() {
    let this = std::process::id().to_string();
    assert!(
        Command::new("kill")
            .args(["-TERM", &this])
            .status()
            .unwrap()
            .success()
    );
}

#[test]
fn what_fails_later_keeps_its_own_exit_code() {
    let ended = run(async |shell| {
        shell.fail(Error::unavailable("the database", "connection refused"));
        Ok(())
    });
    assert_eq!(ended, code(exit::UNAVAILABLE));
}
