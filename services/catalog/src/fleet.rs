//! The fleet: who is a member, and what becomes of open switches when that changes. Membership and
//! the rolls of open switches change in one transaction, before a gateway is told anything (R6).

pub(crate) mod answers;
pub(crate) mod applied;
pub(crate) mod beats;
pub(crate) mod board;
pub(crate) mod hearing;
pub(crate) mod leases;
pub(crate) mod traffic;

use std::{collections::BTreeSet, fmt, net::SocketAddr, str::FromStr, time::Duration};

use ::store::{Db, Tx};
use contract::{
    ApplicationName, ApplicationRef, GatewayName, GatewayRef, Line, Prose, Revision, Timeline,
    VersionName,
};
use jiff::Timestamp;
use runtime::{
    Clock, SigningKey,
    fault::{Plant, planted},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    Catalog,
    error::Error,
    recovery,
    store::{applications, gateways, switches},
    switch::{Event, State, advance::advance},
    trail::{self, Change, shown},
};
pub(crate) use applied::Said;
pub(crate) use hearing::Hearing;

/// A gateway that was not heard for longer counts as silent: three beats.
pub(crate) const SILENT: Duration = Duration::from_secs(15);

macro_rules! uuid_name {
    ($(#[$docs:meta])* $name:ident) => {
        $(#[$docs])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) struct $name(Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.as_hyphenated().fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, uuid::Error> {
                Uuid::try_parse(text).map(Self)
            }
        }
    };
}

uuid_name! {
    /// One start of a gateway's process.
    Boot
}
uuid_name! {
    /// One stream that a gateway follows on; the last one counts.
    StreamId
}

uuid_name! {
    /// One marking of a gateway that is to get no more leases.
    Mark
}

impl StreamId {
    pub(crate) fn new(clock: &Clock) -> Self {
        Self(Uuid::from_bytes(clock.random()))
    }
}

impl Mark {
    pub(crate) fn new(clock: &Clock) -> Self {
        Self(Uuid::from_bytes(clock.random()))
    }
}

/// Whether a member's leases are renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leases {
    /// They are.
    Renewed,
    /// It is marked: it gets none until it says hello again (R8).
    Refused {
        mark: Mark,
        /// Leases up to this length have run out since the mark was durable. A length, not a time:
        /// nobody's clock is believed but that of who waited.
        ran_out: Duration,
        /// It is evicted once they all have.
        evicting: bool,
    },
}

impl Leases {
    /// Tells whether a lease of this length has surely run out.
    pub(crate) fn ran_out(self, lease: Duration) -> bool {
        match self {
            Self::Renewed => false,
            Self::Refused { ran_out, .. } => ran_out >= lease,
        }
    }
}

/// A member of the fleet.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub(crate) name: GatewayName,
    pub(crate) boot: Boot,
    pub(crate) software: String,
    pub(crate) listeners: Vec<SocketAddr>,
    pub(crate) stream: Option<StreamId>,
    pub(crate) joined_at: Timestamp,
    pub(crate) last_seen_at: Timestamp,
    pub(crate) leases: Leases,
    /// The operator takes it out of use.
    pub(crate) draining: bool,
    pub(crate) said: Said,
}

/// Tells whether a gateway that was last heard then was heard within the time that three beats take.
pub(crate) fn heard_lately(last_seen_at: Timestamp, now: Timestamp) -> bool {
    let silent = now.duration_since(last_seen_at);
    silent < SILENT.try_into().unwrap_or(jiff::SignedDuration::MAX)
}

impl Member {
    /// Tells whether it was heard within the time that three beats take.
    pub(crate) fn heard_lately(&self, now: Timestamp) -> bool {
        heard_lately(self.last_seen_at, now)
    }

    /// Tells whether it follows now.
    pub(crate) fn connected(&self, now: Timestamp) -> bool {
        self.stream.is_some() && self.heard_lately(now)
    }
}

/// Who wants to follow, and what it knows already.
#[derive(Debug, Clone)]
pub(crate) struct Hello {
    pub(crate) gateway: GatewayName,
    pub(crate) boot: Boot,
    pub(crate) software: Option<Line<50>>,
    pub(crate) positions: Vec<Position>,
    pub(crate) listeners: Vec<SocketAddr>,
}

/// A gateway's last known state of one application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Position {
    pub(crate) application: ApplicationName,
    pub(crate) timeline: Timeline,
    pub(crate) revision: Revision,
    pub(crate) generation: u64,
    /// The version that users get; none before the first activation.
    pub(crate) version: Option<VersionName>,
}

/// Makes the gateway a member that follows on `stream`. Returns the applications whose earlier
/// lives it must forget: deleted before they were ever in use, and created again.
///
/// A gateway that knows more than the catalog is a member too, so that no switch goes on without
/// it, and is told nothing: what is here was restored, and the catalog is in recovery from then on.
/// In recovery nobody follows; what each knows is written down.
///
/// One that was marked gets leases again, and the rolls of open switches have it again.
pub(crate) async fn join(
    db: &Db,
    clock: &Clock,
    key: &SigningKey,
    hello: &Hello,
    stream: StreamId,
) -> Result<BTreeSet<ApplicationName>, Error> {
    let judged = ::store::write!(db, |tx| {
        let now = clock.now();
        let before = gateways::find(tx, &hello.gateway).await?;
        if let Some(before) = &before
            && before.boot != hello.boot
            && before.connected(now)
        {
            return Err(Error::GatewayTwice {
                gateway: hello.gateway.clone().into(),
            });
        }
        let judged = judge(tx, hello).await?;
        let told = match (judged, recovery::now(tx).await?) {
            (Err(error), None) => {
                recovery::begin(tx, clock, &error.to_string()).await?;
                Err(error)
            }
            (Err(error), Some(_)) => Err(error),
            (Ok(_), Some(recovery)) => Err(recovery.refusal()),
            (Ok(forget), None) => Ok(forget),
        };
        let member = Member {
            name: hello.gateway.clone(),
            boot: hello.boot,
            software: hello
                .software
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default(),
            listeners: hello.listeners.clone(),
            stream: told.is_ok().then_some(stream),
            joined_at: before.as_ref().map_or(now, |before| before.joined_at),
            last_seen_at: now,
            leases: Leases::Renewed,
            draining: before.as_ref().is_some_and(|before| before.draining),
            said: Said {
                positions: hello.positions.clone(),
                ..Said::default()
            },
        };
        gateways::put(tx, &member).await?;
        recovery::note(tx, &member).await?;
        let back = before.is_none_or(|before| before.leases != Leases::Renewed);
        if back {
            tell_switches(tx, clock, key, &Event::Joined(hello.gateway.clone())).await?;
        }
        Ok(told)
    })?;
    judged.inspect_err(|error| {
        tracing::warn!(
            gateway.name = %hello.gateway,
            error = %error,
            "a gateway is told nothing"
        );
    })
}

/// Compares what a gateway knows with what is. The inner error is one that the membership outlives.
async fn judge(
    tx: &mut Tx,
    hello: &Hello,
) -> Result<Result<BTreeSet<ApplicationName>, Error>, Error> {
    let gateway = || GatewayRef::from(hello.gateway.clone());
    let mut forget = BTreeSet::new();
    if planted(Plant::RestoreSilently) {
        return Ok(Ok(forget));
    }
    for position in &hello.positions {
        let application = || ApplicationRef::from(position.application.clone());
        let moved_backwards = || {
            Err(Error::MovedBackwards {
                gateway: gateway(),
                application: application(),
            })
        };
        match applications::find(tx, &position.application).await? {
            // What was in use is never deleted.
            None if position.generation > 0 => return Ok(moved_backwards()),
            None => {}
            Some(known) if known.timeline != position.timeline => {
                let ended = applications::ended(tx, &known.name, position.timeline).await?;
                if ended && position.generation > known.serving.number() {
                    return Ok(moved_backwards());
                }
                if ended && adopts(tx, position).await? {
                    continue;
                }
                if position.generation > 0 && !ended {
                    return Ok(Err(Error::TimelineForeign {
                        gateway: gateway(),
                        application: application(),
                    }));
                }
                forget.insert(position.application.clone());
            }
            Some(known) => {
                let generation = known.serving.number();
                let ahead = position.revision > known.route_revision
                    || position.generation > generation
                    || (position.revision == known.route_revision
                        && position.generation != generation);
                if ahead {
                    return Ok(moved_backwards());
                }
            }
        }
    }
    Ok(Ok(forget))
}

/// Tells whether the application is just being brought from this timeline to another: then its route
/// says so itself.
async fn adopts(tx: &mut Tx, position: &Position) -> Result<bool, Error> {
    let open = switches::find_open(tx, &position.application).await?;
    Ok(open.is_some_and(|switch| match switch.state {
        State::Adopting { predecessor, .. } => predecessor == position.timeline,
        State::Provisioning
        | State::GivingNotice { .. }
        | State::Preparing { .. }
        | State::Fencing { .. }
        | State::ClosingConsent { .. }
        | State::Holding { .. }
        | State::Releasing { .. }
        | State::Draining { .. }
        | State::Settling { .. }
        | State::Ended { .. } => false,
    }))
}

/// Ends a gateway's own membership. Doing it twice is fine.
pub(crate) async fn leave(
    db: &Db,
    clock: &Clock,
    key: &SigningKey,
    gateway: &GatewayName,
) -> Result<(), Error> {
    ::store::write!(db, |tx| {
        if gateways::delete(tx, gateway).await? {
            tell_switches(tx, clock, key, &Event::Left(gateway.clone())).await?;
        }
        Ok(())
    })
}

/// Ends the membership of a gateway that is silent. If a lease of it could still hold, it is marked
/// here, durably, and its membership ends once the longest lease of any application has run out: it
/// could serve until then, and no switch must go on without it before. A hello undoes that.
pub(crate) async fn evict(
    db: &Db,
    clock: &Clock,
    key: &SigningKey,
    hearing: &Hearing,
    gateway: &GatewayName,
    reason: &Prose<500>,
) -> Result<(), Error> {
    ::store::write!(db, |tx| {
        let now = clock.now();
        let name = GatewayRef::from(gateway.clone());
        let member = gateways::find(tx, gateway).await?;
        let member = member.ok_or_else(|| Error::NotFound(name.to_string()))?;
        let silent = match hearing.heard_lately(gateway, clock.instant()) {
            Some(silent) => Some(silent.as_secs().try_into().unwrap_or(0)),
            None => member
                .heard_lately(now)
                .then(|| now.duration_since(member.last_seen_at).as_secs().max(0)),
        };
        if let Some(seconds) = silent
            && !planted(Plant::EvictLive)
        {
            return Err(Error::GatewayAlive {
                gateway: name,
                seconds,
            });
        }
        match applications::longest_lease(tx).await? {
            Some(longest) if !member.leases.ran_out(longest) => {
                gateways::mark(tx, gateway, Mark::new(clock)).await?;
                gateways::evicting(tx, gateway).await?;
            }
            Some(_) | None => {
                gateways::delete(tx, gateway).await?;
                tell_switches(tx, clock, key, &Event::Left(gateway.clone())).await?;
            }
        }
        note(tx, now, reason, &member).await
    })
}

/// Takes a gateway out of use, or into use again; returns it as it is then.
pub(crate) async fn drain(
    catalog: &Catalog,
    gateway: &GatewayName,
    drain: bool,
    reason: &Prose<500>,
) -> Result<Member, Error> {
    let now = catalog.clock.now();
    ::store::write!(catalog.db, |tx| {
        let missing = || Error::NotFound(GatewayRef::from(gateway.clone()).to_string());
        let before = gateways::find(tx, gateway).await?.ok_or_else(missing)?;
        if !gateways::drain(tx, gateway, drain).await? {
            return Err(missing());
        }
        note(tx, now, reason, &before).await?;
        gateways::find(tx, gateway).await?.ok_or_else(missing)
    })
}

/// Writes down what the operator did with a gateway, which is not a member any more if it is gone.
async fn note(
    tx: &mut Tx,
    now: Timestamp,
    reason: &Prose<500>,
    before: &Member,
) -> Result<(), Error> {
    let mut change = Change::of(GatewayRef::from(before.name.clone()))
        .reason(reason.as_str())
        .before(&shown::gateway(before, now));
    if let Some(after) = gateways::find(tx, &before.name).await? {
        change = change.after(&shown::gateway(&after, now));
    }
    trail::add(tx, now, &change).await
}

/// Lets a change of the fleet happen to every open switch.
async fn tell_switches(
    tx: &mut Tx,
    clock: &Clock,
    key: &SigningKey,
    event: &Event,
) -> Result<(), Error> {
    for switch in switches::all_open(tx).await? {
        advance(tx, clock, key, switch, event).await?;
    }
    Ok(())
}
