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
use runtime::fault::Plant;
use serde::Serialize;
use tests::{
    fleet::{CAUGHT, Figures, Options, Seen, prove, spring},
    world::Database,
};

/// Switches a fleet of real processes back and forth under load while it is broken, and checks what
/// clients saw.
#[derive(Debug, Parser)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
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
    /// Starts the services with this bug and brings them to where it matters: then clients must see
    /// it. `--calm` brings them there without the bug: then they must see nothing.
    #[arg(long, value_name = "NAME", value_parser = plant)]
    plant: Option<Plant>,
    /// Does so with every bug that real processes show.
    #[arg(long, conflicts_with = "plant")]
    plants: bool,
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
    if arguments.plants || arguments.plant.is_some() {
        return traps(&arguments).await;
    }
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
        history,
    };
    let start = Instant::now();
    let tell = |line: &str| eprintln!("{:6.1} s  {line}", start.elapsed().as_secs_f64());
    tell(&format!("seed {seed}"));
    match prove(&options, &tell).await {
        Ok(figures) => {
            show(&figures, arguments.json);
            if figures.sound() {
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

/// What became of planted bugs.
#[derive(Debug, Default, Serialize)]
struct Traps {
    planted: u64,
    caught: u64,
}

async fn traps(arguments: &Arguments) -> ExitCode {
    let bugs = match arguments.plant {
        Some(bug) => vec![bug],
        None => CAUGHT.to_vec(),
    };
    let (mut figures, mut as_expected) = (Traps::default(), true);
    for bug in bugs {
        let (expected, line) = match spring(bug, !arguments.calm).await {
            Ok(Some(seen)) if arguments.calm => (seen.sound(), told(&seen)),
            Ok(Some(seen)) => {
                figures.planted += 1;
                figures.caught += u64::from(seen.caught());
                (seen.caught(), told(&seen))
            }
            Ok(None) => (false, "real processes are not known to show it".to_owned()),
            Err(fault) => (false, format!("broke off: {fault:#}")),
        };
        let mark = if expected { "" } else { " NOT" };
        let word = if arguments.calm { "sound" } else { "caught" };
        println!("{bug:?}:{mark} {word}: {line}");
        as_expected &= expected;
    }
    if arguments.json {
        let value = serde_json::to_value(&figures).expect("figures are plain numbers");
        println!("{value}");
    }
    if as_expected {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn told(seen: &Seen) -> String {
    let first = seen.found.iter().chain(&seen.failures).next();
    format!(
        "{} contradictions and {} failures in {} requests and {} generations, {} s; {}",
        seen.contradictions,
        seen.failures.len(),
        seen.requests,
        seen.generations,
        seen.seconds,
        first.map_or("nothing to show", String::as_str)
    )
}

fn plant(name: &str) -> Result<Plant, String> {
    Plant::ALL
        .into_iter()
        .find(|bug| format!("{bug:?}") == name)
        .ok_or_else(|| format!("there is no bug {name}"))
}
