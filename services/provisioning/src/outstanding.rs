//! Provisionings with what is outstanding of each: its mail, and the gateways that have yet to hear.

use contract::Revision;
use jiff::Timestamp;
use store::Tx;

use crate::{
    applied,
    change::gateways,
    consent::state::{Mail, Outstanding, State, sentence},
    error::Error,
    provisioning::Provisioning,
    service::Service,
    store::offers::{self, Latest},
};

/// A provisioning as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    /// What is written of it.
    pub(crate) row: Provisioning,
    /// Until when its tenant may decide by the link that it was last sent.
    pub(crate) until: Option<Timestamp>,
    /// What is outstanding.
    pub(crate) outstanding: Outstanding,
}

impl Seen {
    /// Returns the state that is shown.
    pub(crate) fn state(&self) -> State {
        State::of(self.row.consent.standing, self.outstanding)
    }

    /// Says to people why it stands there.
    pub(crate) fn sentence(&self) -> String {
        sentence(&self.row.consent, self.outstanding)
    }
}

/// Returns provisionings with what is outstanding of each.
pub(crate) async fn of(service: &Service, rows: Vec<Provisioning>) -> Result<Vec<Seen>, Error> {
    let Some(newest) = rows.iter().map(|row| row.granted_at).max() else {
        return Ok(Vec::new());
    };
    let applied = applied::at_least(service, newest).await?;
    as_of(service, rows, applied).await
}

/// Returns them as of when every gateway has applied the grants up to `applied`.
pub(crate) async fn as_of(
    service: &Service,
    rows: Vec<Provisioning>,
    applied: Revision,
) -> Result<Vec<Seen>, Error> {
    store::read!(service.db, |tx| {
        let latest = offers::latest_of(tx, rows.iter().map(|row| &row.name)).await?;
        let seen = |row: &Provisioning| seen(row, latest.get(&row.name).copied(), applied);
        Ok(rows.iter().map(seen).collect())
    })
}

/// Returns one of them in a transaction, as of when every gateway has applied the grants up to `applied`.
pub(crate) async fn look(
    tx: &mut Tx,
    row: &Provisioning,
    applied: Revision,
) -> Result<Seen, Error> {
    let latest = offers::latest(tx, &row.name).await?;
    Ok(seen(row, latest, applied))
}

fn seen(row: &Provisioning, latest: Option<Latest>, applied: Revision) -> Seen {
    Seen {
        row: row.clone(),
        until: latest.map(|latest| latest.until),
        outstanding: Outstanding {
            mail: latest.map_or(Mail::Settled, |latest| latest.mail),
            gateways: gateways(row.granted_at, applied),
        },
    }
}
