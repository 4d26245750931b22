//! Programs by others that tests and demonstration use, installed when they are missing.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail};

use crate::run::{cargo, checked, command, root, step, target};

/// The release of dkimpy that checks the signatures of mails, and what it checks Ed25519 with.
const DKIMPY: [&str; 2] = ["dkimpy==1.1.8", "pynacl==1.6.2"];
/// The releases of gRPC's client in Python, which calls the edge by reflection alone.
const GRPCIO: [&str; 3] = [
    "grpcio==1.85.3",
    "grpcio-reflection==1.85.1",
    "grpcio-status==1.85.3",
];
/// The release of cargo-deny whose checks the workspace passes.
const CARGO_DENY: &str = "0.20.2";

/// Installs everything.
pub(crate) fn install() -> Result<()> {
    node_programs()?;
    nextest()?;
    postgres()?;
    browser()?;
    dkimpy()?;
    grpcio()?;
    cargo_deny().map(drop)
}

/// Installs the programs of `tests/tools/package.json` (the SMTP server, buf, what drives a browser, what
/// checks tokens and what calls the edge), unless the same lock file has been installed before.
pub(crate) fn node_programs() -> Result<()> {
    install_packages("tests/tools")
}

/// Installs what the lock file of a folder names, unless the same has been installed there before.
pub(crate) fn install_packages(folder: &str) -> Result<()> {
    let place = root().join(folder);
    let lock = fs::read_to_string(place.join("package-lock.json"))
        .with_context(|| format!("the lock file of {folder}"))?;
    let installed = place.join("node_modules/.installed-lock.json");
    if fs::read_to_string(&installed).is_ok_and(|before| before == lock) {
        return Ok(());
    }
    step(&format!("installing the programs of {folder}"), || {
        // Not `npm ci`: it refuses lock files that were written where packages of other platforms
        // cannot be had. This takes the same versions and leaves the lock file alone.
        let arguments = [
            "install",
            "--no-save",
            "--no-audit",
            "--no-fund",
            "--loglevel=error",
        ];
        let mut npm = command("npm", &arguments);
        checked(npm.current_dir(&place))?;
        fs::write(&installed, &lock)?;
        Ok(())
    })
}

/// Returns the path of a program of `tests/tools`.
pub(crate) fn node_program(name: &str) -> PathBuf {
    root().join("tests/tools/node_modules/.bin").join(name)
}

/// Installs cargo-nextest when it is missing.
pub(crate) fn nextest() -> Result<()> {
    if runs("cargo", &["nextest", "--version"]) {
        return Ok(());
    }
    step("installing cargo-nextest", || {
        cargo(&["install", "--locked", "cargo-nextest"])
    })
}

/// Installs PostgreSQL when no server program is found.
pub(crate) fn postgres() -> Result<()> {
    if has_postgres() {
        return Ok(());
    }
    step("installing PostgreSQL", || {
        packages(&["postgresql"], "PostgreSQL 15 or newer")
    })
}

/// Installs Chromium, which comes to consent pages as scanners and people do, when it is missing.
pub(crate) fn browser() -> Result<()> {
    if ["chromium", "chromium-browser", "google-chrome"]
        .into_iter()
        .any(on_path)
    {
        return Ok(());
    }
    step("installing Chromium", || {
        packages(&["chromium"], "Chromium")
    })
}

/// Installs dkimpy, which checks the signatures of mails, into the target folder when it is missing.
pub(crate) fn dkimpy() -> Result<()> {
    python("dkimpy", "dkim", &DKIMPY)
}

/// Installs gRPC's client in Python, which calls the edge, into the target folder when it is missing.
pub(crate) fn grpcio() -> Result<()> {
    python("grpcio", "grpc_status", &GRPCIO)
}

/// Installs packages of Python, one of which has this module, into a folder of the target folder.
fn python(name: &str, module: &str, packages: &[&str]) -> Result<()> {
    let folder = target().join("tools").join(name);
    if folder.join(module).exists() {
        return Ok(());
    }
    step(&format!("installing {name}"), || {
        let mut pip = command("python3", &["-m", "pip", "install", "--quiet", "--target"]);
        checked(pip.arg(&folder).args(packages))
    })
}

/// Installs nginx and HAProxy, which the benchmark measures beside Switchover, when they are missing.
pub(crate) fn peers() -> Result<()> {
    let missing: Vec<&str> = [("nginx", "-v"), ("haproxy", "-v")]
        .into_iter()
        .filter(|(program, version)| !runs(program, &[version]))
        .map(|(program, _)| program)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    step("installing nginx and HAProxy", || {
        packages(&missing, "nginx and HAProxy")
    })
}

/// Installs packages of the system; `what` says to people what they are.
fn packages(names: &[&str], what: &str) -> Result<()> {
    if !runs("apt-get", &["--version"]) {
        bail!("not found, and there is no apt-get to install it: install {what}");
    }
    let sudo: &[&str] = if runs("sudo", &["-n", "true"]) {
        &["sudo"]
    } else {
        &[]
    };
    for words in [
        &["apt-get", "update", "-qq"][..],
        &[&["apt-get", "install", "-y", "-qq"], names].concat()[..],
    ] {
        let words = [sudo, words].concat();
        checked(command(words[0], &words[1..]).env("DEBIAN_FRONTEND", "noninteractive"))?;
    }
    Ok(())
}

/// Returns cargo-deny, installed into the target folder when it is missing there and elsewhere.
pub(crate) fn cargo_deny() -> Result<PathBuf> {
    if runs("cargo-deny", &["--version"]) {
        return Ok(PathBuf::from("cargo-deny"));
    }
    let folder = target().join("tools");
    let program = folder.join("bin/cargo-deny");
    if !program.exists() {
        // Unoptimised: it runs for a second, and is built in half the time.
        step("installing cargo-deny", || {
            let folder = folder.to_string_lossy();
            cargo(&[
                "install",
                "--locked",
                "--debug",
                "--root",
                &folder,
                "cargo-deny",
                "--version",
                CARGO_DENY,
                "--no-default-features",
            ])
        })?;
    }
    Ok(program)
}

fn has_postgres() -> bool {
    let versions = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    versions
        .map(|version| version.path().join("bin/initdb"))
        .any(|program| program.exists())
        || on_path("initdb")
}

fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder: PathBuf| Path::new(&folder).join(program).exists())
}

fn runs(program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .stdin(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
