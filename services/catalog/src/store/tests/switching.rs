use std::{collections::BTreeSet, time::Duration};

use ::store::{Db, testing::TestDb};
use contract::Nonce;

use super::*;
use crate::{
    application::Test,
    store::switches::Which,
    switch::{Commit, Outcome, Roll},
    tester_token::TesterToken,
};

const LEASE: Duration = Duration::from_secs(30);

fn roll(until: i64) -> Roll {
    Roll {
        nonce: Nonce::new([1; 16]),
        silent: BTreeSet::from(["g-1".parse().unwrap()]),
        until: at(until),
    }
}

fn ended(seconds: i64) -> State {
    State::Ended {
        outcome: Outcome::Committed,
        at: at(seconds),
    }
}

::store::on_both!(
    MIGRATIONS,
    async fn an_application_has_one_open_switch(db: Db) {
        let (app, one, two) = crm(&db).await;
        let (first, second) = (switch(&one, 1, "a"), switch(&two, 2, "b"));
        let insert = async |switch: &Switch| {
            ::store::write!(db, |tx| switches::insert(tx, switch).await).unwrap()
        };
        assert!(insert(&first).await);
        assert!(!insert(&second).await);
        let read = ::store::read!(db, |tx| switches::find_open(tx, &app.name).await)
            .unwrap()
            .unwrap();
        assert_eq!(read.name, first.name);
        let app_read = ::store::read!(db, |tx| applications::find(tx, &app.name).await)
            .unwrap()
            .unwrap();
        assert_eq!(app_read.open_switch, Some(first.name.switch));
        let all = ::store::read!(db, |tx| switches::all_open(tx).await).unwrap();
        assert_eq!(all.len(), 1);

        let over = Switch {
            state: ended(1),
            ..first
        };
        assert!(::store::write!(db, |tx| switches::save(tx, &over, at(1)).await).unwrap());
        assert!(
            ::store::read!(db, |tx| switches::find_open(tx, &app.name).await)
                .unwrap()
                .is_none()
        );
        assert!(insert(&second).await);
    }
);

::store::on_both!(
    MIGRATIONS,
    async fn of_two_confirms_at_the_same_time_one_is_written(test: TestDb) {
        let (_, one, two) = crm(test.db()).await;
        let other = test.open_again().await;
        let (first, second) = (switch(&one, 1, "a"), switch(&two, 2, "b"));
        let insert = async |db: &Db, switch: &Switch| {
            ::store::write!(db, |tx| switches::insert(tx, switch).await).unwrap()
        };
        let (a, b) = tokio::join!(insert(test.db(), &first), insert(&other, &second));
        assert!(a != b, "{a} {b}");
        other.close().await;
    }
);

::store::on_both!(
    MIGRATIONS,
    async fn a_switch_is_read_as_it_was_written_under_its_name_and_its_request(db: Db) {
        let (app, one, _) = crm(&db).await;
        let written = switch(&one, 1, "req-a");
        ::store::write!(db, |tx| switches::insert(tx, &written).await).unwrap();
        let by_name = ::store::read!(db, |tx| switches::find(tx, &written.name).await)
            .unwrap()
            .unwrap();
        let request = "req-a".parse().unwrap();
        let by_request = ::store::read!(db, |tx| switches::find_request(tx, &app.name, &request)
            .await)
        .unwrap()
        .unwrap();
        for read in [by_name, by_request] {
            assert_eq!(read.name, written.name);
            assert_eq!(
                (read.kind, &read.source, &read.target),
                (written.kind, &written.source, &written.target)
            );
            assert_eq!(
                (&read.state, &read.record),
                (&written.state, &written.record)
            );
            assert_eq!(
                (&read.reason, &read.requested_by),
                (&written.reason, &written.requested_by)
            );
            assert_eq!(
                (read.revision, read.created_at, read.commit),
                (written.revision, written.created_at, None)
            );
        }
        let foreign = SwitchName {
            application: "erp".parse().unwrap(),
            switch: written.name.switch,
        };
        assert!(
            ::store::read!(db, |tx| switches::find(tx, &foreign).await)
                .unwrap()
                .is_none()
        );
        let unknown = "other".parse().unwrap();
        assert!(
            ::store::read!(db, |tx| switches::find_request(tx, &app.name, &unknown)
                .await)
            .unwrap()
            .is_none()
        );
    }
);

::store::on_both!(
    MIGRATIONS,
    async fn what_is_saved_compares_the_revision_it_was_read_at(db: Db) {
        let (_, one, _) = crm(&db).await;
        let first = switch(&one, 1, "a");
        ::store::write!(db, |tx| switches::insert(tx, &first).await).unwrap();
        let mut next = first.clone();
        next.state = State::Preparing { roll: roll(40) };
        next.commit = Some(Commit {
            generation: contract::Generation::FIRST,
            at: at(9),
        });
        let save = async |switch: &Switch| {
            ::store::write!(db, |tx| switches::save(tx, switch, at(10)).await).unwrap()
        };
        assert!(save(&next).await);
        assert!(!save(&next).await, "the row has moved on");
        let mut read = ::store::read!(db, |tx| switches::find(tx, &first.name).await)
            .unwrap()
            .unwrap();
        assert_eq!(
            (&read.state, read.commit, read.revision.get()),
            (&next.state, next.commit, 2)
        );
        read.state = ended(11);
        assert!(save(&read).await);
        read.revision = read.revision.next();
        assert!(!save(&read).await, "what has ended stays as it is");
    }
);

::store::on_both!(
    MIGRATIONS,
    async fn a_commit_makes_the_target_active_and_begins_the_next_generation_once(db: Db) {
        let (app, one, two) = crm(&db).await;
        let test = Test {
            version: one.version.clone(),
            token: TesterToken::generate().hash(),
            since: at(0),
        };
        ::store::write!(db, |tx| applications::put_test(tx, &app.name, &test).await).unwrap();
        let commit = async |seen: &Application, to: &VersionRef, when: i64| {
            ::store::write!(db, |tx| switches::commit(tx, seen, &to.version, at(when))
                .await)
            .unwrap()
        };
        let find = async || {
            ::store::read!(db, |tx| applications::find(tx, &app.name).await)
                .unwrap()
                .unwrap()
        };
        assert!(commit(&app, &one, 1).await);
        assert!(
            !commit(&app, &two, 2).await,
            "it has an active version since"
        );
        let first = find().await;
        assert_eq!(first.serving.version(), Some(&one.version));
        assert_eq!(first.serving.generation().unwrap().get(), 1);
        assert!(first.test.is_none(), "its test is over");

        assert!(commit(&first, &two, 3).await);
        assert!(
            !commit(&first, &one, 4).await,
            "the generation has moved on"
        );
        let second = find().await;
        assert_eq!(second.serving.generation().unwrap().get(), 2);
        assert!(commit(&second, &one, 5).await);
        let version = async |name: &VersionRef| {
            ::store::read!(db, |tx| versions::find(tx, name).await)
                .unwrap()
                .unwrap()
        };
        let (one, two) = (version(&one).await, version(&two).await);
        assert_eq!(
            (one.standing, one.active_at),
            (Standing::Active, Some((at(1), at(5))))
        );
        assert_eq!(two.standing, Standing::Retired);
    }
);

::store::on_both!(
    MIGRATIONS,
    async fn what_is_due_is_claimed_once_until_the_lease_lapses(test: TestDb) {
        let db = test.db();
        let (_, one, _) = crm(db).await;
        let first = switch(&one, 1, "a");
        ::store::write!(db, |tx| switches::insert(tx, &first).await).unwrap();
        let claim = async |when: i64| {
            ::store::write!(db, |tx| switches::claim_due(tx, at(when), LEASE, 8).await).unwrap()
        };
        let due = async || ::store::read!(db, |tx| switches::next_due(tx).await).unwrap();
        assert_eq!(due().await, Some(at(0)));
        let claimed = claim(0).await;
        assert_eq!((claimed.len(), claimed[0].1), (1, 1));
        assert!(claim(29).await.is_empty());
        let again = claim(31).await;
        assert_eq!(
            (again.len(), again[0].1),
            (1, 2),
            "the claimer may have died"
        );

        // Its deadline comes before any lease lapses.
        let mut next = first.clone();
        next.state = State::Preparing { roll: roll(40) };
        ::store::write!(db, |tx| switches::save(tx, &next, at(32)).await).unwrap();
        assert!(claim(39).await.is_empty());
        let mut next = claim(41).await.remove(0).0;
        ::store::write!(db, |tx| switches::put_off(tx, &next, at(500)).await).unwrap();
        assert!(due().await.unwrap() < at(41));
        next.state = ended(42);
        ::store::write!(db, |tx| switches::save(tx, &next, at(42)).await).unwrap();
        assert_eq!(due().await, None);
        assert!(claim(9999).await.is_empty());
    }
);

::store::on_both!(
    MIGRATIONS,
    async fn two_replicas_never_claim_the_same_switch(test: TestDb) {
        let (_, one, _) = crm(test.db()).await;
        ::store::write!(test.db(), |tx| switches::insert(tx, &switch(&one, 1, "a"))
            .await)
        .unwrap();
        let other = test.open_again().await;
        let claim = async |db: &Db| {
            ::store::write!(db, |tx| switches::claim_due(tx, at(1), LEASE, 8).await)
                .unwrap()
                .len()
        };
        let (a, b) = tokio::join!(claim(test.db()), claim(&other));
        assert_eq!(a + b, 1);
        other.close().await;
    }
);

::store::on_both!(
    MIGRATIONS,
    async fn switches_are_listed_newest_first(db: Db) {
        let (_, one, _) = crm(&db).await;
        for (number, request) in [(1, "a"), (2, "b"), (3, "c")] {
            let mut listed = switch(&one, number, request);
            ::store::write!(db, |tx| switches::insert(tx, &listed).await).unwrap();
            if number < 3 {
                listed.state = ended(1);
                ::store::write!(db, |tx| switches::save(tx, &listed, at(1)).await).unwrap();
            }
        }
        let list = async |of: Option<&str>, which, before: Option<&Switch>, limit| {
            let of = of.map(|of| of.parse().unwrap());
            let before = before.map(|switch| switch.name.switch);
            let rows = ::store::read!(db, |tx| switches::list(
                tx,
                of.as_ref(),
                which,
                before.as_ref(),
                limit
            )
            .await)
            .unwrap();
            rows.iter()
                .map(|row| row.request_id.to_string())
                .collect::<Vec<_>>()
        };
        assert_eq!(list(None, Which::Any, None, 9).await, ["c", "b", "a"]);
        assert_eq!(
            list(Some("crm"), Which::Any, Some(&switch(&one, 3, "c")), 1).await,
            ["b"]
        );
        assert_eq!(list(Some("crm"), Which::Open, None, 9).await, ["c"]);
        assert!(list(Some("erp"), Which::Any, None, 9).await.is_empty());
    }
);

::store::on_both!(
    MIGRATIONS,
    async fn a_damaged_switch_does_not_keep_others_from_going_on(db: Db) {
        let (_, one, _) = crm(&db).await;
        ::store::write!(db, |tx| {
            applications::insert(tx, &application("erp")).await?;
            versions::insert(tx, &version("applications/erp/versions/1", 1)).await?;
            switches::insert(tx, &switch(&one, 1, "a")).await?;
            let erp: VersionRef = "applications/erp/versions/1".parse().unwrap();
            switches::insert(tx, &switch(&erp, 2, "a")).await?;
            ::store::on!(tx, |conn| sqlx::query(
                "update switches set state = '{' where application = 'crm'"
            )
            .execute(conn)
            .await
            .map(drop))
        })
        .unwrap();
        let claimed =
            ::store::write!(db, |tx| switches::claim_due(tx, at(1), LEASE, 8).await).unwrap();
        let names: Vec<_> = claimed
            .iter()
            .map(|(switch, _)| switch.name.application.as_str())
            .collect();
        assert_eq!(names, ["erp"]);
        let damaged = ::store::read!(db, |tx| switches::find_open(tx, &one.application).await);
        assert!(
            matches!(
                damaged,
                Err(Error::Damaged {
                    table: "switches",
                    ..
                })
            ),
            "{damaged:?}"
        );
    }
);

/// The same promises with a bug planted: a test that kept them all the same would prove nothing.
#[cfg(feature = "faults")]
mod planted {
    use runtime::fault::{Plant, plant};

    #[test]
    #[should_panic(expected = "the row has moved on")]
    fn a_save_that_does_not_compare_is_found() {
        plant(Some(Plant::CommitWithoutCas));
        super::what_is_saved_compares_the_revision_it_was_read_at::sqlite();
    }
}
