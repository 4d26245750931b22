//! What gateways are told, read once for all of them: who follows on which stream, and every
//! application's route. A change costs one look at the database, however many gateways follow.
//!
//! A picture is only ever replaced by a later one, and each is one transaction's view. A gateway
//! whose membership was written down asks for a picture that was begun after that, so that it is
//! told no route that a switch without it could have left (R6).

use std::{
    collections::{BTreeMap, HashMap},
    convert::Infallible,
    sync::Arc,
    time::Duration,
};

use ::store::Db;
use contract::{ApplicationName, GatewayName, Problem, Revision, Timeline};
use runtime::CancellationToken;
use tokio::sync::{Notify, watch};

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
    looks: watch::Receiver<Look>,
    asked: Arc<Notify>,
    /// The number of the look that begins next.
    next: watch::Receiver<u64>,
}

/// Who looks, for all that see the board.
pub(crate) struct Painter {
    db: Db,
    looks: watch::Sender<Look>,
    asked: Arc<Notify>,
    next: watch::Sender<u64>,
}

/// Returns a board, and who keeps it up to date.
pub(crate) fn board(db: Db) -> (Board, Painter) {
    let look = Look {
        number: 0,
        found: Ok(Arc::default()),
    };
    let (painting, looks) = watch::channel(look);
    let (beginning, next) = watch::channel(1);
    let asked = Arc::new(Notify::new());
    let board = Board {
        looks,
        asked: asked.clone(),
        next,
    };
    let painter = Painter {
        db,
        looks: painting,
        asked,
        next: beginning,
    };
    (board, painter)
}

impl Board {
    /// Returns a picture whose look began after this was called.
    pub(crate) async fn fresh(&mut self) -> Result<Arc<Picture>, Problem> {
        let number = *self.next.borrow();
        self.asked.notify_one();
        let seen = self.looks.wait_for(|look| look.number >= number).await;
        let found = seen.map(|look| look.found.clone());
        or_never(found.ok()).await
    }

    /// Waits for another picture than the one that was seen last.
    pub(crate) async fn changed(&mut self) -> Result<Arc<Picture>, Problem> {
        let found = match self.looks.changed().await {
            Ok(()) => Some(self.looks.borrow_and_update().found.clone()),
            Err(_) => None,
        };
        or_never(found).await
    }
}

/// Waits for ever for what does not come any more: whoever looked has ended with the service, and
/// who waits here ends with it too.
async fn or_never<T>(found: Option<T>) -> T {
    match found {
        Some(found) => found,
        None => std::future::pending().await,
    }
}

impl Painter {
    /// Looks whenever something has changed or somebody asks, until `stop`.
    pub(crate) async fn run(self, stop: CancellationToken) -> Result<(), Infallible> {
        let mut listener = self.db.listen(ROUTES);
        let mut last = Arc::<Picture>::default();
        loop {
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = listener.changed_or(POLL) => {}
                () = self.asked.notified() => {}
            }
            // Who asks from here on is not served by this look.
            let number = *self.next.borrow();
            self.next.send_replace(number + 1);
            let found = look(&self.db, &last)
                .await
                .map(Arc::new)
                .map_err(Problem::from);
            if let Ok(picture) = &found {
                last = Arc::clone(picture);
            }
            self.looks.send_replace(Look { number, found });
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
