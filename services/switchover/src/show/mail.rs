//! Mails to look at, and what goes into DNS for them.

use std::path::PathBuf;

use notification::{DkimRecord, Preview};
use serde_json::{Value, json};

use super::{
    Shows, View,
    paper::{Paper, dim, strong},
};

/// Mails as they would be sent.
#[derive(Debug)]
pub struct Previewed<'a>(pub &'a [Preview]);

impl Shows for Previewed<'_> {
    fn people(&self, view: &View) -> String {
        self.0
            .iter()
            .fold(Paper::new(view), |paper, mail| {
                let lines = mail.text.lines();
                let paper = paper
                    .gap()
                    .line([dim(&mail.name)])
                    .line([strong(&mail.subject)])
                    .gap();
                lines.fold(paper, |paper, line| paper.line([line]))
            })
            .finish()
    }

    fn json(&self) -> Vec<Value> {
        let one = |mail: &Preview| json!({ "template": mail.name, "subject": mail.subject, "text": mail.text, "html": mail.html });
        self.0.iter().map(one).collect()
    }
}

/// Files that were written.
#[derive(Debug)]
pub struct Written<'a>(pub &'a [PathBuf]);

impl Shows for Written<'_> {
    fn people(&self, view: &View) -> String {
        self.0
            .iter()
            .fold(Paper::new(view), |paper, path| {
                paper.line([path.display().to_string()])
            })
            .finish()
    }

    fn json(&self) -> Vec<Value> {
        let one = |path: &PathBuf| json!({ "file": path.display().to_string() });
        self.0.iter().map(one).collect()
    }
}

/// Records by which others check signatures.
#[derive(Debug)]
pub struct Recorded<'a>(pub &'a [DkimRecord]);

impl Shows for Recorded<'_> {
    fn people(&self, view: &View) -> String {
        // Not broken into lines: it is to be copied.
        let whole = View {
            width: None,
            ..view.clone()
        };
        self.0
            .iter()
            .fold(Paper::new(&whole), |paper, record| {
                paper.line([record.zone_line()])
            })
            .finish()
    }

    fn json(&self) -> Vec<Value> {
        let one = |record: &DkimRecord| json!({ "name": record.name, "type": "TXT", "text": record.text });
        self.0.iter().map(one).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::samples::view;

    #[test]
    fn a_record_is_one_line_to_copy_and_whole_for_programs() {
        let record = DkimRecord {
            name: "s._domainkey.example.com".to_owned(),
            text: "x".repeat(300),
        };
        let records = [record.clone()];
        let people = Recorded(&records).people(&view());
        assert_eq!(people.trim_end(), record.zone_line());
        assert_eq!(Recorded(&records).json()[0]["text"], record.text);
    }
}
