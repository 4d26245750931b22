//! The whole story in one run; the work is done by the program `story` of the tests.

use anyhow::Result;

use crate::{
    run::{built, cargo, checked, command, step, target},
    tools,
};

/// How to play it.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// On PostgreSQL instead of SQLite.
    #[arg(long)]
    postgres: bool,
    /// Optimised programs: for figures.
    #[arg(long)]
    release: bool,
    /// Handed to the story; see `cargo xtask story -- --help`.
    #[arg(long)]
    switches: Option<u32>,
    /// Requests a second.
    #[arg(long)]
    rate: Option<u32>,
    /// Ends with one JSON object on the last line.
    #[arg(long)]
    json: bool,
}

/// Builds and plays.
pub(crate) fn run(options: &Options) -> Result<()> {
    tools::node_programs()?;
    if options.postgres {
        tools::postgres()?;
    }
    let profile: &[&str] = if options.release { &["--release"] } else { &[] };
    let mut build = vec!["build", "--locked"];
    for package in ["switchover", "tests"] {
        build.extend(["--package", package]);
    }
    for program in ["switchover", "upstream", "story"] {
        build.extend(["--bin", program]);
    }
    step("building", || cargo(&[&build, profile].concat()))?;

    let program = if options.release {
        target().join("release/story")
    } else {
        built("story")
    };
    let mut story = command(program, &[]);
    if options.postgres {
        story.arg("--postgres");
    }
    if let Some(switches) = options.switches {
        story.args(["--switches", &switches.to_string()]);
    }
    if let Some(rate) = options.rate {
        story.args(["--rate", &rate.to_string()]);
    }
    if options.json {
        story.arg("--json");
    }
    checked(&mut story)
}
