//! Rules of the tree: who may know whom, how long files are, what is written where.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};

/// Lines of a source file past which a second idea must have crept in.
const LINES_MAX: usize = 600;

/// Which of our crates each may depend on; tests may use everything.
const LAYERS: &[(&str, &[&str])] = &[
    ("proto", &[]),
    ("contract", &["proto"]),
    ("runtime", &["proto", "contract", "oidc"]),
    ("store", &[]),
    ("audit", &["proto", "contract", "runtime", "store"]),
    ("demo", &[]),
    ("history", &[]),
    ("oidc", &[]),
    ("tokens", &[]),
    (
        "catalog",
        &["proto", "contract", "runtime", "store", "tokens", "audit"],
    ),
    (
        "provisioning",
        &["proto", "contract", "runtime", "store", "tokens", "audit"],
    ),
    (
        "notification",
        &["proto", "contract", "runtime", "store", "audit"],
    ),
    (
        "gateway",
        &["proto", "contract", "runtime", "tokens", "oidc"],
    ),
    (
        "switchover",
        &[
            "proto",
            "contract",
            "runtime",
            "store",
            "audit",
            "demo",
            "history",
            "catalog",
            "provisioning",
            "notification",
            "gateway",
        ],
    ),
    ("model", &["runtime", "catalog", "provisioning", "gateway"]),
    ("xtask", &[]),
];

#[test]
fn every_crate_depends_only_on_those_it_may_know() -> Result<()> {
    let layers: BTreeMap<&str, &[&str]> = LAYERS.iter().copied().collect();
    let manifests = files("Cargo.toml")?;
    let ours: BTreeSet<String> = layers
        .keys()
        .map(ToString::to_string)
        .chain(["tests".to_owned()])
        .collect();
    let mut seen = 0;
    for path in manifests {
        let manifest: toml::Table = fs::read_to_string(&path)?.parse()?;
        let Some(name) = manifest
            .get("package")
            .and_then(|package| package.get("name"))
            .and_then(toml::Value::as_str)
        else {
            continue;
        };
        ensure!(
            path.parent().is_some_and(|folder| folder.ends_with(name)),
            "the folder of {name} has another name"
        );
        seen += 1;
        if name == "tests" {
            continue;
        }
        let allowed = layers
            .get(name)
            .with_context(|| format!("{name} has no layer"))?;
        let dependencies = manifest
            .get("dependencies")
            .and_then(toml::Value::as_table)
            .cloned()
            .unwrap_or_default();
        for dependency in dependencies
            .keys()
            .filter(|dependency| ours.contains(*dependency))
        {
            ensure!(
                allowed.contains(&dependency.as_str()),
                "{name} must not know {dependency}"
            );
        }
    }
    ensure!(
        seen == ours.len(),
        "{seen} crates were found, {} expected",
        ours.len()
    );
    Ok(())
}

#[test]
fn no_source_file_holds_a_second_idea() -> Result<()> {
    for path in sources()? {
        let lines = fs::read_to_string(&path)?.lines().count();
        ensure!(
            lines <= LINES_MAX,
            "{} has {lines} lines; does a second idea live in it?",
            path.display()
        );
    }
    Ok(())
}

#[test]
fn no_file_is_named_for_no_idea() -> Result<()> {
    let banned = [
        "utils", "util", "helpers", "helper", "common", "manager", "misc", "types", "models",
        "core", "mod",
    ];
    for path in sources()? {
        let name = path
            .file_stem()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        ensure!(
            !banned.contains(&name),
            "{} says nothing of what is in it",
            path.display()
        );
    }
    Ok(())
}

#[test]
fn pure_functions_touch_nothing() -> Result<()> {
    let banned = [
        "tokio", "sqlx", "store::", "tracing", "std::fs", "std::net", "async ", "Clock",
    ];
    let mut seen = 0;
    for path in sources()?
        .iter()
        .filter(|path| path.ends_with("step.rs") || path.ends_with("turn.rs"))
    {
        seen += 1;
        let text = fs::read_to_string(path)?;
        let code = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"));
        for line in code {
            let touched = banned.iter().find(|word| line.contains(**word));
            ensure!(touched.is_none(), "{}: {line}", path.display());
        }
    }
    ensure!(seen >= 3, "only {seen} pure state machines were found");
    Ok(())
}

#[test]
fn sql_stands_only_under_store() -> Result<()> {
    let services = root().join("services");
    for path in sources()?.iter().filter(|path| path.starts_with(&services)) {
        let under_store =
            path.components().any(|part| part.as_os_str() == "store") || path.ends_with("store.rs");
        let text = fs::read_to_string(path)?;
        let product = text.split("#[cfg(test)]").next().unwrap_or_default();
        let is_test =
            path.components().any(|part| part.as_os_str() == "tests") || path.ends_with("tests.rs");
        ensure!(
            under_store || is_test || !product.contains("sqlx::query"),
            "{} speaks SQL",
            path.display()
        );
    }
    Ok(())
}

#[test]
fn only_show_prints() -> Result<()> {
    for path in sources()?
        .iter()
        .filter(|path| path.starts_with(root().join("services")))
    {
        let text = fs::read_to_string(path)?;
        let prints = text.lines().any(|line| {
            let line = line.trim_start();
            line.starts_with("println!")
                || line.starts_with("eprintln!")
                || line.starts_with("print!")
        });
        // What a build script prints is for cargo.
        let may = |part: &std::ffi::OsStr| {
            ["show", "show.rs", "tests", "tests.rs", "build.rs"]
                .iter()
                .any(|name| part == *name)
        };
        let shows = path.components().any(|part| may(part.as_os_str()));
        ensure!(shows || !prints, "{} prints", path.display());
    }
    Ok(())
}

#[test]
fn every_file_of_this_folder_is_in_the_test_binary() -> Result<()> {
    let folder = root().join("tests/it");
    let main = fs::read_to_string(folder.join("main.rs"))?;
    for entry in fs::read_dir(&folder)? {
        let path = entry?.path();
        let name = path
            .file_stem()
            .and_then(|name| name.to_str())
            .context("a name")?;
        ensure!(
            name == "main" || main.contains(&format!("mod {name};")),
            "main.rs forgets {name}"
        );
    }
    Ok(())
}

/// What the README tells people to type is understood by the programs.
#[test]
fn the_commands_of_the_readme_exist() -> Result<()> {
    let readme = fs::read_to_string(root().join("README.md"))?;
    let mut seen = 0;
    for line in readme.lines().map(|line| line.trim_start_matches("$ ")) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (program, rest) = match words.as_slice() {
            ["switchover", rest @ ..] => (tests::process::built("switchover")?, rest),
            ["cargo", "xtask", rest @ ..] => (tests::process::built("xtask")?, rest),
            _ => continue,
        };
        let verbs: Vec<&&str> = rest
            .iter()
            .take_while(|word| is_verb(word))
            .take(2)
            .collect();
        // An argument may follow the verb; then the one-verb form is what must be known.
        let known = (1..=verbs.len()).rev().any(|count| {
            let mut command = Command::new(&program);
            command
                .args(verbs.iter().take(count).map(|verb| **verb))
                .arg("--help");
            command.output().is_ok_and(|output| output.status.success())
        });
        ensure!(known, "{line}");
        seen += 1;
    }
    ensure!(seen > 5, "only {seen} commands were found in the README");
    Ok(())
}

#[test]
fn every_invariant_of_the_map_names_a_test_that_exists() -> Result<()> {
    let map = fs::read_to_string(root().join("ARCHITECTURE.md"))?;
    let all: String = sources()?
        .iter()
        .map(fs::read_to_string)
        .collect::<Result<_, _>>()?;
    let mut seen = 0;
    for line in map.lines().filter(|line| line.starts_with("| I")) {
        let tests = line.rsplit('|').nth(1).unwrap_or_default();
        let named: Vec<&str> = tests
            .split('`')
            .skip(1)
            .step_by(2)
            .filter(|word| word.contains('_'))
            .collect();
        ensure!(!named.is_empty(), "no test is named for: {line}");
        for name in named {
            ensure!(
                all.contains(&format!("fn {name}")),
                "there is no test {name}"
            );
        }
        seen += 1;
    }
    ensure!(seen >= 9, "only {seen} invariants were found");
    Ok(())
}

fn is_verb(word: &str) -> bool {
    word.chars()
        .all(|letter| letter.is_ascii_lowercase() || letter == '-')
        && !word.starts_with('-')
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .canonicalize()
        .expect("the tests live one folder below the root")
}

fn sources() -> Result<Vec<PathBuf>> {
    files(".rs")
}

/// Returns the files that git knows or would know, by the end of their name.
fn files(end: &str) -> Result<Vec<PathBuf>> {
    let listed = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .context("git")?;
    let names = String::from_utf8(listed.stdout)?;
    let files = names
        .lines()
        .filter(|name| name.ends_with(end))
        .map(|name| root().join(name));
    let files: Vec<PathBuf> = files.filter(|path| path.exists()).collect();
    ensure!(!files.is_empty(), "git lists no {end}");
    Ok(files)
}
