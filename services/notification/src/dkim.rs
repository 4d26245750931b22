//! Signs mails with DKIM (RFC 6376), so that whoever gets one can tell that it is from the operator's
//! domain and unchanged: with RSA, which everybody checks, with Ed25519 (RFC 8463), or with both.
//!
//! A mail is signed once, when it is written: each try sends the same bytes.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest as _, Sha256};

mod canonical;
mod key;

use canonical::Field;
pub use key::{Key, KeyFile, KeyFileError, Record, Selector};

/// What is signed of a mail's head if it is there. `List-Unsubscribe` and `List-Unsubscribe-Post` must
/// be (RFC 8058 section 4).
const SIGNED: [&str; 12] = [
    "from",
    "to",
    "subject",
    "date",
    "message-id",
    "auto-submitted",
    "content-language",
    "mime-version",
    "content-type",
    "reply-to",
    "list-unsubscribe",
    "list-unsubscribe-post",
];
/// What is signed once more than it is there: nobody can add another.
const SEALED: [&str; 9] = [
    "from",
    "to",
    "cc",
    "subject",
    "date",
    "reply-to",
    "content-type",
    "list-unsubscribe",
    "list-unsubscribe-post",
];
/// Names of a line of those that are signed.
const NAMES: usize = 5;
/// Characters of a line of a signature's base64.
const LINE: usize = 72;

/// Signs for one domain.
#[derive(Debug)]
pub(crate) struct Signer {
    /// The domain of whom mails come from: receivers compare the two (RFC 7489 section 3.1.1).
    domain: Box<str>,
    keys: Vec<Key>,
}

impl Signer {
    /// Signs for a domain with each of these keys; not at all without one.
    pub(crate) fn new(domain: &str, keys: Vec<Key>) -> Self {
        Self {
            domain: domain.to_lowercase().into(),
            keys,
        }
    }

    /// Puts a signature of each key before a mail.
    pub(crate) fn sign(&self, mail: Vec<u8>) -> Vec<u8> {
        if self.keys.is_empty() {
            return mail;
        }
        let (head, body) = canonical::split(&mail);
        let fields = canonical::fields(head);
        let body = STANDARD.encode(Sha256::digest(canonical::body(body)));
        let mut signed = Vec::new();
        for key in &self.keys {
            signed.extend_from_slice(self.field(key, &fields, &body).as_bytes());
        }
        signed.extend_from_slice(&mail);
        signed
    }

    fn field(&self, key: &Key, fields: &[Field<'_>], body: &str) -> String {
        let mut covered: Vec<&Field<'_>> = Vec::new();
        let mut names: Vec<&str> = Vec::new();
        for name in SIGNED {
            // From the last upwards, as receivers count (RFC 6376 section 5.4.2).
            for field in fields.iter().rev().filter(|field| field.is(name)) {
                covered.push(field);
                names.push(name);
            }
        }
        names.extend(SEALED);
        let unsigned = format!(
            "DKIM-Signature: v=1; a={}; c=relaxed/relaxed; d={};\r\n s={}; h={};\r\n bh={body};\r\n b=",
            key.algorithm(),
            self.domain,
            key.selector(),
            names
                .chunks(NAMES)
                .map(|some| some.join(":"))
                .collect::<Vec<_>>()
                .join(":\r\n  "),
        );
        let mut text = String::new();
        for field in covered {
            text.push_str(&field.relaxed());
            text.push_str("\r\n");
        }
        // The signature covers its own field, as if it were still empty and without the line's end.
        for own in canonical::fields(unsigned.as_bytes()) {
            text.push_str(&own.relaxed());
        }
        let signature = STANDARD.encode(key.sign(text.as_bytes()));
        let lines: Vec<_> = signature
            .as_bytes()
            .chunks(LINE)
            .map(String::from_utf8_lossy)
            .collect();
        format!("{unsigned}{}\r\n", lines.join("\r\n  "))
    }
}

#[cfg(test)]
mod tests;
