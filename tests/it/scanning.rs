//! What follows links, submits forms and presses buttons by itself decides nothing, with a browser
//! or without; a person who types the word does.

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use http::Method;
use proto::provisioning::v1::ListOfferVisitsRequest;
use serde_json::Value;
use tests::{
    api::Confirm,
    http_client::{get, send},
    program::{told, tools},
    shop,
    world::{Database, World},
};
use tokio::process::Command;

#[tokio::test(flavor = "multi_thread")]
async fn no_scanner_decides_and_a_person_does() -> Result<()> {
    let mut world = World::start(Database::Sqlite, 1).await?;
    match scanned(&mut world).await {
        Ok(()) => Ok(()),
        Err(fault) => Err(world.explain(fault)),
    }
}

async fn scanned(world: &mut World) -> Result<()> {
    let api = world.api.clone();
    shop::open(world, &["anna"]).await?;
    api.register_to_test("shop", "2.0").await?;
    api.switch_to(Confirm::Update, "shop", "2.0").await?;
    let offered = |mail: &tests::mailbox::Mail| {
        mail.is_to("admin@anna.example") && mail.consent_link().is_ok()
    };
    let mail = world.mailbox.mail("anna's mail", offered).await?;
    let link = mail.consent_link()?;

    fetched(link).await?;
    undecided(link, "fetching").await?;
    sent_by_program(link).await?;
    undecided(link, "sending the form").await?;
    for who in ["look", "look-without-scripts", "submit", "click", "junk"] {
        let told = browser(who, link).await?;
        let posted = told["posted"].as_u64().context("how many forms it sent")?;
        let sends = !who.starts_with("look");
        ensure!(sends == (posted >= 2), "{who} sent {posted} forms");
        undecided(link, who).await?;
    }
    accessible(link).await?;
    let everything = format!("{link}&all");
    for who in ["look", "look-without-scripts", "submit"] {
        browser(who, &everything).await?;
        undecided(link, who).await?;
    }
    accessible(&everything).await?;

    in_german(link).await?;

    seen_by_the_operator(world).await?;

    let told = browser("person", &german(link)?).await?;
    ensure!(told["posted"] == 1, "{told}");
    ensure!(told["heading"] == "Ihre Ablehnung ist in Kraft", "{told}");
    let told = browser("look", link).await?;
    ensure!(told["heading"] == "Your denial is in force", "{told}");
    ensure!(status(link).await? == "denied_in_force");
    accessible(link).await
}

/// What only fetches: HEAD before GET, twice, and every link of the page and of what it leads to.
async fn fetched(link: &str) -> Result<()> {
    let html = [("accept", "text/html")];
    for method in [Method::HEAD, Method::GET, Method::GET, Method::OPTIONS] {
        send(method, link, &html, Bytes::new()).await?;
    }
    let page = get(link, &html).await?.text();
    for attribute in ["href=\"", "action=\"", "src=\""] {
        let places = page.split(attribute).skip(1);
        for (place, _) in places.filter_map(|rest| rest.split_once('"')) {
            // The page's own address is the empty one; the others are that of the overview, and its own
            // in the other language.
            ensure!(
                matches!(place, "" | "?all&amp;lang=en" | "?lang=de"),
                "the page leads to {place:?}"
            );
        }
    }
    let (bare, _) = link.split_once('?').context("a link with a language")?;
    for tail in [
        "?decision=deny",
        "?decision=deny&typed=shop",
        "?all",
        "?lang=de",
        "?all&lang=de",
        "/deny",
        "/",
    ] {
        get(&format!("{bare}{tail}"), &html).await?;
    }
    Ok(())
}

/// Forms that a program sends as it found them, or filled in as it likes.
async fn sent_by_program(link: &str) -> Result<()> {
    let kind = ("content-type", "application/x-www-form-urlencoded");
    let browser_says = [
        kind,
        ("sec-fetch-site", "same-origin"),
        ("sec-fetch-user", "?1"),
    ];
    let page = get(link, &[("accept", "text/html")]).await?.text();
    let (_, token) = page
        .split_once("name=\"form_token\" value=\"")
        .context("a form")?;
    let (token, _) = token.split_once('"').context("a form's token")?;
    for headers in [&[kind][..], &browser_says] {
        for choice in ["accept", "deny"] {
            for rest in [
                "",
                "&typed=",
                "&confirmed=yes",
                "&typed=on",
                "&typed=Shop+shop",
            ] {
                let body = format!("form_token={token}&decision={choice}{rest}");
                let answer = send(Method::POST, link, headers, Bytes::from(body)).await?;
                ensure!(
                    answer.status.is_client_error(),
                    "{choice}{rest}: {answer:?}"
                );
            }
        }
    }
    Ok(())
}

/// The same pages in German keep nobody out, and machines decide on them no more than on the others.
async fn in_german(link: &str) -> Result<()> {
    let german = german(link)?;
    for place in [&german, &format!("{german}&all")] {
        let page = get(place, &[("accept", "text/html")]).await?;
        ensure!(page.header("content-language") == "de", "{page:?}");
        accessible(place).await?;
    }
    browser("submit", &german).await?;
    undecided(link, "submitting in German").await
}

/// Returns the link as its reader leaves it who chose German on the page.
fn german(link: &str) -> Result<String> {
    let (bare, _) = link.split_once('?').context("a link with a language")?;
    Ok(format!("{bare}?lang=de"))
}

/// The operator sees who came, and that it pressed nothing.
async fn seen_by_the_operator(world: &World) -> Result<()> {
    let request = ListOfferVisitsRequest {
        name: "tenants/anna/applications/shop/provisionings/2.0".to_owned(),
    };
    let answer = world.api.consent.clone().list_offer_visits(request).await?;
    let visits = answer.into_inner().visits;
    let opened = visits.iter().any(|visit| visit.opened > 0);
    let sent = visits.iter().any(|visit| visit.sent > 0);
    ensure!(opened && sent, "{visits:?}");
    ensure!(
        visits
            .iter()
            .any(|visit| visit.user_agent.contains("Headless")),
        "{visits:?}"
    );
    Ok(())
}

async fn undecided(link: &str, after: &str) -> Result<()> {
    let status = status(link).await?;
    ensure!(status == "open", "after {after} it is {status}");
    Ok(())
}

async fn status(link: &str) -> Result<String> {
    let answer = get(link, &[("accept", "application/json")]).await?;
    let offer: Value = serde_json::from_slice(&answer.body)?;
    Ok(offer["status"].as_str().context("a status")?.to_owned())
}

async fn accessible(link: &str) -> Result<()> {
    let told = browser("reader", link).await?;
    ensure!(told["faults"] == Value::Array(Vec::new()), "{told:#}");
    Ok(())
}

/// Lets somebody of `scanner.mjs` come to the page with a browser; returns what it tells.
async fn browser(who: &str, link: &str) -> Result<Value> {
    let mut node = Command::new("node");
    node.arg(tools().join("scanner.mjs"))
        .arg(tests::browser::path()?)
        .args([who, link]);
    told(node).await
}
