//! Following provisionings: nothing is missed and nothing is heard twice.

use super::*;

type Heard = (
    String,
    ProvisioningEvent,
    ProvisioningState,
    ProvisioningState,
);

/// Follows until this many changes were heard, or until the position where there is nothing to hear.
struct Follower {
    request: WatchProvisioningsRequest,
    present: Vec<Provisioning>,
    heard: Vec<Heard>,
}

impl Follower {
    fn of(parent: &str) -> Self {
        Self {
            request: WatchProvisioningsRequest {
                parent: parent.to_owned(),
                ..Default::default()
            },
            present: Vec::new(),
            heard: Vec::new(),
        }
    }

    /// Opens a stream at this replica and listens until `enough`.
    async fn listen(
        &mut self,
        client: runtime::Client,
        enough: impl Fn(&Self) -> bool,
    ) -> Result<(), Problem> {
        let mut client = provisioning_service_client::ProvisioningServiceClient::new(client);
        let stream = client.watch_provisionings(self.request.clone()).await?;
        let mut stream = stream.into_inner();
        let listening = async {
            while !enough(self) {
                let message = stream.message().await?;
                let message = message.ok_or_else(|| Problem::broken("the stream ended"))?;
                assert!(self.request.after.is_empty() || message.provisionings.is_empty());
                self.present.extend(message.provisionings);
                self.heard.extend(message.changes.into_iter().map(|change| {
                    let (event, before, after) =
                        (change.event(), change.previous_state(), change.state());
                    (change.provisioning, event, before, after)
                }));
                if !message.position.is_empty() {
                    self.request.after = message.position;
                }
            }
            Ok(())
        };
        let listened = tokio::time::timeout(Duration::from_secs(60), listening).await;
        listened.expect("what was to be heard never came")
    }

    fn began(&self) -> bool {
        !self.request.after.is_empty()
    }
}

store::on_both!(
    MIGRATIONS,
    async fn whoever_follows_hears_each_change_once_over_reconnects_and_replicas(db: TestDb) {
        let world = with_two(&db).await;
        let other = world.replica().await;
        let operator = runtime::Credentials::claimed(contract::Role::OperatorAdmin, "people/anna");
        let operator = operator.unwrap();
        let replicas = [&world.endpoint, &other]
            .map(|endpoint| runtime::connect_lazy(endpoint, &operator).unwrap());
        let mut follower = Follower::of("tenants/-");
        follower
            .listen(replicas[0].clone(), Follower::began)
            .await
            .unwrap();
        let names: Vec<_> = follower
            .present
            .iter()
            .map(|row| row.name.clone())
            .collect();
        assert_eq!(names, [name("acme", "1"), name("beta", "1")]);
        let beginning = follower.request.after.clone();
        for number in 0..9 {
            let tenant = format!("t{number}");
            world.add_tenant(&tenant, 1).await;
            world.give(&tenant, "1").await;
            // With each change the stream breaks, and goes on elsewhere.
            let (heard, client) = (follower.heard.len(), replicas[number % 2].clone());
            let listened = follower.listen(client, |it| it.heard.len() > heard).await;
            listened.unwrap();
        }
        world.switch(2, "1", "2", false).await;
        let moved = |it: &Follower| {
            let applied = it.heard.iter().filter(|(name, event, ..)| {
                name.ends_with("/2") && *event == ProvisioningEvent::Applied
            });
            applied.count() >= 11
        };
        follower.listen(replicas[0].clone(), moved).await.unwrap();
        let mut seen = follower.heard.clone();
        seen.sort();
        seen.dedup();
        assert_eq!(
            seen.len(),
            follower.heard.len(),
            "something was heard twice"
        );
        for number in 0..9 {
            for version in ["1", "2"] {
                let name = name(&format!("t{number}"), version);
                let of_it = follower.heard.iter().filter(|(heard, ..)| *heard == name);
                let states: Vec<_> = of_it
                    .map(|(_, _, before, after)| (*before, *after))
                    .collect();
                assert_eq!(states.first().unwrap().0, ProvisioningState::Unspecified);
                assert_eq!(states.last().unwrap().1, ProvisioningState::Provisioned);
                let joins = states.windows(2).all(|pair| pair[0].1 == pair[1].0);
                assert!(joins, "a gap: {states:?}");
            }
        }
        // Whoever comes late hears the same changes.
        let mut late = Follower::of("tenants/-");
        late.request.after = beginning;
        late.listen(replicas[1].clone(), moved).await.unwrap();
        let without_arrivals = |heard: &[Heard]| {
            let changes = heard
                .iter()
                .filter(|(_, event, ..)| *event != ProvisioningEvent::Applied);
            changes
                .map(|(name, event, ..)| (name.clone(), *event))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            without_arrivals(&late.heard),
            without_arrivals(&follower.heard)
        );
        drop(replicas);
        world.finish().await;
    }
);

store::on_both!(
    MIGRATIONS,
    async fn users_are_let_in_or_refused_everywhere_once_every_gateway_says_so(db: TestDb) {
        use ProvisioningState::{Deprovisioning, Provisioned, Provisioning, Removed};
        let world = with_two(&db).await;
        world.catalog.join("g-1");
        world.catalog.join("g-2");
        let mut follower = Follower::of("tenants/gama");
        follower
            .listen(world.operator(), Follower::began)
            .await
            .unwrap();
        world.add_tenant("gama", 1).await;
        // The list of members is a second old at most.
        let outstanding = async |tenant: &str, state: ProvisioningState| {
            world.add_tenant(tenant, 1).await;
            let made = world.create(tenant, "1", true).await.unwrap();
            made.state() == state
        };
        let mut number = 0;
        while !outstanding(&format!("w{number}"), Provisioning).await {
            number += 1;
        }
        let made = world.create("gama", "1", true).await.unwrap();
        assert_eq!(made.state(), Provisioning);
        assert!(made.state_message.contains("Not every gateway"), "{made:?}");
        let mut one = Gateway::connect(&world.endpoint, "g-1", "", 0)
            .await
            .unwrap();
        let mut other = Gateway::connect(&world.endpoint, "g-2", "", 0)
            .await
            .unwrap();
        let let_in = "admitted";
        one.apply_until("gama", "1", let_in).await;
        assert_eq!(
            world.state("gama", "1").await,
            Provisioning,
            "one of two has it"
        );
        other.apply_until("gama", "1", let_in).await;
        let arrived = |count: usize| {
            move |it: &Follower| {
                let applied = |heard: &&Heard| heard.1 == ProvisioningEvent::Applied;
                it.heard.iter().filter(applied).count() == count
            }
        };
        follower.listen(world.operator(), arrived(1)).await.unwrap();
        assert_eq!(world.state("gama", "1").await, Provisioned);
        // A gateway that joins has yet to hear everything, and lets nobody in before.
        world.catalog.join("g-3");
        let request = RemoveProvisioningRequest {
            tenant: "tenants/gama".to_owned(),
            application: "applications/crm".to_owned(),
            reason: String::new(),
        };
        let removed = world.provisionings().remove_provisioning(request).await;
        let removed = removed.unwrap().into_inner().provisionings;
        assert_eq!(removed[0].state(), Deprovisioning);
        assert_eq!(
            world.state("acme", "1").await,
            Provisioned,
            "it was everywhere"
        );
        let mut third = Gateway::connect(&world.endpoint, "g-3", "", 0)
            .await
            .unwrap();
        let refused = "REFUSAL_REASON_REMOVED";
        one.apply_until("gama", "1", refused).await;
        other.apply_until("gama", "1", refused).await;
        third.apply_until("gama", "1", refused).await;
        follower.listen(world.operator(), arrived(2)).await.unwrap();
        let states: Vec<_> = follower
            .heard
            .iter()
            .map(|(_, _, _, after)| *after)
            .collect();
        assert_eq!(states, [Provisioning, Provisioned, Deprovisioning, Removed]);
        drop((one, other, third));
        world.finish().await;
    }
);

store::on_both!(
    MIGRATIONS,
    async fn lists_and_watches_have_what_is_asked_for_and_no_more(db: TestDb) {
        let world = with_two(&db).await;
        world.switch(2, "1", "2", true).await;
        let token = world.token("acme", "2").await;
        world.decide(&token, Decision::Deny).await.unwrap();
        let list = async |application: &str, version: &str, states: &[ProvisioningState]| {
            let request = ListProvisioningsRequest {
                parent: "tenants/-".to_owned(),
                application: application.to_owned(),
                version: version.to_owned(),
                states: states.iter().map(|state| (*state).into()).collect(),
                ..Default::default()
            };
            let page = world.provisionings().list_provisionings(request).await;
            let names = page.map_err(Problem::from)?.into_inner().provisionings;
            Ok::<_, Problem>(names.into_iter().map(|row| row.name).collect::<Vec<_>>())
        };
        let second = "applications/crm/versions/2";
        let (denied, provisioned) = (ProvisioningState::Denied, ProvisioningState::Provisioned);
        let all = list("", second, &[]).await.unwrap();
        assert_eq!(all, [name("acme", "2"), name("beta", "2")]);
        assert_eq!(list("", "", &[denied]).await.unwrap(), [name("acme", "2")]);
        let let_in = list("applications/crm", second, &[provisioned]).await;
        assert_eq!(let_in.unwrap(), [name("beta", "2")]);
        assert_eq!(list("", second, &[denied, provisioned]).await.unwrap(), all);
        let requested = [ProvisioningState::Requested];
        assert!(list("", "", &requested).await.unwrap().is_empty());
        for wrong in [
            list("applications/erp", second, &[]).await,
            list("", "versions/2", &[]).await,
            list("", "", &[ProvisioningState::Unspecified]).await,
            list("", "", &[denied; 9]).await,
        ] {
            assert_eq!(reason_of(wrong), reason::INVALID_FIELDS);
        }

        let mut follower = Follower::of("tenants/-");
        follower.request.states = vec![denied.into()];
        follower.request.version = second.to_owned();
        follower
            .listen(world.operator(), Follower::began)
            .await
            .unwrap();
        assert_eq!(follower.present.len(), 1);
        world.decide(&token, Decision::Accept).await.unwrap();
        let beta = world.token("beta", "2").await;
        world.decide(&beta, Decision::Deny).await.unwrap();
        let both = |it: &Follower| it.heard.len() >= 2;
        follower.listen(world.operator(), both).await.unwrap();
        let heard: Vec<_> = follower.heard.iter().map(|heard| heard.0.clone()).collect();
        assert_eq!(
            heard,
            [name("acme", "2"), name("beta", "2")],
            "away, and there"
        );

        let mut wrong = Follower::of("tenants/-");
        for after in ["r1", "c999.0.0", "c0.0.999"] {
            wrong.request.after = after.to_owned();
            let refused = wrong.listen(world.operator(), |_| false).await;
            assert!(refused.is_err(), "{after}");
        }
        let own = world.client(contract::Role::TenantAdmin, "tenants/acme");
        let foreign = Follower::of("tenants/beta")
            .listen(own.clone(), |_| false)
            .await;
        assert_eq!(foreign.unwrap_err().code(), contract::Code::NotFound);
        let mut follower = Follower::of("tenants/-");
        follower.listen(own, Follower::began).await.unwrap();
        let ours = follower
            .present
            .iter()
            .all(|row| row.name.starts_with("tenants/acme/"));
        assert!(ours && !follower.present.is_empty());
        world.finish().await;
    }
);
