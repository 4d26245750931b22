//! Programs by others, or scripts for them, that do something once and tell what came of it.

use std::{path::PathBuf, process::Stdio};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tokio::process::Command;

/// Returns where the scripts are, and what they need.
#[must_use]
pub fn tools() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tools")
}

/// Runs one to its end and reads the JSON on its last line.
///
/// # Errors
/// When it cannot be run, fails, or tells nothing.
pub async fn told(mut program: Command) -> Result<Value> {
    let output = program
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await?;
    let (told, faults) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    ensure!(output.status.success(), "{program:?}: {told}{faults}");
    let last = told.lines().last().context("what it did")?;
    serde_json::from_str(last).with_context(|| format!("{program:?}: {told}"))
}
