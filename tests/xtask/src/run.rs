//! Runs other programs, from the root of the repository, and says so.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use anyhow::{Context as _, Result, bail};

/// Returns the root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .expect("xtask lives two folders below the root")
}

/// Returns where cargo puts what it builds.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// Returns a program that cargo has built for debugging.
pub(crate) fn built(name: &str) -> PathBuf {
    target().join("debug").join(name)
}

/// Prints one line of progress.
#[expect(
    clippy::print_stderr,
    reason = "what xtask has to say to the person at the terminal"
)]
pub(crate) fn say(line: &str) {
    eprintln!("xtask: {line}");
}

/// Returns a command that runs in the root of the repository.
pub(crate) fn command(program: impl AsRef<Path>, arguments: &[&str]) -> Command {
    let mut command = Command::new(program.as_ref());
    command.args(arguments).current_dir(root());
    command
}

/// Runs `cargo` with these arguments.
pub(crate) fn cargo(arguments: &[&str]) -> Result<()> {
    checked(&mut command("cargo", arguments))
}

/// Runs a command and fails when it does.
pub(crate) fn checked(command: &mut Command) -> Result<()> {
    let status = command
        .status()
        .with_context(|| format!("{} cannot be run", name(command)))?;
    if !status.success() {
        bail!("{} ended with {status}", name(command));
    }
    Ok(())
}

/// Runs one step of a task and says how long it took.
pub(crate) fn step(what: &str, work: impl FnOnce() -> Result<()>) -> Result<()> {
    say(&format!("{what} …"));
    let start = Instant::now();
    work().with_context(|| what.to_owned())?;
    say(&format!(
        "{what}: done in {:.0} s",
        start.elapsed().as_secs_f64()
    ));
    Ok(())
}

fn name(command: &Command) -> String {
    let arguments: Vec<_> = command
        .get_args()
        .map(|argument| argument.to_string_lossy())
        .collect();
    format!(
        "{} {}",
        command.get_program().to_string_lossy(),
        arguments.join(" ")
    )
}
