//! A catalog that knows versions and gateways, and is down when told.

use super::*;

use catalog::{
    application_service_server::{ApplicationService, ApplicationServiceServer},
    fleet_service_server::{FleetService, FleetServiceServer},
};
use futures::stream::Empty;

#[derive(Clone, Default)]
pub(crate) struct FakeCatalog(Arc<Mutex<Known>>);

#[derive(Default)]
struct Known {
    /// Whether each version needs app credentials.
    versions: BTreeMap<String, bool>,
    /// How often a version was asked for.
    asked: u32,
    gateways: BTreeSet<String>,
    down: bool,
}

impl FakeCatalog {
    pub(crate) async fn serve(&self, shell: &Shell) -> Endpoint {
        let server = Server::builder(shell, Access::Open)
            .add_service(ApplicationServiceServer::new(self.clone()))
            .add_service(FleetServiceServer::new(self.clone()));
        server.serve(anywhere()).await.unwrap().into()
    }

    pub(crate) fn add_version(&self, application: &str, version: &str, credentials: bool) {
        let name = format!("applications/{application}/versions/{version}");
        self.known().versions.insert(name, credentials);
    }

    /// Returns how often a version was asked for.
    pub(crate) fn asked(&self) -> u32 {
        self.known().asked
    }

    pub(crate) fn join(&self, gateway: &str) {
        self.known().gateways.insert(format!("gateways/{gateway}"));
    }

    pub(crate) fn go_down(&self, down: bool) {
        self.known().down = down;
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn up(&self) -> Result<std::sync::MutexGuard<'_, Known>, Status> {
        let known = self.known();
        if known.down {
            return Err(Problem::unavailable(reason::PEER_UNAVAILABLE, "Not there.").into());
        }
        Ok(known)
    }
}

fn unplayed<T>() -> Result<Response<T>, Status> {
    Err(Status::unimplemented("not played"))
}

macro_rules! unplayed {
    ($($method:ident: $request:ident => $response:ident;)+) => {
        #[tonic::async_trait]
        impl ApplicationService for FakeCatalog {
            async fn get_application(
                &self,
                request: Request<catalog::GetApplicationRequest>,
            ) -> Result<Response<catalog::GetApplicationResponse>, Status> {
                drop(self.up()?);
                let application = catalog::Application {
                    name: request.into_inner().name,
                    display_name: "Customers".to_owned(),
                    ..Default::default()
                };
                Ok(Response::new(catalog::GetApplicationResponse { application: Some(application) }))
            }

            async fn get_version(
                &self,
                request: Request<catalog::GetVersionRequest>,
            ) -> Result<Response<catalog::GetVersionResponse>, Status> {
                let name = request.into_inner().name;
                let mut known = self.up()?;
                known.asked += 1;
                let Some(needs) = known.versions.get(&name) else {
                    return Err(Problem::not_found(name).into());
                };
                let version = catalog::Version {
                    name,
                    app_credentials: needs.then(|| catalog::AppCredentialsNeed {
                        scopes: vec!["read".to_owned(), "write".to_owned()],
                    }),
                    ..Default::default()
                };
                Ok(Response::new(catalog::GetVersionResponse { version: Some(version) }))
            }

            $(
                async fn $method(
                    &self,
                    _: Request<catalog::$request>,
                ) -> Result<Response<catalog::$response>, Status> {
                    unplayed()
                }
            )+
        }
    };
}

unplayed! {
    create_application: CreateApplicationRequest => CreateApplicationResponse;
    list_applications: ListApplicationsRequest => ListApplicationsResponse;
    update_application: UpdateApplicationRequest => UpdateApplicationResponse;
    delete_application: DeleteApplicationRequest => DeleteApplicationResponse;
    create_version: CreateVersionRequest => CreateVersionResponse;
    list_versions: ListVersionsRequest => ListVersionsResponse;
    update_version: UpdateVersionRequest => UpdateVersionResponse;
    delete_version: DeleteVersionRequest => DeleteVersionResponse;
    get_settings: GetSettingsRequest => GetSettingsResponse;
}

#[tonic::async_trait]
impl FleetService for FakeCatalog {
    type FollowStream = Empty<Result<catalog::FollowResponse, Status>>;

    async fn follow(
        &self,
        _: Request<tonic::Streaming<catalog::FollowRequest>>,
    ) -> Result<Response<Self::FollowStream>, Status> {
        unplayed()
    }

    async fn leave_fleet(
        &self,
        _: Request<catalog::LeaveFleetRequest>,
    ) -> Result<Response<catalog::LeaveFleetResponse>, Status> {
        unplayed()
    }

    /// One gateway on a page, so that pages are followed.
    async fn list_gateways(
        &self,
        request: Request<catalog::ListGatewaysRequest>,
    ) -> Result<Response<catalog::ListGatewaysResponse>, Status> {
        let after = request.into_inner().page_token;
        let known = self.up()?;
        let mut left = known.gateways.iter().filter(|name| **name > after).cloned();
        let gateways: Vec<_> = left
            .next()
            .map(|name| catalog::Gateway {
                name,
                ..Default::default()
            })
            .into_iter()
            .collect();
        let more = left.next().is_some();
        let next_page_token = gateways
            .last()
            .filter(|_| more)
            .map(|last| last.name.clone());
        Ok(Response::new(catalog::ListGatewaysResponse {
            gateways,
            next_page_token: next_page_token.unwrap_or_default(),
        }))
    }

    async fn evict_gateway(
        &self,
        _: Request<catalog::EvictGatewayRequest>,
    ) -> Result<Response<catalog::EvictGatewayResponse>, Status> {
        unplayed()
    }

    async fn drain_gateway(
        &self,
        _: Request<catalog::DrainGatewayRequest>,
    ) -> Result<Response<catalog::DrainGatewayResponse>, Status> {
        unplayed()
    }

    async fn resume_gateway(
        &self,
        _: Request<catalog::ResumeGatewayRequest>,
    ) -> Result<Response<catalog::ResumeGatewayResponse>, Status> {
        unplayed()
    }

    async fn get_recovery(
        &self,
        _: Request<catalog::GetRecoveryRequest>,
    ) -> Result<Response<catalog::GetRecoveryResponse>, Status> {
        unplayed()
    }

    async fn adopt_recovery(
        &self,
        _: Request<catalog::AdoptRecoveryRequest>,
    ) -> Result<Response<catalog::AdoptRecoveryResponse>, Status> {
        unplayed()
    }
}
