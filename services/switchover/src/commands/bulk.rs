//! Many tenants from a file: given a version, or an application taken away. What was done is known by
//! the request's id, so a run that broke off goes on under the same one.

use std::{path::PathBuf, time::Duration};

use clap::Args;
use proto::provisioning::v1::{BatchProvideRequest, BatchRemoveRequest, BatchTenant};
use tonic::{Response, Status};

use super::again::{Again, Patience};
use crate::{
    args::{ApplicationArg, Contact, VersionArgs},
    connect::{Service::Provisioning, Session},
    error::Error,
    show::{Screen, bulk::Bulk},
};

mod file;

use file::Row;

/// Tenants of one call: as many as the service takes.
const AT_ONCE: usize = 500;
/// The first pause before a call is repeated that could not be answered.
const PAUSE_FIRST: Duration = Duration::from_millis(200);
/// How often a call is repeated.
const TRIES: u32 = 20;

/// A file of tenants.
#[derive(Debug, Args)]
pub struct FileArg {
    /// The tenants: CSV with the columns tenant, display_name, contacts, on_record, of which the first
    /// is needed; or one JSON object a line with these fields, in a file named .jsonl
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// What `add-many` takes.
#[derive(Debug, Args)]
pub struct Add {
    /// Which tenants.
    #[command(flatten)]
    file: FileArg,
    /// Which version.
    #[command(flatten)]
    version: VersionArgs,
    /// Those whose line says nothing else have accepted in writing: where that is written down
    #[arg(long, value_name = "REFERENCE")]
    on_record: Option<String>,
}

/// What `remove-many` takes.
#[derive(Debug, Args)]
pub struct Remove {
    /// Which tenants.
    #[command(flatten)]
    file: FileArg,
    /// The application
    application: ApplicationArg,
    /// Why; the tenants read it
    #[arg(
        long,
        default_value = "",
        hide_default_value = true,
        value_name = "TEXT"
    )]
    reason: String,
}

impl Add {
    /// Gives every tenant of the file the version.
    pub async fn run(self, session: &Session, screen: &Screen) -> Result<(), Error> {
        let version = self.version.name()?.to_string();
        let rows = file::read(&self.file.file)?;
        let mut bulk = screen.bulk(rows.len());
        let mut done = 0;
        for part in rows.chunks(AT_ONCE) {
            let tenants = part.iter().map(|row| self.entry(row)).collect();
            let request = BatchProvideRequest {
                version: version.clone(),
                tenants,
                request_id: session.request_id().to_string(),
            };
            let answer = persistently(session, || {
                let (mut batches, request) = (session.batches(), request.clone());
                async move { batches.batch_provide(request).await }
            });
            match answer.await {
                Ok(answer) => bulk.show(&answer, &answer.results)?,
                Err(error) => return broken(done, rows.len(), session, screen, &bulk, error),
            }
            done += part.len();
        }
        ended(&bulk)
    }

    fn entry(&self, row: &Row) -> BatchTenant {
        let reference = row.on_record.as_ref().or(self.on_record.as_ref());
        BatchTenant {
            tenant: contract::TenantRef::from(row.tenant.clone()).to_string(),
            display_name: row.display_name.clone().unwrap_or_default(),
            contacts: row.contacts.iter().cloned().map(Contact::wire).collect(),
            consent_reference: reference.cloned().unwrap_or_default(),
        }
    }
}

impl Remove {
    /// Takes the application away from every tenant of the file.
    pub async fn run(self, session: &Session, screen: &Screen) -> Result<(), Error> {
        let rows = file::read(&self.file.file)?;
        let mut bulk = screen.bulk(rows.len());
        let mut done = 0;
        for part in rows.chunks(AT_ONCE) {
            let tenants = part
                .iter()
                .map(|row| contract::TenantRef::from(row.tenant.clone()).to_string());
            let request = BatchRemoveRequest {
                application: self.application.full(),
                tenants: tenants.collect(),
                reason: self.reason.clone(),
                request_id: session.request_id().to_string(),
            };
            let answer = persistently(session, || {
                let (mut batches, request) = (session.batches(), request.clone());
                async move { batches.batch_remove(request).await }
            });
            match answer.await {
                Ok(answer) => bulk.show(&answer, &answer.results)?,
                Err(error) => return broken(done, rows.len(), session, screen, &bulk, error),
            }
            done += part.len();
        }
        ended(&bulk)
    }
}

/// Repeats a call that could not be answered: under one request id it does nothing twice.
async fn persistently<T, F>(session: &Session, call: impl Fn() -> F) -> Result<T, Error>
where
    F: Future<Output = Result<Response<T>, Status>>,
{
    let mut again = Again::new(Patience::Tries(TRIES), PAUSE_FIRST);
    loop {
        match session.ask(Provisioning, call()).await {
            Ok(answer) => return Ok(answer),
            Err(error) => again.wait(error).await?,
        }
    }
}

/// Says how far it came, and how to go on.
fn broken(
    done: usize,
    all: usize,
    session: &Session,
    screen: &Screen,
    bulk: &Bulk,
    error: Error,
) -> Result<(), Error> {
    bulk.leave();
    let id = session.request_id();
    screen.aside(&format!(
        "{done} of {all} tenants are done. The same command with --request-id {id} goes on from there.\n"
    ))?;
    Err(error)
}

fn ended(bulk: &Bulk) -> Result<(), Error> {
    match bulk.finish()? {
        0 => Ok(()),
        failed => Err(Error::Incomplete { failed }),
    }
}
