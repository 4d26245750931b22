//! The product's states as small numbers, and its transitions remembered: a transition is pure, so
//! each is asked of the product once for each state and event, however often it is explored.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, PoisonError, RwLock},
};

use catalog::model as switch;
use gateway::model as turn;

/// A switch's state; equal numbers are equal states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct SwitchId(u16);

/// A gateway's turn; equal numbers are equal turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct TurnId(u16);

/// What became of a switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Advanced {
    Stays,
    Goes(SwitchId),
    Commits(SwitchId),
}

/// What is known of a switch's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SwitchFacts {
    pub(crate) turn: switch::Turn,
    pub(crate) owed: switch::Owed,
    pub(crate) ended: bool,
}

/// What became of a turn.
pub(crate) type Turned = (TurnId, Arc<[turn::Act]>);

type Asked = (SwitchId, switch::Event, u8, u8);

/// The product's states and transitions that were met so far.
#[derive(Default)]
pub(crate) struct Interned {
    switches: Numbered<switch::State>,
    switch_facts: Remembered<SwitchId, SwitchFacts>,
    switch_steps: Remembered<Asked, Advanced>,
    turns: Numbered<turn::Turn>,
    turn_told: Remembered<TurnId, turn::Told>,
    turn_steps: Remembered<(TurnId, turn::Input), Turned>,
    turn_firsts: Remembered<(turn::Told, u8), Turned>,
    turn_boots: Remembered<(turn::Told, u8), Turned>,
}

impl Interned {
    pub(crate) fn begun(&self) -> SwitchId {
        SwitchId(self.switches.number(switch::State::begun()))
    }

    pub(crate) fn adopted(&self, fleet: u8, nonce: u8, grants: u8) -> SwitchId {
        SwitchId(
            self.switches
                .number(switch::State::adopted(fleet, nonce, grants)),
        )
    }

    pub(crate) fn facts(&self, id: SwitchId) -> SwitchFacts {
        self.switch_facts.get(id, || {
            let state = self.switches.get(id.0);
            SwitchFacts {
                turn: state.turn(),
                owed: state.owed(),
                ended: state.ended(),
            }
        })
    }

    pub(crate) fn advance(
        &self,
        id: SwitchId,
        event: switch::Event,
        fleet: u8,
        nonce: u8,
    ) -> Advanced {
        self.switch_steps.get((id, event, fleet, nonce), || {
            match switch::step(&self.switches.get(id.0), event, fleet, nonce) {
                switch::Step::Stays => Advanced::Stays,
                switch::Step::Goes(next) => Advanced::Goes(SwitchId(self.switches.number(next))),
                switch::Step::Commits(next) => {
                    Advanced::Commits(SwitchId(self.switches.number(next)))
                }
            }
        })
    }

    pub(crate) fn told(&self, id: TurnId) -> turn::Told {
        self.turn_told.get(id, || self.turns.get(id.0).told())
    }

    pub(crate) fn turn(&self, id: TurnId, input: turn::Input) -> Turned {
        self.turn_steps.get((id, input), || {
            self.turned(self.turns.get(id.0).step(input))
        })
    }

    pub(crate) fn first(&self, told: turn::Told, grants: u8) -> Turned {
        self.turn_firsts.get((told, grants), || {
            self.turned(turn::Turn::first(told, grants))
        })
    }

    pub(crate) fn booted(&self, told: turn::Told, grants: u8) -> Turned {
        self.turn_boots.get((told, grants), || {
            self.turned(turn::Turn::booted(told, grants))
        })
    }

    fn turned(&self, (turn, acts): (turn::Turn, Vec<turn::Act>)) -> Turned {
        (TurnId(self.turns.number(turn)), acts.into())
    }
}

struct Numbered<T>(RwLock<(HashMap<T, u16>, Vec<T>)>);

impl<T> Default for Numbered<T> {
    fn default() -> Self {
        Self(RwLock::new((HashMap::new(), Vec::new())))
    }
}

impl<T: Clone + Eq + Hash> Numbered<T> {
    fn number(&self, value: T) -> u16 {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(number) = known.0.get(&value) {
            return *number;
        }
        let number = u16::try_from(known.1.len()).expect("there are few states of one kind");
        known.0.insert(value.clone(), number);
        known.1.push(value);
        number
    }

    fn get(&self, number: u16) -> T {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.1[usize::from(number)].clone()
    }
}

struct Remembered<K, V>(RwLock<HashMap<K, V>>);

impl<K, V> Default for Remembered<K, V> {
    fn default() -> Self {
        Self(RwLock::new(HashMap::new()))
    }
}

impl<K: Copy + Eq + Hash, V: Clone> Remembered<K, V> {
    fn get(&self, key: K, ask: impl FnOnce() -> V) -> V {
        if let Some(value) = self
            .0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&key)
        {
            return value.clone();
        }
        let value = ask();
        self.0
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(key, value.clone());
        value
    }
}
