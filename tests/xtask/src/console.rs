//! The console, built for the gateway to hand out: a debug build reads it from the disk, a release has it
//! in itself.

use std::{
    fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, ensure};

use crate::{
    run::{checked, command, root, say, step, target},
    tools,
};

/// What is made, or put there by others, and not by hand.
const MADE: [&str; 3] = ["node_modules", "dist", "generated"];

/// Builds the console, unless nothing that it is made of has changed.
pub(crate) fn build() -> Result<()> {
    let folder = root().join("services/console");
    if !folder.join("package.json").exists() {
        say("there is no console in services/console: left out");
        return Ok(());
    }
    let stamp = target().join("console.stamp");
    let now = fingerprint(&[&folder, &root().join("proto")])?;
    let page = folder.join("dist/index.html");
    // Where `npm run build` was run by itself since, nothing is compressed.
    let compressed = folder.join("dist/index.html.br").exists();
    if compressed && fs::read_to_string(&stamp).is_ok_and(|before| before == now) {
        return Ok(());
    }
    tools::install_packages("services/console")?;
    step("building the console", || {
        let mut npm = command("npm", &["run", "build", "--loglevel=error"]);
        checked(npm.current_dir(&folder))?;
        ensure!(page.exists(), "the console's build made no dist/index.html");
        let dist = folder.join("dist");
        let mut compress = command("node", &["tests/tools/compress.mjs"]);
        checked(compress.arg(dist))?;
        fs::create_dir_all(target())?;
        fs::write(&stamp, &now).context("the console's stamp")
    })
}

/// Runs the console's own tests: those that need no browser.
pub(crate) fn test() -> Result<()> {
    let folder = root().join("services/console");
    let mut npm = command("npm", &["test", "--loglevel=error"]);
    checked(npm.current_dir(folder))
}

/// Returns a text that changes with any file of the folders.
fn fingerprint(folders: &[&Path]) -> Result<String> {
    let mut files = Vec::new();
    for folder in folders {
        collect(folder, &mut files)?;
    }
    files.sort();
    let mut hasher = DefaultHasher::new();
    for file in files {
        file.hash(&mut hasher);
        fs::read(&file)?.hash(&mut hasher);
    }
    Ok(format!("{:016x}", hasher.finish()))
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let made = MADE.iter().any(|made| entry.file_name() == *made);
        if made {
            continue;
        }
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), files)?;
        } else {
            files.push(entry.path());
        }
    }
    Ok(())
}
