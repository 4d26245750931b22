//! Measures the switch beside nginx and HAProxy and prints its figures: `cargo xtask bench switch`.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the program's purpose"
)]

use std::{process::ExitCode, time::Instant};

use anyhow::{Result, bail};
use clap::{Parser, ValueEnum};
use tests::{
    bench::{Figures, Options, Peers, Side, measure},
    world::Database,
};

/// Measures the switch under load, beside the same flip made by nginx and HAProxy.
#[derive(Debug, Parser)]
struct Arguments {
    /// On PostgreSQL instead of SQLite.
    #[arg(long)]
    postgres: bool,
    /// Switches of each contender.
    #[arg(long, default_value_t = 500)]
    switches: u32,
    /// Requests that each contender is sent, at least.
    #[arg(long, default_value_t = 1_000_000)]
    requests: u64,
    /// Requests a second.
    #[arg(long, default_value_t = 3000)]
    rate: u32,
    /// Clients that send them.
    #[arg(long, default_value_t = 48)]
    clients: u32,
    /// Turns that each contender gets.
    #[arg(long, default_value_t = 10)]
    rounds: u32,
    /// Who is measured beside Switchover.
    #[arg(long, value_enum, default_value_t = Beside::All)]
    peers: Beside,
    /// Fleets of simulated gateways to switch as well, smallest first; none if empty.
    #[arg(long, value_delimiter = ',', default_value = "1,3,10,100,1000")]
    fleet_sizes: Vec<String>,
    /// Switches of each such fleet.
    #[arg(long, default_value_t = 100)]
    fleet_switches: u32,
    /// Ends with one JSON object on the last line.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Beside {
    /// Nobody.
    None,
    /// nginx and HAProxy.
    All,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match Box::pin(run(&arguments)).await {
        Ok(figures) if figures.sound() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(fault) => {
            eprintln!("the benchmark broke off: {fault:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> Result<Figures> {
    let sizes = arguments.fleet_sizes.iter().filter(|size| !size.is_empty());
    let options = Options {
        database: if arguments.postgres {
            Database::Postgres
        } else {
            Database::Sqlite
        },
        switches: arguments.switches,
        requests: arguments.requests,
        rate: arguments.rate,
        clients: arguments.clients,
        rounds: arguments.rounds,
        peers: match arguments.peers {
            Beside::None => Peers::None,
            Beside::All => Peers::All,
        },
        fleet_sizes: sizes
            .map(|size| size.parse())
            .collect::<Result<_, std::num::ParseIntError>>()?,
        fleet_switches: arguments.fleet_switches,
    };
    let start = Instant::now();
    let tell = |line: &str| eprintln!("{:6.1} s  {line}", start.elapsed().as_secs_f64());
    // An interrupt too stops every process that was started.
    let figures = tokio::select! {
        figures = measure(&options, &tell) => figures?,
        _ = tokio::signal::ctrl_c() => bail!("interrupted"),
    };
    show(&figures);
    if arguments.json {
        println!("{}", figures.json());
    }
    Ok(figures)
}

fn show(figures: &Figures) {
    let mut sides = vec![("switchover", &figures.ours)];
    sides.extend(figures.peers.iter().map(|(name, side)| (*name, side)));
    for (name, side) in &sides {
        for line in &side.shown {
            println!("  {name}: {line}");
        }
    }
    let names: String = sides
        .iter()
        .map(|(name, _)| format!("{name:>14}"))
        .collect();
    println!("{:26}{names}", "");
    let row = |what: &str, of: &dyn Fn(&Side) -> String| {
        let cells: String = sides
            .iter()
            .map(|(_, side)| format!("{:>14}", of(side)))
            .collect();
        println!("{what:26}{cells}");
    };
    row("requests", &|side| side.requests.to_string());
    row("switches", &|side| side.switches.to_string());
    row("failed", &|side| side.failed.to_string());
    row("contradictions", &|side| side.contradictions.to_string());
    row("held", &|side| side.held.to_string());
    row("hold p50, ms", &|side| format!("{:.1}", side.hold_p50_ms));
    row("hold p99, ms", &|side| format!("{:.1}", side.hold_p99_ms));
    row("hold longest, ms", &|side| {
        format!("{:.1}", side.hold_longest_ms)
    });
    row("everywhere p50, ms", &|side| {
        format!("{:.1}", side.everywhere_p50_ms)
    });
    row("everywhere p99, ms", &|side| {
        format!("{:.1}", side.everywhere_p99_ms)
    });
    row("  closing consent p50, ms", &|side| {
        format!("{:.1}", side.closing_p50_ms)
    });
    row("  holding p50, ms", &|side| {
        format!("{:.1}", side.holding_p50_ms)
    });
    row("  releasing p50, ms", &|side| {
        format!("{:.1}", side.releasing_p50_ms)
    });
    row("confirm p50, ms", &|side| {
        format!("{:.1}", side.confirm_p50_ms)
    });
    row("confirm p99, ms", &|side| {
        format!("{:.1}", side.confirm_p99_ms)
    });
    let everywhere = figures.ours.everywhere_p99_ms;
    row("everywhere p99, times ours", &|side| {
        format!("{:.2}", side.everywhere_p99_ms / everywhere)
    });
    for fleet in &figures.growth {
        println!(
            "{:>5} gateways, {} switches: hold p50 {:.1} p99 {:.1} ms, everywhere p50 {:.1} p99 {:.1} ms, confirm p50 {:.1} p99 {:.1} ms",
            fleet.gateways,
            fleet.switches,
            fleet.hold_p50_ms,
            fleet.hold_p99_ms,
            fleet.everywhere_p50_ms,
            fleet.everywhere_p99_ms,
            fleet.confirm_p50_ms,
            fleet.confirm_p99_ms,
        );
    }
}
