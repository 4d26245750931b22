//! What somebody wants to be told of, and mails that come back.

use proto::notification::v1::subscription_service_client::SubscriptionServiceClient;

use super::*;

pub(super) const ACME: &str = "tenants/acme/inbox";

fn subscriptions(service: &Service, role: Role, who: &str) -> SubscriptionServiceClient<Client> {
    SubscriptionServiceClient::new(service.client(role, who))
}

pub(super) fn of_acme(service: &Service) -> SubscriptionServiceClient<Client> {
    subscriptions(service, Role::TenantAdmin, "tenants/acme")
}

pub(super) fn setting(
    parent: &str,
    category: wire::Category,
    channel: wire::Channel,
    on: bool,
) -> wire::SetSubscriptionRequest {
    wire::SetSubscriptionRequest {
        parent: parent.to_owned(),
        category: category.into(),
        channel: channel.into(),
        on,
        address: String::new(),
    }
}

fn switched(cause: &str) -> wire::Notice {
    let subject = wire::Subject {
        application: "applications/crm".to_owned(),
        ..wire::Subject::default()
    };
    wire::Notice {
        cause: cause.to_owned(),
        request_id: String::new(),
        time: time(samples::now()),
        recipient: Some(wire::notice::Recipient::Operator(
            wire::OperatorRecipient {},
        )),
        body: Some(wire::notice::Body::SwitchSucceeded(wire::SwitchSucceeded {
            subject: Some(subject),
            switch: "applications/crm/switches/0193a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b".to_owned(),
            source_version: "1".to_owned(),
            target_version: "2".to_owned(),
            denied_tenants: 0,
        })),
    }
}

pub(super) async fn all_sent(service: &Service, mails: usize) -> Vec<wire::Delivery> {
    let mut client = service.deliveries();
    loop {
        let request = wire::ListDeliveriesRequest::default();
        let all = client
            .list_deliveries(request)
            .await
            .unwrap()
            .into_inner()
            .deliveries;
        let sent = |one: &&wire::Delivery| one.state() == wire::DeliveryState::Sent;
        if all.iter().filter(sent).count() == mails {
            assert_eq!(all.len(), mails, "{all:?}");
            return all;
        }
    }
}

/// The token of the link in the only mail of this Message-ID.
pub(super) fn token_of(service: &Service, delivery: &wire::Delivery) -> Option<String> {
    let log = service.stub.log();
    let mail = log
        .taken
        .iter()
        .find(|mail| mail.message_id() == delivery.message_id)?;
    let text = String::from_utf8(mail.bytes.clone())
        .unwrap()
        .replace("\r\n ", " ");
    let field = text
        .lines()
        .find_map(|line| line.strip_prefix("List-Unsubscribe: <"))?;
    assert!(text.contains("\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"));
    let link = field.strip_suffix('>').unwrap();
    Some(
        link.strip_prefix("https://edge.example.com/unsubscribe/")
            .and_then(|link| link.strip_suffix("?lang=en"))
            .unwrap()
            .to_owned(),
    )
}

#[tokio::test]
async fn the_link_of_a_mail_takes_its_reader_off_such_mails_and_nobody_else() {
    let service = Service::start().await;
    service
        .publish(vec![removed("1", "acme"), removed("1", "beta")])
        .await;
    let sent = all_sent(&service, 2).await;
    let of_anna = sent
        .iter()
        .find(|one| one.recipient == "anna@acme.example")
        .unwrap();
    let token = token_of(&service, of_anna).unwrap();
    let mut anyone = SubscriptionServiceClient::new(
        connect_lazy(&service.endpoint, &Credentials::Anonymous).unwrap(),
    );
    let get = wire::GetUnsubscriptionRequest {
        token: token.clone(),
    };
    for _ in 0..2 {
        let shown = anyone
            .get_unsubscription(get.clone())
            .await
            .unwrap()
            .into_inner();
        let shown = shown.unsubscription.unwrap();
        assert!(!shown.unsubscribed);
        assert_eq!(
            (shown.inbox.as_str(), shown.category()),
            (ACME, wire::Category::Access)
        );
    }
    for _ in 0..2 {
        let wish = wire::UnsubscribeRequest {
            token: token.clone(),
        };
        let done = anyone.unsubscribe(wish).await.unwrap().into_inner();
        assert!(done.unsubscription.unwrap().unsubscribed);
    }
    service
        .publish(vec![removed("2", "acme"), removed("2", "beta")])
        .await;
    let sent = all_sent(&service, 3).await;
    let to_anna = |one: &&wire::Delivery| one.recipient == "anna@acme.example";
    assert_eq!(sent.iter().filter(to_anna).count(), 1);
    let events = list(&mut service.inboxes("acme"), ACME).await.unwrap();
    assert_eq!(events.len(), 2, "the inbox shows everything");

    let request = wire::ListSubscriptionsRequest {
        parent: ACME.to_owned(),
    };
    let all = of_acme(&service)
        .list_subscriptions(request)
        .await
        .unwrap()
        .into_inner();
    let access = all
        .subscriptions
        .iter()
        .find(|one| one.category() == wire::Category::Access);
    assert_eq!(access.unwrap().unsubscribed, ["anna@acme.example"]);
    let again = wire::SetSubscriptionRequest {
        address: "Anna@acme.example".to_owned(),
        ..setting(ACME, wire::Category::Access, wire::Channel::Mail, true)
    };
    let set = of_acme(&service)
        .set_subscription(again)
        .await
        .unwrap()
        .into_inner();
    assert!(set.subscription.unwrap().unsubscribed.is_empty());
    service.publish(vec![removed("3", "acme")]).await;
    all_sent(&service, 4).await;

    let forged = wire::UnsubscribeRequest {
        token: token.to_uppercase(),
    };
    let refused = problem(anyone.unsubscribe(forged).await.unwrap_err());
    assert!(refused.is(&reason::TOKEN_INVALID), "{refused:?}");
    service.stop().await;
}

#[tokio::test]
async fn a_mail_with_a_link_to_deny_has_no_way_to_unsubscribe_and_cannot_be_turned_off() {
    let service = Service::start().await;
    let subject = wire::Subject {
        application: "applications/crm".to_owned(),
        tenant: "tenants/acme".to_owned(),
        ..wire::Subject::default()
    };
    let offer = wire::Notice {
        body: Some(wire::notice::Body::DenyOffered(wire::DenyOffered {
            subject: Some(subject),
            source_version: "1".to_owned(),
            target_version: "2".to_owned(),
            token: samples::TOKEN.to_owned(),
            expire_time: time(samples::now()),
        })),
        ..removed("1", "acme")
    };
    for channel in [wire::Channel::Inbox, wire::Channel::Mail] {
        let off = setting(ACME, wire::Category::Consent, channel, false);
        let refused = problem(of_acme(&service).set_subscription(off).await.unwrap_err());
        assert!(refused.is(&reason::SUBSCRIPTION_REQUIRED), "{refused:?}");
    }
    service.publish(vec![offer]).await;
    let sent = all_sent(&service, 1).await;
    assert_eq!(token_of(&service, &sent[0]), None);
    let bytes = service.stub.log().taken[0].bytes.clone();
    let text = String::from_utf8_lossy(&bytes);
    assert!(
        !text.contains("List-") && !text.contains("unsubscribe"),
        "{text}"
    );
    service.stop().await;
}

#[tokio::test]
async fn what_is_off_in_the_inbox_is_put_away_and_what_is_off_by_mail_is_not_sent() {
    let service = Service::start().await;
    let mut olga = subscriptions(&service, Role::OperatorAdmin, "people/olga");
    let request = wire::ListSubscriptionsRequest {
        parent: "operator/inbox".to_owned(),
    };
    let usual = olga.list_subscriptions(request).await.unwrap().into_inner();
    let denials = usual
        .subscriptions
        .iter()
        .find(|s| s.category() == wire::Category::Denials);
    let denials = denials.unwrap();
    assert!(
        denials.inbox && denials.mail && !denials.required,
        "{denials:?}"
    );
    for channel in [wire::Channel::Inbox, wire::Channel::Mail] {
        let off = setting("operator/inbox", wire::Category::Switches, channel, false);
        olga.set_subscription(off).await.unwrap();
    }
    assert_eq!(service.publish(vec![switched("1"), switched("1")]).await, 1);
    assert!(
        list(&mut service.operator(), "operator/inbox")
            .await
            .unwrap()
            .is_empty()
    );
    let archived = wire::ListEventsRequest {
        parent: "operator/inbox".to_owned(),
        tab: wire::Tab::Archived.into(),
        ..wire::ListEventsRequest::default()
    };
    let archived = service
        .operator()
        .list_events(archived)
        .await
        .unwrap()
        .into_inner()
        .events;
    assert!(archived.len() == 1 && archived[0].read, "{archived:?}");

    let on = setting(
        "operator/inbox",
        wire::Category::Switches,
        wire::Channel::Mail,
        true,
    );
    olga.set_subscription(on).await.unwrap();
    assert_eq!(service.publish(vec![switched("1"), switched("2")]).await, 1);
    let sent = all_sent(&service, 1).await;
    assert_eq!(sent[0].recipient, "boss@example.com");
    service.stop().await;
}

#[tokio::test]
async fn nobody_sets_what_is_not_theirs_or_not_there() {
    let service = Service::start().await;
    let mail = wire::Channel::Mail;
    let foreign = setting("tenants/beta/inbox", wire::Category::Access, mail, false);
    let refused = problem(
        of_acme(&service)
            .set_subscription(foreign)
            .await
            .unwrap_err(),
    );
    assert_eq!(refused.code(), Code::NotFound);
    for (wrong, field) in [
        (
            setting(ACME, wire::Category::Switches, mail, false),
            "category",
        ),
        (
            setting(ACME, wire::Category::Unspecified, mail, false),
            "category",
        ),
        (
            setting(
                ACME,
                wire::Category::Access,
                wire::Channel::Unspecified,
                false,
            ),
            "channel",
        ),
        (
            wire::SetSubscriptionRequest {
                address: "a@b.example".to_owned(),
                ..setting(ACME, wire::Category::Access, wire::Channel::Inbox, false)
            },
            "address",
        ),
        (
            wire::SetSubscriptionRequest {
                address: format!("{}@b.example", "a".repeat(300)),
                ..setting(ACME, wire::Category::Access, mail, false)
            },
            "address",
        ),
    ] {
        let refused = problem(of_acme(&service).set_subscription(wrong).await.unwrap_err());
        let fields: Vec<_> = refused.fields().iter().map(|f| f.field.as_str()).collect();
        assert_eq!(fields, [field], "{refused:?}");
    }
    let mut olga = subscriptions(&service, Role::OperatorAdmin, "people/olga");
    let mailless = setting("operator/inbox", wire::Category::Mails, mail, false);
    let refused = problem(olga.set_subscription(mailless).await.unwrap_err());
    assert_eq!(refused.fields()[0].field, "channel");
    service.stop().await;
}

#[tokio::test]
async fn a_mail_that_came_back_shows_the_servers_words_and_is_told_once() {
    let service = Service::start().await;
    service.publish(vec![removed("1", "acme")]).await;
    let sent = all_sent(&service, 1).await;
    let mut client = service.deliveries();
    let report = |id: &str, said: &str| wire::ReportBounceRequest {
        message_id: id.to_owned(),
        diagnostic: said.to_owned(),
    };
    let bare = sent[0].message_id.trim_matches(['<', '>']);
    for id in [bare, &sent[0].message_id] {
        let bounced = client
            .report_bounce(report(id, "550 5.1.1\nno such user"))
            .await
            .unwrap();
        let bounced = bounced.into_inner().delivery.unwrap();
        assert_eq!(bounced.state(), wire::DeliveryState::Bounced);
        assert_eq!(bounced.reason, "550 5.1.1 no such user");
        assert!(bounced.bounce_time.is_some() && bounced.send_time.is_some());
    }
    let events = list(&mut service.operator(), "operator/inbox")
        .await
        .unwrap();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].kind, "mail_bounced");
    assert!(!format!("{events:?}").contains("anna@"), "{events:?}");
    for (wrong, field) in [
        (report("", "x"), "message_id"),
        (report(&"x".repeat(301), "x"), "message_id"),
        (report(bare, " "), "diagnostic"),
        (report(bare, &"x".repeat(4001)), "diagnostic"),
    ] {
        let refused = problem(client.report_bounce(wrong).await.unwrap_err());
        assert_eq!(refused.fields()[0].field, field, "{refused:?}");
    }
    let unknown = problem(client.report_bounce(report("x@y", "z")).await.unwrap_err());
    assert_eq!(unknown.code(), Code::NotFound);
    service.stop().await;
}
