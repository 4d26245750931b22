//! Reads the reports that mail servers send (RFC 3464): which mail came back, and why. They come from
//! anybody, so nothing in them is taken for more than a text.

use std::borrow::Cow;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::MessageId;

/// The most bytes of a report that are read: servers send back heads, and rarely whole mails.
const BYTES_MAX: usize = 1024 * 1024;
/// The most parts of a report that are looked at; it has three.
const PARTS_MAX: usize = 20;

/// A mail that came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bounce {
    /// The mail.
    pub message_id: MessageId,
    /// Why, in the other server's words, with its status before them.
    pub diagnostic: String,
}

/// A mail that says of no other that it came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoBounce {
    /// It is no report, or none that programs can read.
    #[error("this is not a report of a mail server (RFC 3464)")]
    NoReport,
    /// It reports that a mail is late, was passed on or arrived.
    #[error("this report says of no mail that it failed")]
    NotFailed,
    /// It does not say of which mail.
    #[error("this report does not hold the head of the mail that failed")]
    NoMail,
    /// There is more of it than is read.
    #[error("this is longer than the 1 MiB that are read of a report")]
    TooLarge,
}

/// Reads a report as it is in a mailbox.
///
/// # Errors
/// If it is none, or not of a mail that failed.
pub fn read(mail: &[u8]) -> Result<Bounce, NoBounce> {
    if mail.len() > BYTES_MAX {
        return Err(NoBounce::TooLarge);
    }
    // Mailboxes have lines with and without the carriage return.
    let text = String::from_utf8_lossy(mail).replace("\r\n", "\n");
    // A mailbox file has a line of its own before each mail.
    let text = match text.strip_prefix("From ") {
        Some(rest) => rest.split_once('\n').map_or("", |(_, rest)| rest),
        None => &text,
    };
    let (head, body) = split(text);
    let kind = field(head, "content-type").ok_or(NoBounce::NoReport)?;
    if !media_type(&kind).eq_ignore_ascii_case("multipart/report") {
        return Err(NoBounce::NoReport);
    }
    let boundary = parameter(&kind, "boundary").ok_or(NoBounce::NoReport)?;
    let (mut failed, mut status_seen, mut message_id) = (None, false, None);
    for part in parts(body, &boundary) {
        let (head, body) = split(part);
        let kind = field(head, "content-type").unwrap_or_default();
        let body = decoded(head, body);
        match media_type(&kind).to_ascii_lowercase().as_str() {
            "message/delivery-status" | "message/global-delivery-status" => {
                status_seen = true;
                failed = failed.or_else(|| failure(&body));
            }
            "message/rfc822"
            | "text/rfc822-headers"
            | "message/global"
            | "message/global-headers" => {
                let (head, _) = split(&body);
                message_id = message_id.or_else(|| field(head, "message-id")?.parse().ok());
            }
            _ => {}
        }
    }
    if !status_seen {
        return Err(NoBounce::NoReport);
    }
    Ok(Bounce {
        diagnostic: failed.ok_or(NoBounce::NotFailed)?,
        message_id: message_id.ok_or(NoBounce::NoMail)?,
    })
}

/// Returns the status and the words of the first recipient that failed (RFC 3464 section 2.3).
fn failure(status: &str) -> Option<String> {
    // The first group is of the report as a whole.
    status.split("\n\n").find_map(|group| {
        let action = field(group, "action")?;
        if !action.trim().eq_ignore_ascii_case("failed") {
            return None;
        }
        let code = field(group, "status").unwrap_or_default();
        let said = field(group, "diagnostic-code").unwrap_or_default();
        // What kind of words these are does not matter to people: `smtp; 550 …`.
        let said = said.split_once(';').map_or(said.as_str(), |(_, said)| said);
        let both = match (code.trim(), said.trim()) {
            ("", "") => "The report does not say why.".to_owned(),
            (code, "") => format!("{code}, without words."),
            (code, said) if code.is_empty() || said.contains(code) => said.to_owned(),
            (code, said) => format!("{code} {said}"),
        };
        Some(both)
    })
}

fn split(text: &str) -> (&str, &str) {
    match text.strip_prefix('\n') {
        Some(body) => ("", body),
        None => text.split_once("\n\n").unwrap_or((text, "")),
    }
}

/// Returns a field of a head, on one line.
fn field(head: &str, name: &str) -> Option<String> {
    let mut lines = head.lines().skip_while(|line| {
        let found = line
            .split_once(':')
            .is_some_and(|(found, _)| found.trim_end().eq_ignore_ascii_case(name));
        !found
    });
    let (_, value) = lines.next()?.split_once(':')?;
    let mut whole = value.trim().to_owned();
    for more in lines.take_while(|line| line.starts_with([' ', '\t'])) {
        whole.push(' ');
        whole.push_str(more.trim());
    }
    Some(whole)
}

fn media_type(kind: &str) -> &str {
    kind.split(';').next().unwrap_or_default().trim()
}

fn parameter(kind: &str, name: &str) -> Option<String> {
    kind.split(';').skip(1).find_map(|parameter| {
        let (found, value) = parameter.split_once('=')?;
        let value = value.trim().trim_matches('"');
        (found.trim().eq_ignore_ascii_case(name) && !value.is_empty()).then(|| value.to_owned())
    })
}

/// Returns the parts of a body (RFC 2046 section 5.1.1).
fn parts<'t>(body: &'t str, boundary: &str) -> Vec<&'t str> {
    let sign = format!("--{boundary}");
    let mut parts = Vec::new();
    let (mut begin, mut at) = (None, 0);
    for line in body.split_inclusive('\n') {
        if let Some(rest) = line.trim_end().strip_prefix(&sign)
            && matches!(rest, "" | "--")
        {
            if let Some(begin) = begin {
                parts.push(&body[begin..at]);
            }
            begin = (rest.is_empty() && parts.len() < PARTS_MAX).then_some(at + line.len());
        }
        at += line.len();
    }
    // Cut off at its end, it still tells what it told before.
    parts.extend(begin.map(|begin| &body[begin..]));
    parts
}

fn decoded<'t>(head: &str, body: &'t str) -> Cow<'t, str> {
    let encoding = field(head, "content-transfer-encoding").unwrap_or_default();
    match encoding.to_ascii_lowercase().as_str() {
        "base64" => {
            let plain: String = body.split_whitespace().collect();
            match STANDARD.decode(plain) {
                Ok(bytes) => String::from_utf8_lossy(&bytes).replace("\r\n", "\n").into(),
                Err(_) => body.into(),
            }
        }
        "quoted-printable" => quoted_printable(body).into(),
        _ => body.into(),
    }
}

/// Decodes what is ASCII in it, which all that is looked for is.
fn quoted_printable(text: &str) -> String {
    let joined = text.replace("=\n", "");
    let mut parts = joined.split('=');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let byte = part
            .get(..2)
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match byte.filter(u8::is_ascii) {
            Some(byte) => {
                plain.push(char::from(byte));
                plain.push_str(&part[2..]);
            }
            None => {
                plain.push('=');
                plain.push_str(part);
            }
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = "Return-Path: <>\r\n\
        Date: Mon, 23 Nov 2026 20:00:05 +0000\r\n\
        From: Mail Delivery System <MAILER-DAEMON@mx.example>\r\n\
        Subject: Undelivered Mail Returned to Sender\r\n\
        Content-Type: multipart/report; report-type=delivery-status;\r\n\
        \tboundary=\"9B095B5ADSN=_01/mx.example\"\r\n\
        \r\n\
        This is a MIME-encapsulated message.\r\n\
        \r\n\
        --9B095B5ADSN=_01/mx.example\r\n\
        Content-Description: Notification\r\n\
        Content-Type: text/plain; charset=us-ascii\r\n\
        \r\n\
        I am sorry. Message-ID: <not-this-one@example.com>\r\n\
        \r\n\
        --9B095B5ADSN=_01/mx.example\r\n\
        Content-Type: message/delivery-status\r\n\
        \r\n\
        Reporting-MTA: dns; mx.example\r\n\
        \r\n\
        Final-Recipient: rfc822; anna@acme.example\r\n\
        Action: failed\r\n\
        Status: 5.1.1\r\n\
        Diagnostic-Code: smtp; 550 5.1.1 <anna@acme.example>: no such\r\n \
            user here\r\n\
        \r\n\
        --9B095B5ADSN=_01/mx.example\r\n\
        Content-Type: message/rfc822\r\n\
        \r\n\
        From: Ops <ops@example.com>\r\n\
        Message-ID:\r\n <01a209fe-7200-7000-8707-070707070707@example.com>\r\n\
        \r\n\
        Hello\r\n\
        --9B095B5ADSN=_01/mx.example--\r\n";

    fn id() -> MessageId {
        "01a209fe-7200-7000-8707-070707070707@example.com"
            .parse()
            .unwrap()
    }

    #[test]
    fn a_report_tells_which_mail_and_the_servers_words() {
        let expected = Bounce {
            message_id: id(),
            diagnostic: "550 5.1.1 <anna@acme.example>: no such user here".to_owned(),
        };
        assert_eq!(read(REPORT.as_bytes()), Ok(expected.clone()));
        let unix = REPORT.replace("\r\n", "\n");
        assert_eq!(read(unix.as_bytes()), Ok(expected.clone()));
        let in_file = format!("From MAILER-DAEMON Mon Nov 23 20:00:05 2026\n{unix}");
        assert_eq!(read(in_file.as_bytes()), Ok(expected.clone()));
        let cut = REPORT.split_once("Hello").unwrap().0;
        assert_eq!(read(cut.as_bytes()), Ok(expected));
    }

    #[test]
    fn heads_alone_and_encoded_parts_are_read() {
        let unix = REPORT.replace("\r\n", "\n");
        let head = "Content-Type: text/rfc822-headers\nContent-Transfer-Encoding: quoted-printable\n\n\
            Subject: =C3=BC\nMessage-ID: <01a209fe-7200-7000-8707-070707=\n070707@example.com>\n";
        let (before, _) = unix.split_once("Content-Type: message/rfc822").unwrap();
        let bounce = read(format!("{before}{head}").as_bytes()).unwrap();
        assert_eq!(bounce.message_id, id());

        let status = STANDARD.encode("Reporting-MTA: x\r\n\r\nAction: Failed\r\nStatus: 5.7.1\r\n");
        let (before, rest) = unix
            .split_once("Content-Type: message/delivery-status\n\n")
            .unwrap();
        let (_, after) = rest.split_once("user here\n\n").unwrap();
        let encoded = format!(
            "{before}Content-Type: message/delivery-status\nContent-Transfer-Encoding: BASE64\n\n{status}\n{after}"
        );
        let bounce = read(encoded.as_bytes()).unwrap();
        assert_eq!(bounce.diagnostic, "5.7.1, without words.");
    }

    #[test]
    fn what_is_no_report_or_of_no_failure_is_told_apart() {
        for (from, to, expected) in [
            ("multipart/report", "multipart/mixed", NoBounce::NoReport),
            ("message/delivery-status", "text/plain", NoBounce::NoReport),
            ("Action: failed", "Action: delayed", NoBounce::NotFailed),
            ("Action: failed", "Action: delivered", NoBounce::NotFailed),
            ("Message-ID:\r\n <01", "X-ID:\r\n <01", NoBounce::NoMail),
            ("\r\n <01", "\r\n <no id 01", NoBounce::NoMail),
        ] {
            let text = REPORT.replace(from, to);
            assert_ne!(text, REPORT, "{from}");
            assert_eq!(read(text.as_bytes()), Err(expected), "{from} {to}");
        }
        for text in ["", "\n", "Subject: hi\n\nhello", "From x"] {
            assert_eq!(read(text.as_bytes()), Err(NoBounce::NoReport), "{text:?}");
        }
        let large = vec![b'x'; BYTES_MAX + 1];
        assert_eq!(read(&large), Err(NoBounce::TooLarge));
    }

    #[test]
    fn no_report_however_broken_stops_the_reader() {
        for end in 0..REPORT.len() {
            drop(read(&REPORT.as_bytes()[..end]));
            let mut bytes = REPORT.as_bytes().to_vec();
            bytes[end] = 0xff;
            drop(read(&bytes));
            bytes[end] = b'\n';
            drop(read(&bytes));
        }
    }
}
