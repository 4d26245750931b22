//! Whoever changes something leaves one entry in the audit log, and nobody else does.

use audit::{Service as Of, testing::Auditor};
use proto::notification::v1::subscription_service_client::SubscriptionServiceClient;

use super::{
    wishes::{ACME, all_sent, of_acme, setting, token_of},
    *,
};
use crate::smtp::stub::{Act, At};

async fn auditor(service: &Service) -> Auditor {
    let viewer = service.client(Role::OperatorViewer, "people/vera");
    Auditor::begin(viewer, Of::Notification).await
}

async fn inbox(service: &Service, log: &mut Auditor) {
    let mut acme = service.inboxes("acme");
    let names: Vec<String> = list(&mut acme, ACME)
        .await
        .unwrap()
        .into_iter()
        .map(|event| event.name)
        .collect();
    let mark = wire::MarkEventsRequest {
        parent: ACME.to_owned(),
        names: names.clone(),
        read: true,
        ..wire::MarkEventsRequest::default()
    };
    acme.mark_events(mark.clone()).await.unwrap();
    let marked = log.one("MarkEvents").await;
    assert_eq!(
        (marked.actor.as_str(), marked.role, marked.resource.as_str()),
        ("tenants/acme", Some(Role::TenantAdmin), ACME)
    );
    assert!(marked.asked.contains(&names[0]));
    acme.mark_events(mark).await.unwrap();
    log.none("what changes nothing").await;
    let archive = wire::ArchiveEventsRequest {
        parent: ACME.to_owned(),
        names,
        archived: true,
        ..wire::ArchiveEventsRequest::default()
    };
    acme.archive_events(archive).await.unwrap();
    log.one("ArchiveEvents").await;
}

async fn wishes(service: &Service, log: &mut Auditor, token: &str) {
    let off = setting(ACME, wire::Category::Access, wire::Channel::Inbox, false);
    of_acme(service)
        .set_subscription(off.clone())
        .await
        .unwrap();
    let set = log.one("SetSubscription").await;
    assert_eq!(set.actor, "tenants/acme");
    assert!(set.before.contains("\"inbox\":true") && !set.after.contains("\"inbox\":true"));
    of_acme(service).set_subscription(off).await.unwrap();
    log.none("what changes nothing").await;

    let mut anyone = SubscriptionServiceClient::new(
        connect_lazy(&service.endpoint, &Credentials::Anonymous).unwrap(),
    );
    let request = wire::UnsubscribeRequest {
        token: token.to_owned(),
    };
    anyone.unsubscribe(request.clone()).await.unwrap();
    let unsubscribed = log.one("Unsubscribe").await;
    assert_eq!(
        (unsubscribed.actor.as_str(), unsubscribed.role),
        ("tenants/acme", None)
    );
    assert!(!unsubscribed.line().contains(token));
    anyone.unsubscribe(request).await.unwrap();
    log.none("the same link again").await;
}

async fn mails(service: &Service, log: &mut Auditor, sent: &wire::Delivery) {
    let mut client = service.deliveries();
    let bounce = wire::ReportBounceRequest {
        message_id: sent.message_id.clone(),
        diagnostic: "550 no such user".to_owned(),
    };
    client.report_bounce(bounce.clone()).await.unwrap();
    let reported = log.one("ReportBounce").await;
    assert_eq!(reported.resource, sent.name);
    assert!(reported.before.contains("SENT") && reported.after.contains("BOUNCED"));
    client.report_bounce(bounce).await.unwrap();
    log.none("what changes nothing").await;

    service
        .stub
        .with("anna@gama.example", Act::Say(At::Recipient, "450 later"));
    service.publish(vec![removed("3", "gama")]).await;
    let waiting = loop {
        let request = wire::ListDeliveriesRequest {
            state: wire::DeliveryState::Queued.into(),
            ..Default::default()
        };
        let queued = client.list_deliveries(request).await.unwrap().into_inner();
        let of_gama = |one: &wire::Delivery| one.recipient.contains("gama") && one.try_count == 1;
        if let Some(found) = queued.deliveries.into_iter().find(of_gama) {
            break found.name;
        }
    };
    let request = wire::RetryDeliveryRequest { name: waiting };
    client.retry_delivery(request).await.unwrap();
    log.one("RetryDelivery").await;
}

#[tokio::test]
async fn every_change_leaves_one_entry_and_nothing_else_leaves_any() {
    let service = Service::start().await;
    let mut log = auditor(&service).await;
    service
        .publish(vec![removed("1", "acme"), removed("2", "acme")])
        .await;
    let sent = all_sent(&service, 2).await;
    log.none("what services tell").await;
    let token = token_of(&service, &sent[0]).unwrap();
    inbox(&service, &mut log).await;
    wishes(&service, &mut log, &token).await;
    mails(&service, &mut log, &sent[0]).await;
    log.has_seen_every_method();
    service.stop().await;
}
