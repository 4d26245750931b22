//! Steady load from many clients over several tenants, open loop: requests fall due by the clock,
//! whether or not the answers before have come.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::Result;
use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::Full;
use tokio::{
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval_at},
};
use tokio_util::sync::CancellationToken;

use crate::{
    history::Seen,
    http_client::{Answer, Connection},
};

/// A gateway as clients know it.
#[derive(Debug, Clone)]
pub struct Door {
    /// Where it listens for users.
    pub address: SocketAddr,
    /// Set while it is being killed and started again: what breaks then is the kill's doing, and
    /// clients go to another gateway, as a load balancer would have them do.
    pub down: Arc<AtomicBool>,
}

impl Door {
    fn is_down(&self) -> bool {
        self.down.load(Ordering::SeqCst)
    }
}

/// A tenant whose users send requests.
#[derive(Debug, Clone)]
pub struct Users {
    /// Which tenant.
    pub tenant: u8,
    /// The host under which its users reach the application.
    pub host: String,
}

/// An answer of status 200, and whose request it was.
#[derive(Debug, Clone, Copy)]
pub struct Served {
    /// What the client saw.
    pub seen: Seen,
    /// Whose request it was.
    pub tenant: u8,
}

/// A refusal by the gateway: the tenant may not use the version.
#[derive(Debug, Clone, Copy)]
pub struct Turned {
    /// When the request was sent.
    pub sent: u64,
    /// Whose request it was.
    pub tenant: u8,
}

/// What all clients saw.
#[derive(Debug, Default)]
pub struct Record {
    /// Requests that a version answered.
    pub served: Vec<Served>,
    /// Requests that the gateway refused because of the tenant's consent.
    pub turned: Vec<Turned>,
    /// Requests that failed, each with what happened.
    pub failed: Vec<String>,
    /// Requests that broke off because their gateway was killed.
    pub cut_by_kill: u64,
}

impl Record {
    /// Returns how many requests were sent.
    #[must_use]
    pub fn requests(&self) -> u64 {
        (self.served.len() + self.turned.len() + self.failed.len()) as u64 + self.cut_by_kill
    }

    /// Returns the longest time between one answer and the next.
    #[must_use]
    pub fn longest_gap(&self) -> Duration {
        let mut answered: Vec<u64> = self
            .served
            .iter()
            .map(|served| served.seen.answered)
            .collect();
        answered.sort_unstable();
        let longest = answered.windows(2).map(|pair| pair[1] - pair[0]).max();
        Duration::from_micros(longest.unwrap_or_default())
    }

    fn add(&mut self, other: Self) {
        self.served.extend(other.served);
        self.turned.extend(other.turned);
        self.failed.extend(other.failed);
        self.cut_by_kill += other.cut_by_kill;
    }
}

/// Load that is being sent.
#[derive(Debug)]
pub struct Load {
    start: Instant,
    stop: CancellationToken,
    clients: JoinSet<Record>,
}

impl Load {
    /// Starts `clients` clients that together send `rate` requests a second, each for one tenant
    /// and through one gateway in turn.
    #[must_use]
    pub fn start(doors: &[Door], users: &[Users], clients: u32, rate: u32) -> Self {
        let start = Instant::now();
        let stop = CancellationToken::new();
        let period = Duration::from_secs(1) * clients / rate;
        let mut set = JoinSet::new();
        for index in 0..clients {
            let client = Client {
                doors: doors.to_vec(),
                door: index as usize % doors.len(),
                users: users[index as usize / doors.len() % users.len()].clone(),
                start,
                connection: None,
                record: Record::default(),
            };
            let first = start + period * index / clients;
            set.spawn(client.run(first, period, stop.clone()));
        }
        Self {
            start,
            stop,
            clients: set,
        }
    }

    /// Returns the present time on the clock of the record.
    #[must_use]
    pub fn now(&self) -> u64 {
        micros_since(self.start)
    }

    /// Stops sending, waits for the answers under way and returns what the clients saw.
    pub async fn finish(mut self) -> Record {
        self.stop.cancel();
        let mut record = Record::default();
        while let Some(client) = self.clients.join_next().await {
            match client {
                Ok(part) => record.add(part),
                Err(panic) => record.failed.push(format!("a client died: {panic}")),
            }
        }
        record
    }
}

struct Client {
    doors: Vec<Door>,
    door: usize,
    users: Users,
    start: Instant,
    connection: Option<Connection>,
    record: Record,
}

impl Client {
    async fn run(mut self, first: Instant, period: Duration, stop: CancellationToken) -> Record {
        let mut due = interval_at(first, period);
        due.set_missed_tick_behavior(MissedTickBehavior::Burst);
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return self.record,
                _ = due.tick() => self.request().await,
            }
        }
    }

    async fn request(&mut self) {
        if self.doors[self.door].is_down()
            && let Some(up) = self.doors.iter().position(|door| !door.is_down())
        {
            (self.door, self.connection) = (up, None);
        }
        let before = self.doors[self.door].is_down();
        let sent = micros_since(self.start);
        let answer = self.send().await;
        let answered = micros_since(self.start);
        match answer {
            Ok(answer) => self.judge(&answer, sent, answered),
            Err(_) if before || self.doors[self.door].is_down() => {
                self.connection = None;
                self.record.cut_by_kill += 1;
            }
            Err(fault) => {
                self.connection = None;
                self.record.failed.push(format!(
                    "at {sent} µs, after {} µs: {fault:#}",
                    answered - sent
                ));
            }
        }
    }

    /// Sends one request. A connection that turns out to be closed before anything of the request
    /// was sent is no failure: another one is opened, as every client does.
    async fn send(&mut self) -> Result<Answer> {
        if let Some(kept) = self.connection.take().filter(Connection::usable) {
            match self.send_on(kept).await {
                Err(fault) if unsent(&fault) => {}
                answer => return answer,
            }
        }
        let new = Connection::open(self.doors[self.door].address).await?;
        self.send_on(new).await
    }

    async fn send_on(&mut self, mut connection: Connection) -> Result<Answer> {
        let request = Request::get("/api/whoami")
            .header(header::HOST, &self.users.host)
            .header(header::ACCEPT, "application/json")
            .body(Full::new(Bytes::new()))?;
        let answer = connection.send(request).await?;
        self.connection = Some(connection);
        Ok(answer)
    }

    fn judge(&mut self, answer: &Answer, sent: u64, answered: u64) {
        let tenant = self.users.tenant;
        let version = answer.header("switchover-version");
        let generation = answer.header("switchover-generation").parse().ok();
        match (answer.status, generation, version_number(version)) {
            (StatusCode::OK, Some(generation), Some(number))
                if answer.text().contains(&format!("\"{version}\"")) =>
            {
                let seen = Seen {
                    sent,
                    answered,
                    generation,
                    version: number,
                };
                self.record.served.push(Served { seen, tenant });
            }
            (StatusCode::FORBIDDEN, _, _) if answer.text().contains("DENIED") => {
                self.record.turned.push(Turned { sent, tenant });
            }
            (status, _, _) => {
                self.record
                    .failed
                    .push(format!("at {sent} µs: {status} {}", answer.text()));
            }
        }
    }
}

/// Tells whether nothing of a request had been sent when it failed.
fn unsent(fault: &anyhow::Error) -> bool {
    let http = fault.downcast_ref::<hyper::Error>();
    http.is_some_and(|error| error.is_canceled() || error.is_closed())
}

/// Returns the number before the point of a version's name such as `2.0`.
fn version_number(version: &str) -> Option<u8> {
    version.split('.').next()?.parse().ok()
}

fn micros_since(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_micros()).expect("a test ends within half a million years")
}
