//! Provisioning and notification as the catalog sees them.

use std::{net::SocketAddr, sync::Arc};

use contract::{Problem, reason};
use proto::{
    notification::v1::{
        Notice, PublishNoticesRequest, PublishNoticesResponse,
        notice_service_server::{NoticeService, NoticeServiceServer},
    },
    provisioning::v1::{
        CloseConsentRequest, CloseConsentResponse, DeregisterVersionRequest,
        DeregisterVersionResponse, MoveFailure, MoveTenantsRequest, MoveTenantsResponse,
        PreviewMoveRequest, PreviewMoveResponse, RegisterVersionRequest, RegisterVersionResponse,
        SettleConsentRequest, SettleConsentResponse,
        switch_consent_service_server::{SwitchConsentService, SwitchConsentServiceServer},
        version_credential_service_server::{
            VersionCredentialService, VersionCredentialServiceServer,
        },
    },
};
use runtime::{Server, Shell, caller::Access};
use tokio::sync::watch;
use tonic::{Request, Response, Status};

use super::soon;

/// The grants that every consent is closed with.
pub(super) const GRANTS_TIMELINE: &str = "01999999-0000-4000-8000-00000000abcd";
pub(super) const GRANTS_REVISION: u64 = 7;

/// What the peers do, and what they were asked.
#[derive(Debug, Clone, Default)]
pub(super) struct Script {
    /// Every call of provisioning is refused.
    pub(super) provisioning_down: bool,
    /// Every call of notification is refused.
    pub(super) notification_down: bool,
    /// Calls of `MoveTenants` that are not the last one.
    pub(super) further_moves: usize,
    /// Tenants that cannot be moved.
    pub(super) failing_tenants: usize,
    /// The tenants that denied, out of ten, beside one that nobody names.
    pub(super) denying: Vec<String>,
    /// The next `CloseConsent` is not answered.
    pub(super) close_hangs: bool,
    pub(super) moves: Vec<MoveTenantsRequest>,
    pub(super) closed: Vec<String>,
    pub(super) settled: Vec<SettleConsentRequest>,
    /// What was told of versions whose backends act for tenants, in its order.
    pub(super) told: Vec<Told>,
    /// The request ids that calls came with.
    pub(super) request_ids: Vec<String>,
    pub(super) notices: Vec<Notice>,
}

/// What provisioning was told of a version.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Told {
    Registered(RegisterVersionRequest),
    Deregistered(DeregisterVersionRequest),
}

/// The peers; clones are the same.
#[derive(Clone)]
pub(super) struct Peers {
    script: Arc<watch::Sender<Script>>,
    pub(super) address: SocketAddr,
}

impl Peers {
    pub(super) async fn start(shell: &Shell) -> Self {
        let script = Arc::new(watch::Sender::new(Script::default()));
        let peers = Played(script.clone());
        let address = Server::builder(shell, Access::Open)
            .add_service(SwitchConsentServiceServer::new(peers.clone()))
            .add_service(VersionCredentialServiceServer::new(peers.clone()))
            .add_service(NoticeServiceServer::new(peers))
            .serve("127.0.0.1:0".parse().unwrap())
            .await
            .unwrap();
        Self { script, address }
    }

    pub(super) fn direct(&self, change: impl FnOnce(&mut Script)) {
        self.script.send_modify(change);
    }

    pub(super) fn seen(&self) -> Script {
        self.script.borrow().clone()
    }

    pub(super) async fn until(&self, what: &str, holds: impl FnMut(&Script) -> bool) -> Script {
        let mut script = self.script.subscribe();
        soon(what, script.wait_for(holds)).await.unwrap().clone()
    }
}

#[derive(Clone)]
struct Played(Arc<watch::Sender<Script>>);

impl Played {
    fn provisioning<T>(&self, request: &Request<T>) -> Result<(), Status> {
        let id = request
            .metadata()
            .get("x-request-id")
            .and_then(|id| id.to_str().ok());
        let id = id.unwrap_or_default().to_owned();
        let mut down = false;
        self.0.send_modify(|script| {
            down = script.provisioning_down;
            script.request_ids.push(id);
        });
        if down { Err(away()) } else { Ok(()) }
    }
}

fn away() -> Status {
    Problem::unavailable(reason::PEER_UNAVAILABLE, "Not now.").into()
}

#[tonic::async_trait]
impl SwitchConsentService for Played {
    async fn move_tenants(
        &self,
        request: Request<MoveTenantsRequest>,
    ) -> Result<Response<MoveTenantsResponse>, Status> {
        self.provisioning(&request)?;
        let mut response = MoveTenantsResponse::default();
        self.0.send_modify(|script| {
            script.moves.push(request.into_inner());
            response = MoveTenantsResponse {
                done: script.further_moves == 0,
                total: 3,
                moved: if script.further_moves == 0 { 3 } else { 1 },
                mailed: 1,
                failed: i64::try_from(script.failing_tenants).unwrap(),
                failures: (0..script.failing_tenants)
                    .map(|number| MoveFailure {
                        tenant: format!("tenants/t{number}x"),
                        message: "No contact.".to_owned(),
                    })
                    .collect(),
            };
            script.further_moves = script.further_moves.saturating_sub(1);
        });
        Ok(Response::new(response))
    }

    async fn preview_move(
        &self,
        request: Request<PreviewMoveRequest>,
    ) -> Result<Response<PreviewMoveResponse>, Status> {
        self.provisioning(&request)?;
        let notice = request.into_inner().notice;
        Ok(Response::new(PreviewMoveResponse {
            total: 3,
            admitted: 3,
            mailed: if notice { 3 } else { 0 },
            ..PreviewMoveResponse::default()
        }))
    }

    async fn close_consent(
        &self,
        request: Request<CloseConsentRequest>,
    ) -> Result<Response<CloseConsentResponse>, Status> {
        self.provisioning(&request)?;
        let (mut hangs, mut denying) = (false, Vec::new());
        let request = request.into_inner();
        self.0.send_modify(|script| {
            script.closed.push(request.switch);
            hangs = std::mem::take(&mut script.close_hangs);
            denying.clone_from(&script.denying);
        });
        let denied = i64::try_from(denying.len()).unwrap() + 1;
        denying.retain(|tenant| request.watched_tenants.contains(tenant));
        if hangs {
            std::future::pending::<()>().await;
        }
        Ok(Response::new(CloseConsentResponse {
            grants_timeline: GRANTS_TIMELINE.to_owned(),
            grants_revision: GRANTS_REVISION,
            denied,
            tenants: 10,
            watched_denied: denying,
        }))
    }

    async fn settle_consent(
        &self,
        request: Request<SettleConsentRequest>,
    ) -> Result<Response<SettleConsentResponse>, Status> {
        self.provisioning(&request)?;
        self.0
            .send_modify(|script| script.settled.push(request.into_inner()));
        Ok(Response::new(SettleConsentResponse { denied: 2 }))
    }
}

#[tonic::async_trait]
impl VersionCredentialService for Played {
    async fn register_version(
        &self,
        request: Request<RegisterVersionRequest>,
    ) -> Result<Response<RegisterVersionResponse>, Status> {
        self.provisioning(&request)?;
        let told = Told::Registered(request.into_inner());
        self.0.send_modify(|script| script.told.push(told));
        Ok(Response::new(RegisterVersionResponse {}))
    }

    async fn deregister_version(
        &self,
        request: Request<DeregisterVersionRequest>,
    ) -> Result<Response<DeregisterVersionResponse>, Status> {
        self.provisioning(&request)?;
        let told = Told::Deregistered(request.into_inner());
        self.0.send_modify(|script| script.told.push(told));
        Ok(Response::new(DeregisterVersionResponse {}))
    }
}

#[tonic::async_trait]
impl NoticeService for Played {
    async fn publish_notices(
        &self,
        request: Request<PublishNoticesRequest>,
    ) -> Result<Response<PublishNoticesResponse>, Status> {
        if self.0.borrow().notification_down {
            return Err(away());
        }
        let notices = request.into_inner().notices;
        let created = i64::try_from(notices.len()).unwrap();
        self.0.send_modify(|script| script.notices.extend(notices));
        Ok(Response::new(PublishNoticesResponse { created }))
    }
}
