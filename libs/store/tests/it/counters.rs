//! A table with a revision and one of events, as services have them.

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

pub(crate) async fn save(tx: &mut Tx, counter: &Counter) -> Result<u64, Error> {
    const SQL: &str = "update counters set revision = $2 where name = $1";
    on!(tx, |conn| sqlx::query(SQL)
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
    assert_eq!(save(tx, &counter).await?, 1);
    Ok(counter.revision)
}

/// Adds the event that goes with a revision.
pub(crate) async fn record(
    tx: &mut Tx,
    counter: &str,
    revision: i64,
    writer: i64,
) -> Result<(), Error> {
    const SQL: &str = "insert into events (counter, revision, writer) values ($1, $2, $3)";
    on!(tx, |conn| sqlx::query(SQL)
        .bind(counter)
        .bind(revision)
        .bind(writer)
        .execute(conn)
        .await
        .map(|_| ()))
}

/// Revisions and writers of all events, by revision.
pub(crate) async fn events(tx: &mut Tx, counter: &str) -> Result<Vec<(i64, i64)>, Error> {
    const SQL: &str = "select revision, writer from events where counter = $1 order by revision";
    on!(tx, |conn| sqlx::query_as(SQL)
        .bind(counter)
        .fetch_all(conn)
        .await)
}

/// Takes up to two events that nobody has taken.
pub(crate) async fn claim(tx: &mut Tx, taker: &str) -> Result<Vec<i64>, Error> {
    const MARK: &str = "update events set taken_by = $1 where revision = $2 and taken_by is null";
    let select = store::claim(
        tx,
        "select revision from events where taken_by is null order by revision limit 2",
    );
    let rows: Vec<(i64,)> = on!(tx, |conn| sqlx::query_as(select).fetch_all(conn).await)?;
    for (revision,) in &rows {
        let marked = on!(tx, |conn| sqlx::query(MARK)
            .bind(taker)
            .bind(revision)
            .execute(conn)
            .await
            .map(|done| done.rows_affected()))?;
        assert_eq!(marked, 1, "{taker} got {revision}, which was taken");
    }
    Ok(rows.into_iter().map(|(revision,)| revision).collect())
}
