//! The proofs of the switch and of consent; each is a program of the tests that prints what it measured.

use anyhow::Result;

use crate::{
    run::{built, cargo, checked, command, step, target},
    tools,
};

/// What to prove, and how.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Which proof.
    what: What,
    /// Optimised programs: for longer runs.
    #[arg(long)]
    release: bool,
    /// Ends with one JSON object on the last line.
    #[arg(long)]
    json: bool,
    /// Handed to the proof; see `cargo xtask prove WHAT -- --help`.
    #[arg(last = true)]
    more: Vec<String>,
}

/// The proofs.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum What {
    /// Every state of small fleets, and that every planted bug is found
    Model,
    /// Catalog, gateways and a network on one thread, from seeds
    Simulation,
    /// Real processes under load while they are killed and cut off
    Fleet,
    /// A death at every point between two persisted steps
    CrashPoints,
    /// Every order in which a denial can meet a switch, its link's end and a removal
    Interleavings,
    /// Denials, events and mails while services are killed at random moments
    Kills,
}

impl What {
    fn program(self) -> &'static str {
        match self {
            Self::Model => "prove-model",
            Self::Simulation => "prove-simulation",
            Self::Fleet => "prove-fleet",
            Self::CrashPoints => "prove-crash-points",
            Self::Interleavings => "prove-interleavings",
            Self::Kills => "prove-kills",
        }
    }

    /// Tells whether it starts services, and so a database and an SMTP server.
    fn has_processes(self) -> bool {
        match self {
            Self::Model | Self::Simulation | Self::Interleavings => false,
            Self::Fleet | Self::CrashPoints | Self::Kills => true,
        }
    }
}

/// Builds and proves.
pub(crate) fn run(options: &Options) -> Result<()> {
    if options.what.has_processes() {
        tools::node_programs()?;
        tools::postgres()?;
    }
    let name = options.what.program();
    // Together, so that the services have the crash points and planted bugs of the tests; and no more
    // than is run: each program of the tests is linked as a whole.
    let mut build = vec!["build", "--locked"];
    for package in ["switchover", "tests", "model"] {
        build.extend(["--package", package]);
    }
    for program in ["switchover", "upstream", name] {
        build.extend(["--bin", program]);
    }
    let profile: &[&str] = if options.release { &["--release"] } else { &[] };
    step("building", || cargo(&[&build, profile].concat()))?;
    let program = if options.release {
        target().join("release").join(name)
    } else {
        built(name)
    };
    let mut proof = command(program, &[]);
    if options.json {
        proof.arg("--json");
    }
    checked(proof.args(&options.more))
}
