//! Sentences with places for values, and the values. A value is text, whatever is in it: in HTML it is
//! escaped, and mail programs make no links of it.

use std::{borrow::Cow, collections::BTreeMap};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A sentence or more, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Phrase {
    written: Box<str>,
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(Box<str>),
    Value(Box<str>),
    Strong(Vec<Piece>),
    Code(Vec<Piece>),
}

/// What a sentence becomes part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// A head field: names stay as they are.
    Line,
    /// Text of a mail.
    Text,
    /// HTML of a mail.
    Html,
}

/// A value that a text wants and nobody has given. Only its name is told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no `{0}`")]
pub(crate) struct Missing(pub(crate) Box<str>);

/// What goes into texts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Values(BTreeMap<Cow<'static, str>, Value>);

/// What goes into a text. Events are kept with these: what a word means here never changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Value {
    /// What somebody chose: shown such that no link is made of it. Empty is as good as none.
    Name(String),
    /// Made of checked parts.
    Plain(String),
    /// Whether something is so; cannot be shown.
    Flag(bool),
    /// A time; to be shown, it must be written in some language.
    Time(Timestamp),
}

impl Values {
    /// Adds what somebody chose.
    pub(crate) fn name(&mut self, name: &'static str, text: impl Into<String>) {
        self.0.insert(name.into(), Value::Name(text.into()));
    }

    /// Adds what is made of checked parts.
    pub(crate) fn plain(&mut self, name: &'static str, text: impl Into<String>) {
        self.0.insert(name.into(), Value::Plain(text.into()));
    }

    /// Adds whether something is so.
    pub(crate) fn flag(&mut self, name: &'static str, is: bool) {
        self.0.insert(name.into(), Value::Flag(is));
    }

    /// Adds a time.
    pub(crate) fn time(&mut self, name: &'static str, time: Timestamp) {
        self.0.insert(name.into(), Value::Time(time));
    }

    /// Has every time written by `write`.
    pub(super) fn times_written(
        mut self,
        write: impl Fn(Timestamp) -> Result<String, Missing>,
    ) -> Result<Self, Missing> {
        for value in self.0.values_mut() {
            if let Value::Time(time) = value {
                *value = Value::Plain(write(*time)?);
            }
        }
        Ok(self)
    }

    /// Returns the text of a value.
    pub(crate) fn text(&self, name: &str) -> Result<&str, Missing> {
        match self.0.get(name) {
            Some(Value::Name(text) | Value::Plain(text)) => Ok(text),
            Some(Value::Flag(_) | Value::Time(_)) | None => Err(Missing(name.into())),
        }
    }

    /// Tells whether a value is true, or there is any text of it.
    pub(crate) fn is(&self, name: &str) -> Result<bool, Missing> {
        match self.0.get(name) {
            Some(Value::Flag(is)) => Ok(*is),
            Some(Value::Name(text) | Value::Plain(text)) => Ok(!text.is_empty()),
            Some(Value::Time(_)) => Ok(true),
            None => Err(Missing(name.into())),
        }
    }
}

impl Phrase {
    /// Takes a sentence apart: `{name}` is a value, `*so*` is important, `` `so` `` is for a terminal.
    pub(super) fn read(text: &str) -> Result<Self, &'static str> {
        let mut rest = text;
        let pieces = pieces(&mut rest, None)?;
        Ok(Self {
            written: text.into(),
            pieces,
        })
    }

    /// Returns the source.
    pub(super) fn as_written(&self) -> &str {
        &self.written
    }

    /// Returns the names of the values in it.
    #[cfg(test)]
    pub(super) fn values(&self) -> Vec<&str> {
        fn collect<'p>(pieces: &'p [Piece], names: &mut Vec<&'p str>) {
            for piece in pieces {
                match piece {
                    Piece::Text(_) => {}
                    Piece::Value(name) => names.push(name),
                    Piece::Strong(inner) | Piece::Code(inner) => collect(inner, names),
                }
            }
        }
        let mut names = Vec::new();
        collect(&self.pieces, &mut names);
        names
    }

    /// Puts the values in.
    ///
    /// # Errors
    /// If one is missing.
    pub(crate) fn render(&self, values: &Values, style: Style) -> Result<String, Missing> {
        let mut out = String::new();
        render(&self.pieces, values, style, &mut out)?;
        Ok(out)
    }
}

fn pieces(rest: &mut &str, end: Option<char>) -> Result<Vec<Piece>, &'static str> {
    let mut pieces = Vec::new();
    let mut text = String::new();
    loop {
        let mut chars = rest.chars();
        let Some(c) = chars.next() else {
            if end.is_some() {
                return Err("has a sign that is opened and not closed");
            }
            break;
        };
        *rest = chars.as_str();
        if Some(c) == end {
            break;
        }
        let piece = match c {
            '{' => {
                let (name, after) = rest.split_once('}').ok_or("has a value without an end")?;
                *rest = after;
                Piece::Value(name.into())
            }
            '*' => Piece::Strong(self::pieces(rest, Some('*'))?),
            '`' => Piece::Code(self::pieces(rest, Some('`'))?),
            c => {
                text.push(c);
                continue;
            }
        };
        if !text.is_empty() {
            pieces.push(Piece::Text(std::mem::take(&mut text).into()));
        }
        pieces.push(piece);
    }
    if !text.is_empty() {
        pieces.push(Piece::Text(text.into()));
    }
    Ok(pieces)
}

fn render(
    pieces: &[Piece],
    values: &Values,
    style: Style,
    out: &mut String,
) -> Result<(), Missing> {
    for piece in pieces {
        match piece {
            Piece::Text(text) => put(text, style, out),
            Piece::Value(name) => {
                let text = values.text(name)?;
                match (values.0.get(&**name), style) {
                    (Some(Value::Name(_)), Style::Text | Style::Html) => {
                        put(&unlinked(text), style, out);
                    }
                    _ => put(text, style, out),
                }
            }
            Piece::Strong(inner) => around(inner, values, style, "strong", out)?,
            Piece::Code(inner) => around(inner, values, style, "code", out)?,
        }
    }
    Ok(())
}

fn around(
    inner: &[Piece],
    values: &Values,
    style: Style,
    tag: &str,
    out: &mut String,
) -> Result<(), Missing> {
    match style {
        Style::Html => {
            out.push_str(&format!("<{tag}>"));
            render(inner, values, style, out)?;
            out.push_str(&format!("</{tag}>"));
            Ok(())
        }
        Style::Line | Style::Text => render(inner, values, style, out),
    }
}

fn put(text: &str, style: Style, out: &mut String) {
    match style {
        Style::Html => escape(text, out),
        Style::Line | Style::Text => out.push_str(text),
    }
}

/// Writes text such that HTML shows it as it is, in elements and in quoted attributes.
pub(crate) fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
}

/// Joins what mail programs look for in texts, so that `evil.example` as a name stays a name: a word
/// joiner takes no space and stands in no address.
fn unlinked(name: &str) -> String {
    let mut shown = String::with_capacity(name.len());
    let mut chars = name.chars().peekable();
    while let Some(c) = chars.next() {
        shown.push(c);
        let inside = chars.peek().is_some_and(|next| !next.is_whitespace());
        if inside && matches!(c, '.' | ':' | '/' | '@' | '#') {
            shown.push('\u{2060}');
        }
    }
    // `www` is looked for even without what follows it.
    shown
        .replace("www", "w\u{2060}ww")
        .replace("WWW", "W\u{2060}WW")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values() -> Values {
        let mut values = Values::default();
        values.name("name", "<b>*x*</b> & `y` {z} www.evil.example");
        values.plain("link", "https://e.example/x");
        values.name("none", "");
        values.flag("so", true);
        values
    }

    #[test]
    fn a_value_is_text_whatever_is_in_it() {
        let phrase = Phrase::read("*{name}*: `{link}`").unwrap();
        assert_eq!(
            phrase.render(&values(), Style::Html).unwrap(),
            "<strong>&lt;b&gt;*x*&lt;/\u{2060}b&gt; &amp; `y` {z} w\u{2060}ww.\u{2060}evil.\u{2060}example</strong>: \
             <code>https://e.example/x</code>"
        );
        assert_eq!(
            phrase.render(&values(), Style::Line).unwrap(),
            "<b>*x*</b> & `y` {z} www.evil.example: https://e.example/x"
        );
    }

    #[test]
    fn what_is_missing_is_an_error_that_tells_its_name_alone() {
        for wanted in ["{other}", "*{other}*", "{so}"] {
            let error = Phrase::read(wanted).unwrap().render(&values(), Style::Text);
            assert!(error.is_err(), "{wanted}");
        }
        assert_eq!(values().is("so"), Ok(true));
        assert_eq!(values().is("none"), Ok(false));
        assert_eq!(values().is("other"), Err(Missing("other".into())));
    }
}
