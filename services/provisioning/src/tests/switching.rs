//! The table of switching, row by row through the database.

use contract::{ProvisioningName, TenantId};

use super::*;
use crate::{
    consent::{
        Consent, Contacts, Notice as Telling, Since, Standing,
        switching::{Case, Outcome, cases, outcomes},
    },
    provisioning::Provisioning,
    store::{grants, offers, provisionings, tenants},
    tenant::{Contact, Profile, Tenant},
};

/// One tenant for each case, with its standing at versions 1 and 2 of an application.
async fn fill(db: &TestDb, application: &str, cases: &[Case]) {
    let at = jiff::Timestamp::from_second(1_800_000_000).unwrap();
    let written: Result<(), store::Error> = store::write!(*db.db(), |tx| {
        let granted_at = grants::advance(tx).await?;
        for (number, case) in cases.iter().enumerate() {
            let id = tenant(number);
            let contact = Contact {
                email: format!("{id}@example.org").parse().unwrap(),
                display_name: None,
            };
            let tenant = Tenant {
                id,
                profile: Profile {
                    display_name: "One".parse().unwrap(),
                    contacts: match case.contacts {
                        Contacts::Some => vec![contact],
                        Contacts::None => Vec::new(),
                    },
                    users: None,
                },
                request: None,
                revision: provisionings::first(),
                created_at: at,
                updated_at: at,
            };
            // Of the second application on, it is there.
            tenants::insert(tx, &tenant).await?;
            for (version, standing) in [("1", Some(case.source)), ("2", case.target)] {
                let Some(standing) = standing else { continue };
                let row = Provisioning {
                    name: row_name(number, application, version),
                    consent: Consent {
                        standing,
                        since: Since {
                            at,
                            actor: "people/anna".to_owned(),
                            note: String::new(),
                        },
                        brought_by: None,
                        under: None,
                    },
                    created_at: at,
                    revision: provisionings::first(),
                    granted_at,
                };
                provisionings::put(tx, &row).await?;
            }
        }
        Ok(())
    });
    written.unwrap();
}

fn tenant(number: usize) -> TenantId {
    format!("t{number:03}").parse().unwrap()
}

fn row_name(number: usize, application: &str, version: &str) -> ProvisioningName {
    ProvisioningName {
        tenant: tenant(number),
        application: application.parse().unwrap(),
        version: version.parse().unwrap(),
    }
}

/// Returns what has become of each tenant at version 2.
async fn seen(db: &TestDb, application: &str, count: usize) -> Vec<Outcome> {
    let read: Result<Vec<Outcome>, store::Error> = store::read!(*db.db(), |tx| {
        let mut all = Vec::new();
        for number in 0..count {
            let name = row_name(number, application, "2");
            let row = provisionings::find(tx, &name).await?;
            assert!(row.as_ref().is_none_or(|row| row.consent.under.is_none()));
            all.push(Outcome {
                standing: row.map(|row| row.consent.standing),
                link: offers::latest(tx, &name).await?.is_some(),
            });
        }
        Ok(all)
    });
    read.unwrap()
}

/// What the table says of a switch that is committed; of mails it says nothing that is seen here.
fn foresight(cases: &[Case], telling: Telling) -> PreviewMoveResponse {
    let mut all = PreviewMoveResponse::default();
    for case in cases.iter().filter(|case| case.source.carried().is_some()) {
        let standing = outcomes(*case, telling).0.standing;
        let counted = match standing {
            Some(Standing::Provisioned(_)) => &mut all.admitted,
            Some(Standing::PendingAcceptance) => &mut all.asked,
            Some(Standing::Denied) => &mut all.denied,
            Some(Standing::Failed(_)) => &mut all.failing,
            Some(Standing::Removed(_)) | None => continue,
        };
        *counted += 1;
        all.total += 1;
    }
    all
}

store::on_both!(
    MIGRATIONS,
    async fn every_row_of_the_table_of_switching_is_what_the_database_says(db: TestDb) {
        let world = World::start(&db).await;
        let cases = cases();
        let mut ways = Vec::new();
        for telling in [Telling::Told, Telling::Untold] {
            for outcome in [SwitchOutcome::Committed, SwitchOutcome::GivenUp] {
                ways.push((telling, outcome));
            }
        }
        for (number, (telling, outcome)) in (1..).zip(ways) {
            let application = format!("app{number}");
            fill(&db, &application, &cases).await;
            let switch = switch(number).replace("crm", &application);
            let told = telling == Telling::Told;
            let foreseen = world.preview(&application, "1", "2", told).await;
            assert_eq!(foreseen, world.preview(&application, "1", "2", told).await);
            let said = foresight(&cases, telling);
            let said = PreviewMoveResponse {
                mailed: foreseen.mailed,
                ..said
            };
            assert_eq!(foreseen, said, "{telling:?}");
            let moved = world.move_all(&switch, "1", "2", told).await;
            assert_eq!(
                (foreseen.total, foreseen.mailed),
                (moved.total, moved.mailed)
            );
            let come = cases.iter().filter(|case| case.source.carried().is_some());
            assert_eq!(moved.total, i64::try_from(come.count()).unwrap());
            world.close(&switch).await.unwrap();
            world.settle(&switch, outcome).await.unwrap();

            let expected: Vec<Outcome> = cases
                .iter()
                .map(|case| {
                    let (committed, given_up) = outcomes(*case, telling);
                    match outcome {
                        SwitchOutcome::Committed => committed,
                        _ => given_up,
                    }
                })
                .collect();
            let seen = seen(&db, &application, cases.len()).await;
            for ((case, seen), expected) in cases.iter().zip(&seen).zip(&expected) {
                assert_eq!(seen, expected, "{case:?} {telling:?} {outcome:?}");
            }
            let failed =
                |standing: &Option<Standing>| matches!(standing, Some(Standing::Failed(_)));
            if outcome == SwitchOutcome::Committed {
                let newly = cases.iter().zip(&seen).filter(|(case, seen)| {
                    failed(&seen.standing) && case.source.carried().is_some()
                });
                assert_eq!(moved.failed, i64::try_from(newly.count()).unwrap());
            }
        }
        world.finish().await;
    }
);
