//! A denial counts from the moment that the page says, on every gateway, across restarts, and not
//! when the switch was given up.

use anyhow::{Context as _, Result, ensure};
use http::StatusCode;
use proto::catalog::v1::{CancelSwitchRequest, SwitchState};
use tests::{
    api::Confirm,
    consent_page::{Choice, decide},
    http_client::{Answer, get},
    shop,
    until::until,
    world::{Database, Part, World},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_denial_counts_from_the_moment_that_the_page_says() -> Result<()> {
    let mut world = World::start(Database::Sqlite, 2).await?;
    match denials(&mut world).await {
        Ok(()) => Ok(()),
        Err(fault) => Err(world.explain(fault)),
    }
}

async fn denials(world: &mut World) -> Result<()> {
    let api = world.api.clone();
    shop::open(world, &["anna", "bert"]).await?;
    api.register_to_test("shop", "2.0").await?;

    given_up(world).await?;
    before_the_commit(world).await?;
    across_restarts(world).await?;
    taken_back(world).await
}

/// A gateway that is away keeps the switch from being committed: the denial is recorded, users
/// stay on 1.0, and when the switch is given up the denial is void.
async fn given_up(world: &mut World) -> Result<()> {
    let api = world.api.clone();
    world.kill(Part::Gateway(1)).await?;
    let switch = api.confirm(Confirm::Update, "shop", "2.0").await?;
    let link = link(world, 1).await?;
    let page = decide(&link, Choice::Deny).await?;
    ensure!(page.status == StatusCode::OK, "{page:?}");
    served(world, 0, "bert", "1.0").await?;

    api.switches
        .clone()
        .cancel_switch(CancelSwitchRequest {
            name: switch.name.clone(),
            ..Default::default()
        })
        .await?;
    let ended = api.ended(&switch.name).await?;
    ensure!(ended.state() == SwitchState::Cancelled, "{ended:?}");
    let late = decide(&link, Choice::Deny).await?;
    ensure!(
        late.text().contains("cancelled") || late.text().contains("given up"),
        "{}",
        late.text()
    );
    world.restart(Part::Gateway(1)).await?;
    served(world, 1, "bert", "1.0").await
}

/// Denied while users are still on 1.0: in force from the first request of the new generation.
async fn before_the_commit(world: &mut World) -> Result<()> {
    let api = world.api.clone();
    world.kill(Part::Gateway(1)).await?;
    let switch = api.confirm(Confirm::Update, "shop", "2.0").await?;
    let page = decide(&link(world, 2).await?, Choice::Deny).await?;
    ensure!(page.status == StatusCode::OK, "{page:?}");
    served(world, 0, "bert", "1.0").await?;

    world.restart(Part::Gateway(1)).await?;
    let ended = api.ended(&switch.name).await?;
    ensure!(ended.state() == SwitchState::Succeeded, "{ended:?}");
    let tenants = ended.tenants.context("the tenants' side")?;
    ensure!(tenants.denied == 1, "{tenants:?}");
    for gateway in 0..2 {
        refused(&ask(world, gateway, "bert").await?)?;
        served(world, gateway, "anna", "2.0").await?;
    }
    Ok(())
}

/// A gateway that starts while nobody can tell it anything still refuses.
async fn across_restarts(world: &mut World) -> Result<()> {
    for part in [Part::Catalog, Part::Provisioning, Part::Gateway(0)] {
        world.kill(part).await?;
    }
    world.relaunch(Part::Gateway(0))?;
    let look = || ask(world, 0, "bert");
    refused(&until("the gateway to answer", look, |_| true).await?)?;
    served(world, 0, "anna", "2.0").await?;
    refused_in_german(world, "bert").await?;
    for part in [Part::Catalog, Part::Provisioning] {
        world.restart(part).await?;
    }
    world.ready(Part::Gateway(0)).await?;
    refused(&ask(world, 0, "bert").await?)
}

/// The tenant changes its mind on the same page and is let in at once, everywhere.
async fn taken_back(world: &World) -> Result<()> {
    let link = link(world, 2).await?;
    ensure!(link.ends_with("?lang=en"), "the mail's language: {link}");
    let page = decide(&link.replace("?lang=en", "?lang=de"), Choice::Accept).await?;
    ensure!(page.status == StatusCode::OK, "{page:?}");
    ensure!(
        page.text().contains("Sie haben Version 2.0 von"),
        "{}",
        page.text()
    );
    for gateway in 0..2 {
        served(world, gateway, "bert", "2.0").await?;
    }
    Ok(())
}

/// Returns the link of the `count`-th mail by which bert was asked.
async fn link(world: &World, count: usize) -> Result<String> {
    let asked = || async {
        let mails = world.mailbox.mails().await?;
        let links = mails.iter().filter(|mail| mail.is_to("admin@bert.example"));
        Ok(links
            .filter_map(|mail| mail.consent_link().ok().map(str::to_owned))
            .collect::<Vec<_>>())
    };
    let links = until("bert's mail", asked, |links| links.len() >= count).await?;
    links
        .into_iter()
        .nth(count - 1)
        .context("a link that was there a moment ago")
}

async fn ask(world: &World, gateway: usize, tenant: &str) -> Result<Answer> {
    let doors = world.doors();
    let door = doors.get(gateway).context("a gateway")?;
    let host = world.user_host(tenant, "shop");
    let url = format!("http://{}/api/whoami", door.address);
    get(&url, &[("host", &host), ("accept", "application/json")]).await
}

async fn served(world: &World, gateway: usize, tenant: &str, version: &str) -> Result<()> {
    let what = format!("{tenant} to be served {version} by gateway {gateway}");
    let is_served = |answer: &Answer| {
        answer.status == StatusCode::OK && answer.header("switchover-version") == version
    };
    until(&what, || ask(world, gateway, tenant), is_served)
        .await
        .map(drop)
}

/// A user who reads German is refused in German.
async fn refused_in_german(world: &World, tenant: &str) -> Result<()> {
    let doors = world.doors();
    let door = doors.first().context("a gateway")?;
    let host = world.user_host(tenant, "shop");
    let fields = [
        ("host", host.as_str()),
        ("accept", "text/html"),
        ("accept-language", "de-AT,de;q=0.9,en;q=0.5"),
    ];
    let page = get(&format!("http://{}/", door.address), &fields).await?;
    ensure!(page.status == StatusCode::FORBIDDEN, "{page:?}");
    ensure!(page.header("content-language") == "de", "{page:?}");
    ensure!(
        page.text()
            .contains("Ihre Organisation hat diese Version abgelehnt"),
        "{}",
        page.text()
    );
    Ok(())
}

fn refused(answer: &Answer) -> Result<()> {
    ensure!(answer.status == StatusCode::FORBIDDEN, "{answer:?}");
    ensure!(answer.text().contains("DENIED"), "{}", answer.text());
    Ok(())
}
