//! A tenant's contact with a browser: opens the link of a mail, reads the form, sends it.

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

/// Opens the link, chooses, sends the form and, where the page asks once more, confirms. Returns
/// the page that is shown in the end.
///
/// # Errors
/// When the page holds no form or does not come to an end.
pub async fn decide(link: &str, choice: Choice) -> Result<Answer> {
    let mut page = get(link, &[("accept", "text/html")]).await?;
    for _ in 0..3 {
        let Some(fields) = form(&page.text(), choice) else {
            return Ok(page);
        };
        let body = fields
            .iter()
            .map(|(name, value)| format!("{}={}", encoded(name), encoded(value)));
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
        page = send(Method::POST, link, &headers, Bytes::from(body)).await?;
        if page.status == StatusCode::SEE_OTHER {
            return get(link, &[("accept", "text/html")]).await;
        }
        if !page.status.is_success() {
            bail!("the decision was answered {}: {}", page.status, page.text());
        }
    }
    bail!("the page asked again and again")
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
