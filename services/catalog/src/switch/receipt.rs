//! The receipt of a switch: all that is known of it once it has ended, in one text that is signed
//! once and never made anew. Each names the digest of the one before, so that none can be left out.

use ::store::Tx;
use contract::{ApplicationRef, GatewayRef, VersionRef};
use jiff::Timestamp;
use runtime::{SigningKey, sign::sha256_hex};
use serde::Serialize;

use super::{Kind, Outcome, Phase, Progress, State, Switch, Tenants, record::Answered};
use crate::{
    application::Application,
    error::Error,
    store::{applications, receipts},
};

/// What the text is; another form gets another name.
const FORM: &str = "switchover-receipt-1";

/// A receipt as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Signed {
    /// The text that was signed.
    pub(crate) json: String,
    /// Base64.
    pub(crate) signature: String,
    /// Base64.
    pub(crate) public_key: String,
}

/// Writes the receipt of a switch that this transaction ends.
pub(crate) async fn write(tx: &mut Tx, key: &SigningKey, switch: &Switch) -> Result<(), Error> {
    let application = applications::find(tx, &switch.name.application).await?;
    let application = application.ok_or(Error::Broken("a switch has no application"))?;
    let before = receipts::last(tx, &application.name).await?;
    let (number, previous) = match before {
        None => (1, String::new()),
        Some((number, digest)) => (number + 1, digest),
    };
    let receipt = Receipt::of(&application, switch, number, previous)
        .ok_or(Error::Broken("a receipt is due before the end"))?;
    let json = serde_json::to_string(&receipt).expect("plain data is JSON");
    let signed = Signed {
        signature: receipts::encode(&key.sign(json.as_bytes())),
        public_key: key.public().to_string(),
        json,
    };
    let digest = sha256_hex(signed.json.as_bytes());
    let generation = switch.commit.map(|commit| commit.generation);
    receipts::insert(
        tx,
        &switch.name,
        number,
        application.timeline,
        generation,
        &signed,
        &digest,
    )
    .await?;
    Ok(())
}

/// The fields in the order in which they are signed. Times are RFC 3339, spans microseconds; what
/// does not apply is null.
#[derive(Serialize)]
struct Receipt<'a> {
    form: &'static str,
    /// Counts the receipts of the application.
    number: i64,
    /// SHA-256 of the receipt before, hex; empty in the first one.
    previous_sha256: String,
    application: String,
    switch: String,
    kind: &'static str,
    source_version: Option<String>,
    target_version: String,
    requested_by: &'a str,
    /// Left out where nobody else had to approve it.
    #[serde(skip_serializing_if = "Option::is_none")]
    approved_by: Option<&'a str>,
    reason: &'a str,
    request_id: &'a str,
    /// The name of the phase that it ended in.
    outcome: &'static str,
    failure: Option<Failure<'a>>,
    timeline: String,
    generation_before: u64,
    generation_after: u64,
    /// Who users are served by from then on; null before the first activation.
    active_version_after: Option<String>,
    confirmed_at: Timestamp,
    committed_at: Option<Timestamp>,
    drain_deadline: Option<Timestamp>,
    ended_at: Timestamp,
    steps: Vec<Step>,
    tenants: Moves<'a>,
    requests: Requests,
    gateways: Vec<Gateway<'a>>,
}

#[derive(Serialize)]
struct Failure<'a> {
    reason: &'static str,
    message: &'a str,
}

#[derive(Serialize)]
struct Step {
    state: &'static str,
    began_at: Timestamp,
}

#[derive(Serialize)]
struct Moves<'a> {
    total: i64,
    moved: i64,
    mailed: i64,
    denied: i64,
    failed: i64,
    /// The first that could not be moved, with the reason.
    failures: &'a [(String, String)],
}

/// What users noticed, over all gateways or at one.
#[derive(Debug, Clone, Copy, Default, Serialize)]
struct Requests {
    held: i64,
    longest_hold_us: u64,
    /// Of those held, the ones that were answered 503.
    failed: i64,
    /// Of those under way on the version that left, the ones that finished.
    finished: i64,
    /// Long-lived connections that were ended in good order.
    closed: i64,
    /// Cut at the deadline.
    cut: i64,
}

#[derive(Serialize)]
struct Gateway<'a> {
    gateway: String,
    /// What it last answered; null if nothing.
    answered: Option<Answered>,
    answered_at: Option<Timestamp>,
    message: &'a str,
    ready_at: Option<Timestamp>,
    held_at: Option<Timestamp>,
    released_at: Option<Timestamp>,
    drained_at: Option<Timestamp>,
    requests: Requests,
}

impl<'a> Receipt<'a> {
    /// Returns the receipt of a switch of `application` as it is after the end; none before that.
    fn of(
        application: &Application,
        switch: &'a Switch,
        number: i64,
        previous_sha256: String,
    ) -> Option<Self> {
        let State::Ended { outcome, at } = &switch.state else {
            return None;
        };
        let version = |version: &contract::VersionName| {
            let application = switch.name.application.clone();
            let version = version.clone();
            VersionRef {
                application,
                version,
            }
            .to_string()
        };
        let after = application.serving.generation().map_or(0, |g| g.get());
        let committed = u64::from(matches!(outcome, Outcome::Committed));
        let Tenants {
            done: _,
            total,
            moved,
            mailed,
            denied,
            failed,
            failures,
        } = &switch.record.tenants;
        let gateways: Vec<_> = switch
            .record
            .gateways
            .iter()
            .map(|(name, progress)| Gateway::of(&GatewayRef::from(name.clone()), progress))
            .collect();
        Some(Self {
            form: FORM,
            number,
            previous_sha256,
            application: ApplicationRef::from(application.name.clone()).to_string(),
            switch: switch.name.to_string(),
            kind: Kind::as_str(switch.kind),
            source_version: switch.source.as_ref().map(version),
            target_version: version(&switch.target),
            requested_by: &switch.requested_by,
            approved_by: switch.record.approved_by.as_deref(),
            reason: switch.reason.as_str(),
            request_id: switch.request_id.as_str(),
            outcome: Phase::as_str(switch.state.phase()),
            failure: switch.state.failure().map(|failure| Failure {
                reason: failure.why.as_str(),
                message: &failure.message,
            }),
            timeline: application.timeline.to_string(),
            generation_before: after.saturating_sub(committed),
            generation_after: after,
            active_version_after: application.serving.version().map(version),
            confirmed_at: switch.created_at,
            committed_at: switch.commit.map(|commit| commit.at),
            drain_deadline: switch.record.drain_deadline,
            ended_at: *at,
            steps: switch
                .record
                .steps
                .iter()
                .map(|(phase, began_at)| Step {
                    state: phase.as_str(),
                    began_at: *began_at,
                })
                .collect(),
            tenants: Moves {
                total: *total,
                moved: *moved,
                mailed: *mailed,
                denied: *denied,
                failed: *failed,
                failures,
            },
            requests: gateways
                .iter()
                .fold(Requests::default(), |sum, one| sum.and(&one.requests)),
            gateways,
        })
    }
}

impl<'a> Gateway<'a> {
    fn of(name: &GatewayRef, progress: &'a Progress) -> Self {
        Self {
            gateway: name.to_string(),
            answered: progress.answered.map(|(answered, _)| answered),
            answered_at: progress.answered.map(|(_, at)| at),
            message: &progress.message,
            ready_at: progress.ready_at,
            held_at: progress.held_at,
            released_at: progress.released_at,
            drained_at: progress.drained_at,
            requests: Requests {
                held: progress.held_requests,
                longest_hold_us: progress
                    .longest_hold
                    .as_micros()
                    .try_into()
                    .unwrap_or(u64::MAX),
                failed: progress.failed_requests,
                finished: progress.drained_requests,
                closed: progress.closed_connections,
                cut: progress.cut_requests,
            },
        }
    }
}

impl Requests {
    fn and(self, other: &Self) -> Self {
        Self {
            held: self.held.saturating_add(other.held),
            longest_hold_us: self.longest_hold_us.max(other.longest_hold_us),
            failed: self.failed.saturating_add(other.failed),
            finished: self.finished.saturating_add(other.finished),
            closed: self.closed.saturating_add(other.closed),
            cut: self.cut.saturating_add(other.cut),
        }
    }
}
