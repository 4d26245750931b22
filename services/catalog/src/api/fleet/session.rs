//! One gateway's stream: every route from the membership on, then the latest of each that changed;
//! its answers and beats. Ends when another stream of the gateway, or its eviction, takes its place.

use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    sync::Arc,
    time::Duration,
};

use ::store::{Db, Listener};
use contract::{ApplicationName, Fault, GatewayName, Problem, Revision, Timeline, Violations};
use proto::catalog::v1::{self as wire, follow_request::Message};
use runtime::CancellationToken;
use tokio::{sync::mpsc, task::JoinSet, time::timeout};
use tonic::{Status, Streaming};

use super::{parse, render};
use crate::{
    Catalog,
    error::Error,
    fleet::{StreamId, answers::Answered},
    routes::{self, Route},
    store::{ROUTES, applications, gateways},
};

/// A lost wake-up costs at most this.
const POLL: Duration = Duration::from_secs(2);
/// A gateway that does not read for this long is gone.
const READ_MAX: Duration = Duration::from_secs(10);
/// How often it is written down at most that a gateway was heard; beats come every 5 s.
const HEARD_EVERY: Duration = Duration::from_secs(4);

/// One gateway's stream.
pub(super) struct Session {
    pub(super) catalog: Arc<Catalog>,
    pub(super) gateway: GatewayName,
    pub(super) stream: StreamId,
    pub(super) inbound: Streaming<wire::FollowRequest>,
    pub(super) outbound: mpsc::Sender<Result<wire::FollowResponse, Status>>,
    pub(super) answers: mpsc::Sender<Answered>,
    /// Applications whose earlier lives the gateway must forget.
    pub(super) forget: BTreeSet<ApplicationName>,
}

/// Serves streams as they arrive until `stop`.
pub(super) async fn serve(
    mut arriving: mpsc::Receiver<Session>,
    stop: CancellationToken,
) -> Result<(), Infallible> {
    let mut sessions = JoinSet::new();
    loop {
        tokio::select! {
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

/// What was sent last of each application.
type Sent = BTreeMap<ApplicationName, (Timeline, Revision)>;

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
        let mut routes: Listener = self.catalog.db.listen(ROUTES);
        let mut sent = Sent::new();
        for application in std::mem::take(&mut self.forget) {
            self.send(render::removed(&application)).await?;
        }
        self.send_changes(&mut sent).await?;
        self.send(render::synced(sent.keys())).await?;
        let clock = self.catalog.clock.clone();
        let mut heard = clock.instant();
        loop {
            tokio::select! {
                () = stop.cancelled() => return Err(End::Gone),
                () = self.outbound.closed() => return Err(End::Gone),
                message = self.inbound.message() => {
                    let Ok(Some(message)) = message else { return Err(End::Gone) };
                    self.take(message).await?;
                    if clock.instant().saturating_sub(heard) >= HEARD_EVERY {
                        heard = clock.instant();
                        self.hear().await?;
                    }
                }
                () = routes.changed_or(POLL) => self.send_changes(&mut sent).await?,
            }
        }
    }

    async fn take(&self, message: wire::FollowRequest) -> Result<(), End> {
        match message.message {
            Some(Message::Answer(answer)) => {
                let answered = parse::answer(&self.gateway, answer).map_err(End::Told)?;
                self.answers.send(answered).await.map_err(|_| End::Gone)
            }
            Some(Message::Beat(_) | Message::Applied(_) | Message::Refused(_)) => Ok(()),
            Some(Message::Hello(_)) | None => {
                let mut v = Violations::new();
                v.add("message", Fault::Refused, "must be an answer or a beat");
                v.finish().map_err(End::Told)
            }
        }
    }

    async fn hear(&self) -> Result<(), End> {
        let now = self.catalog.clock.now();
        let heard = ::store::write!(self.catalog.db, |tx| gateways::heard(
            tx,
            &self.gateway,
            self.stream,
            now
        )
        .await);
        match heard {
            Ok(true) => Ok(()),
            Ok(false) => Err(self.replaced()),
            // The gateway is fine, and keeps following.
            Err(error) if error.transient() => Ok(()),
            Err(error) => Err(Error::from(error).into()),
        }
    }

    /// Sends the latest of each route that has changed since it was sent. Read after the membership
    /// was written, so that no gateway knows a route that a switch without it could have left (R6).
    async fn send_changes(&self, sent: &mut Sent) -> Result<(), End> {
        let changes = match changes(&self.catalog.db, &self.gateway, self.stream, sent).await {
            Ok(changes) => changes,
            Err(Error::Store(error)) if error.transient() && !sent.is_empty() => {
                tracing::warn!(gateway.name = %self.gateway, error = &error as &dyn std::error::Error, "routes wait for the database");
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        let Some(changes) = changes else {
            return Err(self.replaced());
        };
        for application in changes.removed {
            sent.remove(&application);
            self.send(render::removed(&application)).await?;
        }
        for route in changes.routes {
            let application = route.application.application.clone();
            let reborn = sent
                .insert(application.clone(), (route.timeline, route.revision))
                .is_some_and(|(timeline, _)| timeline != route.timeline);
            if reborn {
                self.send(render::removed(&application)).await?;
            }
            self.send(render::route(route)).await?;
        }
        Ok(())
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

/// What has changed since it was sent.
struct Changes {
    removed: Vec<ApplicationName>,
    routes: Vec<Route>,
}

/// Reads what has changed; none if the stream counts no more.
async fn changes(
    db: &Db,
    gateway: &GatewayName,
    stream: StreamId,
    sent: &Sent,
) -> Result<Option<Changes>, Error> {
    ::store::read!(db, |tx| {
        if !gateways::follows(tx, gateway, stream).await? {
            return Ok(None);
        }
        let known = applications::route_revisions(tx).await?;
        let names: BTreeSet<_> = known.iter().map(|(name, ..)| name).collect();
        let removed = sent
            .keys()
            .filter(|name| !names.contains(name))
            .cloned()
            .collect();
        let mut routes = Vec::new();
        for (name, timeline, revision) in &known {
            if sent.get(name) != Some(&(*timeline, *revision)) {
                routes.extend(routes::read(tx, name).await?);
            }
        }
        Ok(Some(Changes { removed, routes }))
    })
}
