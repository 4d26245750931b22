//! An issuer of access tokens that is not ours: a certified OpenID provider, in a process of its own.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::Method;
use serde_json::Value;

use crate::{
    http_client::{get, send},
    ports,
    process::Process,
    program::tools,
    until::until,
};

/// What access tokens are for.
pub const AUDIENCE: &str = "https://switchover.example";

/// An issuer and the process that it is.
#[derive(Debug)]
pub struct Issuer {
    port: u16,
    people: String,
    folder: PathBuf,
    process: Process,
}

impl Issuer {
    /// Starts an issuer for people with these roles, as JSON: `{ id: [roles] }`.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn start(folder: &Path, people: &str) -> Result<Self> {
        let port = ports::free()?;
        let mut issuer = Self {
            port,
            people: people.to_owned(),
            folder: folder.to_owned(),
            process: process(port, "one", people, folder),
        };
        issuer.come_up().await?;
        Ok(issuer)
    }

    /// Starts it again, with another key than before, of this name.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn rotate(&mut self, key: &str) -> Result<()> {
        self.process.kill().await?;
        self.process = process(self.port, key, &self.people, &self.folder);
        self.come_up().await
    }

    async fn come_up(&mut self) -> Result<()> {
        self.process.start()?;
        let document = format!("{}/.well-known/openid-configuration", self.url());
        let up = until("the issuer", || get(&document, &[]), |_| true).await;
        up.with_context(|| self.process.tail()).map(drop)
    }

    /// Returns its name.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Returns an access token of one of its people, for an audience.
    ///
    /// # Errors
    /// When it gives none.
    pub async fn token(&self, person: &str, audience: &str) -> Result<String> {
        let pair = STANDARD.encode(format!("{person}:secret"));
        let fields = [
            ("content-type", "application/x-www-form-urlencoded"),
            ("authorization", &*format!("Basic {pair}")),
        ];
        let form = format!("grant_type=client_credentials&resource={audience}");
        let url = format!("{}/token", self.url());
        let answer = send(Method::POST, &url, &fields, Bytes::from(form)).await?;
        ensure!(answer.status == 200, "{}", answer.text());
        let told: Value = serde_json::from_slice(&answer.body)?;
        Ok(told["access_token"].as_str().context("a token")?.to_owned())
    }
}

/// An issuer at which people sign in to the console. A browser takes it for a stranger to the edge.
#[derive(Debug)]
pub struct ConsoleIssuer {
    port: u16,
    people: String,
    process: Option<Process>,
}

impl ConsoleIssuer {
    /// Chooses a place for an issuer of people with these roles, as JSON: `{ id: [roles] }`.
    ///
    /// # Errors
    /// When no port is free.
    pub fn new(people: &str) -> Result<Self> {
        Ok(Self {
            port: ports::free()?,
            people: people.to_owned(),
            process: None,
        })
    }

    /// Returns its name.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://localhost:{}", self.port)
    }

    /// Starts it for the console at this edge.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn start(&mut self, folder: &Path, edge: &str) -> Result<()> {
        let script = tools().join("console-issuer.mjs");
        let words = [
            &*script.display().to_string(),
            &self.port.to_string(),
            edge,
            AUDIENCE,
            &self.people,
        ];
        let words = words.map(str::to_owned).to_vec();
        let mut process = Process::new("console-issuer", "node", words, folder);
        process.start()?;
        let document = format!("{}/.well-known/openid-configuration", self.url());
        let up = until("the issuer", || get(&document, &[]), |_| true).await;
        up.with_context(|| process.tail())?;
        self.process = Some(process);
        Ok(())
    }
}

fn process(port: u16, key: &str, people: &str, folder: &Path) -> Process {
    let script = tools().join("issuer.mjs");
    let words = [
        &*script.display().to_string(),
        &port.to_string(),
        key,
        people,
    ];
    let words = words.map(str::to_owned).to_vec();
    Process::new(&format!("issuer-{key}"), "node", words, folder)
}
