//! A letter as plain text: short lines, its title and headings underlined, links on lines of their own.

use crate::texts::{Form, Letter, Missing, Style, Texts, Values};

/// The longest line, where words allow it.
const WIDTH: usize = 76;

/// Writes a letter.
pub(super) fn mail(texts: &Texts, letter: &Letter, values: &Values) -> Result<String, Missing> {
    let hello = if values.is("reader")? {
        "hello"
    } else {
        "hello_all"
    };
    let say = |name: &'static str| texts.common(name)?.render(values, Style::Text);
    let mut text = underlined(&letter.title.render(values, Style::Text)?, "=");
    text.push('\n');
    text.push_str(&wrapped(&say(hello)?));
    let mut under_heading = false;
    for block in &letter.blocks {
        if !block.is_there(values)? {
            continue;
        }
        let said = block.phrase.render(values, Style::Text)?;
        if !std::mem::replace(&mut under_heading, block.form == Form::Heading) {
            text.push('\n');
        }
        match block.form {
            Form::Paragraph => text.push_str(&wrapped(&said)),
            Form::Heading => text.push_str(&underlined(&said, "-")),
            Form::Button | Form::Danger => {
                text.push_str(&wrapped(&format!("{said}:")));
                text.push_str(&format!("\n{}\n", values.text("link")?));
            }
            Form::Quote => {
                for line in said.lines() {
                    text.push_str(&wrapped(line));
                }
            }
        }
    }
    text.push_str("\n-- \n");
    text.push_str(&wrapped(&say("sent_by")?));
    if values.is("unsubscribe")? {
        let link = values.text("unsubscribe")?;
        text.push_str(&format!("{}:\n{link}\n", say("unsubscribe_text")?));
    }
    Ok(text)
}

/// Draws a line under a text, as long as its longest line.
fn underlined(text: &str, sign: &str) -> String {
    let lines = wrapped(text);
    let width = lines.lines().map(|line| line.chars().count()).max();
    let under = sign.repeat(width.unwrap_or_default());
    format!("{lines}{under}\n")
}

/// Breaks lines between words.
fn wrapped(text: &str) -> String {
    let mut lines = String::with_capacity(text.len() + 8);
    let mut width = 0;
    for word in text.split_whitespace() {
        let long = word.chars().count();
        if width > 0 && width + 1 + long > WIDTH {
            lines.push('\n');
            width = 0;
        }
        if width > 0 {
            lines.push(' ');
            width += 1;
        }
        lines.push_str(word);
        width += long;
    }
    lines.push('\n');
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_between_words_and_keep_every_one() {
        let text = "a bb ccc ".repeat(100);
        let lines = wrapped(&text);
        assert!(lines.lines().all(|line| line.chars().count() <= WIDTH));
        assert_eq!(
            lines.split_whitespace().collect::<Vec<_>>(),
            text.split_whitespace().collect::<Vec<_>>()
        );
        let long = "x".repeat(200);
        assert_eq!(wrapped(&format!("a {long} b")), format!("a\n{long}\nb\n"));
        assert_eq!(wrapped(""), "\n");
    }
}
