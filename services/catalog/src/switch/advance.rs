//! One event of one switch, as one transaction: step, save, and, if it commits, the commit.

use std::time::Duration;

use ::store::{Db, Tx};
use contract::{Nonce, Prose, SwitchName};
use jiff::Timestamp;
use runtime::{Clock, SigningKey};

use super::{
    Commit, Event, Facts, Failure, Limit, Outcome, Phase, State, Switch, receipt,
    step::{Step, step},
};
use crate::{
    application::{Act, Application},
    bake::Watch,
    error::Error,
    fleet::{Mark, heard_lately},
    notice::{Body, Notice, Subject},
    recovery,
    store::{
        applications::{self, Touch},
        bakes,
        gateways::{self, OnRoll},
        history::{self, Action},
        switches,
    },
};

/// Who acts where nobody else does.
const CATALOG: &str = "catalog";

/// Lets an event happen to a switch, and returns the switch as it is then.
pub(crate) async fn apply(
    db: &Db,
    clock: &Clock,
    key: &SigningKey,
    name: &SwitchName,
    event: &Event,
) -> Result<Switch, Error> {
    ::store::write!(db, |tx| {
        let switch = switches::find(tx, name).await?;
        let switch = switch.ok_or_else(|| Error::NotFound(name.to_string()))?;
        advance(tx, clock, key, switch, event).await
    })
}

/// Lets an event happen to a switch that this transaction has read. Whatever ends a switch comes
/// through here: its receipt, signed by `key`, is written with the end.
pub(crate) async fn advance(
    tx: &mut Tx,
    clock: &Clock,
    key: &SigningKey,
    mut switch: Switch,
    event: &Event,
) -> Result<Switch, Error> {
    let now = clock.now();
    let application = applications::find(tx, &switch.name.application).await?;
    let application = application.ok_or(Error::Broken("a switch has no application"))?;
    if recovery::now(tx).await?.is_some() && *event != Event::Restored {
        return Ok(switch);
    }
    let members = gateways::roll(tx).await?;
    let lease = application.policy.fleet.lease();
    let left_out =
        |member: &OnRoll| lease.is_some_and(|lease| member.marked && member.ran_out >= lease);
    let is_away = |member: &OnRoll| {
        member.marked || !member.follows || !heard_lately(member.last_seen_at, now)
    };
    let named = |member: &OnRoll| member.name.clone();
    let on_roll = members.iter().filter(|member| !left_out(member));
    let fleet = on_roll.map(named).collect();
    let away = members.iter().filter(|member| is_away(member));
    let away = away.map(named).collect();
    let facts = Facts {
        fleet: &fleet,
        away: &away,
        policy: &application.policy,
        nonce: Nonce::new(clock.random()),
    };
    let before = switch.state.phase();
    let (next, commits) = match step(&switch.state, event, &facts, now) {
        Step::Stays => return Ok(switch),
        Step::Goes(next) => (next, false),
        Step::Commits(next) => (next, true),
    };
    let routed = commits || switch.state.turn() != next.turn();
    leases(tx, clock, &switch.state, &next, event, lease).await?;
    switch.record.note(event, now);
    switch.record.enter(&next, now);
    let action = match &switch.state {
        State::Adopting { .. } => Action::Adopted,
        State::Provisioning
        | State::GivingNotice { .. }
        | State::Preparing { .. }
        | State::Fencing { .. }
        | State::ClosingConsent { .. }
        | State::Holding { .. }
        | State::Releasing { .. }
        | State::Draining { .. }
        | State::Settling { .. }
        | State::Ended { .. } => Action::Activated,
    };
    switch.state = next;
    if commits {
        commit(tx, &application, &mut switch, action, now).await?;
        // What is adopted was in use already, whatever the catalog had restored as active.
        if action == Action::Activated {
            watch(tx, &application, &mut switch, now).await?;
        }
        switch.record.drain_deadline = Some(Limit::Policy.deadline(now, &application.policy));
    }
    if let (Some(commit), Some(limit)) = (switch.commit, switch.state.limit()) {
        switch.record.drain_deadline = Some(limit.deadline(commit.at, &application.policy));
    }
    if !switches::save(tx, &switch, now).await? {
        return Err(Error::Broken(
            "a switch changed under the transaction that advanced it",
        ));
    }
    switch.revision = switch.revision.next();
    let after = switch.state.phase();
    if routed {
        applications::touch(tx, &application.name, Touch::Routed, now).await?;
    } else if switch.state.ended_at().is_some() {
        applications::touch(tx, &application.name, Touch::Shown, now).await?;
    }
    if before != after {
        tracing::info!(
            switch.name = %switch.name,
            from = before.as_str(),
            to = after.as_str(),
            "a switch goes on"
        );
    }
    let restored = *event == Event::Restored && before != Phase::Settling;
    if (after == Phase::Settling || restored)
        && let Some(failure) = switch.state.failure()
    {
        note_given_up(tx, &switch, failure, event, now).await?;
    }
    // Nothing leaves the end, so that this is the event that led to it.
    if let State::Ended { outcome, .. } = &switch.state {
        receipt::write(tx, key, &switch).await?;
        notice(&application, &switch, outcome, now)
            .owe(tx, clock)
            .await?;
    }
    Ok(switch)
}

/// Marks who is left out with the transition that leaves them out, so that the wait for their leases
/// begins after the mark is durable; and notes, with the one that ends it, that it is over.
async fn leases(
    tx: &mut Tx,
    clock: &Clock,
    state: &State,
    next: &State,
    event: &Event,
    lease: Option<Duration>,
) -> Result<(), Error> {
    if let (State::Fencing { leaving, .. }, Event::LeasesEnded { .. }, Some(lease)) =
        (state, event, lease)
    {
        for gateway in leaving {
            gateways::ran_out(tx, gateway, lease).await?;
        }
    }
    if let State::Fencing { leaving, .. } = next {
        for gateway in leaving {
            gateways::mark(tx, gateway, Mark::new(clock)).await?;
        }
    }
    Ok(())
}

async fn commit(
    tx: &mut Tx,
    application: &Application,
    switch: &mut Switch,
    action: Action,
    now: Timestamp,
) -> Result<(), Error> {
    if !switches::commit(tx, application, &switch.target, now).await? {
        return Err(Error::Broken(
            "a generation changed under the transaction that ended it",
        ));
    }
    let generation = application.serving.next_generation();
    switch.commit = Some(Commit {
        generation,
        at: now,
    });
    let act = Act {
        actor: switch.requested_by.clone(),
        reason: switch.reason.clone(),
        request_id: switch.request_id.clone(),
        at: now,
        approved_by: switch.record.approved_by.clone(),
    };
    history::add(
        tx,
        &application.name,
        &switch.target,
        action,
        Some(&switch.name),
        &act,
    )
    .await?;
    tracing::info!(
        switch.name = %switch.name,
        version = %switch.target,
        %generation,
        "another version is active"
    );
    Ok(())
}

/// Begins the watch over the target, if the policy has one and there is a version to go back to. What
/// a watch went back to is not watched itself.
async fn watch(
    tx: &mut Tx,
    application: &Application,
    switch: &mut Switch,
    now: Timestamp,
) -> Result<(), Error> {
    if switch.record.back_from.is_some() {
        return Ok(());
    }
    let (Some(rules), Some(source), Some(commit)) =
        (&application.policy.bake, &switch.source, switch.commit)
    else {
        return Ok(());
    };
    let way = (source.clone(), switch.target.clone());
    let watch = Watch::new(
        switch.name.clone(),
        way,
        commit.generation,
        rules.clone(),
        now,
    );
    switch.record.bake_deadline = Some(watch.until);
    Ok(bakes::put(tx, &watch).await?)
}

async fn note_given_up(
    tx: &mut Tx,
    switch: &Switch,
    failure: &Failure,
    event: &Event,
    now: Timestamp,
) -> Result<(), Error> {
    let actor = match event {
        Event::Cancelled { by, .. } => by.clone(),
        Event::TenantsMoved(_)
        | Event::ConsentClosed { .. }
        | Event::ConsentSettled { .. }
        | Event::Answered { .. }
        | Event::LeasesEnded { .. }
        | Event::Restored
        | Event::Joined(_)
        | Event::Left(_)
        | Event::DrainExtended { .. }
        | Event::DrainCut
        | Event::TimePassed => CATALOG.to_owned(),
    };
    let act = Act {
        actor,
        reason: shortened(&failure.message),
        request_id: switch.request_id.clone(),
        at: now,
        approved_by: None,
    };
    let application = &switch.name.application;
    let action = Action::SwitchGivenUp;
    Ok(history::add(
        tx,
        application,
        &switch.target,
        action,
        Some(&switch.name),
        &act,
    )
    .await?)
}

/// What does not fit the history is in the switch itself.
fn shortened(message: &str) -> Prose<500> {
    let short: String = message.chars().take(500).collect();
    short
        .parse()
        .unwrap_or_else(|_| "".parse().expect("nothing is short enough"))
}

fn notice(application: &Application, switch: &Switch, outcome: &Outcome, now: Timestamp) -> Notice {
    let body = match outcome {
        Outcome::Committed => Body::SwitchSucceeded {
            switch: switch.name.clone(),
            source: switch.source.clone(),
            target: switch.target.clone(),
            denied: switch.record.tenants.denied,
        },
        Outcome::GivenUp { failure } => Body::SwitchGivenUp {
            switch: switch.name.clone(),
            target: switch.target.clone(),
            message: failure.message.clone(),
        },
    };
    Notice {
        cause: switch.name.to_string(),
        request_id: switch.request_id.clone(),
        time: now,
        subject: Some(Subject::of(application)),
        body,
    }
}
