//! The tables of a service's audit log, and what stands in for them when the log is to cost nothing: views
//! that answer as the tables do and keep nothing. The service does not know; no product has a way to do so.

use anyhow::Result;
use sqlx::{Connection as _, PgConnection, SqliteConnection};

/// The tables, where the service has them.
pub(super) enum AuditTables {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

const AWAY: &str = "alter table audit_head rename to kept_head; \
    alter table audit_entries rename to kept_entries; \
    create view audit_head as select one, number, hash from kept_head; \
    create view audit_entries as select * from kept_entries;";
const BACK: &str = "drop view audit_head; drop view audit_entries; \
    alter table kept_head rename to audit_head; \
    alter table kept_entries rename to audit_entries;";
const SQLITE_KEEPS_NOTHING: &str = "\
    create trigger head_stays instead of update on audit_head begin select 1; end; \
    create trigger entries_stay instead of insert on audit_entries begin select 1; end;";
const POSTGRES_KEEPS_NOTHING: &str = "\
    create or replace function keeps_nothing() returns trigger language plpgsql \
    as 'begin return new; end'; \
    create trigger head_stays instead of update on audit_head \
    for each row execute function keeps_nothing(); \
    create trigger entries_stay instead of insert on audit_entries \
    for each row execute function keeps_nothing();";

impl AuditTables {
    /// Connects to the database of a service.
    pub(super) async fn of(url: &str) -> Result<Self> {
        let (place, schema) = url.split_once("?schema=").unwrap_or((url, "public"));
        if place.starts_with("sqlite:") {
            return Ok(Self::Sqlite(SqliteConnection::connect(place).await?));
        }
        let mut connection = PgConnection::connect(place).await?;
        sqlx::query("select set_config('search_path', $1, false)")
            .bind(schema)
            .execute(&mut connection)
            .await?;
        Ok(Self::Postgres(connection))
    }

    /// Puts views in the place of the tables.
    pub(super) async fn stand_in(&mut self) -> Result<()> {
        match self {
            Self::Sqlite(_) => self.all_of(AWAY, SQLITE_KEEPS_NOTHING).await,
            Self::Postgres(_) => self.all_of(AWAY, POSTGRES_KEEPS_NOTHING).await,
        }
    }

    /// Puts the tables back.
    pub(super) async fn put_back(&mut self) -> Result<()> {
        self.all_of(BACK, "").await
    }

    /// Returns how many entries there are.
    pub(super) async fn entries(&mut self) -> Result<i64> {
        const SQL: &str = "select count(*) from audit_entries";
        let (count,) = match self {
            Self::Sqlite(connection) => sqlx::query_as(SQL).fetch_one(connection).await?,
            Self::Postgres(connection) => sqlx::query_as(SQL).fetch_one(connection).await?,
        };
        Ok(count)
    }

    /// Does all of it or nothing.
    async fn all_of(&mut self, first: &'static str, then: &'static str) -> Result<()> {
        match self {
            Self::Sqlite(connection) => {
                let mut tx = connection.begin_with("begin immediate").await?;
                sqlx::raw_sql(first).execute(&mut *tx).await?;
                sqlx::raw_sql(then).execute(&mut *tx).await?;
                tx.commit().await?;
            }
            Self::Postgres(connection) => {
                let mut tx = connection.begin().await?;
                sqlx::raw_sql(first).execute(&mut *tx).await?;
                sqlx::raw_sql(then).execute(&mut *tx).await?;
                tx.commit().await?;
            }
        }
        Ok(())
    }
}
