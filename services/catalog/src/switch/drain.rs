//! How long requests may go on on the version that left, and the operator's say in it.

use std::time::Duration;

use contract::SwitchName;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Event, State, Switch, advance::advance};
use crate::{
    Catalog,
    application::{Act, Policy},
    error::Error,
    store::{
        applications,
        history::{self, Action},
        switches,
    },
    trail,
};

/// No drain is longer, all in all.
pub(crate) const DRAIN_MAX: Duration = Duration::from_secs(48 * 3600);

/// How long requests under way may go on, counted from the commit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "limit", rename_all = "snake_case")]
pub(crate) enum Limit {
    /// As long as the policy says.
    #[default]
    Policy,
    /// As long as the operator said then, all in all.
    Extended { time: Duration },
    /// The operator has had enough.
    Cut { at: Timestamp },
}

impl Limit {
    /// Returns how long a gateway may let requests go on, from the first it heard of the release.
    pub(crate) fn time(self, policy: &Policy) -> Duration {
        match self {
            Self::Policy => policy.drain_timeout,
            Self::Extended { time } => time,
            Self::Cut { .. } => Duration::ZERO,
        }
    }

    /// Returns when the time is up for a switch that was committed at `committed`.
    pub(crate) fn deadline(self, committed: Timestamp, policy: &Policy) -> Timestamp {
        match self {
            Self::Policy | Self::Extended { .. } => committed
                .checked_add(self.time(policy))
                .unwrap_or(Timestamp::MAX),
            Self::Cut { at } => at,
        }
    }

    /// Tells whether `time` would be more than it is. What was cut stays cut.
    pub(crate) fn grows_to(self, time: Duration, policy: &Policy) -> bool {
        match self {
            Self::Policy | Self::Extended { .. } => time > self.time(policy) && time <= DRAIN_MAX,
            Self::Cut { .. } => false,
        }
    }

    /// Tells whether the operator has had enough.
    pub(crate) fn is_cut(self) -> bool {
        matches!(self, Self::Cut { .. })
    }
}

impl State {
    /// Returns how long requests under way may go on, while any are.
    pub(crate) fn limit(&self) -> Option<Limit> {
        match self {
            Self::Releasing { limit, .. } | Self::Draining { limit, .. } => Some(*limit),
            Self::Provisioning
            | Self::GivingNotice { .. }
            | Self::Preparing { .. }
            | Self::Fencing { .. }
            | Self::Adopting { .. }
            | Self::ClosingConsent { .. }
            | Self::Holding { .. }
            | Self::Settling { .. }
            | Self::Ended { .. } => None,
        }
    }
}

/// Lets requests under way go on for longer on the version that left.
pub(crate) async fn extend(
    catalog: &Catalog,
    name: &SwitchName,
    by: Duration,
    act: &Act,
) -> Result<Switch, Error> {
    ::store::write!(catalog.db, |tx| {
        let (switch, limit) = draining(tx, name).await?;
        if limit.is_cut() {
            return Err(Error::SwitchNotDraining {
                switch: name.clone(),
            });
        }
        let application = applications::find(tx, &name.application).await?;
        let application = application.ok_or(Error::Broken("a switch has no application"))?;
        let present = limit.time(&application.policy);
        let time = present.saturating_add(by);
        if time > DRAIN_MAX {
            return Err(Error::DrainTooLong {
                left: DRAIN_MAX.saturating_sub(present),
            });
        }
        note(tx, &switch, Action::DrainExtended, act).await?;
        done(tx, catalog, switch, &Event::DrainExtended { time }, act).await
    })
}

/// Cuts what is under way on the version that left. Once it is cut, asking again changes nothing.
pub(crate) async fn cut(catalog: &Catalog, name: &SwitchName, act: &Act) -> Result<Switch, Error> {
    ::store::write!(catalog.db, |tx| {
        let (switch, limit) = draining(tx, name).await?;
        if limit.is_cut() {
            return Ok(switch);
        }
        note(tx, &switch, Action::DrainCut, act).await?;
        done(tx, catalog, switch, &Event::DrainCut, act).await
    })
}

async fn done(
    tx: &mut ::store::Tx,
    catalog: &Catalog,
    switch: Switch,
    event: &Event,
    act: &Act,
) -> Result<Switch, Error> {
    let before = switch.clone();
    let after = advance(tx, &catalog.clock, &catalog.key, switch, event).await?;
    trail::switch(tx, act.at, act.reason.as_str(), &before, &after).await?;
    Ok(after)
}

async fn draining(tx: &mut ::store::Tx, name: &SwitchName) -> Result<(Switch, Limit), Error> {
    let switch = switches::find(tx, name).await?;
    let switch = switch.ok_or_else(|| Error::NotFound(name.to_string()))?;
    match switch.state.limit() {
        Some(limit) => Ok((switch, limit)),
        None => Err(Error::SwitchNotDraining {
            switch: name.clone(),
        }),
    }
}

async fn note(
    tx: &mut ::store::Tx,
    switch: &Switch,
    action: Action,
    act: &Act,
) -> Result<(), Error> {
    let application = &switch.name.application;
    let name = Some(&switch.name);
    Ok(history::add(tx, application, &switch.target, action, name, act).await?)
}
