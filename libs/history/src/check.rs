//! The checks, one function each. Every one compares two records and shows both.

use std::{collections::HashMap, fmt};

use crate::{Decision, History, Record, Request};

/// What a check found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Requests sent: served, refused and failed.
    pub requests: u64,
    /// Requests that a version answered.
    pub served: u64,
    /// Requests refused because of a denial.
    pub refused: u64,
    /// Requests that ended without an answer of a version.
    pub failed: u64,
    /// Denials in force.
    pub denials: u64,
    /// Generations of all applications that answered.
    pub generations: u64,
    /// Records that contradict an earlier one.
    pub contradictions: u64,
    /// The first of them, by the checks and then by time.
    pub found: Vec<Contradiction>,
}

/// Two records that no correct installation can have given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Contradiction {
    /// An answer was complete before a request was sent that an older generation answered (I2).
    Older {
        /// The answer of the newer generation.
        newer: Line,
        /// The later request.
        older: Line,
    },
    /// The same, at one gateway: its generation went down (I3).
    WentDown {
        /// The answer of the newer generation.
        newer: Line,
        /// The later request.
        older: Line,
    },
    /// One generation of one application answered as two versions (I14).
    TwoVersions {
        /// The first answer as one of them.
        one: Line,
        /// The first answer as the other.
        other: Line,
    },
    /// A version answered a tenant whose denial of it was in force before the request was sent
    /// (I17).
    Denied {
        /// The denial.
        denial: Line,
        /// The request.
        served: Line,
    },
}

impl Contradiction {
    /// Returns both records.
    #[must_use]
    pub fn lines(&self) -> [&Line; 2] {
        match self {
            Self::Older { newer, older } | Self::WentDown { newer, older } => [newer, older],
            Self::TwoVersions { one, other } => [one, other],
            Self::Denied { denial, served } => [denial, served],
        }
    }

    /// Returns in one sentence what is wrong.
    #[must_use]
    pub fn sentence(&self) -> &'static str {
        match self {
            Self::Older { .. } => {
                "a request was answered by an older generation than an answer that was complete before it was sent"
            }
            Self::WentDown { .. } => "the generation at one gateway went down",
            Self::TwoVersions { .. } => "one generation answered as two versions",
            Self::Denied { .. } => {
                "a version answered a tenant whose denial was in force before the request was sent"
            }
        }
    }
}

impl fmt::Display for Contradiction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, second] = self.lines();
        write!(f, "{}: {first}; {second}", self.sentence())
    }
}

/// A record, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Counted from 1.
    pub number: u64,
    /// The record.
    pub text: String,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.number, self.text)
    }
}

pub(crate) fn check(history: &History, keep: usize) -> Verdict {
    let mut verdict = Verdict {
        requests: history.requests(),
        served: history.requests.len() as u64,
        refused: history.refused,
        failed: history.failed,
        denials: history
            .decisions
            .iter()
            .filter(|decision| decision.denied)
            .count() as u64,
        ..Verdict::default()
    };
    let mut found = Found {
        verdict: &mut verdict,
        keep,
    };
    register(history, &mut found);
    one_version_a_generation(history, &mut found);
    denials(history, &mut found);
    verdict
}

struct Found<'a> {
    verdict: &'a mut Verdict,
    keep: usize,
}

impl Found<'_> {
    fn add(&mut self, contradiction: impl FnOnce() -> Contradiction) {
        self.verdict.contradictions += 1;
        if self.verdict.found.len() < self.keep {
            self.verdict.found.push(contradiction());
        }
    }
}

/// I2 and I3: sweeps over the requests as they were sent, with the newest generation among the
/// answers that were complete by then, of each application and of each of its gateways.
fn register(history: &History, found: &mut Found<'_>) {
    let requests = &history.requests;
    let mut by_sent: Vec<&Request> = requests.iter().collect();
    let mut by_answered = by_sent.clone();
    by_sent.sort_unstable_by_key(|request| (request.sent, request.line));
    by_answered.sort_unstable_by_key(|request| request.answered);

    let mut complete = by_answered.into_iter().peekable();
    let mut newest: HashMap<u16, &Request> = HashMap::new();
    let mut newest_at: HashMap<(u16, u16), &Request> = HashMap::new();
    for older in by_sent {
        while let Some(answer) = complete.next_if(|answer| answer.answered < older.sent) {
            let at = (answer.application, answer.gateway);
            keep_newest(newest.entry(answer.application).or_insert(answer), answer);
            keep_newest(newest_at.entry(at).or_insert(answer), answer);
        }
        let at = newest_at.get(&(older.application, older.gateway));
        let anywhere = newest.get(&older.application);
        if let Some(newer) = at.filter(|newer| newer.generation > older.generation) {
            found.add(|| Contradiction::WentDown {
                newer: history.request(newer),
                older: history.request(older),
            });
        } else if let Some(newer) = anywhere.filter(|newer| newer.generation > older.generation) {
            found.add(|| Contradiction::Older {
                newer: history.request(newer),
                older: history.request(older),
            });
        }
    }
}

fn keep_newest<'a>(newest: &mut &'a Request, answer: &'a Request) {
    if newest.generation < answer.generation {
        *newest = answer;
    }
}

/// I14: each further version of a generation counts once, however many answers name it.
fn one_version_a_generation(history: &History, found: &mut Found<'_>) {
    let mut versions: HashMap<(u16, u64), Vec<&Request>> = HashMap::new();
    for request in &history.requests {
        let firsts = versions
            .entry((request.application, request.generation))
            .or_default();
        if firsts.iter().all(|first| first.version != request.version) {
            if let Some(one) = firsts.first() {
                found.add(|| Contradiction::TwoVersions {
                    one: history.request(one),
                    other: history.request(request),
                });
            }
            firsts.push(request);
        }
    }
    found.verdict.generations = versions.len() as u64;
}

/// I17: no request that was sent after a denial was in force is served by what was denied, unless
/// the tenant accepted before it was answered.
fn denials(history: &History, found: &mut Found<'_>) {
    let mut decisions: HashMap<(u16, u16, u32), Vec<&Decision>> = HashMap::new();
    for decision in &history.decisions {
        let key = (decision.application, decision.version, decision.tenant);
        decisions.entry(key).or_default().push(decision);
    }
    if decisions.is_empty() {
        return;
    }
    for of_one in decisions.values_mut() {
        of_one.sort_by_key(|decision| (decision.at, decision.line));
    }
    for request in &history.requests {
        let key = (request.application, request.version, request.tenant);
        let Some(decisions) = decisions.get(&key) else {
            continue;
        };
        // An acceptance at the very time of the answer may have come before it.
        let known = decisions
            .iter()
            .take_while(|decision| decision.at <= request.answered);
        let before = known
            .filter(|decision| !decision.denied || decision.at < request.sent)
            .last();
        if let Some(denial) = before.filter(|decision| decision.denied) {
            found.add(|| Contradiction::Denied {
                denial: history.decision(denial),
                served: history.request(request),
            });
        }
    }
}

impl History {
    fn request(&self, request: &Request) -> Line {
        let record = Record::Served {
            sent: request.sent,
            answered: request.answered,
            application: self.names.applications.name(request.application),
            generation: request.generation,
            version: self.names.versions.name(request.version),
            gateway: self.names.gateways.name(request.gateway),
            tenant: self.names.tenants.name(request.tenant),
        };
        Line {
            number: u64::from(request.line),
            text: record.to_string(),
        }
    }

    fn decision(&self, decision: &Decision) -> Line {
        let (at, application) = (
            decision.at,
            self.names.applications.name(decision.application),
        );
        let (version, tenant) = (
            self.names.versions.name(decision.version),
            self.names.tenants.name(decision.tenant),
        );
        let record = if decision.denied {
            Record::Denied {
                at,
                application,
                version,
                tenant,
            }
        } else {
            Record::Accepted {
                at,
                application,
                version,
                tenant,
            }
        };
        Line {
            number: u64::from(decision.line),
            text: record.to_string(),
        }
    }
}

#[cfg(test)]
mod tests;
