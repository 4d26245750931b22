//! How far a switch has moved its tenants.

use contract::TenantRef;
use store::Tx;

use crate::{
    consent::state::{Outstanding, sentence},
    error::Error,
    store::provisionings,
    switch::Switch,
};

/// Failed tenants that are named.
const FAILURES_MAX: i64 = 100;

/// How far the tenants of a switch are moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Moved {
    /// Nothing is left to move.
    pub(crate) done: bool,
    /// Tenants to move; while some are left, as they were counted when the move began, with those that
    /// have joined since.
    pub(crate) total: i64,
    /// Tenants moved, denied and failed ones included.
    pub(crate) moved: i64,
    /// Tenants that a mail was queued for.
    pub(crate) mailed: i64,
    /// Tenants that could not be moved.
    pub(crate) failed: i64,
    /// The first of them, with the reason.
    pub(crate) failures: Vec<(TenantRef, String)>,
}

/// Says it. The tenants that are left were counted once: a part costs the same wherever it is.
pub(super) async fn report(tx: &mut Tx, switch: &Switch) -> Result<Moved, Error> {
    let Switch {
        id,
        application,
        target,
        progress,
        ..
    } = switch;
    let failures = provisionings::failed(tx, application, target, *id, FAILURES_MAX).await?;
    Ok(Moved {
        done: progress.all_at.is_some(),
        total: progress.moved + progress.left.unwrap_or(0),
        moved: progress.moved,
        mailed: progress.mailed,
        failed: provisionings::count_failed(tx, application, target, *id).await?,
        failures: failures
            .into_iter()
            .map(|row| {
                (
                    TenantRef::from(row.name.tenant),
                    sentence(&row.consent, Outstanding::NOTHING),
                )
            })
            .collect(),
    })
}
