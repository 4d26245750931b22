//! A catalog with everything around it.

use std::net::SocketAddr;

use ::store::{DatabaseUrl, testing::TestDb};
use contract::Problem;
use runtime::{Client, Clock, Credentials, Endpoint, ServiceArgs, Shell, connect_lazy};
use wire::{
    application_service_client::ApplicationServiceClient, fleet_service_client::FleetServiceClient,
    switch_service_client::SwitchServiceClient,
};

use super::{peers::Peers, soon, upstream::Upstream, wire};
use crate::Config;

/// A catalog with everything around it. The database outlives it.
pub(crate) struct World {
    around: Shell,
    pub(super) shell: Shell,
    pub(super) url: DatabaseUrl,
    pub(super) clock: Clock,
    pub(super) address: SocketAddr,
    pub(super) peers: Peers,
    pub(super) upstream: Upstream,
    /// For how long traffic is kept by catalogs that are started from now on.
    pub(super) keep_traffic_hours: u16,
    keys: tempfile::TempDir,
    _database: TestDb,
}

/// Who calls unless it matters.
pub(super) const ANNA: &str = "people/anna";

impl World {
    pub(super) async fn start(database: &TestDb) -> Self {
        Self::start_at(database, Clock::real()).await
    }

    /// Deadlines come when the test moves the clock, and not before.
    pub(super) async fn simulated(database: &TestDb) -> Self {
        let start = jiff::Timestamp::from_second(1_800_000_000).unwrap();
        Self::start_at(database, Clock::simulated(start, 1)).await
    }

    async fn start_at(database: &TestDb, clock: Clock) -> Self {
        let around = Shell::for_tests();
        let peers = Peers::start(&around).await;
        let upstream = Upstream::start(&around).await;
        let shell = Shell::for_tests_with(clock.clone());
        let url = database.url().clone();
        let keys = tempfile::tempdir().unwrap();
        let keep_traffic_hours = crate::config::KEEP_TRAFFIC_HOURS;
        let address = serve(&url, &peers, &keys, keep_traffic_hours, &shell).await;
        Self {
            around,
            shell,
            url,
            clock,
            address,
            peers,
            upstream,
            keep_traffic_hours,
            keys,
            _database: database.clone(),
        }
    }

    /// Starts one more replica on the same database; it ends with the shell that is returned.
    pub(super) async fn replica(&self) -> (Shell, SocketAddr) {
        let shell = Shell::for_tests_with(self.clock.clone());
        let address = self.serve(&shell).await;
        (shell, address)
    }

    /// Kills the catalog in the middle of whatever it does, and starts another one.
    pub(super) async fn crash(&mut self) {
        self.kill().await;
        self.shell = Shell::for_tests_with(self.clock.clone());
        self.address = self.serve(&self.shell).await;
    }

    async fn serve(&self, shell: &Shell) -> SocketAddr {
        let (url, peers, keys) = (&self.url, &self.peers, &self.keys);
        serve(url, peers, keys, self.keep_traffic_hours, shell).await
    }

    /// Kills the catalog in the middle of whatever it does.
    pub(super) async fn kill(&mut self) {
        self.shell.cut();
        self.shell.stop();
        drop(self.shell.drained(std::time::Duration::ZERO).await);
    }

    pub(super) async fn finish(self) {
        self.shell.finish_test().await;
        self.around.finish_test().await;
    }

    fn client(&self, role: contract::Role, subject: &str) -> Client {
        client(self.address, role, subject)
    }

    pub(super) fn applications(&self) -> ApplicationServiceClient<Client> {
        ApplicationServiceClient::new(self.client(contract::Role::OperatorAdmin, ANNA))
    }

    pub(super) fn switches(&self) -> SwitchServiceClient<Client> {
        SwitchServiceClient::new(self.client(contract::Role::OperatorAdmin, ANNA))
    }

    pub(super) fn fleet(&self) -> FleetServiceClient<Client> {
        FleetServiceClient::new(self.client(contract::Role::OperatorAdmin, ANNA))
    }

    /// Creates `applications/crm` with a hold of half a minute: a slow machine is no reason to give up.
    pub(super) async fn create_crm(&self) {
        self.create_crm_with(wire::SwitchPolicy::default()).await;
    }

    async fn create_crm_with(&self, policy: wire::SwitchPolicy) {
        let seconds = |seconds| Some(prost_types::Duration { seconds, nanos: 0 });
        let request = wire::CreateApplicationRequest {
            application_id: "crm".to_owned(),
            application: Some(wire::Application {
                display_name: "Customers".to_owned(),
                policy: Some(wire::SwitchPolicy {
                    prepare_timeout: seconds(60),
                    hold_timeout: seconds(30),
                    drain_timeout: seconds(30),
                    ..policy
                }),
                ..wire::Application::default()
            }),
            request_id: String::new(),
        };
        self.applications()
            .create_application(request)
            .await
            .unwrap();
    }

    /// Registers a version of `applications/crm`; returns its name.
    pub(super) async fn create_version(&self, id: &str) -> String {
        let created = self
            .applications()
            .create_version(self.version_request(id))
            .await
            .unwrap();
        created.into_inner().version.unwrap().name
    }

    pub(super) fn version_request(&self, id: &str) -> wire::CreateVersionRequest {
        wire::CreateVersionRequest {
            parent: "applications/crm".to_owned(),
            version_id: id.to_owned(),
            version: Some(wire::Version {
                upstream: self.upstream.url(),
                roles: vec![wire::Role {
                    name: format!("admin-{id}"),
                    description: "May do all.".to_owned(),
                }],
                ..wire::Version::default()
            }),
            request_id: String::new(),
        }
    }

    /// Puts a version in test; returns the tester token.
    pub(super) async fn register(&self, version: &str) -> String {
        let request = wire::RegisterToTestRequest {
            version: version.to_owned(),
            reason: "a look".to_owned(),
        };
        let registered = self.switches().register_to_test(request).await.unwrap();
        registered.into_inner().tester_token
    }

    /// Confirms the update to a version in test.
    pub(super) async fn confirm(&self, version: &str) -> Result<wire::Switch, Problem> {
        self.confirm_as(version, "").await
    }

    pub(super) async fn confirm_as(
        &self,
        version: &str,
        request_id: &str,
    ) -> Result<wire::Switch, Problem> {
        let request = wire::ConfirmUpdateRequest {
            version: version.to_owned(),
            request_id: request_id.to_owned(),
            reason: "it is time".to_owned(),
            etag: String::new(),
        };
        let confirmed = self.switches().confirm_update(request).await?;
        Ok(confirmed.into_inner().switch.unwrap())
    }

    /// Creates `applications/crm` with an active version `1` and a version `2` in test, before any
    /// gateway has joined; returns their names.
    pub(super) async fn crm_on_one(&self) -> (String, String) {
        self.create_crm().await;
        self.on_one().await
    }

    /// The same in fleet mode fenced, with leases of half a minute.
    pub(super) async fn fenced_crm_on_one(&self) -> (String, String) {
        let policy = wire::SwitchPolicy {
            fleet_mode: wire::FleetMode::Fenced.into(),
            ..wire::SwitchPolicy::default()
        };
        self.create_crm_with(policy).await;
        self.on_one().await
    }

    /// The same with a watch over what follows.
    pub(super) async fn watched_crm_on_one(&self, bake: wire::Bake) -> (String, String) {
        let policy = wire::SwitchPolicy {
            bake: Some(bake),
            ..wire::SwitchPolicy::default()
        };
        self.create_crm_with(policy).await;
        self.on_one().await
    }

    async fn on_one(&self) -> (String, String) {
        let (one, two) = (
            self.create_version("1").await,
            self.create_version("2").await,
        );
        self.register(&one).await;
        let first = self.confirm(&one).await.unwrap();
        let ended = self.ended(&first.name).await;
        assert_eq!(ended.state(), wire::SwitchState::Succeeded);
        self.register(&two).await;
        (one, two)
    }

    /// Returns the members of the fleet, by name.
    pub(super) async fn gateways(&self) -> Vec<wire::Gateway> {
        let request = wire::ListGatewaysRequest::default();
        let listed = self.fleet().list_gateways(request).await.unwrap();
        listed.into_inner().gateways
    }

    /// Returns a member as it is listed.
    pub(super) async fn gateway(&self, name: &str) -> Option<wire::Gateway> {
        let name = format!("gateways/{name}");
        let all = self.gateways().await;
        all.into_iter().find(|gateway| gateway.name == name)
    }

    /// Waits until a member is listed in some way.
    pub(super) async fn until_gateway(
        &self,
        name: &str,
        what: &str,
        holds: impl Fn(&wire::Gateway) -> bool,
    ) {
        soon(what, async {
            while !self
                .gateway(name)
                .await
                .is_some_and(|gateway| holds(&gateway))
            {}
        })
        .await;
    }

    pub(super) async fn evict(&self, name: &str) -> Result<(), Problem> {
        let request = wire::EvictGatewayRequest {
            name: format!("gateways/{name}"),
            reason: "burnt".to_owned(),
        };
        self.fleet().evict_gateway(request).await?;
        Ok(())
    }

    pub(super) async fn application(&self) -> wire::Application {
        let request = wire::GetApplicationRequest {
            name: "applications/crm".to_owned(),
        };
        let got = self.applications().get_application(request).await.unwrap();
        got.into_inner().application.unwrap()
    }

    pub(super) async fn version(&self, name: &str) -> wire::Version {
        let request = wire::GetVersionRequest {
            name: name.to_owned(),
        };
        let got = self.applications().get_version(request).await.unwrap();
        got.into_inner().version.unwrap()
    }

    /// Waits for a switch to satisfy something.
    pub(super) async fn until(
        &self,
        name: &str,
        what: &str,
        mut holds: impl FnMut(&wire::Switch) -> bool,
    ) -> wire::Switch {
        let request = wire::WatchSwitchRequest {
            name: name.to_owned(),
        };
        let mut stream = self
            .switches()
            .watch_switch(request)
            .await
            .unwrap()
            .into_inner();
        let mut last = None;
        let found = soon(what, async {
            while let Some(response) = stream.message().await.unwrap() {
                let switch = response.switch.unwrap();
                if holds(&switch) {
                    return Some(switch);
                }
                last = Some(switch);
            }
            None
        });
        found
            .await
            .unwrap_or_else(|| panic!("{what} did not come before the end: {last:?}"))
    }

    pub(super) async fn in_state(&self, name: &str, state: wire::SwitchState) -> wire::Switch {
        self.until(name, state.as_str_name(), |switch| switch.state() == state)
            .await
    }

    pub(super) async fn ended(&self, name: &str) -> wire::Switch {
        self.until(name, "the end", |switch| switch.end_time.is_some())
            .await
    }

    /// Waits until no switch is open.
    pub(super) async fn until_free(&self) {
        let open = self.application().await.open_switch;
        if !open.is_empty() {
            self.ended(&open).await;
        }
    }

    pub(super) async fn cancel(&self, name: &str) -> Result<wire::Switch, Problem> {
        let request = wire::CancelSwitchRequest {
            name: name.to_owned(),
            reason: "not today".to_owned(),
        };
        let cancelled = self.switches().cancel_switch(request).await?;
        Ok(cancelled.into_inner().switch.unwrap())
    }

    pub(super) async fn history(&self) -> Vec<wire::HistoryEntry> {
        let request = wire::ListHistoryRequest {
            parent: "applications/crm".to_owned(),
            ..wire::ListHistoryRequest::default()
        };
        self.switches()
            .list_history(request)
            .await
            .unwrap()
            .into_inner()
            .entries
    }
}

pub(super) fn client(address: SocketAddr, role: contract::Role, subject: &str) -> Client {
    let credentials = Credentials::claimed(role, subject).unwrap();
    connect_lazy(&Endpoint::from(address), &credentials).unwrap()
}

async fn serve(
    url: &DatabaseUrl,
    peers: &Peers,
    keys: &tempfile::TempDir,
    keep_traffic_hours: u16,
    shell: &Shell,
) -> SocketAddr {
    let config = Config {
        service: ServiceArgs {
            listen: Some("127.0.0.1:0".parse().unwrap()),
            ..ServiceArgs::default()
        },
        database: url.clone(),
        provisioning: Endpoint::from(peers.address),
        notification: Endpoint::from(peers.address),
        receipt_key: Some(keys.path().join("receipt.key")),
        operator: "op".parse().unwrap(),
        apps_url: "http://example.com:8080".parse().unwrap(),
        edge_url: "http://localhost:8081".parse().unwrap(),
        allow_loopback_upstreams: true,
        keep_traffic_hours,
    };
    crate::start(config, shell.clone()).await.unwrap()
}
