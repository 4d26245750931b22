use contract::Language;

use super::*;
use crate::{
    delivery::State,
    look::Look,
    notice::Body,
    samples::{self, CONTACT, contact, deny_offered, line, to_tenant},
    store::{
        MIGRATIONS,
        events::{Filter, Shown},
    },
};

pub(crate) fn publisher(db: &Db, clock: &Clock, seal: &Arc<Seal>) -> Publisher {
    Publisher {
        db: db.clone(),
        clock: clock.clone(),
        seal: Arc::clone(seal),
        renderer: Arc::new(Renderer::new(
            line("Example Ops"),
            "https://edge.example.com".parse().unwrap(),
            Look::default(),
        )),
        from: "Example Ops <ops@example.com>".parse().unwrap(),
        signer: Arc::new(Signer::new("example.com", vec![])),
        operator: vec![
            "boss@example.com".parse().unwrap(),
            "Boss@EXAMPLE.com".parse().unwrap(),
        ],
    }
}

fn setup(db: &Db) -> (Publisher, Clock) {
    let clock = Clock::simulated(samples::now(), 1);
    (publisher(db, &clock, &Arc::new(Seal::for_tests())), clock)
}

async fn mails(db: &Db) -> Vec<deliveries::Stored> {
    store::read!(db, |tx| deliveries::list(tx, None, None, 5000).await).unwrap()
}

async fn told(db: &Db, inbox: &str) -> Vec<events::Stored> {
    let filter = Filter {
        shown: Shown::All,
        unread_only: false,
    };
    store::read!(db, |tx| events::list(
        tx,
        &inbox.parse().unwrap(),
        filter,
        None,
        5000
    )
    .await)
    .unwrap()
}

store::on_both!(
    MIGRATIONS,
    async fn a_notice_makes_one_event_and_one_mail_to_each_address_however_often_it_comes(db: Db) {
        let (publisher, _) = setup(&db);
        let recipient = Recipient::Tenant {
            tenant: "acme".parse().unwrap(),
            addresses: vec![
                contact("Anna@acme.example", None),
                contact("anna@Acme.example", None),
                contact("bob@acme.example", None),
            ],
        };
        let notice = deny_offered("cause", "CRM", recipient);
        assert_eq!(
            publisher
                .publish(std::slice::from_ref(&notice))
                .await
                .unwrap(),
            1
        );
        for _ in 0..3 {
            let again = [notice.clone(), notice.clone()];
            assert_eq!(publisher.publish(&again).await.unwrap(), 0);
        }
        assert_eq!(
            (
                told(&db, "tenants/acme/inbox").await.len(),
                mails(&db).await.len()
            ),
            (1, 2)
        );
        for mail in mails(&db).await {
            assert_eq!(mail.message_id, format!("<{}@example.com>", mail.id));
            assert_eq!(
                (mail.kind.as_str(), mail.request_id.as_str()),
                ("deny_offered", "request-1")
            );
        }
    }
);

store::on_both!(
    MIGRATIONS,
    async fn every_kind_is_kept_where_the_table_says(db: Db) {
        let (publisher, _) = setup(&db);
        for notice in samples::notices() {
            let before = mails(&db).await.len();
            assert_eq!(
                publisher
                    .publish(std::slice::from_ref(&notice))
                    .await
                    .unwrap(),
                1
            );
            let sent = mails(&db).await.len() - before;
            assert_eq!(
                sent,
                usize::from(notice.placing().mail.is_some()),
                "{:?}",
                notice.body.kind()
            );
            let shown = told(&db, &notice.inbox().to_string()).await;
            let event = shown
                .iter()
                .find(|event| event.kind == notice.body.kind().as_str())
                .unwrap();
            assert_eq!(event.tab, notice.placing().tab);
        }
    }
);

store::on_both!(
    MIGRATIONS,
    async fn nothing_that_is_stored_holds_a_token(db: Db) {
        let (publisher, _) = setup(&db);
        publisher
            .publish(&[deny_offered("1", "CRM", to_tenant())])
            .await
            .unwrap();
        let dump: Vec<(Option<String>, String, String, String)> = store::read!(db, |tx| {
            const SQL: &str = "select d.mail, d.subject, e.title, e.body from deliveries d join events e on e.id = d.event";
            store::on!(tx, |conn| sqlx::query_as(SQL).fetch_all(conn).await)
        })
        .unwrap();
        assert_eq!(dump.len(), 1);
        let sealed = dump[0].0.as_ref().unwrap();
        assert!(!format!("{dump:?}").contains(samples::TOKEN));
        let mail = publisher.seal.open(PURPOSE, sealed).unwrap();
        let text = String::from_utf8(secrecy::ExposeSecret::expose_secret(&mail).to_vec()).unwrap();
        assert!(
            text.replace("=\r\n", "").contains(samples::TOKEN),
            "the mail itself does:\n{text}"
        );
    }
);

store::on_both!(
    MIGRATIONS,
    async fn a_mail_that_cannot_be_written_is_parked_and_told_and_stops_nothing(db: Db) {
        let (mut publisher, _) = setup(&db);
        let good = publisher.renderer.clone();
        // A link that is longer than a mail may be.
        let mut edge: crate::config::EdgeUrl = "https://edge.example.com".parse().unwrap();
        edge.lengthen(message::MAIL_BYTES_MAX);
        publisher.renderer = Arc::new(Renderer::new(line("Example Ops"), edge, Look::default()));
        let notice = deny_offered("1", "CRM", to_tenant());
        assert_eq!(publisher.publish(&[notice]).await.unwrap(), 1);
        publisher.renderer = good;
        let notice = deny_offered("2", "CRM", to_tenant());
        assert_eq!(publisher.publish(&[notice]).await.unwrap(), 1);
        let states: Vec<_> = mails(&db)
            .await
            .into_iter()
            .map(|mail| mail.progress.state)
            .collect();
        let [State::Queued { .. }, State::Failed { reason }] = states.as_slice() else {
            panic!("{states:?}")
        };
        assert!(
            reason.as_str().starts_with("It cannot be written: it has "),
            "{reason}"
        );
        let told = told(&db, "operator/inbox").await;
        assert_eq!(
            told.iter()
                .map(|event| event.kind.as_str())
                .collect::<Vec<_>>(),
            ["mail_failed"]
        );
        assert!(!format!("{told:?}").contains(CONTACT), "no address in it");
    }
);

store::on_both!(
    MIGRATIONS,
    async fn a_tenants_mails_of_a_day_are_limited_and_the_operator_is_told_once(db: Db) {
        let (publisher, clock) = setup(&db);
        let addresses: Vec<_> = (0..20)
            .map(|n| contact(&format!("a{n}@acme.example"), None))
            .collect();
        let to_all = || Recipient::Tenant {
            tenant: "acme".parse().unwrap(),
            addresses: addresses.clone(),
        };
        for n in 0..26 {
            publisher
                .publish(&[deny_offered(&n.to_string(), "CRM", to_all())])
                .await
                .unwrap();
        }
        let queued = mails(&db)
            .await
            .into_iter()
            .filter(|mail| matches!(mail.progress.state, State::Queued { .. }))
            .count();
        assert_eq!(queued, usize::try_from(MAILS_A_DAY_MAX).unwrap());
        let told = told(&db, "operator/inbox").await;
        assert_eq!(told.len(), 1, "{told:?}");
        clock.advance(DAY.unsigned_abs());
        publisher
            .publish(&[deny_offered("the next day", "CRM", to_tenant())])
            .await
            .unwrap();
        assert!(matches!(
            mails(&db).await[0].progress.state,
            State::Queued { .. }
        ));
    }
);

#[tokio::test]
async fn the_operators_addresses_are_its_own_setting() {
    let test = store::testing::TestDb::sqlite(&MIGRATIONS).await;
    let (publisher, _) = setup(test.db());
    let body = Body::VersionAccepted {
        application: samples::application("CRM"),
        tenant: samples::tenant("Acme Ltd"),
        version: "3".parse().unwrap(),
        actor: None,
    };
    publisher
        .publish(&[samples::notice("1", Recipient::Operator, body)])
        .await
        .unwrap();
    let mails = mails(test.db()).await;
    assert_eq!(
        mails
            .iter()
            .map(|mail| mail.recipient.as_str())
            .collect::<Vec<_>>(),
        ["boss@example.com"]
    );
}

store::on_both!(
    MIGRATIONS,
    async fn mails_are_in_the_language_of_the_installation_and_events_in_every(db: Db) {
        let (mut publisher, _) = setup(&db);
        let look = Look {
            language: Language::German,
            ..Look::default()
        };
        let edge = "https://edge.example.com".parse().unwrap();
        publisher.renderer = Arc::new(Renderer::new(line("Example Ops"), edge, look));
        publisher
            .publish(&[deny_offered("1", "CRM", to_tenant())])
            .await
            .unwrap();
        let subject = &mails(&db).await[0].subject;
        assert!(
            subject.starts_with("„CRM“ wechselt auf Version 3"),
            "{subject}"
        );
        let event = told(&db, "tenants/acme/inbox").await.remove(0);
        let [english, german] = Language::ALL.map(|language| event.told(language).0);
        assert_eq!(english, "“CRM” moves to version 3");
        assert_eq!(german, "„CRM“ wechselt auf Version 3");
    }
);
