//! A real process of the installation: started, waited for, killed, started again.

use std::{
    collections::BTreeMap,
    fs::OpenOptions,
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context as _, Result, bail, ensure};
use tokio::process::{Child, Command};

/// How to start a process, and the process while it runs.
#[derive(Debug)]
pub struct Process {
    name: String,
    program: PathBuf,
    arguments: Vec<String>,
    variables: BTreeMap<String, String>,
    log: PathBuf,
    child: Option<Child>,
}

impl Process {
    /// Describes a process without starting it; what it prints goes to `{folder}/{name}.log`.
    #[must_use]
    pub fn new(
        name: &str,
        program: impl Into<PathBuf>,
        arguments: Vec<String>,
        folder: &Path,
    ) -> Self {
        Self {
            name: name.to_owned(),
            program: program.into(),
            arguments,
            variables: BTreeMap::new(),
            log: folder.join(format!("{name}.log")),
            child: None,
        }
    }

    /// Sets or removes a variable of its environment, from the next start on.
    pub fn set_variable(&mut self, name: &str, value: Option<&str>) {
        match value {
            Some(value) => drop(self.variables.insert(name.to_owned(), value.to_owned())),
            None => drop(self.variables.remove(name)),
        }
    }

    /// Lets it outlive, from its next start on, that its files may not grow: a write then fails as on
    /// a full disk, where otherwise a signal would end it.
    pub fn outlive_limits(&mut self) {
        let script = "trap '' XFSZ; exec \"$0\" \"$@\"";
        let program = std::mem::replace(&mut self.program, PathBuf::from("/bin/sh"));
        let before = [
            "-c".to_owned(),
            script.to_owned(),
            program.display().to_string(),
        ];
        self.arguments.splice(0..0, before);
    }

    /// Sets how long its files may become, in bytes; `None` is without a limit.
    ///
    /// # Errors
    /// When it does not run, or `prlimit` is not there.
    pub async fn limit_files(&self, bytes: Option<u64>) -> Result<()> {
        let id = self.child.as_ref().and_then(Child::id);
        let id = id.with_context(|| format!("{} does not run", self.name))?;
        let limit = bytes.map_or_else(|| "unlimited".to_owned(), |bytes| bytes.to_string());
        // The soft limit only: it can be taken back.
        let done = Command::new("prlimit")
            .args([&format!("--pid={id}"), &format!("--fsize={limit}:")])
            .status()
            .await
            .context("prlimit, of util-linux")?;
        ensure!(done.success(), "{} could not be limited", self.name);
        Ok(())
    }

    /// Starts it. It dies with the test.
    ///
    /// # Errors
    /// When the program is not there or the log cannot be written.
    pub fn start(&mut self) -> Result<()> {
        self.start_with(&[])
    }

    /// Starts it with these variables in its environment. It dies with the test.
    ///
    /// # Errors
    /// When the program is not there or the log cannot be written.
    pub fn start_with(&mut self, variables: &[(&str, &str)]) -> Result<()> {
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.log)?;
        let child = Command::new(&self.program)
            .args(&self.arguments)
            .envs(&self.variables)
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| {
                format!(
                    "{} could not be started: {}",
                    self.name,
                    self.program.display()
                )
            })?;
        self.child = Some(child);
        Ok(())
    }

    /// Kills it the hard way, as `kill -9` does, and waits until it is gone.
    ///
    /// # Errors
    /// When it does not run.
    pub async fn kill(&mut self) -> Result<()> {
        let mut child = self
            .child
            .take()
            .with_context(|| format!("{} does not run", self.name))?;
        child.kill().await?;
        Ok(())
    }

    /// Asks it to stop, as a supervisor does, and returns its exit code.
    ///
    /// # Errors
    /// When it does not run.
    pub async fn terminate(&mut self) -> Result<Option<i32>> {
        let mut child = self
            .child
            .take()
            .with_context(|| format!("{} does not run", self.name))?;
        send(&self.name, &child, "TERM").await?;
        Ok(child.wait().await?.code())
    }

    /// Sends it a signal, by its name without `SIG`.
    ///
    /// # Errors
    /// When it does not run.
    pub async fn signal(&mut self, signal: &str) -> Result<()> {
        let child = self
            .child
            .as_ref()
            .with_context(|| format!("{} does not run", self.name))?;
        send(&self.name, child, signal).await
    }

    /// Tells whether it runs.
    pub fn running(&mut self) -> bool {
        self.child
            .as_mut()
            .is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    /// Returns the last lines of what it printed, for the report of a failure.
    #[must_use]
    pub fn tail(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let from = lines.len().saturating_sub(30);
        format!("--- {} ---\n{}\n", self.name, lines[from..].join("\n"))
    }
}

async fn send(name: &str, child: &Child, signal: &str) -> Result<()> {
    let id = child
        .id()
        .with_context(|| format!("{name} has ended already"))?;
    let sent = Command::new("kill")
        .args([&format!("-{signal}"), &id.to_string()])
        .status()
        .await?;
    if !sent.success() {
        bail!("{name} could not be sent {signal}");
    }
    Ok(())
}

/// Returns the path of a program of this workspace: beside the running test.
///
/// # Errors
/// When it has not been built.
pub fn built(name: &str) -> Result<PathBuf> {
    let mut folder = std::env::current_exe()?;
    folder.pop();
    if folder.ends_with("deps") {
        folder.pop();
    }
    let program = folder.join(name);
    if !program.exists() {
        bail!("{name} is not built; run: cargo build -p switchover -p tests");
    }
    Ok(program)
}
