//! What the audit log says of what was changed here: resources as the API shows them.

pub(crate) use ::audit::Change;
use ::audit::Service;
use ::store::Tx;
use jiff::Timestamp;

pub(crate) use crate::api::shown;
use crate::{
    Catalog,
    application::{Application, Icon, Version},
    error::Error,
    store::applications,
    switch::Switch,
};

/// Writes an entry down; the last that a transaction does.
pub(crate) async fn add(tx: &mut Tx, at: Timestamp, change: &Change) -> Result<(), Error> {
    Ok(::audit::append(tx, Service::Catalog, at, change).await?)
}

/// Writes down what became of an application.
pub(crate) async fn application(
    tx: &mut Tx,
    catalog: &Catalog,
    before: Option<(&Application, Option<Icon>)>,
    after: Option<(&Application, Option<Icon>)>,
) -> Result<(), Error> {
    let Some((named, _)) = after.as_ref().or(before.as_ref()) else {
        return Ok(());
    };
    let mut change = Change::of(named.resource());
    if let Some((application, icon)) = before {
        change = change.before(&shown::application(&catalog.addresses, application, icon));
    }
    if let Some((application, icon)) = after {
        change = change.after(&shown::application(&catalog.addresses, application, icon));
    }
    add(tx, catalog.clock.now(), &change).await
}

/// Writes down that an application is gone; before it is.
pub(crate) async fn deleted(
    tx: &mut Tx,
    catalog: &Catalog,
    application: &Application,
) -> Result<(), Error> {
    let icon = applications::icon(tx, &application.name).await?;
    self::application(tx, catalog, Some((application, icon)), None).await
}

/// Writes down what became of a version.
pub(crate) async fn version(
    tx: &mut Tx,
    at: Timestamp,
    reason: &str,
    before: Option<&Version>,
    after: Option<&Version>,
) -> Result<(), Error> {
    let Some(named) = after.or(before) else {
        return Ok(());
    };
    let mut change = Change::of(&named.name).reason(reason);
    if let Some(version) = before {
        change = change.before(&shown::version(version));
    }
    if let Some(version) = after {
        change = change.after(&shown::version(version));
    }
    add(tx, at, &change).await
}

/// Writes down what became of a switch.
pub(crate) async fn switch(
    tx: &mut Tx,
    at: Timestamp,
    reason: &str,
    before: &Switch,
    after: &Switch,
) -> Result<(), Error> {
    let change = Change::of(&after.name)
        .reason(reason)
        .before(&shown::switch(before))
        .after(&shown::switch(after));
    add(tx, at, &change).await
}
