//! The one binary: client, services, demonstration.

use std::process::ExitCode;

fn main() -> ExitCode {
    match switchover::Cli::get() {
        Ok(cli) => switchover::run(cli),
        Err(exit) => exit,
    }
}
