//! The services as an operator's program calls them.

use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use proto::{
    catalog::v1::{
        AppCredentialsNeed, Application, ConfirmReactivateRequest, ConfirmUpdateRequest,
        CreateApplicationRequest, CreateVersionRequest, GetSwitchRequest, RegisterToTestRequest,
        Role, Switch, SwitchPolicy, SwitchState, UpdateApplicationRequest, Version,
        WaitSwitchRequest, application_service_client::ApplicationServiceClient,
        fleet_service_client::FleetServiceClient, switch_service_client::SwitchServiceClient,
        traffic_service_client::TrafficServiceClient,
    },
    gateway::v1::gateway_service_client::GatewayServiceClient,
    notification::v1::{
        Delivery, Event, ListDeliveriesRequest, ListEventsRequest,
        delivery_service_client::DeliveryServiceClient, inbox_service_client::InboxServiceClient,
    },
    provisioning::v1::{
        BatchOutcome, BatchProvideRequest, BatchTenant, ConsentOnRecord, Contact,
        CreateProvisioningRequest, CreateTenantRequest, Tenant,
        batch_service_client::BatchServiceClient, consent_service_client::ConsentServiceClient,
        create_provisioning_request::Consent,
        provisioning_service_client::ProvisioningServiceClient,
        tenant_service_client::TenantServiceClient,
    },
};
use runtime::{Client, Credentials, Endpoint, connect_lazy};
use tonic::Code;

use crate::until::until;

/// The largest page that services give.
const PAGE: i32 = 500;

/// Every service's client, as one caller.
#[derive(Debug, Clone)]
pub struct Api {
    /// Applications and versions.
    pub applications: ApplicationServiceClient<Client>,
    /// Switches.
    pub switches: SwitchServiceClient<Client>,
    /// What users were answered.
    pub traffic: TrafficServiceClient<Client>,
    /// Gateways, as the catalog knows them.
    pub fleet: FleetServiceClient<Client>,
    /// Tenants.
    pub tenants: TenantServiceClient<Client>,
    /// Which tenant may use what.
    pub provisionings: ProvisioningServiceClient<Client>,
    /// Many tenants at once.
    pub batches: BatchServiceClient<Client>,
    /// What tenants decide.
    pub consent: ConsentServiceClient<Client>,
    /// Inboxes.
    pub inbox: InboxServiceClient<Client>,
    /// Mails.
    pub deliveries: DeliveryServiceClient<Client>,
}

/// Where the services are.
#[derive(Debug, Clone)]
pub struct Places {
    /// The catalog.
    pub catalog: Endpoint,
    /// Provisioning.
    pub provisioning: Endpoint,
    /// Notification.
    pub notification: Endpoint,
}

/// How to confirm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confirm {
    /// To the version in test.
    Update,
    /// Back to a version that has been active.
    Reactivate,
}

impl Api {
    /// Returns clients that call with these credentials.
    ///
    /// # Errors
    /// When the credentials do not fit a header.
    pub fn new(places: &Places, credentials: &Credentials) -> Result<Self> {
        let catalog = connect_lazy(&places.catalog, credentials)?;
        let provisioning = connect_lazy(&places.provisioning, credentials)?;
        let notification = connect_lazy(&places.notification, credentials)?;
        Ok(Self {
            applications: ApplicationServiceClient::new(catalog.clone()),
            switches: SwitchServiceClient::new(catalog.clone()),
            traffic: TrafficServiceClient::new(catalog.clone()),
            fleet: FleetServiceClient::new(catalog),
            tenants: TenantServiceClient::new(provisioning.clone()),
            provisionings: ProvisioningServiceClient::new(provisioning.clone()),
            batches: BatchServiceClient::new(provisioning.clone()),
            consent: ConsentServiceClient::new(provisioning),
            inbox: InboxServiceClient::new(notification.clone()),
            deliveries: DeliveryServiceClient::new(notification),
        })
    }

    /// Returns a client of one gateway.
    ///
    /// # Errors
    /// When the credentials do not fit a header.
    pub fn gateway(
        place: &Endpoint,
        credentials: &Credentials,
    ) -> Result<GatewayServiceClient<Client>> {
        Ok(GatewayServiceClient::new(connect_lazy(place, credentials)?))
    }

    /// Creates an application.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn create_application(&self, id: &str, display_name: &str) -> Result<Application> {
        let request = CreateApplicationRequest {
            application_id: id.to_owned(),
            application: Some(Application {
                display_name: display_name.to_owned(),
                ..Default::default()
            }),
            ..Default::default()
        };
        let answer = self
            .applications
            .clone()
            .create_application(request)
            .await?;
        answer
            .into_inner()
            .application
            .context("an answer without the application")
    }

    /// Says how switches of an application behave.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn set_policy(&self, application: &str, policy: SwitchPolicy) -> Result<()> {
        let request = UpdateApplicationRequest {
            application: Some(Application {
                name: format!("applications/{application}"),
                policy: Some(policy),
                ..Default::default()
            }),
            update_mask: Some(prost_types::FieldMask {
                paths: vec!["policy".to_owned()],
            }),
            ..Default::default()
        };
        self.applications
            .clone()
            .update_application(request)
            .await?;
        Ok(())
    }

    /// Registers a version with one role; it needs app credentials when `scopes` says so.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn create_version(
        &self,
        application: &str,
        id: &str,
        upstream: &str,
        scopes: &[&str],
    ) -> Result<Version> {
        let need = AppCredentialsNeed {
            scopes: scopes.iter().map(ToString::to_string).collect(),
        };
        let role = Role {
            name: "editor".to_owned(),
            description: format!("Edits, as {id} has it"),
        };
        let version = Version {
            upstream: upstream.to_owned(),
            roles: vec![role],
            app_credentials: (!scopes.is_empty()).then_some(need),
            ..Default::default()
        };
        let request = CreateVersionRequest {
            parent: format!("applications/{application}"),
            version_id: id.to_owned(),
            version: Some(version),
            ..Default::default()
        };
        let answer = self.applications.clone().create_version(request).await?;
        answer
            .into_inner()
            .version
            .context("an answer without the version")
    }

    /// Puts a version in test and returns the tester token.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn register_to_test(&self, application: &str, version: &str) -> Result<String> {
        let request = RegisterToTestRequest {
            version: version_name(application, version),
            ..Default::default()
        };
        Ok(self
            .switches
            .clone()
            .register_to_test(request)
            .await?
            .into_inner()
            .tester_token)
    }

    /// Creates a tenant with one contact.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn create_tenant(&self, id: &str, email: &str) -> Result<()> {
        let contact = Contact {
            email: email.to_owned(),
            display_name: String::new(),
        };
        let tenant = Tenant {
            display_name: format!("Tenant {id}"),
            contacts: vec![contact],
            ..Default::default()
        };
        let request = CreateTenantRequest {
            tenant_id: id.to_owned(),
            tenant: Some(tenant),
            ..Default::default()
        };
        self.tenants.clone().create_tenant(request).await?;
        Ok(())
    }

    /// Lets a tenant use a version, with its consent on record.
    ///
    /// # Errors
    /// Creates tenants with a contact each and gives them a version, their consent on record.
    ///
    /// # Errors
    /// When provisioning does not answer, or one of them fails.
    pub async fn provide_many(
        &self,
        tenants: Vec<String>,
        application: &str,
        version: &str,
    ) -> Result<()> {
        let entries = tenants.iter().map(|tenant| BatchTenant {
            tenant: format!("tenants/{tenant}"),
            display_name: tenant.clone(),
            contacts: vec![Contact {
                email: format!("admin@{tenant}.example"),
                display_name: String::new(),
            }],
            consent_reference: "contract".to_owned(),
        });
        let request = BatchProvideRequest {
            version: format!("applications/{application}/versions/{version}"),
            tenants: entries.collect(),
            request_id: String::new(),
        };
        let results = self.batches.clone().batch_provide(request).await?;
        for result in results.into_inner().results {
            ensure!(
                result.outcome() != BatchOutcome::Failed,
                "{}: {}",
                result.tenant,
                result.message
            );
        }
        Ok(())
    }

    /// When it is refused.
    pub async fn provision(&self, tenant: &str, application: &str, version: &str) -> Result<()> {
        let request = CreateProvisioningRequest {
            tenant: format!("tenants/{tenant}"),
            version: version_name(application, version),
            consent: Some(Consent::OnRecord(ConsentOnRecord {
                reference: "contract 7".to_owned(),
            })),
        };
        self.provisionings
            .clone()
            .create_provisioning(request)
            .await?;
        Ok(())
    }

    /// Confirms; the same request id makes a retry the same switch, so a catalog that does not
    /// answer is asked again.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn confirm(&self, how: Confirm, application: &str, version: &str) -> Result<Switch> {
        let request_id = uuid::Uuid::now_v7().to_string();
        self.confirm_as(&request_id, how, application, version)
            .await
    }

    /// Confirms under a request id of the caller's, who may then ask again without beginning
    /// another switch.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn confirm_as(
        &self,
        request_id: &str,
        how: Confirm,
        application: &str,
        version: &str,
    ) -> Result<Switch> {
        let request_id = request_id.to_owned();
        let version = version_name(application, version);
        let reason = "the story goes on".to_owned();
        let ask = async || match how {
            Confirm::Update => {
                let etag = String::new();
                let request = ConfirmUpdateRequest {
                    version: version.clone(),
                    request_id: request_id.clone(),
                    reason: reason.clone(),
                    etag,
                };
                self.switches
                    .clone()
                    .confirm_update(request)
                    .await
                    .map(|answer| answer.into_inner().switch)
            }
            Confirm::Reactivate => {
                let etag = String::new();
                let request = ConfirmReactivateRequest {
                    version: version.clone(),
                    request_id: request_id.clone(),
                    reason: reason.clone(),
                    etag,
                };
                self.switches
                    .clone()
                    .confirm_reactivate(request)
                    .await
                    .map(|answer| answer.into_inner().switch)
            }
        };
        let look = || async {
            match ask().await {
                Err(status) if transient(status.code()) => Ok(None),
                Err(status) => Ok(Some(Err(status))),
                Ok(switch) => Ok(Some(Ok(switch))),
            }
        };
        match until("the catalog to take the confirm", look, Option::is_some).await? {
            Some(Ok(Some(switch))) => Ok(switch),
            Some(Err(status)) => Err(status.into()),
            Some(Ok(None)) | None => bail!("an answer without the switch"),
        }
    }

    /// Returns every event of an inbox: `operator/inbox` or `tenants/{tenant}/inbox`.
    ///
    /// # Errors
    /// When notification does not answer.
    pub async fn events(&self, inbox: &str) -> Result<Vec<Event>> {
        let (mut events, mut page_token) = (Vec::new(), String::new());
        loop {
            let request = ListEventsRequest {
                parent: inbox.to_owned(),
                page_size: PAGE,
                page_token,
                ..Default::default()
            };
            let page = self.inbox.clone().list_events(request).await?.into_inner();
            events.extend(page.events);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return Ok(events);
            }
        }
    }

    /// Returns every mail that was ever queued, without its tries.
    ///
    /// # Errors
    /// When notification does not answer.
    pub async fn all_deliveries(&self) -> Result<Vec<Delivery>> {
        let (mut deliveries, mut page_token) = (Vec::new(), String::new());
        loop {
            let request = ListDeliveriesRequest {
                page_size: PAGE,
                page_token,
                ..Default::default()
            };
            let page = self.deliveries.clone().list_deliveries(request).await?;
            let page = page.into_inner();
            deliveries.extend(page.deliveries);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return Ok(deliveries);
            }
        }
    }

    /// Waits until a switch has ended, whatever happens to the catalog meanwhile.
    ///
    /// # Errors
    /// When it does not end.
    pub async fn ended(&self, name: &str) -> Result<Switch> {
        let look = || async {
            let timeout = prost_duration(Duration::from_secs(20));
            let request = WaitSwitchRequest {
                name: name.to_owned(),
                timeout: Some(timeout),
            };
            let answer = self.switches.clone().wait_switch(request).await?;
            answer
                .into_inner()
                .switch
                .context("an answer without the switch")
        };
        until("the switch to end", look, |switch| {
            has_ended(switch.state())
        })
        .await
    }

    /// Returns a switch as it is now.
    ///
    /// # Errors
    /// When the catalog does not answer.
    pub async fn switch(&self, name: &str) -> Result<Switch> {
        let request = GetSwitchRequest {
            name: name.to_owned(),
        };
        let answer = self.switches.clone().get_switch(request).await?;
        answer
            .into_inner()
            .switch
            .context("an answer without the switch")
    }

    /// Confirms, waits for the end and expects success.
    ///
    /// # Errors
    /// When the switch is refused or given up.
    pub async fn switch_to(
        &self,
        how: Confirm,
        application: &str,
        version: &str,
    ) -> Result<Switch> {
        let switch = self.confirm(how, application, version).await?;
        let ended = self.ended(&switch.name).await?;
        if ended.state() != SwitchState::Succeeded {
            bail!(
                "{} ended as {:?}: {:?}",
                ended.name,
                ended.state(),
                ended.failure
            );
        }
        Ok(ended)
    }
}

/// Tells whether a switch in this state changes no more.
#[must_use]
pub fn has_ended(state: SwitchState) -> bool {
    matches!(
        state,
        SwitchState::Succeeded | SwitchState::Failed | SwitchState::Cancelled
    )
}

/// Returns a version's resource name.
#[must_use]
pub fn version_name(application: &str, version: &str) -> String {
    format!("applications/{application}/versions/{version}")
}

fn transient(code: Code) -> bool {
    matches!(
        code,
        Code::Unavailable | Code::DeadlineExceeded | Code::Unknown
    )
}

fn prost_duration(duration: Duration) -> prost_types::Duration {
    duration.try_into().expect("a short duration fits")
}
