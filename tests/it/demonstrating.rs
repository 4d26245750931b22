//! `switchover dev` by its own keys: the walk that it prints works as it is written, its person is the demo
//! operator by the command line and in the console, and nobody else is anybody.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use http::Method;
use serde_json::Value;
use tempfile::TempDir;
use tests::{
    http_client::{Answer, get, send},
    issuer::Issuer,
    mailbox::Mailbox,
    process::{Process, built},
    until::until,
};
use tokio::process::Command;

/// A demonstration of somebody with a home of their own.
struct Demonstration {
    process: Process,
    places: Value,
    home: PathBuf,
    folder: TempDir,
}

impl Demonstration {
    async fn start(folder: TempDir, more: &[&str]) -> Result<Self> {
        let home = folder.path().join("home");
        fs::create_dir_all(&home)?;
        let (data, ready) = (folder.path().join("data"), folder.path().join("ready.json"));
        if ready.exists() {
            fs::remove_file(&ready)?;
        }
        let mut words = vec!["dev".to_owned(), "--free-ports".to_owned()];
        words.push(format!("--data-dir={}", data.display()));
        words.push(format!("--ready-file={}", ready.display()));
        words.extend(more.iter().map(|word| (*word).to_owned()));
        let mut process = Process::new("dev", built("switchover")?, words, folder.path());
        process.set_variable("HOME", Some(&home.display().to_string()));
        process.set_variable("XDG_STATE_HOME", Some(""));
        process.start()?;
        let look = || async { Ok(serde_json::from_slice::<Value>(&fs::read(&ready)?)?) };
        let places = until("the demonstration to be up", look, |_| true).await;
        Ok(Self {
            places: places.map_err(|fault| fault.context(process.tail()))?,
            process,
            home,
            folder,
        })
    }

    /// Ends it in good order, and returns its folder.
    async fn end(mut self) -> Result<TempDir> {
        let code = self.process.terminate().await?;
        ensure!(code == Some(0), "{}", self.process.tail());
        Ok(self.folder)
    }

    fn place(&self, name: &str) -> Result<&str> {
        self.places[name].as_str().context("a place")
    }

    /// Runs a command of its person, with no word on who that is.
    async fn cli(&self, words: &[&str]) -> Result<String> {
        let (done, told) = self.at(&self.home, words).await?;
        ensure!(done, "{words:?}: {told}");
        Ok(told)
    }

    /// Runs a command of somebody whose home this is.
    async fn at(&self, home: &Path, words: &[&str]) -> Result<(bool, String)> {
        let mut command = Command::new(built("switchover")?);
        for (variable, place) in [
            ("SWITCHOVER_CATALOG", "catalog"),
            ("SWITCHOVER_PROVISIONING", "provisioning"),
            ("SWITCHOVER_NOTIFICATION", "notification"),
            ("SWITCHOVER_GATEWAY_CONTROL", "gateway"),
        ] {
            command.env(variable, self.place(place)?);
        }
        command.env("HOME", home).env_remove("XDG_STATE_HOME");
        let output = command.args(words).stdin(Stdio::null()).output().await?;
        let done = output.status.success();
        let told = match done {
            true => output.stdout,
            false => [output.stdout, output.stderr].concat(),
        };
        Ok((done, String::from_utf8(told)?))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_printed_walk_works_as_written() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mailbox = Mailbox::start(folder.path()).await?;
    let demonstration = Demonstration::start(folder, &["--smtp", &mailbox.smtp_url()]).await?;
    if let Err(fault) = walk(&demonstration, &mailbox).await {
        return Err(fault.context(demonstration.process.tail()));
    }
    demonstration.end().await?;
    Ok(())
}

async fn walk(demonstration: &Demonstration, mailbox: &Mailbox) -> Result<()> {
    let places = &demonstration.places;
    let bert = places["tenants"]["bert"]
        .as_str()
        .context("bert's address")?
        .to_owned();
    let whoami = format!("{bert}/api/whoami");

    let listed = demonstration.cli(&["versions", "list"]).await?;
    ensure!(listed.contains("1.0") && listed.contains("2.0"), "{listed}");
    let token = demonstration
        .cli(&[
            "versions",
            "register-to-test",
            "shop",
            "2.0",
            "--token-only",
        ])
        .await?;
    let test = places["testAddress"].as_str().context("the test address")?;
    let whoami_in_test = format!("{test}/api/whoami");
    let shown = [("switchover-tester-token", token.trim())];
    let look = || get(&whoami_in_test, &shown);
    let is_new = |answer: &Answer| answer.text().contains("\"version\":\"2.0\"");
    until("testers to reach 2.0", look, is_new).await?;

    let news = demonstration
        .cli(&[
            "versions",
            "confirm-update",
            "shop",
            "2.0",
            "--wait",
            "--yes",
        ])
        .await?;
    ensure!(news.contains("succeeded: shop is on 2.0"), "{news}");
    mailbox
        .mail("bert's mail", |mail| {
            mail.is_to("bert@books.example") && mail.consent_link().is_ok()
        })
        .await?;
    demonstration
        .cli(&["provisionings", "deny", "bert", "shop", "2.0"])
        .await?;
    let refused = get(&whoami, &[("accept", "application/json")]).await?;
    ensure!(
        refused.status == 403 && refused.text().contains("DENIED"),
        "{}",
        refused.text()
    );
    let look = || demonstration.cli(&["inbox", "list", "--tab", "events"]);
    until("the operator's event", look, |inbox| {
        inbox.contains("has denied version 2.0")
    })
    .await?;

    let news = demonstration
        .cli(&[
            "versions",
            "confirm-reactivate",
            "shop",
            "1.0",
            "--wait",
            "--yes",
        ])
        .await?;
    ensure!(news.contains("succeeded: shop is on 1.0"), "{news}");
    let back = get(&whoami, &[("accept", "application/json")]).await?;
    ensure!(
        back.text().contains("\"version\":\"1.0\""),
        "{}",
        back.text()
    );
    let history = demonstration.cli(&["apps", "history", "shop"]).await?;
    ensure!(history.matches("activated").count() == 3, "{history}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn its_person_is_the_demo_operator_and_nobody_else_is_anybody() -> Result<()> {
    let demonstration = Demonstration::start(tempfile::tempdir()?, &[]).await?;
    if let Err(fault) = known(&demonstration).await {
        return Err(fault.context(demonstration.process.tail()));
    }
    let (key, home) = (
        demonstration.cli(&["keys", "dev"]).await?,
        demonstration.home.clone(),
    );
    let state = home.join(".local/state/switchover/dev");
    ensure!(fs::read_dir(&state)?.count() == 4, "one for each service");
    let folder = demonstration.end().await?;
    ensure!(fs::read_dir(&state)?.count() == 0, "nothing is left");

    let again = Demonstration::start(folder, &[]).await?;
    ensure!(
        again.cli(&["keys", "dev"]).await? == key,
        "it goes on where it was"
    );
    let fresh = Demonstration::start(again.end().await?, &["--fresh"]).await?;
    ensure!(fresh.cli(&["keys", "dev"]).await? != key, "it begins anew");
    fresh.end().await?;
    Ok(())
}

async fn known(demonstration: &Demonstration) -> Result<()> {
    let who = demonstration.cli(&["whoami"]).await?;
    for part in [
        "people/demo",
        "operator admin",
        "by the key of switchover dev",
    ] {
        ensure!(who.contains(part), "{part}: {who}");
    }
    let words = [
        "whoami",
        "--as",
        "tenant-admin:bert",
        "--service",
        "provisioning",
    ];
    let bert = demonstration.cli(&words).await?;
    for part in ["tenants/bert", "tenant admin", "people/demo"] {
        ensure!(bert.contains(part), "{part}: {bert}");
    }
    let stranger = demonstration.folder.path().join("stranger");
    let (_, told) = demonstration.at(&stranger, &["whoami"]).await?;
    ensure!(told.contains("does not know who you are"), "{told}");
    let (done, told) = demonstration.at(&stranger, &["versions", "list"]).await?;
    ensure!(!done && told.contains("UNAUTHENTICATED"), "{told}");
    let (done, told) = demonstration.at(&stranger, &["keys", "dev"]).await?;
    ensure!(
        !done && told.contains("no switchover dev of yours"),
        "{told}"
    );

    let key_file = Path::new(demonstration.place("keyFile")?);
    let kept = key_file.parent().context("its folder")?;
    ensure!(fs::metadata(kept)?.mode() & 0o777 == 0o700);
    ensure!(fs::metadata(key_file)?.mode() & 0o777 == 0o600);
    let key = demonstration.cli(&["keys", "dev"]).await?;
    ensure!(key.starts_with("swk_dev_") && fs::read_to_string(key_file)? == key);
    at_the_edge(demonstration, key.trim()).await?;
    beyond_the_loopback(&kept.join("accepted.toml")).await
}

/// A page of the console is the demo operator, and a program is whoever shows the key.
async fn at_the_edge(demonstration: &Demonstration, key: &str) -> Result<()> {
    let edge = demonstration.place("edge")?;
    let session = get(&format!("{edge}/session"), &[]).await?.text();
    let session: Value = serde_json::from_str(&session)?;
    ensure!(
        session["signed_in"] == true && session["subject"] == "people/demo",
        "{session}"
    );
    let method = format!("{edge}/switchover.catalog.v1.ApplicationService/ListApplications");
    let bearer = format!("Bearer {key}");
    let web = [
        ("content-type", "application/grpc-web+proto"),
        ("x-grpc-web", "1"),
    ];
    let call = async |more: &[(&str, &str)]| {
        let fields = [&web[..], more].concat();
        send(Method::POST, &method, &fields, Bytes::from_static(&[0; 5])).await
    };
    let program = call(&[]).await?;
    ensure!(program.status == 401, "{program:?}");
    ensure!(program.text().contains("UNAUTHENTICATED"), "{program:?}");
    for (who, fields) in [
        ("a program with the key", [("authorization", &*bearer)]),
        ("the console's page", [("origin", edge)]),
    ] {
        let answer = call(&fields).await?;
        ensure!(
            answer.body.ends_with(b"grpc-status:0\r\n"),
            "{who}: {answer:?}"
        );
    }
    let foreign = call(&[("origin", "https://evil.example")]).await?;
    ensure!(foreign.status == 403, "{foreign:?}");
    Ok(())
}

/// No service takes its keys where other machines can call.
async fn beyond_the_loopback(keys: &Path) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let database = format!("sqlite:{}", folder.path().join("x.db").display());
    let mut command = Command::new(built("switchover")?);
    command
        .args(["serve", "catalog", "--plaintext", "--listen=0.0.0.0:0"])
        .args(["--operator=acme", "--database", &database, "--keys"])
        .arg(keys);
    let output = command
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await?;
    let told = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.code() == Some(64),
        "{:?}: {told}",
        output.status
    );
    for part in ["0.0.0.0", "switchover dev", "keys create"] {
        ensure!(told.contains(part), "{part}: {told}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_with_a_login_is_tried_on_it() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let issuer = Issuer::start(folder.path(), "{}").await?;
    let flags = [
        format!("--login-issuer={}", issuer.url()),
        "--login-client-id=shop".to_owned(),
    ];
    let flags = flags.each_ref().map(String::as_str);
    let demonstration = Demonstration::start(folder, &flags).await?;
    demonstration
        .cli(&["apps", "update", "shop", "--login", "required"])
        .await?;
    let anna = demonstration.places["tenants"]["anna"].as_str();
    let anna = anna.context("anna's address")?;
    let look = || get(anna, &[("accept", "text/html")]);
    let leads = |answer: &Answer| answer.header("location").starts_with("/.switchover/");
    let led = until("a browser to be led away", look, leads).await?;
    let sign_in = format!("{anna}{}", led.header("location"));
    let sign_in = get(&sign_in, &[("accept", "text/html")]).await?;
    let place = sign_in.header("location");
    ensure!(place.starts_with(&issuer.url()), "{sign_in:?}");
    ensure!(place.contains("client_id=shop"), "{place}");
    demonstration.end().await?;
    Ok(())
}
