//! The fleet: gateways join, follow and answer; the operator sees and evicts.

mod parse;
mod recover;
pub(super) mod render;
mod session;

use std::{sync::Arc, time::Duration};

use contract::{
    Checked, GatewayName, GatewayRef, Page, PageSize, Problem, Prose, Violations, reason,
};
use proto::catalog::v1 as wire;
use runtime::{
    Shell,
    fault::{Plant, planted},
};
use tokio::{
    sync::{mpsc, watch},
    time::timeout,
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use super::parse::caller;
use crate::{
    Catalog,
    error::Error,
    fleet::{
        self, StreamId,
        answers::{self, Answered},
        applied::Ledger,
        beats::{self, Heard},
        board::{self, Board},
    },
    recovery,
    store::gateways,
    traffic::{self, Report},
};
use session::Session;

/// How long a stream may take to say hello.
const HELLO_MAX: Duration = Duration::from_secs(10);
/// Streams that wait to be taken over by the task that serves them.
const NEW_MAX: usize = 64;
/// Messages that wait for a gateway that reads slowly.
const OUTBOUND_MAX: usize = 32;
const GATEWAYS: PageSize = PageSize {
    default: 100,
    max: 1000,
};

/// The service.
pub(super) struct Fleet {
    catalog: Arc<Catalog>,
    sessions: mpsc::Sender<Session>,
    answers: mpsc::Sender<Answered>,
    beats: mpsc::Sender<Heard>,
    /// Takes what gateways count; none if it is not kept.
    traffic: Option<mpsc::Sender<Report>>,
    board: Board,
}

type Answer<T> = Result<Response<T>, Status>;

impl Fleet {
    /// Starts the tasks that serve gateways' streams and take their answers in.
    pub(super) fn start(catalog: Arc<Catalog>, shell: &Shell) -> Self {
        let (sessions, arriving) = mpsc::channel(NEW_MAX);
        let (answers, waiting) = answers::channel();
        let (db, clock) = (catalog.db.clone(), catalog.clock.clone());
        let key = catalog.key.clone();
        let (beats, heard) = beats::channel();
        shell.spawn(
            "beats",
            beats::write_down(db.clone(), heard, shell.stopping()),
        );
        let traffic = (catalog.keep_traffic_hours > 0).then(|| {
            let (reports, waiting) = traffic::channel();
            let hours = catalog.keep_traffic_hours;
            shell.spawn(
                "traffic",
                traffic::keep(db.clone(), clock.clone(), waiting, shell.stopping()),
            );
            shell.spawn(
                "old traffic",
                traffic::forget(db.clone(), clock.clone(), hours, shell.stopping()),
            );
            reports
        });
        let (board, painter) = board::board(db.clone());
        shell.spawn("routes", painter.run(shell.stopping()));
        shell.spawn(
            "answers",
            answers::take_in(db, clock, key, waiting, shell.stopping()),
        );
        shell.spawn("gateways", session::serve(arriving, shell.stopping()));
        Self {
            catalog,
            sessions,
            answers,
            beats,
            traffic,
            board,
        }
    }
}

#[tonic::async_trait]
impl wire::fleet_service_server::FleetService for Fleet {
    type FollowStream = ReceiverStream<Result<wire::FollowResponse, Status>>;

    async fn follow(
        &self,
        request: Request<Streaming<wire::FollowRequest>>,
    ) -> Answer<Self::FollowStream> {
        let caller = caller(&request);
        let mut inbound = request.into_inner();
        let first = match timeout(HELLO_MAX, inbound.message()).await {
            Ok(first) => first?,
            Err(_late) => None,
        };
        let hello = parse::hello(first)?;
        caller.may_touch(&GatewayRef::from(hello.gateway.clone()))?;
        let (db, clock) = (&self.catalog.db, &self.catalog.clock);
        let stream = StreamId::new(clock);
        let early = match planted(Plant::JoinReadsBeforeMember) {
            true => Some(session::all_routes(db).await.map_err(Problem::from)?),
            false => None,
        };
        let forget = fleet::join(db, clock, &self.catalog.key, &hello, stream)
            .await
            .map_err(Problem::from)?;
        let (outbound, responses) = mpsc::channel(OUTBOUND_MAX);
        let session = Session {
            catalog: self.catalog.clone(),
            gateway: hello.gateway,
            boot: hello.boot,
            stream,
            inbound,
            outbound,
            answers: self.answers.clone(),
            beats: self.beats.clone(),
            traffic: self.traffic.clone(),
            board: self.board.clone(),
            forget,
            ledger: Ledger::new(&hello.positions),
            taken: watch::Sender::default(),
            early,
            drained: false,
        };
        self.sessions.send(session).await.map_err(|_| {
            Problem::unavailable(reason::PEER_UNAVAILABLE, "The service is stopping.")
        })?;
        Ok(Response::new(ReceiverStream::new(responses)))
    }

    async fn leave_fleet(
        &self,
        request: Request<wire::LeaveFleetRequest>,
    ) -> Answer<wire::LeaveFleetResponse> {
        let mut v = Violations::new();
        let gateway = v.parse::<GatewayRef>("gateway", &request.get_ref().gateway);
        let gateway = v.all(gateway)?;
        caller(&request).may_touch(&gateway)?;
        fleet::leave(
            &self.catalog.db,
            &self.catalog.clock,
            &self.catalog.key,
            &gateway.gateway,
        )
        .await
        .map_err(Problem::from)?;
        tracing::info!(%gateway, "a gateway has left the fleet");
        Ok(Response::new(wire::LeaveFleetResponse {}))
    }

    async fn list_gateways(
        &self,
        request: Request<wire::ListGatewaysRequest>,
    ) -> Answer<wire::ListGatewaysResponse> {
        let request = request.into_inner();
        let mut v = Violations::new();
        let page: Checked<Page<GatewayName>> = Page::read(
            &mut v,
            request.page_size,
            &request.page_token,
            &["gateways"],
            GATEWAYS,
        );
        let page = v.all(page)?;
        let read = ::store::read!(self.catalog.db, |tx| {
            Ok::<_, Error>(gateways::list(tx, page.after(), page.limit()).await?)
        });
        let mut rows = read.map_err(Problem::from)?;
        let next_page_token = page.finish(&mut rows, |row| row.name.clone());
        let now = self.catalog.clock.now();
        Ok(Response::new(wire::ListGatewaysResponse {
            gateways: rows.iter().map(|row| render::gateway(row, now)).collect(),
            next_page_token,
        }))
    }

    async fn evict_gateway(
        &self,
        request: Request<wire::EvictGatewayRequest>,
    ) -> Answer<wire::EvictGatewayResponse> {
        let by = caller(&request).subject();
        let request = request.into_inner();
        let mut v = Violations::new();
        let name = v.parse::<GatewayRef>("name", &request.name);
        let reason = v.parse::<Prose<500>>("reason", &request.reason);
        let (name, reason) = v.all((name, reason))?;
        fleet::evict(
            &self.catalog.db,
            &self.catalog.clock,
            &self.catalog.key,
            &self.catalog.hearing,
            &name.gateway,
            &reason,
        )
        .await
        .map_err(Problem::from)?;
        tracing::warn!(gateway.name = %name, by, %reason, "a gateway was evicted");
        Ok(Response::new(wire::EvictGatewayResponse {}))
    }

    async fn drain_gateway(
        &self,
        request: Request<wire::DrainGatewayRequest>,
    ) -> Answer<wire::DrainGatewayResponse> {
        let by = caller(&request).subject();
        let request = request.into_inner();
        let gateway = self
            .drain(&by, &request.name, &request.reason, true)
            .await?;
        Ok(Response::new(wire::DrainGatewayResponse {
            gateway: Some(gateway),
        }))
    }

    async fn resume_gateway(
        &self,
        request: Request<wire::ResumeGatewayRequest>,
    ) -> Answer<wire::ResumeGatewayResponse> {
        let by = caller(&request).subject();
        let request = request.into_inner();
        let gateway = self
            .drain(&by, &request.name, &request.reason, false)
            .await?;
        Ok(Response::new(wire::ResumeGatewayResponse {
            gateway: Some(gateway),
        }))
    }

    async fn get_recovery(
        &self,
        _request: Request<wire::GetRecoveryRequest>,
    ) -> Answer<wire::GetRecoveryResponse> {
        let standing = ::store::read!(self.catalog.db, |tx| recovery::standing(tx).await);
        let standing = standing.map_err(Problem::from)?;
        Ok(Response::new(recover::standing(standing)))
    }

    async fn adopt_recovery(
        &self,
        request: Request<wire::AdoptRecoveryRequest>,
    ) -> Answer<wire::AdoptRecoveryResponse> {
        let adopt = recover::adopt(&self.catalog.clock, &request)?;
        let switches = recovery::adopt(&self.catalog, &adopt)
            .await
            .map_err(Problem::from)?;
        Ok(Response::new(wire::AdoptRecoveryResponse {
            switches: switches.iter().map(ToString::to_string).collect(),
        }))
    }
}

impl Fleet {
    async fn drain(
        &self,
        by: &str,
        name: &str,
        reason: &str,
        drain: bool,
    ) -> Result<wire::Gateway, Problem> {
        let mut v = Violations::new();
        let name = v.parse::<GatewayRef>("name", name);
        let reason = v.parse::<Prose<500>>("reason", reason);
        let (name, reason) = v.all((name, reason))?;
        let member = fleet::drain(&self.catalog, &name.gateway, drain, &reason)
            .await
            .map_err(Problem::from)?;
        tracing::info!(gateway.name = %name, by, %reason, drain, "a gateway is taken out of use, or into use");
        Ok(render::gateway(&member, self.catalog.clock.now()))
    }
}
