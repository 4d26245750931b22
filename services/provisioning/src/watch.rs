//! Follows provisionings: those that there are, then each change once and in order. A position says
//! how far a watcher has come, so that whoever comes back misses nothing and hears nothing twice.

use std::{fmt, str::FromStr, time::Duration};

use contract::Revision;
use proto::provisioning::v1 as wire;
use store::{Listener, Tx};

use crate::{
    api::provisionings::{Filter, key, render},
    applied as gateways,
    change::{Change, Place, Stood, What},
    consent::{Removal, Standing, state::Mail},
    error::Error,
    outstanding,
    provisioning::Provisioning,
    service::Service,
    store::{
        applied, changes,
        provisionings::{self, Key},
    },
};

/// Provisionings or changes in one message.
const PART: i64 = 500;
/// Rows whose grants are looked at at once: more than one revision of the grants can have, as one
/// transaction changes few more than a part of a switch.
const GRANTS: i64 = 2000;
/// A lost wake-up costs this much.
const POLL: Duration = Duration::from_secs(2);

/// How far a watcher has come: the last change, and up to which revision of the grants it knows that
/// every gateway has applied them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    change: Place,
    applied: Revision,
}

/// The text is not a position.
#[derive(Debug, thiserror::Error)]
#[error("is not a position that was received here")]
pub(crate) struct NoPosition;

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place(change, place) = self.change;
        write!(f, "c{change}.{place}.{}", self.applied)
    }
}

impl FromStr for Position {
    type Err = NoPosition;

    fn from_str(text: &str) -> Result<Self, NoPosition> {
        let mut numbers = text.strip_prefix('c').ok_or(NoPosition)?.split('.');
        let mut next = || {
            let digits = numbers.next().filter(|digits| !digits.starts_with('+'));
            digits.and_then(|digits| digits.parse::<u64>().ok())
        };
        let (change, place, applied) = (next(), next(), next());
        let number = |number: Option<u64>| {
            number
                .and_then(|number| i64::try_from(number).ok())
                .ok_or(NoPosition)
        };
        let position = Self {
            change: Place(number(change)?, number(place)?),
            applied: Revision::try_from(applied.ok_or(NoPosition)?).map_err(|_| NoPosition)?,
        };
        match numbers.next() {
            None => Ok(position),
            Some(_) => Err(NoPosition),
        }
    }
}

/// One watcher.
pub(crate) struct Watch {
    service: Service,
    wakes: Listener,
    filter: Filter,
    next: Next,
}

/// What a watcher is to hear next.
enum Next {
    /// Those that there are, after this one; then what has happened since the position.
    Present(Option<Key>, Position),
    /// What has happened since.
    Changes(Position),
}

/// What was read for one message.
struct News {
    changes: Vec<Change>,
    /// How far the message leads.
    position: Position,
    /// Under which each change is told.
    applied: Revision,
    /// Whether more may be there already.
    more: bool,
}

impl Watch {
    /// Begins with those that there are, or after a position.
    pub(crate) async fn begin(
        service: &Service,
        filter: Filter,
        after: Option<Position>,
    ) -> Result<Self, Error> {
        let wakes = service.db.listen(changes::TOPIC);
        // What gateways have applied by now is no news to who sees how things stand.
        if after.is_none() {
            gateways::note(service).await?;
        }
        let head = store::read!(service.db, |tx| head(tx).await)?;
        let next = match after {
            None => Next::Present(None, head),
            Some(after) if after.change > head.change || after.applied > head.applied => {
                return Err(Error::PositionAhead);
            }
            Some(after) => Next::Changes(after),
        };
        Ok(Self {
            service: service.clone(),
            wakes,
            filter,
            next,
        })
    }

    /// Returns the next message, once there is something to say.
    pub(crate) async fn next(&mut self) -> Result<wire::WatchProvisioningsResponse, Error> {
        if let Next::Present(after, position) = &self.next {
            let (after, position) = (after.clone(), *position);
            return self.present(after, position).await;
        }
        loop {
            let Next::Changes(position) = self.next else {
                return Err(Error::Broken("a watch went back".to_owned()));
            };
            let news = store::read!(self.service.db, |tx| {
                news(tx, &self.filter, position).await
            })?;
            self.next = Next::Changes(news.position);
            let shown: Vec<_> = news
                .changes
                .iter()
                .map(|change| (change, render::change(change, news.applied, None)))
                .filter(|(change, _)| self.concerns(change, news.applied))
                .map(|(_, shown)| shown)
                .collect();
            if !shown.is_empty() {
                return Ok(wire::WatchProvisioningsResponse {
                    provisionings: Vec::new(),
                    changes: shown,
                    position: news.position.to_string(),
                });
            }
            if !news.more {
                self.wakes.changed_or(POLL).await;
            }
        }
    }

    /// Returns a part of those that there are; with the last part, the position.
    async fn present(
        &mut self,
        after: Option<Key>,
        position: Position,
    ) -> Result<wire::WatchProvisioningsResponse, Error> {
        let sought = self.filter.sought();
        let rows = store::read!(self.service.db, |tx| {
            Ok::<_, Error>(provisionings::list(tx, &sought, after.as_ref(), PART).await?)
        })?;
        let full = i64::try_from(rows.len()).is_ok_and(|count| count == PART);
        let last = rows.last().map(key);
        // What has changed since the position is told as a change, not as how things stand.
        let unchanged = store::read!(self.service.db, |tx| {
            let mut unchanged = Vec::new();
            for row in &rows {
                let newest = changes::history(tx, &row.name, None, 1).await?;
                if newest
                    .first()
                    .is_none_or(|(place, _)| *place <= position.change)
                {
                    unchanged.push(row.clone());
                }
            }
            Ok::<_, Error>(unchanged)
        })?;
        let seen = outstanding::as_of(&self.service, unchanged, position.applied).await?;
        let provisionings = seen
            .iter()
            .filter(|seen| self.filter.has(seen.state()))
            .map(render::provisioning)
            .collect();
        self.next = if full {
            Next::Present(last, position)
        } else {
            Next::Changes(position)
        };
        Ok(wire::WatchProvisioningsResponse {
            provisionings,
            changes: Vec::new(),
            position: if full {
                String::new()
            } else {
                position.to_string()
            },
        })
    }

    /// Tells whether a change leads to a state that is asked for, or away from one.
    fn concerns(&self, change: &Change, applied: Revision) -> bool {
        let (before, after) = change.states(applied);
        self.filter.has(after) || before.is_some_and(|state| self.filter.has(state))
    }
}

/// Returns the position of who has seen everything.
async fn head(tx: &mut Tx) -> Result<Position, Error> {
    Ok(Position {
        change: changes::last(tx).await?,
        applied: applied::mark(tx).await?,
    })
}

/// Returns what has happened since a position: changes first, and where there are none, what gateways
/// have applied since.
async fn news(tx: &mut Tx, filter: &Filter, from: Position) -> Result<News, Error> {
    let head = head(tx).await?;
    let rows = changes::since(tx, filter.of(), from.change, PART).await?;
    let full = i64::try_from(rows.len()).is_ok_and(|count| count == PART);
    let last = rows.last().map(|(place, _)| *place).filter(|_| full);
    if !rows.is_empty() {
        return Ok(News {
            changes: rows.into_iter().map(|(_, change)| change).collect(),
            position: Position {
                change: last.unwrap_or(head.change),
                applied: from.applied,
            },
            applied: from.applied,
            more: true,
        });
    }
    let span = (from.applied, head.applied);
    let (rows, applied) = if span.1 > span.0 {
        whole_revisions(tx, filter, span).await?
    } else {
        (Vec::new(), head.applied)
    };
    let mut changes = Vec::new();
    for row in &rows {
        if let Some(change) = arrival(tx, row).await? {
            changes.push(change);
        }
    }
    Ok(News {
        changes,
        position: Position {
            change: head.change,
            applied,
        },
        applied,
        more: applied < head.applied,
    })
}

/// Returns rows whose grants every gateway has applied since, all of a revision or none, and up to
/// which revision they are.
async fn whole_revisions(
    tx: &mut Tx,
    filter: &Filter,
    (after, applied): (Revision, Revision),
) -> Result<(Vec<Provisioning>, Revision), Error> {
    let mut rows = provisionings::applied_since(tx, filter.of(), (after, applied), GRANTS).await?;
    let full = i64::try_from(rows.len()).is_ok_and(|count| count == GRANTS);
    let Some(last) = rows.last().map(|row| row.granted_at).filter(|_| full) else {
        return Ok((rows, applied));
    };
    rows.retain(|row| row.granted_at < last);
    match rows.last().map(|row| row.granted_at) {
        Some(up_to) => Ok((rows, up_to)),
        // One revision has more than that.
        None => {
            let span = (after, last);
            let all = provisionings::applied_since(tx, filter.of(), span, i64::MAX).await?;
            Ok((all, last))
        }
    }
}

/// Returns the change that is made when every gateway has applied a grant, if it makes one.
async fn arrival(tx: &mut Tx, row: &Provisioning) -> Result<Option<Change>, Error> {
    match row.consent.standing {
        Standing::Provisioned(_) | Standing::Removed(Removal::ByOperator | Removal::TakenBack) => {}
        Standing::PendingAcceptance
        | Standing::Denied
        | Standing::Failed(_)
        | Standing::Removed(Removal::TenantDeleted) => return Ok(None),
    }
    let Some(at) = applied::when(tx, row.granted_at).await? else {
        return Ok(None);
    };
    let stood = Stood {
        standing: row.consent.standing,
        mail: Mail::Settled,
        granted_at: row.granted_at,
    };
    Ok(Some(Change {
        name: row.name.clone(),
        what: What::Applied,
        at,
        actor: "gateways".to_owned(),
        reason: String::new(),
        stood: Some(stood),
        stands: stood,
        switch: row.consent.brought_by,
        request: None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_read_as_it_was_written_and_nothing_else_is_one() {
        let position: Position = "c12.3.45".parse().unwrap();
        assert_eq!(position.to_string(), "c12.3.45");
        for text in [
            "",
            "12.3.45",
            "c12.3",
            "c12.3.45.6",
            "c-1.3.45",
            "c+1.3.45",
            "c12.3.",
            "c12. 3.45",
            "c9223372036854775808.0.0",
        ] {
            assert!(text.parse::<Position>().is_err(), "{text:?}");
        }
    }
}
