//! One gateway's stream: every route from the membership on, then the latest of each that changed;
//! its answers and beats, and what each is answered with. Ends when another stream of the gateway, or its eviction, takes its place.

use std::{collections::BTreeSet, convert::Infallible, sync::Arc, time::Duration};

use ::store::Db;
use contract::{ApplicationName, Fault, GatewayName, Problem, Violations};
use prost::Message as _;
use proto::catalog::v1::{self as wire, follow_request::Message, follow_response};
use runtime::CancellationToken;
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time::timeout,
};
use tonic::{Status, Streaming};

use super::{parse, render};
use crate::{
    Catalog,
    error::Error,
    fleet::{
        Boot, Said, StreamId,
        answers::Answered,
        applied::{Ledger, Sent, Verdict, sha256},
        beats::Heard,
        board::{Board, Picture},
        leases::{Renewal, renew},
        traffic::traffic,
    },
    routes::{self, Route},
    store::{applications, gateways},
    traffic::Report,
};

/// A gateway that does not read for this long is gone.
const READ_MAX: Duration = Duration::from_secs(10);
/// How often it is written down at most that a gateway was heard; beats come every 5 s.
const HEARD_EVERY: Duration = Duration::from_secs(4);

/// One gateway's stream.
pub(super) struct Session {
    pub(super) catalog: Arc<Catalog>,
    pub(super) gateway: GatewayName,
    pub(super) boot: Boot,
    pub(super) stream: StreamId,
    pub(super) inbound: Streaming<wire::FollowRequest>,
    pub(super) outbound: mpsc::Sender<Result<wire::FollowResponse, Status>>,
    pub(super) answers: mpsc::Sender<Answered>,
    pub(super) beats: mpsc::Sender<Heard>,
    /// Takes what it counts; none if it is not kept.
    pub(super) traffic: Option<mpsc::Sender<Report>>,
    pub(super) board: Board,
    /// Applications whose earlier lives the gateway must forget.
    pub(super) forget: BTreeSet<ApplicationName>,
    /// What it has applied, and what it has last said.
    pub(super) ledger: Ledger,
    /// The last of its reports of traffic that is kept.
    pub(super) taken: watch::Sender<u64>,
    /// Routes that were read before it was a member: only ever there with a planted bug.
    pub(super) early: Option<Vec<Route>>,
    /// Whether it was told that it is being drained.
    pub(super) drained: bool,
}

/// Serves streams as they arrive until `stop`.
pub(super) async fn serve(
    mut arriving: mpsc::Receiver<Session>,
    stop: CancellationToken,
) -> Result<(), Infallible> {
    let mut sessions = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            session = arriving.recv() => match session {
                Some(session) => drop(sessions.spawn(session.run(stop.clone()))),
                None => break,
            },
            Some(ended) = sessions.join_next() => {
                if let Err(error) = ended {
                    tracing::error!(%error, "a gateway's stream broke");
                }
            }
        }
    }
    while sessions.join_next().await.is_some() {}
    Ok(())
}

/// Why a stream ends.
enum End {
    /// The gateway went away, or everything ends.
    Gone,
    /// It is told why.
    Told(Problem),
}

impl From<Error> for End {
    fn from(error: Error) -> Self {
        Self::Told(error.into())
    }
}

impl Session {
    async fn run(mut self, stop: CancellationToken) {
        let gateway = self.gateway.clone();
        tracing::info!(gateway.name = %gateway, "a gateway follows");
        let Err(end) = self.follow(&stop).await;
        match end {
            End::Gone => tracing::info!(gateway.name = %gateway, "a gateway follows no more"),
            End::Told(problem) => {
                // A gateway that left, or follows on another stream, is no cause for worry.
                if problem.transient() {
                    tracing::info!(gateway.name = %gateway, reason = %problem.reason(), %problem, "a gateway's stream was ended");
                } else {
                    tracing::warn!(gateway.name = %gateway, reason = %problem.reason(), %problem, "a gateway's stream was ended");
                }
                drop(timeout(READ_MAX, self.outbound.send(Err(problem.into()))).await);
            }
        }
        let (gateway, stream) = (&self.gateway, self.stream);
        let ended = ::store::write!(self.catalog.db, |tx| gateways::stream_ended(
            tx, gateway, stream
        )
        .await);
        if let Err(error) = ended {
            // It counts as silent soon all the same.
            tracing::warn!(gateway.name = %gateway, error = &error as &dyn std::error::Error, "the end of a stream was not written down");
        }
    }

    async fn follow(&mut self, stop: &CancellationToken) -> Result<Infallible, End> {
        let mut board = self.board.clone();
        let forget = std::mem::take(&mut self.forget);
        let picture = board.fresh().await;
        self.send_changes(picture, &forget).await?;
        let wants_traffic = self.traffic.is_some();
        self.send(render::synced(self.ledger.applications(), wants_traffic))
            .await?;
        let mut taken = self.taken.subscribe();
        let clock = self.catalog.clock.clone();
        let (mut heard, mut said) = (clock.instant(), Said::default());
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return Err(End::Gone),
                () = self.outbound.closed() => return Err(End::Gone),
                message = self.inbound.message() => {
                    let Ok(Some(message)) = message else { return Err(End::Gone) };
                    self.catalog.hearing.heard(&self.gateway, clock.instant());
                    let first = said == Said::default();
                    self.take(message, &mut said).await?;
                    let due = clock.instant().saturating_sub(heard) >= HEARD_EVERY;
                    if due || (first && said != Said::default()) {
                        heard = clock.instant();
                        self.hear(&said);
                    }
                }
                picture = board.changed() => self.send_changes(picture, &BTreeSet::new()).await?,
                // Last: what a switch waits for goes first.
                Ok(()) = taken.changed() => {
                    let number = *taken.borrow_and_update();
                    self.send(render::traffic_taken(number)).await?;
                }
            }
        }
    }

    async fn take(&mut self, message: wire::FollowRequest, said: &mut Said) -> Result<(), End> {
        match message.message {
            Some(Message::Answer(answer)) => {
                let answered = parse::answer(&self.gateway, answer).map_err(End::Told)?;
                self.answers.send(answered).await.map_err(|_| End::Gone)
            }
            Some(Message::Beat(beat)) => self.beat(beat, said).await,
            Some(Message::Traffic(traffic)) => {
                self.traffic(&traffic);
                Ok(())
            }
            Some(Message::Applied(applied)) => {
                let (application, timeline, revision, hash) =
                    parse::applied(applied).map_err(End::Told)?;
                let verdict = self.ledger.applied(&application, timeline, revision, &hash);
                self.judged(verdict).await
            }
            Some(Message::Refused(refused)) => {
                let refusal = parse::refused(&refused);
                tracing::warn!(gateway.name = %self.gateway, application = refusal.application, revision = refusal.revision, reason = refusal.reason, message = refusal.message, "a gateway refuses a route");
                self.ledger.refused(refusal);
                Ok(())
            }
            Some(Message::Hello(_)) | None => {
                let mut v = Violations::new();
                v.add("message", Fault::Refused, "must be an answer or a beat");
                v.finish().map_err(End::Told)
            }
        }
    }

    /// Takes a beat in. The lease comes first: it is the one thing that is waited for.
    async fn beat(&mut self, beat: wire::Beat, said: &mut Said) -> Result<(), End> {
        let (gateway, stream) = (&self.gateway, self.stream);
        let renewal = ::store::read!(self.catalog.db, |tx| renew(tx, gateway, stream).await);
        match renewal {
            Ok(Renewal::Lease) => self.send(render::lease(beat.sequence)).await?,
            Ok(Renewal::Nothing) => {}
            Ok(Renewal::HelloAgain) => return Err(self.replaced()),
            Err(error) => {
                tracing::warn!(gateway.name = %gateway, error = &error as &dyn std::error::Error, "no lease is renewed that cannot be looked up");
            }
        }
        said.ready = beat.ready;
        said.not_ready_message = parse::not_ready_message(&beat);
        said.open_connections = beat.open_connections.max(0);
        said.long_lived = parse::long_lived(&beat.long_lived);
        let reports = parse::traffic(&beat.traffic);
        if !reports.is_empty() {
            let now = self.catalog.clock.now();
            let kept = traffic(&self.catalog.db, gateway, stream, &reports, now).await;
            if let Err(error) = kept {
                tracing::warn!(gateway.name = %gateway, error = &error as &dyn std::error::Error, "a report of traffic is lost; the next one says the same and more");
            }
        }
        let verdict = self.ledger.beat(&beat.state_hash);
        self.judged(verdict).await
    }

    /// Takes in what the gateway counted. Nothing of it may end the stream: what cannot be read, or is
    /// too much, is dropped.
    fn traffic(&self, traffic: &wire::Traffic) {
        let Some(reports) = &self.traffic else {
            tracing::debug!(gateway.name = %self.gateway, "a gateway reports traffic that is not kept");
            return;
        };
        let number = i64::try_from(traffic.number).unwrap_or_default();
        if number <= 0 {
            tracing::warn!(gateway.name = %self.gateway, traffic.number, "a report of traffic without a number is dropped");
            return;
        }
        let now = self.catalog.clock.now();
        let (counts, dropped) = parse::counts(traffic, now);
        if dropped > 0 {
            tracing::warn!(gateway.name = %self.gateway, traffic.number, dropped, "counts of a gateway that cannot be read are dropped");
        }
        let report = Report {
            gateway: self.gateway.clone(),
            boot: self.boot,
            number: traffic.number,
            counts,
            taken: self.taken.clone(),
        };
        if reports.try_send(report).is_err() {
            tracing::warn!(gateway.name = %self.gateway, traffic.number, "a report of traffic is lost: too many wait to be written down");
        }
    }

    async fn judged(&mut self, verdict: Verdict) -> Result<(), End> {
        match verdict {
            Verdict::Fine => Ok(()),
            Verdict::SendAgain => {
                tracing::warn!(gateway.name = %self.gateway, "a gateway has applied something else than it was told; it is told again");
                let picture = self.board.clone().fresh().await;
                self.send_changes(picture, &BTreeSet::new()).await
            }
            Verdict::Diverged => {
                tracing::warn!(gateway.name = %self.gateway, "a gateway has diverged: it was told again and still differs");
                Ok(())
            }
        }
    }

    /// Has it written down that the gateway was heard, and what it said. That its stream counts no more
    /// shows in the next picture.
    fn hear(&self, said: &Said) {
        let heard = Heard {
            gateway: self.gateway.clone(),
            stream: self.stream,
            said: Said {
                positions: self.ledger.positions(),
                refused: self.ledger.refusals(),
                diverged: self.ledger.diverged(),
                ..said.clone()
            },
            at: self.catalog.clock.now(),
        };
        if self.beats.try_send(heard).is_err() {
            tracing::warn!(gateway.name = %self.gateway, "a beat is lost: too many wait to be written down");
        }
    }

    /// Sends the latest of each route that has changed since it was sent, or is to be sent again. The
    /// first picture was begun after the membership was written, so that no gateway knows a route that
    /// a switch without it could have left (R6). What it must forget it is told first.
    async fn send_changes(
        &mut self,
        picture: Result<Arc<Picture>, Problem>,
        forget: &BTreeSet<ApplicationName>,
    ) -> Result<(), End> {
        let picture = match picture {
            Ok(picture) => picture,
            Err(problem) if problem.transient() && !self.ledger.is_empty() => {
                tracing::warn!(gateway.name = %self.gateway, %problem, "routes wait for the database");
                return Ok(());
            }
            Err(problem) => return Err(End::Told(problem)),
        };
        let Some(follower) = picture.follower(&self.gateway, self.stream) else {
            return Err(self.replaced());
        };
        if follower.draining != self.drained {
            self.drained = follower.draining;
            self.send(render::drain_order(follower.draining)).await?;
        }
        for application in forget {
            self.ledger.removed(application);
            self.send(render::removed(application)).await?;
        }
        let routes = picture.routes();
        let known = self.ledger.applications();
        let gone: Vec<_> = known
            .filter(|name| !routes.contains_key(*name))
            .cloned()
            .collect();
        for application in &gone {
            self.ledger.removed(application);
            self.send(render::removed(application)).await?;
        }
        if let Some(early) = self.early.take() {
            for route in early {
                self.send_route(route).await?;
            }
            return Ok(());
        }
        for (application, route) in routes {
            if self
                .ledger
                .lacks(application, route.timeline, route.revision)
            {
                self.send_route(Route::clone(route)).await?;
            }
        }
        Ok(())
    }

    async fn send_route(&mut self, route: Route) -> Result<(), End> {
        let application = route.application.application.clone();
        // One that follows on what the gateway has says so itself; any other is another life.
        let followed = route.predecessor.is_some();
        if self.ledger.on_other_timeline(&application, route.timeline) && !followed {
            self.ledger.removed(&application);
            self.send(render::removed(&application)).await?;
        }
        let (timeline, revision, generation) = (route.timeline, route.revision, route.generation);
        let version = route.active.as_ref().map(|active| active.version.clone());
        let route = render::route(route);
        let sent = Sent {
            timeline,
            revision,
            generation,
            version,
            hash: sha256(&route.encode_to_vec()),
        };
        self.ledger.sent(application, sent);
        let route = follow_response::Message::Route(route);
        self.send(render::response(route)).await
    }

    async fn send(&self, response: wire::FollowResponse) -> Result<(), End> {
        match timeout(READ_MAX, self.outbound.send(Ok(response))).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(End::Gone),
        }
    }

    fn replaced(&self) -> End {
        Error::StreamReplaced {
            gateway: self.gateway.clone().into(),
        }
        .into()
    }
}

/// Reads every route.
pub(super) async fn all_routes(db: &Db) -> Result<Vec<Route>, Error> {
    ::store::read!(db, |tx| {
        let mut routes = Vec::new();
        for (name, ..) in applications::route_revisions(tx).await? {
            routes.extend(routes::read(tx, &name).await?);
        }
        Ok(routes)
    })
}
