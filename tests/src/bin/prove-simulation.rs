//! Proves the switch by simulation: many seeds, each run twice, and planted bugs that must be found.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};
use clap::Parser;
use runtime::fault::Plant;
use serde::{Deserialize, Serialize};
use tests::simulation::{self, Outcome};

/// Runs the real services on one thread, over a simulated network, from seeds.
#[derive(Debug, Parser)]
struct Arguments {
    /// How many seeds.
    #[arg(long, default_value_t = 300)]
    seeds: u64,
    /// The first one.
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// How many run at a time, each in a process of its own.
    #[arg(long, default_value_t = 2)]
    processes: u64,
    /// Plants bugs, each to be found within so many seeds from one on that is known to find it, in place
    /// of proving that there are none.
    #[arg(long)]
    plants: bool,
    /// Plants this bug alone, to be found within so many seeds from the first one on.
    #[arg(long, value_parser = bug)]
    plant: Option<Plant>,
    /// Shows all that was said.
    #[arg(long)]
    story: bool,
    /// Ends with one JSON object on the last line.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Figures {
    seeds: u64,
    wrong: u64,
    unlike: u64,
    committed: u64,
    given_up: u64,
    faults: u64,
    requests: u64,
    failed: u64,
    events: u64,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    if let Some(bug) = arguments.plant {
        return find_plants(&arguments, &[(bug, arguments.from)]);
    }
    if arguments.plants {
        return find_plants(&arguments, &simulation::FOUND);
    }
    let figures = if arguments.processes > 1 {
        shared_out(&arguments)?
    } else {
        one_after_the_other(&arguments)?
    };
    show(&figures, arguments.json)?;
    ensure!(figures.wrong == 0, "{} seeds went wrong", figures.wrong);
    ensure!(
        figures.unlike == 0,
        "{} seeds ran differently when run again",
        figures.unlike
    );
    Ok(())
}

/// Runs every seed twice.
fn one_after_the_other(arguments: &Arguments) -> Result<Figures> {
    let mut figures = Figures::default();
    for seed in arguments.from..arguments.from + arguments.seeds {
        let outcome = simulation::run(seed)?;
        if arguments.story {
            tell_story(&outcome)?;
        }
        let again = simulation::run(seed)?;
        figures.add(&outcome, &again);
        tell(&outcome, &again)?;
    }
    Ok(figures)
}

/// Gives each process its part of the seeds, hands on what they say, and adds their figures up.
fn shared_out(arguments: &Arguments) -> Result<Figures> {
    let program = std::env::current_exe()?;
    let part = arguments.seeds.div_ceil(arguments.processes);
    let end = arguments.from + arguments.seeds;
    let mut children = Vec::new();
    for from in (arguments.from..end).step_by(usize::try_from(part.max(1))?) {
        let seeds = part.min(end - from);
        let child = Command::new(&program)
            .args(["--json", "--processes", "1"])
            .args(["--from", &from.to_string(), "--seeds", &seeds.to_string()])
            .stdout(Stdio::piped())
            .spawn()?;
        children.push(child);
    }
    let mut figures = Figures::default();
    for mut child in children {
        let said = child.stdout.take().context("what a process says")?;
        let mut last = None;
        for line in BufReader::new(said).lines() {
            let line = line?;
            match serde_json::from_str::<Figures>(&line) {
                Ok(part) => last = Some(part),
                Err(_) if line.contains("seed ") || line.starts_with("    ") => {
                    writeln!(std::io::stdout().lock(), "{line}")?;
                }
                Err(_) => {}
            }
        }
        // It fails when a seed went wrong; then its figures say so.
        child.wait()?;
        figures.join(&last.context("a process ended without its figures")?);
    }
    Ok(figures)
}

#[derive(Debug, Serialize)]
struct Found {
    planted: u64,
    caught: u64,
}

/// Reads the name of a bug.
fn bug(name: &str) -> Result<Plant, String> {
    let bug = Plant::ALL
        .into_iter()
        .find(|bug| format!("{bug:?}") == name);
    bug.ok_or_else(|| {
        let names: Vec<_> = Plant::ALL.iter().map(|bug| format!("{bug:?}")).collect();
        format!("is none of {}", names.join(", "))
    })
}

fn find_plants(arguments: &Arguments, bugs: &[(Plant, u64)]) -> Result<()> {
    let mut figures = Found {
        planted: 0,
        caught: 0,
    };
    for &(bug, from) in bugs {
        let found = simulation::find(bug, from, arguments.seeds)?;
        let mut out = std::io::stdout().lock();
        figures.planted += 1;
        match found {
            Some(Outcome {
                seed, wrong, story, ..
            }) => {
                figures.caught += 1;
                for line in story.iter().filter(|_| arguments.story) {
                    writeln!(out, "{line}")?;
                }
                writeln!(out, "{bug:?}: found by seed {seed}: {}", wrong.join("; "))?;
            }
            None => writeln!(out, "{bug:?}: NOT found by {} seeds", arguments.seeds)?,
        }
    }
    show(&figures, arguments.json)?;
    let missed = figures.planted - figures.caught;
    ensure!(missed == 0, "{missed} planted bugs were not found");
    Ok(())
}

impl Figures {
    fn add(&mut self, outcome: &Outcome, again: &Outcome) {
        self.seeds += 1;
        self.wrong += u64::from(!outcome.wrong.is_empty());
        self.unlike += u64::from(outcome.hash != again.hash);
        self.committed += outcome.committed;
        self.given_up += outcome.given_up;
        self.faults += outcome.faults;
        self.requests += outcome.requests;
        self.failed += outcome.failed;
        self.events += outcome.events;
    }

    fn join(&mut self, other: &Self) {
        self.seeds += other.seeds;
        self.wrong += other.wrong;
        self.unlike += other.unlike;
        self.committed += other.committed;
        self.given_up += other.given_up;
        self.faults += other.faults;
        self.requests += other.requests;
        self.failed += other.failed;
        self.events += other.events;
    }
}

fn tell_story(outcome: &Outcome) -> Result<()> {
    let mut out = std::io::stdout().lock();
    for line in &outcome.story {
        writeln!(out, "{line}")?;
    }
    let story = Vec::new();
    writeln!(
        out,
        "{:#?}",
        Outcome {
            story,
            ..outcome.clone()
        }
    )?;
    Ok(())
}

fn tell(outcome: &Outcome, again: &Outcome) -> Result<()> {
    let mut out = std::io::stdout().lock();
    for wrong in &outcome.wrong {
        writeln!(out, "seed {}: {wrong}", outcome.seed)?;
    }
    if outcome.hash != again.hash {
        let parts = outcome
            .story
            .iter()
            .zip(&again.story)
            .find(|(one, other)| one != other);
        writeln!(
            out,
            "seed {} ran differently when run again: {parts:#?}",
            outcome.seed
        )?;
    }
    if !outcome.wrong.is_empty() || outcome.hash != again.hash {
        writeln!(
            out,
            "    again: cargo xtask prove simulation -- --from {} --seeds 1 --processes 1 --story",
            outcome.seed
        )?;
    }
    Ok(())
}

fn show(figures: &impl Serialize, json: bool) -> Result<()> {
    let value = serde_json::to_value(figures)?;
    let mut out = std::io::stdout().lock();
    for (name, value) in value.as_object().into_iter().flatten() {
        writeln!(out, "{:<10} {value}", name.replace('_', " "))?;
    }
    if json {
        writeln!(out, "{value}")?;
    }
    Ok(())
}
