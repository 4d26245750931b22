//! Mails that came back after the server had taken them: another server on the way could not deliver
//! them, and said so to whom they came from.

use std::{fmt, str::FromStr};

use runtime::Clock;
use store::Db;

use crate::{
    delivery::{Happening, Jitter, Step, Words},
    error::Error,
    publish::tell_of_mail,
    store::deliveries::{self, Stored},
    trail::{self, Change},
};

mod dsn;

pub use dsn::{Bounce, NoBounce, read as read_bounce};

/// A Message-ID, always with its angle brackets: 3 to 300 printable ASCII characters, no space.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageId(Box<str>);

impl MessageId {
    /// The most characters, brackets left out.
    const MAX: usize = 300;
}

/// The text is no Message-ID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a Message-ID of at most 300 printable ASCII characters, such as <id@example.com>")]
pub struct NoMessageId;

impl FromStr for MessageId {
    type Err = NoMessageId;

    fn from_str(text: &str) -> Result<Self, NoMessageId> {
        let text = text.trim();
        let bare = match text.strip_prefix('<') {
            Some(rest) => rest.strip_suffix('>').ok_or(NoMessageId)?,
            None => text,
        };
        let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '<' | '>');
        if (1..=Self::MAX).contains(&bare.len()) && bare.chars().all(plain) {
            Ok(Self(format!("<{bare}>").into()))
        } else {
            Err(NoMessageId)
        }
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Notes that a mail came back, and tells the operator, once.
///
/// # Errors
/// [`Error::NoMessage`], [`Error::NotSent`], and those of the database.
pub(crate) async fn report(
    db: &Db,
    clock: &Clock,
    message_id: &MessageId,
    words: Words,
) -> Result<Stored, Error> {
    let happening = Happening::Bounced(words.clone());
    store::write!(db, |tx| {
        let found = deliveries::find_by_message_id(tx, &message_id.0).await?;
        let Some(mut delivery) = found else {
            return Err(Error::NoMessage(message_id.clone()));
        };
        let before = delivery.progress.clone();
        let name = contract::DeliveryName {
            delivery: delivery.id,
        };
        let change = Change::of(name)
            .reason(words.as_str())
            .before(&trail::delivery(&delivery, &[]));
        match before.step(&happening, clock.now(), Jitter(0)) {
            Step::NotSent => {
                let delivery = contract::DeliveryName {
                    delivery: delivery.id,
                };
                return Err(Error::NotSent(delivery));
            }
            Step::Unchanged | Step::Sent => {}
            Step::Changed(next) => {
                delivery.progress = next;
                deliveries::save(tx, &delivery, &before).await?;
                if let Some((kind, why)) = delivery.progress.told() {
                    let request_id = delivery.request_id.parse().ok();
                    let number = delivery.try_count;
                    let (id, subject) = (delivery.id, &delivery.subject);
                    tell_of_mail(
                        tx,
                        clock,
                        id,
                        number,
                        kind,
                        subject,
                        why,
                        request_id.as_ref(),
                    )
                    .await?;
                }
                let change = change.after(&trail::delivery(&delivery, &[]));
                trail::add(tx, clock.now(), &change).await?;
            }
        }
        Ok(delivery)
    })
}

#[cfg(test)]
mod tests;
