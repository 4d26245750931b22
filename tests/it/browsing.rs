//! The console, looked at with a browser: the whole way from the first test to the way back by clicking, every
//! page for everybody, by keyboard alone, with names that are scripts, and while nobody answers.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tests::{
    browser::{browse, pictures},
    quiet::{log_everything, mailed_tokens, no_secret_is_logged},
    shop,
    world::{Database, World},
};

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_way_is_gone_by_clicking_on_sqlite() -> Result<()> {
    let mut world = World::start(Database::Sqlite, 1).await?;
    let walked = walk(&mut world, "walk-sqlite").await;
    walked.map_err(|fault| world.explain(fault))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_way_is_gone_by_clicking_on_postgres() -> Result<()> {
    let mut world = World::start(Database::Postgres, 2).await?;
    let walked = walk(&mut world, "walk-postgres").await;
    walked.map_err(|fault| world.explain(fault))
}

#[tokio::test(flavor = "multi_thread")]
async fn no_page_keeps_anybody_out() -> Result<()> {
    let mut world = World::start(Database::Sqlite, 1).await?;
    let read = read(&mut world).await;
    read.map_err(|fault| world.explain(fault))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_keyboard_is_enough() -> Result<()> {
    let mut world = World::start(Database::Sqlite, 1).await?;
    let told = acted(&mut world, "keys").await;
    told.map(drop).map_err(|fault| world.explain(fault))
}

#[tokio::test(flavor = "multi_thread")]
async fn customers_settings_and_gateways_are_managed_by_clicking() -> Result<()> {
    let mut world = World::start(Database::Sqlite, 1).await?;
    let told = acted(&mut world, "manage").await;
    told.map(drop).map_err(|fault| world.explain(fault))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_command_line_does_the_console_does_and_nothing_typed_is_lost() -> Result<()> {
    let mut world = World::start(Database::Sqlite, 1).await?;
    let told = acted(&mut world, "operate").await;
    told.map(drop).map_err(|fault| world.explain(fault))
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_by_version_are_seen_across_a_switch() -> Result<()> {
    let mut world = World::start(Database::Sqlite, 1).await?;
    let told = acted(&mut world, "traffic").await;
    told.map(drop).map_err(|fault| world.explain(fault))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_are_called_stays_text() -> Result<()> {
    let mut world = World::start(Database::Sqlite, 1).await?;
    let told = acted(&mut world, "names").await;
    let told = told.map_err(|fault| world.explain(fault))?;
    ensure!(told["strings"] == 40, "{told}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_shown_stays_while_nobody_answers() -> Result<()> {
    let mut world = World::start(Database::Sqlite, 1).await?;
    let told = acted(&mut world, "away").await;
    told.map(drop).map_err(|fault| world.explain(fault))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_person_confirms_another_approves() -> Result<()> {
    let mut world = World::start(Database::Sqlite, 1).await?;
    let told = acted(&mut world, "second").await;
    let told = told.map_err(|fault| world.explain(fault))?;
    ensure!(told["approved"] == "people/other", "{told}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_and_nothing_else_says_who_is_here() -> Result<()> {
    let mut world = World::start(Database::Sqlite, 1).await?;
    let told = acted(&mut world, "enter").await;
    told.map(drop).map_err(|fault| world.explain(fault))
}

/// From the first test over an update, a denial by the mail's link and its event to the way back.
async fn walk(world: &mut World, pictures: &str) -> Result<()> {
    log_everything(world).await?;
    shop::open(world, &["anna", "bert"]).await?;
    let told = browse("walk", &settings(world, pictures)).await?;
    ensure!(told["back"] == true, "{told}");
    let event = told["event"].as_str().context("an event")?;
    ensure!(event.contains("has denied version 2.0"), "{told}");
    let steps = told["steps"].as_array().context("steps")?;
    ensure!(steps.len() >= 6, "{told}");
    let shown = told["secrets"].as_array().context("secrets")?;
    let mut secrets: Vec<_> = shown
        .iter()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect();
    ensure!(secrets.len() == 2, "{told}");
    secrets.extend(mailed_tokens(world).await?);
    no_secret_is_logged(world, &secrets)
}

/// Every page in light and dark, on a screen and on a phone, as everybody who has pages; then in German.
async fn read(world: &mut World) -> Result<()> {
    shop::open(world, &["anna", "bert"]).await?;
    let mut settings = settings(world, "read");
    let walked = browse("walk", &settings).await?;
    // One that nobody has reached can be changed and deleted.
    let upstream = world.upstream("3.0").await?;
    let api = &world.api;
    api.create_version("shop", "3.0", &upstream, &[]).await?;
    settings["switch"] = walked["switch"].clone();
    let told = browse("read", &settings).await?;
    let pages = told["pages"].as_u64().context("how many pages")?;
    ensure!(pages >= 80, "only {pages} pages were read");
    settings["languages"] = json!(["de"]);
    settings["looks"] = json!(["light"]);
    browse("read", &settings).await?;
    Ok(())
}

async fn acted(world: &mut World, what: &str) -> Result<Value> {
    shop::open(world, &["anna", "bert"]).await?;
    // A version in test has a pair of app credentials.
    world.api.register_to_test("shop", "2.0").await?;
    let mut settings = settings(world, what);
    settings["upstream"] = json!(world.upstream("3.0").await?);
    browse(what, &settings).await
}

/// What the browser's scripts are told of a world.
fn settings(world: &World, name: &str) -> Value {
    json!({
        "edge": world.edge(0),
        "mails": world.mailbox.web_url(),
        "application": "shop",
        "from": "1.0",
        "to": "2.0",
        "version": "1.0",
        "tenant": "bert",
        "pictures": pictures(name),
    })
}
