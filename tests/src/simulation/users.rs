//! Users: each sends one request after the other to gateways drawn by chance, and writes down what
//! was seen.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::Result;
use bytes::Bytes;
use http::{Request, header};
use http_body_util::Full;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use runtime::{CancellationToken, retry};
use tokio::{sync::watch, task::JoinSet, time::timeout};

use super::{
    guest,
    hosts::{APPS_PORT, Site, VERSIONS, rest},
    operator::Stage,
};
use crate::{
    http_client::{Answer, Connection},
    load::{Decision, Served},
};

/// The tenant of most users.
pub(super) const TENANT: &str = "hall";
/// The application.
pub(super) const APPLICATION: &str = "shop";
/// A user that hears nothing for longer goes elsewhere.
const PATIENCE: Duration = Duration::from_secs(20);

/// What all users saw. Clones are the same record.
#[derive(Debug, Clone, Default)]
pub(super) struct Record(Arc<Mutex<Seens>>);

#[derive(Debug, Default)]
pub(super) struct Seens {
    /// Answers of a version.
    pub(super) served: Vec<Served>,
    /// By which gateway each of them came, in the same order.
    pub(super) doors: Vec<String>,
    /// What the guest has decided, in order.
    pub(super) decisions: Vec<Decision>,
    /// Other answers and broken connections, by what happened.
    pub(super) failed: BTreeMap<String, u64>,
    /// Answers that a version is not for the tenant.
    pub(super) refused: u64,
}

impl Record {
    pub(super) fn seens(&self) -> MutexGuard<'_, Seens> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a gateway answers when the version is not for the tenant.
const REFUSED: u16 = 403;
/// How many there are.
const USERS: u64 = 6;
/// Of so many users one is the guest's.
const GUESTS: u64 = 3;

/// Sends requests for ever, once the first version is active.
pub(super) async fn run(
    site: Arc<Site>,
    gateways: Vec<String>,
    record: Record,
    mut stage: watch::Receiver<Stage>,
) -> Result<Infallible> {
    // Until then there is nothing to be had.
    stage.wait_for(|stage| *stage != Stage::SettingUp).await?;
    let mut set = JoinSet::new();
    for number in 0..USERS {
        let seed = site.seed.wrapping_mul(31).wrapping_add(number);
        let user = User {
            tenant: u8::from(number % GUESTS == 0),
            site: Arc::clone(&site),
            gateways: gateways.clone(),
            record: record.clone(),
            chance: StdRng::seed_from_u64(seed),
            connections: BTreeMap::new(),
        };
        set.spawn(user.run());
    }
    while set.join_next().await.is_some() {}
    Ok(rest().await)
}

struct User {
    tenant: u8,
    site: Arc<Site>,
    gateways: Vec<String>,
    record: Record,
    chance: StdRng,
    connections: BTreeMap<String, Connection>,
}

impl User {
    async fn run(mut self) {
        let never = CancellationToken::new();
        loop {
            let think = Duration::from_millis(self.chance.random_range(5..150));
            retry::pause(think, &never).await.ok();
            let gateway = self.chance.random_range(0..self.gateways.len());
            let door = u8::try_from(gateway).expect("a fleet of a simulation is small");
            let gateway = self.gateways[gateway].clone();
            let sent = now();
            let answer = timeout(PATIENCE, self.ask(&gateway)).await;
            let answered = now();
            let mut seens = self.record.seens();
            let failure = match &answer {
                Ok(Ok(answer)) => match seen(answer, self.tenant, door, sent, answered) {
                    Some(seen) => {
                        seens.served.push(seen);
                        seens.doors.push(gateway);
                        continue;
                    }
                    None if self.tenant == guest::NUMBER && answer.status == REFUSED => {
                        seens.refused += 1;
                        continue;
                    }
                    None => format!("answered {}", answer.status),
                },
                Ok(Err(_)) => "the connection broke".to_owned(),
                Err(_) => "no answer".to_owned(),
            };
            *seens.failed.entry(failure).or_default() += 1;
            drop(seens);
            if !matches!(answer, Ok(Ok(_))) {
                self.connections.remove(&gateway);
            }
        }
    }

    async fn ask(&mut self, gateway: &str) -> Result<Answer> {
        let usable = |connection: &Connection| connection.usable();
        if !self.connections.get(gateway).is_some_and(usable) {
            let address = self.site.at(gateway, APPS_PORT);
            let opened = Connection::open(address).await?;
            self.connections.insert(gateway.to_owned(), opened);
        }
        let tenant = match self.tenant {
            guest::NUMBER => guest::GUEST,
            _ => TENANT,
        };
        let host = format!("{tenant}-{APPLICATION}-acme.apps.example:{APPS_PORT}");
        let request = Request::get("/")
            .header(header::HOST, host)
            .body(Full::new(Bytes::new()))?;
        match self.connections.get_mut(gateway) {
            Some(connection) => connection.send(request).await,
            None => anyhow::bail!("no connection"),
        }
    }
}

fn seen(answer: &Answer, tenant: u8, gateway: u8, sent: u64, answered: u64) -> Option<Served> {
    let generation = answer.header("switchover-generation").parse().ok()?;
    let version = answer.header("version");
    let version = VERSIONS.iter().position(|(name, _)| *name == version)?;
    Some(Served {
        sent,
        answered,
        generation,
        version: u8::try_from(version).ok()?,
        tenant,
        gateway,
    })
}

/// Microseconds of the simulation's time.
pub(super) fn now() -> u64 {
    let elapsed = turmoil::sim_elapsed().unwrap_or_default();
    u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX)
}
