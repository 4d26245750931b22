//! Everything that must hold before a change lands.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
};

use anyhow::{Context as _, Result};

use crate::{
    console,
    run::{built, cargo, checked, command, root, say, step},
    tools,
};

/// How to test.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Only tests whose name contains this; checks of form are left out.
    filter: Option<String>,
}

/// Runs all checks and tests, or those that are asked for.
pub(crate) fn run(options: &Options) -> Result<()> {
    tools::node_programs()?;
    tools::nextest()?;
    tools::postgres()?;
    tools::browser()?;
    tools::dkimpy()?;
    tools::grpcio()?;
    console::build()?;
    if options.filter.is_none() {
        step("formatting", || cargo(&["fmt", "--check", "--all"]))?;
        step("contracts", contracts)?;
        step("lints", || {
            cargo(&[
                "clippy",
                "--workspace",
                "--all-targets",
                "--locked",
                "--",
                "-D",
                "warnings",
            ])
        })?;
        step("dependencies", dependencies)?;
        step("console", console::test)?;
    }
    step("building", || {
        cargo(&["build", "--workspace", "--all-targets", "--locked"])
    })?;
    step("tests", || tests(options.filter.as_deref()))
}

/// Lints the contracts, and compares them with those of the commit named in `proto/baseline`.
fn contracts() -> Result<()> {
    let buf = tools::node_program("buf");
    checked(command(&buf, &["lint", "proto"]).stdin(Stdio::null()))?;
    checked(command(&buf, &["format", "--diff", "--exit-code", "proto"]).stdin(Stdio::null()))?;

    let commit = fs::read_to_string(root().join("proto/baseline")).context("proto/baseline")?;
    let commit = commit.trim();
    let before = tempfile::tempdir()?;
    let archive = before.path().join("proto.tar");
    let kept = command("git", &["archive", "--format=tar", "--output"])
        .arg(&archive)
        .args([commit, "proto"])
        .status()?;
    if !kept.success()
        && command("git", &["rev-parse", "--is-shallow-repository"])
            .output()?
            .stdout
            .starts_with(b"true")
    {
        say(
            "this clone is shallow and lacks the baseline of the contracts: breaking changes are not looked for",
        );
        return Ok(());
    }
    anyhow::ensure!(
        kept.success(),
        "the commit {commit} named in proto/baseline is not there"
    );
    checked(
        command("tar", &["-xf"])
            .arg(&archive)
            .arg("-C")
            .arg(before.path()),
    )?;
    let against = before.path().join("proto");
    checked(
        command(&buf, &["breaking", "proto", "--against"])
            .arg(against)
            .stdin(Stdio::null()),
    )
}

/// Licences, sources and doubles. Advisories are left to a job with the advisory database: it is
/// fetched from the network, which a build must not need.
fn dependencies() -> Result<()> {
    let deny = tools::cargo_deny()?;
    // Of other platforms too, which building has not brought.
    cargo(&["fetch", "--locked", "--quiet"])?;
    let arguments = [
        "--locked",
        "--offline",
        "--config",
        ".cargo/deny.toml",
        "check",
        "bans",
        "licenses",
        "sources",
    ];
    checked(&mut command(deny, &arguments))
}

fn tests(filter: Option<&str>) -> Result<()> {
    let database = Database::start()?;
    let mut nextest = command(
        "cargo",
        &[
            "nextest",
            "run",
            "--workspace",
            "--locked",
            "--no-fail-fast",
        ],
    );
    nextest
        .args(filter)
        .env("SWITCHOVER_TEST_POSTGRES", &database.url);
    checked(&mut nextest)
}

/// One PostgreSQL for all tests of a run; each test has a database of its own in it.
struct Database {
    child: Child,
    url: String,
}

impl Database {
    fn start() -> Result<Self> {
        let mut child = Command::new(built("test-database"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("the test database")?;
        let mut url = String::new();
        let output = child.stdout.take().context("the test database's output")?;
        BufReader::new(output).read_line(&mut url)?;
        anyhow::ensure!(
            url.starts_with("postgres"),
            "the test database did not start"
        );
        Ok(Self {
            child,
            url: url.trim().to_owned(),
        })
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // It stops when its input ends.
        drop(self.child.stdin.take());
        if let Err(fault) = self.child.wait() {
            say(&format!("the test database did not stop: {fault}"));
        }
    }
}
