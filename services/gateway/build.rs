//! Has a release look again once the console has been built anew.

use std::{env, fs, path::PathBuf};

fn main() {
    let manifest = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let services = manifest.as_deref().and_then(|folder| folder.parent());
    let console = services
        .expect("a crate is in a folder")
        .join("console/dist");
    // A debug build looks for files by the folder's true path, which only one that exists has. Where
    // it cannot be made, there is no console.
    drop(fs::create_dir_all(&console));
    println!("cargo::rerun-if-changed=build.rs");
    if env::var_os("PROFILE").is_some_and(|profile| profile == "release") {
        println!("cargo::rerun-if-changed={}", console.display());
    }
}
