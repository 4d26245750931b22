//! Says what owners of inboxes are told of, and takes it back for whoever has the link of a mail.

use std::sync::Arc;

use contract::{Caller, Checked, EmailAddress, Fault, InboxName, Violations};
use proto::notification::v1 as wire;
use runtime::{Clock, Seal};
use store::{Db, Tx};
use tonic::{Request, Response, Status};

use super::{caller, inbox::parse_inbox, refuse};
use crate::{
    category::{Category, Channel},
    error::Error,
    event::Audience,
    store::subscriptions,
    trail::{self, Change},
    unsubscribe::Wish,
};

/// The most addresses of a category that are told.
const ADDRESSES_MAX: i64 = 500;

/// Serves `SubscriptionService`.
pub(crate) struct Subscriptions {
    /// Where they are.
    pub(crate) db: Db,
    /// What time it is.
    pub(crate) clock: Clock,
    /// Opens the tokens of links.
    pub(crate) seal: Arc<Seal>,
}

/// What is to be set.
#[derive(Debug, Clone)]
struct Setting {
    category: Category,
    channel: Channel,
    /// For this mailbox alone.
    address: Option<EmailAddress>,
    on: bool,
}

#[tonic::async_trait]
impl wire::subscription_service_server::SubscriptionService for Subscriptions {
    async fn list_subscriptions(
        &self,
        request: Request<wire::ListSubscriptionsRequest>,
    ) -> Result<Response<wire::ListSubscriptionsResponse>, Status> {
        let caller = caller(&request);
        let request = request.into_inner();
        let inbox = parse_inbox("parent", &request.parent, &caller).map_err(refuse)?;
        let subscriptions = store::read!(self.db, |tx| {
            let mut all = Vec::new();
            for category in Category::ALL {
                if category.audience() == audience(&inbox) {
                    all.push(look(tx, &inbox, category).await?);
                }
            }
            Ok::<_, Error>(all)
        })?;
        Ok(Response::new(wire::ListSubscriptionsResponse {
            subscriptions,
        }))
    }

    async fn set_subscription(
        &self,
        request: Request<wire::SetSubscriptionRequest>,
    ) -> Result<Response<wire::SetSubscriptionResponse>, Status> {
        let caller: Caller = caller(&request);
        let request = request.into_inner();
        let inbox = parse_inbox("parent", &request.parent, &caller).map_err(refuse)?;
        let mut v = Violations::new();
        let setting = setting(&mut v, &request);
        let setting = v.all(setting).map_err(refuse)?;
        let subscription = self.set(&inbox, &setting, &request).await?;
        Ok(Response::new(wire::SetSubscriptionResponse {
            subscription: Some(subscription),
        }))
    }

    async fn get_unsubscription(
        &self,
        request: Request<wire::GetUnsubscriptionRequest>,
    ) -> Result<Response<wire::GetUnsubscriptionResponse>, Status> {
        let wish = self.wish(&request.into_inner().token)?;
        let unsubscribed = store::read!(self.db, |tx| {
            let Wish {
                inbox,
                category,
                address,
            } = &wish;
            subscriptions::is_unsubscribed(tx, inbox, *category, address)
                .await
                .map_err(Error::from)
        })?;
        Ok(Response::new(wire::GetUnsubscriptionResponse {
            unsubscription: Some(render(&wish, unsubscribed)),
        }))
    }

    async fn unsubscribe(
        &self,
        request: Request<wire::UnsubscribeRequest>,
    ) -> Result<Response<wire::UnsubscribeResponse>, Status> {
        let wish = self.wish(&request.into_inner().token)?;
        let now = self.clock.now();
        store::write!(self.db, |tx| {
            let Wish {
                inbox,
                category,
                address,
            } = &wish;
            if subscriptions::is_unsubscribed(tx, inbox, *category, address).await? {
                return Ok(());
            }
            subscriptions::unsubscribe(tx, inbox, *category, address, now).await?;
            let owner = inbox.to_string();
            let change = Change::of(inbox)
                .before(&render(&wish, false))
                .after(&render(&wish, true))
                .by_link(owner.trim_end_matches("/inbox"));
            trail::add(tx, now, &change).await
        })?;
        tracing::info!(inbox = %wish.inbox, category = wish.category.as_str(), "a reader wants no more such mails");
        Ok(Response::new(wire::UnsubscribeResponse {
            unsubscription: Some(render(&wish, true)),
        }))
    }
}

impl Subscriptions {
    fn wish(&self, token: &str) -> Result<Wish, Error> {
        Wish::read(token, &self.seal).ok_or(Error::Token)
    }

    async fn set(
        &self,
        inbox: &InboxName,
        setting: &Setting,
        asked: &wire::SetSubscriptionRequest,
    ) -> Result<wire::Subscription, Error> {
        let Setting {
            category,
            channel,
            address,
            on,
        } = setting;
        if category.audience() != audience(inbox) {
            return Err(Error::NotForInbox);
        }
        if category.is_required() {
            return Err(Error::Required);
        }
        let now = self.clock.now();
        store::write!(self.db, |tx| {
            let before = look(tx, inbox, *category).await?;
            match (address, on) {
                (Some(address), true) => {
                    subscriptions::subscribe(tx, inbox, *category, address).await?;
                }
                (Some(address), false) => {
                    subscriptions::unsubscribe(tx, inbox, *category, address, now).await?;
                }
                (None, on) => subscriptions::set(tx, inbox, *category, *channel, *on).await?,
            }
            let after = look(tx, inbox, *category).await?;
            if after != before {
                let change = Change::of(inbox).asked(asked).before(&before).after(&after);
                trail::add(tx, now, &change).await?;
            }
            Ok(after)
        })
    }
}

fn setting(v: &mut Violations, request: &wire::SetSubscriptionRequest) -> Checked<Setting> {
    let category = match from_category(request.category) {
        Some(category) => Checked::right(category),
        None => v.wrong("category", Fault::Missing, "is not a category"),
    };
    let channel = match wire::Channel::try_from(request.channel) {
        Ok(wire::Channel::Inbox) => Checked::right(Channel::Inbox),
        Ok(wire::Channel::Mail) => Checked::right(Channel::Mail),
        Ok(wire::Channel::Unspecified) | Err(_) => {
            v.wrong("channel", Fault::Missing, "must be the inbox or mail")
        }
    };
    let address = v.optional::<EmailAddress>("address", &request.address);
    let on = request.on;
    let all = v.join((category, channel, address));
    if let Some((category, channel, address)) = all.value() {
        v.check(
            *channel == Channel::Mail || address.is_none(),
            "address",
            Fault::Conflicting,
            "is for the channel mail alone",
        );
        v.check(
            *channel == Channel::Inbox || category.is_mailed(),
            "channel",
            Fault::Refused,
            "is not there: this category has no mails",
        );
    }
    all.map(|(category, channel, address)| Setting {
        category,
        channel,
        address,
        on,
    })
}

async fn look(
    tx: &mut Tx,
    inbox: &InboxName,
    category: Category,
) -> Result<wire::Subscription, Error> {
    let inbox_on = subscriptions::is_on(tx, inbox, category, Channel::Inbox).await?;
    let mail_on = subscriptions::is_on(tx, inbox, category, Channel::Mail).await?;
    let unsubscribed = subscriptions::unsubscribed(tx, inbox, category, ADDRESSES_MAX).await?;
    Ok(wire::Subscription {
        category: to_category(category).into(),
        inbox: inbox_on,
        mail: mail_on && category.is_mailed(),
        required: category.is_required(),
        unsubscribed,
    })
}

fn audience(inbox: &InboxName) -> Audience {
    match inbox {
        InboxName::Operator => Audience::Operator,
        InboxName::Tenant(_) => Audience::Tenant,
    }
}

fn render(wish: &Wish, unsubscribed: bool) -> wire::Unsubscription {
    wire::Unsubscription {
        inbox: wish.inbox.to_string(),
        category: to_category(wish.category).into(),
        address: wish.address.to_string(),
        unsubscribed,
    }
}

fn from_category(category: i32) -> Option<Category> {
    let wanted = wire::Category::try_from(category).ok()?;
    Category::ALL
        .into_iter()
        .find(|one| to_category(*one) == wanted)
}

fn to_category(category: Category) -> wire::Category {
    match category {
        Category::Consent => wire::Category::Consent,
        Category::Access => wire::Category::Access,
        Category::Denials => wire::Category::Denials,
        Category::Acceptances => wire::Category::Acceptances,
        Category::Switches => wire::Category::Switches,
        Category::Tests => wire::Category::Tests,
        Category::Mails => wire::Category::Mails,
        Category::Recovery => wire::Category::Recovery,
    }
}
