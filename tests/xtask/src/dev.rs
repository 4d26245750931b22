//! Everything on this machine: the services, the demo application, a mailbox to look into.

use std::{
    net::TcpListener,
    process::{Child, Stdio},
};

use anyhow::{Context as _, Result, bail};

use crate::{
    console,
    run::{built, cargo, checked, command, say, step},
    tools,
};

/// How to run.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Where the mailbox takes mails.
    #[arg(long, default_value_t = 1025)]
    smtp_port: u16,
    /// Where to look at the mails.
    #[arg(long, default_value_t = 1080)]
    mailbox_port: u16,
    /// Handed to `switchover dev`; see `switchover dev --help`.
    #[arg(last = true)]
    switchover: Vec<String>,
}

/// Builds and runs until Ctrl-C.
pub(crate) fn run(options: &Options) -> Result<()> {
    tools::node_programs()?;
    console::build()?;
    step("building", || {
        cargo(&["build", "--package", "switchover", "--locked"])
    })?;
    let _mailbox = Mailbox::start(options)?;
    let smtp = format!("smtp://127.0.0.1:{}", options.smtp_port);
    let web = format!("http://127.0.0.1:{}", options.mailbox_port);
    let mut switchover = command(
        built("switchover"),
        &["dev", "--smtp", &smtp, "--mailbox-url", &web],
    );
    checked(switchover.args(&options.switchover))
}

struct Mailbox(Child);

impl Mailbox {
    fn start(options: &Options) -> Result<Self> {
        for port in [options.smtp_port, options.mailbox_port] {
            if TcpListener::bind(("127.0.0.1", port)).is_err() {
                bail!("port {port} is taken; choose another with --smtp-port or --mailbox-port");
            }
        }
        let smtp = format!("--smtp={}", options.smtp_port);
        let web = format!("--web={}", options.mailbox_port);
        let arguments = [
            &*smtp,
            "--ip=127.0.0.1",
            &*web,
            "--web-ip=127.0.0.1",
            "--silent",
        ];
        let child = command(tools::node_program("maildev"), &arguments)
            .stdin(Stdio::null())
            .spawn()
            .context("the mailbox")?;
        Ok(Self(child))
    }
}

impl Drop for Mailbox {
    fn drop(&mut self) {
        // Ctrl-C has reached it too, so it may be gone already.
        if self.0.kill().is_ok()
            && let Err(fault) = self.0.wait()
        {
            say(&format!("the mailbox did not stop: {fault}"));
        }
    }
}
