//! Wake-ups: hints that a table has changed. The table is the truth; a slow poll covers a lost hint.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use tokio::sync::Notify;
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
struct Topics(Mutex<HashMap<String, Arc<Topic>>>);

/// Those who wait are woken in the order in which they began to: a simulation runs the same twice.
#[derive(Default)]
struct Topic {
    /// How often it was woken.
    woken: AtomicU64,
    waiting: Notify,
}

impl Topic {
    fn wake(&self) {
        self.woken.fetch_add(1, Ordering::SeqCst);
        self.waiting.notify_waiters();
    }

    fn woken(&self) -> u64 {
        self.woken.load(Ordering::SeqCst)
    }
}

impl Topics {
    fn topic(&self, topic: &str) -> Arc<Topic> {
        let mut topics = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(topics.entry(topic.to_owned()).or_default())
    }

    fn send(&self, topic: &str) {
        let topics = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        topics.get(topic).into_iter().for_each(|topic| topic.wake());
    }

    fn send_all(&self) {
        let topics = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        topics.values().for_each(|topic| topic.wake());
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
        let topic = self.topics.topic(topic);
        let listener = Listener {
            heard: topic.woken(),
            topic,
            _wakes: Arc::clone(self),
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
    topic: Arc<Topic>,
    /// How often it had been woken when that was last looked at.
    heard: u64,
    /// Keeps the connection alive on PostgreSQL.
    _wakes: Arc<Wakes>,
}

impl Listener {
    /// Waits until the topic was woken since the last wait. Never fails: lost connections are made again.
    pub async fn changed(&mut self) {
        loop {
            // Before the look: whoever wakes after it is heard.
            let woken = self.topic.waiting.notified();
            let present = self.topic.woken();
            if present != self.heard {
                self.heard = present;
                return;
            }
            woken.await;
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
