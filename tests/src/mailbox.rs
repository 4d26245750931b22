//! A real SMTP server (maildev) that keeps what came, and a reader of what it kept.

use std::{collections::BTreeMap, path::Path};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use http::Method;
use serde::Deserialize;

use crate::{
    http_client, ports,
    post::{Arrival, Post},
    process::Process,
    program::tools,
    until::until,
};

/// An SMTP server with its mails, in a folder of the test.
#[derive(Debug)]
pub struct Mailbox {
    process: Process,
    smtp: u16,
    reader: Reader,
    post: Option<Post>,
}

/// Reads what an SMTP server has kept. Clones read the same.
#[derive(Debug, Clone)]
pub struct Reader {
    web: u16,
}

/// A mail as it arrived.
#[derive(Debug, Clone, Deserialize)]
pub struct Mail {
    /// Its subject line.
    #[serde(default)]
    pub subject: String,
    /// Its text part.
    #[serde(default)]
    pub text: String,
    /// Its HTML part.
    #[serde(default)]
    pub html: String,
    /// Its headers, names in lower case.
    #[serde(default)]
    pub headers: BTreeMap<String, serde_json::Value>,
    /// Who it went to.
    #[serde(default)]
    pub to: Vec<Address>,
}

/// A mailbox's address.
#[derive(Debug, Clone, Deserialize)]
pub struct Address {
    /// The address itself.
    pub address: String,
}

impl Mail {
    /// Tells whether it went to `address`.
    #[must_use]
    pub fn is_to(&self, address: &str) -> bool {
        self.to.iter().any(|to| to.address == address)
    }

    /// Returns its Message-ID.
    #[must_use]
    pub fn message_id(&self) -> &str {
        self.headers
            .get("message-id")
            .and_then(serde_json::Value::as_str)
            .unwrap_or_default()
    }

    /// Returns the first link of its text part that leads to a decision.
    ///
    /// # Errors
    /// When there is none.
    pub fn consent_link(&self) -> Result<&str> {
        self.text
            .split_whitespace()
            .map(|word| word.trim_matches(|letter| matches!(letter, '<' | '>' | '(' | ')')))
            .find(|word| word.starts_with("http") && word.contains("/consent/"))
            .with_context(|| format!("no consent link in the mail {:?}", self.subject))
    }
}

impl Reader {
    /// Returns all mails that have arrived.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn mails(&self) -> Result<Vec<Mail>> {
        let url = format!("http://127.0.0.1:{}/api/email", self.web);
        let answer = http_client::get(&url, &[]).await?;
        serde_json::from_slice(&answer.body).context("the SMTP server's list of mails")
    }

    /// Waits for the first mail that `wanted` accepts.
    ///
    /// # Errors
    /// When none comes.
    pub async fn mail(&self, what: &str, wanted: impl Fn(&Mail) -> bool) -> Result<Mail> {
        let mails = until(what, || self.mails(), |mails| mails.iter().any(&wanted)).await?;
        mails
            .into_iter()
            .rfind(|mail| wanted(mail))
            .context("a mail that was there a moment ago")
    }

    /// Throws away what has arrived so far.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn clear(&self) -> Result<()> {
        let url = format!("http://127.0.0.1:{}/api/email/all", self.web);
        let answer = http_client::send(Method::DELETE, &url, &[], Bytes::new()).await?;
        anyhow::ensure!(
            answer.status.is_success(),
            "the SMTP server keeps its mails: {}",
            answer.text()
        );
        Ok(())
    }
}

impl Mailbox {
    /// Starts the server and waits until it answers.
    ///
    /// # Errors
    /// When the tools are not installed or it does not come up.
    pub async fn start(folder: &Path) -> Result<Self> {
        let (smtp, web) = (ports::free()?, ports::free()?);
        let script = tools().join("node_modules/.bin/maildev");
        anyhow::ensure!(
            script.exists(),
            "the SMTP server is not installed; run: cargo xtask tools"
        );
        let mails = folder.join("mails");
        std::fs::create_dir_all(&mails)?;
        let arguments = [
            script.display().to_string(),
            format!("--smtp={smtp}"),
            "--ip=127.0.0.1".to_owned(),
            format!("--web={web}"),
            "--web-ip=127.0.0.1".to_owned(),
            format!("--mail-directory={}", mails.display()),
            "--silent".to_owned(),
        ];
        let mut process = Process::new("mailbox", "node", arguments.to_vec(), folder);
        process.start()?;
        let mailbox = Self {
            process,
            smtp,
            reader: Reader { web },
            post: None,
        };
        until("the SMTP server", || mailbox.mails(), |_| true).await?;
        Ok(mailbox)
    }

    /// Writes down from here on which mails the server takes: senders are to be told `smtp_url`
    /// after this.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn watch(&mut self) -> Result<()> {
        self.post = Some(Post::watch(self.smtp).await?);
        Ok(())
    }

    /// Returns every mail that the server has taken since it is watched, each time that it took it.
    #[must_use]
    pub fn arrivals(&self) -> Vec<Arrival> {
        self.post.as_ref().map(Post::arrivals).unwrap_or_default()
    }

    /// Returns the URL for `--smtp`.
    #[must_use]
    pub fn smtp_url(&self) -> String {
        let port = self.post.as_ref().map_or(self.smtp, Post::port);
        format!("smtp://127.0.0.1:{port}")
    }

    /// Returns where what it keeps can be read, as JSON under `/api/email`.
    #[must_use]
    pub fn web_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.reader.web)
    }

    /// Returns who reads what it keeps, whatever else is done with it meanwhile.
    #[must_use]
    pub fn reader(&self) -> Reader {
        self.reader.clone()
    }

    /// Returns all mails that have arrived, as [`Reader::mails`] does.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn mails(&self) -> Result<Vec<Mail>> {
        self.reader.mails().await
    }

    /// Waits for a mail, as [`Reader::mail`] does.
    ///
    /// # Errors
    /// When none comes.
    pub async fn mail(&self, what: &str, wanted: impl Fn(&Mail) -> bool) -> Result<Mail> {
        self.reader.mail(what, wanted).await
    }

    /// Kills the server: mail cannot be delivered until `restart`.
    ///
    /// # Errors
    /// When it does not run.
    pub async fn kill(&mut self) -> Result<()> {
        self.process.kill().await
    }

    /// Starts it again on the same ports.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn restart(&mut self) -> Result<()> {
        self.process.start()?;
        until("the SMTP server", || self.mails(), |_| true).await?;
        Ok(())
    }
}
