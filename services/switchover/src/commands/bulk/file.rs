//! Reads a file of tenants whole before anything is sent, and says of each line what is wrong with it.

use std::{collections::BTreeMap, fs, path::Path};

use contract::TenantId;
use serde::Deserialize;

use crate::{
    args::Contact,
    error::{Error, WrongLine},
};

/// The most bytes of a file.
const BYTES_MAX: u64 = 256 << 20;
/// Wrong lines that are told; of more it is said how many.
const WRONG_MAX: usize = 20;
/// The columns, and the fields of an object.
const COLUMNS: [&str; 4] = ["tenant", "display_name", "contacts", "on_record"];

/// One tenant of a file.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) tenant: TenantId,
    pub(super) display_name: Option<String>,
    pub(super) contacts: Vec<Contact>,
    pub(super) on_record: Option<String>,
}

/// A line as it stands there.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    tenant: String,
    #[serde(default)]
    display_name: String,
    #[serde(default)]
    contacts: Vec<String>,
    #[serde(default)]
    on_record: String,
}

type Lines = Vec<(u64, Result<Raw, String>)>;

/// Reads a file.
pub(super) fn read(path: &Path) -> Result<Vec<Row>, Error> {
    let shown = path.display();
    let unreadable = |why: String| Error::usage(format!("{shown} cannot be read: {why}"), None);
    let size = fs::metadata(path).map_err(|error| unreadable(error.to_string()))?;
    if size.len() > BYTES_MAX {
        return Err(unreadable("it has more than 256 MB".to_owned()));
    }
    let text = fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?;
    let extension = path.extension().and_then(|extension| extension.to_str());
    let lines = match extension {
        Some("jsonl" | "ndjson" | "json") => objects(&text),
        Some(_) | None => table(&text),
    };
    check(lines).map_err(|wrong| {
        let more = wrong.len().saturating_sub(WRONG_MAX);
        Error::Lines {
            path: shown.to_string(),
            wrong: wrong.into_iter().take(WRONG_MAX).collect(),
            more,
        }
    })
}

/// Reads one object a line; empty lines count as lines and say nothing.
fn objects(text: &str) -> Lines {
    let lines = (1..).zip(text.lines());
    let lines = lines.filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(number, line)| {
            (
                number,
                serde_json::from_str(line).map_err(|why| why.to_string()),
            )
        })
        .collect()
}

/// Reads CSV whose first line names the columns.
fn table(text: &str) -> Lines {
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_reader(text.trim_start_matches('\u{feff}').as_bytes());
    let columns: Vec<String> = match reader.headers() {
        Ok(columns) => columns.iter().map(str::to_owned).collect(),
        Err(error) => return vec![(1, Err(error.to_string()))],
    };
    let known = |column: &String| COLUMNS.contains(&column.as_str());
    if let Some(unknown) = columns.iter().find(|column| !known(column)) {
        let why = format!(
            "there is no column {unknown:?}; there are {}",
            COLUMNS.join(", ")
        );
        return vec![(1, Err(why))];
    }
    if !columns.iter().any(|column| column == "tenant") {
        return vec![(
            1,
            Err("the first line must name the columns, with tenant".to_owned()),
        )];
    }
    let mut lines = Lines::new();
    for record in reader.records() {
        match record {
            Ok(record) => {
                let number = record.position().map_or(0, csv::Position::line);
                let mut raw = Raw::default();
                for (column, value) in columns.iter().zip(record.iter()) {
                    let value = value.to_owned();
                    match column.as_str() {
                        "tenant" => raw.tenant = value,
                        "display_name" => raw.display_name = value,
                        "contacts" => {
                            let contacts = value.split(';').map(str::trim);
                            let contacts = contacts.filter(|contact| !contact.is_empty());
                            raw.contacts = contacts.map(str::to_owned).collect();
                        }
                        _ => raw.on_record = value,
                    }
                }
                lines.push((number, Ok(raw)));
            }
            Err(error) => {
                let number = error.position().map_or(0, csv::Position::line);
                let why = match error.kind() {
                    csv::ErrorKind::UnequalLengths {
                        expected_len, len, ..
                    } => format!("it has {len} columns, and the first line {expected_len}"),
                    _ => error.to_string(),
                };
                lines.push((number, Err(why)));
            }
        }
    }
    lines
}

/// Parses every line, or says of each wrong one why.
fn check(lines: Lines) -> Result<Vec<Row>, Vec<WrongLine>> {
    let (mut rows, mut wrong) = (Vec::with_capacity(lines.len()), Vec::new());
    let mut seen: BTreeMap<TenantId, u64> = BTreeMap::new();
    for (number, line) in lines {
        let row =
            line.and_then(row)
                .and_then(|row| match seen.insert(row.tenant.clone(), number) {
                    Some(before) => Err(format!("{} is on line {before} already", row.tenant)),
                    None => Ok(row),
                });
        match row {
            Ok(row) => rows.push(row),
            Err(why) => wrong.push(WrongLine { number, why }),
        }
    }
    if rows.is_empty() && wrong.is_empty() {
        let why = "there is no tenant in it".to_owned();
        wrong.push(WrongLine { number: 1, why });
    }
    if wrong.is_empty() {
        Ok(rows)
    } else {
        Err(wrong)
    }
}

fn row(raw: Raw) -> Result<Row, String> {
    let text = |text: String| Some(text).filter(|text| !text.is_empty());
    let tenant = raw.tenant.parse::<TenantId>();
    let tenant = tenant.map_err(|why| format!("tenant {:?} {why}", raw.tenant))?;
    let contacts = raw.contacts.iter().map(|contact| {
        let read = contact.parse::<Contact>();
        read.map_err(|why| format!("contact {contact:?} {why}"))
    });
    Ok(Row {
        tenant,
        display_name: text(raw.display_name),
        contacts: contacts.collect::<Result<_, _>>()?,
        on_record: text(raw.on_record),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(lines: Lines) -> Vec<(u64, String)> {
        let wrong = check(lines).unwrap_err();
        wrong
            .into_iter()
            .map(|line| (line.number, line.why))
            .collect()
    }

    #[test]
    fn a_table_and_objects_say_the_same() {
        let csv = "\u{feff}tenant,display_name,contacts,on_record\n\
            anna,\"Anna, Inc.\",a@x.example=Anna Arendt; b@x.example,contract 7\n\
            bert,,,\n";
        let jsonl = r#"{"tenant":"anna","display_name":"Anna, Inc.","contacts":["a@x.example=Anna Arendt","b@x.example"],"on_record":"contract 7"}

{"tenant":"bert"}
"#;
        let of_table = check(table(csv)).unwrap();
        let of_objects = check(objects(jsonl)).unwrap();
        assert_eq!(format!("{of_table:?}"), format!("{of_objects:?}"));
        assert_eq!(of_table[0].contacts.len(), 2);
        assert_eq!(of_table[0].display_name.as_deref(), Some("Anna, Inc."));
        assert_eq!(of_table[1].on_record, None);
    }

    #[test]
    fn each_wrong_line_is_named_with_its_number_and_why() {
        let csv = "tenant,contacts\nanna,\nBert,\ncleo,no-address\nanna,\ndora\neve,e@x.example\n";
        let wrong_lines = wrong(table(csv));
        let numbers: Vec<_> = wrong_lines.iter().map(|(number, _)| *number).collect();
        assert_eq!(numbers, [3, 4, 5, 6]);
        assert!(wrong_lines[0].1.contains("\"Bert\""), "{wrong_lines:?}");
        assert!(wrong_lines[1].1.contains("no-address"));
        assert_eq!(wrong_lines[2].1, "anna is on line 2 already");
        assert_eq!(wrong_lines[3].1, "it has 1 columns, and the first line 2");
        let objects = wrong(objects(
            "{\"tenant\":\"anna\"}\nnonsense\n{\"tenant\":\"b1\",\"x\":1}\n",
        ));
        let numbers: Vec<_> = objects.iter().map(|(number, _)| *number).collect();
        assert_eq!(numbers, [2, 3]);
    }

    #[test]
    fn a_file_without_tenants_or_with_unknown_columns_is_refused() {
        for (text, why) in [
            ("", "must name the columns"),
            ("tenant\n", "no tenant in it"),
            ("name,tenant\nx,anna\n", "no column \"name\""),
            ("display_name\nx\n", "must name the columns"),
        ] {
            let lines = wrong(table(text));
            assert!(lines[0].1.contains(why), "{text:?}: {lines:?}");
        }
    }
}
