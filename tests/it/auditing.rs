//! The audit log of an installation, exported and checked with the command line.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tests::{
    process::built,
    shop,
    world::{Database, World},
};

/// How the command line says that a log is not as it was written.
const TAMPERED: i32 = 7;

#[tokio::test(flavor = "multi_thread")]
async fn what_was_exported_is_checked_without_a_service_and_each_change_is_found() -> Result<()> {
    let mut world = World::start(Database::Sqlite, 1).await?;
    match exported(&mut world).await {
        Ok(()) => Ok(()),
        Err(fault) => Err(world.explain(fault)),
    }
}

async fn exported(world: &mut World) -> Result<()> {
    shop::open(world, &["anna"]).await?;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("audit.jsonl");
    let written = succeeds(world, &["audit", "export", text(&path)?, "--json"])?;
    let heads = heads(&written)?;
    ensure!(heads.len() == 3, "{heads:?}");
    let again = run(world, &["audit", "export", text(&path)?])?;
    ensure!(again.status.code() == Some(2), "{again:?}");

    let listed = succeeds(
        world,
        &["audit", "list", "--method", "ConfirmUpdate", "--json"],
    )?;
    let entries = listed["entries"].as_array().context("entries")?.len();
    ensure!(entries == 1, "{listed}");
    let shown = run(world, &["audit", "show", "catalog/1"])?;
    let shown = String::from_utf8(shown.stdout)?;
    ensure!(shown.contains("CreateApplication"), "{shown}");

    // Nothing but the file is needed; what was there before is still there later.
    succeeds(world, &["audit", "verify", text(&path)?, "--json"])?;
    world.api.create_tenant("bert", "a@bert.example").await?;
    let (service, number, head) = heads.first().context("a head")?;
    ensure!(service == "catalog" && *number > 5, "{heads:?}");
    let with_heads: Vec<String> = heads
        .iter()
        .flat_map(|(_, _, head)| ["--head".to_owned(), head.clone()])
        .collect();
    let mut words = vec!["audit", "verify", "--json"];
    words.extend(with_heads.iter().map(String::as_str));
    succeeds(world, &words)?;

    let whole = fs::read(&path)?;
    let changed = folder.path().join("changed.jsonl");
    let verify = ["audit", "verify", text(&changed)?, "--head", head];
    for position in (0..whole.len()).step_by(whole.len() / 20) {
        let mut bytes = whole.clone();
        bytes[position] ^= 1;
        fs::write(&changed, &bytes)?;
        let found = run(world, &verify)?;
        ensure!(
            found.status.code() == Some(TAMPERED),
            "{position}: {found:?}"
        );
    }
    // A tail that was cut off leaves a chain that holds: only the head tells.
    let lines: Vec<&str> = std::str::from_utf8(&whole)?.lines().collect();
    let own = lines
        .iter()
        .filter(|line| line.contains("\"service\":\"catalog\""));
    let cut: Vec<&str> = own.clone().take(own.count() - 1).copied().collect();
    fs::write(&changed, format!("{}\n", cut.join("\n")))?;
    succeeds(world, &["audit", "verify", text(&changed)?, "--json"])?;
    let found = run(world, &verify)?;
    ensure!(found.status.code() == Some(TAMPERED), "{found:?}");
    let said = String::from_utf8(found.stdout)?;
    ensure!(said.contains("is not there"), "{said}");
    Ok(())
}

/// Returns service, number and hash of each log's end.
fn heads(checked: &Value) -> Result<Vec<(String, i64, String)>> {
    let logs = checked["logs"].as_array().context("logs")?;
    let ends = logs.iter().map(|log| {
        Some((
            log["service"].as_str()?.to_owned(),
            log["entries"].as_i64()?,
            log["head"].as_str()?.to_owned(),
        ))
    });
    ends.collect::<Option<_>>().context("the end of each log")
}

fn succeeds(world: &World, words: &[&str]) -> Result<Value> {
    let output = run(world, words)?;
    ensure!(output.status.success(), "{words:?}: {output:?}");
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn run(world: &World, words: &[&str]) -> Result<Output> {
    let places = world.places()?;
    let output = Command::new(built("switchover")?)
        .args(words)
        .env("SWITCHOVER_CATALOG", places.catalog.to_string())
        .env("SWITCHOVER_PROVISIONING", places.provisioning.to_string())
        .env("SWITCHOVER_NOTIFICATION", places.notification.to_string())
        .output();
    output.context("the command line")
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().context("a path of plain text")
}
