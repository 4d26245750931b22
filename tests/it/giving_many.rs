//! Tenants of a file are given an application, lose it, and have it again: as an operator types it, and
//! as their users see it.

use std::{path::Path, process::Stdio, time::Duration};

use anyhow::{Context as _, Result, ensure};
use http::StatusCode;
use tests::{
    http_client::get,
    process::built,
    shop,
    until::until,
    world::{Database, World},
};
use tokio::process::Command;

/// What a command said, and how it ended.
#[derive(Debug)]
struct Said {
    code: i32,
    out: String,
    err: String,
}

#[tokio::test(flavor = "multi_thread")]
async fn tenants_of_a_file_are_given_an_application_lose_it_and_have_it_again() -> Result<()> {
    let mut world = World::start(Database::Sqlite, 1).await?;
    match story(&mut world).await {
        Ok(()) => Ok(()),
        Err(fault) => Err(world.explain(fault)),
    }
}

async fn story(world: &mut World) -> Result<()> {
    shop::open(world, &["anna"]).await?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("tenants.csv");
    let wrong = folder.path().join("wrong.csv");
    std::fs::write(
        &wrong,
        "tenant,contacts\nbert,b@x.example\nBad id,\ncarl,none\n",
    )?;
    std::fs::write(
        &file,
        "tenant,display_name,contacts,on_record\n\
         anna,,,contract 1\n\
         bert,\"Bert, Inc.\",b@x.example=Bert,contract 2\n\
         carl,,c@x.example; d@x.example,contract 3\n",
    )?;

    let add = ["add-many", path(&wrong)?, "shop", "1.0"];
    let refused = provisionings(world, &add).await?;
    ensure!(refused.code == 78, "{refused:?}");
    ensure!(
        refused.err.contains("2 wrong lines; nothing was sent"),
        "{refused:?}"
    );
    ensure!(
        refused.err.contains("line 3") && refused.err.contains("line 4"),
        "{refused:?}"
    );

    let add = ["add-many", path(&file)?, "shop", "1.0"];
    let added = provisionings(world, &add).await?;
    ensure!(added.code == 0, "{added:?}");
    ensure!(
        added.out.contains("created and given") && added.out.contains("as it was"),
        "{added:?}"
    );
    for tenant in ["anna", "bert", "carl"] {
        sees(world, tenant, StatusCode::OK).await?;
    }

    let remove = ["remove-many", path(&file)?, "shop", "--reason", "unpaid"];
    let removed = provisionings(world, &remove).await?;
    ensure!(
        removed.code == 0 && removed.out.contains("taken away"),
        "{removed:?}"
    );
    for tenant in ["anna", "bert", "carl"] {
        sees(world, tenant, StatusCode::FORBIDDEN).await?;
    }
    let again = provisionings(world, &[&["--json"], &add[..]].concat()).await?;
    ensure!(
        again.out.matches("BATCH_OUTCOME_RESTORED").count() == 3,
        "{again:?}"
    );
    sees(world, "carl", StatusCode::OK).await?;

    let history = provisionings(world, &["history", "carl", "shop", "1.0"]).await?;
    ensure!(
        history.out.contains("unpaid") && history.out.contains("contract 3"),
        "{history:?}"
    );
    let listed = [
        "list",
        "--application",
        "shop",
        "--version",
        "1.0",
        "--state",
        "provisioned",
    ];
    let provisioned = || async {
        let listed = provisionings(world, &listed).await?;
        Ok(listed
            .out
            .lines()
            .filter(|line| line.contains(" shop "))
            .count())
    };
    until("all of them to be provisioned", provisioned, |count| {
        *count == 3
    })
    .await?;
    watched(world, &add, &remove).await
}

/// Follows with the command while everybody is taken away and given it again.
async fn watched(world: &World, add: &[&str], remove: &[&str]) -> Result<()> {
    let mut watch = command(world, &["watch", "--application", "shop"])?
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let out = watch.stdout.take().context("its output")?;
    let mut lines = tokio::io::BufReader::new(out);
    let heard = |what: &'static str| what;
    next_with(&mut lines, heard("carl")).await?;
    provisionings(world, remove).await?;
    next_with(&mut lines, heard("→ deprovisioning")).await?;
    next_with(&mut lines, heard("deprovisioning → removed")).await?;
    provisionings(world, add).await?;
    next_with(&mut lines, heard("provisioning → provisioned")).await?;
    watch.kill().await?;
    Ok(())
}

async fn next_with(lines: &mut (impl tokio::io::AsyncBufRead + Unpin), wanted: &str) -> Result<()> {
    use tokio::io::AsyncBufReadExt as _;
    let reading = async {
        let mut line = String::new();
        while lines.read_line(&mut line).await? > 0 {
            if line.contains(wanted) {
                return Ok(());
            }
            line.clear();
        }
        anyhow::bail!("it ended without {wanted:?}")
    };
    let read = tokio::time::timeout(Duration::from_secs(60), reading).await;
    read.with_context(|| format!("{wanted:?} never came"))?
}

fn path(path: &Path) -> Result<&str> {
    path.to_str().context("a path of letters")
}

fn command(world: &World, words: &[&str]) -> Result<Command> {
    let places = world.places()?;
    let mut command = Command::new(built("switchover")?);
    command
        .arg("provisionings")
        .arg(format!("--provisioning={}", places.provisioning))
        .args(words)
        .stdin(Stdio::null());
    Ok(command)
}

async fn provisionings(world: &World, words: &[&str]) -> Result<Said> {
    let output = command(world, words)?.output().await?;
    Ok(Said {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

/// Waits until the tenant's users are answered so: gateways hear of a change a moment later.
async fn sees(world: &World, tenant: &str, status: StatusCode) -> Result<()> {
    let host = world.user_host(tenant, "shop");
    let door = world.doors().into_iter().next().context("a gateway")?;
    let url = format!("http://{}/api/whoami", door.address);
    let fields = [("host", host.as_str()), ("accept", "application/json")];
    let look = || get(&url, &fields);
    until("the gateway to know", look, |answer| {
        answer.status == status
    })
    .await?;
    Ok(())
}
