//! The benchmarks; the work is done by programs of the tests.

use anyhow::Result;

use crate::{
    run::{cargo, checked, command, step, target},
    tools,
};

/// What to measure, and how.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// What to measure.
    what: What,
    /// Ends with one JSON object on the last line.
    #[arg(long)]
    json: bool,
    /// Handed to the benchmark; see `cargo xtask bench switch -- --help`.
    #[arg(last = true)]
    more: Vec<String>,
}

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum What {
    /// Switches under load, beside the same flip made by nginx and HAProxy
    Switch,
    /// Tenants moved, mails beside a bare loop of the same library, inbox fan-out
    Consent,
}

impl What {
    fn program(self) -> &'static str {
        match self {
            Self::Switch => "bench-switch",
            Self::Consent => "bench-consent",
        }
    }
}

/// Builds and measures.
pub(crate) fn run(options: &Options) -> Result<()> {
    tools::node_programs()?;
    tools::postgres()?;
    if options.what == What::Switch && !options.has("none") {
        tools::peers()?;
    }
    let program = options.what.program();
    // Apart, so that the services are those of a release: the tests would build crash points into
    // them. No more of the tests than is run: each program of theirs is linked as a whole.
    let services = ["--package", "switchover"];
    let bench = ["--package", "tests", "--bin", "upstream", "--bin", program];
    for (what, chosen) in [("services", services.as_slice()), (program, &bench)] {
        step(&format!("building {what}"), || {
            cargo(&[&["build", "--release", "--locked"], chosen].concat())
        })?;
    }
    let mut bench = command(target().join("release").join(program), &[]);
    if options.json {
        bench.arg("--json");
    }
    checked(bench.args(&options.more))
}

impl Options {
    /// Tells whether the benchmark is run with this value of `--peers`.
    fn has(&self, peers: &str) -> bool {
        let joined = self
            .more
            .iter()
            .any(|word| *word == format!("--peers={peers}"));
        let apart = self.more.windows(2).any(|pair| pair == ["--peers", peers]);
        joined || apart
    }
}
