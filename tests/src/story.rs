//! The whole mission on real processes under load, in one run: register to test, confirm, deny,
//! reactivate, fifty times back and forth, then the same while each service is killed.

mod figures;
mod switching;

use anyhow::{Context as _, Result, ensure};
use http::StatusCode;
use proto::notification::v1::{ListEventsRequest, Tab};

pub use self::figures::Figures;
use self::{
    figures::Notes,
    switching::{back_and_forth, switch_under_kills},
};
use crate::{
    api::Confirm,
    consent_page::{Choice, decide},
    http_client::get,
    keys::Callers,
    load::{Load, Users},
    until::until,
    world::{Database, OPERATOR_MAIL, World},
};

const APPLICATION: &str = "shop";
const OLD: &str = "1.0";
const NEW: &str = "2.0";
/// The tenant that denies the new version.
const DENIER: (u8, &str) = (1, "bert");
const TENANTS: [&str; 3] = ["anna", "bert", "cleo"];

/// How large the story is.
#[derive(Debug, Clone)]
pub struct Options {
    /// Which database the services use. On PostgreSQL callers prove who they are by keys, as where
    /// parts run on many machines.
    pub database: Database,
    /// Switches back and forth while nothing is broken.
    pub switches: u32,
    /// Switches during which a process is killed, for each service.
    pub kills: u32,
    /// Requests a second.
    pub rate: u32,
    /// Clients that send them.
    pub clients: u32,
}

/// Plays the story; `tell` gets one line a step.
///
/// # Errors
/// When a step does not lead to what it should. Failed requests are no error here: they are in the
/// figures.
pub async fn play(options: &Options, tell: &(dyn Fn(&str) + Sync)) -> Result<Figures> {
    let callers = match options.database {
        Database::Sqlite => Callers::Believed,
        Database::Postgres => Callers::Keyed,
    };
    let mut world = World::start_with(options.database, 2, callers).await?;
    match acts(&mut world, options, tell).await {
        Ok(figures) => Ok(figures),
        Err(fault) => Err(world.explain(fault)),
    }
}

async fn acts(
    world: &mut World,
    options: &Options,
    tell: &(dyn Fn(&str) + Sync),
) -> Result<Figures> {
    tell("an application, two versions, three tenants");
    first_activation(world).await?;

    let users: Vec<Users> = (0..)
        .zip(TENANTS)
        .map(|(tenant, id)| Users {
            tenant,
            host: world.user_host(id, APPLICATION),
        })
        .collect();
    let load = Load::start(&world.doors(), &users, options.clients, options.rate);
    let mut notes = Notes::default();

    tell(&format!(
        "{} requests a second from here on; 2.0 is registered to test",
        options.rate
    ));
    in_test(world).await?;

    tell("confirm update: every user of every tenant moves to 2.0");
    notes.switched(
        &load,
        world
            .api
            .switch_to(Confirm::Update, APPLICATION, NEW)
            .await?,
    );

    tell("bert denies 2.0 by the link in its mail");
    let link = world
        .mailbox
        .mail("bert's mail", |mail| {
            mail.is_to("admin@bert.example") && mail.consent_link().is_ok()
        })
        .await?;
    let page = decide(link.consent_link()?, Choice::Deny).await?;
    ensure!(
        page.status == StatusCode::OK,
        "the page said {}: {}",
        page.status,
        page.text()
    );
    notes.denied_at = Some(load.now());
    denied(world).await?;

    tell("confirm reactivate: back to 1.0, and bert is let in again");
    notes.switched(
        &load,
        world
            .api
            .switch_to(Confirm::Reactivate, APPLICATION, OLD)
            .await?,
    );
    served(world, DENIER.1, OLD).await?;

    tell(&format!("{} switches back and forth", options.switches));
    back_and_forth(world, &load, &mut notes, options.switches, tell).await?;
    let calm = load.finish().await;

    let load = Load::start(&world.doors(), &users, options.clients, options.rate);
    let mut broken = Notes {
        denied_at: Some(0),
        ..Notes::default()
    };
    tell(&format!(
        "kill -9 of each service in turn during {} switches",
        options.kills * 5
    ));
    switch_under_kills(world, &load, &mut broken, options.kills, tell).await?;
    let stormy = load.finish().await;

    tell("waiting for the last mails");
    let deliveries = deliveries_done(world).await?;
    let message_ids = world
        .mailbox
        .mails()
        .await?
        .iter()
        .map(|mail| mail.message_id().to_owned())
        .collect();
    let events = world.api.events("operator/inbox").await?.len() as u64;
    Ok(Figures::of(
        (&calm, &notes),
        (&stormy, &broken),
        deliveries,
        message_ids,
        events,
    ))
}

async fn first_activation(world: &mut World) -> Result<()> {
    let urls = (world.upstream(OLD).await?, world.upstream(NEW).await?);
    let api = world.api.clone();
    api.create_application(APPLICATION, "Shop").await?;
    api.create_version(APPLICATION, OLD, &urls.0, &[]).await?;
    api.create_version(APPLICATION, NEW, &urls.1, &["orders.read"])
        .await?;
    for tenant in TENANTS {
        api.create_tenant(tenant, &format!("admin@{tenant}.example"))
            .await?;
        api.provision(tenant, APPLICATION, OLD).await?;
    }
    api.register_to_test(APPLICATION, OLD).await?;
    let answer = ask(world, &world.user_host("anna", APPLICATION), &[]).await?;
    ensure!(
        answer.0 == StatusCode::SERVICE_UNAVAILABLE,
        "nobody is let in before the first activation: {answer:?}"
    );
    api.switch_to(Confirm::Update, APPLICATION, OLD).await?;
    for tenant in TENANTS {
        served(world, tenant, OLD).await?;
    }
    Ok(())
}

/// Testers reach the new version, and nobody else does.
async fn in_test(world: &World) -> Result<()> {
    let token = world.api.register_to_test(APPLICATION, NEW).await?;
    let host = world.test_host(APPLICATION);
    let shown = [("switchover-tester-token", &*token)];
    let look = || ask(world, &host, &shown);
    until("testers to reach 2.0", look, |(status, version)| {
        *status == StatusCode::OK && version == NEW
    })
    .await?;
    let stranger = ask(world, &host, &[]).await?;
    ensure!(
        stranger.0 == StatusCode::UNAUTHORIZED,
        "no token, no test: {stranger:?}"
    );
    served(world, "anna", OLD).await
}

async fn served(world: &World, tenant: &str, version: &str) -> Result<()> {
    let host = world.user_host(tenant, APPLICATION);
    let look = || ask(world, &host, &[]);
    let what = format!("{tenant} to be served by {version}");
    until(&what, look, |(status, served)| {
        *status == StatusCode::OK && served == version
    })
    .await
    .map(drop)
}

/// The denial counts on every gateway, and the operator has learned of it.
async fn denied(world: &World) -> Result<()> {
    for door in world.doors() {
        let host = world.user_host(DENIER.1, APPLICATION);
        let url = format!("http://{}/api/whoami", door.address);
        let answer = get(&url, &[("host", &host), ("accept", "application/json")]).await?;
        ensure!(
            answer.status == StatusCode::FORBIDDEN,
            "a tenant that denied got {}",
            answer.status
        );
    }
    world
        .mailbox
        .mail("the operator's mail", |mail| {
            mail.is_to(OPERATOR_MAIL) && mail.text.contains("bert")
        })
        .await?;
    let look = || async {
        let request = ListEventsRequest {
            parent: "operator/inbox".to_owned(),
            tab: Tab::Events.into(),
            ..Default::default()
        };
        Ok(world
            .api
            .inbox
            .clone()
            .list_events(request)
            .await?
            .into_inner()
            .events)
    };
    until("the operator's event", look, |events| {
        events.iter().any(|event| event.kind == "version_denied")
    })
    .await?;
    Ok(())
}

async fn ask(world: &World, host: &str, fields: &[(&str, &str)]) -> Result<(StatusCode, String)> {
    let door = world.doors().into_iter().next().context("a gateway")?;
    let url = format!("http://{}/api/whoami", door.address);
    let fields = [&[("host", host), ("accept", "application/json")], fields].concat();
    let answer = get(&url, &fields).await?;
    Ok((
        answer.status,
        answer.header("switchover-version").to_owned(),
    ))
}

/// Waits until no mail is left to send, and returns how many were sent.
async fn deliveries_done(world: &World) -> Result<u64> {
    let look = || async {
        let deliveries = world.api.all_deliveries().await?;
        let all = deliveries.len() as u64;
        let sent = deliveries.iter().filter(|mail| mail.send_time.is_some());
        let sent = sent.count() as u64;
        Ok((sent, all - sent))
    };
    let (sent, _) = until("all mails to be sent", look, |(sent, open)| {
        *sent > 0 && *open == 0
    })
    .await?;
    Ok(sent)
}
