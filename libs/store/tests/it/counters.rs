//! One table with a revision and one of events, as services have them.

use store::{Error, Tx, on};

#[derive(Debug, PartialEq, sqlx::FromRow)]
pub(crate) struct Counter {
    pub(crate) name: String,
    pub(crate) revision: i64,
}

pub(crate) async fn insert(tx: &mut Tx, name: &str) -> Result<(), Error> {
    const SQL: &str = "insert into counters (name, revision) values ($1, 0)";
    on!(tx, |conn| sqlx::query(SQL)
        .bind(name)
        .execute(conn)
        .await
        .map(|_| ()))
}

pub(crate) async fn find(tx: &mut Tx, name: &str) -> Result<Option<Counter>, Error> {
    const SQL: &str = "select name, revision from counters where name = $1";
    on!(tx, |conn| sqlx::query_as(SQL)
        .bind(name)
        .fetch_optional(conn)
        .await)
}

pub(crate) async fn save(tx: &mut Tx, counter: &Counter) -> Result<(), Error> {
    const SQL: &str = "update counters set revision = $2 where name = $1";
    let query = sqlx_update(tx, SQL, counter).await?;
    assert_eq!(query, 1);
    Ok(())
}

async fn sqlx_update(tx: &mut Tx, sql: &'static str, counter: &Counter) -> Result<u64, Error> {
    on!(tx, |conn| sqlx::query(sql)
        .bind(&counter.name)
        .bind(counter.revision)
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))
}

/// Reads, adds one, writes: what is lost if two do it at once.
pub(crate) async fn advance(tx: &mut Tx, name: &str) -> Result<i64, Error> {
    let mut counter = find(tx, name).await?.expect("the counter was inserted");
    counter.revision += 1;
    save(tx, &counter).await?;
    Ok(counter.revision)
}
