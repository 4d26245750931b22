//! Steady load from many clients over several tenants, open loop: requests fall due by the clock,
//! whether or not the answers before have come.

mod account;

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
    time::{Instant, MissedTickBehavior, interval_at, timeout},
};
use tokio_util::sync::CancellationToken;

pub use self::account::Decision;
use crate::http_client::{Answer, Connection};

/// A request that is not answered for so long hangs.
const PATIENCE: Duration = Duration::from_secs(30);

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

/// An answer of status 200, and whose request it was. Times are microseconds on the clock of the
/// record.
#[derive(Debug, Clone, Copy)]
pub struct Served {
    /// When the request was sent.
    pub sent: u64,
    /// When its answer was complete.
    pub answered: u64,
    /// The generation that the answer named.
    pub generation: u64,
    /// The version that the answer named: the number before its point.
    pub version: u8,
    /// Whose request it was.
    pub tenant: u8,
    /// Through which gateway.
    pub gateway: u8,
}

/// A request that no version answered.
#[derive(Debug, Clone)]
pub struct Unserved {
    /// When it was sent.
    pub sent: u64,
    /// When it ended.
    pub answered: u64,
    /// Whose request it was.
    pub tenant: u8,
    /// Through which gateway.
    pub gateway: u8,
    /// How it ended.
    pub how: How,
}

/// How a request ended that no version answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum How {
    /// The gateway refused it because of the tenant's consent.
    Denied,
    /// The gateway answered 503 and said when to try again.
    TryLater(String),
    /// It broke off because its gateway was killed.
    CutByKill,
    /// It failed; the text says what happened.
    Failed(String),
}

/// What all clients saw.
#[derive(Debug, Default)]
pub struct Record {
    /// Requests that a version answered.
    pub served: Vec<Served>,
    /// Those that none answered.
    pub unserved: Vec<Unserved>,
}

impl Record {
    /// Returns how many requests were sent.
    #[must_use]
    pub fn requests(&self) -> u64 {
        (self.served.len() + self.unserved.len()) as u64
    }

    /// Returns the longest time between one answer and the next.
    #[must_use]
    pub fn longest_gap(&self) -> Duration {
        let mut answered: Vec<u64> = self.served.iter().map(|served| served.answered).collect();
        answered.sort_unstable();
        let longest = answered.windows(2).map(|pair| pair[1] - pair[0]).max();
        Duration::from_micros(longest.unwrap_or_default())
    }

    /// Returns what went wrong, where nothing excuses a 503.
    pub fn faults(&self) -> impl Iterator<Item = String> + '_ {
        self.unserved.iter().filter_map(Unserved::fault)
    }

    /// Returns how many requests were refused because of the tenant's consent.
    #[must_use]
    pub fn denied(&self) -> u64 {
        self.count(|how| *how == How::Denied)
    }

    /// Returns how many requests broke off because their gateway was killed.
    #[must_use]
    pub fn cut_by_kill(&self) -> u64 {
        self.count(|how| *how == How::CutByKill)
    }

    fn count(&self, of: impl Fn(&How) -> bool) -> u64 {
        self.unserved
            .iter()
            .filter(|unserved| of(&unserved.how))
            .count() as u64
    }

    fn add(&mut self, other: Self) {
        self.served.extend(other.served);
        self.unserved.extend(other.unserved);
    }
}

impl Unserved {
    /// Returns what went wrong, where nothing excuses a 503.
    #[must_use]
    pub fn fault(&self) -> Option<String> {
        match &self.how {
            How::Denied | How::CutByKill => None,
            How::TryLater(text) | How::Failed(text) => Some(format!(
                "gateway {} at {} µs, after {} µs: {text}",
                self.gateway,
                self.sent,
                self.answered - self.sent
            )),
        }
    }
}

/// Load that is being sent.
#[derive(Debug)]
pub struct Load {
    doors: Vec<Door>,
    start: Instant,
    stop: CancellationToken,
    clients: JoinSet<Record>,
}

impl Load {
    /// Starts `clients` clients that together send `rate` requests a second, each for one tenant
    /// and through one gateway in turn.
    #[must_use]
    pub fn start(doors: &[Door], users: &[Users], clients: u32, rate: u32) -> Self {
        let mut load = Self {
            doors: doors.to_vec(),
            start: Instant::now(),
            stop: CancellationToken::new(),
            clients: JoinSet::new(),
        };
        let period = Duration::from_secs(1) * clients / rate;
        for index in 0..clients {
            let users = &users[index as usize / doors.len() % users.len()];
            let first = load.start + period * index / clients;
            load.client(index as usize % doors.len(), users, first, period);
        }
        load
    }

    /// Adds one client for each of these users, who comes only now, through one gateway, and sends a
    /// request every `period`.
    pub fn join(&mut self, gateway: usize, users: &[Users], period: Duration) {
        for users in users {
            self.client(gateway, users, Instant::now(), period);
        }
    }

    fn client(&mut self, door: usize, users: &Users, first: Instant, period: Duration) {
        let client = Client {
            doors: self.doors.clone(),
            door,
            users: users.clone(),
            start: self.start,
            connection: None,
            record: Record::default(),
        };
        self.clients
            .spawn(client.run(first, period, self.stop.clone()));
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
                Err(panic) => record.unserved.push(Unserved {
                    sent: 0,
                    answered: micros_since(self.start),
                    tenant: 0,
                    gateway: 0,
                    how: How::Failed(format!("a client died: {panic}")),
                }),
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
        let answer = match timeout(PATIENCE, self.send()).await {
            Ok(answer) => answer,
            Err(_) => Err(anyhow::anyhow!("no answer")),
        };
        let answered = micros_since(self.start);
        match answer {
            Ok(answer) => self.judge(&answer, sent, answered),
            Err(fault) => {
                self.connection = None;
                let killed = before || self.doors[self.door].is_down();
                let how = if killed {
                    How::CutByKill
                } else {
                    How::Failed(format!("{fault:#}"))
                };
                self.unserved(sent, answered, how);
            }
        }
    }

    fn unserved(&mut self, sent: u64, answered: u64, how: How) {
        self.record.unserved.push(Unserved {
            sent,
            answered,
            tenant: self.users.tenant,
            gateway: self.gateway(),
            how,
        });
    }

    fn gateway(&self) -> u8 {
        u8::try_from(self.door).expect("a fleet of a test is small")
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
        let version = answer.header("switchover-version");
        let generation = answer.header("switchover-generation").parse().ok();
        match (answer.status, generation, version_number(version)) {
            (StatusCode::OK, Some(generation), Some(number))
                if answer.text().contains(&format!("\"{version}\"")) =>
            {
                self.record.served.push(Served {
                    sent,
                    answered,
                    generation,
                    version: number,
                    tenant: self.users.tenant,
                    gateway: self.gateway(),
                });
            }
            (StatusCode::FORBIDDEN, _, _) if answer.text().contains("DENIED") => {
                self.unserved(sent, answered, How::Denied);
            }
            (status, _, _) => {
                let text = format!("{status} {}", answer.text());
                let later = status == StatusCode::SERVICE_UNAVAILABLE
                    && !answer.header("retry-after").is_empty();
                let how = if later {
                    How::TryLater(text)
                } else {
                    How::Failed(text)
                };
                self.unserved(sent, answered, how);
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
