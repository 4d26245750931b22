//! The browser that tests drive.

use std::path::PathBuf;

use anyhow::{Context as _, Result};

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
