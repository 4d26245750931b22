//! The table of states, row by row through the database.

use contract::{ProvisioningName, Revision, TenantId};

use super::*;
use crate::{
    applied,
    consent::{
        Consent, Event, Since,
        apply::{Applied, Place, Writer},
        state::{Gateways, Mail, Outstanding, State},
        states::{Case, Happening, Outcome, cases, happenings, outcome},
    },
    outstanding,
    provisioning::Provisioning,
    service::Service,
    store::{applications, grants, offers, outbox, provisionings, tenants},
    tenant::{Contact, Profile, Tenant},
};

const NOTICE: &str = "the-notice-of-the-row-";

fn since(at: jiff::Timestamp) -> Since {
    Since {
        at,
        actor: "people/anna".to_owned(),
        note: String::new(),
    }
}

/// Writes a tenant with a row as the case has it; a lacking gateway has applied everything before it.
async fn write(service: &Service, id: &TenantId, case: &Case) -> ProvisioningName {
    let at = service.now();
    let name: ProvisioningName = name(id.as_str(), "2").parse().unwrap();
    let contact = Contact {
        email: format!("{id}@example.org").parse().unwrap(),
        display_name: None,
    };
    let tenant = Tenant {
        id: id.clone(),
        profile: Profile {
            display_name: "One".parse().unwrap(),
            contacts: vec![contact],
            users: None,
        },
        request: None,
        revision: provisionings::first(),
        created_at: at,
        updated_at: at,
    };
    let written: Result<(), crate::error::Error> = store::write!(service.db, |tx| {
        tenants::insert(tx, &tenant).await?;
        let application = "crm".parse().unwrap();
        applications::call(tx, &application, "Customers").await?;
        let Some(consent) = &case.row else {
            return Ok(());
        };
        let granted_at = match case.outstanding.gateways {
            Gateways::Have => Revision::ZERO,
            Gateways::Lack => grants::advance(tx).await?,
        };
        let row = Provisioning {
            name: name.clone(),
            consent: Consent {
                since: since(at),
                ..consent.clone()
            },
            created_at: at,
            revision: provisionings::first(),
            granted_at,
        };
        provisionings::put(tx, &row).await?;
        if case.outstanding.mail == Mail::Waiting {
            let notice = format!("{NOTICE}{id}");
            let empty = Notice::default();
            crate::notices::queue_as(tx, service, &notice, &empty, at).await?;
            let offer = crate::consent::offer::Offer {
                hash: format!("hash-{id}"),
                name: name.clone(),
                purpose: crate::consent::offer::Purpose::Accept,
                switch: None,
                source: None,
                created_at: at,
                expires_at: at + service.offer_lifetime,
                validity: crate::consent::offer::Validity::Good,
            };
            offers::insert(tx, &format!("offer-{id}"), &offer, &notice).await?;
        }
        Ok(())
    });
    written.unwrap();
    name
}

/// Lets it happen, as the service does.
async fn happen(
    service: &Service,
    name: &ProvisioningName,
    happening: &Happening,
) -> Result<bool, contract::Problem> {
    let at = service.now();
    match happening {
        Happening::Event(event) => decide(service, name, event).await,
        Happening::MailHandedOver => {
            let notice = format!("{NOTICE}{}", name.tenant);
            let done: Result<(), store::Error> =
                store::write!(service.db, |tx| outbox::done(tx, &notice, at).await);
            done.unwrap();
            Ok(true)
        }
        Happening::Applied => {
            let noted: Result<(), store::Error> = store::write!(service.db, |tx| {
                let head = grants::head(tx).await?;
                crate::store::applied::note(tx, head.revision, at).await
            });
            noted.unwrap();
            Ok(true)
        }
    }
}

async fn decide(
    service: &Service,
    name: &ProvisioningName,
    event: &Event,
) -> Result<bool, contract::Problem> {
    let by = since(service.now());
    let changed = store::write!(service.db, |tx| {
        let tenant = tenants::find(tx, &name.tenant).await?.unwrap();
        let application = applications::find(tx, &name.application).await?;
        let place = Place {
            tenant: &tenant,
            application: &application,
            version: &name.version,
            source: None,
        };
        let row = provisionings::find(tx, name).await?;
        let mut writer = Writer::new(service, by.at);
        let applied = writer.apply(tx, place, row, event, &by).await?;
        Ok::<_, crate::error::Error>(matches!(applied, Applied::Changed(_)))
    });
    changed.map_err(contract::Problem::from)
}

async fn seen(service: &Service, name: &ProvisioningName) -> Option<(State, String, Outstanding)> {
    let row: Result<Option<Provisioning>, store::Error> =
        store::read!(service.db, |tx| provisionings::find(tx, name).await);
    let seen = outstanding::of(service, vec![row.unwrap()?]).await.unwrap();
    Some((seen[0].state(), seen[0].sentence(), seen[0].outstanding))
}

/// A page reads what is outstanding of all its rows at once.
async fn together_they_are_what_each_is_alone(service: &Service, names: &[ProvisioningName]) {
    let written: Result<Vec<Provisioning>, store::Error> = store::read!(service.db, |tx| {
        let mut written = Vec::new();
        for name in names {
            written.extend(provisionings::find(tx, name).await?);
        }
        Ok(written)
    });
    let together = outstanding::of(service, written.unwrap()).await.unwrap();
    assert!(together.len() > 100, "{}", together.len());
    let asked = |seen: &&outstanding::Seen| seen.until.is_some();
    assert!(together.iter().filter(asked).count() > 10);
    for one in together {
        let alone = outstanding::of(service, vec![one.row.clone()]).await;
        assert_eq!(alone.unwrap(), [one]);
    }
}

store::on_both!(
    MIGRATIONS,
    async fn every_row_of_the_table_of_states_is_what_the_database_says(db: TestDb) {
        let world = World::start(&db).await;
        // One gateway that never says anything: what is granted from now on is outstanding.
        world.catalog.join("g-1");
        world.notification.feel(Mood::Down);
        let service = world.service(&db);
        let mut rows = 0;
        let mut names = Vec::new();
        for (of_state, case) in cases().iter().enumerate() {
            for (number, (title, happening)) in happenings().iter().enumerate() {
                let id: TenantId = format!("t{of_state}x{number}").parse().unwrap();
                let name = write(&service, &id, case).await;
                let before = seen(&service, &name).await;
                assert_eq!(
                    before.as_ref().map(|(state, ..)| *state),
                    case.state,
                    "{title}"
                );
                let happened = happen(&service, &name, happening).await;
                let after = seen(&service, &name).await;
                let expected = outcome(case, happening);
                let told = format!("{title}, {:?}: {happened:?}, {after:?}", case.state);
                match &expected {
                    Outcome::Refused(_) => {
                        assert!(happened.is_err(), "{told}");
                        assert_eq!(before, after, "{told}");
                    }
                    Outcome::Same => {
                        assert!(happened.is_ok(), "{told}");
                        assert_eq!(
                            before.map(|(state, ..)| state),
                            after.map(|(state, ..)| state),
                            "{told}"
                        );
                    }
                    Outcome::Shown(state, why, sent) => {
                        assert!(happened.unwrap(), "{told}");
                        let (shown, sentence, outstanding) = after.unwrap();
                        assert_eq!((shown, &sentence), (*state, why), "{told}");
                        let mailed = sent.iter().any(|sent| sent.contains("mail"));
                        if mailed {
                            assert_eq!(outstanding.mail, Mail::Waiting, "{told}");
                        }
                    }
                }
                rows += 1;
                names.push(name);
            }
        }
        together_they_are_what_each_is_alone(&service, &names).await;
        assert_eq!(rows, 9 * 17);
        assert!(applied::at_least(&service, Revision::ZERO).await.is_ok());
        world.finish().await;
    }
);
