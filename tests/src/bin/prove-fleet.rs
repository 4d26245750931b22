//! Proves the switch on real processes: `cargo xtask prove fleet`.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the program's purpose"
)]

use std::{
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};

use clap::Parser;
use tests::{
    fleet::{Figures, Options, prove},
    world::Database,
};

/// Switches a fleet of real processes back and forth under load while it is broken, and checks what
/// clients saw.
#[derive(Debug, Parser)]
struct Arguments {
    /// On SQLite, with one catalog, instead of PostgreSQL with two.
    #[arg(long)]
    sqlite: bool,
    /// Switches, at least.
    #[arg(long, default_value_t = 50)]
    switches: u32,
    /// Goes on for so long, at least.
    #[arg(long, default_value_t = 0)]
    seconds: u64,
    /// Requests a second.
    #[arg(long, default_value_t = 500)]
    rate: u32,
    /// Clients that send them.
    #[arg(long, default_value_t = 48)]
    clients: u32,
    /// Breaks nothing.
    #[arg(long)]
    calm: bool,
    /// Decides what is broken when; a random one is printed.
    #[arg(long)]
    seed: Option<u64>,
    /// Starts the services with this bug: then something must be found.
    #[arg(long, value_name = "NAME")]
    plant: Option<String>,
    /// Where the history is written.
    #[arg(long, value_name = "FILE")]
    history: Option<PathBuf>,
    /// Ends with one JSON object on the last line.
    #[arg(long)]
    json: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let seed = arguments.seed.unwrap_or_else(rand::random);
    let history = arguments
        .history
        .unwrap_or_else(|| std::env::temp_dir().join(format!("switchover-history-{seed}.txt")));
    let options = Options {
        database: if arguments.sqlite {
            Database::Sqlite
        } else {
            Database::Postgres
        },
        switches: arguments.switches,
        time: Duration::from_secs(arguments.seconds),
        rate: arguments.rate,
        clients: arguments.clients,
        faults: !arguments.calm,
        seed,
        plant: arguments.plant,
        history,
    };
    let start = Instant::now();
    let tell = |line: &str| eprintln!("{:6.1} s  {line}", start.elapsed().as_secs_f64());
    tell(&format!("seed {seed}"));
    match prove(&options, &tell).await {
        Ok(figures) => {
            show(&figures, arguments.json);
            let expected = match options.plant {
                Some(_) => figures.violated(),
                None => figures.sound(),
            };
            if expected {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
        Err(fault) => {
            eprintln!("the proof broke off, seed {seed}: {fault:#}");
            ExitCode::FAILURE
        }
    }
}

fn show(figures: &Figures, json: bool) {
    for contradiction in &figures.found {
        println!("  contradiction: {contradiction}");
    }
    for failure in &figures.failures {
        println!("  failed: {failure}");
    }
    for (why, count) in &figures.given_up_because {
        println!("  given up {count} times: {why}");
    }
    println!("  history: {}", figures.history);
    let value = serde_json::to_value(figures).expect("figures are plain numbers and texts");
    for (name, number) in value
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(_, value)| value.is_number())
    {
        println!("{:>20}  {}", number.to_string(), name.replace('_', " "));
    }
    if json {
        println!("{value}");
    }
}
