//! The walk that `switchover dev` prints works as it is written.

use std::{path::Path, process::Stdio};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tests::{
    http_client::{Answer, get},
    mailbox::Mailbox,
    process::{Process, built},
    until::until,
};
use tokio::process::Command;

#[tokio::test(flavor = "multi_thread")]
async fn the_printed_walk_works_as_written() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mailbox = Mailbox::start(folder.path()).await?;
    let ready = folder.path().join("ready.json");
    let words = [
        "dev",
        "--free-ports",
        "--data-dir",
        &folder.path().join("data").display().to_string(),
        "--smtp",
        &mailbox.smtp_url(),
        "--ready-file",
        &ready.display().to_string(),
    ];
    let words = words.map(str::to_owned).to_vec();
    let mut demonstration = Process::new("dev", built("switchover")?, words, folder.path());
    demonstration.start()?;
    match walk(&ready, &mailbox).await {
        Ok(()) => {}
        Err(fault) => return Err(fault.context(demonstration.tail())),
    }
    let code = demonstration.terminate().await?;
    ensure!(code == Some(0), "{}", demonstration.tail());
    Ok(())
}

async fn walk(ready: &Path, mailbox: &Mailbox) -> Result<()> {
    let look = || async { Ok(serde_json::from_slice::<Value>(&std::fs::read(ready)?)?) };
    let places = until("the demonstration to be up", look, |_| true).await?;
    let bert = places["tenants"]["bert"]
        .as_str()
        .context("bert's address")?
        .to_owned();
    let whoami = format!("{bert}/api/whoami");

    let listed = cli(&places, &["versions", "list"]).await?;
    ensure!(listed.contains("1.0") && listed.contains("2.0"), "{listed}");
    let token = cli(
        &places,
        &[
            "versions",
            "register-to-test",
            "shop",
            "2.0",
            "--token-only",
        ],
    )
    .await?;
    let test = places["testAddress"].as_str().context("the test address")?;
    let whoami_in_test = format!("{test}/api/whoami");
    let shown = [("switchover-tester-token", token.trim())];
    let look = || get(&whoami_in_test, &shown);
    let is_new = |answer: &Answer| answer.text().contains("\"version\":\"2.0\"");
    until("testers to reach 2.0", look, is_new).await?;

    let news = cli(
        &places,
        &[
            "versions",
            "confirm-update",
            "shop",
            "2.0",
            "--wait",
            "--yes",
        ],
    )
    .await?;
    ensure!(news.contains("succeeded: shop is on 2.0"), "{news}");
    mailbox
        .mail("bert's mail", |mail| {
            mail.is_to("bert@books.example") && mail.consent_link().is_ok()
        })
        .await?;
    cli(&places, &["provisionings", "deny", "bert", "shop", "2.0"]).await?;
    let refused = get(&whoami, &[("accept", "application/json")]).await?;
    ensure!(
        refused.status == 403 && refused.text().contains("DENIED"),
        "{}",
        refused.text()
    );
    let look = || cli(&places, &["inbox", "list", "--tab", "events"]);
    until("the operator's event", look, |inbox| {
        inbox.contains("has denied version 2.0")
    })
    .await?;

    let news = cli(
        &places,
        &[
            "versions",
            "confirm-reactivate",
            "shop",
            "1.0",
            "--wait",
            "--yes",
        ],
    )
    .await?;
    ensure!(news.contains("succeeded: shop is on 1.0"), "{news}");
    let back = get(&whoami, &[("accept", "application/json")]).await?;
    ensure!(
        back.text().contains("\"version\":\"1.0\""),
        "{}",
        back.text()
    );
    let history = cli(&places, &["apps", "history", "shop"]).await?;
    ensure!(history.matches("activated").count() == 3, "{history}");
    Ok(())
}

async fn cli(places: &Value, words: &[&str]) -> Result<String> {
    let mut command = Command::new(built("switchover")?);
    for service in ["catalog", "provisioning", "notification", "gateway"] {
        command
            .arg(format!("--{service}"))
            .arg(places[service].as_str().context("a service's address")?);
    }
    let output = command.args(words).stdin(Stdio::null()).output().await?;
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    ensure!(
        output.status.success(),
        "{words:?} ended with {}: {out}{err}",
        output.status
    );
    Ok(out.into_owned())
}
