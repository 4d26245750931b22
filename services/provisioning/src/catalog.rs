//! The catalog, as far as it is asked from here.

use std::time::Duration;

use contract::{ApplicationName, ApplicationRef, GatewayName, GatewayRef, Problem, VersionRef};
use proto::catalog::v1::{
    GetApplicationRequest, GetVersionRequest, ListGatewaysRequest, VersionState,
    application_service_client::ApplicationServiceClient, fleet_service_client::FleetServiceClient,
};
use runtime::Client;
use tonic::Request;

use crate::backend::Backend;

/// How long the catalog may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// Gateways on a page.
const PAGE: i32 = 1000;
/// Pages that are read: more gateways than any fleet has.
const PAGES_MAX: usize = 20;

/// Whether a version's backend acts for tenants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AppCredentials {
    /// It does, with client id and secret.
    Needed(Backend),
    /// It does not.
    NotNeeded,
}

/// Asks the catalog.
#[derive(Clone)]
pub(crate) struct Catalog {
    client: Client,
}

impl Catalog {
    /// Asks over this client.
    pub(crate) fn new(client: Client) -> Self {
        Self { client }
    }

    /// Returns what people call an application.
    pub(crate) async fn display_name(
        &self,
        application: &ApplicationName,
    ) -> Result<String, Problem> {
        let name = ApplicationRef::from(application.clone()).to_string();
        let answer = ApplicationServiceClient::new(self.client.clone())
            .get_application(patient(GetApplicationRequest { name: name.clone() }))
            .await?;
        let application = answer.into_inner().application;
        application
            .map(|application| application.display_name)
            .ok_or_else(|| empty(&name))
    }

    /// Returns whether a version needs app credentials; refuses if there is no such version.
    pub(crate) async fn app_credentials(
        &self,
        version: &VersionRef,
    ) -> Result<AppCredentials, Problem> {
        let name = version.to_string();
        let answer = ApplicationServiceClient::new(self.client.clone())
            .get_version(patient(GetVersionRequest { name: name.clone() }))
            .await?;
        let version = answer.into_inner().version.ok_or_else(|| empty(&name))?;
        let in_test = version.state() == VersionState::InTest;
        Ok(match version.app_credentials {
            Some(need) => AppCredentials::Needed(Backend {
                scopes: need.scopes.into_iter().collect(),
                in_test,
                left_until: None,
            }),
            None => AppCredentials::NotNeeded,
        })
    }

    /// Returns the members of the fleet.
    pub(crate) async fn members(&self) -> Result<Vec<GatewayName>, Problem> {
        let mut client = FleetServiceClient::new(self.client.clone());
        let (mut members, mut page_token) = (Vec::new(), String::new());
        for _ in 0..PAGES_MAX {
            let request = ListGatewaysRequest {
                page_size: PAGE,
                page_token,
            };
            let page = client.list_gateways(patient(request)).await?.into_inner();
            for gateway in page.gateways {
                let name: GatewayRef = gateway.name.parse().map_err(Problem::broken)?;
                members.push(name.gateway);
            }
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return Ok(members);
            }
        }
        Err(Problem::broken(
            "the catalog's list of gateways does not end",
        ))
    }
}

fn patient<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(PATIENCE);
    request
}

fn empty(name: &str) -> Problem {
    Problem::broken(format_args!("the catalog answered without {name}"))
}
