//! What the second person says.

use ::store::Tx;
use contract::{ProposalName, SwitchName};

use super::{
    Decision, Proposal, What, find,
    step::{Event, State, Step},
};
use crate::{
    Catalog,
    application::{Act, Application, Approval},
    error::Error,
    recovery,
    store::{
        applications::{self, Touch},
        proposals,
    },
    switch::confirm,
    trail::{self, Change, shown},
};

/// Approves a proposal, and does what it proposes. A switch is confirmed as if it was now, with all that
/// is looked at then.
pub(crate) async fn approve(
    catalog: &Catalog,
    name: &ProposalName,
    act: &Act,
) -> Result<Proposal, Error> {
    let found = ::store::read!(catalog.db, |tx| {
        let (_, found) = find(tx, name, act.at).await?;
        Ok::<_, Error>(found)
    })?;
    if judge(&found, Event::Approve { by: &act.actor })?.is_none() {
        return Ok(found);
    }
    match found.confirm(act) {
        Some(confirmed) => {
            Box::pin(confirm::confirm(catalog, &confirmed)).await?;
        }
        None => turn_off(catalog, name, act).await?,
    }
    let found = ::store::read!(catalog.db, |tx| {
        let (_, found) = find(tx, name, act.at).await?;
        Ok::<_, Error>(found)
    })?;
    // Somebody else may have been faster.
    match judge(&found, Event::Approve { by: &act.actor })? {
        None => Ok(found),
        Some(_) => Err(Error::Broken("a proposal that was approved is open")),
    }
}

/// Looks again whether a proposal can be approved, in the transaction that does it.
pub(crate) async fn may_approve(
    tx: &mut Tx,
    name: &ProposalName,
    act: &Act,
) -> Result<Proposal, Error> {
    let (_, found) = find(tx, name, act.at).await?;
    match judge(&found, Event::Approve { by: &act.actor })? {
        Some(_) => Ok(found),
        None => Err(Error::ProposalEnded {
            proposal: name.clone(),
            state: found.state,
        }),
    }
}

/// Writes down that it was approved, and what it became.
pub(crate) async fn approved(
    tx: &mut Tx,
    before: &Proposal,
    switch: Option<&SwitchName>,
    act: &Act,
) -> Result<(), Error> {
    let mut after = before.clone();
    after.switch = switch.cloned();
    end(tx, before, after, State::Approved, act).await.map(drop)
}

async fn turn_off(catalog: &Catalog, name: &ProposalName, act: &Act) -> Result<(), Error> {
    ::store::write!(catalog.db, |tx| {
        recovery::refuse(tx).await?;
        let found = may_approve(tx, name, act).await?;
        if found.what != What::ApprovalOff {
            return Err(Error::Broken("a proposal is another one than it was"));
        }
        let application = applications::find(tx, &name.application).await?;
        let changed = Application {
            approval: Approval::NotRequired,
            ..application.ok_or_else(|| Error::NotFound(name.to_string()))?
        };
        applications::save(tx, &changed).await?;
        applications::touch(tx, &changed.name, Touch::Shown, act.at).await?;
        approved(tx, &found, None, act).await
    })
}

/// Rejects a proposal; by its proposer, takes it back.
pub(crate) async fn reject(
    catalog: &Catalog,
    name: &ProposalName,
    act: &Act,
) -> Result<Proposal, Error> {
    ::store::write!(catalog.db, |tx| {
        let (_, found) = find(tx, name, act.at).await?;
        match judge(&found, Event::Reject { by: &act.actor })? {
            None => Ok(found),
            Some(state) => end(tx, &found, found.clone(), state, act).await,
        }
    })
}

async fn end(
    tx: &mut Tx,
    before: &Proposal,
    mut after: Proposal,
    state: State,
    act: &Act,
) -> Result<Proposal, Error> {
    after.state = state;
    after.decision = Some(Decision {
        by: act.actor.clone(),
        reason: act.reason.clone(),
        at: act.at,
    });
    proposals::save(tx, &after).await?;
    let change = Change::of(&before.name)
        .reason(act.reason.as_str())
        .before(&shown::proposal(before))
        .after(&shown::proposal(&after));
    trail::add(tx, act.at, &change).await?;
    Ok(after)
}

/// Returns where it goes; nothing if it is there already.
fn judge(proposal: &Proposal, event: Event<'_>) -> Result<Option<State>, Error> {
    let name = || proposal.name.clone();
    match proposal.step(event) {
        Step::Next(state) => Ok(Some(state)),
        Step::Same => Ok(None),
        Step::SamePerson => Err(Error::SecondPersonNeeded { proposal: name() }),
        Step::Ended(state) => Err(Error::ProposalEnded {
            proposal: name(),
            state,
        }),
    }
}
