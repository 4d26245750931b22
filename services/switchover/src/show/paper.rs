//! Text for people, piece by piece: words with a tone, facts one below the other, tables. Foreign
//! text cannot move the cursor or colour the terminal.

use std::borrow::Cow;

use comfy_table::{Attribute, Cell, Color, ContentArrangement, Table, presets};
use owo_colors::{OwoColorize as _, Style};

use super::View;

/// How a word is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// As any other.
    Plain,
    /// What is looked for first.
    Strong,
    /// What is rarely looked for.
    Dim,
    /// As it should be.
    Good,
    /// Under way, or to be looked at.
    Busy,
    /// Not as it should be.
    Bad,
}

impl Tone {
    fn style(self) -> Style {
        match self {
            Self::Plain => Style::new(),
            Self::Strong => Style::new().bold(),
            Self::Dim => Style::new().dimmed(),
            Self::Good => Style::new().green(),
            Self::Busy => Style::new().yellow(),
            Self::Bad => Style::new().red().bold(),
        }
    }

    fn cell(self, cell: Cell) -> Cell {
        match self {
            Self::Plain => cell,
            Self::Strong => cell.add_attribute(Attribute::Bold),
            Self::Dim => cell.add_attribute(Attribute::Dim),
            Self::Good => cell.fg(Color::Green),
            Self::Busy => cell.fg(Color::Yellow),
            Self::Bad => cell.fg(Color::Red).add_attribute(Attribute::Bold),
        }
    }
}

/// A piece of text with a tone, free of control characters but line ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    text: String,
    tone: Tone,
}

impl Word {
    /// Makes a word.
    pub fn new(text: impl Into<String>, tone: Tone) -> Self {
        Self {
            text: harmless(text.into()),
            tone,
        }
    }

    /// Returns the word as a terminal shows it.
    pub fn painted(&self) -> String {
        match self.tone {
            Tone::Plain => self.text.clone(),
            tone => self.text.style(tone.style()).to_string(),
        }
    }
}

impl<T: Into<String>> From<T> for Word {
    fn from(text: T) -> Self {
        Self::new(text, Tone::Plain)
    }
}

macro_rules! tones {
    ($($(#[$docs:meta])* $name:ident: $tone:ident;)+) => {
        $($(#[$docs])* pub fn $name(text: impl Into<String>) -> Word { Word::new(text, Tone::$tone) })+
    };
}

tones! {
    /// What is looked for first.
    strong: Strong;
    /// What is rarely looked for.
    dim: Dim;
    /// As it should be.
    good: Good;
    /// Under way, or to be looked at.
    busy: Busy;
    /// Not as it should be.
    bad: Bad;
}

/// Stands where there is nothing to say.
pub fn nothing() -> Word {
    dim("–")
}

/// The text, or the sign for none.
pub fn or_nothing(text: &str) -> Word {
    if text.is_empty() {
        nothing()
    } else {
        text.into()
    }
}

fn harmless(text: String) -> String {
    let harmful = |c: char| c.is_control() && c != '\n';
    if text.contains(harmful) {
        text.chars()
            .map(|c| if harmful(c) { '\u{fffd}' } else { c })
            .collect()
    } else {
        text
    }
}

/// Text that is being written.
#[derive(Debug)]
pub struct Paper {
    text: String,
    width: Option<u16>,
}

impl Paper {
    /// An empty one.
    pub fn new(view: &View) -> Self {
        Self {
            text: String::new(),
            width: view.width,
        }
    }

    /// Writes words, with one space between them, as a line.
    #[must_use]
    pub fn line<W: Into<Word>>(mut self, words: impl IntoIterator<Item = W>) -> Self {
        let words: Vec<_> = words
            .into_iter()
            .map(|word| word.into().painted())
            .collect();
        self.text.push_str(words.join(" ").trim_end());
        self.text.push('\n');
        self
    }

    /// Leaves a line empty, unless nothing has been written yet.
    #[must_use]
    pub fn gap(mut self) -> Self {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self
    }

    /// Writes facts: labels in one column, what they are in the next.
    #[must_use]
    pub fn facts<L: Into<Cow<'static, str>>>(
        mut self,
        facts: impl IntoIterator<Item = (L, Word)>,
    ) -> Self {
        let facts: Vec<_> = facts
            .into_iter()
            .map(|(label, word)| (label.into(), word))
            .collect();
        let column = facts
            .iter()
            .map(|(label, _)| label.chars().count())
            .max()
            .unwrap_or(0);
        for (label, word) in facts {
            let mut label = label.into_owned();
            for part in word.text.lines() {
                let padded = dim(format!("{label:column$}")).painted();
                let part = Word::new(part, word.tone).painted();
                self.text.push_str(&format!("  {padded}  {part}\n"));
                label.clear();
            }
        }
        self
    }

    /// Writes a table; `none` if it would have no rows.
    #[must_use]
    pub fn table(mut self, titles: &[&str], rows: Vec<Vec<Word>>, none: &str) -> Self {
        if rows.is_empty() {
            return self.line([dim(none)]);
        }
        let mut table = Table::new();
        table.load_style(presets::NOTHING).enforce_styling();
        // What is painted ends with the text, so that line ends can be trimmed.
        table.style_text_only();
        match self.width {
            None => table.set_content_arrangement(ContentArrangement::Disabled),
            Some(width) => table
                .set_content_arrangement(ContentArrangement::Dynamic)
                .set_width(width),
        };
        table.set_header(titles.iter().map(|title| Tone::Dim.cell(Cell::new(title))));
        for row in rows {
            table.add_row(
                row.into_iter()
                    .map(|word| word.tone.cell(Cell::new(word.text))),
            );
        }
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        for line in table.to_string().lines() {
            self.text.push_str(line.trim_end());
            self.text.push('\n');
        }
        self
    }

    /// Says what could be done next.
    #[must_use]
    pub fn next(self, command: &str) -> Self {
        self.line([dim("next:"), command.into()])
    }

    /// Returns what was written.
    pub fn finish(self) -> String {
        self.text
    }
}

/// Returns the columns of the terminal, or none where output is no terminal.
pub fn terminal_width() -> Option<u16> {
    Table::new().width()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_cannot_command_the_terminal() {
        let word = Word::from("a\u{1b}[2Jb\u{7}\nc");
        assert_eq!(word.painted(), "a\u{fffd}[2Jb\u{fffd}\nc");
    }
}
