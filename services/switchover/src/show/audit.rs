//! The audit log as people read it.

use std::path::PathBuf;

use audit::{Head, Service, chain::Broken};
use proto::{access::v1::Role, audit::v1::AuditEntry};
use serde_json::{Value, json};

use super::{
    Shows, View,
    paper::{Paper, Word, bad, dim, good, or_nothing, strong},
    words::{dim_time, id, time},
};

/// A page of entries.
pub fn entries(entries: &[AuditEntry], view: &View) -> String {
    let rows = entries.iter().map(|entry| {
        vec![
            dim_time(entry.time, view),
            strong(short(entry)),
            who(entry),
            method(entry).into(),
            entry.resource.as_str().into(),
            or_nothing(&entry.reason),
        ]
    });
    Paper::new(view)
        .table(
            &["TIME", "ENTRY", "WHO", "WHAT", "TO WHAT", "WHY"],
            rows.collect(),
            "Nothing was changed that fits.",
        )
        .finish()
}

/// What the latest of all services say below themselves when there are more.
pub fn more(shown: usize, view: &View) -> String {
    let shown = entries_said(i64::try_from(shown).unwrap_or(i64::MAX));
    Paper::new(view)
        .line([dim(format!(
            "{shown} shown, there are more: --page-size, or --service and --all"
        ))])
        .finish()
}

/// One entry with all that it says.
pub fn entry(entry: &AuditEntry, view: &View) -> String {
    Paper::new(view)
        .line([strong(short(entry)), method(entry).into()])
        .facts([
            ("when", time(entry.time, view)),
            ("who", who(entry)),
            ("to what", entry.resource.as_str().into()),
            ("why", or_nothing(&entry.reason)),
            ("request", dim(&entry.request_id)),
            ("asked", pretty(&entry.asked)),
            ("before", pretty(&entry.before)),
            ("after", pretty(&entry.after)),
            ("hash", dim(&entry.hash)),
            ("the one before", dim(&entry.previous_hash)),
        ])
        .finish()
}

fn entries_said(number: i64) -> String {
    match number {
        1 => "1 entry".to_owned(),
        _ => format!("{number} entries"),
    }
}

fn short(entry: &AuditEntry) -> String {
    let service = entry.name.split('/').nth(1).unwrap_or_default();
    format!("{service}/{}", entry.number)
}

fn method(entry: &AuditEntry) -> &str {
    id(&entry.method)
}

fn who(entry: &AuditEntry) -> Word {
    match entry.role() {
        Role::Anyone => format!("{} (by link)", entry.actor).into(),
        _ if entry.person.is_empty() => entry.actor.as_str().into(),
        _ => format!("{} ({})", entry.actor, entry.person).into(),
    }
}

/// JSON, one member a line.
fn pretty(json: &str) -> Word {
    match serde_json::from_str::<Value>(json) {
        Ok(value) => serde_json::to_string_pretty(&value)
            .unwrap_or_default()
            .into(),
        Err(_) => or_nothing(json),
    }
}

/// What a check of logs has found.
pub struct Checked {
    /// The file; none for the services themselves.
    pub path: Option<PathBuf>,
    /// Where each log ends, or what is wrong with it.
    pub logs: Vec<(Service, Result<Head, Broken>)>,
    /// Heads that were to be there and are not.
    pub missing_heads: Vec<String>,
}

impl Checked {
    fn next(&self) -> &'static str {
        "Compare with an earlier export and with backups: whoever may write to the service's database could have done it."
    }
}

impl Shows for Checked {
    fn people(&self, view: &View) -> String {
        let mut paper = Paper::new(view);
        let mut broken = !self.missing_heads.is_empty();
        for (service, outcome) in &self.logs {
            paper = match outcome {
                Ok(head) => paper.line([
                    strong(format!("{}:", service.as_str())),
                    good(format!("{}, all as written;", entries_said(head.number))),
                    "head".into(),
                    Word::from(head.hash.as_str()),
                ]),
                Err(why) => {
                    broken = true;
                    paper.line([
                        strong(format!("{}:", service.as_str())),
                        bad(format!("{why}.")),
                    ])
                }
            };
        }
        for head in &self.missing_heads {
            paper = paper.line([
                strong(format!("head {head}:")),
                bad("is not there: entries were cut off, or the log was written anew."),
            ]);
        }
        if let Some(path) = self.path.as_ref().filter(|_| !broken) {
            paper = paper.line([dim(format!("file: {}", path.display()))]);
        }
        let next = if broken {
            self.next()
        } else {
            "Keep the heads elsewhere, and give them next time: switchover audit verify --head HASH"
        };
        paper.line([dim("next:"), next.into()]).finish()
    }

    fn json(&self) -> Vec<Value> {
        let logs = self.logs.iter().map(|(service, outcome)| match outcome {
            Ok(head) => json!({
                "service": service.as_str(),
                "entries": head.number,
                "head": head.hash,
                "broken": null,
            }),
            Err(why) => json!({
                "service": service.as_str(),
                "broken": { "number": why.number(), "what": why.to_string() },
            }),
        });
        let logs: Vec<_> = logs.collect();
        vec![json!({
            "file": self.path,
            "logs": logs,
            "missingHeads": self.missing_heads,
        })]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::samples::{at, plain, view};

    fn denied() -> AuditEntry {
        AuditEntry {
            name: "services/provisioning/auditEntries/7".to_owned(),
            number: 7,
            time: at(0),
            role: Role::TenantAdmin.into(),
            actor: "tenants/bert".to_owned(),
            person: "people/tom".to_owned(),
            method: "/switchover.provisioning.v1.ConsentService/DecideProvisioning".to_owned(),
            resource: "tenants/bert/applications/shop/provisionings/2.0".to_owned(),
            ..AuditEntry::default()
        }
    }

    #[test]
    fn a_tenants_administrator_is_named_with_the_person() {
        let by_token = denied();
        for text in [entry(&by_token, &view()), entries(&[by_token], &view())] {
            assert!(plain(&text).contains("tenants/bert (people/tom)"), "{text}");
        }
        let by_key = AuditEntry {
            person: String::new(),
            ..denied()
        };
        assert!(!plain(&entry(&by_key, &view())).contains("("));
        let by_link = AuditEntry {
            role: Role::Anyone.into(),
            ..by_key
        };
        assert!(plain(&entry(&by_link, &view())).contains("tenants/bert (by link)"));
    }
}
