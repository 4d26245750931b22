//! The whole service over gRPC, as others meet it.

use ::store::DatabaseUrl;
use contract::{Code, Problem, Role, reason};
use jiff::Timestamp;
use proto::notification::v1::{
    self as wire, delivery_service_client::DeliveryServiceClient,
    inbox_service_client::InboxServiceClient, notice_service_client::NoticeServiceClient,
};
use runtime::{Client, Clock, Credentials, Endpoint, ServiceArgs, Shell, connect_lazy};
use tonic::{Status, Streaming};

use crate::{Config, LookArgs, RetentionArgs, SmtpArgs, samples, smtp::stub::Stub, start};

mod auditing;
mod languages;
mod wishes;

struct Service {
    endpoint: Endpoint,
    shell: Shell,
    stub: Stub,
    folder: tempfile::TempDir,
}

impl Service {
    async fn start() -> Self {
        Self::start_in(tempfile::tempdir().unwrap()).await
    }

    async fn start_in(folder: tempfile::TempDir) -> Self {
        let stub = Stub::start([]).await;
        let shell = Shell::for_tests_with(Clock::simulated(samples::now(), 3));
        let config = Config {
            service: ServiceArgs {
                listen: Some("127.0.0.1:0".parse().unwrap()),
                ..ServiceArgs::default()
            },
            database: DatabaseUrl::sqlite(folder.path().join("notification.db")),
            smtp: SmtpArgs::to(format!("smtp://{}", stub.address).parse().unwrap()),
            mail_from: "Example Ops <ops@example.com>".parse().unwrap(),
            dkim_key: vec![],
            operator_mail: vec!["boss@example.com".parse().unwrap()],
            operator_name: samples::line("Example Ops"),
            look: LookArgs::default(),
            keep: RetentionArgs::default(),
            edge_url: "https://edge.example.com".parse().unwrap(),
            seal_key: None,
            sends_in_flight: 4,
            sends_to_domain: 4,
        };
        let address = start(config, shell.clone()).await.unwrap();
        Self {
            endpoint: address.into(),
            shell,
            stub,
            folder,
        }
    }

    fn client(&self, role: Role, subject: &str) -> Client {
        connect_lazy(
            &self.endpoint,
            &Credentials::claimed(role, subject).unwrap(),
        )
        .unwrap()
    }

    fn inboxes(&self, tenant: &str) -> InboxServiceClient<Client> {
        InboxServiceClient::new(self.client(Role::TenantAdmin, &format!("tenants/{tenant}")))
    }

    fn operator(&self) -> InboxServiceClient<Client> {
        InboxServiceClient::new(self.client(Role::OperatorAdmin, "people/anna"))
    }

    fn deliveries(&self) -> DeliveryServiceClient<Client> {
        DeliveryServiceClient::new(self.client(Role::OperatorAdmin, "people/anna"))
    }

    async fn publish(&self, notices: Vec<wire::Notice>) -> i64 {
        let mut client = NoticeServiceClient::new(self.client(Role::Service, "provisioning"));
        client
            .publish_notices(wire::PublishNoticesRequest { notices })
            .await
            .unwrap()
            .into_inner()
            .created
    }

    async fn stop(self) -> tempfile::TempDir {
        self.shell.finish_test().await;
        self.folder
    }
}

fn time(time: Timestamp) -> Option<prost_types::Timestamp> {
    Some(prost_types::Timestamp {
        seconds: time.as_second(),
        nanos: time.subsec_nanosecond(),
    })
}

fn removed(cause: &str, tenant: &str) -> wire::Notice {
    let subject = wire::Subject {
        application: "applications/crm".to_owned(),
        application_display_name: "CRM".to_owned(),
        tenant: format!("tenants/{tenant}"),
        tenant_display_name: String::new(),
    };
    let address = wire::MailAddress {
        email: format!("anna@{tenant}.example"),
        display_name: String::new(),
    };
    wire::Notice {
        cause: cause.to_owned(),
        request_id: "request-1".to_owned(),
        time: time(samples::now()),
        recipient: Some(wire::notice::Recipient::Tenant(wire::TenantRecipient {
            tenant: format!("tenants/{tenant}"),
            addresses: vec![address],
        })),
        body: Some(wire::notice::Body::AccessRemoved(wire::AccessRemoved {
            subject: Some(subject),
            message: String::new(),
        })),
    }
}

fn problem(status: Status) -> Problem {
    Problem::from(status)
}

async fn list(
    client: &mut InboxServiceClient<Client>,
    parent: &str,
) -> Result<Vec<wire::Event>, Status> {
    let request = wire::ListEventsRequest {
        parent: parent.to_owned(),
        ..wire::ListEventsRequest::default()
    };
    Ok(client.list_events(request).await?.into_inner().events)
}

#[tokio::test]
async fn a_notice_is_shown_and_mailed_with_the_request_it_came_from() {
    let service = Service::start().await;
    assert_eq!(
        service
            .publish(vec![removed("1", "acme"), removed("1", "beta")])
            .await,
        2
    );
    assert_eq!(
        service
            .publish(vec![removed("1", "acme"), removed("2", "acme")])
            .await,
        1
    );
    let events = list(&mut service.inboxes("acme"), "tenants/acme/inbox")
        .await
        .unwrap();
    assert_eq!(events.len(), 2);
    assert_eq!(
        (events[0].kind.as_str(), events[0].request_id.as_str()),
        ("access_removed", "request-1")
    );
    assert_eq!(events[0].subject.as_ref().unwrap().tenant, "tenants/acme");

    let mut client = service.deliveries();
    let sent = loop {
        let request = wire::ListDeliveriesRequest {
            state: wire::DeliveryState::Sent.into(),
            ..Default::default()
        };
        let sent = client
            .list_deliveries(request)
            .await
            .unwrap()
            .into_inner()
            .deliveries;
        if sent.len() == 3 {
            break sent;
        }
    };
    assert_eq!(service.stub.copies().len(), 3);
    let name = sent[0].name.clone();
    let one = client
        .get_delivery(wire::GetDeliveryRequest { name: name.clone() })
        .await
        .unwrap()
        .into_inner()
        .delivery
        .unwrap();
    assert_eq!(
        (one.tries.len(), one.try_count, one.request_id.as_str()),
        (1, 1, "request-1")
    );
    assert!(one.send_time.is_some() && one.next_try_time.is_none());
    let refused = client
        .retry_delivery(wire::RetryDeliveryRequest { name })
        .await
        .unwrap_err();
    assert!(problem(refused).is(&reason::DELIVERY_SENT));
    let unknown = "deliveries/01a209fe-7200-7000-8707-070707070707".to_owned();
    let missing = client
        .get_delivery(wire::GetDeliveryRequest { name: unknown })
        .await
        .unwrap_err();
    assert_eq!(problem(missing).code(), Code::NotFound);
    service.stop().await;
}

#[tokio::test]
async fn a_tenant_has_its_own_inbox_and_no_other_is_there() {
    let service = Service::start().await;
    service
        .publish(vec![removed("1", "acme"), removed("1", "beta")])
        .await;
    let theirs = list(&mut service.operator(), "tenants/beta/inbox")
        .await
        .unwrap()
        .remove(0)
        .name;
    let mut acme = service.inboxes("acme");
    for other in ["tenants/beta/inbox", "operator/inbox"] {
        let refused = [
            list(&mut acme, other).await.unwrap_err(),
            acme.get_inbox(wire::GetInboxRequest {
                name: other.to_owned(),
            })
            .await
            .unwrap_err(),
            acme.watch_inbox(wire::WatchInboxRequest {
                name: other.to_owned(),
                after: String::new(),
                ..wire::WatchInboxRequest::default()
            })
            .await
            .unwrap_err(),
            acme.mark_events(wire::MarkEventsRequest {
                parent: other.to_owned(),
                names: vec![],
                read: true,
                ..wire::MarkEventsRequest::default()
            })
            .await
            .unwrap_err(),
            acme.archive_events(wire::ArchiveEventsRequest {
                parent: other.to_owned(),
                names: vec![],
                archived: true,
                ..wire::ArchiveEventsRequest::default()
            })
            .await
            .unwrap_err(),
        ];
        for status in refused {
            assert_eq!(problem(status), Problem::not_found(other));
        }
    }
    let request = wire::MarkEventsRequest {
        parent: "tenants/acme/inbox".to_owned(),
        names: vec![theirs],
        read: true,
        ..wire::MarkEventsRequest::default()
    };
    assert!(
        acme.mark_events(request)
            .await
            .unwrap()
            .into_inner()
            .events
            .is_empty()
    );
    assert!(
        !list(&mut service.operator(), "tenants/beta/inbox")
            .await
            .unwrap()[0]
            .read
    );
    let mut deliveries =
        DeliveryServiceClient::new(service.client(Role::TenantAdmin, "tenants/acme"));
    let refused = deliveries
        .list_deliveries(wire::ListDeliveriesRequest::default())
        .await
        .unwrap_err();
    assert_eq!(problem(refused).code(), Code::PermissionDenied);
    service.stop().await;
}

#[tokio::test]
async fn a_page_token_fits_its_own_list_alone() {
    let service = Service::start().await;
    service
        .publish((0..5).map(|n| removed(&n.to_string(), "acme")).collect())
        .await;
    let mut acme = service.inboxes("acme");
    let first = wire::ListEventsRequest {
        parent: "tenants/acme/inbox".to_owned(),
        page_size: 2,
        ..Default::default()
    };
    let page = acme.list_events(first.clone()).await.unwrap().into_inner();
    assert_eq!(page.events.len(), 2);
    let second = wire::ListEventsRequest {
        page_token: page.next_page_token.clone(),
        ..first.clone()
    };
    let rest = acme.list_events(second.clone()).await.unwrap().into_inner();
    assert!(rest.events.iter().all(|event| !page.events.contains(event)));
    for changed in [
        wire::ListEventsRequest {
            unread_only: true,
            ..second.clone()
        },
        wire::ListEventsRequest {
            tab: wire::Tab::Events.into(),
            ..second
        },
        wire::ListEventsRequest {
            page_token: "garbage".to_owned(),
            ..first.clone()
        },
        wire::ListEventsRequest {
            tab: 99,
            ..first.clone()
        },
        wire::ListEventsRequest {
            page_size: -1,
            ..first
        },
    ] {
        assert!(problem(acme.list_events(changed).await.unwrap_err()).is(&reason::INVALID_FIELDS));
    }
    service.stop().await;
}

async fn watch(
    client: &mut InboxServiceClient<Client>,
    after: &str,
) -> Streaming<wire::WatchInboxResponse> {
    let request = wire::WatchInboxRequest {
        name: "tenants/acme/inbox".to_owned(),
        after: after.to_owned(),
        ..wire::WatchInboxRequest::default()
    };
    client.watch_inbox(request).await.unwrap().into_inner()
}

#[tokio::test]
async fn a_watcher_that_comes_back_misses_nothing_and_sees_nothing_twice() {
    let service = Service::start().await;
    service.publish(vec![removed("before", "acme")]).await;
    let mut acme = service.inboxes("acme");
    let mut stream = watch(&mut acme, "").await;
    let first = stream.message().await.unwrap().unwrap();
    assert!(first.events.is_empty(), "changes from now on");
    let unread = |message: &wire::WatchInboxResponse| {
        message
            .inbox
            .as_ref()
            .unwrap()
            .unread
            .iter()
            .map(|tab| tab.unread)
            .sum::<i64>()
    };
    assert_eq!(unread(&first), 1);

    service
        .publish(vec![removed("1", "acme"), removed("1", "beta")])
        .await;
    let second = stream.message().await.unwrap().unwrap();
    assert_eq!((second.events.len(), unread(&second)), (1, 2));
    drop(stream);

    service
        .publish((2..303).map(|n| removed(&n.to_string(), "acme")).collect())
        .await;
    let names = vec![second.events[0].name.clone()];
    let mark = wire::MarkEventsRequest {
        parent: "tenants/acme/inbox".to_owned(),
        names,
        read: true,
        ..wire::MarkEventsRequest::default()
    };
    acme.mark_events(mark).await.unwrap();
    let mut stream = watch(&mut acme, &second.position).await;
    let mut seen = Vec::new();
    while seen.len() < 302 {
        seen.extend(stream.message().await.unwrap().unwrap().events);
    }
    assert_eq!(seen.len(), 302);
    let marked = seen.pop().unwrap();
    assert!(
        marked.read && marked.name == second.events[0].name,
        "a change comes as well"
    );
    let names: std::collections::BTreeSet<_> =
        seen.iter().map(|event| event.name.clone()).collect();
    assert_eq!(names.len(), 301);

    let foreign = wire::WatchInboxRequest {
        name: "tenants/acme/inbox".to_owned(),
        after: "r99999".to_owned(),
        ..wire::WatchInboxRequest::default()
    };
    let refused = acme
        .watch_inbox(foreign)
        .await
        .unwrap()
        .into_inner()
        .message()
        .await
        .unwrap_err();
    assert_eq!(problem(refused).fields()[0].field, "after");

    let mut stream = watch(&mut acme, "").await;
    stream.message().await.unwrap();
    service.shell.stop();
    let ended = stream.message().await.unwrap_err();
    assert_eq!(
        problem(ended).code(),
        Code::Unavailable,
        "to come back to whoever serves then"
    );
    service.stop().await;
}

#[tokio::test]
async fn archived_events_move_to_their_tab_and_back() {
    let service = Service::start().await;
    service.publish(vec![removed("1", "acme")]).await;
    let mut acme = service.inboxes("acme");
    let name = list(&mut acme, "tenants/acme/inbox")
        .await
        .unwrap()
        .remove(0)
        .name;
    for archived in [true, false] {
        let request = wire::ArchiveEventsRequest {
            parent: "tenants/acme/inbox".to_owned(),
            names: vec![name.clone()],
            archived,
            ..wire::ArchiveEventsRequest::default()
        };
        let events = acme
            .archive_events(request)
            .await
            .unwrap()
            .into_inner()
            .events;
        assert_eq!(events[0].archived, archived);
        assert_eq!(
            list(&mut acme, "tenants/acme/inbox").await.unwrap().len(),
            usize::from(!archived)
        );
        let request = wire::ListEventsRequest {
            parent: "tenants/acme/inbox".to_owned(),
            tab: wire::Tab::Archived.into(),
            ..Default::default()
        };
        let archive = acme.list_events(request).await.unwrap().into_inner().events;
        assert_eq!(archive.len(), usize::from(archived));
    }
    let malformed = wire::ArchiveEventsRequest {
        parent: "tenants/acme/inbox".to_owned(),
        names: vec!["x".to_owned()],
        archived: true,
        ..wire::ArchiveEventsRequest::default()
    };
    let refused = problem(acme.archive_events(malformed).await.unwrap_err());
    assert_eq!(refused.fields()[0].field, "names[0]");
    service.stop().await;
}

#[tokio::test]
async fn what_was_told_is_still_there_after_a_restart() {
    let service = Service::start().await;
    service.publish(vec![removed("1", "acme")]).await;
    let position = watch(&mut service.inboxes("acme"), "")
        .await
        .message()
        .await
        .unwrap()
        .unwrap()
        .position;
    let folder = service.stop().await;

    let service = Service::start_in(folder).await;
    assert_eq!(
        service
            .publish(vec![removed("1", "acme"), removed("2", "acme")])
            .await,
        1
    );
    let mut stream = watch(&mut service.inboxes("acme"), &position).await;
    assert_eq!(stream.message().await.unwrap().unwrap().events.len(), 1);
    drop(stream);
    service.stop().await;
}

#[tokio::test]
async fn a_configuration_that_cannot_work_is_refused_before_anything_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("notification.db");
    let config = Config {
        service: ServiceArgs {
            listen: Some("127.0.0.1:0".parse().unwrap()),
            ..ServiceArgs::default()
        },
        database: DatabaseUrl::sqlite(&database),
        smtp: SmtpArgs::to("smtp://mail.example.com".parse().unwrap()),
        mail_from: "ops@example.com".parse().unwrap(),
        dkim_key: vec![],
        operator_mail: vec![],
        operator_name: samples::line("Example Ops"),
        look: LookArgs::default(),
        keep: RetentionArgs::default(),
        edge_url: "https://edge.example.com".parse().unwrap(),
        seal_key: None,
        sends_in_flight: 4,
        sends_to_domain: 4,
    };
    let refused = start(config, Shell::for_tests()).await.unwrap_err();
    assert_eq!(refused.exit_code(), runtime::exit::USAGE);
    assert!(!database.exists());
}
