//! Plays every order in which a denial can meet a switch and prints how many there were: `cargo xtask
//! prove interleavings`.
#![expect(clippy::print_stdout, reason = "the program's purpose")]

use std::process::ExitCode;

use clap::Parser;
use provisioning::interleavings::explore;

/// Plays every order of a denial with confirm, commit, abort, the end of the link and a removal.
#[derive(Debug, Parser)]
struct Arguments {
    /// Ends with one JSON object on the last line.
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let figures = explore();
    for example in &figures.examples {
        println!("  wrong: {example}");
    }
    println!("{:>10}  interleavings explored", figures.explored);
    println!("{:>10}  wrong", figures.wrong);
    if arguments.json {
        let json = serde_json::json!({
            "explored": figures.explored,
            "wrong": figures.wrong,
            "examples": figures.examples,
        });
        println!("{json}");
    }
    if figures.wrong == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
