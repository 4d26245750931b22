//! Where a database is.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use sqlx::postgres::PgConnectOptions;

/// Bytes of a database URL.
const URL_MAX: usize = 2048;
/// Bytes of a schema's name: with our prefix it still fits a channel's name, 63 bytes.
const SCHEMA_MAX: usize = 48;
/// The driver ignores what it does not know; a mistyped `sslmode` must not pass for one.
const PARAMETERS: [&str; 6] = [
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "host",
    "application_name",
];

/// `sqlite:PATH`, or `postgres://user:password@host:port/database`, with `?schema=name` where services share a database.
///
/// Its text leaves the password out.
#[derive(Clone)]
pub struct DatabaseUrl(Kind);

#[derive(Clone)]
pub(crate) enum Kind {
    Sqlite(PathBuf),
    Postgres {
        options: Box<PgConnectOptions>,
        schema: Option<Schema>,
    },
}

/// 1–48 of `a-z0-9_`, first a letter, so it never needs quotes.
#[derive(Clone)]
pub(crate) struct Schema(Box<str>);

impl Schema {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a text is not the URL of a database. Never quotes the text: it may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidUrl {
    /// Longer than 2048 bytes.
    #[error("is longer than 2048 bytes")]
    TooLong,
    /// Another scheme.
    #[error("must be sqlite:PATH or postgres://user@host/database")]
    Scheme,
    /// `sqlite:` without a path.
    #[error("must name a file after sqlite:")]
    NoPath,
    /// A database in memory forgets what it acknowledged.
    #[error("must name a file: a database in memory forgets what was acknowledged")]
    InMemory,
    /// Parameters of SQLite could make it unsafe.
    #[error("sqlite:PATH takes no parameters")]
    SqliteParameters,
    /// Does not parse as a `postgres://` URL.
    #[error("is not a valid postgres:// URL")]
    Postgres,
    /// The path of a `postgres://` URL is empty.
    #[error("must name a database: postgres://user@host/database")]
    NoDatabase,
    /// A parameter nobody would read.
    #[error(
        "takes the parameters schema, sslmode, sslrootcert, sslcert, sslkey, host and application_name only"
    )]
    Parameter,
    /// The schema's name is not one.
    #[error("schema must be 1 to 48 of a-z, 0-9 and _, first a letter, and not start with pg_")]
    Schema,
}

impl DatabaseUrl {
    pub(crate) fn kind(&self) -> &Kind {
        &self.0
    }

    /// Returns the URL of a SQLite file.
    pub fn sqlite(path: impl Into<PathBuf>) -> DatabaseUrl {
        DatabaseUrl(Kind::Sqlite(path.into()))
    }

    /// Returns the same PostgreSQL database with `schema` in place of the one it names.
    ///
    /// # Errors
    /// [`InvalidUrl::Schema`] if it is not a name, [`InvalidUrl::SqliteParameters`] for SQLite.
    pub fn with_schema(&self, schema: &str) -> Result<DatabaseUrl, InvalidUrl> {
        match &self.0 {
            Kind::Sqlite(_) => Err(InvalidUrl::SqliteParameters),
            Kind::Postgres { options, .. } => Ok(DatabaseUrl(Kind::Postgres {
                options: options.clone(),
                schema: Some(schema.parse()?),
            })),
        }
    }
}

impl FromStr for Schema {
    type Err = InvalidUrl;

    fn from_str(text: &str) -> Result<Schema, InvalidUrl> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        let good = text.len() <= SCHEMA_MAX
            && text.bytes().next().is_some_and(|b| b.is_ascii_lowercase())
            && text.bytes().all(allowed)
            && !text.starts_with("pg_");
        if good {
            Ok(Schema(text.into()))
        } else {
            Err(InvalidUrl::Schema)
        }
    }
}

impl FromStr for DatabaseUrl {
    type Err = InvalidUrl;

    fn from_str(text: &str) -> Result<DatabaseUrl, InvalidUrl> {
        if text.len() > URL_MAX {
            return Err(InvalidUrl::TooLong);
        }
        match text.split_once(':') {
            Some(("sqlite", rest)) => sqlite(rest),
            Some(("postgres" | "postgresql", _)) => postgres(text),
            _ => Err(InvalidUrl::Scheme),
        }
        .map(DatabaseUrl)
    }
}

fn sqlite(rest: &str) -> Result<Kind, InvalidUrl> {
    let path = rest.strip_prefix("//").unwrap_or(rest);
    if path.contains(":memory:") {
        return Err(InvalidUrl::InMemory);
    }
    if path.contains(['?', '\0']) || path.starts_with("file:") {
        return Err(InvalidUrl::SqliteParameters);
    }
    if path.is_empty() || path.ends_with('/') {
        return Err(InvalidUrl::NoPath);
    }
    Ok(Kind::Sqlite(path.into()))
}

fn postgres(text: &str) -> Result<Kind, InvalidUrl> {
    let (base, query) = text.split_once('?').unwrap_or((text, ""));
    let mut schema = None;
    let mut rest = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some(("schema", name)) => schema = Some(name.parse()?),
            Some((key, _)) if PARAMETERS.contains(&key) => rest.push(pair),
            _ => return Err(InvalidUrl::Parameter),
        }
    }
    let driver = if rest.is_empty() {
        base.to_owned()
    } else {
        format!("{base}?{}", rest.join("&"))
    };
    let options: PgConnectOptions = driver.parse().map_err(|_| InvalidUrl::Postgres)?;
    if options.get_database().is_none_or(str::is_empty) {
        return Err(InvalidUrl::NoDatabase);
    }
    Ok(Kind::Postgres {
        options: Box::new(options),
        schema,
    })
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Kind::Postgres { options, schema } => {
                let (user, host, port) = (
                    options.get_username(),
                    options.get_host(),
                    options.get_port(),
                );
                write!(
                    f,
                    "postgres://{user}@{host}:{port}/{}",
                    options.get_database().unwrap_or_default()
                )?;
                schema
                    .iter()
                    .try_for_each(|schema| write!(f, "?schema={}", schema.as_str()))
            }
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_never_shown() {
        let url: DatabaseUrl = "postgres://app:hunter2@db:5433/main?sslmode=require&schema=catalog"
            .parse()
            .unwrap();
        assert_eq!(
            url.to_string(),
            "postgres://app@db:5433/main?schema=catalog"
        );
        assert!(!format!("{url:?}").contains("hunter2"));
    }

    #[test]
    fn a_file_is_named_with_and_without_slashes() {
        for (text, expected) in [
            ("sqlite:state/catalog.db", "sqlite:state/catalog.db"),
            ("sqlite:///var/lib/catalog.db", "sqlite:/var/lib/catalog.db"),
            ("sqlite:/var/lib/catalog.db", "sqlite:/var/lib/catalog.db"),
        ] {
            assert_eq!(text.parse::<DatabaseUrl>().unwrap().to_string(), expected);
        }
    }

    #[test]
    fn what_is_not_a_lasting_database_is_refused() {
        for (text, why) in [
            ("mysql://x/y", InvalidUrl::Scheme),
            ("", InvalidUrl::Scheme),
            ("sqlite:", InvalidUrl::NoPath),
            ("sqlite:dir/", InvalidUrl::NoPath),
            ("sqlite::memory:", InvalidUrl::InMemory),
            ("sqlite://:memory:", InvalidUrl::InMemory),
            ("sqlite:x.db?mode=memory", InvalidUrl::SqliteParameters),
            ("sqlite:file:x.db", InvalidUrl::SqliteParameters),
            ("postgres://app@db", InvalidUrl::NoDatabase),
            ("postgres://app@db:port/main", InvalidUrl::Postgres),
            (
                "postgres://app@db/main?ssl_mod=require",
                InvalidUrl::Parameter,
            ),
            ("postgres://app@db/main?password=x", InvalidUrl::Parameter),
            (
                "postgres://app@db/main?options=-c%20fsync=off",
                InvalidUrl::Parameter,
            ),
            ("postgres://app@db/main?schema=", InvalidUrl::Schema),
            ("postgres://app@db/main?schema=A", InvalidUrl::Schema),
            ("postgres://app@db/main?schema=pg_x", InvalidUrl::Schema),
            ("postgres://app@db/main?schema=a%22b", InvalidUrl::Schema),
        ] {
            assert_eq!(text.parse::<DatabaseUrl>().unwrap_err(), why, "{text}");
        }
        assert_eq!(
            "x".repeat(2049).parse::<DatabaseUrl>().unwrap_err(),
            InvalidUrl::TooLong
        );
    }
}
