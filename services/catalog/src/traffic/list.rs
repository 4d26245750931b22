//! Reads what users were answered.

use std::time::Duration;

use ::store::Db;
use contract::ApplicationName;
use jiff::Timestamp;

use super::{Point, floor, kept_since};
use crate::{error::Error, fleet::SILENT, registration, store::traffic_seconds};

/// The most steps that are listed at once.
pub(crate) const STEPS_MAX: i64 = 1000;
/// What was counted this long ago is written down: a second closes, is sent, gathered and written.
const LATE: Duration = Duration::from_secs(2);

/// What is to be listed.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) application: ApplicationName,
    /// At the beginning of a step.
    pub(crate) start: Timestamp,
    /// Not before the start.
    pub(crate) end: Timestamp,
    pub(crate) step_seconds: i64,
}

/// What users of an application were answered.
#[derive(Debug, Clone)]
pub(crate) struct Listed {
    /// By time and generation.
    pub(crate) points: Vec<Point>,
    /// Until when they are whole.
    pub(crate) complete: Timestamp,
    /// Since when any are kept.
    pub(crate) kept_since: Timestamp,
}

/// Lists what users of an application were answered. `hours` is for how long it is kept.
pub(crate) async fn list(
    db: &Db,
    asked: &Asked,
    now: Timestamp,
    hours: u16,
) -> Result<Listed, Error> {
    let kept_since = kept_since(now, hours);
    let start = asked.start.max(kept_since);
    let lately = now.saturating_sub(SILENT).unwrap_or(now);
    let (points, silent_since) = ::store::read!(db, |tx| {
        registration::application(tx, &asked.application).await?;
        let within = (start, asked.end);
        let points =
            traffic_seconds::list(tx, &asked.application, within, asked.step_seconds).await?;
        Ok::<_, Error>((points, traffic_seconds::silent_since(tx, lately).await?))
    })?;
    let heard = silent_since.unwrap_or(now).min(now);
    Ok(Listed {
        points,
        complete: floor(heard.saturating_sub(LATE).unwrap_or(heard), 1),
        kept_since,
    })
}
