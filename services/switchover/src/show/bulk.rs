//! Many tenants under way: a bar in place on a terminal, a summary in the end, and one object an
//! answer for programs.

use std::collections::BTreeMap;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use prost::{Message, Name};
use proto::provisioning::v1::{BatchOutcome, BatchResult};

use super::{
    Form, Screen, View,
    paper::{Paper, dim, strong},
    words::{Said as _, id},
};
use crate::error::Error;

/// Failed tenants that are listed.
const FAILED_SHOWN: usize = 100;

/// How far it is.
#[derive(Debug)]
pub struct Bulk {
    screen: Screen,
    bar: Option<ProgressBar>,
    counts: BTreeMap<i32, usize>,
    failed: Vec<BatchResult>,
}

impl Bulk {
    pub(super) fn new(screen: Screen, all: usize) -> Self {
        let bar = screen.can_redraw().then(|| {
            let target = ProgressDrawTarget::stdout();
            let bar = ProgressBar::with_draw_target(u64::try_from(all).ok(), target);
            let style = "{wide_bar} {pos} of {len} tenants, {per_sec}, {eta} left";
            bar.set_style(ProgressStyle::with_template(style).expect("it names what there is"));
            bar
        });
        Self {
            screen,
            bar,
            counts: BTreeMap::new(),
            failed: Vec::new(),
        }
    }

    /// Takes the results of a part; `answer` is what said so.
    pub fn show<M: Message + Name>(
        &mut self,
        answer: &M,
        results: &[BatchResult],
    ) -> Result<(), Error> {
        for result in results {
            *self.counts.entry(result.outcome).or_default() += 1;
            if result.outcome() == BatchOutcome::Failed {
                self.failed.push(result.clone());
            }
        }
        if let Some(bar) = &self.bar {
            bar.inc(u64::try_from(results.len()).unwrap_or(u64::MAX));
        }
        match self.screen.form() {
            Form::Json => self.screen.answer(answer, |_| String::new()),
            Form::People => Ok(()),
        }
    }

    /// Leaves the bar as it is.
    pub fn leave(&self) {
        if let Some(bar) = &self.bar {
            bar.abandon();
        }
    }

    /// Says what became of all; returns how many failed.
    pub fn finish(&self) -> Result<usize, Error> {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        if self.screen.form() == Form::People {
            let text = summary(&self.counts, &self.failed, &self.screen.view());
            self.screen.text(&text)?;
        }
        Ok(self.failed.len())
    }
}

/// Words what became of all.
pub fn summary(counts: &BTreeMap<i32, usize>, failed: &[BatchResult], view: &View) -> String {
    let rows = counts
        .iter()
        .map(|(outcome, count)| {
            let outcome = BatchOutcome::try_from(*outcome).unwrap_or_default();
            vec![outcome.said(), strong(count.to_string())]
        })
        .collect();
    let mut paper = Paper::new(view).table(&["OUTCOME", "TENANTS"], rows, "There was nobody.");
    if !failed.is_empty() {
        let rows = failed.iter().take(FAILED_SHOWN).map(|result| {
            let tenant = strong(id(&result.tenant));
            vec![tenant, result.message.as_str().into()]
        });
        paper = paper.gap().table(&["FAILED", "WHY"], rows.collect(), "");
        let hidden = failed.len().saturating_sub(FAILED_SHOWN);
        if hidden > 0 {
            paper = paper.line([dim(format!("and {hidden} more"))]);
        }
    }
    paper.finish()
}
