//! Every order in which a denial can meet a switch, the end of its link, a removal and a gateway: all
//! of them are played, by [`step`], [`usage`] and the rule of links themselves, and in each it is looked
//! whether what the tenant was told holds.

use contract::{ProvisioningName, SwitchId, TimedId as _, VersionName};
use jiff::{SignedDuration, Timestamp};
use runtime::fault::{Plant, planted};

use super::{
    Basis, Carried, Consent, Contacts, Effect, Event, Move, Notice, Since, Standing, Step,
    decide::Choice,
    offer::{Offer, Purpose, Validity},
    state::regrants,
    step,
};
use crate::switch::{Coming, Phase, Progress, Switch, Usage, usage};

/// What may happen; each actor does what it does in its own order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    /// The switch is confirmed, and moves the tenant along.
    Confirm,
    /// Its consent is closed.
    Close,
    /// It is committed: gateways have the grants that the close named.
    Commit,
    /// It is given up.
    Abort,
    /// The tenant denies by its link.
    Deny,
    /// The tenant accepts by its link.
    Accept,
    /// The link's time ends.
    Expire,
    /// The operator takes the application away.
    Remove,
    /// The gateway applies the grants that there are.
    Apply,
}

/// What the tenant has been told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    /// Nothing that binds anybody.
    Nothing,
    /// Its denial, of this revision of the grants, counts once the gateway has it.
    Waits(usize),
    /// Its denial is recorded: it counts from the first request of the new generation on.
    Recorded,
    /// Its denial is in force.
    InForce,
}

/// The tenant, its link, the switch and one gateway.
#[derive(Debug, Clone)]
struct World {
    row: Option<Consent>,
    link: Option<Offer>,
    now: Timestamp,
    phase: Option<Phase>,
    /// Whether each revision of the grants lets the tenant's users in to the target.
    grants: Vec<bool>,
    /// The revision that the gateway has applied.
    applied: usize,
    closed_at: usize,
    told: Told,
    removed: bool,
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Figures {
    /// Complete interleavings that were played.
    pub explored: u64,
    /// Those that broke a promise.
    pub wrong: u64,
    /// The first of them: what happened, and what was wrong.
    pub examples: Vec<String>,
}

/// Wrong interleavings that are told in words.
const EXAMPLES_MAX: usize = 5;

/// Plays every interleaving of every case.
pub fn explore() -> Figures {
    use Act::*;
    let mut figures = Figures::default();
    let decisions: [&[Act]; 5] = [
        &[Deny],
        &[Deny, Deny],
        &[Deny, Accept],
        &[Accept, Deny],
        &[Deny, Accept, Deny],
    ];
    let before = [
        None,
        Some(Standing::Provisioned(Basis::Accepted)),
        Some(Standing::Removed(super::Removal::ByOperator)),
    ];
    for end in [Commit, Abort] {
        for decided in decisions {
            for standing in before {
                let actors: [&[Act]; 5] = [
                    &[Confirm, Close, end],
                    decided,
                    &[Expire],
                    &[Remove],
                    &[Apply, Apply],
                ];
                let world = World::new(standing);
                play(&world, &actors, &mut [0; 5], &mut Vec::new(), &mut figures);
            }
        }
    }
    figures
}

/// Plays on from here, in every order. An act that cannot happen now is no interleaving.
fn play(
    world: &World,
    actors: &[&[Act]; 5],
    done: &mut [usize; 5],
    past: &mut Vec<Act>,
    figures: &mut Figures,
) {
    let mut ended = true;
    for actor in 0..actors.len() {
        let Some(act) = actors[actor].get(done[actor]) else {
            continue;
        };
        ended = false;
        let mut next = world.clone();
        if !next.happens(*act) {
            continue;
        }
        past.push(*act);
        match next.broken() {
            None => {
                done[actor] += 1;
                play(&next, actors, done, past, figures);
                done[actor] -= 1;
            }
            Some(why) => {
                figures.explored += 1;
                figures.wrong += 1;
                if figures.examples.len() < EXAMPLES_MAX {
                    figures.examples.push(format!("{past:?}: {why}"));
                }
            }
        }
        past.pop();
    }
    if ended {
        figures.explored += 1;
    }
}

impl World {
    fn new(standing: Option<Standing>) -> Self {
        let row = standing.map(|standing| Consent {
            standing,
            since: since(start()),
            brought_by: None,
            under: None,
        });
        let admits = row.as_ref().is_some_and(admits);
        Self {
            row,
            link: None,
            now: start(),
            phase: None,
            grants: vec![admits],
            applied: 0,
            closed_at: 0,
            told: Told::Nothing,
            removed: false,
        }
    }

    /// Lets it happen; `false` if it cannot now.
    fn happens(&mut self, act: Act) -> bool {
        // Every act takes a moment.
        self.now += SignedDuration::from_secs(1);
        match act {
            Act::Confirm => {
                self.phase = Some(Phase::Open);
                // What was taken away before is brought by no switch.
                if !self.removed {
                    self.decide(&Event::MovedAlong(a_move()));
                }
            }
            Act::Close => {
                self.phase = Some(Phase::Closed);
                self.closed_at = self.grants.len() - 1;
            }
            // The hold waits for the grants that the close named.
            Act::Commit if self.applied < self.closed_at => return false,
            Act::Commit => {
                self.phase = Some(Phase::Committed);
                self.decide(&Event::Committed(switch()));
            }
            Act::Abort => {
                self.phase = Some(Phase::GivenUp);
                if let Some(link) = &mut self.link {
                    link.validity = Validity::Void;
                }
                self.decide(&Event::Voided(switch()));
                if !matches!(self.told, Told::Nothing) {
                    // A denial of a switch that was given up is void with it.
                    self.told = Told::Nothing;
                }
            }
            Act::Deny => return self.by_link(Choice::Deny),
            Act::Accept => return self.by_link(Choice::Accept),
            Act::Expire => {
                if let Some(link) = &mut self.link {
                    link.expires_at = self.now;
                }
                // A link that is made later works.
            }
            Act::Remove => {
                self.removed = true;
                self.decide(&Event::RemovedByOperator);
                self.told = Told::Nothing;
            }
            Act::Apply => {
                self.applied = self.grants.len() - 1;
                if let Told::Waits(revision) = self.told
                    && self.applied >= revision
                {
                    self.told = Told::InForce;
                }
            }
        }
        true
    }

    /// Whoever holds the link decides; `false` if there is no link yet.
    fn by_link(&mut self, choice: Choice) -> bool {
        let (Some(link), Some(row)) = (&self.link, &self.row) else {
            return false;
        };
        let unsettled = self.unsettled();
        let of_switch = unsettled.as_ref().map(|switch| switch.id);
        if link.may_decide(row, of_switch, choice, self.now).is_err() {
            return true;
        }
        let was = row.standing;
        match choice {
            Choice::Accept => {
                self.decide(&Event::Accepted(Basis::Accepted));
                self.told = Told::Nothing;
            }
            Choice::Deny => {
                self.decide(&Event::Denied { switch: of_switch });
                let again = was == Standing::Denied;
                self.told = match (self.waits(), again) {
                    (true, _) if self.applied >= self.granted() => Told::InForce,
                    (true, _) => Told::Waits(self.granted()),
                    (false, _) => Told::Recorded,
                };
            }
        }
        true
    }

    /// Tells whether a denial counts only once the gateway has it.
    fn waits(&self) -> bool {
        let mut unsettled = self.unsettled();
        if planted(Plant::PhaseFromCatalog)
            && let Some(switch) = &mut unsettled
        {
            // What was heard last is that the switch has begun.
            switch.phase = Phase::Open;
        }
        let active = match self.phase {
            Some(Phase::Committed) => target(),
            Some(Phase::Open | Phase::Closed | Phase::GivenUp) | None => source(),
        };
        usage(&target(), Some(&active), unsettled.as_ref()) == Usage::InUse
    }

    /// Returns the revision of the grants at which the tenant's last changed.
    fn granted(&self) -> usize {
        let now = self.grants.last();
        let same = self
            .grants
            .iter()
            .rev()
            .take_while(|grant| Some(*grant) == now);
        self.grants.len() - same.count()
    }

    fn decide(&mut self, event: &Event) {
        let by = since(self.now);
        let Step::Next(next, effects) = step(self.row.as_ref(), event, &by) else {
            return;
        };
        if regrants(self.row.as_ref().map(|row| row.standing), next.standing) {
            self.grants.push(admits(&next));
        }
        for effect in effects {
            match effect {
                Effect::Ask(made_for) => self.send(Purpose::Accept, made_for),
                Effect::OfferDeny(made_for) => self.send(Purpose::Deny, made_for),
                Effect::VoidLinks(_) => {
                    if let Some(link) = &mut self.link {
                        link.validity = Validity::Void;
                    }
                }
                Effect::TellDenied | Effect::TellAccepted => {}
            }
        }
        self.row = Some(*next);
    }

    fn send(&mut self, purpose: Purpose, made_for: Option<SwitchId>) {
        self.link = Some(Offer {
            hash: String::new(),
            name: ProvisioningName {
                tenant: "acme".parse().expect("it is a name"),
                application: "app".parse().expect("it is a name"),
                version: target(),
            },
            purpose,
            switch: made_for,
            source: Some(source()),
            created_at: self.now,
            expires_at: self.now + SignedDuration::from_hours(1),
            validity: Validity::Good,
        });
    }

    /// Returns the switch while it is not settled.
    fn unsettled(&self) -> Option<Switch> {
        let phase = match self.phase? {
            phase @ (Phase::Open | Phase::Closed) => phase,
            Phase::Committed | Phase::GivenUp => return None,
        };
        Some(Switch {
            coming: Coming::Along,
            id: switch(),
            application: "app".parse().expect("it is a name"),
            source: Some(source()),
            target: target(),
            notice: Notice::Told,
            phase,
            progress: Progress {
                up_to: None,
                all_at: None,
                left: None,
                moved: 1,
                mailed: 1,
            },
            opened_at: start(),
        })
    }

    /// Says what the tenant was told and does not hold.
    fn broken(&self) -> Option<&'static str> {
        let committed = self.phase == Some(Phase::Committed);
        let admitted = committed && self.grants[self.applied];
        match self.told {
            Told::Recorded if admitted => {
                return Some("a recorded denial does not count after the commit");
            }
            Told::InForce if admitted => return Some("a denial in force lets users in"),
            Told::Nothing | Told::Waits(_) | Told::Recorded | Told::InForce => {}
        }
        let written = self.row.as_ref().map(|row| row.standing);
        let denied = written == Some(Standing::Denied);
        let acknowledged = matches!(self.told, Told::Waits(_) | Told::Recorded | Told::InForce);
        if acknowledged && !denied {
            return Some("a denial that was taken is lost");
        }
        let gone = matches!(written, None | Some(Standing::Removed(_)));
        if self.removed && !gone {
            return Some("what was taken away is back");
        }
        if self.phase == Some(Phase::GivenUp)
            && self.row.as_ref().is_some_and(|row| row.under.is_some())
        {
            return Some("a switch that was given up still holds a provisioning");
        }
        None
    }
}

fn admits(row: &Consent) -> bool {
    matches!(row.standing, Standing::Provisioned(_))
}

fn a_move() -> Move {
    Move {
        switch: switch(),
        carried: Carried::Admission,
        notice: Notice::Told,
        contacts: Contacts::Some,
    }
}

fn source() -> VersionName {
    "1".parse().expect("it is a name")
}

fn target() -> VersionName {
    "2".parse().expect("it is a name")
}

fn switch() -> SwitchId {
    SwitchId::new(0, [0; 10])
}

fn start() -> Timestamp {
    Timestamp::UNIX_EPOCH
}

fn since(at: Timestamp) -> Since {
    Since {
        at,
        actor: String::new(),
        note: String::new(),
    }
}

#[cfg(test)]
mod tests {
    use runtime::fault::plant;

    use super::*;

    #[test]
    fn what_a_tenant_was_told_holds_in_every_interleaving() {
        let figures = explore();
        assert_eq!(figures.wrong, 0, "{:#?}", figures.examples);
        assert!(figures.explored > 100_000, "{figures:?}");
    }

    #[test]
    fn a_denial_that_does_not_know_of_the_close_is_found() {
        plant(Some(Plant::PhaseFromCatalog));
        let figures = explore();
        plant(None);
        assert!(figures.wrong > 0, "{figures:?}");
        assert!(
            figures.examples[0].contains("does not count"),
            "{figures:?}"
        );
    }
}
