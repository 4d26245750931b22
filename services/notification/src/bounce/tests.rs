use std::sync::Arc;

use runtime::Seal;
use store::Db;

use super::*;
use crate::{
    delivery::State,
    publish::tests::publisher,
    samples::{self, deny_offered, to_tenant},
    store::{MIGRATIONS, deliveries::Word, events},
};

fn words() -> Words {
    Words::new("550 5.1.1 no such user")
}

async fn only(db: &Db) -> Stored {
    let all = store::read!(db, |tx| deliveries::list(tx, None, None, 10).await).unwrap();
    let [one] = all.try_into().unwrap();
    one
}

async fn told(db: &Db) -> Vec<String> {
    let filter = events::Filter {
        shown: events::Shown::All,
        unread_only: false,
    };
    let inbox = contract::InboxName::Operator;
    let events = store::read!(db, |tx| events::list(tx, &inbox, filter, None, 10).await).unwrap();
    events.into_iter().map(|event| event.kind).collect()
}

store::on_both!(
    MIGRATIONS,
    async fn a_mail_that_came_back_is_marked_and_told_once_however_often_it_is_reported(db: Db) {
        let clock = Clock::simulated(samples::now(), 5);
        let publisher = publisher(&db, &clock, &Arc::new(Seal::for_tests()));
        let notice = deny_offered("1", "CRM", to_tenant());
        publisher.publish(&[notice]).await.unwrap();
        let mail = only(&db).await;
        let id: MessageId = mail.message_id.parse().unwrap();
        let early = report(&db, &clock, &id, words()).await;
        assert!(matches!(early, Err(Error::NotSent(_))), "{early:?}");

        let sent = Stored {
            progress: crate::delivery::Progress {
                state: State::Sent { at: clock.now() },
                ..mail.progress.clone()
            },
            ..mail.clone()
        };
        store::write!(db, |tx| deliveries::save(tx, &sent, &mail.progress).await).unwrap();
        for _ in 0..3 {
            let bounced = report(&db, &clock, &id, words()).await.unwrap();
            assert_eq!(Word::of(&bounced.progress.state), Word::Bounced);
        }
        assert_eq!(told(&db).await, ["mail_bounced"]);
        assert_eq!(only(&db).await.progress.told().unwrap().1, &words());
        let listed = |word| {
            let db = db.clone();
            async move {
                let found = store::read!(db, |tx| deliveries::list(tx, Some(word), None, 10).await);
                found.unwrap().len()
            }
        };
        assert_eq!(
            (listed(Word::Bounced).await, listed(Word::Sent).await),
            (1, 0)
        );
    }
);

store::on_both!(
    MIGRATIONS,
    async fn a_mail_that_is_not_ours_is_not_there(db: Db) {
        let clock = Clock::simulated(samples::now(), 5);
        let id: MessageId = "<x@y>".parse().unwrap();
        let error = report(&db, &clock, &id, words()).await.unwrap_err();
        assert!(matches!(error, Error::NoMessage(_)), "{error:?}");
    }
);

#[test]
fn a_message_id_is_known_with_and_without_its_brackets() {
    for text in ["<a@b>", "a@b", " <a@b> "] {
        assert_eq!(text.parse::<MessageId>().unwrap().to_string(), "<a@b>");
    }
    for text in [
        "",
        "<>",
        "<a@b",
        "a b",
        "a\r\nb",
        "<a><b>",
        &"x".repeat(301),
    ] {
        assert!(text.parse::<MessageId>().is_err(), "{text:?}");
    }
}
