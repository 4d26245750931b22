//! What people are to be told of the catalog's doings, and the task that hands it to notification
//! until it was taken. Notification makes one event and one mail of each, however often it hears it.

use std::{convert::Infallible, time::Duration};

use ::store::{Db, Tx};
use contract::{ApplicationName, Line, ProposalName, RequestId, SwitchName, VersionName};
use jiff::Timestamp;
use proto::notification::v1 as wire;
use runtime::{CancellationToken, Clock};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    application::Application,
    due,
    error::Error,
    peers::Peers,
    store::{NOTICES, notices},
};

/// How long a claimed notice is left to its claimer.
const LEASE: Duration = Duration::from_secs(30);
/// Notices of one call.
const BATCH: i64 = 50;
/// Pauses between tries double up to this.
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// What the operator is to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Notice {
    /// Names what happened: told again, it is the same.
    pub(crate) cause: String,
    pub(crate) request_id: RequestId,
    pub(crate) time: Timestamp,
    /// None if it is about the catalog as a whole.
    #[serde(flatten)]
    pub(crate) subject: Option<Subject>,
    pub(crate) body: Body,
}

/// Which application it is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Subject {
    pub(crate) application: ApplicationName,
    pub(crate) display_name: Line<50>,
}

impl Subject {
    pub(crate) fn of(application: &Application) -> Self {
        Self {
            application: application.name.clone(),
            display_name: application.display_name.clone(),
        }
    }
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Body {
    /// Another version is in use.
    SwitchSucceeded {
        switch: SwitchName,
        source: Option<VersionName>,
        target: VersionName,
        denied: i64,
    },
    /// A switch was given up.
    SwitchGivenUp {
        switch: SwitchName,
        target: VersionName,
        message: String,
    },
    /// A version is in test.
    VersionInTest {
        version: VersionName,
        test_address: String,
    },
    /// Something waits for a second person.
    ProposalWaiting {
        proposal: ProposalName,
        version: Option<VersionName>,
        proposed_by: String,
        reason: String,
        expires_at: Timestamp,
    },
    /// What the catalog has was restored and is not the truth yet.
    CatalogInRecovery { message: String },
}

impl Notice {
    /// Writes it down, to be told once the transaction is committed.
    pub(crate) async fn owe(&self, tx: &mut Tx, clock: &Clock) -> Result<(), Error> {
        let id = Uuid::from_bytes(clock.random());
        Ok(notices::add(tx, id, self, self.time).await?)
    }

    fn render(self) -> wire::Notice {
        use wire::notice::Body as B;
        let subject = self.subject.map(|subject| wire::Subject {
            application: format!("applications/{}", subject.application),
            application_display_name: subject.display_name.to_string(),
            tenant: String::new(),
            tenant_display_name: String::new(),
        });
        let body = match self.body {
            Body::SwitchSucceeded {
                switch,
                source,
                target,
                denied,
            } => B::SwitchSucceeded(wire::SwitchSucceeded {
                subject,
                switch: switch.to_string(),
                source_version: source.map(|source| source.to_string()).unwrap_or_default(),
                target_version: target.to_string(),
                denied_tenants: denied,
            }),
            Body::SwitchGivenUp {
                switch,
                target,
                message,
            } => B::SwitchGivenUp(wire::SwitchGivenUp {
                subject,
                switch: switch.to_string(),
                target_version: target.to_string(),
                message,
            }),
            Body::VersionInTest {
                version,
                test_address,
            } => B::VersionInTest(wire::VersionInTest {
                subject,
                version: version.to_string(),
                test_address,
            }),
            Body::ProposalWaiting {
                proposal,
                version,
                proposed_by,
                reason,
                expires_at,
            } => B::ProposalWaiting(wire::ProposalWaiting {
                subject,
                proposal: proposal.to_string(),
                version: version
                    .map(|version| version.to_string())
                    .unwrap_or_default(),
                proposed_by,
                reason,
                expire_time: Some(contract::time::write(expires_at)),
            }),
            Body::CatalogInRecovery { message } => {
                B::CatalogInRecovery(wire::CatalogInRecovery { message })
            }
        };
        wire::Notice {
            cause: self.cause,
            request_id: self.request_id.to_string(),
            time: Some(contract::time::write(self.time)),
            recipient: Some(wire::notice::Recipient::Operator(
                wire::OperatorRecipient {},
            )),
            body: Some(body),
        }
    }
}

/// Hands notices to notification until `stop`.
pub(crate) async fn publish(
    db: Db,
    clock: Clock,
    peers: Peers,
    stop: CancellationToken,
) -> Result<(), Infallible> {
    let mut listener = db.listen(NOTICES);
    while !stop.is_cancelled() {
        let next = match publish_due(&db, &clock, &peers).await {
            Ok(next) => next,
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "notices wait for the database"
                );
                None
            }
        };
        due::wait(&mut listener, next, &clock, &stop).await;
    }
    Ok(())
}

/// Publishes what is due; returns when there is more.
async fn publish_due(
    db: &Db,
    clock: &Clock,
    peers: &Peers,
) -> Result<Option<Timestamp>, ::store::Error> {
    let now = clock.now();
    // A write transaction is worth it only if something is due.
    let next = ::store::read!(db, |tx| notices::next_due(tx).await)?;
    if next.is_none_or(|next| next > now) {
        return Ok(next);
    }
    let claimed = ::store::write!(db, |tx| notices::claim_due(tx, now, LEASE, BATCH).await)?;
    for due in claimed {
        let request_id = due.notice.request_id.clone();
        let told =
            runtime::request::with_request_id(request_id, peers.publish(due.notice.render())).await;
        match told {
            Ok(()) => ::store::write!(db, |tx| notices::taken(tx, &due.id).await)?,
            Err(problem) => {
                tracing::warn!(notice.id = due.id, tries = due.tries, %problem, "a notice was not taken; trying again");
                let again = crate::peers::later(clock.now(), due.tries, PAUSE_MAX);
                ::store::write!(db, |tx| notices::put_off(tx, &due.id, again).await)?;
            }
        }
    }
    let next = ::store::read!(db, |tx| notices::next_due(tx).await)?;
    // Others may hold what is due: no reason to ask without pause.
    let soon = clock
        .now()
        .checked_add(Duration::from_millis(50))
        .unwrap_or(Timestamp::MAX);
    Ok(next.map(|next| next.max(soon)))
}
