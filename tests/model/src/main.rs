//! Explores every state of small fleets and prints the figures: `cargo xtask prove model`.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the program's purpose"
)]

use std::{process::ExitCode, time::Instant};

use clap::{Parser, ValueEnum};
use model::{Limits, Setting, prove};
use runtime::fault::Plant;

/// Explores every state of small fleets, then plants every bug, and prints the figures.
#[derive(Debug, Parser)]
struct Arguments {
    /// How many settings are explored.
    #[arg(long, value_enum, default_value_t = Extent::More)]
    extent: Extent,
    /// Only settings, and only bugs, whose name contains this.
    #[arg(long, default_value = "")]
    only: String,
    /// Threads that explore.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// States of one setting at most. A setting that has more is not explored completely: the proof
    /// fails.
    #[arg(long, default_value_t = 100_000_000)]
    states: usize,
    /// Ends with one JSON object on the last line.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Extent {
    /// What the test command has time for.
    Short,
    /// Minutes.
    More,
    /// An hour, and some memory.
    Long,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let sets: &[&[Setting]] = match arguments.extent {
        Extent::Short => &[Setting::SHORT],
        Extent::More => &[Setting::SHORT, Setting::MORE],
        Extent::Long => &[Setting::SHORT, Setting::MORE, Setting::LONG],
    };
    let wanted = |name: &str| name.contains(&arguments.only);
    let settings: Vec<Setting> = sets
        .concat()
        .into_iter()
        .filter(|setting| wanted(setting.name))
        .collect();
    let bugs: Vec<Plant> = Plant::ALL
        .into_iter()
        .filter(|bug| wanted(&format!("{bug:?}")))
        .collect();
    if settings.is_empty() && bugs.is_empty() {
        eprintln!("no setting and no bug is called like {:?}", arguments.only);
        return ExitCode::FAILURE;
    }
    let limits = Limits {
        threads: arguments.threads,
        states: arguments.states,
    };
    let start = Instant::now();
    let tell = |line: &str| eprintln!("{:6.1} s  {line}", start.elapsed().as_secs_f64());
    let figures = prove(&settings, &bugs, limits, &tell);
    for wrong in &figures.wrong {
        println!("  wrong: {wrong}");
    }
    println!("{:>10}  settings without a bug", figures.settings);
    println!("{:>10}  states", figures.states);
    println!("{:>10}  of them unique", figures.unique);
    println!("{:>10}  bugs planted", figures.planted);
    println!("{:>10}  caught", figures.caught);
    if arguments.json {
        let json = serde_json::to_string(&figures).expect("figures are plain numbers and texts");
        println!("{json}");
    }
    if figures.wrong.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
