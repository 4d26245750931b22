//! Proves that no denial, event or mail is lost or doubled by kills: `cargo xtask prove kills`.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the program's purpose"
)]

use std::{process::ExitCode, time::Instant};

use clap::Parser;
use tests::{
    kills::{Figures, Options, prove},
    world::Database,
};

/// Kills catalog, provisioning and notification at random moments while tenants deny in the midst of
/// switches, and looks for what was lost or doubled.
#[derive(Debug, Parser)]
struct Arguments {
    /// On PostgreSQL instead of SQLite.
    #[arg(long)]
    postgres: bool,
    /// Kills, at least.
    #[arg(long, default_value_t = 1000)]
    kills: u64,
    /// Decides who is killed when; a random one is printed.
    #[arg(long)]
    seed: Option<u64>,
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
        kills: arguments.kills,
        seed: arguments.seed.unwrap_or_else(rand::random),
    };
    let start = Instant::now();
    let tell = |line: &str| eprintln!("{:6.1} s  {line}", start.elapsed().as_secs_f64());
    tell(&format!("seed {}", options.seed));
    match prove(options, &tell).await {
        Ok(figures) => {
            show(&figures, arguments.json);
            if figures.sound() {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
        Err(fault) => {
            eprintln!("the proof broke off, seed {}: {fault:#}", options.seed);
            ExitCode::FAILURE
        }
    }
}

fn show(figures: &Figures, json: bool) {
    let value = serde_json::to_value(figures).expect("figures are plain numbers");
    for (name, number) in value.as_object().into_iter().flatten() {
        println!("{:>8}  {}", number.to_string(), name.replace('_', " "));
    }
    if json {
        println!("{value}");
    }
}
