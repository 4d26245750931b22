//! What the audit log says of what was changed here: resources as the API shows them.

pub(crate) use ::audit::Change;
use ::audit::Service;
use jiff::Timestamp;
use store::Tx;

pub(crate) use crate::api::deliveries::render as delivery;
use crate::error::Error;

/// Writes an entry down; the last that a transaction does.
pub(crate) async fn add(tx: &mut Tx, at: Timestamp, change: &Change) -> Result<(), Error> {
    Ok(::audit::append(tx, Service::Notification, at, change).await?)
}
