//! Leases of applications in fleet mode fenced: who gets them, and the wait for those that somebody
//! may still have (R8). No end of a lease is stored anywhere: whoever has to wait does so by its own
//! monotonic clock, from a moment after the mark was durable.

use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    sync::Arc,
    time::Duration,
};

use ::store::{Db, Tx};
use contract::GatewayName;
use runtime::{
    CancellationToken, Clock, SigningKey,
    fault::{Plant, planted},
    retry,
};

use super::{Leases, Mark, Member, StreamId, tell_switches};
use crate::{
    error::Error,
    recovery,
    store::{ROUTES, applications, gateways, switches},
    switch::Event,
};

/// A lost wake-up costs at most this.
const POLL: Duration = Duration::from_secs(2);

/// What a beat is answered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Renewal {
    /// With a lease.
    Lease,
    /// With nothing.
    Nothing,
    /// With the end of the stream: the gateway was left out and may come back with a hello.
    HelloAgain,
}

/// Decides how a beat is answered. Reads anew each time whether the gateway is marked: what cannot be
/// read renews nothing. In recovery nobody gets a lease: the marks themselves may have been lost.
pub(crate) async fn renew(
    tx: &mut Tx,
    gateway: &GatewayName,
    stream: StreamId,
) -> Result<Renewal, Error> {
    if applications::longest_lease(tx).await?.is_none() || recovery::now(tx).await?.is_some() {
        return Ok(Renewal::Nothing);
    }
    let Some(followed) = gateways::follows(tx, gateway, stream).await? else {
        return Ok(Renewal::Nothing);
    };
    if !followed.marked || planted(Plant::RenewIgnoresMark) {
        return Ok(Renewal::Lease);
    }
    // As long as a switch is open it stays out: it was silent in one, and would be again.
    Ok(if switches::all_open(tx).await?.is_empty() {
        Renewal::HelloAgain
    } else {
        Renewal::Nothing
    })
}

/// How long to wait for leases of this length: clocks may differ in rate by 5 %.
pub(crate) fn surely(lease: Duration) -> Duration {
    lease.saturating_add(lease / 20)
}

/// Ends the memberships of gateways whose eviction waits for their leases, until `stop`. Every
/// replica waits for itself, from when it first sees the mark.
pub(crate) async fn evictions(
    db: Db,
    clock: Clock,
    key: Arc<SigningKey>,
    stop: CancellationToken,
) -> Result<(), Infallible> {
    let mut listener = db.listen(ROUTES);
    let mut since: BTreeMap<(GatewayName, Mark), Duration> = BTreeMap::new();
    while !stop.is_cancelled() {
        let next = match look(&db, &clock, &key, &mut since).await {
            Ok(next) => next,
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "evictions wait for the database"
                );
                None
            }
        };
        let due = async {
            match next {
                Some(next) => drop(retry::elapsed(next, &clock, &stop).await),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            () = listener.changed_or(POLL) => {}
            () = due => {}
        }
    }
    Ok(())
}

/// Evicts those whose time has come; returns after what time there is more to do.
async fn look(
    db: &Db,
    clock: &Clock,
    key: &SigningKey,
    since: &mut BTreeMap<(GatewayName, Mark), Duration>,
) -> Result<Option<Duration>, Error> {
    let (members, longest) = ::store::read!(db, |tx| {
        let longest = applications::longest_lease(tx).await?;
        Ok::<_, Error>((gateways::all(tx).await?, longest.unwrap_or_default()))
    })?;
    let waiting: BTreeSet<_> = members.iter().filter_map(evicting).collect();
    since.retain(|marked, _| waiting.contains(marked));
    let mut next: Option<Duration> = None;
    for marked in waiting {
        let now = clock.instant();
        let began = *since.entry(marked.clone()).or_insert(now);
        let left = surely(longest).saturating_sub(now.saturating_sub(began));
        if left.is_zero() {
            evict(db, clock, key, &marked, longest).await?;
        } else {
            next = Some(next.map_or(left, |next| next.min(left)));
        }
    }
    Ok(next)
}

fn evicting(member: &Member) -> Option<(GatewayName, Mark)> {
    match member.leases {
        Leases::Refused {
            mark,
            evicting: true,
            ..
        } => Some((member.name.clone(), mark)),
        Leases::Refused { .. } | Leases::Renewed => None,
    }
}

/// Ends a membership, if nothing has changed since that was found right.
async fn evict(
    db: &Db,
    clock: &Clock,
    key: &SigningKey,
    marked: &(GatewayName, Mark),
    waited: Duration,
) -> Result<(), Error> {
    ::store::write!(db, |tx| {
        let (gateway, _) = marked;
        let member = gateways::find(tx, gateway).await?;
        let longest = applications::longest_lease(tx).await?.unwrap_or_default();
        if member.as_ref().and_then(evicting).as_ref() != Some(marked) || longest > waited {
            return Ok(());
        }
        gateways::delete(tx, gateway).await?;
        tracing::warn!(gateway.name = %gateway, "a gateway's leases have run out; it is evicted");
        tell_switches(tx, clock, key, &Event::Left(gateway.clone())).await
    })
}
