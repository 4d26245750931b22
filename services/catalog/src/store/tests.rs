//! Every statement, on both databases.

mod applications_and_versions;
mod fleet_and_notices;
mod switching;

use contract::{Revision, SwitchName, TimedId as _, Timeline, VersionRef};
use jiff::Timestamp;

use super::*;
use crate::{
    application::{
        Act, AppCredentials, Application, Approval, Creation, HealthCheck, Policy, Role, Serving,
        Standing, Version, VersionFacts,
    },
    switch::{Kind, Record, State, Switch},
};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

fn creation() -> Creation {
    Creation {
        request_id: Some("create-1".parse().unwrap()),
        digest: "d".repeat(64),
    }
}

fn application(name: &str) -> Application {
    Application {
        name: name.parse().unwrap(),
        display_name: "Customers".parse().unwrap(),
        summary: "Keeps them.".parse().unwrap(),
        policy: Policy::default(),
        approval: Approval::NotRequired,
        login: None,
        serving: Serving::Never,
        test: None,
        open_switch: None,
        timeline: Timeline::new([1; 16]),
        route_revision: Revision::ZERO.next(),
        revision: Revision::ZERO.next(),
        creation: creation(),
        created_at: at(0),
        updated_at: at(0),
    }
}

fn version(name: &str, created: i64) -> Version {
    Version {
        name: name.parse().unwrap(),
        facts: VersionFacts {
            upstream: "http://10.0.0.7:9000".parse().unwrap(),
            health: HealthCheck::default(),
            roles: vec![Role {
                name: "admin".parse().unwrap(),
                description: "May do all.".parse().unwrap(),
            }],
            app_credentials: AppCredentials::Needed(vec!["read:all".parse().unwrap()]),
        },
        standing: Standing::Registered,
        active_at: None,
        revision: Revision::ZERO.next(),
        creation: creation(),
        created_at: at(created),
    }
}

fn act(reason: &str) -> Act {
    Act {
        actor: "people/anna".to_owned(),
        reason: reason.parse().unwrap(),
        request_id: "req-1".parse().unwrap(),
        at: at(5),
        approved_by: None,
    }
}

fn switch(target: &VersionRef, number: u8, request: &str) -> Switch {
    let micros = at(i64::from(number)).as_microsecond();
    let mut record = Record::default();
    record.enter(&State::Provisioning, at(0));
    Switch {
        name: SwitchName {
            application: target.application.clone(),
            switch: contract::SwitchId::new(micros, [number; 10]),
        },
        kind: Kind::Update,
        source: None,
        target: target.version.clone(),
        state: State::Provisioning,
        record,
        reason: "because".parse().unwrap(),
        requested_by: "people/anna".to_owned(),
        request_id: request.parse().unwrap(),
        commit: None,
        revision: Revision::ZERO.next(),
        created_at: at(0),
    }
}

/// An application `crm` with versions `1` and `2`.
async fn crm(db: &::store::Db) -> (Application, VersionRef, VersionRef) {
    let (one, two) = (
        version("applications/crm/versions/1", 1),
        version("applications/crm/versions/2", 2),
    );
    ::store::write!(db, |tx| {
        assert!(applications::insert(tx, &application("crm")).await?);
        assert!(versions::insert(tx, &one).await?);
        assert!(versions::insert(tx, &two).await?);
        Ok::<_, Error>(())
    })
    .unwrap();
    (application("crm"), one.name, two.name)
}
