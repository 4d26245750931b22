use std::collections::BTreeSet;

use contract::{DeliveryId, EventId, InboxName, Language, Revision};
use jiff::SignedDuration;
use runtime::Clock;
use store::{Db, on};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::{
    INBOXES, MIGRATIONS,
    deliveries::{self, Word},
    events::{self, Filter, Mark, Shown},
    inboxes, tries,
};
use crate::{
    delivery::{Claim, Progress, State, Wait, Words},
    event::{Kind, Tab},
    samples,
    sender::Domains,
};

mod migrating;

const EVERYTHING: Filter = Filter {
    shown: Shown::All,
    unread_only: false,
};

fn clock() -> Clock {
    Clock::simulated(samples::now(), 1)
}

fn acme() -> InboxName {
    "tenants/acme/inbox".parse().unwrap()
}

async fn publish(
    db: &Db,
    clock: &Clock,
    inbox: &InboxName,
    cause: &str,
    tab: Tab,
) -> (EventId, bool) {
    let told = samples::deny_offered("1", "CRM", samples::to_tenant()).told();
    let id = clock.new_id();
    let time = clock.now();
    let new = events::New {
        id,
        inbox,
        cause,
        kind: Kind::DenyOffered,
        tab,
        told: &told,
        time,
        request_id: None,
        put_away: false,
    };
    (
        id,
        store::write!(db, |tx| events::publish(tx, &new).await).unwrap(),
    )
}

async fn queue(db: &Db, clock: &Clock, event: EventId, recipient: &str) -> Option<DeliveryId> {
    let id: DeliveryId = clock.new_id();
    let (progress, message_id) = (Progress::queued(clock.now()), format!("<{id}@example.com>"));
    let new = deliveries::New {
        id,
        event,
        inbox: &acme(),
        kind: "deny_offered",
        recipient,
        subject: "“CRM” moves",
        message_id: &message_id,
        mail: Some("sealed"),
        progress: &progress,
        created: clock.now(),
        request_id: None,
    };
    store::write!(db, |tx| deliveries::insert(tx, &new).await)
        .unwrap()
        .then_some(id)
}

async fn claim(db: &Db, clock: &Clock, limit: usize) -> Vec<deliveries::Claimed> {
    let now = clock.now();
    store::write!(db, |tx| {
        let mut domains = Domains::new(50).claimed(std::iter::empty());
        deliveries::claim(tx, now, limit, &mut domains, || Claim(Uuid::new_v4())).await
    })
    .unwrap()
}

async fn list(db: &Db, filter: Filter) -> Vec<events::Stored> {
    store::read!(db, |tx| events::list(tx, &acme(), filter, None, 100).await).unwrap()
}

store::on_both!(
    MIGRATIONS,
    async fn an_event_shows_once_however_often_it_is_published(db: Db) {
        let clock = clock();
        let mut publishers = JoinSet::new();
        for _ in 0..8 {
            let (db, clock) = (db.clone(), clock.clone());
            publishers
                .spawn(async move { publish(&db, &clock, &acme(), "a", Tab::Events).await.1 });
        }
        let new = publishers
            .join_all()
            .await
            .into_iter()
            .filter(|new| *new)
            .count();
        assert_eq!((new, list(&db, EVERYTHING).await.len()), (1, 1));
        assert!(
            publish(&db, &clock, &acme(), "b", Tab::Events).await.1,
            "another cause"
        );
        assert!(
            publish(&db, &clock, &InboxName::Operator, "a", Tab::Events)
                .await
                .1,
            "another inbox"
        );
        assert_eq!(list(&db, EVERYTHING).await.len(), 2);
    }
);

store::on_both!(
    MIGRATIONS,
    async fn an_event_comes_back_as_it_was_stored(db: Db) {
        let clock = clock();
        let notice = samples::notices()
            .into_iter()
            .find(|notice| notice.body.kind() == Kind::SwitchSucceeded)
            .unwrap();
        let told = notice.told();
        let new = events::New {
            id: clock.new_id(),
            inbox: &acme(),
            cause: "1",
            kind: Kind::SwitchSucceeded,
            tab: Tab::Applications,
            told: &told,
            time: clock.now(),
            request_id: notice.request_id.as_ref(),
            put_away: false,
        };
        store::write!(db, |tx| events::publish(tx, &new).await).unwrap();
        let stored = list(&db, EVERYTHING).await.remove(0);
        assert_eq!(
            stored,
            events::Stored {
                id: new.id,
                kind: "switch_succeeded".to_owned(),
                tab: Tab::Applications,
                title: told.title,
                text: told.text,
                wording: Some(told.wording),
                time: clock.now(),
                read: false,
                archived: false,
                about: told.about,
                request_id: "request-1".to_owned(),
                revision: Revision::ZERO.next(),
            }
        );
    }
);

store::on_both!(
    MIGRATIONS,
    async fn tabs_unread_counts_and_the_archive_agree(db: Db) {
        let clock = clock();
        let mut ids = Vec::new();
        for (cause, tab) in [
            ("1", Tab::Events),
            ("2", Tab::Events),
            ("3", Tab::Applications),
        ] {
            ids.push(publish(&db, &clock, &acme(), cause, tab).await.0);
            clock.advance(std::time::Duration::from_secs(1));
        }
        let unread = async || {
            let counts = store::read!(db, |tx| inboxes::unread(tx, &acme()).await).unwrap();
            counts.into_iter().map(|(_, n)| n).collect::<Vec<_>>()
        };
        assert_eq!(unread().await, [1, 0, 2]);

        let other: EventId = clock.new_id();
        let marked = store::write!(db, |tx| events::mark(
            tx,
            &acme(),
            &[ids[0], other],
            Mark::Read(true)
        )
        .await)
        .unwrap();
        assert_eq!(
            marked
                .iter()
                .map(|event| (event.id, event.read))
                .collect::<Vec<_>>(),
            [(ids[0], true)]
        );
        assert_eq!(unread().await, [1, 0, 1]);

        store::write!(db, |tx| events::mark(
            tx,
            &acme(),
            &ids[1..2],
            Mark::Archived(true)
        )
        .await)
        .unwrap();
        assert_eq!(unread().await, [1, 0, 0]);
        let shown = async |shown, unread_only| {
            let events = list(&db, Filter { shown, unread_only }).await;
            events.into_iter().map(|event| event.id).collect::<Vec<_>>()
        };
        assert_eq!(
            shown(Shown::All, false).await,
            [ids[2], ids[0]],
            "newest first"
        );
        assert_eq!(shown(Shown::All, true).await, [ids[2]]);
        assert_eq!(shown(Shown::Tab(Tab::Events), false).await, [ids[0]]);
        assert_eq!(shown(Shown::Archived, false).await, [ids[1]]);

        let elsewhere = store::write!(db, |tx| events::mark(
            tx,
            &InboxName::Operator,
            &ids,
            Mark::Read(true)
        )
        .await)
        .unwrap();
        assert!(elsewhere.is_empty(), "events of another inbox are unknown");
    }
);

store::on_both!(
    MIGRATIONS,
    async fn pages_have_no_gap_and_no_repeat_even_among_events_of_one_moment(db: Db) {
        let clock = clock();
        for n in 0..7 {
            publish(&db, &clock, &acme(), &n.to_string(), Tab::Events).await;
        }
        let (mut after, mut seen) = (None, Vec::new());
        loop {
            let page = store::read!(db, |tx| events::list(tx, &acme(), EVERYTHING, after, 2)
                .await)
            .unwrap();
            let Some(last) = page.last() else { break };
            after = Some(last.key());
            seen.extend(page.into_iter().map(|event| event.id));
        }
        let all: Vec<_> = list(&db, EVERYTHING)
            .await
            .into_iter()
            .map(|event| event.id)
            .collect();
        assert_eq!((seen.len(), &seen), (7, &all));
    }
);

store::on_both!(
    MIGRATIONS,
    async fn a_watcher_misses_no_change_whoever_writes_at_the_same_time(db: Db) {
        let clock = clock();
        let mut writers = JoinSet::new();
        for writer in 0..4 {
            let (db, clock) = (db.clone(), clock.clone());
            writers.spawn(async move {
                for n in 0..8 {
                    publish(&db, &clock, &acme(), &format!("{writer}/{n}"), Tab::Events).await;
                }
            });
        }
        let mut wakes = db.listen(INBOXES);
        let (mut after, mut seen) = (Revision::ZERO, Vec::new());
        while seen.len() < 32 {
            let changed =
                store::read!(db, |tx| events::changed_since(tx, &acme(), after, 5).await).unwrap();
            match changed.last() {
                Some(last) => after = last.revision,
                None => {
                    wakes
                        .changed_or(std::time::Duration::from_millis(200))
                        .await
                }
            }
            seen.extend(changed.into_iter().map(|event| event.id));
        }
        assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), 32);
        let now = store::read!(db, |tx| inboxes::revision(tx, &acme()).await).unwrap();
        assert_eq!(now, after);
        writers.join_all().await;
    }
);

store::on_both!(
    MIGRATIONS,
    async fn an_address_gets_one_mail_of_an_event_whatever_its_case(db: Db) {
        let clock = clock();
        let (event, _) = publish(&db, &clock, &acme(), "1", Tab::Events).await;
        assert!(
            queue(&db, &clock, event, "Anna@acme.example")
                .await
                .is_some()
        );
        assert!(
            queue(&db, &clock, event, "anna@ACME.example")
                .await
                .is_none()
        );
        assert!(
            queue(&db, &clock, event, "bob@acme.example")
                .await
                .is_some()
        );
        let since = clock
            .now()
            .checked_sub(SignedDuration::from_secs(1))
            .unwrap();
        let count =
            store::read!(db, |tx| deliveries::count_since(tx, &acme(), since).await).unwrap();
        assert_eq!(count, 2);
    }
);

store::on_both!(
    MIGRATIONS,
    async fn no_two_claim_the_same_delivery(db: Db) {
        let clock = clock();
        let (event, _) = publish(&db, &clock, &acme(), "1", Tab::Events).await;
        for n in 0..20 {
            queue(&db, &clock, event, &format!("a{n}@acme.example")).await;
        }
        let mut claimers = JoinSet::new();
        for _ in 0..4 {
            let (db, clock) = (db.clone(), clock.clone());
            claimers.spawn(async move {
                let mut mine = Vec::new();
                loop {
                    let claimed = claim(&db, &clock, 3).await;
                    let due = store::read!(db, |tx| deliveries::next_due(tx, ",").await).unwrap();
                    mine.extend(claimed.into_iter().map(|claimed| claimed.delivery.id));
                    if due.is_none_or(|due| due > clock.now()) {
                        return mine;
                    }
                }
            });
        }
        let all: Vec<DeliveryId> = claimers.join_all().await.concat();
        assert_eq!(
            (all.len(), all.iter().collect::<BTreeSet<_>>().len()),
            (20, 20)
        );
        assert!(claim(&db, &clock, 3).await.is_empty());
    }
);

store::on_both!(
    MIGRATIONS,
    async fn every_state_comes_back_as_it_was_saved_and_sent_loses_its_mail(db: Db) {
        let clock = clock();
        let (event, _) = publish(&db, &clock, &acme(), "1", Tab::Events).await;
        let id = queue(&db, &clock, event, "anna@acme.example")
            .await
            .unwrap();
        let now = clock.now();
        let reason = Words::new("550 no such user");
        let mut before = Progress::queued(now);
        for state in [
            State::Sending {
                claim: Claim(Uuid::new_v4()),
                until: now,
            },
            State::Queued {
                next: now,
                wait: Wait::Server,
            },
            State::Queued {
                next: now,
                wait: Wait::Recipient,
            },
            State::Failed {
                reason: reason.clone(),
            },
            State::Dead {
                reason: reason.clone(),
            },
            State::Sent { at: now },
            State::Bounced {
                sent: now,
                at: now,
                reason,
            },
        ] {
            let mut stored = store::read!(db, |tx| deliveries::find(tx, id).await)
                .unwrap()
                .unwrap();
            stored.progress = Progress {
                state,
                failures: 3,
                tried_until: now,
            };
            let saved =
                store::write!(db, |tx| deliveries::save(tx, &stored, &before).await).unwrap();
            assert!(saved);
            let found = store::read!(db, |tx| deliveries::find(tx, id).await)
                .unwrap()
                .unwrap();
            assert_eq!(found, stored);
            let stale = Progress {
                state: State::Sending {
                    claim: Claim(Uuid::new_v4()),
                    until: now,
                },
                ..before
            };
            assert!(
                !store::write!(db, |tx| deliveries::save(tx, &stored, &stale).await).unwrap(),
                "a foreign claim"
            );
            before = stored.progress.clone();
            let word = Word::of(&before.state);
            let listed =
                store::read!(db, |tx| deliveries::list(tx, Some(word), None, 9).await).unwrap();
            assert_eq!(listed, [found]);
        }
        let (mail,): (Option<String>,) = store::read!(db, |tx| {
            on!(tx, |conn| sqlx::query_as("select mail from deliveries")
                .fetch_one(conn)
                .await)
        })
        .unwrap();
        assert_eq!(mail, None);
    }
);

store::on_both!(
    MIGRATIONS,
    async fn the_last_twenty_tries_are_kept_newest_first(db: Db) {
        let clock = clock();
        let (event, _) = publish(&db, &clock, &acme(), "1", Tab::Events).await;
        let id = queue(&db, &clock, event, "anna@acme.example")
            .await
            .unwrap();
        for number in 1..=25 {
            store::write!(db, |tx| {
                tries::begin(tx, id, number, clock.now()).await?;
                tries::end(tx, id, number, &format!("try {number}")).await
            })
            .unwrap();
        }
        let kept = store::read!(db, |tx| tries::list(tx, id).await).unwrap();
        assert_eq!(
            (
                kept.len(),
                kept[0].outcome.as_str(),
                kept[19].outcome.as_str()
            ),
            (20, "try 25", "try 6")
        );
    }
);

store::on_both!(
    MIGRATIONS,
    async fn a_row_that_cannot_be_read_is_parked_and_the_next_one_claimed(db: Db) {
        let clock = clock();
        let (event, _) = publish(&db, &clock, &acme(), "1", Tab::Events).await;
        let poison = queue(&db, &clock, event, "anna@acme.example")
            .await
            .unwrap();
        let good = queue(&db, &clock, event, "bob@acme.example").await.unwrap();
        store::write!(db, |tx| {
            const SQL: &str = "update deliveries set failures = 99999999999 where id = $1";
            on!(tx, |conn| sqlx::query(SQL)
                .bind(poison.to_string())
                .execute(conn)
                .await
                .map(drop))
        })
        .unwrap();
        let claimed = claim(&db, &clock, 9).await;
        assert_eq!(
            claimed
                .iter()
                .map(|claimed| claimed.delivery.id)
                .collect::<Vec<_>>(),
            [good]
        );
        assert!(claim(&db, &clock, 9).await.is_empty());
        let (state,): (String,) = store::read!(db, |tx| {
            on!(tx, |conn| sqlx::query_as(
                "select state from deliveries where id = $1"
            )
            .bind(poison.to_string())
            .fetch_one(conn)
            .await)
        })
        .unwrap();
        assert_eq!(state, "failed");
    }
);

store::on_both!(
    MIGRATIONS,
    async fn deliveries_are_listed_newest_first_in_pages(db: Db) {
        let clock = clock();
        let (event, _) = publish(&db, &clock, &acme(), "1", Tab::Events).await;
        let mut ids = Vec::new();
        for n in 0..5 {
            clock.advance(std::time::Duration::from_millis(2));
            ids.insert(
                0,
                queue(&db, &clock, event, &format!("a{n}@acme.example"))
                    .await
                    .unwrap(),
            );
        }
        let (mut before, mut seen) = (None, Vec::new());
        loop {
            let page = store::read!(db, |tx| deliveries::list(tx, None, before, 2).await).unwrap();
            let Some(last) = page.last() else { break };
            before = Some(last.id);
            seen.extend(page.into_iter().map(|delivery| delivery.id));
        }
        assert_eq!(seen, ids);
    }
);
