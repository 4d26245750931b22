//! Plays the whole story and prints its figures: `cargo xtask story`.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the program's purpose"
)]

use std::{process::ExitCode, time::Instant};

use clap::Parser;
use tests::{
    story::{Figures, Options, play},
    world::Database,
};

/// Plays the whole story on real processes under load and prints its figures.
#[derive(Debug, Parser)]
struct Arguments {
    /// On PostgreSQL instead of SQLite.
    #[arg(long)]
    postgres: bool,
    /// Switches back and forth while nothing is killed.
    #[arg(long, default_value_t = 50)]
    switches: u32,
    /// Switches during which a process is killed, for each service and gateway.
    #[arg(long, default_value_t = 3)]
    kills: u32,
    /// Requests a second.
    #[arg(long, default_value_t = 2000)]
    rate: u32,
    /// Clients that send them.
    #[arg(long, default_value_t = 48)]
    clients: u32,
    /// Ends with one JSON object on the last line.
    #[arg(long)]
    json: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let options = Options {
        database: if arguments.postgres {
            Database::Postgres
        } else {
            Database::Sqlite
        },
        switches: arguments.switches,
        kills: arguments.kills,
        rate: arguments.rate,
        clients: arguments.clients,
    };
    let start = Instant::now();
    let tell = |line: &str| eprintln!("{:6.1} s  {line}", start.elapsed().as_secs_f64());
    match play(&options, &tell).await {
        Ok(figures) => {
            show(&figures, arguments.json);
            if figures.sound() {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
        Err(fault) => {
            eprintln!("the story broke off: {fault:#}");
            ExitCode::FAILURE
        }
    }
}

fn show(figures: &Figures, json: bool) {
    let value = serde_json::to_value(figures).expect("figures are plain numbers and texts");
    for failure in &figures.failures {
        println!("  failed: {failure}");
    }
    for (name, number) in value
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(_, value)| value.is_number())
    {
        println!("{:>12}  {}", number.to_string(), name.replace('_', " "));
    }
    if json {
        println!("{value}");
    }
}
