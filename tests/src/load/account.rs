//! A record as a history, for the checker: in memory, and as the file that it reads.

use std::io::{self, Write};

use history::History;

use super::{How, Record, Served, Unserved};

const APPLICATION: &str = "shop";

/// A decision of a tenant: what the checker must know beside requests.
#[derive(Debug, Clone, Copy)]
pub struct Decision {
    /// On the clock of the record: of a denial when its answer was complete, of an acceptance when
    /// it was sent.
    pub at: u64,
    /// Whose it is.
    pub tenant: u8,
    /// Of which version.
    pub version: u8,
    /// Whether it denies or accepts.
    pub denies: bool,
}

impl Record {
    /// Returns how many requests contradict what was seen or decided before.
    #[must_use]
    pub fn contradictions(&self, decisions: &[Decision]) -> u64 {
        self.history(decisions).check(0).contradictions
    }

    /// Returns it as a history.
    #[must_use]
    pub fn history(&self, decisions: &[Decision]) -> History {
        let mut history = History::default();
        let added = self.each(decisions, |record| {
            history.add(&record).map_err(io::Error::other)
        });
        added.expect("a load sends in order and less than a history holds");
        history
    }

    /// Writes it as a history file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, decisions: &[Decision], out: &mut impl Write) -> io::Result<()> {
        self.each(decisions, |record| writeln!(out, "{record}"))?;
        out.flush()
    }

    fn each(
        &self,
        decisions: &[Decision],
        mut take: impl FnMut(history::Record<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        for decision in decisions {
            let (version, tenant) = (version(decision.version), tenant(decision.tenant));
            let (at, application) = (decision.at, APPLICATION);
            take(if decision.denies {
                history::Record::Denied {
                    at,
                    application,
                    version: &version,
                    tenant: &tenant,
                }
            } else {
                history::Record::Accepted {
                    at,
                    application,
                    version: &version,
                    tenant: &tenant,
                }
            })?;
        }
        for served in &self.served {
            let Served {
                sent,
                answered,
                generation,
                ..
            } = *served;
            take(history::Record::Served {
                sent,
                answered,
                application: APPLICATION,
                generation,
                version: &version(served.version),
                gateway: &gateway(served.gateway),
                tenant: &tenant(served.tenant),
            })?;
        }
        for unserved in &self.unserved {
            let Unserved { sent, answered, .. } = *unserved;
            let (gateway, tenant) = (gateway(unserved.gateway), tenant(unserved.tenant));
            let (application, gateway, tenant) = (APPLICATION, &*gateway, &*tenant);
            take(match unserved.how {
                How::Denied => history::Record::Refused {
                    sent,
                    answered,
                    application,
                    gateway,
                    tenant,
                },
                How::TryLater(_) | How::CutByKill | How::Failed(_) => history::Record::Failed {
                    sent,
                    answered,
                    application,
                    gateway,
                    tenant,
                },
            })?;
        }
        Ok(())
    }
}

fn version(number: u8) -> String {
    format!("{number}.0")
}

fn gateway(number: u8) -> String {
    format!("gateway-{number}")
}

fn tenant(number: u8) -> String {
    format!("tenant-{number}")
}
