//! One admitted request, from its admission to the end of its answer.

use std::sync::{Arc, OnceLock};

use contract::RequestId;
use http::StatusCode;
use tokio::{sync::watch, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{
    lasting::Place,
    login::{Login, Session},
    snapshot::{Grant, Serving},
    stay::{Stay, overstayed},
    traffic::TenantTally,
};
use crate::sign_outs::Watch;

/// Holds its epoch open for as long as it lives: what is admitted and what is counted in flight
/// are the same. Dropped when the last byte of the answer is handed over, when the user goes away,
/// or when a tunnel ends; then it says so in the log.
pub(super) struct Flight {
    serving: Arc<Serving>,
    /// `None` for testers.
    stay: Option<Arc<Stay>>,
    /// The same.
    tenant: Option<Arc<TenantTally>>,
    /// Whose request it is, where a login is required.
    session: Option<(Login, Session)>,
    /// What lasts no longer than its session: made when it is asked for.
    signed_out: OnceLock<(CancellationToken, Watch)>,
    request_id: RequestId,
    since: Instant,
    status: Option<StatusCode>,
    upgraded: bool,
    failed: bool,
    in_order: bool,
    cut: CancellationToken,
    counted: Counted,
    line: Option<Line>,
}

/// As what a request was counted in its generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Counted {
    Not,
    Answered,
    Failed,
}

/// A user's connection, which a cut has to end if the user no longer reads.
#[derive(Clone)]
pub(super) struct Line(
    Arc<watch::Sender<Option<Carried>>>,
    Arc<OnceLock<Arc<Serving>>>,
);

/// What ends a connection that carries a request.
#[derive(Clone)]
struct Carried {
    cut: CancellationToken,
    /// Only what lasts ends with its tenant's stay.
    over: Option<CancellationToken>,
}

impl Carried {
    async fn ended(&self) {
        let overstayed = async {
            match &self.over {
                Some(over) => overstayed(over).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = self.cut.cancelled() => {}
            () = overstayed => {}
        }
    }
}

impl Line {
    pub(super) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(None)), Arc::default())
    }

    /// Keeps what its first request got: a bug that is planted, see `RouteCachedPerConnection`.
    pub(super) fn keep(&self, serving: &Arc<Serving>) {
        self.1.get_or_init(|| Arc::clone(serving));
    }

    /// Returns what was kept.
    pub(super) fn first(&self) -> Option<&Arc<Serving>> {
        self.1.get()
    }

    /// Waits until what the connection carries is cut, or has outstayed its tenant's grant.
    pub(super) async fn cut(&self) {
        let mut carried = self.0.subscribe();
        loop {
            let carries = carried.borrow_and_update().clone();
            let changed = async { carried.changed().await.is_ok() };
            match carries {
                None => {
                    changed.await;
                }
                Some(carries) => tokio::select! {
                    biased;
                    () = carries.ended() => return,
                    _ = changed => {}
                },
            }
        }
    }
}

impl Flight {
    /// Admits a request, unless what serves has been closed since it was looked up, and counts it
    /// for the tenant whose grant lets it in.
    pub(super) fn enter(
        serving: &Arc<Serving>,
        grant: Option<&Grant>,
        request_id: &RequestId,
        line: &Line,
    ) -> Option<Self> {
        if !serving.epoch.enter() {
            return None;
        }
        serving.tally.requests.up();
        serving.tally.in_flight.up();
        if let Some(grant) = grant {
            grant.tally.requests.up();
        }
        let cut = serving.epoch.cut();
        line.0.send_replace(Some(Carried {
            cut: cut.clone(),
            over: None,
        }));
        Some(Self {
            serving: Arc::clone(serving),
            stay: grant.map(|it| Arc::clone(&it.stay)),
            tenant: grant.map(|it| Arc::clone(&it.tally)),
            session: None,
            signed_out: OnceLock::new(),
            request_id: request_id.clone(),
            since: Instant::now(),
            status: None,
            upgraded: false,
            failed: false,
            in_order: false,
            cut,
            counted: Counted::Not,
            line: Some(line.clone()),
        })
    }

    /// Admits a request though what serves is closed: what planted bugs do.
    pub(super) fn force(
        serving: &Arc<Serving>,
        request_id: &RequestId,
        line: &Line,
    ) -> Option<Self> {
        serving.epoch.open();
        Self::enter(serving, None, request_id, line)
    }

    pub(super) fn serving(&self) -> &Arc<Serving> {
        &self.serving
    }

    /// Returns what ends this flight before its time.
    pub(super) fn cut(&self) -> CancellationToken {
        self.cut.clone()
    }

    /// Notes whose it is: what lasts of it ends with the session.
    pub(super) fn signed_in(&mut self, login: &Login, session: &Session) {
        self.session = Some((login.clone(), session.clone()));
    }

    /// Returns what tells that its tenant is no longer let in, or its user no longer signed in.
    pub(super) fn over(&self) -> CancellationToken {
        let stay = match &self.stay {
            Some(stay) => stay.over().clone(),
            None => CancellationToken::new(),
        };
        let Some((login, session)) = &self.session else {
            return stay;
        };
        let (end, _) = self.signed_out.get_or_init(|| {
            let end = stay.child_token();
            (end.clone(), login.watch(session, end))
        });
        end.clone()
    }

    /// Notes that its answer may go on for ever: soon after its tenant is no longer let in, the
    /// user's connection ends, whether or not the answer has.
    pub(super) fn lasts(&self) {
        if let Some(line) = &self.line {
            line.0.send_replace(Some(Carried {
                cut: self.cut.clone(),
                over: Some(self.over()),
            }));
        }
    }

    /// Takes a place among the long-lived connections, which are asked to end in good order.
    pub(super) fn lasting(&self) -> Place {
        let lasting = self.serving.epoch.lasting();
        lasting.enroll(self.tenant.as_ref())
    }

    /// Notes that the gateway has ended it in good order.
    pub(super) fn ended_in_order(&mut self) {
        self.in_order = true;
    }

    /// Notes what it was answered with.
    pub(super) fn answered(&mut self, status: StatusCode) {
        self.status = Some(status);
        self.outcome(status.is_server_error());
    }

    /// Notes that the version could not be reached, or broke off.
    pub(super) fn broke_off(&mut self) {
        if !std::mem::replace(&mut self.failed, true) {
            self.serving.tally.failed.up();
        }
        self.outcome(true);
    }

    /// Counts it once as answered or broken off in its generation, and once as failed if it was.
    fn outcome(&mut self, failed: bool) {
        let tally = &self.serving.generation_tally;
        if self.counted == Counted::Not {
            tally.answered.up();
            self.counted = Counted::Answered;
        }
        if failed && self.counted == Counted::Answered {
            tally.failed.up();
            self.counted = Counted::Failed;
        }
    }

    /// Notes that it is a tunnel now; the connection is no longer HTTP's.
    pub(super) fn upgrade(&mut self) {
        self.upgraded = true;
        self.serving.tally.upgraded.up();
        self.hang_up();
    }

    fn hang_up(&mut self) {
        if let Some(line) = self.line.take() {
            line.0.send_replace(None);
        }
    }

    fn log(&self) {
        let serving = &self.serving;
        let status = self.status.map(|status| status.as_u16());
        let generation = serving.generation.map(contract::Generation::get);
        macro_rules! line {
            ($level:ident, $words:literal) => {
                tracing::$level!(
                    request.id = %self.request_id,
                    application.name = %serving.application,
                    version.name = %serving.target.version,
                    generation,
                    status,
                    upgraded = self.upgraded,
                    duration_ms = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX),
                    $words
                )
            };
        }
        if self.failed {
            line!(warn, "the version did not answer a request to its end");
        } else if status.is_none() {
            line!(debug, "the user went away before the answer");
        } else {
            line!(debug, "a request was answered");
        }
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.hang_up();
        self.log();
        let tally = &self.serving.tally;
        if self.upgraded {
            tally.upgraded.down();
        }
        tally.in_flight.down();
        // What was cut is counted as such already.
        if self.in_order && !self.cut.is_cancelled() {
            self.serving.epoch.closed_one();
        }
        // Last: whoever waits for the end of the epoch sees all of the above.
        self.serving.epoch.leave();
    }
}
