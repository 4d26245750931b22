//! Transactions from begin to commit, tried again where they collide.
//!
//! Macros, not methods that take a closure: an async closure which borrows its surroundings gives a future
//! that the compiler does not accept as `Send` in spawned tasks and boxed handlers.

use std::ops::ControlFlow;
use std::time::Duration;

use tokio::time::timeout;

use crate::db::Mode;
use crate::fault::{self, Side};
use crate::retry::Retry;
use crate::tx::Health;
use crate::{Db, Error, Tx};

/// One run of the body. PostgreSQL's own limits are below it: this one is for a network that swallows everything.
const WORK_MAX: Duration = Duration::from_secs(30);

/// Runs a body in a transaction that may change things, commits it if it yields `Ok`, and yields its result.
///
/// `store::write!(db, |tx| { … Ok(value) })` awaits in place. `?` and `return` leave the body, not the function
/// around it. The result is a `Result<T, E>` of any `E: From<store::Error>`.
///
/// Transactions act as if one ran after the other: what the body reads still holds when it is committed.
/// A collision runs the body again, up to 32 times within 8 seconds; so it decides from what it reads in this
/// run, and changes nothing but what goes through `tx`.
///
/// # Errors
/// What the body yields, after a rollback; [`Error::Busy`] once all tries collided; [`Error::CommitUnknown`] if the
/// connection was lost while committing, which is never tried again here; [`Error::Unavailable`] after 30 seconds.
#[macro_export]
macro_rules! write {
    ($db:expr, |$tx:ident| $body:expr) => {
        $crate::attempt!($crate::Attempts::writing(&$db, module_path!()), |$tx| $body)
    };
}

/// Runs a body on one unchanging picture of the database, and yields its result; changes are refused.
///
/// Decide in [`write!`](crate::write): what was read here may have changed by then.
///
/// # Errors
/// What the body yields, and what keeps the database from answering.
#[macro_export]
macro_rules! read {
    ($db:expr, |$tx:ident| $body:expr) => {
        $crate::attempt!($crate::Attempts::reading(&$db), |$tx| $body)
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! attempt {
    ($attempts:expr, |$tx:ident| $body:expr) => {{
        let mut attempts = $attempts;
        loop {
            let mut tx = match attempts.begin().await {
                ::core::result::Result::Ok(tx) => tx,
                ::core::result::Result::Err(error) => {
                    break ::core::result::Result::Err(::core::convert::From::from(error));
                }
            };
            let in_step = tx.in_step();
            let result = {
                let $tx: &mut $crate::Tx = &mut tx;
                $crate::Attempts::limited(in_step, async { $body }).await
            };
            if let ::core::ops::ControlFlow::Break(result) = attempts.end(tx, result).await {
                break result;
            }
        }
    }};
}

/// The runs of one body, for [`write!`](crate::write) and [`read!`](crate::read) only.
#[doc(hidden)]
pub struct Attempts {
    db: Db,
    mode: Mode,
    retry: Retry,
    /// Whose transaction it is, for the last words of a process that dies in it.
    place: &'static str,
}

impl Attempts {
    #[doc(hidden)]
    pub fn writing(db: &Db, place: &'static str) -> Attempts {
        Attempts {
            db: db.clone(),
            mode: Mode::Write,
            retry: Retry::new(),
            place,
        }
    }

    #[doc(hidden)]
    pub fn reading(db: &Db) -> Attempts {
        Attempts {
            db: db.clone(),
            mode: Mode::Read,
            retry: Retry::new(),
            place: "",
        }
    }

    #[doc(hidden)]
    pub async fn begin(&mut self) -> Result<Tx, Error> {
        loop {
            match self.db.begin(self.mode).await {
                Err(Error::Busy(_)) => self.again().await?,
                settled => return settled,
            }
        }
    }

    /// Returns nothing if `work` took too long.
    #[doc(hidden)]
    pub async fn limited<T, E>(
        in_step: bool,
        work: impl Future<Output = Result<T, E>>,
    ) -> Option<Result<T, E>> {
        #[cfg(feature = "lockstep")]
        if in_step {
            return Some(crate::lockstep::drive(work));
        }
        #[cfg(not(feature = "lockstep"))]
        debug_assert!(!in_step, "only a simulation is");
        timeout(WORK_MAX, work).await.ok()
    }

    /// Ends one run; breaks with what the caller is to get.
    #[doc(hidden)]
    pub async fn end<T, E: From<Error>>(
        &mut self,
        tx: Tx,
        result: Option<Result<T, E>>,
    ) -> ControlFlow<Result<T, E>> {
        let Some(result) = result else {
            // Dropped, not rolled back: its connection may be stuck.
            drop(tx);
            return ControlFlow::Break(Err(Error::Unavailable(
                "a transaction took longer than 30 s".into(),
            )
            .into()));
        };
        match (tx.health(), result) {
            (Health::Collided, _) => tx.rollback().await,
            (Health::Good | Health::Failed, Ok(value)) => match self.commit(tx).await {
                Ok(()) => return ControlFlow::Break(Ok(value)),
                Err(Error::Busy(_)) => {}
                Err(error) => return ControlFlow::Break(Err(error.into())),
            },
            (Health::Good | Health::Failed, Err(error)) => {
                tx.rollback().await;
                return ControlFlow::Break(Err(error));
            }
        }
        match self.again().await {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(Err(error.into())),
        }
    }

    async fn commit(&self, tx: Tx) -> Result<(), Error> {
        match self.mode {
            Mode::Read => self.db.commit(tx).await,
            Mode::Write => {
                fault::point(Side::Before, self.place);
                let done = self.db.commit(tx).await;
                fault::point(Side::After, self.place);
                done
            }
        }
    }

    async fn again(&mut self) -> Result<(), Error> {
        self.retry
            .again()
            .await
            .map_err(|given_up| Error::Busy(Box::new(given_up)))
    }
}
