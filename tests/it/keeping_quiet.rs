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
    quiet::{log_everything, mailed_tokens, no_secret_is_logged, unsubscribe_link},
    shop,
    world::{Database, OPERATOR_MAIL, Part, World},
};

#[tokio::test(flavor = "multi_thread")]
async fn no_token_or_link_of_a_mail_is_in_any_log_of_a_run() -> Result<()> {
    let mut world = World::start(Database::Sqlite, 1).await?;
    match run(&mut world).await {
        Ok(()) => Ok(()),
        Err(fault) => Err(world.explain(fault)),
    }
}

async fn run(world: &mut World) -> Result<()> {
    log_everything(world).await?;
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

    let canaries = mailed_tokens(world).await?;
    ensure!(
        canaries.len() >= 4,
        "only {} tokens were mailed",
        canaries.len()
    );
    no_secret_is_logged(world, &canaries)
}
