//! The browser that tests drive.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tokio::process::Command;

use crate::program::told;

/// Names under which systems have Chromium.
pub const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// Returns where the browser is.
///
/// # Errors
/// When none is installed.
pub fn path() -> Result<PathBuf> {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders)
        .flat_map(|folder| NAMES.map(|name| folder.join(name)))
        .find(|program| program.is_file())
        .context("Chromium is not installed; run: cargo xtask tools")
}

/// Lets a browser do something with the console, as `tests/browser` has it; returns what it tells.
///
/// # Errors
/// When the console is not built, there is no browser, or something is wrong with what it saw.
pub async fn browse(what: &str, settings: &Value) -> Result<Value> {
    let built = root().join("services/console/dist/index.html");
    ensure!(
        built.exists(),
        "the console is not built; run: cargo xtask console"
    );
    let mut node = Command::new("node");
    node.arg(root().join("tests/browser/browse.mjs"))
        .arg(path()?)
        .args([what, &settings.to_string()]);
    told(node).await
}

/// Returns where pictures of this name are kept.
#[must_use]
pub fn pictures(name: &str) -> PathBuf {
    root().join("target/console").join(name)
}

fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}
