//! What has happened to a provisioning, as operator and tenant read it.

use std::sync::LazyLock;

use sqlx::migrate::Migrator;

use super::*;
use crate::{
    consent::{Basis, Consent, Failure, Removal, Since, Standing},
    provisioning::Provisioning,
    store::{changes, provisionings},
};

async fn page(
    world: &World,
    name: &str,
    page_size: i32,
    page_token: &str,
) -> Result<ListProvisioningHistoryResponse, Problem> {
    let request = ListProvisioningHistoryRequest {
        name: name.to_owned(),
        page_size,
        page_token: page_token.to_owned(),
    };
    let page = world
        .provisionings()
        .list_provisioning_history(request)
        .await;
    Ok(page?.into_inner())
}

async fn remove(world: &World, tenant: &str, reason: &str) {
    let request = RemoveProvisioningRequest {
        tenant: format!("tenants/{tenant}"),
        application: "applications/crm".to_owned(),
        reason: reason.to_owned(),
    };
    let removed = world.provisionings().remove_provisioning(request).await;
    removed.unwrap();
}

store::on_both!(
    MIGRATIONS,
    async fn a_history_says_what_caused_each_change_who_when_and_why(db: TestDb) {
        use ProvisioningEvent::*;
        use ProvisioningState as State;
        let world = with_two(&db).await;
        world.add_tenant("gama", 1).await;
        world.ask("gama", "1").await;
        let token = world.token("gama", "1").await;
        assert_eq!(world.state("gama", "1").await, State::PendingAcceptance);
        world.decide(&token, Decision::Accept).await.unwrap();
        // A switch that is given up leaves what it made as removed, and says so.
        world.move_all(&switch(2), "1", "2", true).await;
        let token = world.token("gama", "2").await;
        world.decide(&token, Decision::Deny).await.unwrap();
        world
            .settle(&switch(2), SwitchOutcome::GivenUp)
            .await
            .unwrap();
        remove(&world, "gama", "unpaid").await;
        world.give("gama", "1").await;

        let all = page(&world, &name("gama", "1"), 0, "").await.unwrap();
        let told: Vec<_> = all
            .changes
            .iter()
            .rev()
            .map(|change| {
                let (actor, reason) = (change.actor.as_str(), change.reason.as_str());
                (
                    change.event(),
                    change.previous_state(),
                    change.state(),
                    actor,
                    reason,
                )
            })
            .collect();
        let anna = "people/anna";
        let link = "consent link, from 192.0.2.7";
        assert_eq!(
            told,
            [
                (Asked, State::Unspecified, State::Requested, anna, ""),
                (
                    MailHandedOver,
                    State::Requested,
                    State::PendingAcceptance,
                    "services/notification",
                    ""
                ),
                (
                    Accepted,
                    State::PendingAcceptance,
                    State::Provisioned,
                    link,
                    ""
                ),
                (Removed, State::Provisioned, State::Removed, anna, "unpaid"),
                (
                    OnRecord,
                    State::Removed,
                    State::Provisioned,
                    anna,
                    "contract 7"
                ),
            ]
        );
        let times: Vec<_> = all
            .changes
            .iter()
            .map(|change| change.time.unwrap())
            .collect();
        assert!(times.is_sorted_by(|newer, older| newer.seconds >= older.seconds));
        assert!(
            all.changes
                .iter()
                .all(|change| !change.state_message.is_empty())
        );

        let under = page(&world, &name("gama", "2"), 0, "")
            .await
            .unwrap()
            .changes;
        let told: Vec<_> = under
            .iter()
            .rev()
            .map(|change| (change.event(), change.state(), change.switch.clone()))
            .collect();
        assert_eq!(
            told,
            [
                (MovedAlong, State::Provisioned, switch(2)),
                (Denied, State::Denied, switch(2)),
                (SwitchGivenUp, State::Removed, switch(2)),
            ]
        );
        assert_eq!(under[2].actor, switch(2), "a switch is what caused it");

        // Pages are the same, in parts, and fit their own list.
        let first = page(&world, &name("gama", "1"), 3, "").await.unwrap();
        let rest = page(&world, &name("gama", "1"), 3, &first.next_page_token).await;
        let joined = [first.changes, rest.unwrap().changes].concat();
        // When every gateway had it may have been noted meanwhile.
        let known = |changes: &[ProvisioningChange]| {
            let known = changes
                .iter()
                .map(|change| (change.event(), change.time, change.state()));
            known.collect::<Vec<_>>()
        };
        assert_eq!(known(&joined), known(&all.changes));
        let foreign = page(&world, &name("gama", "2"), 3, &first.next_page_token).await;
        assert_eq!(reason_of(foreign), reason::INVALID_FIELDS);
        world.finish().await;
    }
);

store::on_both!(
    MIGRATIONS,
    async fn a_history_is_the_tenants_own_and_ends_with_it(db: TestDb) {
        let world = with_two(&db).await;
        let client = world.client(contract::Role::TenantAdmin, "tenants/acme");
        let mut own = provisioning_service_client::ProvisioningServiceClient::new(client);
        let mut ask = async |tenant: &str| {
            let request = ListProvisioningHistoryRequest {
                name: name(tenant, "1"),
                ..Default::default()
            };
            let answer = own.list_provisioning_history(request).await;
            answer.map_err(Problem::from).map(|_| ())
        };
        assert!(ask("acme").await.is_ok());
        assert_eq!(
            ask("beta").await.unwrap_err().code(),
            contract::Code::NotFound
        );
        remove(&world, "acme", "").await;
        let delete = DeleteTenantRequest {
            name: "tenants/acme".to_owned(),
            etag: String::new(),
        };
        world.tenants().delete_tenant(delete).await.unwrap();
        assert_eq!(
            reason_of(page(&world, &name("acme", "1"), 0, "").await),
            reason::NOT_FOUND
        );
        world.add_tenant("acme", 1).await;
        world.give("acme", "1").await;
        let anew = page(&world, &name("acme", "1"), 0, "")
            .await
            .unwrap()
            .changes;
        assert_eq!(anew.len(), 1, "nothing of the former tenant: {anew:?}");
        world.finish().await;
    }
);

/// The tables before there were histories.
static BEFORE: LazyLock<Migrator> = LazyLock::new(|| {
    let migrations = MIGRATIONS.iter().filter(|migration| migration.version < 4);
    Migrator {
        migrations: migrations.cloned().collect(),
        ..Migrator::DEFAULT
    }
});

store::on_both!(
    BEFORE,
    async fn a_history_begins_with_how_everything_stood_when_histories_were_introduced(db: TestDb) {
        let at = jiff::Timestamp::from_second(1_800_000_000).unwrap();
        let standings = [
            Standing::PendingAcceptance,
            Standing::Provisioned(Basis::Accepted),
            Standing::Provisioned(Basis::MovedWithNotice),
            Standing::Denied,
            Standing::Failed(Failure::NoContact),
            Standing::Removed(Removal::ByOperator),
        ];
        let row = |number: usize| Provisioning {
            name: name(&format!("t{number}"), "1").parse().unwrap(),
            consent: Consent {
                standing: standings[number],
                since: Since {
                    at,
                    actor: "people/anna".to_owned(),
                    note: "as it was".to_owned(),
                },
                brought_by: None,
                under: None,
            },
            created_at: at,
            revision: provisionings::first(),
            granted_at: contract::Revision::ZERO.next(),
        };
        let written: Result<(), store::Error> = store::write!(*db.db(), |tx| {
            for number in 0..standings.len() {
                // As it was written then.
                const TENANT: &str = "insert into tenants (tenant, display_name, contacts, revision, created_at, \
                    updated_at) values ($1, 'One', '[]', 1, 0, 0)";
                let tenant = row(number).name.tenant;
                store::on!(tx, |conn| sqlx::query(TENANT)
                    .bind(tenant.as_str())
                    .execute(conn)
                    .await
                    .map(drop))?;
                provisionings::put(tx, &row(number)).await?;
            }
            Ok(())
        });
        written.unwrap();
        let migrated = store::Db::open(db.url(), &MIGRATIONS).await.unwrap();
        for (number, standing) in standings.into_iter().enumerate() {
            let name = row(number).name;
            let history: Result<_, store::Error> =
                store::read!(migrated, |tx| changes::history(tx, &name, None, 9).await);
            let [(_, change)] = &history.unwrap()[..] else {
                panic!("{name} has not one entry");
            };
            assert_eq!(change.what, crate::change::What::KnownBefore);
            assert_eq!(
                (change.stands.standing, change.stood, change.at),
                (standing, None, at)
            );
            assert_eq!(
                (change.actor.as_str(), change.reason.as_str()),
                ("people/anna", "as it was")
            );
        }
    }
);
