//! The service as others see it: started for real on a database of its own, with a catalog, a
//! notification service and gateways that tests play.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use contract::{Problem, Role, SwitchId, TimedId as _, reason};
use jiff::Timestamp;
use proto::{
    catalog::v1 as catalog,
    notification::v1::{Notice, notice, notice_service_server::NoticeServiceServer},
    provisioning::v1::{self as wire, *},
};
use runtime::{
    Access, Client, Clock, Credentials, Endpoint, Server, ServiceArgs, Shell, connect_lazy,
};
use store::testing::TestDb;
use tonic::{Request, Response, Status};

use crate::{Config, catalog::Catalog, fleet::Fleet, service::Service};

mod fake_catalog;
mod fake_notification;
mod gateway;

pub(crate) use fake_catalog::FakeCatalog;
pub(crate) use fake_notification::{FakeNotification, Mood};
pub(crate) use gateway::Gateway;

/// How long a condition may take to come true before the test fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// The service, and all that surrounds it.
pub(crate) struct World {
    pub(crate) catalog: FakeCatalog,
    pub(crate) notification: FakeNotification,
    pub(crate) clock: Clock,
    config: Config,
    /// The fakes'.
    around: Shell,
    /// The service's own.
    shell: Shell,
    pub(crate) endpoint: Endpoint,
    _folder: tempfile::TempDir,
}

impl World {
    /// Starts with an application `crm` of versions 1, 2 and 3 and nobody in it.
    pub(crate) async fn start(db: &TestDb) -> World {
        World::start_with(db, 5).await
    }

    /// Starts with this many seconds that a denial waits.
    pub(crate) async fn start_with(db: &TestDb, deny_wait: u64) -> World {
        let clock = Clock::simulated(Timestamp::from_second(1_800_000_000).unwrap(), 7);
        let around = Shell::for_tests_with(clock.clone());
        let (catalog, notification) = (FakeCatalog::default(), FakeNotification::default());
        for version in ["1", "2", "3"] {
            catalog.add_version("crm", version, true);
        }
        let at = catalog.serve(&around).await;
        let server = Server::builder(&around, Access::Open)
            .add_service(NoticeServiceServer::new(notification.clone()));
        let notices = server.serve(anywhere()).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let config = Config {
            service: ServiceArgs {
                listen: Some(anywhere()),
                ..ServiceArgs::default()
            },
            database: db.url().clone(),
            catalog: at,
            notification: notices.into(),
            seal_key: folder.path().join("seal"),
            offer_days: 14,
            deny_wait,
            own_tenant: Some("own".parse().unwrap()),
            edge_url: "https://edge.example".parse().unwrap(),
        };
        let shell = Shell::for_tests_with(clock.clone());
        let endpoint = crate::start(config.clone(), shell.clone())
            .await
            .unwrap()
            .into();
        World {
            catalog,
            notification,
            clock,
            config,
            around,
            shell,
            endpoint,
            _folder: folder,
        }
    }

    /// Stops the service and starts it again on the same database.
    pub(crate) async fn restart(&mut self) {
        let shell = Shell::for_tests_with(self.clock.clone());
        std::mem::replace(&mut self.shell, shell)
            .finish_test()
            .await;
        let started = crate::start(self.config.clone(), self.shell.clone()).await;
        self.endpoint = started.unwrap().into();
    }

    /// Starts another replica beside the service; returns its address.
    pub(crate) async fn replica(&self) -> Endpoint {
        crate::start(self.config.clone(), self.shell.clone())
            .await
            .unwrap()
            .into()
    }

    /// Ends everything; fails if anything does not end.
    pub(crate) async fn finish(self) {
        assert!(self.shell.failure().is_none(), "{:?}", self.shell.failure());
        self.shell.finish_test().await;
        self.around.finish_test().await;
    }

    /// Returns what the service works with, to call its parts beside its RPCs.
    pub(crate) fn service(&self, db: &TestDb) -> Service {
        let credentials = Credentials::claimed(Role::Service, "services/provisioning").unwrap();
        let catalog = Catalog::new(connect_lazy(&self.config.catalog, &credentials).unwrap());
        Service {
            db: db.db().clone(),
            clock: self.clock.clone(),
            seal: Arc::new(self.config.seal().unwrap()),
            fleet: Arc::new(Fleet::new(catalog.clone())),
            catalog,
            offer_lifetime: self.config.offer_lifetime(),
            deny_wait: self.config.deny_wait(),
            verifier: Arc::default(),
            keys: Arc::default(),
            issuer: self.config.issuer().into(),
            own_tenant: self.config.own_tenant.clone(),
        }
    }

    pub(crate) fn minutes(&self, minutes: u64) {
        self.clock.advance(Duration::from_secs(60 * minutes));
    }

    pub(crate) fn client(&self, role: Role, subject: &str) -> Client {
        let credentials = Credentials::claimed(role, subject).unwrap();
        connect_lazy(&self.endpoint, &credentials).unwrap()
    }

    pub(crate) fn operator(&self) -> Client {
        self.client(Role::OperatorAdmin, "people/anna")
    }

    pub(crate) fn driver(
        &self,
    ) -> switch_consent_service_client::SwitchConsentServiceClient<Client> {
        let client = self.client(Role::Service, "services/catalog");
        switch_consent_service_client::SwitchConsentServiceClient::new(client)
    }

    pub(crate) fn tenants(&self) -> tenant_service_client::TenantServiceClient<Client> {
        tenant_service_client::TenantServiceClient::new(self.operator())
    }

    pub(crate) fn provisionings(
        &self,
    ) -> provisioning_service_client::ProvisioningServiceClient<Client> {
        provisioning_service_client::ProvisioningServiceClient::new(self.operator())
    }

    pub(crate) fn batches(&self) -> batch_service_client::BatchServiceClient<Client> {
        batch_service_client::BatchServiceClient::new(self.operator())
    }

    pub(crate) fn consent(&self) -> consent_service_client::ConsentServiceClient<Client> {
        consent_service_client::ConsentServiceClient::new(self.operator())
    }

    /// Whoever holds a link: nobody known.
    pub(crate) fn page(&self) -> consent_service_client::ConsentServiceClient<Client> {
        let client = connect_lazy(&self.endpoint, &Credentials::Anonymous).unwrap();
        consent_service_client::ConsentServiceClient::new(client)
    }

    /// Creates a tenant, with one contact or without.
    pub(crate) async fn add_tenant(&self, id: &str, contacts: usize) {
        let contacts = (0..contacts).map(|number| Contact {
            email: format!("admin{number}@{id}.example"),
            display_name: String::new(),
        });
        let tenant = wire::Tenant {
            display_name: format!("Tenant {id}"),
            contacts: contacts.collect(),
            ..Default::default()
        };
        let request = CreateTenantRequest {
            tenant_id: id.to_owned(),
            tenant: Some(tenant),
            request_id: String::new(),
        };
        self.tenants().create_tenant(request).await.unwrap();
    }

    /// Gives a tenant a contact, the only one that it has from then on.
    pub(crate) async fn add_contact(&self, id: &str) {
        let tenant = wire::Tenant {
            name: format!("tenants/{id}"),
            contacts: vec![Contact {
                email: format!("admin@{id}.example"),
                display_name: String::new(),
            }],
            ..Default::default()
        };
        let request = UpdateTenantRequest {
            tenant: Some(tenant),
            update_mask: Some(prost_types::FieldMask {
                paths: vec!["contacts".to_owned()],
            }),
            etag: String::new(),
        };
        self.tenants().update_tenant(request).await.unwrap();
    }

    /// Gives a tenant a version of `crm`, with its consent on record.
    pub(crate) async fn give(&self, tenant: &str, version: &str) {
        self.create(tenant, version, true).await.unwrap();
    }

    /// Gives a tenant a version of `crm` and asks it by mail.
    pub(crate) async fn ask(&self, tenant: &str, version: &str) {
        self.create(tenant, version, false).await.unwrap();
    }

    pub(crate) async fn create(
        &self,
        tenant: &str,
        version: &str,
        on_record: bool,
    ) -> Result<wire::Provisioning, Problem> {
        use create_provisioning_request::Consent;
        self.minutes(1);
        let record = ConsentOnRecord {
            reference: "contract 7".to_owned(),
        };
        let request = CreateProvisioningRequest {
            tenant: format!("tenants/{tenant}"),
            version: format!("applications/crm/versions/{version}"),
            consent: Some(if on_record {
                Consent::OnRecord(record)
            } else {
                Consent::Ask(AskTenant {})
            }),
        };
        let answer = self.provisionings().create_provisioning(request).await?;
        Ok(answer.into_inner().provisioning.unwrap())
    }

    /// Returns the state, once no mail waits that would change it.
    pub(crate) async fn state(&self, tenant: &str, version: &str) -> ProvisioningState {
        let settled = async {
            loop {
                match self.provisioning(tenant, version).await.state() {
                    ProvisioningState::Requested => tokio::task::yield_now().await,
                    state => return state,
                }
            }
        };
        let settled = tokio::time::timeout(PATIENCE, settled).await;
        settled.expect("the mail was never handed over")
    }

    pub(crate) async fn provisioning(&self, tenant: &str, version: &str) -> wire::Provisioning {
        let request = GetProvisioningRequest {
            name: name(tenant, version),
        };
        let answer = self.provisionings().get_provisioning(request).await;
        answer.unwrap().into_inner().provisioning.unwrap()
    }

    /// Looks at what a move would do.
    pub(crate) async fn preview(
        &self,
        application: &str,
        source: &str,
        target: &str,
        notice: bool,
    ) -> PreviewMoveResponse {
        let request = PreviewMoveRequest {
            application: format!("applications/{application}"),
            source_version: source.to_owned(),
            target_version: target.to_owned(),
            notice,
            asks: false,
        };
        let seen = self.driver().preview_move(request).await;
        seen.unwrap().into_inner()
    }

    /// Moves a further part of the tenants.
    pub(crate) async fn step(
        &self,
        switch: &str,
        source: &str,
        target: &str,
        notice: bool,
    ) -> Result<MoveTenantsResponse, Problem> {
        self.minutes(1);
        let request = MoveTenantsRequest {
            switch: switch.to_owned(),
            application_display_name: "Customers".to_owned(),
            source_version: source.to_owned(),
            target_version: target.to_owned(),
            notice,
            ..MoveTenantsRequest::default()
        };
        Ok(self.driver().move_tenants(request).await?.into_inner())
    }

    /// Moves a further part of the tenants to what gateways serve, for a catalog that was restored.
    pub(crate) async fn adopt(&self, switch: &str, target: &str) -> MoveTenantsResponse {
        self.minutes(1);
        let request = MoveTenantsRequest {
            switch: switch.to_owned(),
            application_display_name: "Customers".to_owned(),
            target_version: target.to_owned(),
            adopts: true,
            ..MoveTenantsRequest::default()
        };
        let moved = self.driver().move_tenants(request).await;
        moved.unwrap().into_inner()
    }

    /// Moves all tenants.
    pub(crate) async fn move_all(
        &self,
        switch: &str,
        source: &str,
        target: &str,
        notice: bool,
    ) -> MoveTenantsResponse {
        loop {
            let moved = self.step(switch, source, target, notice).await.unwrap();
            if moved.done {
                return moved;
            }
        }
    }

    pub(crate) async fn close(&self, switch: &str) -> Result<CloseConsentResponse, Problem> {
        self.close_watching(switch, &[]).await
    }

    /// Closes the consent and asks for the denials of these tenants.
    pub(crate) async fn close_watching(
        &self,
        switch: &str,
        watched: &[&str],
    ) -> Result<CloseConsentResponse, Problem> {
        let request = CloseConsentRequest {
            switch: switch.to_owned(),
            watched_tenants: watched.iter().map(|id| format!("tenants/{id}")).collect(),
        };
        Ok(self.driver().close_consent(request).await?.into_inner())
    }

    pub(crate) async fn settle(
        &self,
        switch: &str,
        outcome: SwitchOutcome,
    ) -> Result<i64, Problem> {
        self.minutes(1);
        let request = SettleConsentRequest {
            switch: switch.to_owned(),
            outcome: outcome.into(),
            credential_grace: None,
        };
        loop {
            match self.driver().settle_consent(request.clone()).await {
                Ok(settled) => return Ok(settled.into_inner().denied),
                Err(status) => match Problem::from(status) {
                    // A slow machine settles many tenants in several calls.
                    problem if problem.reason() == &contract::reason::STORE_BUSY => {}
                    problem => return Err(problem),
                },
            }
        }
    }

    /// A whole switch, committed.
    pub(crate) async fn switch(&self, number: u8, source: &str, target: &str, notice: bool) {
        let switch = switch(number);
        self.move_all(&switch, source, target, notice).await;
        self.close(&switch).await.unwrap();
        self.settle(&switch, SwitchOutcome::Committed)
            .await
            .unwrap();
    }

    pub(crate) async fn look(&self, token: &str) -> Result<GetOfferResponse, Problem> {
        let request = GetOfferRequest {
            token: token.to_owned(),
            gesture: true,
            ..Default::default()
        };
        Ok(self.page().get_offer(request).await?.into_inner())
    }

    /// Opens the page and decides, as a person does.
    pub(crate) async fn decide(&self, token: &str, decision: Decision) -> Result<Offer, Problem> {
        let form = self.look(token).await?.form_token;
        self.minutes(1);
        self.submit(token, &form, decision).await
    }

    /// Sends a form with its word.
    pub(crate) async fn submit(
        &self,
        token: &str,
        form: &str,
        decision: Decision,
    ) -> Result<Offer, Problem> {
        self.send_form(token, form, decision, "crm").await
    }

    /// Sends a form with this typed into it.
    pub(crate) async fn send_form(
        &self,
        token: &str,
        form: &str,
        decision: Decision,
        typed: &str,
    ) -> Result<Offer, Problem> {
        let request = DecideOfferRequest {
            token: token.to_owned(),
            form_token: form.to_owned(),
            decision: decision.into(),
            origin: Some(Origin {
                address: "192.0.2.7".to_owned(),
                user_agent: "Browser".to_owned(),
            }),
            typed: typed.to_owned(),
        };
        Ok(self
            .page()
            .decide_offer(request)
            .await?
            .into_inner()
            .offer
            .unwrap())
    }

    /// Returns the token that the tenant was last sent for a version, once it was.
    pub(crate) async fn token(&self, tenant: &str, version: &str) -> String {
        let found = |notices: &[Notice]| {
            notices
                .iter()
                .rev()
                .find_map(|notice| sent_token(notice, tenant, version))
        };
        self.notification.until(found).await
    }
}

pub(crate) fn name(tenant: &str, version: &str) -> String {
    format!("tenants/{tenant}/applications/crm/provisionings/{version}")
}

/// Returns the name of a switch of `crm`.
pub(crate) fn switch(number: u8) -> String {
    let id = SwitchId::new(i64::from(number) * 1000, [number; 10]);
    format!("applications/crm/switches/{id}")
}

fn anywhere() -> std::net::SocketAddr {
    std::net::SocketAddr::from(([127, 0, 0, 1], 0))
}

fn sent_token(notice: &Notice, tenant: &str, version: &str) -> Option<String> {
    let (subject, target, token) = match notice.body.as_ref()? {
        notice::Body::DenyOffered(offered) => (
            offered.subject.as_ref()?,
            &offered.target_version,
            &offered.token,
        ),
        notice::Body::AcceptOffered(offered) => (
            offered.subject.as_ref()?,
            &offered.target_version,
            &offered.token,
        ),
        _ => return None,
    };
    (subject.tenant == format!("tenants/{tenant}") && target == version).then(|| token.clone())
}

/// Compares what was made of the code with the file, below the crate, in which people read it; writes it
/// there if the variable `UPDATE` is set.
pub(crate) fn is_checked_in(file: &str, made: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, made).unwrap();
    }
    assert_eq!(
        std::fs::read_to_string(&path).unwrap_or_default(),
        made,
        "run this test with UPDATE=1 and look at what has changed"
    );
}
