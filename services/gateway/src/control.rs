//! What this gateway must know and promise: one task owns every application's turn and does what
//! it decides. The data plane never waits for anything here.
//!
//! Messages come from the links to the catalog and to provisioning, from the disk, and from the
//! checks and drains that run beside; each is one step of one or all turns.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use contract::{ApplicationName, GatewayName};
use futures::{FutureExt as _, StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use proto::catalog::v1 as wire;
use runtime::{
    CancellationToken, Latch, Shell,
    fault::{Plant, crash_point, planted},
    retry,
};
use tokio::{
    sync::{mpsc, watch},
    time::MissedTickBehavior,
};

use crate::apps::{AppRoute, DataPlane, Drain, GateOrder, NotReady};

mod cache;
mod disk;
mod drains;
mod fleet;
mod grants;
mod leave;
mod link;
#[cfg(feature = "faults")]
pub mod model;
mod route;
mod start;
pub(crate) mod status;
mod turn;
mod words;

use disk::{GrantsWritten, RoutesWritten};
use drains::Drains;
use grants::{GrantSet, GrantsPosition};
use link::{Says, catalog::CatalogNews, provisioning::GrantsNews};
use status::Status;
use turn::{
    Act, DrainOrder, Grants, GrantsLink, Input, Left, Objection, Refusal, Report, Standing, Step,
    Turn,
};

pub(crate) use cache::StateDirError;
pub(crate) use route::Position;
#[cfg(test)]
pub(crate) use route::tests as route_tests;
pub(crate) use start::{Peers, Remembered, Start, start};

/// Messages that may wait for the control loop; who sends more waits.
const MESSAGES_MAX: usize = 1024;
/// How often it is published anew whether this gateway is ready: leases end without a message.
const LOOK: Duration = Duration::from_millis(500);

/// What the control loop is told.
enum Message {
    Catalog(CatalogNews),
    Grants(GrantsNews),
    RoutesWritten(RoutesWritten),
    GrantsWritten(GrantsWritten),
    Turn(ApplicationName, Input),
}

/// Owns what this gateway knows.
struct Control {
    shell: Shell,
    gateway: GatewayName,
    boot: String,
    listeners: Vec<String>,
    plane: DataPlane,
    turns: BTreeMap<ApplicationName, Turn>,
    standing: Standing,
    catalog: Catalog,
    grants: GrantsState,
    routes_disk: RoutesDisk,
    /// Checks that run beside.
    errands: FuturesUnordered<BoxFuture<'static, Option<Message>>>,
    drains: Drains,
    status: watch::Sender<Arc<Status>>,
    latches: BTreeMap<String, Latch>,
    /// Applications that require a login that nobody can have here, as was last warned of.
    without_provider: Vec<ApplicationName>,
    start_time: jiff::Timestamp,
    leaving: bool,
}

/// What is known of the link to the catalog.
#[derive(Default)]
struct Catalog {
    /// Takes what this gateway says; none while there is no stream.
    says: Option<Says<wire::FollowRequest>>,
    /// Whether the present stream has told everything once.
    synced: bool,
    /// Why there is no stream.
    broken: Option<String>,
    /// Whether the present stream has said if this gateway is in use.
    drain_told: bool,
    /// What of the catalog's word was not taken, and why.
    refused: BTreeMap<String, String>,
    /// What is known here and was not named, though it was not let go of.
    unnamed: BTreeSet<ApplicationName>,
}

/// What is known of the link to provisioning, and of the grants.
struct GrantsState {
    link: GrantsLink,
    says: Option<Says<proto::provisioning::v1::FollowGrantsRequest>>,
    broken: Option<String>,
    /// In the data plane.
    applied: Option<GrantsPosition>,
    /// In the data plane and on disk.
    durable: Option<GrantsPosition>,
    count: u64,
    writer: mpsc::UnboundedSender<GrantSet>,
    unwritten: Option<String>,
}

/// What is known of the routes' file.
struct RoutesDisk {
    writer: watch::Sender<Option<Arc<disk::Snapshot>>>,
    sequence: u64,
    written: u64,
    unwritten: Option<String>,
}

impl Control {
    /// Runs until `ended` says that the data plane has stopped, then leaves the fleet.
    async fn run(
        mut self,
        mut messages: mpsc::Receiver<Message>,
        ended: CancellationToken,
        leave: leave::Leave,
    ) {
        self.publish();
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let message = tokio::select! {
                biased;
                () = ended.cancelled() => break,
                Some(message) = self.errands.next(), if !self.errands.is_empty() => message,
                Some((application, input)) = self.drains.next(), if !self.drains.is_empty() => {
                    Some(Message::Turn(application, input))
                }
                _ = look.tick() => None,
                message = messages.recv() => match message {
                    Some(message) => Some(message),
                    None => break,
                },
            };
            if let Some(message) = message {
                self.take(message);
            }
            while let Ok(message) = messages.try_recv() {
                self.take(message);
            }
            self.publish();
        }
        leave.run(self, messages).await;
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Catalog(news) => self.hear_catalog(news),
            Message::Grants(news) => self.hear_grants(news),
            Message::RoutesWritten(written) => self.routes_written(written),
            Message::GrantsWritten(written) => self.grants_written(written),
            Message::Turn(application, input) => {
                self.step(&application, input);
            }
        }
    }

    fn hear_catalog(&mut self, news: CatalogNews) {
        match news {
            CatalogNews::Connecting(reply) => {
                // The link may have been told to stop meanwhile.
                drop(reply.send(self.hello()));
            }
            CatalogNews::Up(says) => {
                self.catalog.says = Some(says);
                self.catalog.synced = false;
                self.catalog.refused.clear();
                self.catalog.unnamed.clear();
                self.catalog.drain_told = false;
            }
            CatalogNews::Down(why) => {
                self.catalog.says = None;
                self.catalog.synced = false;
                self.catalog.broken = Some(why);
            }
            CatalogNews::Told(response) => match response.message {
                Some(wire::follow_response::Message::Route(told)) => self.hear_route(told),
                Some(wire::follow_response::Message::Removed(removed)) => {
                    self.remove(&removed.application);
                }
                Some(wire::follow_response::Message::Synced(synced)) => {
                    self.synced(&synced.applications);
                }
                Some(wire::follow_response::Message::DrainOrder(order)) => {
                    self.catalog.drain_told = true;
                    self.take_out_of_use(order.drain);
                }
                // The link tells leases by what it knows of its beats, and keeps reports itself.
                Some(
                    wire::follow_response::Message::Lease(_)
                    | wire::follow_response::Message::TrafficTaken(_),
                )
                | None => {
                    tracing::debug!("the catalog said something that this release does not know")
                }
            },
            CatalogNews::Lease(beat) => self.renew(beat),
        }
    }

    fn hello(&self) -> wire::Hello {
        wire::Hello {
            gateway: contract::GatewayRef::from(self.gateway.clone()).to_string(),
            boot: self.boot.clone(),
            software: env!("CARGO_PKG_VERSION").to_owned(),
            positions: self
                .turns
                .iter()
                .map(|(application, turn)| words::position(application, turn.route()))
                .collect(),
            listeners: self.listeners.clone(),
        }
    }

    fn remove(&mut self, name: &str) {
        let Ok(application) = name.parse::<contract::ApplicationRef>() else {
            tracing::error!(name, "the catalog removed something that has no such name");
            return;
        };
        self.forget(&application.application);
        self.write();
    }

    fn forget(&mut self, application: &ApplicationName) {
        if self.turns.remove(application).is_some() {
            tracing::info!(%application, "the application is gone");
            self.drains.turned(application, None);
            if let Some(drain) = self.plane.remove_route(application) {
                self.drains
                    .begin(application.clone(), DrainOrder::Unasked, drain);
            }
        }
    }

    /// Now every application is known. Others go, unless something on this stream speaks for
    /// another history: such a catalog may not empty this gateway.
    fn synced(&mut self, applications: &[String]) {
        self.catalog.synced = true;
        self.catalog.broken = None;
        let named: BTreeSet<ApplicationName> = applications
            .iter()
            .filter_map(|name| name.parse::<contract::ApplicationRef>().ok())
            .map(|name| name.application)
            .collect();
        let known = self.turns.keys();
        let gone: BTreeSet<ApplicationName> = known
            .filter(|known| !named.contains(*known))
            .cloned()
            .collect();
        if self.catalog.refused.is_empty() {
            for application in &gone {
                self.forget(application);
            }
        } else {
            self.catalog.unnamed = gone;
        }
        self.standing = Standing::Member;
        if !self.catalog.drain_told {
            self.take_out_of_use(false);
        }
        self.write();
        tracing::info!(applications = self.turns.len(), "following the catalog");
    }

    fn hear_grants(&mut self, news: GrantsNews) {
        match news {
            // What is not durable would be lost with this process: it does not count as applied.
            GrantsNews::Connecting(reply) => drop(reply.send(self.grants.durable)),
            GrantsNews::Up(says) => {
                self.grants.says = Some(says);
                self.grants.link = GrantsLink::Following;
                self.grants.broken = None;
                self.tell_grants();
            }
            GrantsNews::Down(why) => {
                self.grants.says = None;
                self.grants.link = GrantsLink::Connecting;
                self.grants.broken = Some(why);
                self.tell_grants();
            }
            GrantsNews::CutOff => {
                self.grants.link = GrantsLink::CutOff;
                self.tell_grants();
            }
            GrantsNews::Told(set, reply) => {
                drop(reply.send(self.apply_grants(set)));
            }
        }
    }

    fn apply_grants(&mut self, set: GrantSet) -> Result<(), grants::GrantsError> {
        set.follows(self.grants.applied)?;
        let full = set.extent == grants::Extent::Full;
        self.plane.set_grants(full, set.changes());
        self.grants.applied = Some(set.position);
        // The writer ends only after this loop.
        drop(self.grants.writer.send(set));
        Ok(())
    }

    fn grants_written(&mut self, written: GrantsWritten) {
        match written {
            GrantsWritten::Done { position, count } => {
                self.grants.unwritten = None;
                self.grants.durable = Some(position);
                self.grants.count = count;
                if let Some(says) = &self.grants.says {
                    // If the stream is full or gone, the next hello says the same.
                    drop(says.messages.try_send(words::applied(position)));
                }
                self.tell_grants();
            }
            GrantsWritten::Failed(why) => self.grants.unwritten = Some(why),
        }
    }

    fn tell_grants(&mut self) {
        let seen = self.grants.seen();
        let applications: Vec<ApplicationName> = self.turns.keys().cloned().collect();
        for application in applications {
            self.step(&application, Input::Grants(seen));
        }
    }

    fn routes_written(&mut self, written: RoutesWritten) {
        let RoutesWritten { snapshot, result } = written;
        self.routes_disk.unwritten = result.as_ref().err().cloned();
        if result.is_ok() {
            self.routes_disk.written = self.routes_disk.written.max(snapshot.sequence);
        }
        for (application, position) in &snapshot.positions {
            let input = match &result {
                Ok(()) => Input::Written(*position),
                Err(why) => Input::NotWritten(*position, why.clone()),
            };
            self.step(application, input);
        }
    }

    /// Gives one turn its input. An application that is gone meanwhile has none. Returns whether
    /// the catalog's word was taken, if that was the input.
    fn step(&mut self, application: &ApplicationName, input: Input) -> Option<Result<(), Refusal>> {
        let step = turn::step(self.turns.get(application)?, input);
        self.accept(application, step)
    }

    /// Takes a turn's step and does what it says, in its order. Returns whether the catalog's word
    /// was taken, if the step says so.
    fn accept(&mut self, application: &ApplicationName, step: Step) -> Option<Result<(), Refusal>> {
        let mut taken = None;
        let mut acts = VecDeque::from(step.acts);
        let mut left = None;
        self.turns.insert(application.clone(), step.turn);
        while let Some(act) = acts.pop_front() {
            if let Act::Flip(route) = act {
                let (input, drain) = self.flip(*route);
                left = drain.or(left);
                if let Some(turn) = self.turns.get(application) {
                    let step = turn::step(turn, input);
                    self.turns.insert(application.clone(), step.turn);
                    acts.extend(step.acts);
                }
            } else {
                match &act {
                    Act::Accept => taken = Some(Ok(())),
                    Act::Refuse(refusal) => taken = Some(Err(*refusal)),
                    Act::Flip(_)
                    | Act::Write
                    | Act::Prepare(..)
                    | Act::Drain(_)
                    | Act::Check(..)
                    | Act::Clear(..)
                    | Act::DrainWithin(..)
                    | Act::Answer(_) => {}
                }
                self.act(application, act, &mut left);
            }
        }
        let turn = self.turns.get(application);
        self.drains.turned(
            application,
            turn.and_then(|turn| turn.route().order.nonce()),
        );
        taken
    }

    fn flip(&mut self, route: AppRoute) -> (Input, Option<Drain>) {
        let application = route.application.clone();
        let drain = match &route.gate {
            GateOrder::Held(_) if planted(Plant::AckBeforeFlip) => {
                let plane = self.plane.clone();
                let late = async move {
                    let (late, never) = (Duration::from_millis(50), CancellationToken::new());
                    retry::pause(late, &never).await.ok();
                    drop(plane.set_route(route));
                    None
                };
                self.errands.push(late.boxed());
                None
            }
            GateOrder::Held(_) | GateOrder::Open(_) | GateOrder::Never => {
                self.plane.set_route(route)
            }
        };
        let input = Input::Flipped {
            left: match &drain {
                Some(_) => Left::Generation,
                None => Left::Nothing,
            },
            held: self.plane.hold_figures(&application).into(),
        };
        (input, drain)
    }

    fn act(&mut self, application: &ApplicationName, act: Act, left: &mut Option<Drain>) {
        match act {
            Act::Flip(_) => unreachable!("done by `accept`"),
            Act::Write => self.write(),
            Act::Prepare(nonce, target) => {
                let (plane, of) = (self.plane.clone(), application.clone());
                self.check(application, move |result| Input::Prepared(nonce, result), {
                    async move { plane.prepare(&of, &target).await }
                });
            }
            Act::Check(nonce, target) => {
                let (plane, of) = (self.plane.clone(), application.clone());
                self.check(application, move |result| Input::Checked(nonce, result), {
                    async move { plane.check_again(&of, &target).await }
                });
            }
            Act::Clear(nonce, overlap) => {
                self.drains.clear(&self.plane, application, nonce, overlap);
            }
            Act::Drain(order) => {
                if let Some(drain) = left.take() {
                    self.drains.begin(application.clone(), order, drain);
                }
            }
            Act::DrainWithin(nonce, limit) => self.drains.within(application, nonce, limit),
            Act::Answer(answer) => {
                let turn = self.turns.get(application);
                let switch = turn.and_then(|turn| turn.route().order.switch());
                // How far a drain is, is said every second.
                if !matches!(answer.report, Report::Draining(_)) {
                    tracing::info!(
                        %application,
                        switch.name = switch.map(tracing::field::display),
                        revision = %answer.position.revision,
                        nonce = %answer.nonce,
                        report = ?answer.report,
                        "answering the catalog"
                    );
                }
                self.say(words::answer(application, &answer));
            }
            Act::Refuse(refusal) => {
                tracing::error!(
                    %application,
                    %refusal,
                    "the catalog's word is not taken; if it is right, stop this gateway and empty its state folder"
                );
                self.catalog
                    .refused
                    .insert(application.to_string(), refusal.to_string());
            }
            Act::Accept => drop(self.catalog.refused.remove(application.as_str())),
        }
    }

    /// Has a check run beside, and its turn told what came of it.
    fn check(
        &self,
        application: &ApplicationName,
        told: impl FnOnce(Result<(), Objection>) -> Input + Send + 'static,
        check: impl Future<Output = Result<(), NotReady>> + Send + 'static,
    ) {
        let application = application.clone();
        let errand = check.map(|result| {
            let result = result.map_err(|error| Objection::from(&error));
            Some(Message::Turn(application, told(result)))
        });
        self.errands.push(errand.boxed());
    }

    /// Tells the catalog. What cannot be told now is told again on the next stream.
    fn say(&mut self, answer: wire::Answer) {
        crash_point("gateway.answer");
        self.tell(wire::follow_request::Message::Answer(answer));
    }

    fn tell(&self, message: wire::follow_request::Message) {
        let message = wire::FollowRequest {
            message: Some(message),
        };
        if let Some(says) = &self.catalog.says
            && says.messages.try_send(message).is_err()
        {
            tracing::warn!("the catalog does not take answers; connecting again");
            says.broken.cancel();
        }
    }

    /// Asks for everything to be made durable; the newest request is what counts.
    fn write(&mut self) {
        self.routes_disk.sequence += 1;
        let snapshot = disk::Snapshot::of(self.routes_disk.sequence, self.standing, &self.turns);
        self.routes_disk
            .writer
            .send_replace(Some(Arc::new(snapshot)));
    }

    /// Says once of which applications that require a login nobody can sign in here. The others are served
    /// as before, so that does not make the gateway unfit.
    fn warn_of_logins(&mut self) {
        let without = self.plane.without_provider();
        for application in &without {
            if !self.without_provider.contains(application) {
                tracing::warn!(%application, "it requires a login, and there is no identity provider: say --login-issuer and --login-client-id");
            }
        }
        self.without_provider = without;
    }

    fn publish(&mut self) {
        self.warn_of_logins();
        let status = Status::of(self);
        let mut held = BTreeMap::new();
        for reason in &status.not_ready {
            let latch = self.latches.remove(reason);
            held.insert(
                reason.clone(),
                latch.unwrap_or_else(|| self.shell.hold_ready(reason)),
            );
        }
        self.latches = held;
        self.status.send_replace(Arc::new(status));
    }
}

impl GrantsState {
    fn seen(&self) -> Grants {
        Grants {
            link: self.link,
            durable: self.durable,
        }
    }
}
