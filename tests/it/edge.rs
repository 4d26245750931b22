//! The edge as clients by others use it, and as pages by others try to.

use std::{path::PathBuf, process::Stdio};

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use http::Method;
use proto::catalog::v1::ListApplicationsRequest;
use serde_json::{Value, json};
use tests::{
    http_client::{Answer, get, send},
    program::{told, tools},
    world::{Database, Plan, World},
};
use tokio::process::Command;

const SWITCHES: &str = "switchover.catalog.v1.SwitchService";
const APPLICATIONS: &str = "switchover.catalog.v1.ApplicationService";

#[tokio::test(flavor = "multi_thread")]
async fn clients_by_others_do_the_operators_work_at_the_edge() -> Result<()> {
    let mut plan = Plan::new(Database::Sqlite, 1);
    let reflection = ("SWITCHOVER_REFLECTION".to_owned(), "true".to_owned());
    plan.environment.push(reflection);
    let mut world = World::start_as(plan).await?;
    match worked(&mut world).await {
        Ok(()) => Ok(()),
        Err(fault) => Err(world.explain(fault)),
    }
}

async fn worked(world: &mut World) -> Result<()> {
    let upstreams = [world.upstream("1.0").await?, world.upstream("2.0").await?];
    let edge = world.edge(0);
    let folder = tempfile::tempdir()?;
    let contracts = folder.path().join("contracts.binpb");
    std::fs::write(&contracts, proto::DESCRIPTOR_SET)?;
    let contracts = contracts.to_string_lossy();

    for (script, application) in [
        ("call-connect.mjs", "byconnect"),
        ("call-grpc-web.mjs", "byweb"),
    ] {
        let mut node = Command::new("node");
        node.arg(tools().join(script))
            .args([&edge, &*contracts, application])
            .args(&upstreams);
        did_everything(script, &told(node).await?)?;
    }
    let mut python = Command::new("python3");
    python
        .env("PYTHONPATH", grpcio()?)
        .arg(tools().join("call_grpc.py"))
        .args([&edge, "bypython"])
        .args(&upstreams);
    did_everything("grpcio", &told(python).await?)?;
    for protocol in ["grpc", "grpcweb"] {
        let buf = Buf {
            edge: &edge,
            protocol,
        };
        buf.work(&format!("bybuf{protocol}"), &upstreams).await?;
    }
    Ok(())
}

/// What each client tells: how its three switches ended, and what an error says.
fn did_everything(client: &str, told: &Value) -> Result<()> {
    let ends = told["ends"].as_array().context("how its switches ended")?;
    let succeeded = |end: &Value| end.as_str().is_some_and(|end| end.ends_with("SUCCEEDED"));
    ensure!(
        ends.len() == 3 && ends.iter().all(succeeded),
        "{client}: {told}"
    );
    let code = told["code"].as_str().unwrap_or_default().replace('_', "");
    ensure!(code.eq_ignore_ascii_case("notfound"), "{client}: {told}");
    ensure!(
        told["message"] == "There is no applications/nothing.",
        "{client}: {told}"
    );
    ensure!(told["reason"] == "NOT_FOUND", "{client}: {told}");
    Ok(())
}

/// `buf curl`, which reads the contracts from their files.
struct Buf<'a> {
    edge: &'a str,
    protocol: &'a str,
}

impl Buf<'_> {
    async fn work(&self, application: &str, upstreams: &[String]) -> Result<()> {
        let parent = format!("applications/{application}");
        let create =
            json!({ "applicationId": application, "application": { "displayName": application } });
        self.ask(APPLICATIONS, "CreateApplication", &create).await?;
        for (version, upstream) in ["1.0", "2.0"].iter().zip(upstreams) {
            let roles = json!([{ "name": "user", "description": "May use it." }]);
            let create = json!({
                "parent": parent, "versionId": version,
                "version": { "upstream": upstream, "roles": roles },
            });
            self.ask(APPLICATIONS, "CreateVersion", &create).await?;
            let version = format!("{parent}/versions/{version}");
            let register = json!({ "version": version, "reason": "buf asks" });
            self.ask(SWITCHES, "RegisterToTest", &register).await?;
            self.confirm("ConfirmUpdate", &version).await?;
        }
        let first = format!("{parent}/versions/1.0");
        self.confirm("ConfirmReactivate", &first).await?;
        let refused = self
            .call(
                APPLICATIONS,
                "GetApplication",
                &json!({ "name": "applications/nothing" }),
            )
            .await?;
        let told: Value = serde_json::from_str(&refused.1).context(refused.1.clone())?;
        ensure!(told["code"] == "not_found", "{told}");
        ensure!(
            told["details"]
                .as_array()
                .is_some_and(|details| details.len() > 1),
            "{told}"
        );
        Ok(())
    }

    async fn confirm(&self, method: &str, version: &str) -> Result<()> {
        let confirm = json!({ "version": version, "reason": "buf asks" });
        let begun = self.ask(SWITCHES, method, &confirm).await?;
        let begun: Value = serde_json::from_str(&begun)?;
        let watch = json!({ "name": begun["switch"]["name"] });
        let watched = self.ask(SWITCHES, "WatchSwitch", &watch).await?;
        let succeeded = watched.contains("SWITCH_STATE_SUCCEEDED");
        ensure!(succeeded, "{}: {method}: {watched}", self.protocol);
        Ok(())
    }

    async fn ask(&self, service: &str, method: &str, request: &Value) -> Result<String> {
        let (answer, fault) = self.call(service, method, request).await?;
        ensure!(fault.is_empty(), "{} {method}: {fault}", self.protocol);
        Ok(answer)
    }

    async fn call(&self, service: &str, method: &str, request: &Value) -> Result<(String, String)> {
        let mut buf = Command::new(tools().join("node_modules/.bin/buf"));
        buf.current_dir(tools().join("../.."))
            .args(["curl", "--schema", "proto", "--protocol", self.protocol])
            .args(["--data", &request.to_string()])
            .stdin(Stdio::null())
            .kill_on_drop(true);
        if self.protocol == "grpc" {
            buf.arg("--http2-prior-knowledge");
        }
        let output = buf
            .arg(format!("{}/{service}/{method}", self.edge))
            .output()
            .await?;
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        Ok((text(&output.stdout), text(&output.stderr)))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_others_make_a_browser_do_nothing_at_the_edge() -> Result<()> {
    let world = World::start(Database::Sqlite, 1).await?;
    let mut node = Command::new("node");
    node.arg(tools().join("foreign.mjs"))
        .arg(tests::browser::path()?)
        .arg(world.edge(0).replace("127.0.0.1", "localhost"));
    let told = told(node).await?;
    let mut applications = world.api.applications.clone();
    let listed = applications
        .list_applications(ListApplicationsRequest::default())
        .await?;
    let listed = listed.into_inner().applications;
    let names: Vec<&str> = listed
        .iter()
        .map(|application| application.name.as_str())
        .collect();
    ensure!(names == ["applications/own"], "{names:?}: {told:#}");
    ensure!(told["own"]["fetch"] == "200 ", "{told:#}");
    for page in ["elsewhere", "rebound", "rebound-to-edge"] {
        ensure!(told[page]["fetch"] != "200 ", "{told:#}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_of_the_edge_says_what_may_be_done_with_it() -> Result<()> {
    let world = World::start(Database::Sqlite, 1).await?;
    let edge = world.edge(0);
    let html = [("accept", "text/html")];
    let method = format!("{edge}/{APPLICATIONS}/ListApplications");
    let web = [
        ("content-type", "application/grpc-web+proto"),
        ("x-grpc-web", "1"),
    ];
    let text = [("content-type", "text/plain")];
    let message = Bytes::from_static(&[0; 5]);
    let call = send(Method::POST, &method, &web, message.clone()).await?;
    ensure!(call.body.ends_with(b"grpc-status:0\r\n"), "{call:?}");
    let answers = [
        ("a call", call),
        (
            "plain text",
            send(Method::POST, &method, &text, message.clone()).await?,
        ),
        (
            "a preflight",
            send(
                Method::OPTIONS,
                &method,
                &[("origin", "https://evil.example")],
                Bytes::new(),
            )
            .await?,
        ),
        ("GET of a method", get(&method, &html).await?),
        ("the console", get(&format!("{edge}/"), &html).await?),
        (
            "a path of it",
            get(&format!("{edge}/applications/shop"), &html).await?,
        ),
        ("a file", get(&format!("{edge}/assets/look.js"), &[]).await?),
        (
            "no file",
            get(&format!("{edge}/assets/nothing.js"), &html).await?,
        ),
        ("the session", get(&format!("{edge}/session"), &[]).await?),
        (
            "a sign-in",
            get(&format!("{edge}/session/login"), &html).await?,
        ),
        (
            "a link",
            get(&format!("{edge}/consent/nothing"), &html).await?,
        ),
        (
            "a token",
            send(
                Method::POST,
                &format!("{edge}/oauth/token"),
                &[],
                Bytes::new(),
            )
            .await?,
        ),
        (
            "nothing",
            get(
                &format!("{edge}/nothing"),
                &[("accept", "application/json")],
            )
            .await?,
        ),
    ];
    for (what, answer) in &answers {
        sealed(what, answer)?;
    }
    let status = |name: &str| {
        let found = answers.iter().find(|(what, _)| *what == name);
        found.map_or(0, |(_, answer)| answer.status.as_u16())
    };
    ensure!(status("plain text") == 415 && status("a preflight") == 403);
    ensure!(status("GET of a method") == 405 && status("nothing") == 404);

    // S47: reflection is told to nobody unless it was asked for, and health to everybody.
    let reflection = format!("{edge}/grpc.reflection.v1.ServerReflection/ServerReflectionInfo");
    let told = send(Method::POST, &reflection, &web, message.clone()).await?;
    ensure!(told.header("grpc-status") == "12", "{told:?}");
    let health = format!("{edge}/grpc.health.v1.Health/Check");
    let far = [web[0], web[1], ("host", "10.0.0.7:8081")];
    let told = send(Method::POST, &health, &far, message).await?;
    ensure!(told.body.ends_with(b"grpc-status:0\r\n"), "{told:?}");
    Ok(())
}

fn sealed(what: &str, answer: &Answer) -> Result<()> {
    let policy = answer.header("content-security-policy");
    for rule in [
        "default-src 'none'",
        "object-src 'none'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ] {
        ensure!(policy.contains(rule), "{what}: {policy}");
    }
    ensure!(
        !policy.contains("unsafe") && !policy.contains('*'),
        "{what}: {policy}"
    );
    for (field, value) in [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        ensure!(answer.header(field) == value, "{what}: {field}: {answer:?}");
    }
    for field in ["permissions-policy", "cache-control"] {
        ensure!(
            !answer.header(field).is_empty(),
            "{what}: {field}: {answer:?}"
        );
    }
    let granted = answer.header("access-control-allow-origin");
    ensure!(granted.is_empty(), "{what}: {granted}");
    Ok(())
}

fn grpcio() -> Result<PathBuf> {
    tests::process::built("switchover")?
        .ancestors()
        .map(|folder| folder.join("tools/grpcio"))
        .find(|folder| folder.join("grpc").exists())
        .context("grpcio is not installed; run: cargo xtask tools")
}
