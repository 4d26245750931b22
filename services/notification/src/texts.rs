//! The texts of mails and events: one file a language under `texts/`, from which plain text and HTML are
//! made alike. They are taken apart before any value is put in, so that no value is ever read as a sign.

use std::{collections::BTreeMap, sync::LazyLock};

use jiff::Timestamp;

use contract::Language;

mod piece;

pub(crate) use piece::{Missing, Phrase, Style, Values, escape};

/// Everything that mails and events say in one language.
#[derive(Debug)]
pub(crate) struct Texts {
    common: BTreeMap<Box<str>, Phrase>,
    months: Vec<Box<str>>,
    letters: BTreeMap<Box<str>, Letter>,
    events: BTreeMap<Box<str>, Event>,
}

/// What one event says.
#[derive(Debug)]
struct Event {
    title: Phrase,
    blocks: Vec<Block>,
}

/// What one mail says.
#[derive(Debug)]
pub(crate) struct Letter {
    /// Its subject line.
    pub(crate) subject: Phrase,
    /// Its heading.
    pub(crate) title: Phrase,
    /// The rest, from top to bottom.
    pub(crate) blocks: Vec<Block>,
}

/// A part of a mail, and when it is there.
#[derive(Debug)]
pub(crate) struct Block {
    when: When,
    /// What it is.
    pub(crate) form: Form,
    /// What it says.
    pub(crate) phrase: Phrase,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum When {
    Always,
    Is(Box<str>),
    IsNot(Box<str>),
}

/// What a part of a mail is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Sentences.
    Paragraph,
    /// What follows is about this.
    Heading,
    /// Leads to the value `link`.
    Button,
    /// The same, with consequences.
    Danger,
    /// What somebody wrote, its lines as they are.
    Quote,
}

/// A source that cannot be read; a test reads all that are compiled in.
#[derive(Debug, thiserror::Error)]
#[error("line {line}: {what}")]
pub(crate) struct SourceError {
    line: usize,
    what: &'static str,
}

impl Texts {
    /// Returns the texts of a language.
    ///
    /// # Panics
    /// Never: a test reads them all.
    pub(crate) fn of(language: Language) -> &'static Self {
        static ENGLISH: LazyLock<Texts> =
            LazyLock::new(|| compiled(include_str!("../texts/en.txt")));
        static GERMAN: LazyLock<Texts> =
            LazyLock::new(|| compiled(include_str!("../texts/de.txt")));
        match language {
            Language::English => &ENGLISH,
            Language::German => &GERMAN,
        }
    }

    /// Returns the title and the sentences of the event of this name.
    pub(crate) fn event(&self, name: &str, values: &Values) -> Result<(String, String), Missing> {
        let event = self.events.get(name).ok_or(Missing(name.into()))?;
        let mut sentences = Vec::new();
        for block in &event.blocks {
            if block.is_there(values)? {
                sentences.push(block.phrase.render(values, Style::Line)?);
            }
        }
        let title = event.title.render(values, Style::Line)?;
        Ok((title, sentences.join(" ")))
    }

    /// Returns what the letter of this name says.
    pub(crate) fn letter(&self, name: &'static str) -> Result<&Letter, Missing> {
        self.letters.get(name).ok_or(Missing(name.into()))
    }

    /// Returns a phrase that stands in more than one letter.
    pub(crate) fn common(&self, name: &'static str) -> Result<&Phrase, Missing> {
        self.common.get(name).ok_or(Missing(name.into()))
    }

    /// Writes a time as people read it, in UTC and to the minute.
    pub(crate) fn time(&self, time: Timestamp) -> Result<String, Missing> {
        let month = time.strftime("%-m").to_string();
        let month = month
            .parse::<usize>()
            .ok()
            .and_then(|m| self.months.get(m - 1));
        let mut values = Values::default();
        values.plain("day", time.strftime("%-d").to_string());
        values.plain("month", month.map_or("", |name| name));
        values.plain("year", time.strftime("%Y").to_string());
        values.plain("clock", time.strftime("%H:%M").to_string());
        self.common("date")?.render(&values, Style::Line)
    }
}

impl Values {
    /// Writes its times in the language of these texts.
    pub(crate) fn written(self, texts: &Texts) -> Result<Self, Missing> {
        self.times_written(|time| texts.time(time))
    }
}

fn compiled(source: &str) -> Texts {
    read(source).expect("a test reads every source that is compiled in")
}

/// Reads a source.
fn read(source: &str) -> Result<Texts, SourceError> {
    let mut sections: Vec<(usize, &str, Vec<Line<'_>>)> = Vec::new();
    for (number, line) in source.lines().enumerate() {
        let number = number + 1;
        if line.starts_with(';') {
            continue;
        }
        match line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            Some(name) => sections.push((number, name, Vec::new())),
            None => match sections.last_mut() {
                Some((_, _, lines)) => lines.push((number, line)),
                None if line.is_empty() => {}
                None => return Err(wrong(number, "stands before any section")),
            },
        }
    }
    let mut common = BTreeMap::new();
    let mut letters = BTreeMap::new();
    let mut events = BTreeMap::new();
    for (number, name, lines) in sections {
        let (mut head, blocks) = section(&lines)?;
        if name == "common" {
            common.append(&mut head);
            continue;
        }
        if let Some(name) = name.strip_prefix("event ") {
            let title = head.remove("title").ok_or(wrong(number, "lacks a title"))?;
            events.insert(name.into(), Event { title, blocks });
            continue;
        }
        let mut take = |field| {
            head.remove(field)
                .ok_or(wrong(number, "lacks subject or title"))
        };
        let letter = Letter {
            subject: take("subject")?,
            title: take("title")?,
            blocks,
        };
        letters.insert(name.into(), letter);
    }
    let months = match common.remove("months") {
        Some(months) => months.as_written().split(", ").map(Into::into).collect(),
        None => Vec::new(),
    };
    if months.len() != 12 {
        return Err(wrong(1, "there are not twelve months"));
    }
    Ok(Texts {
        common,
        months,
        letters,
        events,
    })
}

type Head = BTreeMap<Box<str>, Phrase>;
/// A line and its number.
type Line<'s> = (usize, &'s str);

/// Reads the head fields of a section, then its blocks.
fn section(lines: &[Line<'_>]) -> Result<(Head, Vec<Block>), SourceError> {
    let mut parts = lines
        .split(|(_, line)| line.is_empty())
        .filter(|part| !part.is_empty());
    let mut head = Head::new();
    for (number, line) in parts.next().unwrap_or_default() {
        let (name, text) = line
            .split_once(": ")
            .ok_or(wrong(*number, "is no head field"))?;
        head.insert(name.into(), phrase(*number, text)?);
    }
    let blocks = parts.map(block).collect::<Result<_, _>>()?;
    Ok((head, blocks))
}

fn block(lines: &[Line<'_>]) -> Result<Block, SourceError> {
    let number = lines.first().map_or(0, |(number, _)| *number);
    let lines: Vec<_> = lines.iter().map(|(_, line)| *line).collect();
    let text = lines.join(" ");
    let (when, text) = match text.strip_prefix('?') {
        None => (When::Always, text.as_str()),
        Some(rest) => {
            let (name, text) = rest
                .split_once(": ")
                .ok_or(wrong(number, "has a condition without an end"))?;
            match name.strip_prefix('!') {
                Some(name) => (When::IsNot(name.into()), text),
                None => (When::Is(name.into()), text),
            }
        }
    };
    const SIGNS: [(&str, Form); 4] = [
        ("## ", Form::Heading),
        ("(button) ", Form::Button),
        ("(danger) ", Form::Danger),
        ("> ", Form::Quote),
    ];
    let signed = SIGNS
        .into_iter()
        .find_map(|(sign, form)| Some((form, text.strip_prefix(sign)?)));
    let (form, text) = signed.unwrap_or((Form::Paragraph, text));
    Ok(Block {
        when,
        form,
        phrase: phrase(number, text)?,
    })
}

fn phrase(line: usize, text: &str) -> Result<Phrase, SourceError> {
    Phrase::read(text).map_err(|what| wrong(line, what))
}

fn wrong(line: usize, what: &'static str) -> SourceError {
    SourceError { line, what }
}

impl Block {
    /// Tells whether it is there with these values.
    pub(crate) fn is_there(&self, values: &Values) -> Result<bool, Missing> {
        match &self.when {
            When::Always => Ok(true),
            When::Is(name) => values.is(name),
            When::IsNot(name) => values.is(name).map(|is| !is),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMON: &str = "[common]\nmonths: a, b, c, d, e, f, g, h, i, j, k, l\n";

    #[test]
    fn languages_have_the_same_letters_with_the_same_parts() {
        let [english, german] = [Language::English, Language::German].map(Texts::of);
        assert_eq!(
            english.common.keys().collect::<Vec<_>>(),
            german.common.keys().collect::<Vec<_>>()
        );
        assert_eq!(
            english.letters.keys().collect::<Vec<_>>(),
            german.letters.keys().collect::<Vec<_>>()
        );
        assert_eq!(
            english.events.keys().collect::<Vec<_>>(),
            german.events.keys().collect::<Vec<_>>()
        );
        let form = |blocks: &[Block]| {
            let form = |block: &Block| (block.when.clone(), block.form);
            blocks.iter().map(form).collect::<Vec<_>>()
        };
        let values = |blocks: &[Block]| {
            let phrases = blocks.iter().map(|block| &block.phrase);
            let names = phrases.flat_map(Phrase::values).map(str::to_owned);
            names.collect::<std::collections::BTreeSet<_>>()
        };
        let letters = english.letters.iter().map(|(name, letter)| {
            let other = &german.letters[name].blocks;
            (name, &letter.blocks, other)
        });
        let events = english.events.iter().map(|(name, event)| {
            let other = &german.events[name].blocks;
            (name, &event.blocks, other)
        });
        for (name, one, other) in letters.chain(events) {
            assert_eq!(form(one), form(other), "{name}");
            assert_eq!(values(one), values(other), "{name}");
        }
    }

    #[test]
    fn times_read_as_each_language_writes_them() {
        let time = "2026-03-07T09:05:59Z".parse().unwrap();
        for (language, expected) in [
            (Language::English, "7 March 2026, 09:05 UTC"),
            (Language::German, "7. März 2026, 09:05 Uhr (UTC)"),
        ] {
            assert_eq!(Texts::of(language).time(time).unwrap(), expected);
        }
    }

    #[test]
    fn a_source_with_a_mistake_is_refused_with_its_line() {
        for (source, line) in [
            ("x", 1),
            ("[x]\nsubject x", 2),
            ("[x]\nsubject: x\n", 1),
            ("[x]\nsubject: {x\ntitle: x", 2),
            ("[x]\nsubject: x\ntitle: x\n\n*open", 5),
            ("[x]\nsubject: x\ntitle: x\n\n?when", 5),
            ("[common]\nmonths: a", 1),
        ] {
            assert_eq!(read(source).unwrap_err().line, line, "{source:?}");
        }
        let whole = format!("; a note\n\n{COMMON}[x]\nsubject: x\ntitle: y\n\n?a: > {{b}}\nc\n");
        let texts = read(&whole).unwrap();
        let block = &texts.letter("x").unwrap().blocks[0];
        assert_eq!(
            (&block.when, block.form),
            (&When::Is("a".into()), Form::Quote)
        );
    }
}
