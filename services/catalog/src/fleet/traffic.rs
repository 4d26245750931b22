//! What gateways count of users' requests while a new version is watched.

use ::store::{Db, Error};
use contract::{ApplicationName, GatewayName, Generation};
use jiff::Timestamp;

use super::StreamId;
use crate::store::{gateways, traffic};

/// What users were answered in one generation at one gateway, since it began there or the process
/// started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Traffic {
    pub(crate) application: ApplicationName,
    pub(crate) generation: Generation,
    pub(crate) requests: i64,
    /// Of them, those that went wrong.
    pub(crate) failed: i64,
}

/// Keeps the newest reports of a gateway in place of those before, if it still follows on `stream`.
pub(crate) async fn traffic(
    db: &Db,
    gateway: &GatewayName,
    stream: StreamId,
    reports: &[Traffic],
    now: Timestamp,
) -> Result<(), Error> {
    ::store::write!(db, |tx| {
        if gateways::follows(tx, gateway, stream).await?.is_none() {
            return Ok(());
        }
        for report in reports {
            traffic::put(tx, gateway, report, now).await?;
        }
        Ok(())
    })
}
