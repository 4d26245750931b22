//! Says where the console is built, and has a release look again once that has changed.

use std::{env, path::PathBuf};

fn main() {
    let manifest = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let services = manifest.as_deref().and_then(|folder| folder.parent());
    let console = services
        .expect("a crate is in a folder")
        .join("console/dist");
    println!("cargo::rustc-env=SWITCHOVER_CONSOLE={}", console.display());
    println!("cargo::rerun-if-changed=build.rs");
    if env::var_os("PROFILE").is_some_and(|profile| profile == "release") {
        println!("cargo::rerun-if-changed={}", console.display());
    }
}
