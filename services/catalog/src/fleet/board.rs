//! What gateways are told, read once for all of them: who follows on which stream, and every
//! application's route. A change costs one look at the database, however many gateways follow.
//!
//! A picture is only ever replaced by a later one, and each is one transaction's view. A gateway
//! whose membership was written down asks for a picture that was begun after that, so that it is
//! told no route that a switch without it could have left (R6).

use std::{
    collections::{BTreeMap, HashMap},
    convert::Infallible,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use ::store::Db;
use contract::{ApplicationName, GatewayName, Problem, Revision, Timeline};
use runtime::CancellationToken;
use tokio::sync::Notify;

use super::StreamId;
use crate::{
    error::Error,
    recovery,
    routes::{self, Route},
    store::{
        ROUTES, applications,
        gateways::{self, Follower},
    },
};

/// A lost wake-up costs at most this.
const POLL: Duration = Duration::from_secs(2);

/// Everything that gateways are told, as of one transaction.
#[derive(Debug, Default)]
pub(crate) struct Picture {
    followers: HashMap<GatewayName, Follower>,
    routes: BTreeMap<ApplicationName, Arc<Route>>,
}

impl Picture {
    /// Returns the gateway as a follower, if the stream is the one on which it follows.
    pub(crate) fn follower(&self, gateway: &GatewayName, stream: StreamId) -> Option<&Follower> {
        let follower = self.followers.get(gateway);
        follower.filter(|follower| follower.stream == stream)
    }

    /// Returns the routes, by their applications' names.
    pub(crate) fn routes(&self) -> &BTreeMap<ApplicationName, Arc<Route>> {
        &self.routes
    }
}

/// The latest look: which it was, and what it found.
#[derive(Debug, Clone)]
struct Look {
    /// Counts the looks; a look that was asked for gets a number that is not less than was said.
    number: u64,
    found: Result<Arc<Picture>, Problem>,
}

/// Where sessions see the latest picture. Clones are the same board.
#[derive(Debug, Clone)]
pub(crate) struct Board {
    wall: Arc<Wall>,
    /// The number of the look that was seen last.
    seen: u64,
}

/// Who looks, for all that see the board.
pub(crate) struct Painter {
    db: Db,
    wall: Arc<Wall>,
}

/// What the painter and those who see the board share. Those who wait are woken in the order in
/// which they began to: a simulation runs the same twice.
#[derive(Debug)]
struct Wall {
    hung: Mutex<Hung>,
    asked: Notify,
    painted: Notify,
}

#[derive(Debug)]
struct Hung {
    look: Look,
    /// The number of the look that begins next.
    next: u64,
}

impl Wall {
    fn lock(&self) -> MutexGuard<'_, Hung> {
        // Nothing panics while it is held.
        self.hung.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns a board, and who keeps it up to date.
pub(crate) fn board(db: Db) -> (Board, Painter) {
    let look = Look {
        number: 0,
        found: Ok(Arc::default()),
    };
    let wall = Arc::new(Wall {
        hung: Mutex::new(Hung { look, next: 1 }),
        asked: Notify::new(),
        painted: Notify::new(),
    });
    let board = Board {
        wall: Arc::clone(&wall),
        seen: 0,
    };
    (board, Painter { db, wall })
}

impl Board {
    /// Returns a picture whose look began after this was called.
    pub(crate) async fn fresh(&mut self) -> Result<Arc<Picture>, Problem> {
        let number = self.wall.lock().next;
        self.wall.asked.notify_one();
        self.seen_from(number).await
    }

    /// Waits for another picture than the one that was seen last.
    pub(crate) async fn changed(&mut self) -> Result<Arc<Picture>, Problem> {
        self.seen_from(self.seen + 1).await
    }

    /// Waits for a look of this number or a later one; for ever if nobody looks any more: whoever
    /// looked has ended with the service, and who waits here ends with it too.
    async fn seen_from(&mut self, number: u64) -> Result<Arc<Picture>, Problem> {
        loop {
            // Before the look: whatever is painted after it is heard of.
            let painted = self.wall.painted.notified();
            let look = self.wall.lock().look.clone();
            if look.number >= number {
                self.seen = look.number;
                return look.found;
            }
            painted.await;
        }
    }
}

impl Painter {
    /// Looks whenever something has changed or somebody asks, until `stop`.
    pub(crate) async fn run(self, stop: CancellationToken) -> Result<(), Infallible> {
        let mut listener = self.db.listen(ROUTES);
        let mut last = Arc::<Picture>::default();
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                () = listener.changed_or(POLL) => {}
                () = self.wall.asked.notified() => {}
            }
            // Who asks from here on is not served by this look.
            let number = {
                let mut hung = self.wall.lock();
                hung.next += 1;
                hung.next - 1
            };
            let found = look(&self.db, &last)
                .await
                .map(Arc::new)
                .map_err(Problem::from);
            if let Ok(picture) = &found {
                last = Arc::clone(picture);
            }
            self.wall.lock().look = Look { number, found };
            self.wall.painted.notify_waiters();
        }
    }
}

/// Reads what is. In recovery nobody is told anything. Routes that have not changed since the last picture are taken from there.
async fn look(db: &Db, last: &Picture) -> Result<Picture, Error> {
    ::store::read!(db, |tx| {
        recovery::refuse(tx).await?;
        let followers = gateways::followers(tx).await?;
        let known: Vec<(ApplicationName, Timeline, Revision)> =
            applications::route_revisions(tx).await?;
        let mut routes = BTreeMap::new();
        for (name, timeline, revision) in known {
            let same =
                |route: &&Arc<Route>| route.timeline == timeline && route.revision == revision;
            let route = match last.routes.get(&name).filter(same) {
                Some(route) => Some(Arc::clone(route)),
                None => routes::read(tx, &name).await?.map(Arc::new),
            };
            routes.extend(route.map(|route| (name, route)));
        }
        Ok(Picture { followers, routes })
    })
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use runtime::{Clock, Shell};
    use uuid::Uuid;

    use super::*;
    use crate::{
        fleet::{Leases, Member, Said},
        store::MIGRATIONS,
    };

    fn member(number: u32, stream: StreamId) -> Member {
        Member {
            name: format!("g{number}").parse().unwrap(),
            boot: Uuid::from_u128(7).to_string().parse().unwrap(),
            software: "0.1.0".to_owned(),
            listeners: Vec::new(),
            stream: Some(stream),
            joined_at: Timestamp::UNIX_EPOCH,
            last_seen_at: Timestamp::UNIX_EPOCH,
            leases: Leases::Renewed,
            draining: false,
            said: Said::default(),
        }
    }

    ::store::on_both!(
        MIGRATIONS,
        async fn a_picture_that_is_asked_for_shows_what_was_written_before(db: Db) {
            let (board, painter) = board(db.clone());
            let shell = Shell::for_tests();
            shell.spawn("routes", painter.run(shell.stopping()));
            let clock = Clock::real();
            let mut joining = tokio::task::JoinSet::new();
            for number in 0..30 {
                let (db, mut board, stream) = (db.clone(), board.clone(), StreamId::new(&clock));
                joining.spawn(async move {
                    let member = member(number, stream);
                    ::store::write!(db, |tx| gateways::put(tx, &member).await).unwrap();
                    let picture = board.fresh().await.unwrap();
                    assert!(
                        picture.follower(&member.name, stream).is_some(),
                        "{}",
                        member.name
                    );
                    picture.followers.len()
                });
            }
            let seen = joining.join_all().await;
            assert_eq!(seen.iter().max(), Some(&30), "who joined last sees all");
            shell.finish_test().await;
        }
    );

    ::store::on_both!(
        MIGRATIONS,
        async fn everybody_who_waits_sees_a_change_after_it_was_written(db: Db) {
            let (board, painter) = board(db.clone());
            let shell = Shell::for_tests();
            shell.spawn("routes", painter.run(shell.stopping()));
            let clock = Clock::real();
            let first = member(1, StreamId::new(&clock));
            ::store::write!(db, |tx| gateways::put(tx, &first).await).unwrap();
            let mut watching = Vec::new();
            for _ in 0..5 {
                let mut board = board.clone();
                board.fresh().await.unwrap();
                watching.push(board);
            }
            let second = member(1, StreamId::new(&clock));
            let (old, new) = (first.stream.unwrap(), second.stream.unwrap());
            ::store::write!(db, |tx| gateways::put(tx, &second).await).unwrap();
            for mut board in watching {
                let mut picture = board.changed().await.unwrap();
                while picture.follower(&first.name, old).is_some() {
                    picture = board.changed().await.unwrap();
                }
                assert!(picture.follower(&first.name, new).is_some());
            }
            shell.finish_test().await;
        }
    );
}
