//! What one person has proposed and another is to approve. A proposal is bound to the application as its
//! proposer saw it: whatever changes there makes it void, and a day ends it. Neither is waited for: both
//! follow from what is written down, whenever somebody looks.

pub(crate) mod decide;
pub(crate) mod step;

use ::store::Tx;
use contract::{Etag, ProposalName, Prose, RequestId, Revision, SwitchName, VersionRef};
use jiff::{SignedDuration, Timestamp};

use crate::{
    Catalog,
    application::{Act, Application, Approval},
    error::Error,
    notice::{Body, Notice, Subject},
    store::{applications, proposals},
    switch::{Kind, confirm::Confirm},
    trail::{self, Change, shown},
};
use step::{Event, People, State, Step};

/// How long a proposal can be approved.
const LIFETIME: SignedDuration = SignedDuration::from_hours(24);

/// What one person has proposed.
#[derive(Debug, Clone)]
pub(crate) struct Proposal {
    pub(crate) name: ProposalName,
    pub(crate) what: What,
    /// What the proposer saw of the application.
    pub(crate) seen: Revision,
    pub(crate) proposed_by: String,
    pub(crate) reason: Prose<500>,
    pub(crate) request_id: RequestId,
    pub(crate) created_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    /// As it was written down; see [`Proposal::standing_at`].
    pub(crate) state: State,
    pub(crate) decision: Option<Decision>,
    /// The switch that it became.
    pub(crate) switch: Option<SwitchName>,
}

/// What is proposed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum What {
    /// A switch to this version.
    Switch { kind: Kind, version: VersionRef },
    /// That no second person is needed any more.
    ApprovalOff,
}

/// Who has decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Decision {
    pub(crate) by: String,
    pub(crate) reason: Prose<500>,
    pub(crate) at: Timestamp,
}

impl Proposal {
    /// Tells what becomes of it with what happens.
    pub(crate) fn step(&self, event: Event<'_>) -> Step {
        let people = People {
            proposer: &self.proposed_by,
            decider: self.decision.as_ref().map(|decision| decision.by.as_str()),
        };
        step::step(self.state, people, event)
    }

    /// Returns it as it stands at a time, with an application of this revision.
    pub(crate) fn standing_at(mut self, now: Timestamp, application: Revision) -> Self {
        let happened = [
            (self.seen != application, Event::Changed),
            (now >= self.expires_at, Event::TimePassed),
        ];
        for (_, event) in happened.into_iter().filter(|(happened, _)| *happened) {
            if let Step::Next(state) = self.step(event) {
                self.state = state;
            }
        }
        self
    }

    /// Returns what an approval confirms, if it is a switch.
    pub(crate) fn confirm(&self, act: &Act) -> Option<Confirm> {
        let What::Switch { kind, version } = &self.what else {
            return None;
        };
        Some(Confirm {
            version: version.clone(),
            kind: *kind,
            etag: Some(Etag::from(self.seen)),
            act: Act {
                actor: self.proposed_by.clone(),
                reason: self.reason.clone(),
                request_id: self.request_id.clone(),
                at: act.at,
                approved_by: Some(act.actor.clone()),
            },
            back_from: None,
            approval: Some((self.name.clone(), act.clone())),
        })
    }
}

/// Tells whether what is confirmed waits for a second person. What the watch over a new version undoes
/// does not: nobody is to wait for people while users meet errors.
pub(crate) fn is_needed(application: &Application, confirm: &Confirm) -> bool {
    application.approval == Approval::SecondPerson
        && confirm.back_from.is_none()
        && confirm.approval.is_none()
}

/// Writes a proposal down, unless another one is open.
pub(crate) async fn propose(
    tx: &mut Tx,
    catalog: &Catalog,
    application: &Application,
    what: What,
    act: &Act,
    change: impl FnOnce(Change) -> Change,
) -> Result<Proposal, Error> {
    if let Some(before) = proposals::find_open(tx, &application.name).await? {
        let before = before.standing_at(act.at, application.revision);
        if before.state == State::Open {
            return if before.what == what && before.proposed_by == act.actor {
                Ok(before)
            } else {
                Err(Error::ProposalOpen { open: before.name })
            };
        }
        proposals::save(tx, &before).await?;
    }
    // As it is read back.
    let created_at = Timestamp::from_microsecond(act.at.as_microsecond())
        .map_err(|_| Error::Broken("a time became none by leaving out its last digits"))?;
    let proposal = Proposal {
        name: proposals::next_name(tx, &application.name).await?,
        what,
        seen: application.revision,
        proposed_by: act.actor.clone(),
        reason: act.reason.clone(),
        request_id: act.request_id.clone(),
        created_at,
        expires_at: created_at
            .saturating_add(LIFETIME)
            .unwrap_or(Timestamp::MAX),
        state: State::Open,
        decision: None,
        switch: None,
    };
    proposals::insert(tx, &proposal).await?;
    notice(application, &proposal)
        .owe(tx, &catalog.clock)
        .await?;
    let written = Change::of(&proposal.name)
        .reason(act.reason.as_str())
        .after(&shown::proposal(&proposal));
    trail::add(tx, act.at, &change(written)).await?;
    Ok(proposal)
}

/// Finds the proposal that the same request has made before.
pub(crate) async fn repeated(
    tx: &mut Tx,
    confirm: &Confirm,
    now: Timestamp,
) -> Result<Option<Proposal>, Error> {
    if confirm.approval.is_some() {
        return Ok(None);
    }
    let application = &confirm.version.application;
    let id = &confirm.act.request_id;
    let Some(made) = proposals::find_request(tx, application, id).await? else {
        return Ok(None);
    };
    let what = What::Switch {
        kind: confirm.kind,
        version: confirm.version.clone(),
    };
    if made.what != what {
        return Err(Error::RequestIdReused { id: id.clone() });
    }
    let application = applications::find(tx, application).await?;
    let application = application.ok_or(Error::Broken("a proposal has no application"))?;
    Ok(Some(made.standing_at(now, application.revision)))
}

/// Finds one as it stands, or refuses.
pub(crate) async fn find(
    tx: &mut Tx,
    name: &ProposalName,
    now: Timestamp,
) -> Result<(Application, Proposal), Error> {
    let missing = || Error::NotFound(name.to_string());
    let proposal = proposals::find(tx, name).await?.ok_or_else(missing)?;
    let application = applications::find(tx, &name.application).await?;
    let application = application.ok_or_else(missing)?;
    let proposal = proposal.standing_at(now, application.revision);
    Ok((application, proposal))
}

fn notice(application: &Application, proposal: &Proposal) -> Notice {
    Notice {
        cause: proposal.name.to_string(),
        request_id: proposal.request_id.clone(),
        time: proposal.created_at,
        subject: Some(Subject::of(application)),
        body: Body::ProposalWaiting {
            proposal: proposal.name.clone(),
            version: match &proposal.what {
                What::Switch { version, .. } => Some(version.version.clone()),
                What::ApprovalOff => None,
            },
            proposed_by: proposal.proposed_by.clone(),
            reason: proposal.reason.to_string(),
            expires_at: proposal.expires_at,
        },
    }
}
