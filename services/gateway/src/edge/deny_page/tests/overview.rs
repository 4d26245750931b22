//! The page of everything that a tenant has agreed to.

use super::*;

const NAME: &str = "tenants/acme/applications/crm/provisionings/2.0";

fn entry(version: &str, state: wire::ProvisioningState, in_use: bool) -> wire::ConsentEntry {
    wire::ConsentEntry {
        provisioning: format!("tenants/acme/applications/crm/provisionings/{version}"),
        application_display_name: "Customers & <Co>".to_owned(),
        version: version.to_owned(),
        state: state.into(),
        time: Some(wire_time("2026-11-22T08:30:00Z")),
        actor: "consent link, from 192.0.2.7".to_owned(),
        consent_basis: match state {
            wire::ProvisioningState::Provisioned => wire::ConsentBasis::Accepted.into(),
            _ => wire::ConsentBasis::Unspecified.into(),
        },
        in_use,
        denial: match state {
            wire::ProvisioningState::Denied => wire::OfferStatus::DeniedInForce.into(),
            _ => wire::OfferStatus::Unspecified.into(),
        },
        typed_word: "crm".to_owned(),
    }
}

async fn agreed() -> World {
    let world = edge().await;
    world.provisioning.agreed(vec![
        entry("2.0", wire::ProvisioningState::Provisioned, true),
        entry("1.0", wire::ProvisioningState::Denied, false),
        entry("3.0", wire::ProvisioningState::PendingAcceptance, false),
    ]);
    world
}

async fn withdraw(world: &World, fields: &[(&str, &str)], body: &str) -> Answer {
    let mut fields = fields.to_vec();
    fields.push(("Content-Type", FORM));
    let path = format!("/consent/{TOKEN}?all");
    send(world.at().edge, "POST", &path, &fields, body)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_tenant_reads_what_it_has_agreed_to_and_looking_changes_nothing() {
    let world = agreed().await;
    for method in ["HEAD", "GET", "GET"] {
        let page = visit(&world, method, &format!("{TOKEN}?all"), &[]).await;
        assert_eq!(page.status, 200);
        if method == "GET" {
            assert!(
                !page.body.contains(TOKEN),
                "the token is in the address alone"
            );
            assert!(!seen(&page).contains("checked"));
            assert_eq!(
                page.body.matches("type=\"radio\"").count(),
                1,
                "only what was agreed can be withdrawn"
            );
        }
    }
    let page = visit(&world, "GET", &format!("{TOKEN}?all"), &[]).await;
    insta::assert_snapshot!("overview", seen(&page));
    let page = visit(&world, "GET", &format!("{TOKEN}?lang=de&all"), &[]).await;
    insta::assert_snapshot!("overview_in_german", seen(&page));
    let accept = [("Accept", "application/json")];
    let told = visit(&world, "GET", &format!("{TOKEN}?all"), &accept).await;
    assert!(
        told.body.contains("\"state\":\"denied, in force\""),
        "{}",
        told.body
    );
    assert!(
        !told.body.contains("crm\""),
        "programs are not told the word"
    );
    let nowhere = visit(&world, "GET", "nowhere?all", &[]).await;
    assert_eq!(nowhere.status, 404);
    assert_eq!(world.provisioning.withdrawals(), []);
    world.end().await;
}

#[tokio::test]
async fn a_tenant_withdraws_by_the_rules_of_every_form() {
    let world = agreed().await;
    let chosen = format!("form_token={FORM_TOKEN}&provisioning={NAME}&typed=Crm");
    let foreign = [("Sec-Fetch-Site", "cross-site")];
    let unchosen = format!("form_token={FORM_TOKEN}&typed=crm");
    let unsigned = format!("form_token=&provisioning={NAME}&typed=crm");
    let long = format!("{chosen}{}", "x".repeat(101));
    for (fields, body, status) in [
        (&foreign[..], &chosen, 403),
        (&A_PERSON, &unchosen, 422),
        (&A_PERSON, &unsigned, 400),
        (&A_PERSON, &long, 400),
    ] {
        let answer = withdraw(&world, fields, body).await;
        assert_eq!(answer.status, status, "{body}");
    }
    for (refused, status) in [
        (reason::GESTURE_MISSING, 422),
        (reason::FORM_TOO_FAST, 409),
        (reason::FORM_STALE, 409),
        (reason::TOKEN_EXPIRED, 410),
    ] {
        let problem = Problem::failed_precondition(refused.clone(), "no");
        world.provisioning.refuse_with(Some(problem));
        let page = withdraw(&world, &A_PERSON, &chosen).await;
        assert_eq!(page.status, status, "{refused}");
    }
    world.provisioning.refuse_with(None);
    assert_eq!(
        world.provisioning.withdrawals(),
        [],
        "nothing was decided so far"
    );

    let answer = withdraw(&world, &A_PERSON, &chosen).await;
    assert_eq!(answer.status, 303);
    let location = format!("/consent/{TOKEN}?all");
    assert_eq!(answer.field("location"), location);
    let [withdrawn] = &world.provisioning.withdrawals()[..] else {
        panic!("not one withdrawal");
    };
    assert_eq!(
        (withdrawn.provisioning.as_str(), withdrawn.typed.as_str()),
        (NAME, "Crm")
    );
    assert_eq!(withdrawn.origin.clone().unwrap().address, "127.0.0.1");
    let page = visit(&world, "GET", &format!("{TOKEN}?all"), &[]).await;
    assert!(page.body.contains("denied, in force") && !page.body.contains("<form"));
    world.end().await;
}

#[tokio::test]
async fn a_page_says_how_many_people_a_denial_locks_out_where_that_is_known() {
    let world = edge().await;
    for (users, said) in [
        (0, None),
        (1, Some("That is 1 person.")),
        (250, Some("That is 250 people.")),
    ] {
        let offer = wire::Offer {
            tenant_users: users,
            ..open()
        };
        world.provisioning.offer(TOKEN, offer);
        let page = visit(&world, "GET", TOKEN, &[]).await;
        match said {
            Some(said) => assert!(page.body.contains(said), "{users}"),
            None => assert!(!page.body.contains("That is")),
        }
    }
    world.end().await;
}
