//! What one person has proposed and another is to approve.

use ::store::{Error, Tx, on};
use contract::{ApplicationName, ProposalName, ProposalNumber, RequestId, Revision, VersionRef};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{number, parsed, time};
use crate::{
    proposal::{Decision, Proposal, What, step::State},
    switch::Kind,
};

const TABLE: &str = "proposals";
const APPROVAL_OFF: &str = "approval_off";

/// By what lists are in order: the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Key(i64, ApplicationName, i64);

/// Returns where a list goes on after one.
pub(crate) fn key(proposal: &Proposal) -> Key {
    Key(
        proposal.created_at.as_microsecond(),
        proposal.name.application.clone(),
        proposal.name.proposal.as_i64(),
    )
}

#[derive(sqlx::FromRow)]
struct Row {
    application: String,
    number: i64,
    kind: String,
    version: Option<String>,
    seen_revision: i64,
    proposed_by: String,
    reason: String,
    request_id: String,
    created_at: i64,
    expires_at: i64,
    state: String,
    decided_by: Option<String>,
    decision_reason: Option<String>,
    decided_at: Option<i64>,
    switch: Option<String>,
}

impl TryFrom<Row> for Proposal {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        let application: ApplicationName = parsed(TABLE, "application", &row.application)?;
        let kind = [Kind::Update, Kind::Reactivate]
            .into_iter()
            .find(|kind| kind.as_str() == row.kind);
        let what = match (kind, row.version) {
            (Some(kind), Some(version)) => What::Switch {
                kind,
                version: VersionRef {
                    application: application.clone(),
                    version: parsed(TABLE, "version", &version)?,
                },
            },
            (None, None) if row.kind == APPROVAL_OFF => What::ApprovalOff,
            _ => return Err(Error::damaged(TABLE, "kind", &row.kind)),
        };
        let decision = match (row.decided_by, row.decided_at) {
            (Some(by), Some(at)) => Some(Decision {
                by,
                reason: parsed(
                    TABLE,
                    "decision_reason",
                    &row.decision_reason.unwrap_or_default(),
                )?,
                at: time(TABLE, "decided_at", at)?,
            }),
            _ => None,
        };
        Ok(Self {
            name: ProposalName {
                application,
                proposal: number(TABLE, "number", row.number)?,
            },
            what,
            seen: number(TABLE, "seen_revision", row.seen_revision)?,
            proposed_by: row.proposed_by,
            reason: parsed(TABLE, "reason", &row.reason)?,
            request_id: parsed(TABLE, "request_id", &row.request_id)?,
            created_at: time(TABLE, "created_at", row.created_at)?,
            expires_at: time(TABLE, "expires_at", row.expires_at)?,
            state: State::ALL
                .into_iter()
                .find(|state| state.as_str() == row.state)
                .ok_or_else(|| Error::damaged(TABLE, "state", &row.state))?,
            decision,
            switch: row
                .switch
                .map(|switch| parsed(TABLE, "switch", &switch))
                .transpose()?,
        })
    }
}

/// Finds one.
pub(crate) async fn find(tx: &mut Tx, name: &ProposalName) -> Result<Option<Proposal>, Error> {
    const SQL: &str = "select * from proposals where application = $1 and number = $2";
    let row: Option<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(name.application.as_str())
        .bind(name.proposal.as_i64())
        .fetch_optional(conn)
        .await)?;
    row.map(Proposal::try_from).transpose()
}

/// Finds the one that is written down as open.
pub(crate) async fn find_open(
    tx: &mut Tx,
    application: &ApplicationName,
) -> Result<Option<Proposal>, Error> {
    const SQL: &str = "select * from proposals where application = $1 and state = 'open'";
    let row: Option<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(application.as_str())
        .fetch_optional(conn)
        .await)?;
    row.map(Proposal::try_from).transpose()
}

/// Finds the one that was made under a request id.
pub(crate) async fn find_request(
    tx: &mut Tx,
    application: &ApplicationName,
    request: &RequestId,
) -> Result<Option<Proposal>, Error> {
    const SQL: &str = "select * from proposals where application = $1 and request_id = $2";
    let row: Option<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(application.as_str())
        .bind(request.as_str())
        .fetch_optional(conn)
        .await)?;
    row.map(Proposal::try_from).transpose()
}

/// Returns the name of an application's next one.
pub(crate) async fn next_name(
    tx: &mut Tx,
    application: &ApplicationName,
) -> Result<ProposalName, Error> {
    const SQL: &str = "select cast(coalesce(max(number), 0) + 1 as bigint) from proposals \
        where application = $1";
    let (next,): (i64,) = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(application.as_str())
        .fetch_one(conn)
        .await)?;
    let proposal: ProposalNumber = number(TABLE, "number", next)?;
    Ok(ProposalName {
        application: application.clone(),
        proposal,
    })
}

/// Inserts one.
pub(crate) async fn insert(tx: &mut Tx, proposal: &Proposal) -> Result<(), Error> {
    const SQL: &str = "insert into proposals (application, number, kind, version, seen_revision, \
        proposed_by, reason, request_id, created_at, expires_at, state) \
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    let (kind, version) = match &proposal.what {
        What::Switch { kind, version } => (kind.as_str(), Some(version.version.as_str())),
        What::ApprovalOff => (APPROVAL_OFF, None),
    };
    on!(tx, |conn| sqlx::query(SQL)
        .bind(proposal.name.application.as_str())
        .bind(proposal.name.proposal.as_i64())
        .bind(kind)
        .bind(version)
        .bind(proposal.seen.as_i64())
        .bind(proposal.proposed_by.as_str())
        .bind(proposal.reason.as_str())
        .bind(proposal.request_id.as_str())
        .bind(proposal.created_at.as_microsecond())
        .bind(proposal.expires_at.as_microsecond())
        .bind(proposal.state.as_str())
        .execute(conn)
        .await
        .map(drop))
}

/// Saves where one stands, and who has decided.
pub(crate) async fn save(tx: &mut Tx, proposal: &Proposal) -> Result<(), Error> {
    const SQL: &str = "update proposals set state = $3, decided_by = $4, decision_reason = $5, \
        decided_at = $6, switch = $7 where application = $1 and number = $2";
    let decision = proposal.decision.as_ref();
    on!(tx, |conn| sqlx::query(SQL)
        .bind(proposal.name.application.as_str())
        .bind(proposal.name.proposal.as_i64())
        .bind(proposal.state.as_str())
        .bind(decision.map(|decision| decision.by.as_str()))
        .bind(decision.map(|decision| decision.reason.as_str()))
        .bind(decision.map(|decision| decision.at.as_microsecond()))
        .bind(proposal.switch.as_ref().map(ToString::to_string))
        .execute(conn)
        .await
        .map(drop))
}

/// Lists at most `limit`, newest first, those before `before`, of one application or of all; each with its
/// application's revision. Of open ones, those that still are.
pub(crate) async fn list(
    tx: &mut Tx,
    application: Option<&ApplicationName>,
    open_at: Option<Timestamp>,
    before: Option<&Key>,
    limit: i64,
) -> Result<Vec<(Proposal, Revision)>, Error> {
    const SQL: &str = "select p.*, a.revision as now_revision from proposals p \
        join applications a on a.name = p.application \
        where ($1 = '' or p.application = $1) \
        and ($2 = 0 or (p.state = 'open' and p.expires_at > $2 and p.seen_revision = a.revision)) \
        and (p.created_at < $3 or (p.created_at = $3 and (p.application < $4 \
            or (p.application = $4 and p.number < $5)))) \
        order by p.created_at desc, p.application desc, p.number desc limit $6";
    #[derive(sqlx::FromRow)]
    struct Listed {
        #[sqlx(flatten)]
        row: Row,
        now_revision: i64,
    }
    let (at, name, last) = match before {
        Some(Key(at, name, number)) => (*at, name.as_str(), *number),
        None => (i64::MAX, "", 0),
    };
    let rows: Vec<Listed> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(application.map_or("", ApplicationName::as_str))
        .bind(open_at.map_or(0, Timestamp::as_microsecond))
        .bind(at)
        .bind(name)
        .bind(last)
        .bind(limit)
        .fetch_all(conn)
        .await)?;
    rows.into_iter()
        .map(|listed| {
            let revision = number("applications", "revision", listed.now_revision)?;
            Ok((Proposal::try_from(listed.row)?, revision))
        })
        .collect()
}
