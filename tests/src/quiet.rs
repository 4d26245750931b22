//! Whether secrets stay out of what is logged.

use anyhow::{Result, ensure};

use crate::{mailbox::Mail, world::World};

/// Everything of ours, and of others what they tell who looks for a fault.
const LOG: &str = "debug,catalog=trace,provisioning=trace,notification=trace,gateway=trace,runtime=trace,store=trace";

/// Starts every process again, to log as much as it can.
///
/// # Errors
/// When one does not start.
pub async fn log_everything(world: &mut World) -> Result<()> {
    for part in world.parts() {
        world.kill(part).await?;
        world.set_variable(part, "SWITCHOVER_LOG", Some(LOG));
        world.restart(part).await?;
    }
    Ok(())
}

/// Returns the tokens of the links in all mails so far.
///
/// # Errors
/// When the mailbox cannot be read.
pub async fn mailed_tokens(world: &World) -> Result<Vec<String>> {
    let mut tokens = Vec::new();
    for mail in world.mailbox.mails().await? {
        tokens.extend(mail.consent_link().ok().and_then(token));
        tokens.extend(unsubscribe_link(&mail).as_deref().and_then(token));
    }
    Ok(tokens)
}

/// Refuses logs with a secret in them, and logs with nothing in them.
///
/// # Errors
/// When one has a secret, or says nothing.
pub fn no_secret_is_logged(world: &World, secrets: &[String]) -> Result<()> {
    let logs = world.logs()?;
    ensure!(logs.len() >= 4, "only {} logs", logs.len());
    let mailed = |(_, text): &(String, String)| text.contains("a mail was sent");
    ensure!(logs.iter().any(mailed), "nothing is in the logs");
    for (name, text) in &logs {
        for secret in secrets {
            let found = text.lines().find(|line| line.contains(secret.as_str()));
            ensure!(found.is_none(), "{name} has a secret: {found:?}");
        }
    }
    Ok(())
}

/// Returns the link of a mail by which its reader gets no more of them, if it has one.
#[must_use]
pub fn unsubscribe_link(mail: &Mail) -> Option<String> {
    let mut words = mail.text.split_whitespace();
    words
        .find(|word| word.contains("/unsubscribe/"))
        .map(str::to_owned)
}

fn token(link: &str) -> Option<String> {
    // Behind it stands the language of the mail.
    let (link, _) = link.split_once('?')?;
    link.rsplit('/').next().map(str::to_owned)
}
