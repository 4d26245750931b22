//! A gateway played by hand: it follows, and answers what the test tells it to.

use std::{collections::BTreeMap, net::SocketAddr};

use contract::{Problem, Role};
use proto::catalog::v1::{
    self as wire, fleet_service_client::FleetServiceClient, follow_request, follow_response,
    route::Turn,
};
use runtime::Client;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

use super::{World, soon, world::client};

/// A gateway that follows.
pub(crate) struct Gateway {
    name: String,
    boot: String,
    client: FleetServiceClient<Client>,
    outbound: mpsc::Sender<wire::FollowRequest>,
    inbound: Streaming<wire::FollowResponse>,
    /// The last route of each application.
    pub(super) routes: BTreeMap<String, wire::Route>,
    /// Every route of every application, in order, until the end.
    pub(super) seen: Vec<wire::Route>,
    pub(super) synced: Option<Vec<String>>,
    /// The beats that were answered with a lease.
    pub(super) leases: Vec<u64>,
    /// What the operator last said of taking it out of use.
    pub(super) drain: Option<bool>,
    /// Whether the catalog asks for reports of traffic.
    pub(super) wants_traffic: bool,
    /// The last of its reports of traffic that is kept.
    pub(super) taken: u64,
    /// How many messages have come.
    pub(super) messages: usize,
}

/// What a gateway says first.
pub(super) fn hello(name: &str) -> wire::Hello {
    wire::Hello {
        gateway: format!("gateways/{name}"),
        boot: boot(1),
        software: "0.1.0".to_owned(),
        positions: Vec::new(),
        listeners: Vec::new(),
    }
}

/// The name of one start of the process.
pub(super) fn boot(number: u8) -> String {
    format!("01999999-0000-4000-8000-0000000000{number:02}")
}

impl Gateway {
    /// Joins and waits until it knows every application.
    pub(crate) async fn join(world: &World, name: &str) -> Self {
        Self::hello(world.address, hello(name)).await.unwrap()
    }

    pub(super) async fn hello(address: SocketAddr, hello: wire::Hello) -> Result<Self, Problem> {
        let name = hello.gateway.clone();
        let client = FleetServiceClient::new(client(address, Role::Gateway, &name));
        Self::follow(client, hello).await
    }

    pub(super) async fn follow(
        mut client: FleetServiceClient<Client>,
        hello: wire::Hello,
    ) -> Result<Self, Problem> {
        let (outbound, requests) = mpsc::channel(16);
        let (name, boot) = (hello.gateway.clone(), hello.boot.clone());
        send(&outbound, follow_request::Message::Hello(hello)).await;
        let inbound = client
            .follow(ReceiverStream::new(requests))
            .await?
            .into_inner();
        let mut gateway = Self {
            name,
            boot,
            client,
            outbound,
            inbound,
            routes: BTreeMap::new(),
            seen: Vec::new(),
            synced: None,
            leases: Vec::new(),
            drain: None,
            wants_traffic: false,
            taken: 0,
            messages: 0,
        };
        while gateway.synced.is_none() {
            gateway.next().await?;
        }
        Ok(gateway)
    }

    /// Connects again as the same process, with what it knows.
    pub(crate) async fn again(self, world: &World) -> Self {
        let positions = self
            .routes
            .values()
            .map(|route| wire::RoutePosition {
                application: route.application.clone(),
                timeline: route.timeline.clone(),
                revision: route.revision,
                generation: route.generation,
                version: route
                    .active
                    .as_ref()
                    .map(|active| active.version.clone())
                    .unwrap_or_default(),
            })
            .collect();
        let hello = wire::Hello {
            gateway: self.name.clone(),
            boot: self.boot.clone(),
            software: "0.1.0".to_owned(),
            positions,
            listeners: Vec::new(),
        };
        let seen = self.seen;
        let mut again = Self::hello(world.address, hello).await.unwrap();
        again.seen.splice(0..0, seen);
        again
    }

    /// Takes one message in.
    pub(super) async fn next(&mut self) -> Result<(), Problem> {
        let message = soon("a message of the catalog", self.inbound.message()).await?;
        let Some(message) = message else {
            return Err(tonic::Status::unavailable("the stream ended").into());
        };
        self.messages += 1;
        match message.message.unwrap() {
            follow_response::Message::Route(route) => {
                if let Some(before) = self.routes.get(&route.application) {
                    // I3, R4: what a gateway is told never goes backwards. The same may come again.
                    assert!(
                        route.revision > before.revision || route == *before,
                        "{before:?}\n{route:?}"
                    );
                    assert!(
                        route.generation >= before.generation,
                        "{before:?}\n{route:?}"
                    );
                    assert_eq!(route.timeline, before.timeline);
                }
                self.seen.push(route.clone());
                self.routes.insert(route.application.clone(), route);
            }
            follow_response::Message::Removed(removed) => {
                self.routes.remove(&removed.application);
            }
            follow_response::Message::Synced(synced) => {
                self.wants_traffic = synced.wants_traffic;
                self.synced = Some(synced.applications);
            }
            follow_response::Message::Lease(lease) => self.leases.push(lease.sequence),
            follow_response::Message::DrainOrder(order) => self.drain = Some(order.drain),
            follow_response::Message::TrafficTaken(taken) => self.taken = taken.number,
        }
        Ok(())
    }

    pub(super) fn route(&self) -> &wire::Route {
        &self.routes["applications/crm"]
    }

    /// Takes messages in until the route of `applications/crm` is as wanted.
    pub(super) async fn until(
        &mut self,
        what: &str,
        mut holds: impl FnMut(&wire::Route) -> bool,
    ) -> wire::Route {
        soon(what, async {
            loop {
                if let Some(route) = self.routes.get("applications/crm")
                    && holds(route)
                {
                    return route.clone();
                }
                self.next().await.unwrap();
            }
        })
        .await
    }

    pub(super) async fn until_preparing(&mut self) -> wire::Route {
        self.until("preparing", |route| {
            matches!(route.turn, Some(Turn::Preparing(_)))
        })
        .await
    }

    pub(super) async fn until_holding(&mut self) -> wire::Route {
        self.until("holding", |route| {
            matches!(route.turn, Some(Turn::Holding(_)))
        })
        .await
    }

    pub(super) async fn until_releasing(&mut self) -> wire::Route {
        self.until("releasing", |route| {
            matches!(route.turn, Some(Turn::Releasing(_)))
        })
        .await
    }

    pub(super) async fn until_no_turn(&mut self) -> wire::Route {
        self.until("no turn", |route| route.turn.is_none()).await
    }

    /// Answers one route's turn.
    pub(super) async fn answer(&self, route: &wire::Route, answer: wire::answer::Answer) {
        let nonce = match route.turn.as_ref().unwrap() {
            Turn::Preparing(turn) => &turn.nonce,
            Turn::Holding(turn) => &turn.nonce,
            Turn::Releasing(turn) => &turn.nonce,
        };
        let answer = wire::Answer {
            application: route.application.clone(),
            timeline: route.timeline.clone(),
            revision: route.revision,
            nonce: nonce.clone(),
            answer: Some(answer),
        };
        send(&self.outbound, follow_request::Message::Answer(answer)).await;
    }

    pub(super) async fn ready(&self, route: &wire::Route) {
        self.answer(route, wire::answer::Answer::Ready(wire::Ready {}))
            .await;
    }

    pub(super) async fn held(&self, route: &wire::Route) {
        self.answer(route, wire::answer::Answer::Held(wire::Held {}))
            .await;
    }

    pub(super) async fn not_ready(&self, route: &wire::Route) {
        let why = wire::NotReady {
            reason: "HEALTH".to_owned(),
            message: "status 503".to_owned(),
        };
        self.answer(route, wire::answer::Answer::NotReady(why))
            .await;
    }

    /// Answers both parts of a release.
    pub(super) async fn released_and_drained(&self, route: &wire::Route) {
        let longest_hold = Some(prost_types::Duration {
            seconds: 0,
            nanos: 3_000_000,
        });
        let released = wire::Released {
            held_requests: 4,
            longest_hold,
            ..Default::default()
        };
        self.answer(route, wire::answer::Answer::Released(released))
            .await;
        let drained = wire::Drained {
            finished_requests: 5,
            cut_requests: 1,
            ..Default::default()
        };
        self.answer(route, wire::answer::Answer::Drained(drained))
            .await;
    }

    /// Plays its part of one switch to the end.
    pub(crate) async fn obey(&mut self) {
        let route = self.until_preparing().await;
        self.ready(&route).await;
        self.hold_and_release().await;
    }

    pub(super) async fn hold_and_release(&mut self) {
        let route = self.until_holding().await;
        self.held(&route).await;
        let route = self.until_releasing().await;
        self.released_and_drained(&route).await;
        self.until_no_turn().await;
    }

    pub(super) async fn beat(&self) {
        send(
            &self.outbound,
            follow_request::Message::Beat(wire::Beat::default()),
        )
        .await;
    }

    /// Says a beat, and waits for the lease that answers it.
    pub(super) async fn beat_for_lease(&mut self, sequence: u64) {
        let beat = wire::Beat {
            sequence,
            ready: true,
            ..wire::Beat::default()
        };
        self.say(follow_request::Message::Beat(beat)).await;
        soon("a lease", async {
            while !self.leases.contains(&sequence) {
                self.next().await.unwrap();
            }
        })
        .await;
    }

    /// Says that a route was applied, as one with this hash.
    pub(super) async fn applied(&self, route: &wire::Route, hash: &str) {
        let applied = wire::Applied {
            application: route.application.clone(),
            timeline: route.timeline.clone(),
            revision: route.revision,
            hash: hash.to_owned(),
        };
        self.say(follow_request::Message::Applied(applied)).await;
    }

    /// Takes messages in until the stream ends, and returns why it did.
    pub(super) async fn until_ended(&mut self) -> Problem {
        soon("the end of the stream", async {
            loop {
                if let Err(problem) = self.next().await {
                    return problem;
                }
            }
        })
        .await
    }

    pub(super) async fn leave(mut self) {
        let request = wire::LeaveFleetRequest {
            gateway: self.name.clone(),
        };
        self.client.leave_fleet(request).await.unwrap();
    }

    /// Says something of which the test only wants to know what comes of it.
    pub(super) async fn say(&self, message: follow_request::Message) {
        send(&self.outbound, message).await;
    }
}

async fn send(outbound: &mpsc::Sender<wire::FollowRequest>, message: follow_request::Message) {
    let request = wire::FollowRequest {
        message: Some(message),
    };
    // The stream may have ended; what it brings next says so.
    drop(outbound.send(request).await);
}
