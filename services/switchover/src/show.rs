//! The only file that prints. What it prints is made elsewhere, as text: tables for people, the
//! protobuf JSON mapping for programs. Colours are always in the text, and taken out on the way if
//! the output is not for them.

pub mod audit;
pub mod bulk;
pub mod caller;
pub mod catalog;
pub mod gateway;
pub mod history;
pub mod json;
pub mod key;
pub mod live;
pub mod mail;
pub mod notification;
pub mod paper;
pub mod preview;
pub mod problem;
pub mod progress;
pub mod proposals;
pub mod provisioning;
pub mod recovery;
#[cfg(test)]
pub(crate) mod samples;
pub mod tokens;
pub mod traffic;
pub mod words;

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use anstream::{AutoStream, ColorChoice};
use jiff::{Timestamp, tz::TimeZone};
use prost::{Message, Name};
use runtime::Clock;
use serde_json::Value;

use crate::error::Error;

/// For whom the output is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Tables and sentences.
    People,
    /// One JSON object a line.
    Json,
}

/// Whether colours may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// If the output is a terminal and the environment does not forbid it.
    Auto,
    /// Not at all.
    Never,
}

/// What text for people depends on: when and where it is read, and how wide it may be.
#[derive(Debug, Clone)]
pub struct View {
    /// The time that is now.
    pub now: Timestamp,
    /// In which times are told.
    pub zone: TimeZone,
    /// Columns of the terminal; none where lines may be as long as they like.
    pub width: Option<u16>,
}

/// What is made here and is no answer of a service.
pub trait Shows {
    /// Words it for people.
    fn people(&self, view: &View) -> String;

    /// Words it for programs: one object a line.
    fn json(&self) -> Vec<Value>;
}

/// Where output goes.
#[derive(Debug, Clone)]
pub struct Screen {
    form: Form,
    colours: ColorChoice,
    clock: Clock,
}

impl Screen {
    /// The process's own standard output and error.
    pub fn new(form: Form, colour: Colour, clock: Clock) -> Self {
        let colours = match colour {
            Colour::Auto => ColorChoice::Auto,
            Colour::Never => ColorChoice::Never,
        };
        Self {
            form,
            colours,
            clock,
        }
    }

    /// Returns for whom the output is.
    pub fn form(&self) -> Form {
        self.form
    }

    /// Returns what text for people depends on.
    pub fn view(&self) -> View {
        View {
            now: self.clock.now(),
            zone: TimeZone::system(),
            width: paper::terminal_width(),
        }
    }

    /// Tells whether a person can be asked.
    pub fn can_ask(&self) -> bool {
        self.form == Form::People && io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// Tells whether the output can be drawn over.
    pub fn can_redraw(&self) -> bool {
        self.form == Form::People && io::stdout().is_terminal()
    }

    /// Shows an answer: as `people` words it, or whole, as JSON.
    pub fn answer<M: Message + Name>(
        &self,
        answer: &M,
        people: impl FnOnce(&View) -> String,
    ) -> Result<(), Error> {
        match self.form {
            Form::People => self.text(&people(&self.view())),
            Form::Json => self.text(&format!("{}\n", json::mapping(answer)?)),
        }
    }

    /// Shows what was made here.
    pub fn made(&self, made: &impl Shows) -> Result<(), Error> {
        match self.form {
            Form::People => self.text(&made.people(&self.view())),
            Form::Json => {
                let lines: String = made.json().iter().map(|one| format!("{one}\n")).collect();
                self.text(&lines)
            }
        }
    }

    /// Writes text to standard output.
    pub fn text(&self, text: &str) -> Result<(), Error> {
        let mut out = AutoStream::new(io::stdout().lock(), self.colours);
        out.write_all(text.as_bytes())?;
        out.flush()?;
        Ok(())
    }

    /// Writes text for people to standard error, next to an answer for programs.
    pub fn aside(&self, text: &str) -> Result<(), Error> {
        match self.form {
            Form::People => self.aside_always(text),
            Form::Json => Ok(()),
        }
    }

    fn aside_always(&self, text: &str) -> Result<(), Error> {
        let mut out = AutoStream::new(io::stderr().lock(), self.colours);
        out.write_all(text.as_bytes())?;
        out.flush()?;
        Ok(())
    }

    /// Asks a person; only `yes` and `y` are Yes.
    pub fn ask(&self, question: &str) -> Result<bool, Error> {
        self.aside_always(&format!("{question} [Yes/No] "))?;
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer)?;
        let answer = answer.trim().to_ascii_lowercase();
        Ok(matches!(answer.as_str(), "yes" | "y"))
    }

    /// Says why a command did not end well.
    pub fn error(&self, error: &Error) {
        let text = match (error, self.form) {
            (Error::Output(why), _) if why.kind() == io::ErrorKind::BrokenPipe => return,
            (error, Form::People) => problem::people(error),
            (error, Form::Json) => format!("{}\n", problem::json(error)),
        };
        // Nobody is left to tell if this cannot be written.
        self.aside_always(&text).ok();
    }

    /// Returns the text with its colours, or without where there shall be none.
    fn painted(&self, text: &str) -> String {
        let choice = match self.colours {
            ColorChoice::Auto => AutoStream::choice(&io::stdout()),
            chosen => chosen,
        };
        match choice {
            ColorChoice::Never => anstream::adapter::strip_str(text).to_string(),
            _ => text.to_owned(),
        }
    }

    /// Shows how far many tenants are.
    pub fn bulk(&self, all: usize) -> bulk::Bulk {
        bulk::Bulk::new(self.clone(), all)
    }

    /// Follows something that changes, in place where that can be done.
    pub fn live(&self) -> live::Live {
        live::Live::new(self.clone())
    }
}

#[cfg(test)]
mod tests;
