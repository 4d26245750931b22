//! What went wrong, why, and what to do next.

use contract::{Problem, RequestId};
use serde_json::json;

use super::paper::{Word, bad, dim, strong};
use crate::error::{Error, WrongLine};

/// Words an error for people.
pub fn people(error: &Error) -> String {
    match error {
        Error::Service {
            problem,
            request_id,
        } => service(problem, request_id),
        Error::Usage { message, hint } => {
            let mut text = headline(message);
            text.push_str(&hinted(hint.as_deref()));
            text
        }
        // The view of the switch, or of the history, has said it all.
        Error::SwitchGivenUp | Error::Contradicted | Error::Incomplete { .. } => String::new(),
        Error::Lines { path, wrong, more } => lines(path, wrong, *more),
        Error::Declined => line([dim("Nothing was changed.")]),
        Error::Tampered { .. } | Error::History { .. } | Error::Runtime(_) | Error::Output(_) => {
            headline(&error.to_string())
        }
    }
}

/// Words an error for programs.
pub fn json(error: &Error) -> serde_json::Value {
    let content = match error {
        Error::Service {
            problem,
            request_id,
        } => {
            let fields: Vec<_> = problem
                .fields()
                .iter()
                .map(|field| {
                    json!({
                        "field": field.field,
                        "reason": field.fault.as_str(),
                        "description": field.description,
                    })
                })
                .collect();
            json!({
                "message": problem.message(),
                "reason": problem.reason().as_str(),
                "next": problem.hint(),
                "resource": problem.about(),
                "fields": fields,
                "metadata": problem.metadata(),
                "requestId": request_id.to_string(),
            })
        }
        Error::Usage { message, hint } => {
            json!({ "message": message, "reason": "USAGE", "next": hint })
        }
        Error::SwitchGivenUp => {
            json!({ "message": error.to_string(), "reason": "SWITCH_GIVEN_UP" })
        }
        Error::Incomplete { failed } => {
            json!({ "message": error.to_string(), "reason": "INCOMPLETE", "failed": failed })
        }
        Error::Lines { wrong, more, .. } => {
            let lines = wrong
                .iter()
                .map(|line| json!({ "line": line.number, "description": line.why }));
            let lines: Vec<_> = lines.collect();
            json!({ "message": error.to_string(), "reason": "WRONG_LINES", "lines": lines, "more": more })
        }
        Error::Declined => json!({ "message": error.to_string(), "reason": "DECLINED" }),
        Error::Contradicted => json!({ "message": error.to_string(), "reason": "CONTRADICTED" }),
        Error::Tampered { .. } => json!({ "message": error.to_string(), "reason": "TAMPERED" }),
        Error::History { .. } => json!({ "message": error.to_string(), "reason": "HISTORY" }),
        Error::Runtime(_) => json!({ "message": error.to_string(), "reason": "CONFIGURATION" }),
        Error::Output(_) => json!({ "message": error.to_string(), "reason": "OUTPUT" }),
    };
    json!({ "error": content })
}

fn service(problem: &Problem, request_id: &RequestId) -> String {
    let mut text = headline(problem.message());
    // One wrong field is the message already.
    if problem.fields().len() > 1 {
        for field in problem.fields() {
            let name = strong(format!("  {}:", field.field));
            text.push_str(&line([name, field.description.as_str().into()]));
        }
    }
    text.push_str(&hinted(problem.hint()));
    let reason = format!("  reason {} · request {request_id}", problem.reason());
    text.push_str(&line([dim(reason)]));
    text
}

fn lines(path: &str, wrong: &[WrongLine], more: usize) -> String {
    let count = wrong.len() + more;
    let mut text = headline(&match count {
        1 => format!("{path} has a wrong line; nothing was sent."),
        count => format!("{path} has {count} wrong lines; nothing was sent."),
    });
    for WrongLine { number, why } in wrong {
        text.push_str(&line([
            strong(format!("  line {number}:")),
            why.as_str().into(),
        ]));
    }
    if more > 0 {
        text.push_str(&line([dim(format!("  and {more} more"))]));
    }
    text.push_str(&hinted(Some("Mend the lines, and give the file again.")));
    text
}

fn headline(message: &str) -> String {
    line([bad("error:"), message.into()])
}

fn hinted(hint: Option<&str>) -> String {
    hint.map(|hint| line([dim("  next:"), hint.into()]))
        .unwrap_or_default()
}

fn line(words: impl IntoIterator<Item = Word>) -> String {
    let words: Vec<_> = words.into_iter().map(|word| word.painted()).collect();
    format!("{}\n", words.join(" "))
}
