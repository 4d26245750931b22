//! No token and no link of a mail is in any log, whatever was done with it and however much is logged.

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use http::Method;
use proto::catalog::v1::SwitchState;
use tests::{
    api::Confirm,
    consent_page::{Choice, decide},
    http_client::{get, send},
    mailbox::Mail,
    shop,
    world::{Database, OPERATOR_MAIL, Part, World},
};

/// Everything of ours, and of others what they tell who looks for a fault.
const LOG: &str = "debug,catalog=trace,provisioning=trace,notification=trace,gateway=trace,runtime=trace,store=trace";

#[tokio::test(flavor = "multi_thread")]
async fn no_token_or_link_of_a_mail_is_in_any_log_of_a_run() -> Result<()> {
    let mut world = World::start(Database::Sqlite, 1).await?;
    match run(&mut world).await {
        Ok(()) => Ok(()),
        Err(fault) => Err(world.explain(fault)),
    }
}

async fn run(world: &mut World) -> Result<()> {
    for part in world.parts() {
        world.kill(part).await?;
        world.set_variable(part, "SWITCHOVER_LOG", Some(LOG));
        world.restart(part).await?;
    }
    let api = world.api.clone();
    shop::open(world, &["anna", "bert"]).await?;
    api.register_to_test("shop", "2.0").await?;
    let switch = api.confirm(Confirm::Update, "shop", "2.0").await?;
    let ended = api.ended(&switch.name).await?;
    ensure!(ended.state() == SwitchState::Succeeded, "{ended:?}");

    let to_bert = |mail: &Mail| mail.is_to("admin@bert.example") && mail.consent_link().is_ok();
    let asked = world.mailbox.mail("bert's mail", to_bert).await?;
    let link = asked.consent_link()?.to_owned();
    decide(&link, Choice::Deny).await?;
    get(&format!("{link}x"), &[]).await?;

    let to_operator = |mail: &Mail| mail.is_to(OPERATOR_MAIL) && unsubscribe_link(mail).is_some();
    let told = world
        .mailbox
        .mail("the operator's mail", to_operator)
        .await?;
    let unsubscribe = unsubscribe_link(&told).context("a link that was there")?;
    get(&unsubscribe, &[]).await?;
    let done = send(
        Method::POST,
        &unsubscribe,
        &[("content-type", "application/x-www-form-urlencoded")],
        Bytes::from_static(b"List-Unsubscribe=One-Click"),
    )
    .await?;
    ensure!(done.status == http::StatusCode::OK, "{done:?}");
    world.kill(Part::Notification).await?;

    let mut canaries = Vec::new();
    for mail in world.mailbox.mails().await? {
        canaries.extend(mail.consent_link().ok().and_then(token));
        canaries.extend(unsubscribe_link(&mail).as_deref().and_then(token));
    }
    ensure!(
        canaries.len() >= 4,
        "only {} tokens were mailed",
        canaries.len()
    );
    let logs = world.logs()?;
    ensure!(logs.len() >= 4, "only {} logs", logs.len());
    ensure!(
        logs.iter()
            .any(|(_, text)| text.contains("a mail was sent")),
        "nothing is in the logs"
    );
    for (name, text) in &logs {
        for canary in &canaries {
            let found = text.lines().find(|line| line.contains(canary.as_str()));
            ensure!(found.is_none(), "{name} has a token of a mail: {found:?}");
        }
    }
    Ok(())
}

fn unsubscribe_link(mail: &Mail) -> Option<String> {
    let mut words = mail.text.split_whitespace();
    words
        .find(|word| word.contains("/unsubscribe/"))
        .map(str::to_owned)
}

fn token(link: &str) -> Option<String> {
    link.rsplit('/').next().map(str::to_owned)
}
