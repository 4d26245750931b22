use std::sync::Arc;

use contract::{InboxName, TenantId};
use runtime::Seal;

use super::*;
use crate::{
    delivery::{Progress, State, Words},
    publish::tests::publisher,
    samples::{self, deny_offered, to_tenant},
    store::{
        MIGRATIONS, deliveries,
        events::{self, Filter, Mark, Shown},
    },
};

const DAY: SignedDuration = SignedDuration::from_hours(24);

fn inbox() -> InboxName {
    let tenant: TenantId = "acme".parse().unwrap();
    InboxName::Tenant(tenant)
}

async fn shown(db: &Db, shown: Shown) -> Vec<events::Stored> {
    let filter = Filter {
        shown,
        unread_only: false,
    };
    store::read!(db, |tx| events::list(tx, &inbox(), filter, None, 1000)
        .await)
    .unwrap()
}

async fn mails(db: &Db) -> Vec<deliveries::Stored> {
    store::read!(db, |tx| deliveries::list(tx, None, None, 1000).await).unwrap()
}

async fn settle(db: &Db, mail: &deliveries::Stored, state: State) {
    let after = deliveries::Stored {
        progress: Progress {
            state,
            ..mail.progress.clone()
        },
        ..mail.clone()
    };
    store::write!(db, |tx| deliveries::save(tx, &after, &mail.progress).await).unwrap();
}

async fn swept(db: &Db, now: Timestamp) -> usize {
    let stop = CancellationToken::new();
    sweep(db, &RetentionArgs::default(), now, &stop)
        .await
        .unwrap()
}

store::on_both!(
    MIGRATIONS,
    async fn each_state_is_kept_for_its_own_time_and_events_as_long_as_their_mails(db: Db) {
        let clock = Clock::simulated(samples::now(), 5);
        let publisher = publisher(&db, &clock, &Arc::new(Seal::for_tests()));
        for cause in ["sent", "failed", "queued"] {
            let notice = deny_offered(cause, cause, to_tenant());
            publisher.publish(&[notice]).await.unwrap();
        }
        let start = clock.now();
        let of = |word: &'static str| {
            let db = db.clone();
            async move {
                let all = mails(&db).await;
                all.into_iter()
                    .find(|mail| mail.subject.contains(word))
                    .unwrap()
            }
        };
        settle(&db, &of("sent").await, State::Sent { at: start }).await;
        let reason = Words::new("550");
        settle(&db, &of("failed").await, State::Failed { reason }).await;
        let all = shown(&db, Shown::All).await;
        let id = |word: &str| all.iter().find(|e| e.title.contains(word)).unwrap().id;
        let ids = [id("sent"), id("failed")];
        store::write!(db, |tx| events::mark(tx, &inbox(), &ids, Mark::Read(true))
            .await)
        .unwrap();

        assert_eq!(swept(&db, start + DAY * 90).await, 0, "the last moment");
        let tick = SignedDuration::from_secs(1);
        assert_eq!(
            swept(&db, start + DAY * 90 + tick).await,
            1,
            "the mail that was sent"
        );
        assert_eq!(mails(&db).await.len(), 2);
        assert_eq!(shown(&db, Shown::All).await.len(), 3);
        let year = start + DAY * 365 + tick;
        assert_eq!(
            swept(&db, year).await,
            3,
            "the failed mail, both read events"
        );
        let decades = start + DAY * 36500;
        assert_eq!(
            swept(&db, decades).await,
            0,
            "what waits is kept, and its event"
        );
        let queued = of("queued").await;
        settle(&db, &queued, State::Sent { at: start }).await;
        assert_eq!(swept(&db, decades).await, 2);
        assert!(mails(&db).await.is_empty() && shown(&db, Shown::All).await.is_empty());
    }
);

store::on_both!(
    MIGRATIONS,
    async fn many_are_forgotten_in_batches_and_what_was_put_away_first(db: Db) {
        let clock = Clock::simulated(samples::now(), 5);
        let publisher = publisher(&db, &clock, &Arc::new(Seal::for_tests()));
        let count = AT_ONCE + 50;
        let nobody = |_| crate::notice::Recipient::Tenant {
            tenant: "acme".parse().unwrap(),
            addresses: vec![],
        };
        for some in (0..count).collect::<Vec<_>>().chunks(100) {
            let notices: Vec<_> = some
                .iter()
                .map(|n| deny_offered(&n.to_string(), "CRM", nobody(n)))
                .collect();
            publisher.publish(&notices).await.unwrap();
        }
        let ids: Vec<_> = shown(&db, Shown::All).await.iter().map(|e| e.id).collect();
        store::write!(db, |tx| events::mark(
            tx,
            &inbox(),
            &ids,
            Mark::Archived(true)
        )
        .await)
        .unwrap();
        let now = clock.now() + DAY * 91;
        assert_eq!(swept(&db, now).await, count);
        assert!(shown(&db, Shown::Archived).await.is_empty());
    }
);
