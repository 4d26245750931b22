//! What clients saw while versions were switched, and the checker of it: which version is active is
//! one register that the whole fleet reads, and a denial that was acknowledged stays in force.
//!
//! Generations are totally ordered, so a sort and a sweep decide what is undecidable in general in
//! good time: O(n log n). This crate knows text and numbers; it knows no service.

mod check;
mod error;
mod names;
mod record;

pub use self::{
    check::{Contradiction, Line, Verdict},
    error::Error,
    record::Record,
};

use std::io::BufRead;

use self::names::Names;

/// How a history file is written, for people.
pub const FORMAT: &str = "\
A history file is text, one record a line, words parted by one space each. Empty lines and lines
that begin with # are left out; a line has at most 1,024 bytes. Times are whole numbers of one
monotonic clock, in one unit; ANSWERED is when the answer was complete.

  served SENT ANSWERED APPLICATION GENERATION VERSION GATEWAY TENANT
      a version answered a request
  refused SENT ANSWERED APPLICATION GATEWAY TENANT
      a gateway refused one because of the tenant's denial
  failed SENT ANSWERED APPLICATION GATEWAY TENANT
      one ended without either
  denied TIME APPLICATION VERSION TENANT
      a denial was answered as in force
  accepted TIME APPLICATION VERSION TENANT
      an acceptance was sent, with which a denial may end

  served 1000 2315 shop 7 2.0 gateway-1 anna";

/// Most bytes of a line, with its end.
pub const LINE_MAX: usize = 1024;

/// Everything that clients saw, in little space: 40 bytes a request.
#[derive(Debug, Default)]
pub struct History {
    names: Names,
    requests: Vec<Request>,
    decisions: Vec<Decision>,
    refused: u64,
    failed: u64,
    lines: u32,
}

/// A request that a version answered.
#[derive(Debug, Clone, Copy)]
struct Request {
    sent: u64,
    answered: u64,
    generation: u64,
    tenant: u32,
    line: u32,
    application: u16,
    version: u16,
    gateway: u16,
}

/// What a tenant decided, and when it counted.
#[derive(Debug, Clone, Copy)]
struct Decision {
    at: u64,
    denied: bool,
    tenant: u32,
    line: u32,
    application: u16,
    version: u16,
}

impl History {
    /// Reads a history file to its end.
    ///
    /// # Errors
    /// When it cannot be read, and at the first line that is no record.
    pub fn read(mut input: impl BufRead) -> Result<Self, Error> {
        let mut history = Self::default();
        let mut line = Vec::with_capacity(LINE_MAX);
        loop {
            line.clear();
            // Never more than a line may have, whatever the file is.
            let mut limited = std::io::Read::take(&mut input, LINE_MAX as u64 + 1);
            if limited.read_until(b'\n', &mut line)? == 0 {
                return Ok(history);
            }
            history.read_line(&line).map_err(|why| Error::Line {
                number: u64::from(history.lines),
                why,
            })?;
        }
    }

    fn read_line(&mut self, line: &[u8]) -> Result<(), String> {
        self.count_line()?;
        if line.len() > LINE_MAX {
            return Err(format!("it has more than {LINE_MAX} bytes"));
        }
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        if line.is_empty() || line.starts_with(b"#") {
            return Ok(());
        }
        let text = std::str::from_utf8(line).map_err(|_| "it is not UTF-8".to_owned())?;
        self.keep(&Record::parse(text)?)
    }

    /// Adds a record, as the next line.
    ///
    /// # Errors
    /// When an answer was complete before its request was sent, or past the limits of a history:
    /// 4,294,967,295 lines and tenants; 65,535 applications, versions and gateways.
    pub fn add(&mut self, record: &Record<'_>) -> Result<(), Error> {
        let added = self.count_line().and_then(|()| self.keep(record));
        added.map_err(|why| Error::Line {
            number: u64::from(self.lines),
            why,
        })
    }

    fn count_line(&mut self) -> Result<(), String> {
        let next = self.lines.checked_add(1);
        self.lines = next.ok_or("a history has at most 4294967295 lines")?;
        Ok(())
    }

    fn keep(&mut self, record: &Record<'_>) -> Result<(), String> {
        let line = self.lines;
        match *record {
            Record::Served {
                sent,
                answered,
                application,
                generation,
                version,
                gateway,
                tenant,
            } => {
                in_order(sent, answered)?;
                self.requests.push(Request {
                    sent,
                    answered,
                    generation,
                    tenant: self.names.tenants.id(tenant)?,
                    line,
                    application: self.names.applications.id(application)?,
                    version: self.names.versions.id(version)?,
                    gateway: self.names.gateways.id(gateway)?,
                });
            }
            Record::Refused { sent, answered, .. } => {
                in_order(sent, answered)?;
                self.refused += 1;
            }
            Record::Failed { sent, answered, .. } => {
                in_order(sent, answered)?;
                self.failed += 1;
            }
            Record::Denied {
                at,
                application,
                version,
                tenant,
            } => self.decide(at, true, application, version, tenant)?,
            Record::Accepted {
                at,
                application,
                version,
                tenant,
            } => self.decide(at, false, application, version, tenant)?,
        }
        Ok(())
    }

    fn decide(
        &mut self,
        at: u64,
        denied: bool,
        application: &str,
        version: &str,
        tenant: &str,
    ) -> Result<(), String> {
        self.decisions.push(Decision {
            at,
            denied,
            tenant: self.names.tenants.id(tenant)?,
            line: self.lines,
            application: self.names.applications.id(application)?,
            version: self.names.versions.id(version)?,
        });
        Ok(())
    }

    /// Returns how many requests were sent: served, refused and failed.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.requests.len() as u64 + self.refused + self.failed
    }

    /// Checks it, and keeps at most `keep` contradictions to be shown; all are counted.
    #[must_use]
    pub fn check(&self, keep: usize) -> Verdict {
        check::check(self, keep)
    }
}

fn in_order(sent: u64, answered: u64) -> Result<(), String> {
    if sent <= answered {
        Ok(())
    } else {
        Err(format!(
            "it was answered at {answered}, before it was sent at {sent}"
        ))
    }
}
