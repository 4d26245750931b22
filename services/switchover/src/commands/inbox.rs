//! `switchover inbox …`

use clap::{Args, Subcommand, ValueEnum};
use contract::InboxName;
use proto::notification::v1::{
    ArchiveEventsRequest, Category, Channel, GetInboxRequest, ListEventsRequest,
    ListSubscriptionsRequest, MarkEventsRequest, SetSubscriptionRequest, Tab, WatchInboxRequest,
};

use super::{
    Verb,
    again::{Again, Patience},
    pages, present,
};
use crate::{
    args::{EventArg, Paging, TenantArg},
    connect::{Service::Notification, Session},
    error::Error,
    show::{Screen, notification},
};

/// What to do with an inbox.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Shows the unread counts of the tabs
    Show(Whose),
    /// Lists the events of a tab, newest first
    #[command(visible_alias = "ls")]
    List {
        /// Whose.
        #[command(flatten)]
        whose: Whose,
        /// Which tab
        #[arg(long, default_value = "all", value_name = "TAB")]
        tab: TabArg,
        /// Only unread ones
        #[arg(long)]
        unread: bool,
        /// Which part.
        #[command(flatten)]
        paging: Paging,
    },
    /// Marks events as read
    Read {
        /// Whose.
        #[command(flatten)]
        whose: Whose,
        /// The events' ids
        #[arg(required = true)]
        events: Vec<EventArg>,
        /// As unread instead
        #[arg(long)]
        undo: bool,
    },
    /// Puts events away
    Archive {
        /// Whose.
        #[command(flatten)]
        whose: Whose,
        /// The events' ids
        #[arg(required = true)]
        events: Vec<EventArg>,
        /// Takes them back instead
        #[arg(long)]
        undo: bool,
    },
    /// Shows what the inbox's owner is told of, and how
    Subscriptions(Whose),
    /// Turns notices of a category on again
    Subscribe(Subscribing),
    /// Turns notices of a category off: events go to Archived, mails are not sent
    Unsubscribe(Subscribing),
    /// Shows events as they come, until interrupted
    Watch {
        /// Whose.
        #[command(flatten)]
        whose: Whose,
        /// Only what has come since this position
        #[arg(
            long,
            default_value = "",
            hide_default_value = true,
            value_name = "POSITION"
        )]
        after: String,
    },
}

/// Which notices.
#[derive(Debug, Args)]
pub struct Subscribing {
    /// Whose.
    #[command(flatten)]
    whose: Whose,
    /// What they are about
    category: CategoryArg,
    /// How they come
    #[arg(long, value_name = "CHANNEL")]
    channel: ChannelArg,
    /// Mails to this address alone
    #[arg(long, value_name = "ADDRESS")]
    address: Option<contract::EmailAddress>,
}

/// How somebody is told.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum ChannelArg {
    /// By an event in the inbox
    Inbox,
    /// By mail
    Mail,
}

/// What notices are about.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum CategoryArg {
    /// To tenants: what they are asked, and have decided; always on
    Consent,
    /// To tenants: an application was taken away
    Access,
    /// A tenant has denied
    Denials,
    /// A tenant has accepted
    Acceptances,
    /// Switches that succeeded or were given up
    Switches,
    /// Versions in test
    Tests,
    /// Mails that failed, were given up or came back
    Mails,
    /// The catalog is in recovery; always on
    Recovery,
}

impl From<CategoryArg> for Category {
    fn from(category: CategoryArg) -> Self {
        match category {
            CategoryArg::Consent => Self::Consent,
            CategoryArg::Access => Self::Access,
            CategoryArg::Denials => Self::Denials,
            CategoryArg::Acceptances => Self::Acceptances,
            CategoryArg::Switches => Self::Switches,
            CategoryArg::Tests => Self::Tests,
            CategoryArg::Mails => Self::Mails,
            CategoryArg::Recovery => Self::Recovery,
        }
    }
}

impl Subscribing {
    async fn set(self, on: bool, session: &Session, screen: &Screen) -> Result<(), Error> {
        let channel = match self.channel {
            ChannelArg::Inbox => Channel::Inbox,
            ChannelArg::Mail => Channel::Mail,
        };
        let request = SetSubscriptionRequest {
            parent: self.whose.inbox().to_string(),
            category: Category::from(self.category).into(),
            channel: channel.into(),
            on,
            address: self
                .address
                .map(|address| address.to_string())
                .unwrap_or_default(),
        };
        let answer = session
            .ask(
                Notification,
                session.subscriptions().set_subscription(request),
            )
            .await?;
        let subscription = present(session, answer.subscription.clone())?;
        screen.answer(&answer, |view| {
            notification::subscriptions(&[subscription], view)
        })
    }
}

/// Whose inbox.
#[derive(Debug, Args)]
pub struct Whose {
    /// A tenant's inbox; the operator's if left out
    #[arg(long)]
    tenant: Option<TenantArg>,
}

impl Whose {
    fn inbox(self) -> InboxName {
        match self.tenant {
            None => InboxName::Operator,
            Some(TenantArg(tenant)) => InboxName::Tenant(tenant),
        }
    }
}

/// A tab of an inbox.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum TabArg {
    /// All but Archived
    All,
    /// What happened to applications
    Applications,
    /// Message: what a tenant is asked or has agreed to
    Subscriptions,
    /// Message: what somebody must know of
    Events,
    /// What was put away
    Archived,
}

impl From<TabArg> for Tab {
    fn from(tab: TabArg) -> Self {
        match tab {
            TabArg::All => Self::Unspecified,
            TabArg::Applications => Self::Applications,
            TabArg::Subscriptions => Self::Subscriptions,
            TabArg::Events => Self::Events,
            TabArg::Archived => Self::Archived,
        }
    }
}

impl Verb for Command {
    async fn run(self, session: &Session, screen: &Screen) -> Result<(), Error> {
        match self {
            Self::Show(whose) => {
                let name = whose.inbox().to_string();
                let request = GetInboxRequest { name };
                let answer = session
                    .ask(Notification, session.inbox().get_inbox(request))
                    .await?;
                let inbox = present(session, answer.inbox.clone())?;
                screen.answer(&answer, |view| notification::inbox(&inbox, view))
            }
            Self::List {
                whose,
                tab,
                unread,
                paging,
            } => {
                let mut request = ListEventsRequest {
                    parent: whose.inbox().to_string(),
                    tab: Tab::from(tab).into(),
                    unread_only: unread,
                    ..ListEventsRequest::default()
                };
                pages!(
                    session,
                    screen,
                    paging,
                    Notification,
                    inbox.list_events(request),
                    events,
                    notification::events
                )
            }
            Self::Read {
                whose,
                events,
                undo,
            } => {
                let inbox = whose.inbox();
                let request = MarkEventsRequest {
                    parent: inbox.to_string(),
                    names: events.iter().map(|event| event.full(&inbox)).collect(),
                    read: !undo,
                    ..MarkEventsRequest::default()
                };
                let answer = session
                    .ask(Notification, session.inbox().mark_events(request))
                    .await?;
                screen.answer(&answer, |view| notification::events(&answer.events, view))
            }
            Self::Archive {
                whose,
                events,
                undo,
            } => {
                let inbox = whose.inbox();
                let request = ArchiveEventsRequest {
                    parent: inbox.to_string(),
                    names: events.iter().map(|event| event.full(&inbox)).collect(),
                    archived: !undo,
                    ..ArchiveEventsRequest::default()
                };
                let answer = session
                    .ask(Notification, session.inbox().archive_events(request))
                    .await?;
                screen.answer(&answer, |view| notification::events(&answer.events, view))
            }
            Self::Subscriptions(whose) => {
                let parent = whose.inbox().to_string();
                let request = ListSubscriptionsRequest { parent };
                let answer = session
                    .ask(
                        Notification,
                        session.subscriptions().list_subscriptions(request),
                    )
                    .await?;
                screen.answer(&answer, |view| {
                    notification::subscriptions(&answer.subscriptions, view)
                })
            }
            Self::Subscribe(what) => what.set(true, session, screen).await,
            Self::Unsubscribe(what) => what.set(false, session, screen).await,
            Self::Watch { whose, after } => watch(&whose.inbox(), after, session, screen).await,
        }
    }
}

/// Shows what comes, over interruptions and without gaps, until it is refused.
async fn watch(
    inbox: &InboxName,
    mut after: String,
    session: &Session,
    screen: &Screen,
) -> Result<(), Error> {
    let mut again = Again::new(Patience::OnceLetIn, Again::PAUSE_FIRST);
    let mut greeted = false;
    loop {
        let request = WatchInboxRequest {
            name: inbox.to_string(),
            after: after.clone(),
            ..WatchInboxRequest::default()
        };
        let opened = session
            .wait(Notification, session.inbox().watch_inbox(request))
            .await;
        let broken = match opened {
            Err(error) => error,
            Ok(mut stream) => loop {
                match stream.message().await {
                    Err(status) => break session.fail(Notification, &status),
                    Ok(None) => {
                        let status = tonic::Status::unavailable("the stream ended");
                        break session.fail(Notification, &status);
                    }
                    Ok(Some(answer)) => {
                        again.brought();
                        after.clone_from(&answer.position);
                        let first = !std::mem::replace(&mut greeted, true);
                        screen.answer(&answer, |view| {
                            let counts = answer.inbox.as_ref().filter(|_| first);
                            let mut text = counts
                                .map(|inbox| notification::inbox(inbox, view))
                                .unwrap_or_default();
                            for event in &answer.events {
                                text.push_str(&notification::event_line(event, view));
                            }
                            text
                        })?;
                    }
                }
            },
        };
        again.wait(broken).await?;
    }
}
