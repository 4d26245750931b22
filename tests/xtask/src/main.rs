//! The project's own tasks: `cargo xtask --help`. Continuous integration calls `test` and nothing
//! else.

mod bench;
mod console;
mod dev;
mod prove;
mod run;
mod story;
mod test;
mod tools;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Builds, runs, tests and measures Switchover.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Starts everything on this machine, with a demo application and a mailbox to look into.
    Dev(dev::Options),
    /// Installs what is missing, checks and tests everything.
    Test(test::Options),
    /// Proves one of the promises of the switch and prints the figures.
    Prove(prove::Options),
    /// Measures the switch beside its peers and prints the figures.
    Bench(bench::Options),
    /// Plays the whole story on real processes under load and prints its figures.
    Story(story::Options),
    /// Builds the console into services/console/dist, from where gateways have it.
    Console,
    /// Installs the programs that tests and demonstration use.
    Tools,
}

fn main() -> ExitCode {
    let done = match Arguments::parse().task {
        Task::Dev(options) => dev::run(&options),
        Task::Test(options) => test::run(&options),
        Task::Prove(options) => prove::run(&options),
        Task::Bench(options) => bench::run(&options),
        Task::Story(options) => story::run(&options),
        Task::Console => console::build(),
        Task::Tools => tools::install(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            run::say(&format!("failed: {fault:#}"));
            ExitCode::FAILURE
        }
    }
}
