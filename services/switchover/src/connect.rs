//! Where the services are, who asks, and under which request: what every call of the client shares.

use std::{fmt, path::PathBuf, str::FromStr, time::Duration};

use clap::Args;
use contract::{Code, Identity, Problem, RequestId, Role, reason};
use proto::{
    access::v1::access_service_client::AccessServiceClient,
    audit::v1::audit_service_client::AuditServiceClient,
    catalog::v1::{
        application_service_client::ApplicationServiceClient,
        fleet_service_client::FleetServiceClient, proposal_service_client::ProposalServiceClient,
        switch_service_client::SwitchServiceClient, traffic_service_client::TrafficServiceClient,
    },
    gateway::v1::gateway_service_client::GatewayServiceClient,
    notification::v1::{
        delivery_service_client::DeliveryServiceClient, inbox_service_client::InboxServiceClient,
        subscription_service_client::SubscriptionServiceClient,
    },
    provisioning::v1::{
        batch_service_client::BatchServiceClient, consent_service_client::ConsentServiceClient,
        credential_service_client::CredentialServiceClient,
        provisioning_service_client::ProvisioningServiceClient,
        tenant_service_client::TenantServiceClient, token_service_client::TokenServiceClient,
    },
};
use runtime::{Client, ClientTls, Clock, Credentials, Endpoint, HeldKey, TokenFile, request};
use tonic::{Response, Status};

use crate::{dev_key, error::Error, show::Form};

/// How long a call may take, unless it waits for something by its nature.
const CALL: Duration = Duration::from_secs(30);

/// The largest answer, bytes: a full page of the largest things.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// Where the services are and how to talk to them
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Connection and output (also as SWITCHOVER_CATALOG and so on)")]
pub struct Options {
    /// Where the catalog is [default: http://127.0.0.1:7101]
    #[arg(
        long,
        global = true,
        env = "SWITCHOVER_CATALOG",
        hide_env = true,
        value_name = "URL"
    )]
    pub catalog: Option<Endpoint>,
    /// Where provisioning is [default: http://127.0.0.1:7102]
    #[arg(
        long,
        global = true,
        env = "SWITCHOVER_PROVISIONING",
        hide_env = true,
        value_name = "URL"
    )]
    pub provisioning: Option<Endpoint>,
    /// Where notification is [default: http://127.0.0.1:7103]
    #[arg(
        long,
        global = true,
        env = "SWITCHOVER_NOTIFICATION",
        hide_env = true,
        value_name = "URL"
    )]
    pub notification: Option<Endpoint>,
    /// Where the gateway's control is [default: http://127.0.0.1:7104]
    #[arg(
        long,
        global = true,
        env = "SWITCHOVER_GATEWAY_CONTROL",
        hide_env = true,
        value_name = "URL"
    )]
    pub gateway: Option<Endpoint>,
    /// File with the key that says who you are. Without it and --token-file you are the demo operator
    /// where a `switchover dev` of yours runs
    #[arg(
        long,
        global = true,
        env = "SWITCHOVER_KEY_FILE",
        hide_env = true,
        value_name = "FILE"
    )]
    pub key_file: Option<PathBuf>,
    /// File with the access token that says who you are; read for each call, so renew it there
    #[arg(
        long,
        global = true,
        env = "SWITCHOVER_TOKEN_FILE",
        hide_env = true,
        value_name = "FILE",
        conflicts_with = "key_file"
    )]
    pub token_file: Option<PathBuf>,
    /// PEM file with the authorities by which services' certificates are checked, instead of the system's
    #[arg(
        long,
        global = true,
        env = "SWITCHOVER_TLS_CA",
        hide_env = true,
        value_name = "FILE"
    )]
    pub tls_ca: Option<PathBuf>,
    /// Who to be where no proof is needed or `switchover dev` runs, or which of its roles a token is
    /// used for: a role, and whose, such as tenant-admin:bert
    #[arg(
        long = "as",
        global = true,
        env = "SWITCHOVER_AS",
        hide_env = true,
        value_name = "ROLE[:WHO]",
        conflicts_with = "key_file"
    )]
    pub claim: Option<Claim>,
    /// Names the request, so that a retry is harmless and logs can be searched
    #[arg(
        long,
        global = true,
        env = "SWITCHOVER_REQUEST_ID",
        hide_env = true,
        value_name = "ID"
    )]
    pub request_id: Option<RequestId>,
    /// Writes answers as JSON, one object a line
    #[arg(long, global = true, env = "SWITCHOVER_JSON", hide_env = true)]
    pub json: bool,
    /// Leaves colours out; so does NO_COLOR
    #[arg(long, global = true)]
    pub no_color: bool,
}

impl Options {
    /// Returns these, with others' where these leave something open.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            catalog: self.catalog.or(other.catalog),
            provisioning: self.provisioning.or(other.provisioning),
            notification: self.notification.or(other.notification),
            gateway: self.gateway.or(other.gateway),
            key_file: self.key_file.or(other.key_file),
            token_file: self.token_file.or(other.token_file),
            tls_ca: self.tls_ca.or(other.tls_ca),
            claim: self.claim.or(other.claim),
            request_id: self.request_id.or(other.request_id),
            json: self.json || other.json,
            no_color: self.no_color || other.no_color,
        }
    }

    /// Returns for whom the output is.
    pub fn form(&self) -> Form {
        if self.json { Form::Json } else { Form::People }
    }
}

/// `operator-viewer`, or with whose role it is: `tenant-admin:bert`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim(Identity);

/// Who somebody is that says no more than a role.
const LOCAL: &str = "people/local";

impl FromStr for Claim {
    type Err = contract::NameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (role, who) = text.split_once(':').unwrap_or((text, ""));
        let role: Role = role.parse()?;
        let subject = match role {
            _ if who.contains('/') => who.to_owned(),
            Role::TenantAdmin => format!("tenants/{who}"),
            Role::Gateway => format!("gateways/{who}"),
            Role::Service => who.to_owned(),
            Role::OperatorAdmin | Role::OperatorViewer | Role::Tester if who.is_empty() => {
                LOCAL.to_owned()
            }
            Role::OperatorAdmin | Role::OperatorViewer | Role::Tester => format!("people/{who}"),
        };
        Identity::new(role, &subject).map(Self)
    }
}

/// One of the services.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Service {
    /// Applications, versions, switches, the fleet.
    Catalog,
    /// Tenants, provisionings, credentials.
    Provisioning,
    /// Inboxes, deliveries.
    Notification,
    /// One gateway.
    Gateway,
}

impl Service {
    /// The option that says where it is.
    fn option(self) -> &'static str {
        match self {
            Self::Catalog => "--catalog",
            Self::Provisioning => "--provisioning",
            Self::Notification => "--notification",
            Self::Gateway => "--gateway",
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Catalog => "The catalog",
            Self::Provisioning => "Provisioning",
            Self::Notification => "Notification",
            Self::Gateway => "The gateway",
        })
    }
}

/// The client's side of one command: connections, made when they are first used.
#[derive(Debug, Clone)]
pub struct Session {
    catalog: Place,
    provisioning: Place,
    notification: Place,
    gateway: Place,
    request_id: RequestId,
}

#[derive(Debug, Clone)]
struct Place {
    endpoint: Endpoint,
    client: Client,
}

impl Place {
    fn new(endpoint: Endpoint, credentials: &Credentials) -> Result<Self, Error> {
        let client = runtime::connect_lazy(&endpoint, credentials)?;
        Ok(Self { endpoint, client })
    }
}

/// Returns who somebody is at a place who gave neither key nor token.
fn unproven(endpoint: &Endpoint, claim: Option<&Identity>) -> Result<Credentials, Error> {
    Ok(match (dev_key::of(endpoint), claim) {
        (Some(key), Some(identity)) => Credentials::Acting(key, identity.clone()),
        (Some(key), None) => Credentials::Key(key),
        (None, Some(identity)) => Credentials::Claimed(identity.clone()),
        (None, None) => Credentials::claimed(Role::OperatorAdmin, LOCAL)
            .map_err(|error| Error::usage(error, None))?,
    })
}

/// A service's place on this machine.
fn local(port: u16) -> Endpoint {
    std::net::SocketAddr::from(([127, 0, 0, 1], port)).into()
}

macro_rules! clients {
    ($($(#[$docs:meta])* $name:ident: $client:ident at $place:ident;)+) => {
        $(
            $(#[$docs])*
            pub fn $name(&self) -> $client<Client> {
                $client::new(self.$place.client.clone())
                    .max_decoding_message_size(ANSWER_BYTES_MAX)
            }
        )+
    };
}

impl Session {
    /// Prepares to ask. Needs a running runtime.
    pub fn new(options: &Options, clock: &Clock) -> Result<Self, Error> {
        let claim = options.claim.as_ref().map(|Claim(identity)| identity);
        let given = match (&options.key_file, &options.token_file) {
            (Some(path), _) => Some(Credentials::KeyFile(HeldKey::open(path)?)),
            (None, Some(path)) => Some(Credentials::Token(TokenFile::open(path, claim)?)),
            (None, None) => None,
        };
        let tls = options
            .tls_ca
            .as_ref()
            .map(|path| ClientTls::trusting(Some(path)))
            .transpose()?;
        let place = |at: &Option<Endpoint>, port| {
            let endpoint = at.clone().unwrap_or_else(|| local(port));
            let credentials = match &given {
                Some(given) => given.clone(),
                None => unproven(&endpoint, claim)?,
            };
            match &tls {
                None => Place::new(endpoint, &credentials),
                Some(tls) => {
                    let over = Credentials::Over(tls.clone(), Box::new(credentials));
                    Place::new(endpoint, &over)
                }
            }
        };
        Ok(Self {
            catalog: place(&options.catalog, 7101)?,
            provisioning: place(&options.provisioning, 7102)?,
            notification: place(&options.notification, 7103)?,
            gateway: place(&options.gateway, 7104)?,
            request_id: options
                .request_id
                .clone()
                .unwrap_or_else(|| request::new_id(clock)),
        })
    }

    clients! {
        /// Applications, versions, settings.
        applications: ApplicationServiceClient at catalog;
        /// Switches and history.
        switches: SwitchServiceClient at catalog;
        /// What waits for a second person.
        proposals: ProposalServiceClient at catalog;
        /// What users were answered.
        traffic: TrafficServiceClient at catalog;
        /// The gateways of the installation.
        fleet: FleetServiceClient at catalog;
        /// Tenants.
        tenants: TenantServiceClient at provisioning;
        /// Provisionings.
        provisionings: ProvisioningServiceClient at provisioning;
        /// Provisionings of many tenants.
        batches: BatchServiceClient at provisioning;
        /// Decisions without a link.
        consent: ConsentServiceClient at provisioning;
        /// App credentials.
        credentials: CredentialServiceClient at provisioning;
        /// Tokens for backends.
        tokens: TokenServiceClient at provisioning;
        /// Inboxes.
        inbox: InboxServiceClient at notification;
        /// The catalog's audit log.
        catalog_audit: AuditServiceClient at catalog;
        /// Provisioning's audit log.
        provisioning_audit: AuditServiceClient at provisioning;
        /// Notification's audit log.
        notification_audit: AuditServiceClient at notification;
        /// What owners of inboxes are told of.
        subscriptions: SubscriptionServiceClient at notification;
        /// Mails on their way.
        deliveries: DeliveryServiceClient at notification;
        /// One gateway from inside.
        status: GatewayServiceClient at gateway;
    }

    /// Who calls, as one of the services sees it.
    pub fn callers(&self, of: Service) -> AccessServiceClient<Client> {
        let place = match of {
            Service::Catalog => &self.catalog,
            Service::Provisioning => &self.provisioning,
            Service::Notification => &self.notification,
            Service::Gateway => &self.gateway,
        };
        AccessServiceClient::new(place.client.clone())
    }

    /// The audit log of a service.
    pub fn audit(&self, service: audit::Service) -> AuditServiceClient<Client> {
        match service {
            audit::Service::Catalog => self.catalog_audit(),
            audit::Service::Provisioning => self.provisioning_audit(),
            audit::Service::Notification => self.notification_audit(),
        }
    }

    /// Returns the id under which everything of this command is asked.
    pub fn request_id(&self) -> &RequestId {
        &self.request_id
    }

    /// Asks, for as long as an ordinary call may take.
    pub async fn ask<T>(
        &self,
        service: Service,
        answer: impl Future<Output = Result<Response<T>, Status>>,
    ) -> Result<T, Error> {
        match tokio::time::timeout(CALL, self.wait(service, answer)).await {
            Ok(answer) => answer,
            Err(_elapsed) => Err(self.fail(
                service,
                &Status::deadline_exceeded(format!("no answer within {} s", CALL.as_secs())),
            )),
        }
    }

    /// Asks, for as long as it takes.
    pub async fn wait<T>(
        &self,
        service: Service,
        answer: impl Future<Output = Result<Response<T>, Status>>,
    ) -> Result<T, Error> {
        request::with_request_id(self.request_id.clone(), answer)
            .await
            .map(Response::into_inner)
            .map_err(|status| self.fail(service, &status))
    }

    /// Makes an error of a status: what the service said, or that it cannot be reached.
    pub fn fail(&self, service: Service, status: &Status) -> Error {
        let problem = Problem::from(status);
        // Only what no service has worded itself.
        let unheard = status.details().is_empty()
            && matches!(
                problem.code(),
                Code::Unavailable | Code::Unknown | Code::DeadlineExceeded
            );
        let problem = if unheard {
            self.unreachable(service, &problem)
        } else {
            problem
        };
        Error::Service {
            problem,
            request_id: self.request_id.clone(),
        }
    }

    fn unreachable(&self, service: Service, problem: &Problem) -> Problem {
        let endpoint = match service {
            Service::Catalog => &self.catalog.endpoint,
            Service::Provisioning => &self.provisioning.endpoint,
            Service::Notification => &self.notification.endpoint,
            Service::Gateway => &self.gateway.endpoint,
        };
        let code = match problem.code() {
            Code::DeadlineExceeded => Code::DeadlineExceeded,
            _ => Code::Unavailable,
        };
        let message = format!(
            "{service} does not answer at {endpoint} ({}).",
            problem.message()
        );
        Problem::new(code, reason::PEER_UNAVAILABLE, message).next(format!(
            "Look whether it runs (switchover dev starts everything on one machine); {} says where it is.",
            service.option()
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_is_a_role_and_whose_it_is_in_short_or_in_full() {
        for (text, subject) in [
            ("operator-admin", "people/local"),
            ("operator-viewer:anna", "people/anna"),
            ("tester:people/tom", "people/tom"),
            ("tenant-admin:bert", "tenants/bert"),
            ("tenant-admin:tenants/bert", "tenants/bert"),
            ("gateway:g-1", "gateways/g-1"),
            ("service:catalog", "catalog"),
        ] {
            let Claim(identity) = text.parse().unwrap();
            assert_eq!(identity.subject(), subject, "{text}");
        }
        for text in [
            "",
            "king",
            "tenant-admin",
            "gateway:",
            "tenant-admin:people/x",
        ] {
            assert!(text.parse::<Claim>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn what_stands_behind_the_noun_counts_over_what_stands_before_it() {
        let options = |url: &str, json| Options {
            catalog: Some(url.parse().unwrap()),
            json,
            ..Options::default()
        };
        let merged = options("http://b:1", false).or(options("http://a:1", true));
        assert_eq!(merged.catalog.unwrap().to_string(), "http://b:1");
        assert!(merged.json);
    }

    #[tokio::test]
    async fn a_service_that_cannot_be_reached_is_named_with_its_option() {
        // Bound and dropped: nobody listens there now.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = Endpoint::from(listener.local_addr().unwrap());
        drop(listener);
        let options = Options {
            catalog: Some(endpoint.clone()),
            ..Options::default()
        };
        let session = Session::new(&options, &Clock::real()).unwrap();
        let request = proto::catalog::v1::GetApplicationRequest::default();
        let mut client = session.applications();
        let error = session
            .ask(Service::Catalog, client.get_application(request))
            .await
            .unwrap_err();
        let Error::Service { problem, .. } = &error else {
            panic!("{error:?}");
        };
        assert!(
            problem.message().contains(&endpoint.to_string()),
            "{problem}"
        );
        assert!(problem.hint().unwrap().contains("--catalog"));
        assert_eq!(error.exit(), crate::error::Exit::Unavailable);
    }
}
