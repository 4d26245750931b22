use std::time::Duration;

use ::store::Db;
use contract::GatewayName;
use runtime::Clock;
use uuid::Uuid;

use super::*;
use crate::{
    fleet::{Boot, Leases, Member, Said, StreamId},
    notice::{Body, Notice, Subject},
};

const LEASE: Duration = Duration::from_secs(30);

fn member(name: &str, stream: Option<StreamId>) -> Member {
    let boot: Boot = Uuid::from_bytes([7; 16]).to_string().parse().unwrap();
    Member {
        name: name.parse().unwrap(),
        boot,
        software: "0.1.0".to_owned(),
        listeners: vec![
            "0.0.0.0:8080".parse().unwrap(),
            "[::1]:8081".parse().unwrap(),
        ],
        stream,
        joined_at: at(0),
        last_seen_at: at(1),
        leases: Leases::Renewed,
        draining: false,
        said: Said::default(),
    }
}

::store::on_both!(
    MIGRATIONS,
    async fn a_member_stays_the_same_over_its_streams(db: Db) {
        let clock = Clock::real();
        let (first, second) = (StreamId::new(&clock), StreamId::new(&clock));
        let name: GatewayName = "g-1".parse().unwrap();
        ::store::write!(db, |tx| gateways::put(tx, &member("g-1", Some(first)))
            .await)
        .unwrap();
        let again = Member {
            joined_at: at(9),
            last_seen_at: at(9),
            software: "0.2.0".to_owned(),
            ..member("g-1", Some(second))
        };
        ::store::write!(db, |tx| gateways::put(tx, &again).await).unwrap();
        let read = ::store::read!(db, |tx| gateways::find(tx, &name).await)
            .unwrap()
            .unwrap();
        assert_eq!(
            (read.joined_at, read.last_seen_at, read.software.as_str()),
            (at(0), at(9), "0.2.0")
        );
        assert_eq!((read.boot, read.stream), (again.boot, Some(second)));

        let heard = async |stream| {
            ::store::write!(db, |tx| gateways::heard(
                tx,
                &name,
                stream,
                &Said::default(),
                at(12)
            )
            .await)
            .unwrap()
        };
        let follows = async |stream| {
            ::store::read!(db, |tx| gateways::follows(tx, &name, stream).await)
                .unwrap()
                .is_some()
        };
        assert!(!heard(first).await && heard(second).await);
        assert!(!follows(first).await && follows(second).await);
        let end = async |stream| {
            ::store::write!(db, |tx| gateways::stream_ended(tx, &name, stream).await).unwrap()
        };
        end(first).await;
        assert!(follows(second).await, "another stream has taken its place");
        end(second).await;
        let read = ::store::read!(db, |tx| gateways::find(tx, &name).await)
            .unwrap()
            .unwrap();
        assert_eq!((read.stream, read.last_seen_at), (None, at(12)));
        assert!(!read.connected(at(12)) && read.heard_lately(at(26)) && !read.heard_lately(at(27)));
    }
);

::store::on_both!(
    MIGRATIONS,
    async fn the_fleet_is_who_is_a_member_now(db: Db) {
        ::store::write!(db, |tx| {
            for name in ["b", "a", "c-1"] {
                gateways::put(tx, &member(name, None)).await?;
            }
            Ok::<_, Error>(())
        })
        .unwrap();
        let list = async |after: Option<&str>| {
            let after = after.map(|after| after.parse().unwrap());
            let rows =
                ::store::read!(db, |tx| gateways::list(tx, after.as_ref(), 2).await).unwrap();
            rows.iter()
                .map(|row| row.name.to_string())
                .collect::<Vec<_>>()
        };
        assert_eq!(list(None).await, ["a", "b"]);
        assert_eq!(list(Some("b")).await, ["c-1"]);
        let listeners = ::store::read!(db, |tx| gateways::listeners(tx).await).unwrap();
        assert_eq!(listeners.len(), 6);
        let delete = async |name: &str| {
            let name = name.parse().unwrap();
            ::store::write!(db, |tx| gateways::delete(tx, &name).await).unwrap()
        };
        assert!(delete("b").await && !delete("b").await);
        let fleet = ::store::read!(db, |tx| gateways::all(tx).await).unwrap();
        assert_eq!(
            fleet
                .iter()
                .map(|member| member.name.as_str())
                .collect::<Vec<_>>(),
            ["a", "c-1"]
        );
    }
);

::store::on_both!(
    MIGRATIONS,
    async fn history_is_counted_and_read_newest_first(db: Db) {
        let (app, one, two) = crm(&db).await;
        let name = switch(&two, 1, "a").name;
        ::store::write!(db, |tx| {
            history::add(
                tx,
                &app.name,
                &one.version,
                history::Action::Created,
                None,
                &act("first"),
            )
            .await?;
            history::add(
                tx,
                &app.name,
                &two.version,
                history::Action::SwitchConfirmed,
                Some(&name),
                &act(""),
            )
            .await?;
            history::add(
                tx,
                &app.name,
                &two.version,
                history::Action::SwitchGivenUp,
                Some(&name),
                &act(""),
            )
            .await
        })
        .unwrap();
        let list = async |before, limit| {
            ::store::read!(db, |tx| history::list(tx, &app.name, before, limit).await).unwrap()
        };
        let rows = list(None, 9).await;
        assert_eq!(
            rows.iter().map(|row| row.number).collect::<Vec<_>>(),
            [3, 2, 1]
        );
        assert_eq!(rows[0].switch.as_ref(), Some(&name));
        let first = &list(Some(2), 9).await[0];
        assert_eq!(
            (first.action, &first.version),
            (history::Action::Created, &one.version)
        );
        assert_eq!(
            (
                first.act.actor.as_str(),
                first.act.reason.as_str(),
                first.act.at
            ),
            ("people/anna", "first", at(5))
        );
    }
);

::store::on_both!(
    MIGRATIONS,
    async fn a_notice_is_kept_until_it_was_taken(db: Db) {
        let (_, one, _) = crm(&db).await;
        let name = switch(&one, 1, "a").name;
        let notice = Notice {
            cause: name.to_string(),
            request_id: "req-1".parse().unwrap(),
            time: at(1),
            subject: Some(Subject {
                application: "crm".parse().unwrap(),
                display_name: "Customers".parse().unwrap(),
            }),
            body: Body::SwitchGivenUp {
                switch: name,
                target: one.version,
                message: "No.".to_owned(),
            },
        };
        let id = Uuid::from_bytes([3; 16]);
        ::store::write!(db, |tx| notices::add(tx, id, &notice, at(1)).await).unwrap();
        let claim = async |when: i64| {
            ::store::write!(db, |tx| notices::claim_due(tx, at(when), LEASE, 8).await).unwrap()
        };
        let due = async || ::store::read!(db, |tx| notices::next_due(tx).await).unwrap();
        assert_eq!(due().await, Some(at(1)));
        let claimed = claim(1).await;
        assert_eq!((claimed[0].notice.clone(), claimed[0].tries), (notice, 1));
        assert!(claim(2).await.is_empty(), "its claimer has it");
        ::store::write!(db, |tx| notices::put_off(tx, &claimed[0].id, at(5)).await).unwrap();
        assert!(claim(5).await.is_empty());
        assert_eq!(claim(6).await[0].tries, 2);
        ::store::write!(db, |tx| notices::taken(tx, &claimed[0].id).await).unwrap();
        assert_eq!(due().await, None);
    }
);
