//! Each reader of an inbox reads it in the language that they ask for; mails stay as they were sent.

use super::*;

const ACME: &str = "tenants/acme/inbox";
const ENGLISH: (&str, &str) = (
    "“CRM” was taken away",
    "Your users can no longer use “CRM”.",
);
const GERMAN: (&str, &str) = (
    "„CRM“ wurde entzogen",
    "Ihre Benutzer können „CRM“ nicht mehr benutzen.",
);

fn said(events: &[wire::Event]) -> Vec<(&str, &str)> {
    events
        .iter()
        .map(|event| (event.title.as_str(), event.text.as_str()))
        .collect()
}

async fn list_in(client: &mut InboxServiceClient<Client>, language: &str) -> Vec<wire::Event> {
    let request = wire::ListEventsRequest {
        parent: ACME.to_owned(),
        language: language.to_owned(),
        ..wire::ListEventsRequest::default()
    };
    client
        .list_events(request)
        .await
        .unwrap()
        .into_inner()
        .events
}

#[tokio::test]
async fn two_people_read_one_inbox_each_in_their_language() {
    let service = Service::start().await;
    service.publish(vec![removed("1", "acme")]).await;
    let mut acme = service.inboxes("acme");
    for (language, expected) in [
        ("", ENGLISH),
        ("en", ENGLISH),
        ("de", GERMAN),
        ("fr", ENGLISH),
        ("DE-AT", ENGLISH),
    ] {
        let events = list_in(&mut acme, language).await;
        assert_eq!(said(&events), [expected], "{language:?}");
    }

    let names: Vec<_> = list_in(&mut acme, "de")
        .await
        .into_iter()
        .map(|event| event.name)
        .collect();
    let watch = wire::WatchInboxRequest {
        name: ACME.to_owned(),
        after: "r0".to_owned(),
        language: "de".to_owned(),
    };
    let mut stream = acme.watch_inbox(watch).await.unwrap().into_inner();
    let told = stream.message().await.unwrap().unwrap();
    assert_eq!(said(&told.events), [GERMAN]);
    let mark = wire::MarkEventsRequest {
        parent: ACME.to_owned(),
        names: names.clone(),
        read: true,
        language: "de".to_owned(),
    };
    let marked = acme.mark_events(mark).await.unwrap().into_inner();
    assert_eq!(said(&marked.events), [GERMAN]);
    let archive = wire::ArchiveEventsRequest {
        parent: ACME.to_owned(),
        names,
        archived: true,
        language: "de".to_owned(),
    };
    let archived = acme.archive_events(archive).await.unwrap().into_inner();
    assert_eq!(said(&archived.events), [GERMAN]);
    let told = stream.message().await.unwrap().unwrap();
    assert_eq!(said(&told.events), [GERMAN]);
    drop(stream);

    let request = wire::ListDeliveriesRequest::default();
    let deliveries = service.deliveries().list_deliveries(request).await.unwrap();
    let deliveries = deliveries.into_inner().deliveries;
    assert!(
        deliveries.iter().all(|mail| mail.subject.contains("“CRM”")),
        "mails are in the language of the installation: {deliveries:?}"
    );
    service.stop().await;
}
