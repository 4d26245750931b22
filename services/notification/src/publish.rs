//! Makes of each notice one event, and one mail to each address.

use std::sync::Arc;

use contract::{DeliveryId, DeliveryName, EmailAddress, EventId, InboxName, RequestId};
use jiff::{SignedDuration, Timestamp};
use runtime::{Clock, Seal};
use store::{Db, Error, Tx};

use crate::{
    category::Channel,
    config::MailFrom,
    delivery::{Progress, Words},
    dkim::Signer,
    event::{self, Audience, Kind, Tab, Told},
    message,
    notice::{Mailbox, Notice, Recipient},
    render::{Letter, Reader, Renderer},
    store::{deliveries, events, subscriptions},
    unsubscribe::Wish,
};

/// What mails are sealed for.
pub(crate) const PURPOSE: &str = "notification/mail";
/// Mails to one tenant in [`DAY`]: five hundred are ten switches to ten contacts five times over, and
/// whoever gets more of them a day reads none.
pub(crate) const MAILS_A_DAY_MAX: i64 = 500;
/// Notices of one transaction: enough that waiting for the disk hardly counts, few enough that nobody
/// else waits long to write.
const AT_ONCE: usize = 50;
/// The time that the limit is for.
pub(crate) const DAY: SignedDuration = SignedDuration::from_hours(24);

/// Makes events and deliveries of notices.
#[derive(Clone)]
pub(crate) struct Publisher {
    /// Where they are kept.
    pub(crate) db: Db,
    /// What time it is.
    pub(crate) clock: Clock,
    /// Seals mails until they are sent.
    pub(crate) seal: Arc<Seal>,
    /// Words mails.
    pub(crate) renderer: Arc<Renderer>,
    /// Whom mails come from.
    pub(crate) from: MailFrom,
    /// Signs mails.
    pub(crate) signer: Arc<Signer>,
    /// Where mails to the operator go.
    pub(crate) operator: Vec<EmailAddress>,
}

/// What a notice comes to, before it is written.
struct Prepared<'n> {
    notice: &'n Notice,
    event: EventId,
    inbox: InboxName,
    told: Told,
    drafts: Vec<Draft>,
    now: Timestamp,
}

/// A delivery before it is queued.
struct Draft {
    id: DeliveryId,
    recipient: EmailAddress,
    subject: String,
    message_id: String,
    /// The mail, sealed, or why there is none.
    mail: Result<String, Words>,
}

impl Publisher {
    /// Makes the event and the deliveries of each notice, once; as many notices a transaction as fit.
    /// Returns how many of them were new. After an error some may be made, and all may be published
    /// again.
    ///
    /// A mail that cannot be written is parked with its reason: it keeps nothing else from happening.
    pub(crate) async fn publish(&self, notices: &[Notice]) -> Result<i64, Error> {
        let mut created = 0;
        for some in notices.chunks(AT_ONCE) {
            let prepared: Vec<_> = some.iter().map(|notice| self.prepare(notice)).collect();
            created += store::write!(self.db, |tx| {
                let mut created = 0;
                for one in &prepared {
                    created += i64::from(self.make(tx, one).await?);
                }
                Ok::<_, Error>(created)
            })?;
        }
        Ok(created)
    }

    fn prepare<'n>(&self, notice: &'n Notice) -> Prepared<'n> {
        let now = self.clock.now();
        let told = notice.told();
        let drafts = match notice.placing().mail {
            Some(letter) => self
                .addressees(notice)
                .iter()
                .map(|to| self.draft(letter, notice, to, &told, now))
                .collect(),
            None => Vec::new(),
        };
        Prepared {
            event: self.clock.new_id(),
            inbox: notice.inbox(),
            notice,
            told,
            drafts,
            now,
        }
    }

    async fn make(&self, tx: &mut Tx, prepared: &Prepared<'_>) -> Result<bool, Error> {
        let Prepared { notice, now, .. } = prepared;
        let (inbox, category) = (&prepared.inbox, notice.category());
        let shows = subscriptions::is_on(tx, inbox, category, Channel::Inbox).await?;
        let new = events::New {
            id: prepared.event,
            inbox: &prepared.inbox,
            cause: notice.cause.as_str(),
            kind: notice.body.kind(),
            tab: notice.placing().tab,
            told: &prepared.told,
            time: notice.time,
            request_id: notice.request_id.as_ref(),
            put_away: !shows,
        };
        if !events::publish(tx, &new).await? {
            return Ok(false);
        }
        if prepared.drafts.is_empty()
            || !subscriptions::is_on(tx, inbox, category, Channel::Mail).await?
        {
            return Ok(true);
        }
        let mut allowed = self.allowed(tx, &new, *now).await?;
        for draft in &prepared.drafts {
            let to = &draft.recipient;
            if !subscriptions::is_unsubscribed(tx, inbox, category, to).await? {
                self.queue(tx, draft, &new, allowed > 0, *now).await?;
                allowed -= 1;
            }
        }
        Ok(true)
    }

    /// Returns how many more mails the inbox's owner may get now.
    async fn allowed(
        &self,
        tx: &mut Tx,
        new: &events::New<'_>,
        now: Timestamp,
    ) -> Result<i64, Error> {
        match new.inbox {
            InboxName::Operator => Ok(i64::MAX),
            InboxName::Tenant(_) => {
                let since = now.checked_sub(DAY).unwrap_or(Timestamp::MIN);
                Ok(MAILS_A_DAY_MAX - deliveries::count_since(tx, new.inbox, since).await?)
            }
        }
    }

    async fn queue(
        &self,
        tx: &mut Tx,
        draft: &Draft,
        event: &events::New<'_>,
        within: bool,
        now: Timestamp,
    ) -> Result<(), Error> {
        let progress = match (&draft.mail, within) {
            (Err(why), _) => Progress::parked(why.clone(), now),
            (Ok(_), false) => Progress::parked(
                Words::new(&format!(
                    "The limit of {MAILS_A_DAY_MAX} mails in 24 hours was reached."
                )),
                now,
            ),
            (Ok(_), true) => Progress::queued(now),
        };
        let new = deliveries::New {
            id: draft.id,
            event: event.id,
            inbox: event.inbox,
            kind: event.kind.as_str(),
            recipient: draft.recipient.as_str(),
            subject: &draft.subject,
            message_id: &draft.message_id,
            mail: draft.mail.as_ref().ok().map(String::as_str),
            progress: &progress,
            created: now,
            request_id: event.request_id,
        };
        if !deliveries::insert(tx, &new).await? {
            return Ok(());
        }
        match (&draft.mail, within, event.inbox) {
            (Ok(_), false, InboxName::Tenant(tenant)) => {
                // One a day and tenant, however many mails there are.
                let cause = format!("mail limit, tenants/{tenant}, {}", now.strftime("%Y-%m-%d"));
                let told = event::tell_of_limit(tenant, MAILS_A_DAY_MAX);
                tell_operator(
                    tx,
                    &self.clock,
                    &cause,
                    Kind::MailFailed,
                    &told,
                    event.request_id,
                )
                .await
            }
            _ => match progress.told() {
                Some((kind, why)) => {
                    tell_of_mail(
                        tx,
                        &self.clock,
                        draft.id,
                        0,
                        kind,
                        &draft.subject,
                        why,
                        event.request_id,
                    )
                    .await
                }
                None => Ok(()),
            },
        }
    }

    /// Returns where the mails of a notice go: each address once, whatever its case.
    fn addressees(&self, notice: &Notice) -> Vec<Mailbox> {
        let mut addressees = match &notice.recipient {
            Recipient::Operator => self
                .operator
                .iter()
                .map(|address| Mailbox {
                    address: address.clone(),
                    display_name: None,
                })
                .collect(),
            Recipient::Tenant { addresses, .. } => addresses.clone(),
        };
        let mut known = std::collections::BTreeSet::new();
        addressees.retain(|to| known.insert(to.address.as_str().to_lowercase()));
        addressees
    }

    fn draft(
        &self,
        letter: Letter,
        notice: &Notice,
        to: &Mailbox,
        told: &Told,
        now: Timestamp,
    ) -> Draft {
        let id: DeliveryId = self.clock.new_id();
        let unwritten =
            |why: &dyn std::fmt::Display| Words::new(&format!("It cannot be written: {why}."));
        let wish = Wish {
            inbox: notice.inbox(),
            category: notice.category(),
            address: to.address.clone(),
        };
        let token = wish.token(&self.seal);
        let unsubscribe = token.map(|token| self.renderer.unsubscribe(&token));
        let reader = Reader {
            name: to.display_name.as_ref(),
            unsubscribe: unsubscribe.as_deref(),
        };
        let (subject, mail) = match self.renderer.render(letter, notice, reader) {
            Err(why) => (told.title.clone(), Err(unwritten(&why))),
            Ok(mail) => {
                let bytes = message::write(id, &self.from, to, &mail, now);
                let sealed = bytes
                    .map(|bytes| self.seal.seal(PURPOSE, &self.signer.sign(bytes)))
                    .map_err(|why| unwritten(&why));
                (mail.subject, sealed)
            }
        };
        Draft {
            id,
            recipient: to.address.clone(),
            subject,
            message_id: message::message_id(id, &self.from),
            mail,
        }
    }
}

/// Shows the operator what became of a mail. `number` tells the tries apart that it may happen at.
#[expect(
    clippy::too_many_arguments,
    reason = "each says another thing about one mail"
)]
pub(crate) async fn tell_of_mail(
    tx: &mut Tx,
    clock: &Clock,
    delivery: DeliveryId,
    number: i64,
    kind: Kind,
    subject: &str,
    why: &Words,
    request_id: Option<&RequestId>,
) -> Result<(), Error> {
    let name = DeliveryName { delivery }.to_string();
    let told = event::tell_of_mail(kind, &name, subject, why.as_str());
    tell_operator(
        tx,
        clock,
        &format!("{name}, try {number}"),
        kind,
        &told,
        request_id,
    )
    .await
}

async fn tell_operator(
    tx: &mut Tx,
    clock: &Clock,
    cause: &str,
    kind: Kind,
    told: &Told,
    request_id: Option<&RequestId>,
) -> Result<(), Error> {
    let id: EventId = clock.new_id();
    let category = kind.category(Audience::Operator);
    let inbox = &InboxName::Operator;
    let shows = subscriptions::is_on(tx, inbox, category, Channel::Inbox).await?;
    let tab = kind
        .placing(Audience::Operator)
        .map_or(Tab::Events, |placing| placing.tab);
    let time = clock.now();
    let new = events::New {
        id,
        inbox,
        cause,
        kind,
        tab,
        told,
        time,
        request_id,
        put_away: !shows,
    };
    events::publish(tx, &new).await.map(drop)
}

#[cfg(test)]
pub(crate) mod tests;
