//! Inboxes and deliveries as people read them.

use proto::notification::v1::{Category, Delivery, Event, Inbox, Subscription, Tab};

use super::{
    View,
    paper::{Paper, Word, busy, dim, good, nothing, or_nothing, strong},
    words::{Said as _, dim_time, id, time},
};

/// An inbox with its unread counts.
pub fn inbox(inbox: &Inbox, view: &View) -> String {
    let tabs = [Tab::Applications, Tab::Subscriptions, Tab::Events];
    let rows = tabs
        .into_iter()
        .map(|tab| {
            let unread = inbox
                .unread
                .iter()
                .find(|count| count.tab() == tab)
                .map_or(0, |count| count.unread);
            let unread = match unread {
                0 => dim("0"),
                _ => busy(unread.to_string()),
            };
            let place = match tab {
                Tab::Subscriptions | Tab::Events => dim("Message"),
                Tab::Unspecified | Tab::Applications | Tab::Archived => Word::from(""),
            };
            vec![place, tab.said(), unread]
        })
        .collect();
    Paper::new(view)
        .line([strong(&inbox.name)])
        .table(&["", "TAB", "UNREAD"], rows, "")
        .finish()
}

/// A page of events: what happened first, then its words.
pub fn events(events: &[Event], view: &View) -> String {
    if events.is_empty() {
        return Paper::new(view)
            .line([dim("There is nothing here.")])
            .finish();
    }
    events
        .iter()
        .fold(Paper::new(view), |paper, event| {
            paper.gap().line(headline(event, view)).facts(facts(event))
        })
        .finish()
}

/// One event in one line, as it comes.
pub fn event_line(event: &Event, view: &View) -> String {
    Paper::new(view).line(headline(event, view)).finish()
}

fn headline(event: &Event, view: &View) -> Vec<Word> {
    let title = if event.read {
        Word::from(event.title.as_str())
    } else {
        strong(&event.title)
    };
    let mark = if event.read { dim("○") } else { busy("●") };
    let mut words = vec![mark, dim_time(event.time, view), title];
    if event.archived {
        words.push(dim("(archived)"));
    }
    words
}

fn facts(event: &Event) -> Vec<(&'static str, Word)> {
    let mut facts = Vec::new();
    if !event.text.is_empty() {
        facts.push(("", event.text.as_str().into()));
    }
    facts.push(("tab", event.tab().said()));
    facts.push(("kind", dim(&event.kind)));
    facts.push(("id", dim(id(&event.name))));
    facts
}

/// What an inbox's owner is told of, and how.
pub fn subscriptions(subscriptions: &[Subscription], view: &View) -> String {
    let switch = |on: bool| if on { good("on") } else { dim("off") };
    let rows = subscriptions
        .iter()
        .map(|one| {
            let mailed = !matches!(one.category(), Category::Tests | Category::Mails);
            let unsubscribed = match one.unsubscribed.as_slice() {
                [] => nothing(),
                addresses => Word::from(addresses.join(", ")),
            };
            vec![
                one.category().said(),
                switch(one.inbox),
                if mailed {
                    switch(one.mail)
                } else {
                    dim("none")
                },
                Word::from(if one.required { "always on" } else { "" }),
                unsubscribed,
            ]
        })
        .collect();
    Paper::new(view)
        .table(
            &["CATEGORY", "INBOX", "MAIL", "", "NO MAILS TO"],
            rows,
            "There is nothing to be told of.",
        )
        .finish()
}

/// A page of deliveries.
pub fn deliveries(deliveries: &[Delivery], view: &View) -> String {
    let rows = deliveries
        .iter()
        .map(|delivery| {
            vec![
                delivery.recipient.as_str().into(),
                delivery.subject.as_str().into(),
                delivery.state().said(),
                delivery.try_count.to_string().into(),
                dim_time(delivery.create_time, view),
                dim_time(delivery.next_try_time, view),
                or_nothing(&delivery.reason),
                dim(id(&delivery.name)),
            ]
        })
        .collect();
    Paper::new(view)
        .table(
            &[
                "TO", "SUBJECT", "STATE", "TRIES", "QUEUED", "NEXT TRY", "REASON", "ID",
            ],
            rows,
            "There is no mail.",
        )
        .finish()
}

/// One delivery with its tries.
pub fn delivery(delivery: &Delivery, view: &View) -> String {
    let tries = delivery
        .tries
        .iter()
        .map(|attempt| vec![dim_time(attempt.time, view), or_nothing(&attempt.outcome)])
        .collect();
    Paper::new(view)
        .line([strong(&delivery.subject), delivery.state().said()])
        .facts([
            ("to", delivery.recipient.as_str().into()),
            ("about", delivery.kind.as_str().into()),
            ("message id", delivery.message_id.as_str().into()),
            ("queued", time(delivery.create_time, view)),
            ("sent", time(delivery.send_time, view)),
            ("came back", time(delivery.bounce_time, view)),
            ("next try", time(delivery.next_try_time, view)),
            ("reason", or_nothing(&delivery.reason)),
            ("request", or_nothing(&delivery.request_id)),
            ("id", dim(id(&delivery.name))),
        ])
        .gap()
        .table(&["TRIED", "OUTCOME"], tries, "It has not been tried yet.")
        .finish()
}
