//! A mail as it goes over the wire. Built once, when it is queued: every try sends the same bytes under
//! the same Message-ID, so that a server that took it twice can tell.

use std::panic::{AssertUnwindSafe, catch_unwind};

use contract::{DeliveryId, EmailAddress};
use jiff::Timestamp;
use lettre::{
    Address, Message,
    address::Envelope,
    message::{
        Attachment, Mailbox as LettreMailbox, MultiPart, SinglePart,
        header::{ContentType, HeaderName, HeaderValue},
    },
};

use crate::{config::MailFrom, look::Picture, notice::Mailbox, render::Mail};

/// The most bytes of a mail: more than the longest texts and the largest logo make, and less than what
/// can be sealed once it is signed.
pub(crate) const MAIL_BYTES_MAX: usize = 120 * 1024;

/// A mail that cannot be written, and never will be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unwritable {
    /// An address that mail cannot go to or come from.
    #[error("the address of its {0} cannot be used")]
    Address(&'static str),
    /// The library that writes mails refused or panicked.
    #[error("a name or a text in it cannot be written as a mail")]
    Content,
    /// More bytes than a mail may have.
    #[error("it has {0} bytes, {MAIL_BYTES_MAX} are allowed")]
    TooLarge(usize),
}

/// Returns the Message-ID of a delivery: the same for all its tries.
pub(crate) fn message_id(id: DeliveryId, from: &MailFrom) -> String {
    format!("<{id}@{}>", from.address.domain())
}

/// Writes a mail.
///
/// # Errors
/// If it cannot be written, and never will be.
pub(crate) fn write(
    id: DeliveryId,
    from: &MailFrom,
    to: &Mailbox,
    mail: &Mail,
    date: Timestamp,
) -> Result<Vec<u8>, Unwritable> {
    let sender = mailbox(
        &from.address,
        from.display_name.as_ref().map(contract::Line::as_str),
        "sender",
    )?;
    let reader = mailbox(
        &to.address,
        to.display_name.as_ref().map(contract::Line::as_str),
        "recipient",
    )?;
    let bytes = without_panic(|| {
        let mut message = Message::builder()
            .from(sender)
            .to(reader)
            .subject(mail.subject.clone())
            .date(date.into())
            .message_id(Some(message_id(id, from)))
            .raw_header(header("Auto-Submitted", "auto-generated"))
            .raw_header(header("Content-Language", mail.language.tag()));
        if let Some(link) = &mail.unsubscribe {
            message = message
                .raw_header(whole("List-Unsubscribe", &format!("<{link}>")))
                .raw_header(header(
                    "List-Unsubscribe-Post",
                    "List-Unsubscribe=One-Click",
                ));
        }
        message
            .multipart(parts(id, mail))
            .map(|message| message.formatted())
    })?
    .map_err(|_| Unwritable::Content)?;
    if bytes.len() > MAIL_BYTES_MAX {
        Err(Unwritable::TooLarge(bytes.len()))
    } else {
        Ok(bytes)
    }
}

/// Returns whom the server is told that a mail comes from and goes to.
///
/// # Errors
/// If one of them is no address that mail can go to.
pub(crate) fn envelope(from: &EmailAddress, to: &str) -> Result<Envelope, Unwritable> {
    let to: EmailAddress = to.parse().map_err(|_| Unwritable::Address("recipient"))?;
    let to = address(&to, "recipient")?;
    Envelope::new(Some(address(from, "sender")?), vec![to])
        .map_err(|_| Unwritable::Address("recipient"))
}

fn address(address: &EmailAddress, whose: &'static str) -> Result<Address, Unwritable> {
    address
        .as_str()
        .parse()
        .map_err(|_| Unwritable::Address(whose))
}

fn mailbox(
    of: &EmailAddress,
    name: Option<&str>,
    whose: &'static str,
) -> Result<LettreMailbox, Unwritable> {
    Ok(LettreMailbox::new(
        name.map(str::to_owned),
        address(of, whose)?,
    ))
}

fn header(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
}

/// A field that is an address and nothing else: broken anywhere it would be none.
fn whole(name: &'static str, value: &str) -> HeaderValue {
    let name = HeaderName::new_from_ascii_str(name);
    HeaderValue::dangerous_new_pre_encoded(name, value.to_owned(), value.to_owned())
}

/// Text and HTML, either of which says all of it; the HTML together with its picture, if it has one.
fn parts(id: DeliveryId, mail: &Mail) -> MultiPart {
    let both = MultiPart::alternative()
        .boundary(format!("part-{id}"))
        .singlepart(part(ContentType::TEXT_PLAIN, &mail.text));
    let html = part(ContentType::TEXT_HTML, &mail.html);
    let Some(picture) = &mail.picture else {
        return both.singlepart(html);
    };
    let kind = ContentType::parse(picture.media_type).expect("one of three types");
    let picture = Attachment::new_inline(Picture::ID.to_owned()).body(picture.bytes.clone(), kind);
    both.multipart(
        MultiPart::related()
            .boundary(format!("html-{id}"))
            .singlepart(html)
            .singlepart(picture),
    )
}

fn part(kind: ContentType, text: &str) -> SinglePart {
    SinglePart::builder().header(kind).body(text.to_owned())
}

/// lettre panics where it meets what it cannot encode, such as a line break in a name (0.11.23). Types
/// keep that away; this is for what they do not know of.
fn without_panic<T>(work: impl FnOnce() -> T) -> Result<T, Unwritable> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|_| Unwritable::Content)
}

#[cfg(test)]
mod tests;
