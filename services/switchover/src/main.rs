//! The one binary: client, services, demonstration.

use std::process::ExitCode;

fn main() -> ExitCode {
    switchover::run(switchover::Cli::get())
}
