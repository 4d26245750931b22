//! Measures moving, mailing and telling tenants and their denials, and prints its figures: `cargo xtask bench consent`.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the program's purpose"
)]

use std::{process::ExitCode, time::Instant};

use anyhow::{Result, bail};
use clap::Parser;
use tests::{
    consent_bench::{Figures, Options, measure},
    world::Database,
};

/// Measures tenants moved in a switch, mails beside a bare loop of lettre, inbox fan-out, and what the audit
/// log costs denials.
#[derive(Debug, Parser)]
struct Arguments {
    /// On PostgreSQL instead of SQLite.
    #[arg(long)]
    postgres: bool,
    /// Tenants of each switch.
    #[arg(long, value_delimiter = ',', default_value = "1000,10000")]
    tenants: Vec<u32>,
    /// Mails of each way to send them.
    #[arg(long, default_value_t = 1000)]
    mails: u32,
    /// Connections to the server, in turn.
    #[arg(long, value_delimiter = ',', default_value = "1,8,32")]
    connections: Vec<u8>,
    /// Inboxes that events are spread over.
    #[arg(long, default_value_t = 10_000)]
    inboxes: u32,
    /// Of those, such as are watched.
    #[arg(long, default_value_t = 100)]
    watchers: u32,
    /// Tenants that deny with the audit log and without.
    #[arg(long, default_value_t = 500)]
    denials: u32,
    /// Of those, such as deny at once, in turn.
    #[arg(long, value_delimiter = ',', default_value = "1,8,32")]
    denials_at_once: Vec<usize>,
    /// Ends with one JSON object on the last line.
    #[arg(long)]
    json: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("the benchmark broke off: {fault:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<()> {
    let options = Options {
        database: if arguments.postgres {
            Database::Postgres
        } else {
            Database::Sqlite
        },
        tenants: arguments.tenants,
        mails: arguments.mails,
        connections: arguments.connections,
        inboxes: arguments.inboxes,
        watchers: arguments.watchers,
        denials: arguments.denials,
        denials_at_once: arguments.denials_at_once,
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
        println!("{}", serde_json::to_value(&figures)?);
    }
    Ok(())
}

fn show(figures: &Figures) {
    for sending in &figures.sending {
        println!(
            "{:>7} mails over {:>2} connections: {:>6.0} a second, a bare loop {:>6.0}, ratio {:.2} ({:.0} without delay)",
            sending.mails,
            sending.connections,
            sending.ours_per_second,
            sending.bare_per_second,
            sending.ratio,
            sending.bare_without_delay_per_second,
        );
    }
    if let Some(fanning) = &figures.fanning {
        println!(
            "{:>7} inboxes: {:.0} events a second; {} watchers had theirs {:.1} ms after the last was written",
            fanning.inboxes, fanning.events_per_second, fanning.watchers, fanning.heard_after_ms,
        );
    }
    for denying in &figures.denying {
        println!(
            "{:>7} denials, {:>2} at once: {:.0} a second with the audit log, {:.0} without, ratio {:.2}",
            denying.denials,
            denying.at_once,
            denying.logged_per_second,
            denying.unlogged_per_second,
            denying.ratio,
        );
    }
    for moving in &figures.moving {
        println!(
            "{:>7} tenants: {:.0} given a second in batches, {:.0} moved a second",
            moving.tenants, moving.given_per_second, moving.moved_per_second,
        );
    }
}
