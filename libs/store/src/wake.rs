//! Wake-ups: hints that a table has changed. The table is the truth; a slow poll covers a lost hint.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::retry;

/// A silent connection is asked this often whether it still lives.
const SILENCE_MAX: Duration = Duration::from_secs(20);
/// A connection that does not answer within this is given up.
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// All topics of one database. On PostgreSQL one connection listens for all of them, from the first listener on.
pub(crate) struct Wakes {
    topics: Arc<Topics>,
    channel: String,
    source: Option<PgConnectOptions>,
    /// Ends with the last [`Db`](crate::Db) and [`Listener`].
    ear: Mutex<JoinSet<()>>,
}

#[derive(Default)]
struct Topics(Mutex<HashMap<String, watch::Sender<()>>>);

impl Topics {
    fn subscribe(&self, topic: &str) -> watch::Receiver<()> {
        let mut topics = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        topics.entry(topic.to_owned()).or_default().subscribe()
    }

    fn send(&self, topic: &str) {
        let topics = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        topics
            .get(topic)
            .into_iter()
            .for_each(|sender| sender.send_modify(|()| ()));
    }

    fn send_all(&self) {
        let topics = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        topics
            .values()
            .for_each(|sender| sender.send_modify(|()| ()));
    }
}

impl Wakes {
    /// Wake-ups within this process, sent by [`Wakes::send`].
    pub(crate) fn local() -> Arc<Wakes> {
        Wakes::new(String::new(), None)
    }

    /// Wake-ups that come by PostgreSQL's `channel`, the topic being the payload.
    pub(crate) fn postgres(channel: String, source: PgConnectOptions) -> Arc<Wakes> {
        Wakes::new(channel, Some(source))
    }

    fn new(channel: String, source: Option<PgConnectOptions>) -> Arc<Wakes> {
        Arc::new(Wakes {
            topics: Arc::default(),
            channel,
            source,
            ear: Mutex::default(),
        })
    }

    pub(crate) fn channel(&self) -> &str {
        &self.channel
    }

    pub(crate) fn send(&self, topic: &str) {
        self.topics.send(topic);
    }

    pub(crate) fn listen(self: &Arc<Wakes>, topic: &'static str) -> Listener {
        let listener = Listener {
            receiver: self.topics.subscribe(topic),
            wakes: Arc::clone(self),
        };
        if let Some(source) = &self.source {
            let mut ear = self.ear.lock().unwrap_or_else(PoisonError::into_inner);
            if ear.is_empty() {
                ear.spawn(hear(
                    source.clone(),
                    self.channel.clone(),
                    Arc::clone(&self.topics),
                ));
            }
        }
        listener
    }
}

/// Waits for the wake-ups of one topic. Made by [`Db::listen`](crate::Db::listen).
///
/// Listen first, then read, then wait: no change is missed then. Several wake-ups become one; some come
/// without a change, such as the first one, or after the connection was made anew.
pub struct Listener {
    receiver: watch::Receiver<()>,
    /// Keeps the senders, and on PostgreSQL the connection, alive.
    wakes: Arc<Wakes>,
}

impl Listener {
    /// Waits until the topic was woken since the last wait. Never fails: lost connections are made again.
    pub async fn changed(&mut self) {
        if self.receiver.changed().await.is_err() {
            unreachable!("{} listens without a sender", self.wakes.channel());
        }
    }

    /// Waits as [`Listener::changed`] does, but no longer than `poll`: a lost wake-up costs that much.
    pub async fn changed_or(&mut self, poll: Duration) {
        if timeout(poll, self.changed()).await.is_err() {
            tracing::trace!("no wake-up; looking anyway");
        }
    }
}

/// Hands wake-ups on for ever, over one connection after the other.
async fn hear(source: PgConnectOptions, channel: String, topics: Arc<Topics>) {
    let mut tries = 0;
    loop {
        match hear_once(&source, &channel, &topics, &mut tries).await {
            Ok(()) => tracing::debug!("the connection for wake-ups was lost"),
            Err(error) => tracing::debug!(
                error = &error as &dyn std::error::Error,
                "no connection for wake-ups"
            ),
        }
        tries += 1;
        retry::pause(tries + 4).await;
    }
}

async fn hear_once(
    source: &PgConnectOptions,
    channel: &str,
    topics: &Topics,
    tries: &mut u32,
) -> Result<(), sqlx::Error> {
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .acquire_timeout(ANSWER_MAX)
        .connect_lazy_with(source.clone());
    let mut listener = PgListener::connect_with(&pool).await?;
    listener.eager_reconnect(false);
    timeout(ANSWER_MAX, listener.listen(channel))
        .await
        .map_err(|_| sqlx::Error::PoolTimedOut)??;
    *tries = 0;
    // What was sent while nobody listened is lost: everyone is to look.
    topics.send_all();
    loop {
        match timeout(SILENCE_MAX, listener.try_recv()).await {
            Ok(heard) => match heard? {
                Some(notification) => topics.send(notification.payload()),
                None => return Ok(()),
            },
            Err(_silence) => {
                let ask = sqlx::query("select 1").execute(&mut listener);
                timeout(ANSWER_MAX, ask)
                    .await
                    .map_err(|_| sqlx::Error::PoolTimedOut)??;
            }
        }
    }
}
