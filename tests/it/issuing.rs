//! A backend gets tokens for its tenants at a gateway's edge, others check them by the published keys,
//! and nothing of it is written down anywhere.

use std::{ffi::OsStr, fs, process::Stdio};

use anyhow::{Context as _, Result, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};
use tests::{
    api::Confirm,
    consent_page::{Choice, decide},
    http_client::{Answer, get, send},
    process::built,
    program::tools,
    shop,
    world::{Database, World},
};
use tokio::{io::AsyncWriteExt as _, process::Command};

/// The operator's own tenant in every world.
const OWN: &str = "own";

#[tokio::test(flavor = "multi_thread")]
async fn a_backend_gets_tokens_that_others_verify_until_it_is_revoked_and_no_log_knows_them()
-> Result<()> {
    let mut world = World::start(Database::Sqlite, 1).await?;
    let mut secrets = Vec::new();
    let lived = match lives(&mut world, &mut secrets).await {
        Ok(()) => nothing_is_written_down(&world, &secrets),
        fault => fault,
    };
    lived.map_err(|fault| world.explain(fault))
}

/// A backend with the pair that it was given.
#[derive(Clone)]
struct Backend {
    edge: String,
    id: String,
    secret: String,
}

impl Backend {
    async fn ask(&self, form: &str) -> Result<Answer> {
        let url = format!("{}/oauth/token", self.edge);
        let form = format!("grant_type=client_credentials&{form}");
        let fields = [
            ("content-type", "application/x-www-form-urlencoded"),
            ("authorization", &*self.basic()),
        ];
        send(Method::POST, &url, &fields, Bytes::from(form)).await
    }

    fn basic(&self) -> String {
        format!(
            "Basic {}",
            BASE64.encode(format!("{}:{}", self.id, self.secret))
        )
    }

    /// Gets a token for a tenant and lets a program of others check it; returns its claims.
    async fn verified(&self, tenant: &str, secrets: &mut Vec<String>) -> Result<Value> {
        let answer = self.ask(&format!("version=2.0&tenant={tenant}")).await?;
        let told: Value = serde_json::from_slice(&answer.body)?;
        ensure!(answer.status == 200, "{told}");
        let token = told["access_token"].as_str().context("a token")?.to_owned();
        ensure!(
            told["token_type"] == "Bearer" && told["expires_in"] == 1800,
            "{told}"
        );
        let claims = verify(&self.edge, &token).await?;
        ensure!(
            claims["tenant"] == tenant && claims["sub"] == *self.id,
            "{claims}"
        );
        ensure!(
            claims["scope"] == "orders.read" && claims["version"] == "2.0",
            "{claims}"
        );
        secrets.push(token);
        Ok(claims)
    }

    /// Asks for a tenant in vain; returns status, OAuth's code and the reason.
    async fn refused(&self, form: &str) -> Result<(u16, String, String)> {
        let answer = self.ask(form).await?;
        let told: Value = serde_json::from_slice(&answer.body)?;
        let text = |name: &str| told[name].as_str().map(str::to_owned).context("a refusal");
        Ok((answer.status.as_u16(), text("error")?, text("reason")?))
    }
}

async fn lives(world: &mut World, secrets: &mut Vec<String>) -> Result<()> {
    let api = world.api.clone();
    shop::open(world, &["anna", "bert"]).await?;
    let version = ["shop", "2.0"];
    let registered = cli(world, &["versions", "register-to-test"], &version).await?;
    let text = |field: &str| {
        registered["appCredential"][field]
            .as_str()
            .map(str::to_owned)
    };
    let name = text("name").context("the credential's name")?;
    let backend = Backend {
        edge: world.edge(0),
        id: text("clientId").context("a client id")?,
        secret: text("clientSecret").context("a client secret")?,
    };
    secrets.push(backend.secret.clone());
    secrets.push(
        registered["testerToken"]
            .as_str()
            .context("a token")?
            .to_owned(),
    );

    in_test(&backend, secrets).await?;
    api.switch_to(Confirm::Update, "shop", "2.0").await?;
    let claims = backend.verified("anna", secrets).await?;
    let life = claims["exp"].as_i64().zip(claims["iat"].as_i64());
    ensure!(
        life.is_some_and(|(end, begin)| end - begin == 1800),
        "{claims}"
    );
    denied(world, &backend, secrets).await?;
    let backend = rotated(world, &backend, &name, secrets).await?;

    cli(world, &["credentials", "revoke"], &[&name]).await?;
    let refused = backend.refused("version=2.0&tenant=anna").await?;
    ensure!(
        refused == told(401, "invalid_client", "CREDENTIAL_REVOKED"),
        "{refused:?}"
    );
    Ok(())
}

fn told(status: u16, error: &str, reason: &str) -> (u16, String, String) {
    (status, error.to_owned(), reason.to_owned())
}

async fn in_test(backend: &Backend, secrets: &mut Vec<String>) -> Result<()> {
    backend.verified(OWN, secrets).await?;
    let refused = backend.refused("version=2.0&tenant=anna").await?;
    ensure!(
        refused == told(400, "unauthorized_client", "TEST_OWN_TENANT_ONLY"),
        "{refused:?}"
    );
    let refused = backend.refused("version=1.0&tenant=own").await?;
    ensure!(
        refused == told(400, "unauthorized_client", "VERSION_WRONG"),
        "{refused:?}"
    );
    let guess = Backend {
        secret: "guess".to_owned(),
        ..backend.clone()
    };
    let refused = guess.refused("version=2.0&tenant=own").await?;
    ensure!(
        refused == told(401, "invalid_client", "CLIENT_INVALID"),
        "{refused:?}"
    );
    Ok(())
}

/// Bert denies the version: his tokens end with that, Anna's go on.
async fn denied(world: &World, backend: &Backend, secrets: &mut Vec<String>) -> Result<()> {
    let offered = |mail: &tests::mailbox::Mail| {
        mail.is_to("admin@bert.example") && mail.consent_link().is_ok()
    };
    let mail = world.mailbox.mail("bert's mail", offered).await?;
    backend.verified("bert", secrets).await?;
    decide(mail.consent_link()?, Choice::Deny).await?;
    let refused = backend.refused("version=2.0&tenant=bert").await?;
    ensure!(
        refused == told(400, "unauthorized_client", "TENANT_DENIED"),
        "{refused:?}"
    );

    let form = "version=2.0&tenant=anna&tenant=bert&tenant=cleo&scope=orders.read";
    let answer = backend.ask(form).await?;
    let batch: Value = serde_json::from_slice(&answer.body)?;
    let of = |index: usize, field: &str| batch["tokens"][index][field].as_str();
    let token = of(0, "access_token").context("anna's token")?;
    secrets.push(token.to_owned());
    verify(&backend.edge, token).await?;
    ensure!(of(1, "reason") == Some("TENANT_DENIED"), "{batch}");
    ensure!(of(2, "reason") == Some("NOT_PROVISIONED"), "{batch}");
    let refused = backend
        .refused("version=2.0&tenant=anna&scope=admin")
        .await?;
    ensure!(
        refused == told(400, "invalid_scope", "SCOPE_TOO_WIDE"),
        "{refused:?}"
    );

    let url = format!("{}/oauth/tenants", backend.edge);
    let listed = get(&url, &[("authorization", &backend.basic())]).await?;
    let listed: Value = serde_json::from_slice(&listed.body)?;
    ensure!(listed["tenants"] == json!(["anna"]), "{listed}");
    Ok(())
}

/// The next secret works at once, the one before until it is rotated without an overlap.
async fn rotated(
    world: &World,
    backend: &Backend,
    name: &str,
    secrets: &mut Vec<String>,
) -> Result<Backend> {
    let mut before = backend.clone();
    for overlap in ["1h", "0s"] {
        let words = [name, "--overlap", overlap];
        let rotated = cli(world, &["credentials", "rotate"], &words).await?;
        let secret = rotated["clientSecret"]
            .as_str()
            .context("a secret")?
            .to_owned();
        secrets.push(secret.clone());
        let next = Backend {
            secret,
            ..backend.clone()
        };
        next.verified("anna", secrets).await?;
        if overlap == "0s" {
            let refused = before.refused("version=2.0&tenant=anna").await?;
            ensure!(
                refused == told(401, "invalid_client", "CLIENT_INVALID"),
                "{refused:?}"
            );
        } else {
            before.verified("anna", secrets).await?;
        }
        before = next;
    }
    let listed = cli(world, &["credentials", "list"], &["shop", "2.0"]).await?;
    ensure!(
        listed["credentials"][0]["lastUsedTime"].is_string(),
        "{listed}"
    );
    Ok(before)
}

/// Lets `jose` fetch the keys and check a token; returns its claims. A token that was changed in its
/// middle must not pass.
async fn verify(edge: &str, token: &str) -> Result<Value> {
    let (ours, forged) = (jose(edge, token).await?, forged(token)?);
    let forged = jose(edge, &forged).await?;
    ensure!(forged.is_err(), "a forged token was taken: {forged:?}");
    match ours {
        Ok(claims) => Ok(serde_json::from_str(&claims)?),
        Err(why) => anyhow::bail!("the token was refused: {why}"),
    }
}

fn forged(token: &str) -> Result<String> {
    let [header, claims, signature]: [&str; 3] = token
        .split('.')
        .collect::<Vec<_>>()
        .try_into()
        .map_err(|parts| anyhow::anyhow!("{parts:?}"))?;
    let (first, rest) = claims.split_at(claims.len() / 2);
    let other = if rest.starts_with('A') { "B" } else { "A" };
    Ok(format!("{header}.{first}{other}{}.{signature}", &rest[1..]))
}

async fn jose(edge: &str, token: &str) -> Result<std::result::Result<String, String>> {
    let script = tools().join("verify-token.mjs");
    let keys = format!("{edge}/.well-known/jwks.json");
    let mut node = Command::new("node")
        .args([
            script.as_os_str(),
            keys.as_ref(),
            edge.as_ref(),
            "shop".as_ref(),
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let mut stdin = node.stdin.take().context("its standard input")?;
    stdin.write_all(token.as_bytes()).await?;
    drop(stdin);
    let output = node.wait_with_output().await?;
    let (out, faults) = (
        String::from_utf8(output.stdout)?,
        String::from_utf8(output.stderr)?,
    );
    Ok(if output.status.success() {
        Ok(out)
    } else {
        Err(faults)
    })
}

/// Runs the command line as the operator; returns its answer.
async fn cli(world: &World, verb: &[&str], words: &[&str]) -> Result<Value> {
    let places = world.places()?;
    let output = Command::new(built("switchover")?)
        .args(verb)
        .args(words)
        .args(["--catalog", &places.catalog.to_string()])
        .args(["--provisioning", &places.provisioning.to_string()])
        .arg("--json")
        .stdin(Stdio::null())
        .output()
        .await?;
    let faults = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{verb:?} {words:?}: {faults}");
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Looks through all logs, databases and states for what nobody may write down.
fn nothing_is_written_down(world: &World, secrets: &[String]) -> Result<()> {
    ensure!(
        secrets.len() > 8,
        "only {} secrets were seen",
        secrets.len()
    );
    let mut files = Vec::new();
    let mut folders = vec![world.folder().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.is_file() {
                files.push(path);
            }
        }
    }
    let mut logs = 0;
    for path in files {
        let content = fs::read(&path)?;
        let has = |text: &str| {
            content
                .windows(text.len())
                .any(|part| part == text.as_bytes())
        };
        let secret = secrets.iter().position(|secret| has(secret));
        ensure!(secret.is_none(), "{} has secret {secret:?}", path.display());
        logs += usize::from(
            path.extension() == Some(OsStr::new("log")) && has("tokens were asked for"),
        );
    }
    ensure!(
        logs == 1,
        "{logs} logs tell of tokens: the search finds nothing"
    );
    Ok(())
}
