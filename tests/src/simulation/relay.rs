//! A relay of messages between one gateway and one catalog, on the gateway's host. What is said
//! arrives in its order, and late at times; what was said once is said again, on this stream or on a
//! later one. Once all is mended it hands on what it gets.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::Result;
use contract::Role;
use proto::catalog::v1::{
    self as wire, FollowRequest, FollowResponse, answer, fleet_service_client::FleetServiceClient,
    fleet_service_server, follow_request, follow_response, route,
};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use runtime::{
    CancellationToken, Client, Credentials, Endpoint, Server, Shell, caller::Access, connect_lazy,
    retry,
};
use tokio::{sync::mpsc, task::JoinSet};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

/// Messages that are remembered, of each kind.
const REMEMBERED: usize = 12;
/// Messages on their way.
const UNDER_WAY: usize = 64;
/// The longest that one is late.
const LATE_MAX: u64 = 400;

/// Relays what is said to `listen` to the catalog, in the name of the gateway; as it came once `healed`.
pub(super) async fn start(
    shell: &Shell,
    seed: u64,
    healed: Arc<AtomicBool>,
    gateway: &str,
    catalog: SocketAddr,
    listen: SocketAddr,
) -> Result<()> {
    let credentials = Credentials::claimed(Role::Gateway, &format!("gateways/{gateway}"))?;
    let client = connect_lazy(&Endpoint::from(catalog), &credentials)?;
    let relay = Relay {
        catalog: FleetServiceClient::new(client),
        memory: Arc::new(Mutex::new(Memory {
            chance: StdRng::seed_from_u64(seed),
            told: VecDeque::new(),
            held: VecDeque::new(),
        })),
        healed,
        streams: Arc::default(),
    };
    Server::builder(shell, Access::Open)
        .add_service(fleet_service_server::FleetServiceServer::new(relay))
        .serve(listen)
        .await?;
    Ok(())
}

#[derive(Clone)]
struct Relay {
    catalog: FleetServiceClient<Client>,
    memory: Arc<Mutex<Memory>>,
    healed: Arc<AtomicBool>,
    streams: Arc<Mutex<JoinSet<()>>>,
}

/// What was said, the newest last.
struct Memory {
    chance: StdRng,
    told: VecDeque<FollowResponse>,
    held: VecDeque<FollowRequest>,
}

impl Memory {
    /// Takes in what a gateway is told. Returns how late it is to be, what is to be said to the catalog
    /// once more, and what the gateway is told again before it: what it is told last is the latest, as
    /// no lease covers what the catalog seems to have gone back on.
    fn told(
        &mut self,
        response: &FollowResponse,
    ) -> (Duration, Option<FollowRequest>, Option<FollowResponse>) {
        let Some(follow_response::Message::Route(route)) = &response.message else {
            return (Duration::ZERO, None, None);
        };
        let late = match self.chance.random_bool(0.3) {
            true => Duration::from_millis(self.chance.random_range(0..LATE_MAX)),
            false => Duration::ZERO,
        };
        let holding = matches!(route.turn, Some(route::Turn::Holding(_)));
        let say = holding && self.chance.random_bool(0.5);
        let held = say.then(|| self.held.front().cloned()).flatten();
        let again = match self.told.len() {
            0 => None,
            known if self.chance.random_bool(0.4) => {
                self.told.get(self.chance.random_range(0..known)).cloned()
            }
            _ => None,
        };
        remember(&mut self.told, response);
        (late, held, again)
    }

    /// Takes in what a gateway says. Returns whether it is said twice.
    fn said(&mut self, request: &FollowRequest) -> bool {
        let Some(follow_request::Message::Answer(answer)) = &request.message else {
            return false;
        };
        if matches!(answer.answer, Some(answer::Answer::Held(_))) {
            remember(&mut self.held, request);
        }
        self.chance.random_bool(0.1)
    }
}

fn remember<T: Clone>(known: &mut VecDeque<T>, one: &T) {
    if known.len() == REMEMBERED {
        known.pop_front();
    }
    known.push_back(one.clone());
}

impl Relay {
    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn healed(&self) -> bool {
        self.healed.load(Ordering::Relaxed)
    }

    fn streams(&self) -> MutexGuard<'_, JoinSet<()>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands on what the gateway says, until either side goes away.
    async fn up(
        &self,
        mut said: Streaming<FollowRequest>,
        catalog: &mpsc::Sender<FollowRequest>,
    ) -> Result<(), Status> {
        while let Some(request) = said.message().await? {
            let twice = !self.healed() && self.memory().said(&request);
            for request in std::iter::repeat_n(request, 1 + usize::from(twice)) {
                catalog.send(request).await.map_err(gone)?;
            }
        }
        Ok(())
    }

    /// Hands on what the catalog tells.
    async fn down(
        &self,
        mut told: Streaming<FollowResponse>,
        gateway: &mpsc::Sender<Result<FollowResponse, Status>>,
        catalog: &mpsc::Sender<FollowRequest>,
    ) -> Result<(), Status> {
        let never = CancellationToken::new();
        while let Some(response) = told.message().await? {
            if self.healed() {
                gateway.send(Ok(response)).await.map_err(gone)?;
                continue;
            }
            let (late, held, again) = self.memory().told(&response);
            if let Some(held) = held {
                catalog.send(held).await.map_err(gone)?;
            }
            if let Some(again) = again {
                gateway.send(Ok(again)).await.map_err(gone)?;
            }
            retry::pause(late, &never).await.ok();
            gateway.send(Ok(response)).await.map_err(gone)?;
        }
        Ok(())
    }
}

fn gone<T>(_: mpsc::error::SendError<T>) -> Status {
    Status::unavailable("the other side is gone")
}

#[tonic::async_trait]
impl fleet_service_server::FleetService for Relay {
    type FollowStream = ReceiverStream<Result<FollowResponse, Status>>;

    async fn follow(
        &self,
        request: Request<Streaming<FollowRequest>>,
    ) -> Result<Response<Self::FollowStream>, Status> {
        let (up, to_catalog) = mpsc::channel(UNDER_WAY);
        let (down, to_gateway) = mpsc::channel(UNDER_WAY);
        let mut said = request.into_inner();
        // The catalog answers a hello, and nothing before it.
        if let Some(hello) = said.message().await? {
            up.send(hello).await.map_err(gone)?;
        }
        let told = self
            .catalog
            .clone()
            .follow(ReceiverStream::new(to_catalog))
            .await?
            .into_inner();
        let relay = self.clone();
        let mut streams = self.streams();
        while streams.try_join_next().is_some() {}
        streams.spawn(async move {
            let ended = tokio::select! {
                biased;
                () = down.closed() => return,
                ended = relay.up(said, &up) => ended,
                ended = relay.down(told, &down, &up) => ended,
            };
            if let Err(status) = ended {
                down.send(Err(status)).await.ok();
            }
        });
        Ok(Response::new(ReceiverStream::new(to_gateway)))
    }

    async fn leave_fleet(
        &self,
        request: Request<wire::LeaveFleetRequest>,
    ) -> Result<Response<wire::LeaveFleetResponse>, Status> {
        self.catalog.clone().leave_fleet(request.into_inner()).await
    }

    async fn list_gateways(
        &self,
        _: Request<wire::ListGatewaysRequest>,
    ) -> Result<Response<wire::ListGatewaysResponse>, Status> {
        Err(Status::unimplemented(ONLY))
    }

    async fn evict_gateway(
        &self,
        _: Request<wire::EvictGatewayRequest>,
    ) -> Result<Response<wire::EvictGatewayResponse>, Status> {
        Err(Status::unimplemented(ONLY))
    }

    async fn drain_gateway(
        &self,
        _: Request<wire::DrainGatewayRequest>,
    ) -> Result<Response<wire::DrainGatewayResponse>, Status> {
        Err(Status::unimplemented(ONLY))
    }

    async fn resume_gateway(
        &self,
        _: Request<wire::ResumeGatewayRequest>,
    ) -> Result<Response<wire::ResumeGatewayResponse>, Status> {
        Err(Status::unimplemented(ONLY))
    }

    async fn get_recovery(
        &self,
        _: Request<wire::GetRecoveryRequest>,
    ) -> Result<Response<wire::GetRecoveryResponse>, Status> {
        Err(Status::unimplemented(ONLY))
    }

    async fn adopt_recovery(
        &self,
        _: Request<wire::AdoptRecoveryRequest>,
    ) -> Result<Response<wire::AdoptRecoveryResponse>, Status> {
        Err(Status::unimplemented(ONLY))
    }
}

const ONLY: &str = "a relay has only what gateways call";
