//! A switch with its fleet, to let events happen to and to check what became of it.

use std::{collections::HashSet, ops::RangeInclusive};

use contract::{Nonce, Revision, Timeline};

use super::super::*;
use crate::application::{Denied, Policy};

/// A situation: the state, and what a bystander wrote down about it.
#[derive(Debug, Clone)]
pub(super) struct World {
    pub(super) state: State,
    pub(super) fleet: BTreeSet<GatewayName>,
    /// Members that answered `Held` to this switch's hold, since they joined.
    pub(super) held: BTreeSet<GatewayName>,
    /// Members that do not follow now.
    pub(super) away: BTreeSet<GatewayName>,
    /// Members that get no leases, since they last said hello.
    pub(super) marked: BTreeSet<GatewayName>,
    /// Of them, those whose leases have run out.
    pub(super) fenced: BTreeSet<GatewayName>,
    /// Waits for leases so far, modulo two: a wait is told from the one before.
    pub(super) waits: u8,
    pub(super) commits: u32,
    pub(super) now: Timestamp,
}

/// What was seen at least once.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) commits: usize,
    pub(super) succeeded: usize,
    pub(super) given_up: HashSet<&'static str>,
    pub(super) joined_while_holding: usize,
    pub(super) fenced_at_commit: usize,
    pub(super) back_while_fencing: usize,
}

pub(super) const FOREIGN: u8 = 9;
pub(super) const TURNS: RangeInclusive<u8> = 1..=3;

pub(super) fn nonce(number: u8) -> Nonce {
    Nonce::new([number; 16])
}

pub(super) fn gateway(number: usize) -> GatewayName {
    format!("g{number}").parse().unwrap()
}

pub(super) fn policy(tenant_failures: TenantFailures) -> Policy {
    Policy {
        tenant_failures,
        ..Policy::default()
    }
}

/// The nonce that a turn or a wait gets which begins in this state: the same wherever the state is
/// reached, so that there are finitely many situations.
pub(super) fn fresh(state: &State, waits: u8) -> Nonce {
    nonce(match state {
        State::Provisioning | State::GivingNotice { .. } => 1,
        State::Preparing { .. } | State::Fencing { .. } => 4 + waits,
        State::ClosingConsent { .. } => 2,
        State::Holding { .. } => 3,
        State::Adopting { adoption, .. } => match adoption {
            Adoption::Moving | Adoption::Closing => 2,
            Adoption::Holding { .. } => 3,
        },
        State::Releasing { .. }
        | State::Draining { .. }
        | State::Settling { .. }
        | State::Ended { .. } => FOREIGN,
    })
}

pub(super) fn tenants(done: bool, failed: i64) -> Event {
    Event::TenantsMoved(Tenants {
        done,
        failed,
        total: 3,
        ..Tenants::default()
    })
}

pub(super) fn closed() -> Event {
    let grants = Grants {
        timeline: Timeline::new([1; 16]),
        revision: Revision::try_from(7u64).unwrap(),
    };
    let denied = Denied {
        count: 1,
        of: 3,
        named: Vec::new(),
    };
    Event::ConsentClosed { grants, denied }
}

pub(super) fn cancelled() -> Event {
    Event::Cancelled {
        by: "people/anna".to_owned(),
        message: "not today".to_owned(),
    }
}

pub(super) fn extended() -> Event {
    Event::DrainExtended {
        time: Duration::from_secs(600),
    }
}

pub(super) fn answers() -> [Answer; 6] {
    [
        Answer::Ready,
        Answer::NotReady("no route".to_owned()),
        Answer::Held,
        Answer::Released {
            held_requests: 1,
            longest_hold: Duration::from_millis(3),
            failed_requests: 0,
        },
        Answer::Drained {
            finished_requests: 1,
            cut_requests: 0,
            closed_connections: 0,
        },
        Answer::Draining {
            open_requests: 2,
            closed_connections: 1,
        },
    ]
}

impl World {
    pub(super) fn new(fleet: usize) -> Self {
        Self {
            state: State::Provisioning,
            fleet: (0..fleet).map(gateway).collect(),
            held: BTreeSet::new(),
            away: BTreeSet::new(),
            marked: BTreeSet::new(),
            fenced: BTreeSet::new(),
            waits: 0,
            commits: 0,
            now: Timestamp::UNIX_EPOCH,
        }
    }

    pub(super) fn decide(&self, event: &Event, policy: &Policy) -> Step {
        let fleet = self.fleet.difference(&self.fenced).cloned().collect();
        let away = self.away.union(&self.marked).cloned().collect();
        let facts = Facts {
            fleet: &fleet,
            away: &away,
            policy,
            nonce: fresh(&self.state, self.waits),
        };
        step(&self.state, event, &facts, self.now)
    }

    /// Lets an event happen, as the store would: membership changes with it.
    pub(super) fn happen(&self, event: &Event, policy: &Policy, seen: &mut Seen) -> Self {
        let mut next = self.clone();
        match event {
            Event::Joined(gateway) => {
                next.fleet.insert(gateway.clone());
                for gone in [
                    &mut next.held,
                    &mut next.away,
                    &mut next.marked,
                    &mut next.fenced,
                ] {
                    gone.remove(gateway);
                }
                seen.back_while_fencing += usize::from(matches!(self.state, State::Fencing { .. }));
                seen.joined_while_holding +=
                    usize::from(matches!(self.state, State::Holding { .. }));
            }
            Event::Left(gateway) => {
                next.fleet.remove(gateway);
                for gone in [
                    &mut next.held,
                    &mut next.away,
                    &mut next.marked,
                    &mut next.fenced,
                ] {
                    gone.remove(gateway);
                }
            }
            Event::LeasesEnded { wait, .. } => {
                // Only a wait that began after the mark says anything.
                if let State::Fencing {
                    leaving, wait: of, ..
                } = &self.state
                    && of == wait
                {
                    let over = leaving.intersection(&self.marked).cloned();
                    next.fenced.extend(over);
                }
            }
            Event::Answered {
                gateway,
                nonce,
                answer: Answer::Held,
            } => {
                let of = if let State::Holding { roll, .. } = &self.state {
                    Some(roll.nonce)
                } else if let State::Adopting {
                    nonce,
                    adoption: Adoption::Holding { .. },
                    ..
                } = &self.state
                {
                    Some(*nonce)
                } else {
                    None
                };
                if of == Some(*nonce) && self.fleet.contains(gateway) {
                    next.held.insert(gateway.clone());
                }
            }
            Event::TenantsMoved(_)
            | Event::ConsentClosed { .. }
            | Event::ConsentSettled { .. }
            | Event::Answered { .. }
            | Event::Restored
            | Event::Cancelled { .. }
            | Event::DrainExtended { .. }
            | Event::DrainCut
            | Event::TimePassed => {}
        }
        let decided = next.decide(event, policy);
        match decided.clone() {
            Step::Stays => {}
            Step::Goes(state) => next.state = state,
            Step::Commits(state) => {
                next.state = state;
                next.commits += 1;
            }
        }
        if let State::Fencing { leaving, .. } = &next.state
            && !matches!(self.state, State::Fencing { .. })
        {
            next.marked.extend(leaving.iter().cloned());
            next.waits = (next.waits + 1) % 2;
        }
        self.check(event, &decided, &next, policy);
        next.note(seen);
        if let Step::Commits(_) = decided {
            seen.fenced_at_commit += usize::from(!next.fenced.is_empty());
        }
        next
    }

    pub(super) fn check(&self, event: &Event, decided: &Step, next: &World, policy: &Policy) {
        let context = || format!("{event:?}\nin {self:?}\nled to {decided:?}");
        // I12, R1, R5, R8: each member has answered this hold, or was marked and waited for.
        assert!(next.fenced.is_subset(&next.marked), "{}", context());
        if let Step::Commits(_) = decided {
            assert!(
                next.fleet
                    .iter()
                    .all(|g| next.held.contains(g) || next.fenced.contains(g)),
                "committed unheard: {}",
                context()
            );
            assert!(
                matches!(
                    self.state,
                    State::Holding { .. } | State::ClosingConsent { .. } | State::Adopting { .. }
                ),
                "{}",
                context()
            );
        }
        // I15: one commit a switch. After it, no way back; without it, no success.
        assert!(next.commits <= 1, "committed twice: {}", context());
        let committed = matches!(next.state.outcome(), Some(Outcome::Committed));
        assert_eq!(committed, next.commits == 1, "{}", context());
        if matches!(self.state, State::Ended { .. }) {
            assert_eq!(
                *decided,
                Step::Stays,
                "went on after its end: {}",
                context()
            );
        }
        // Nobody is waited for who is not a member.
        let waited = match &next.state {
            State::Preparing { roll }
            | State::Holding { roll, .. }
            | State::Draining { roll, .. } => roll.silent.clone(),
            State::Releasing { roll, draining, .. } => {
                roll.silent.union(draining).cloned().collect()
            }
            State::Fencing { leaving, .. } => leaving.clone(),
            State::Adopting { adoption, .. } => match adoption {
                Adoption::Holding { silent, .. } => silent.clone(),
                Adoption::Moving | Adoption::Closing => BTreeSet::new(),
            },
            State::Provisioning
            | State::GivingNotice { .. }
            | State::ClosingConsent { .. }
            | State::Settling { .. }
            | State::Ended { .. } => BTreeSet::new(),
        };
        assert!(waited.is_subset(&next.fleet), "{}", context());
        // A turn that waits for nobody is over.
        match &next.state {
            State::Preparing { roll }
            | State::Holding { roll, .. }
            | State::Releasing { roll, .. }
            | State::Draining { roll, .. } => assert!(!roll.silent.is_empty(), "{}", context()),
            State::Fencing { leaving, .. } => assert!(!leaving.is_empty(), "{}", context()),
            State::Adopting { .. } => assert!(
                waited != BTreeSet::new() || owed(&next.state).is_some(),
                "{}",
                context()
            ),
            State::Provisioning
            | State::GivingNotice { .. }
            | State::ClosingConsent { .. }
            | State::Settling { .. }
            | State::Ended { .. } => {}
        }
        // The same event again changes nothing more.
        let again = next.decide(event, policy);
        // Progress of the tenants, and why an adoption waits, are written down each time.
        let tells = matches!(
            event,
            Event::Answered {
                answer: Answer::Draining { .. },
                ..
            }
        );
        if tells {
            // How a drain goes changes what is known of the switch and nothing else.
            assert!(*decided == Step::Stays || *decided == Step::Goes(self.state.clone()));
        } else if event != &tenants(false, 0) && *decided != Step::Goes(self.state.clone()) {
            assert_eq!(again, Step::Stays, "counted twice: {}", context());
        }
        self.check_drain(event, decided, next);
        // A cancel works until the commit, and after it does nothing.
        if let Event::Cancelled { .. } = event {
            let adopts = matches!(self.state, State::Adopting { .. });
            let open = self.state.outcome().is_none() && !adopts;
            let cancelled = next
                .state
                .failure()
                .is_some_and(|failure| failure.why == Why::Cancelled);
            assert_eq!(*decided != Step::Stays, open, "{}", context());
            assert!(cancelled || !open, "{}", context());
        }
        // An answer counts for the turn it names alone, and from members alone.
        if let Event::Answered {
            gateway, nonce: of, ..
        } = event
        {
            let present = match &self.state {
                State::Preparing { roll }
                | State::Holding { roll, .. }
                | State::Releasing { roll, .. }
                | State::Draining { roll, .. } => Some(roll.nonce),
                State::Fencing { nonce, .. } | State::Adopting { nonce, .. } => Some(*nonce),
                State::Provisioning
                | State::GivingNotice { .. }
                | State::ClosingConsent { .. }
                | State::Settling { .. }
                | State::Ended { .. } => None,
            };
            if present != Some(*of) || !self.fleet.contains(gateway) {
                assert_eq!(*decided, Step::Stays, "{}", context());
            }
        }
    }

    /// The operator's word on a drain counts while there is one, and moves nothing but its end.
    pub(super) fn check_drain(&self, event: &Event, decided: &Step, next: &World) {
        let limit = if let Event::DrainExtended { time } = event {
            Limit::Extended { time: *time }
        } else if let Event::DrainCut = event {
            Limit::Cut { at: self.now }
        } else {
            return;
        };
        let Some(before) = self.state.limit() else {
            assert_eq!(*decided, Step::Stays, "{event:?} in {self:?}");
            return;
        };
        if *decided == Step::Stays {
            assert!(before.is_cut() || before == limit, "{event:?} in {self:?}");
            return;
        }
        assert_eq!(next.state.limit(), Some(limit));
        assert_eq!(next.state.phase(), self.state.phase());
        assert_ne!(
            next.state.turn(),
            self.state.turn(),
            "gateways must hear of it"
        );
        let (was, is) = (self.state.until(), next.state.until());
        if matches!(self.state, State::Draining { .. }) {
            assert_eq!(is > was, !limit.is_cut(), "{event:?} in {self:?}: {is:?}");
        }
    }

    pub(super) fn note(&self, seen: &mut Seen) {
        seen.commits += usize::from(self.commits == 1);
        match &self.state {
            State::Ended { outcome, .. } => match outcome {
                Outcome::Committed => seen.succeeded += 1,
                Outcome::GivenUp { failure } => drop(seen.given_up.insert(failure.why.as_str())),
            },
            State::Provisioning
            | State::GivingNotice { .. }
            | State::Preparing { .. }
            | State::Fencing { .. }
            | State::ClosingConsent { .. }
            | State::Holding { .. }
            | State::Adopting { .. }
            | State::Releasing { .. }
            | State::Draining { .. }
            | State::Settling { .. } => {}
        }
    }

    /// All that can happen here, sensible or not.
    pub(super) fn events(&self, universe: usize) -> Vec<Event> {
        let mut events = vec![
            tenants(false, 0),
            tenants(true, 0),
            tenants(true, 1),
            closed(),
            Event::ConsentSettled { denied: 1 },
            cancelled(),
            Event::Restored,
            extended(),
            Event::DrainCut,
            Event::TimePassed,
        ];
        for wait in [1, 4, 5, FOREIGN] {
            events.push(Event::LeasesEnded {
                wait: nonce(wait),
                gateways: BTreeSet::new(),
            });
        }
        for back in &self.marked {
            events.push(Event::Joined(back.clone()));
        }
        for gateway in (0..universe).map(gateway) {
            events.push(if self.fleet.contains(&gateway) {
                Event::Left(gateway.clone())
            } else {
                Event::Joined(gateway.clone())
            });
            for number in TURNS.chain([FOREIGN]) {
                for answer in answers() {
                    events.push(Event::Answered {
                        gateway: gateway.clone(),
                        nonce: nonce(number),
                        answer,
                    });
                }
            }
        }
        events
    }

    /// The same, once the deadline has come.
    pub(super) fn late(&self) -> Self {
        let now = self.state.until().unwrap_or(self.now).max(self.now);
        Self {
            now,
            ..self.clone()
        }
    }

    /// I8: nothing but time, and what is owed being done, ends every switch.
    pub(super) fn ends_by_time(&self, policy: &Policy, seen: &mut Seen) {
        let mut world = self.clone();
        for _ in 0..10 {
            if world.state.ended_at().is_some() {
                return;
            }
            let event = match owed(&world.state) {
                Some(Effect::MoveTenants) => tenants(true, 0),
                Some(Effect::AwaitLeases) => {
                    let State::Fencing { wait, .. } = &world.state else {
                        panic!("{world:?} waits for leases");
                    };
                    Event::LeasesEnded {
                        wait: *wait,
                        gateways: BTreeSet::new(),
                    }
                }
                Some(Effect::CloseConsent) => closed(),
                Some(Effect::SettleCommitted | Effect::SettleGivenUp) => {
                    Event::ConsentSettled { denied: 0 }
                }
                None => {
                    world = world.late();
                    Event::TimePassed
                }
            };
            world = world.happen(&event, policy, seen);
        }
        panic!("does not end: {self:?}\nis now {world:?}");
    }
}
