//! The fleet: who is a member, and what becomes of open switches when that changes. Membership and
//! the rolls of open switches change in one transaction, before a gateway is told anything (R6).

pub(crate) mod answers;

use std::{collections::BTreeSet, fmt, net::SocketAddr, str::FromStr, time::Duration};

use ::store::{Db, Tx};
use contract::{
    ApplicationName, ApplicationRef, GatewayName, GatewayRef, Line, Revision, Timeline,
};
use jiff::Timestamp;
use runtime::Clock;
use uuid::Uuid;

use crate::{
    error::Error,
    store::{applications, gateways, switches},
    switch::{Event, advance::advance},
};

/// A gateway that was not heard for longer counts as silent: three beats.
pub(crate) const SILENT: Duration = Duration::from_secs(15);

macro_rules! uuid_name {
    ($(#[$docs:meta])* $name:ident) => {
        $(#[$docs])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

impl StreamId {
    pub(crate) fn new(clock: &Clock) -> Self {
        Self(Uuid::from_bytes(clock.random()))
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
}

impl Member {
    /// Tells whether it was heard within the time that three beats take.
    pub(crate) fn heard_lately(&self, now: Timestamp) -> bool {
        let silent = now.duration_since(self.last_seen_at);
        silent < SILENT.try_into().unwrap_or(jiff::SignedDuration::MAX)
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
#[derive(Debug, Clone)]
pub(crate) struct Position {
    pub(crate) application: ApplicationName,
    pub(crate) timeline: Timeline,
    pub(crate) revision: Revision,
    pub(crate) generation: u64,
}

/// Makes the gateway a member that follows on `stream`. Returns the applications whose earlier
/// lives it must forget: deleted before they were ever in use, and created again.
///
/// A gateway that knows more than the catalog is a member too, so that no switch goes on without
/// it, and is told nothing.
pub(crate) async fn join(
    db: &Db,
    clock: &Clock,
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
        let member = Member {
            name: hello.gateway.clone(),
            boot: hello.boot,
            software: hello
                .software
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default(),
            listeners: hello.listeners.clone(),
            stream: judged.is_ok().then_some(stream),
            joined_at: before.as_ref().map_or(now, |before| before.joined_at),
            last_seen_at: now,
        };
        gateways::put(tx, &member).await?;
        if before.is_none() {
            tell_switches(tx, clock, &Event::Joined(hello.gateway.clone())).await?;
        }
        Ok(judged)
    })?;
    judged.inspect_err(|error| {
        tracing::error!(
            gateway.name = %hello.gateway,
            error = %error,
            "a gateway knows what the catalog does not; it is told nothing"
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
                if position.generation > 0 {
                    return Ok(Err(Error::TimelineForeign {
                        gateway: gateway(),
                        application: application(),
                    }));
                }
                forget.insert(position.application.clone());
            }
            Some(known) => {
                let generation = known.serving.generation().map_or(0, |g| g.get());
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

/// Ends a gateway's own membership. Doing it twice is fine.
pub(crate) async fn leave(db: &Db, clock: &Clock, gateway: &GatewayName) -> Result<(), Error> {
    ::store::write!(db, |tx| {
        if gateways::delete(tx, gateway).await? {
            tell_switches(tx, clock, &Event::Left(gateway.clone())).await?;
        }
        Ok(())
    })
}

/// Ends the membership of a gateway that is silent.
pub(crate) async fn evict(db: &Db, clock: &Clock, gateway: &GatewayName) -> Result<(), Error> {
    ::store::write!(db, |tx| {
        let now = clock.now();
        let name = GatewayRef::from(gateway.clone());
        let member = gateways::find(tx, gateway).await?;
        let member = member.ok_or_else(|| Error::NotFound(name.to_string()))?;
        if member.heard_lately(now) {
            let seconds = now.duration_since(member.last_seen_at).as_secs().max(0);
            return Err(Error::GatewayAlive {
                gateway: name,
                seconds,
            });
        }
        gateways::delete(tx, gateway).await?;
        tell_switches(tx, clock, &Event::Left(gateway.clone())).await
    })
}

/// Lets a change of the fleet happen to every open switch.
async fn tell_switches(tx: &mut Tx, clock: &Clock, event: &Event) -> Result<(), Error> {
    for switch in switches::all_open(tx).await? {
        advance(tx, clock, switch, event).await?;
    }
    Ok(())
}
