//! Runs explorations and says what was found.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use runtime::fault::{self, Plant};
use serde::Serialize;
use stateright::{Checker as _, Expectation, HasDiscoveries, Model as _};

use crate::{Model, Setting};

/// A bug is planted in the whole process.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// What came of one exploration.
#[derive(Debug, Clone)]
pub struct Explored {
    /// States that were generated, repeated ones included.
    pub states: usize,
    /// States that differ.
    pub unique: usize,
    /// How long it took.
    pub took: Duration,
    /// Whether every state that can be reached was visited.
    pub complete: bool,
    /// How many properties were looked at in each state.
    pub properties: usize,
    /// The invariants that were seen broken, each with the shortest way there that was found.
    pub broken: Vec<Found>,
    /// What must happen sometimes and did not.
    pub unreached: Vec<&'static str>,
}

/// A broken invariant.
#[derive(Debug, Clone)]
pub struct Found {
    /// Which.
    pub invariant: &'static str,
    /// The steps that lead there.
    pub steps: Vec<String>,
}

/// What an exploration may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Threads that explore.
    pub threads: usize,
    /// States that are generated at most; one that gets there proves nothing and fails.
    pub states: usize,
}

/// The figures of a proof.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Figures {
    /// States that were generated without a bug, in all settings.
    pub states: usize,
    /// Of those, the ones that differ.
    pub unique: usize,
    /// Settings that were explored without a bug.
    pub settings: usize,
    /// Whether each was explored completely.
    pub complete: bool,
    /// Bugs that were planted.
    pub planted: usize,
    /// Bugs that were caught.
    pub caught: usize,
    /// Each planted bug.
    pub bugs: Vec<Caught>,
    /// What is wrong, in sentences.
    pub wrong: Vec<String>,
}

/// What became of a planted bug.
#[derive(Debug, Clone, Serialize)]
pub struct Caught {
    /// Which bug.
    pub bug: String,
    /// Where it was planted.
    pub setting: &'static str,
    /// The invariant that users saw broken, if any.
    pub invariant: Option<&'static str>,
    /// The steps that led there; 0 if none did.
    pub steps: usize,
    /// States that were generated.
    pub states: usize,
}

/// Explores every setting without a bug and then plants every bug; `tell` hears each result.
pub fn prove(settings: &[Setting], bugs: &[Plant], limits: Limits, tell: &dyn Fn(&str)) -> Figures {
    let mut figures = Figures {
        complete: true,
        ..Figures::default()
    };
    for setting in settings {
        let explored = explore(*setting, None, limits);
        tell(&format!(
            "{}: {} states, {} of them unique, {:.1} s, {} properties, complete: {}",
            setting.name,
            explored.states,
            explored.unique,
            explored.took.as_secs_f64(),
            explored.properties,
            explored.complete
        ));
        figures.settings += 1;
        figures.states += explored.states;
        figures.unique += explored.unique;
        figures.complete &= explored.complete;
        for found in &explored.broken {
            figures.wrong.push(format!(
                "{}: {} is broken after {}",
                setting.name,
                found.invariant,
                found.steps.join(", ")
            ));
        }
        for sometimes in &explored.unreached {
            figures
                .wrong
                .push(format!("{}: never reached: {sometimes}", setting.name));
        }
        if explored.broken.is_empty() && !explored.complete {
            figures.wrong.push(format!(
                "{}: not explored completely, so nothing is proven",
                setting.name
            ));
        }
    }
    for bug in bugs {
        let setting = Setting::for_bug(*bug);
        let explored = explore(setting, Some(*bug), limits);
        let seen = explored
            .broken
            .iter()
            .filter(|found| SEEN_BY_USERS.contains(&found.invariant))
            .min_by_key(|found| found.steps.len());
        let caught = Caught {
            bug: format!("{bug:?}"),
            setting: setting.name,
            invariant: seen.map(|found| found.invariant),
            steps: seen.map_or(0, |found| found.steps.len()),
            states: explored.states,
        };
        figures.planted += 1;
        match caught.invariant {
            Some(invariant) => {
                figures.caught += 1;
                tell(&format!(
                    "{} in {}: {invariant} after {} steps, {} states, {:.1} s",
                    caught.bug,
                    caught.setting,
                    caught.steps,
                    caught.states,
                    explored.took.as_secs_f64()
                ));
            }
            None => figures
                .wrong
                .push(format!("{} in {}: not caught", caught.bug, caught.setting)),
        }
        figures.bugs.push(caught);
    }
    figures
}

/// The invariants whose breach users see.
const SEEN_BY_USERS: [&str; 3] = ["I2", "I3", "I17"];

/// Explores a setting with a bug planted until users see it, or with none until an invariant is
/// broken; at most until the limit of states.
pub fn explore(setting: Setting, bug: Option<Plant>, limits: Limits) -> Explored {
    let _one = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    fault::plant(bug);
    let begun = Instant::now();
    let checker = Model::new(setting, bug)
        .checker()
        .threads(limits.threads)
        .finish_when(match bug {
            Some(_) => HasDiscoveries::AnyOf(SEEN_BY_USERS.into()),
            None => HasDiscoveries::AnyFailures,
        })
        .target_state_count(limits.states)
        .spawn_bfs()
        .join();
    fault::plant(None);
    let properties = checker.model().properties();
    let mut discoveries = checker.discoveries();
    let mut broken = Vec::new();
    let mut unreached = Vec::new();
    for property in &properties {
        match (&property.expectation, discoveries.remove(property.name)) {
            (Expectation::Always | Expectation::Eventually, Some(path)) => {
                let steps: Vec<String> = path
                    .into_actions()
                    .iter()
                    .map(|happening| format!("{happening:?}"))
                    .collect();
                broken.push(Found {
                    invariant: property.name,
                    steps,
                });
            }
            (Expectation::Sometimes, None) => unreached.push(property.name),
            (Expectation::Always | Expectation::Eventually, None)
            | (Expectation::Sometimes, Some(_)) => {}
        }
    }
    let states = checker.state_count();
    Explored {
        states,
        unique: checker.unique_state_count(),
        took: begun.elapsed(),
        complete: broken.is_empty() && states < limits.states,
        properties: properties.len(),
        broken,
        unreached,
    }
}
