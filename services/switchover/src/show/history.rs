//! What the check of a history found.

use history::Verdict;
use serde_json::{Value, json};

use super::{
    View,
    paper::{Paper, bad, dim, strong},
};

/// A history that was checked.
#[derive(Debug)]
pub struct Checked {
    /// What was found.
    pub verdict: Verdict,
    /// How long reading and checking took.
    pub seconds: f64,
    /// The most memory that it took, where the system tells.
    pub peak_memory_bytes: Option<u64>,
}

impl Checked {
    /// Words it for people.
    pub fn people(&self, view: &View) -> String {
        let verdict = &self.verdict;
        let mut paper = Paper::new(view);
        for found in &verdict.found {
            paper = paper.line([bad("contradiction:"), found.sentence().into()]);
            for line in found.lines() {
                paper = paper.line([
                    dim(format!("  line {}:", line.number)),
                    line.text.as_str().into(),
                ]);
            }
            paper = paper.gap();
        }
        let hidden = verdict.contradictions - verdict.found.len() as u64;
        if hidden > 0 {
            paper = paper
                .line([dim(format!("and {hidden} more")).clone()])
                .gap();
        }
        let answer = match verdict.contradictions {
            0 => strong("linearizable"),
            1 => bad("not linearizable: 1 contradiction"),
            count => bad(format!("not linearizable: {count} contradictions")),
        };
        let memory = match self.peak_memory_bytes {
            Some(bytes) => format!(", {} MB", bytes / 1_000_000),
            None => String::new(),
        };
        paper
            .line([answer])
            .line([dim(format!(
                "{} requests: {} served, {} refused, {} failed; {} generations, {} denials; {:.1} s{memory}",
                verdict.requests,
                verdict.served,
                verdict.refused,
                verdict.failed,
                verdict.generations,
                verdict.denials,
                self.seconds,
            ))])
            .finish()
    }

    /// Words it for programs.
    pub fn json(&self) -> Value {
        let verdict = &self.verdict;
        let found: Vec<Value> = verdict
            .found
            .iter()
            .map(|found| {
                let lines = found
                    .lines()
                    .map(|line| json!({ "line": line.number, "record": line.text }));
                json!({ "what": found.sentence(), "records": lines })
            })
            .collect();
        json!({
            "linearizable": verdict.contradictions == 0,
            "requests": verdict.requests,
            "served": verdict.served,
            "refused": verdict.refused,
            "failed": verdict.failed,
            "generations": verdict.generations,
            "denials": verdict.denials,
            "contradictions": verdict.contradictions,
            "found": found,
            "seconds": (self.seconds * 1000.0).round() / 1000.0,
            "peak_memory_bytes": self.peak_memory_bytes,
        })
    }
}
