//! SQLite in step with a simulation: each transaction happens at one instant of simulated time, on
//! the thread that simulates, and takes as long in real time as it takes. Nothing of it is left to
//! the order in which threads run, and a crash falls between two transactions.

use std::{
    cell::RefCell,
    collections::HashMap,
    path::{Path, PathBuf},
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, Wake, Waker},
    thread::Thread,
};

use sqlx::{Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};

use crate::{Error, wake::Wakes};

/// Which wake-ups are heard, beside those of the same `Db`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// Those of everybody who opened the same file, as on PostgreSQL.
    Everybodys,
    /// No others: they are lost on their way.
    Own,
}

struct Entry {
    heard: Heard,
    time: Box<dyn Fn() -> i64>,
    wakes: HashMap<PathBuf, Arc<Wakes>>,
}

thread_local! {
    static ENTERED: RefCell<Option<Entry>> = const { RefCell::new(None) };
}

/// Has every SQLite database that this thread opens be in step, until what is returned is dropped. It
/// stands for a server that many use: `time` is what its clock says, in microseconds since 1970.
pub fn enter(heard: Heard, time: impl Fn() -> i64 + 'static) -> Entered {
    let (wakes, time) = (HashMap::new(), Box::new(time));
    ENTERED.set(Some(Entry { heard, time, wakes }));
    Entered(())
}

/// This thread opens databases that are in step.
#[derive(Debug)]
#[must_use = "databases are in step only while this lives"]
pub struct Entered(());

impl Drop for Entered {
    fn drop(&mut self) {
        ENTERED.set(None);
    }
}

/// Returns the wake-ups of a file, if this thread opens databases in step.
pub(crate) fn wakes(path: &Path) -> Option<Arc<Wakes>> {
    ENTERED.with_borrow_mut(|entered| {
        let entry = entered.as_mut()?;
        Some(match entry.heard {
            Heard::Own => Wakes::local(),
            Heard::Everybodys => {
                let wakes = entry.wakes.entry(path.to_owned());
                Arc::clone(wakes.or_insert_with(Wakes::local))
            }
        })
    })
}

/// Returns the time of the server that is stood for, if this thread opens databases in step.
pub(crate) fn server_time() -> Option<i64> {
    ENTERED.with_borrow(|entered| entered.as_ref().map(|entry| (entry.time)()))
}

pub(crate) fn entered() -> bool {
    ENTERED.with_borrow(Option::is_some)
}

/// Runs a future to its end, here and now.
pub(crate) fn drive<T>(work: impl Future<Output = T>) -> T {
    struct Unpark(Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut cx = Context::from_waker(&waker);
    let mut work = pin!(work);
    loop {
        match work.as_mut().poll(&mut cx) {
            Poll::Ready(done) => return done,
            Poll::Pending => std::thread::park(),
        }
    }
}

/// The connections that are not in use.
pub(crate) struct Idle {
    options: SqliteConnectOptions,
    connections: Mutex<Vec<SqliteConnection>>,
}

impl Idle {
    pub(crate) fn new(options: SqliteConnectOptions) -> Arc<Self> {
        Arc::new(Self {
            options,
            connections: Mutex::default(),
        })
    }

    /// Begins a transaction.
    pub(crate) fn begin(self: &Arc<Self>, begin: &'static str) -> Result<Held, Error> {
        let idle = self.lock().pop();
        let mut connection = match idle {
            Some(connection) => connection,
            None => drive(SqliteConnection::connect_with(&self.options))?,
        };
        drive(sqlx::query(begin).execute(&mut connection))?;
        Ok(Held {
            connection,
            idle: Arc::clone(self),
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<SqliteConnection>> {
        self.connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes what is not in use.
    pub(crate) fn close(&self) {
        let connections = std::mem::take(&mut *self.lock());
        for connection in connections {
            if let Err(error) = drive(connection.close()) {
                tracing::debug!(
                    error = &error as &dyn std::error::Error,
                    "a connection did not close in good order"
                );
            }
        }
    }
}

/// A connection in a transaction. Dropped, it is closed, and the database rolls back.
pub(crate) struct Held {
    pub(crate) connection: SqliteConnection,
    idle: Arc<Idle>,
}

impl Held {
    /// Ends the transaction by `commit` or `rollback`.
    pub(crate) fn end(mut self, how: &'static str) -> Result<(), sqlx::Error> {
        drive(sqlx::query(how).execute(&mut self.connection))?;
        self.idle.lock().push(self.connection);
        Ok(())
    }
}
