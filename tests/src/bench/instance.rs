//! A process of a peer with all its children: nothing of it is left when it is dropped.

use std::{
    fs::File,
    path::Path,
    process::{Child, Command, Stdio},
};

use anyhow::{Context as _, Result};

/// A process that leads a group of its own.
#[derive(Debug)]
pub(super) struct Instance(Child);

impl Instance {
    /// Starts it; what it prints goes to a file in the folder.
    pub(super) fn start(program: &str, arguments: &[String], log: &Path) -> Result<Self> {
        use std::os::unix::process::CommandExt as _;
        let output = File::create(log)?;
        let child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .process_group(0)
            .spawn()
            .with_context(|| format!("{program} could not be started; is it installed?"))?;
        Ok(Self(child))
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        // The group: a leader that is killed leaves its workers alone. It may be gone already.
        let group = format!("-{}", self.0.id());
        drop(Command::new("kill").args(["-KILL", "--", &group]).status());
        drop(self.0.wait());
    }
}
