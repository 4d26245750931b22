//! Kills at every point between two persisted steps and prints the figures:
//! `cargo xtask prove crash-points`.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the program's purpose"
)]

use std::{process::ExitCode, time::Instant};

use clap::Parser;
use tests::crash_points::{Options, prove};

/// Kills at every point between two persisted steps and prints the figures.
#[derive(Debug, Parser)]
struct Arguments {
    /// At each point at the first, second … time, up to this one.
    #[arg(long, default_value_t = 60)]
    times: u32,
    /// Of those, only every such many.
    #[arg(long, default_value_t = 1)]
    every: u32,
    /// Ends with one JSON object on the last line.
    #[arg(long)]
    json: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let options = Options {
        times_max: arguments.times,
        every: arguments.every.max(1),
    };
    let start = Instant::now();
    let tell = |line: &str| eprintln!("{:6.1} s  {line}", start.elapsed().as_secs_f64());
    let figures = match prove(options, &tell).await {
        Ok(figures) => figures,
        Err(fault) => {
            eprintln!("the proof broke off: {fault:#}");
            return ExitCode::FAILURE;
        }
    };
    for fault in &figures.faults {
        println!("  wrong: {fault}");
    }
    println!("{:>6}  points", figures.points);
    println!("{:>6}  kills", figures.kills);
    println!("{:>6}  wrong", figures.wrong);
    println!(
        "{:>6}  ms from the restart to the end of the switch at most",
        figures.longest_recovery_ms
    );
    if arguments.json {
        let json = serde_json::to_string(&figures).expect("figures are plain numbers and texts");
        println!("{json}");
    }
    if figures.sound() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
