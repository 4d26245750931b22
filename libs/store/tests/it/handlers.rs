//! Transactions inside spawned tasks and boxed handlers, with captured references, as services write them.

use std::pin::Pin;

use store::{Db, Error, Tx};
use tokio::task::JoinSet;

use crate::{MIGRATIONS, counters};

#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("there is no {0}")]
    Missing(String),
    #[error(transparent)]
    Store(#[from] Error),
}

struct Service {
    db: Db,
}

trait Handler {
    fn advance<'a>(
        &'a self,
        name: &'a str,
        wakes: &'a [&'static str],
    ) -> Pin<Box<dyn Future<Output = Result<i64, Refused>> + Send + 'a>>;
}

/// A domain function with a type parameter, which decides inside the transaction.
async fn decide<S: AsRef<str> + Sync>(tx: &mut Tx, name: &S) -> Result<i64, Refused> {
    match counters::find(tx, name.as_ref()).await? {
        Some(_) => Ok(counters::advance(tx, name.as_ref()).await?),
        None => Err(Refused::Missing(name.as_ref().to_owned())),
    }
}

impl Handler for Service {
    fn advance<'a>(
        &'a self,
        name: &'a str,
        wakes: &'a [&'static str],
    ) -> Pin<Box<dyn Future<Output = Result<i64, Refused>> + Send + 'a>> {
        Box::pin(async move {
            let mut runs = 0;
            let revision = store::write!(self.db, |tx| {
                runs += 1;
                let revision = decide(tx, &name).await?;
                for topic in wakes {
                    tx.wake(topic);
                }
                Ok::<_, Refused>(revision)
            })?;
            assert!(runs >= 1);
            let found = store::read!(self.db, |tx| counters::find(tx, name).await)?;
            assert!(found.is_some_and(|counter| counter.revision >= revision));
            Ok(revision)
        })
    }
}

store::on_both!(
    MIGRATIONS,
    async fn a_handler_runs_in_a_spawned_task(db: Db) {
        store::write!(db, |tx| counters::insert(tx, "a").await).unwrap();
        let service = Service { db };
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let name = String::from("a");
            service.advance(&name, &["counters"]).await.unwrap();
            let missing = service.advance("b", &[]).await;
            (service.advance(&name, &[]).await, missing)
        });
        let (revision, missing) = tasks.join_next().await.unwrap().unwrap();
        assert_eq!(revision.unwrap(), 2);
        assert_eq!(missing.unwrap_err().to_string(), "there is no b");
    }
);
