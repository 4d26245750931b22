//! The table of decisions, for the record: written once, never changed.

use contract::{ProvisioningName, RequestId};
use jiff::Timestamp;
use store::{Error, Tx, on};

/// A decision that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Decision<'a> {
    /// A UUID.
    pub(crate) id: &'a str,
    /// About what.
    pub(crate) name: &'a ProvisioningName,
    /// `accept` or `deny`.
    pub(crate) choice: &'static str,
    /// Who took it, as far as known.
    pub(crate) actor: &'a str,
    /// Why, or on whose word; may be empty.
    pub(crate) reason: &'a str,
    /// The browser's address; empty without a link.
    pub(crate) address: &'a str,
    /// What the browser says it is; empty without a link.
    pub(crate) user_agent: &'a str,
    /// Hash of the link's token, if by a link.
    pub(crate) offer: Option<&'a str>,
    /// The request under which it was taken.
    pub(crate) request: Option<&'a RequestId>,
    /// When.
    pub(crate) at: Timestamp,
}

/// Inserts a decision.
pub(crate) async fn insert(tx: &mut Tx, decision: &Decision<'_>) -> Result<(), Error> {
    const SQL: &str = "insert into decisions (decision, tenant, application, version, choice, actor, reason, \
        address, user_agent, offer, request_id, decided_at) \
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
    on!(tx, |conn| sqlx::query(SQL)
        .bind(decision.id)
        .bind(decision.name.tenant.as_str())
        .bind(decision.name.application.as_str())
        .bind(decision.name.version.as_str())
        .bind(decision.choice)
        .bind(decision.actor)
        .bind(decision.reason)
        .bind(decision.address)
        .bind(decision.user_agent)
        .bind(decision.offer)
        .bind(decision.request.map(RequestId::as_str))
        .bind(decision.at.as_microsecond())
        .execute(conn)
        .await
        .map(drop))
}
