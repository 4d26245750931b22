//! A catalog that says what a test tells it to say, and keeps what it hears.

mod sign_outs;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
};

use futures::{StreamExt as _, stream, stream::BoxStream};
use proto::catalog::v1 as wire;
use proto::catalog::v1::fleet_service_server::{FleetService, FleetServiceServer};
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use sign_outs::SignOuts;

type Stream = mpsc::UnboundedSender<Result<wire::FollowResponse, Status>>;

fn response(message: wire::follow_response::Message) -> wire::FollowResponse {
    wire::FollowResponse {
        message: Some(message),
    }
}

fn drain_order(drain: bool) -> wire::follow_response::Message {
    wire::follow_response::Message::DrainOrder(wire::DrainOrder { drain })
}

/// Clones are the same catalog.
#[derive(Clone, Default)]
pub(crate) struct Catalog {
    fleet: Arc<Mutex<State>>,
    pub(crate) sign_outs: SignOuts,
}

/// What it does with what gateways count.
#[derive(Default, Clone, Copy, PartialEq, Eq, PartialOrd)]
enum Counting {
    #[default]
    Unasked,
    Asked,
    Taken,
}

#[derive(Default)]
struct State {
    routes: BTreeMap<String, wire::Route>,
    streams: Vec<Stream>,
    hellos: Vec<wire::Hello>,
    answers: Vec<wire::Answer>,
    left: Vec<String>,
    beats: Vec<wire::Beat>,
    applied: Vec<wire::Applied>,
    refused: Vec<wire::Refused>,
    traffic: Vec<wire::Traffic>,
    counting: Counting,
    /// Whether beats get no leases.
    no_leases: bool,
    drain: bool,
}

impl Catalog {
    /// Returns it as a service.
    pub(crate) fn service(&self) -> FleetServiceServer<Self> {
        FleetServiceServer::new(self.clone())
    }

    /// Tells a route to all, and to whoever comes.
    pub(crate) fn tell(&self, route: wire::Route) {
        let mut state = self.state();
        state
            .routes
            .insert(route.application.clone(), route.clone());
        let message = wire::follow_response::Message::Route(route);
        state.say(message);
    }

    /// Removes an application.
    pub(crate) fn remove(&self, application: &str) {
        let mut state = self.state();
        let application = format!("applications/{application}");
        state.routes.remove(&application);
        state.say(wire::follow_response::Message::Removed(
            wire::RouteRemoved { application },
        ));
    }

    /// Forgets everything, as a catalog on another database would.
    pub(crate) fn forget(&self) {
        self.state().routes.clear();
    }

    /// Breaks all streams.
    pub(crate) fn break_streams(&self) {
        self.state().streams.clear();
        self.sign_outs.break_streams();
    }

    /// Returns what was answered to a turn, in order.
    pub(crate) fn answers(&self, nonce: &str) -> Vec<wire::Answer> {
        let state = self.state();
        let to_turn = state.answers.iter().filter(|answer| answer.nonce == nonce);
        to_turn.cloned().collect()
    }

    /// Returns what gateways said at first, in order.
    pub(crate) fn hellos(&self) -> Vec<wire::Hello> {
        self.state().hellos.clone()
    }

    /// Returns who left.
    pub(crate) fn left(&self) -> Vec<String> {
        self.state().left.clone()
    }

    /// Returns an application's route as it was told last.
    pub(crate) fn route(&self, name: &str) -> wire::Route {
        self.state().routes[name].clone()
    }

    /// Returns the beats, in order.
    pub(crate) fn beats(&self) -> Vec<wire::Beat> {
        self.state().beats.clone()
    }

    /// Returns what was applied, in order.
    pub(crate) fn applied(&self) -> Vec<wire::Applied> {
        self.state().applied.clone()
    }

    /// Returns what was refused, in order.
    pub(crate) fn refused(&self) -> Vec<wire::Refused> {
        self.state().refused.clone()
    }

    /// Asks those who come from now on for what users were answered.
    pub(crate) fn want_traffic(&self) {
        self.state().counting = Counting::Asked;
    }

    /// Says from now on that what was reported is kept.
    pub(crate) fn take_traffic(&self) {
        self.state().counting = Counting::Taken;
    }

    /// Returns what users were answered, as it was reported, in order.
    pub(crate) fn traffic(&self) -> Vec<wire::Traffic> {
        self.state().traffic.clone()
    }

    /// Gives leases for beats from now on, or none.
    pub(crate) fn give_leases(&self, give: bool) {
        self.state().no_leases = !give;
    }

    /// Takes all gateways out of use, or into use again.
    pub(crate) fn drain(&self, drain: bool) {
        let mut state = self.state();
        state.drain = drain;
        state.say(drain_order(drain));
    }

    /// The same, while nobody hears it.
    pub(crate) fn drain_unheard(&self, drain: bool) {
        self.state().drain = drain;
    }

    /// Says anything to all.
    pub(crate) fn say(&self, message: wire::follow_response::Message) {
        self.state().say(message);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.fleet.lock().unwrap()
    }

    fn hear(&self, request: wire::FollowRequest, stream: &Stream) {
        let mut state = self.state();
        match request.message {
            Some(wire::follow_request::Message::Hello(hello)) => state.hellos.push(hello),
            Some(wire::follow_request::Message::Answer(answer)) => state.answers.push(answer),
            Some(wire::follow_request::Message::Beat(beat)) => {
                let sequence = beat.sequence;
                state.beats.push(beat);
                if !state.no_leases {
                    let lease = wire::Lease { sequence };
                    // Who is gone needs none.
                    drop(stream.send(Ok(response(wire::follow_response::Message::Lease(lease)))));
                }
            }
            Some(wire::follow_request::Message::Applied(applied)) => state.applied.push(applied),
            Some(wire::follow_request::Message::Refused(refused)) => state.refused.push(refused),
            Some(wire::follow_request::Message::Traffic(traffic)) => {
                let number = traffic.number;
                state.traffic.push(traffic);
                if state.counting == Counting::Taken {
                    let taken = wire::TrafficTaken { number };
                    let taken = wire::follow_response::Message::TrafficTaken(taken);
                    drop(stream.send(Ok(response(taken))));
                }
            }
            None => {}
        }
    }
}

impl State {
    fn say(&mut self, message: wire::follow_response::Message) {
        let response = response(message);
        self.streams
            .retain(|stream| stream.send(Ok(response.clone())).is_ok());
    }
}

#[tonic::async_trait]
impl FleetService for Catalog {
    type FollowStream = BoxStream<'static, Result<wire::FollowResponse, Status>>;

    async fn follow(
        &self,
        request: Request<Streaming<wire::FollowRequest>>,
    ) -> Result<Response<Self::FollowStream>, Status> {
        let mut heard = request.into_inner();
        let hello = heard
            .message()
            .await?
            .ok_or(Status::cancelled("no hello"))?;
        let (says, said) = mpsc::unbounded_channel();
        self.hear(hello, &says);
        let mut state = self.state();
        let routes: Vec<wire::Route> = state.routes.values().cloned().collect();
        let synced = wire::follow_response::Message::Synced(wire::Synced {
            applications: state.routes.keys().cloned().collect(),
            wants_traffic: state.counting >= Counting::Asked,
        });
        let first = state
            .drain
            .then(|| drain_order(true))
            .into_iter()
            .chain(
                routes
                    .into_iter()
                    .map(wire::follow_response::Message::Route),
            )
            .chain([synced])
            .map(|message| Ok(response(message)));
        for message in first {
            says.send(message).unwrap();
        }
        let stream = says.downgrade();
        state.streams.push(says);
        let catalog = self.clone();
        // Hears for as long as it may speak; the end of either is the end of both.
        let hearing = heard.map(move |request| {
            request.map(|request| {
                if let Some(stream) = stream.upgrade() {
                    catalog.hear(request, &stream);
                }
                None
            })
        });
        let saying = UnboundedReceiverStream::new(said).map(|said| said.map(Some));
        let end = stream::once(async { Err(Status::unavailable("the test broke the stream")) });
        let both = stream::select(hearing, saying.chain(end))
            .filter_map(|item| std::future::ready(item.transpose()));
        Ok(Response::new(both.boxed()))
    }

    async fn leave_fleet(
        &self,
        request: Request<wire::LeaveFleetRequest>,
    ) -> Result<Response<wire::LeaveFleetResponse>, Status> {
        self.state().left.push(request.into_inner().gateway);
        Ok(Response::new(wire::LeaveFleetResponse {}))
    }

    async fn list_gateways(
        &self,
        _: Request<wire::ListGatewaysRequest>,
    ) -> Result<Response<wire::ListGatewaysResponse>, Status> {
        Err(Status::unimplemented("no gateway asks"))
    }

    async fn evict_gateway(
        &self,
        _: Request<wire::EvictGatewayRequest>,
    ) -> Result<Response<wire::EvictGatewayResponse>, Status> {
        Err(Status::unimplemented("no gateway asks"))
    }

    async fn drain_gateway(
        &self,
        _: Request<wire::DrainGatewayRequest>,
    ) -> Result<Response<wire::DrainGatewayResponse>, Status> {
        Err(Status::unimplemented("no gateway asks"))
    }

    async fn resume_gateway(
        &self,
        _: Request<wire::ResumeGatewayRequest>,
    ) -> Result<Response<wire::ResumeGatewayResponse>, Status> {
        Err(Status::unimplemented("no gateway asks"))
    }

    async fn get_recovery(
        &self,
        _: Request<wire::GetRecoveryRequest>,
    ) -> Result<Response<wire::GetRecoveryResponse>, Status> {
        Err(Status::unimplemented("no gateway asks"))
    }

    async fn adopt_recovery(
        &self,
        _: Request<wire::AdoptRecoveryRequest>,
    ) -> Result<Response<wire::AdoptRecoveryResponse>, Status> {
        Err(Status::unimplemented("no gateway asks"))
    }
}
