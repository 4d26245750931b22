//! Who looks at links like a machine is seen by the operator, and decides nothing.

use super::*;

async fn open_as(world: &World, token: &str, user_agent: &str, head: bool) -> GetOfferResponse {
    let request = GetOfferRequest {
        token: token.to_owned(),
        gesture: true,
        origin: Some(Origin {
            address: "198.51.100.9".to_owned(),
            user_agent: user_agent.to_owned(),
        }),
        head,
    };
    world.page().get_offer(request).await.unwrap().into_inner()
}

async fn visits(world: &World) -> Vec<OfferVisit> {
    let request = ListOfferVisitsRequest {
        name: name("acme", "2"),
    };
    let answer = world.consent().list_offer_visits(request).await;
    answer.unwrap().into_inner().visits
}

store::on_both!(
    MIGRATIONS,
    async fn what_looks_like_a_scanner_is_counted_for_the_operator_and_presses_nothing(db: TestDb) {
        let world = with_two(&db).await;
        world.switch(2, "1", "2", true).await;
        let token = world.token("acme", "2").await;
        let person = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
        open_as(&world, &token, person, false).await;
        assert_eq!(visits(&world).await, [], "of a person nothing is kept");

        open_as(&world, &token, "Barracuda Sentinel", false).await;
        world.minutes(1);
        open_as(&world, &token, "Barracuda Sentinel", false).await;
        open_as(&world, &token, person, true).await;
        let form = open_as(&world, &token, person, false).await.form_token;
        for typed in ["crm", "", "yes"] {
            let sent = world.send_form(&token, &form, Decision::Deny, typed).await;
            assert!(sent.is_err());
        }
        let seen = visits(&world).await;
        let mut told: Vec<_> = seen
            .iter()
            .map(|visit| (visit.user_agent.as_str(), visit.opened, visit.sent))
            .collect();
        told.sort_unstable();
        assert_eq!(
            told,
            [
                ("Barracuda Sentinel", 2, 0),
                ("Browser", 0, 3),
                (person, 1, 0)
            ]
        );
        let scanner = seen.iter().find(|visit| visit.opened == 2).unwrap();
        assert_eq!(scanner.address, "198.51.100.9");
        let (first, last) = (scanner.first_time.unwrap(), scanner.last_time.unwrap());
        assert_eq!(last.seconds - first.seconds, 60);
        assert_eq!(
            world.state("acme", "2").await,
            ProvisioningState::Provisioned
        );
        // However many names a machine has, the record stays small.
        for number in 0..120 {
            open_as(&world, &token, &format!("bot {number}"), false).await;
        }
        assert_eq!(visits(&world).await.len(), 100);
        world.finish().await;
    }
);
