//! A tenant's contact with a browser: opens the link of a mail, reads the page, fills in the form,
//! sends it.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use http::{Method, StatusCode};

use crate::http_client::{Answer, get, send};

/// What a contact chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// The tenant's users may use the version.
    Accept,
    /// They may not.
    Deny,
}

/// How long a contact reads before the form is sent: the page takes none that comes back sooner
/// than two seconds after it was made.
const READING: Duration = Duration::from_millis(2100);

/// Opens the link, reads, chooses, types the word that the page asks for, and sends the form.
/// Returns the page that is shown in the end: if the link's page has no form any more, that one.
///
/// # Errors
/// When the form is not taken.
pub async fn decide(link: &str, choice: Choice) -> Result<Answer> {
    let page = get(link, &[("accept", "text/html")]).await?;
    let text = page.text();
    let Some(fields) = form(&text, choice) else {
        return Ok(page);
    };
    let word = word(&text).context("the page shows the word to type")?;
    read().await;
    let fields = fields.iter().map(|(name, value)| match name.as_str() {
        "typed" => (name, word.as_str()),
        _ => (name, value.as_str()),
    });
    let body = fields.map(|(name, value)| format!("{}={}", encoded(name), encoded(value)));
    let body = body.collect::<Vec<_>>().join("&");
    let origin = link
        .split("/consent/")
        .next()
        .context("a link to a consent page")?;
    let headers = [
        ("accept", "text/html"),
        ("content-type", "application/x-www-form-urlencoded"),
        ("origin", origin),
        ("sec-fetch-site", "same-origin"),
        ("sec-fetch-user", "?1"),
    ];
    let answer = send(Method::POST, link, &headers, Bytes::from(body)).await?;
    if answer.status == StatusCode::SEE_OTHER {
        return get(link, &[("accept", "text/html")]).await;
    }
    if answer.status == StatusCode::GONE {
        return Ok(answer);
    }
    bail!(
        "the decision was answered {}: {}",
        answer.status,
        answer.text()
    )
}

#[expect(
    clippy::disallowed_methods,
    reason = "a contact who reads: the time itself is what the page looks at"
)]
async fn read() {
    tokio::time::sleep(READING).await;
}

/// Returns the word that a reader sees where the page asks for it.
fn word(page: &str) -> Option<String> {
    let (_, asked) = page.split_once("id=\"word\"")?;
    let (_, word) = asked.split_once("<b translate=\"no\">")?;
    Some(word.split_once("</b>")?.0.to_owned())
}

/// Returns what the page's form would send with this choice made; `None` when the page has no
/// form, or none that offers the choice.
fn form(page: &str, choice: Choice) -> Option<Vec<(String, String)>> {
    let wanted = match choice {
        Choice::Accept => "accept",
        Choice::Deny => "deny",
    };
    let form = page
        .split("<form")
        .skip(1)
        .find(|form| form.contains(&format!("value=\"{wanted}\"")))?;
    let form = form.split("</form>").next()?;
    let tags = form
        .split('<')
        .filter(|tag| tag.starts_with("input") || tag.starts_with("button"));
    let fields = tags.filter_map(|tag| {
        let name = attribute(tag, "name")?;
        let value = attribute(tag, "value").unwrap_or_default();
        let kind = attribute(tag, "type").unwrap_or_default();
        let sent = match kind.as_str() {
            "radio" | "submit" => value == wanted,
            _ => true,
        };
        sent.then_some((name, value))
    });
    Some(fields.collect())
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
    let (value, _) = rest.split_once('"')?;
    Some(
        value
            .replace("&amp;", "&")
            .replace("&#x2f;", "/")
            .replace("&quot;", "\""),
    )
}

fn encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(char::from(byte))
            }
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}
