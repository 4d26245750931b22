//! Who may send a delivery right now: what is due is claimed, and claims are renewed.

use contract::DeliveryId;
use jiff::Timestamp;
use store::{Error, Tx, on};

use super::{Claimed, Row, Stored, find, save};
use crate::{
    delivery::{Claim, Happening, Jitter, State, Step, Words},
    sender::ClaimedDomains,
    store::tries,
};

/// Claims up to `limit` deliveries that are due, each under a claim of its own, and of each domain no
/// more than `domains` has room for. A row that cannot be read is parked, so that it does not stand in
/// the way of the others.
pub(crate) async fn claim(
    tx: &mut Tx,
    now: Timestamp,
    limit: usize,
    domains: &mut ClaimedDomains,
    mut fresh: impl FnMut() -> Claim,
) -> Result<Vec<Claimed>, Error> {
    let mut claimed = Vec::new();
    loop {
        let full = domains.full();
        let due = due(tx, now, limit - claimed.len(), &full).await?;
        claim_some(tx, now, due, domains, &mut fresh, &mut claimed).await?;
        // What was passed over for its domain may hide others behind it; that domain is full now.
        if claimed.len() >= limit || domains.full() == full {
            return Ok(claimed);
        }
    }
}

async fn due(tx: &mut Tx, now: Timestamp, limit: usize, full: &str) -> Result<Vec<Row>, Error> {
    const DUE: &str = columns!(
        "mail",
        "where due_at <= $1 and replace($3, ',' || domain || ',', '') = $3 order by due_at, id limit $2"
    );
    let sql = store::claim(tx, DUE);
    on!(tx, |conn| sqlx::query_as(sql)
        .bind(now.as_microsecond())
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .bind(full)
        .fetch_all(conn)
        .await)
}

async fn claim_some(
    tx: &mut Tx,
    now: Timestamp,
    due: Vec<Row>,
    domains: &mut ClaimedDomains,
    fresh: &mut impl FnMut() -> Claim,
    claimed: &mut Vec<Claimed>,
) -> Result<(), Error> {
    for row in due {
        let mut delivery = match Stored::try_from(&row) {
            Ok(delivery) => delivery,
            Err(error) => {
                tracing::error!(delivery.id = %row.id, error = %error, "a delivery cannot be read and was parked");
                park_damaged(tx, &row.id, &error).await?;
                continue;
            }
        };
        if !domains.has_room(&row.domain) {
            continue;
        }
        let claim = fresh();
        let Step::Changed(next) =
            delivery
                .progress
                .step(&Happening::Claimed(claim), now, Jitter(0))
        else {
            continue;
        };
        if let State::Sending { .. } = delivery.progress.state {
            let lapsed = "Interrupted: whoever sent it ended, so it is not known whether the server took it.";
            tries::end(tx, delivery.id, delivery.try_count, lapsed).await?;
        }
        let before = delivery.progress.clone();
        delivery.progress = next;
        delivery.try_count += 1;
        if save(tx, &delivery, &before).await? {
            tries::begin(tx, delivery.id, delivery.try_count, now).await?;
            domains.take(&row.domain);
            claimed.push(Claimed {
                delivery,
                claim,
                domain: row.domain.into(),
                mail: row.mail,
            });
        }
    }
    Ok(())
}

/// Lets a claim hold longer. Returns whether it still counts: if not, nothing has changed.
pub(crate) async fn renew(
    tx: &mut Tx,
    id: DeliveryId,
    claim: Claim,
    now: Timestamp,
) -> Result<bool, Error> {
    let Some(mut delivery) = find(tx, id).await? else {
        return Ok(false);
    };
    let before = delivery.progress.clone();
    let Step::Changed(next) = before.step(&Happening::Renewed(claim), now, Jitter(0)) else {
        return Ok(false);
    };
    delivery.progress = next;
    save(tx, &delivery, &before).await
}

async fn park_damaged(tx: &mut Tx, id: &str, error: &Error) -> Result<(), Error> {
    const SQL: &str = "update deliveries set state = 'failed', reason = $2, due_at = null, waits_for = null, claim = null, \
        sent_at = null, failures = 0 where id = $1";
    let reason = Words::new(&format!("It cannot be read: {error}."));
    on!(tx, |conn| sqlx::query(SQL)
        .bind(id)
        .bind(reason.as_str())
        .execute(conn)
        .await
        .map(drop))
}
