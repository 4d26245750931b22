//! How the services live: they stop in good order, name a request by one id all the way to its
//! mails, and lose nothing while mail cannot be delivered.

use anyhow::{Context as _, Result, ensure};
use proto::{catalog::v1::Switch, notification::v1::ListDeliveriesRequest};
use tests::{
    api::Confirm,
    shop,
    until::until,
    world::{Database, OPERATOR_MAIL, Part, World},
};
use tokio::net::TcpStream;

#[tokio::test(flavor = "multi_thread")]
async fn mail_that_cannot_be_delivered_delays_nothing_and_arrives_later_under_its_request()
-> Result<()> {
    let mut world = World::start(Database::Sqlite, 1).await?;
    match without_mail(&mut world).await {
        Ok(()) => Ok(()),
        Err(fault) => Err(world.explain(fault)),
    }
}

async fn without_mail(world: &mut World) -> Result<()> {
    let api = world.api.clone();
    shop::open(world, &["anna"]).await?;
    world.mailbox.kill().await?;

    api.register_to_test("shop", "2.0").await?;
    let switch = api.switch_to(Confirm::Update, "shop", "2.0").await?;
    world.mailbox.restart().await?;
    let asks = |mail: &tests::mailbox::Mail| {
        mail.is_to("admin@anna.example") && mail.consent_link().is_ok()
    };
    let mail = world.mailbox.mail("anna's mail", asks).await?;
    let news =
        |mail: &tests::mailbox::Mail| mail.is_to(OPERATOR_MAIL) && mail.subject.contains("2.0");
    world.mailbox.mail("the operator's mail", news).await?;
    under_one_request(world, &switch, mail.message_id()).await
}

/// The mail is found by the id of the confirm.
async fn under_one_request(world: &World, switch: &Switch, message_id: &str) -> Result<()> {
    let look = || async {
        let request = ListDeliveriesRequest {
            page_size: 500,
            ..Default::default()
        };
        Ok(world
            .api
            .deliveries
            .clone()
            .list_deliveries(request)
            .await?
            .into_inner()
            .deliveries)
    };
    let sent = |deliveries: &Vec<proto::notification::v1::Delivery>| {
        deliveries
            .iter()
            .any(|delivery| delivery.message_id == message_id && delivery.send_time.is_some())
    };
    let deliveries = until("the delivery to be written down", look, sent).await?;
    let delivery = deliveries
        .iter()
        .find(|delivery| delivery.message_id == message_id)
        .context("a delivery seen before")?;
    ensure!(
        delivery.request_id == switch.request_id,
        "{delivery:?} is not of {}",
        switch.request_id
    );
    Ok(())
}

/// A connection that says nothing and one that only listens do not hold up the stop.
#[tokio::test(flavor = "multi_thread")]
async fn every_service_stops_in_good_order_when_it_is_asked() -> Result<()> {
    let mut world = World::start(Database::Sqlite, 1).await?;
    let places = world.places()?;
    let mut silent = Vec::new();
    for place in [
        &places.catalog,
        &places.provisioning,
        &places.notification,
        &world.control(0)?,
    ] {
        let address = place.to_string().trim_start_matches("http://").to_owned();
        silent.push(TcpStream::connect(address).await?);
    }
    for part in [
        Part::Gateway(0),
        Part::Catalog,
        Part::Provisioning,
        Part::Notification,
    ] {
        let code = world.terminate(part).await?;
        ensure!(
            code == Some(0),
            "{:#}",
            world.explain(anyhow::anyhow!("{part:?} ended with {code:?}"))
        );
    }
    drop(silent);
    Ok(())
}
