//! One line of a history: what one client saw, or what one tenant decided.

use std::fmt;

/// One line of a history. Times are of one monotonic clock, in one unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Record<'a> {
    /// A version answered a request.
    Served {
        /// When it was sent.
        sent: u64,
        /// When its answer was complete.
        answered: u64,
        /// Of which application.
        application: &'a str,
        /// The generation that the answer named.
        generation: u64,
        /// The version that the answer named.
        version: &'a str,
        /// Through which gateway.
        gateway: &'a str,
        /// Whose user sent it.
        tenant: &'a str,
    },
    /// A gateway refused a request because of the tenant's denial.
    Refused {
        /// When it was sent.
        sent: u64,
        /// When its answer was complete.
        answered: u64,
        /// Of which application.
        application: &'a str,
        /// Through which gateway.
        gateway: &'a str,
        /// Whose user sent it.
        tenant: &'a str,
    },
    /// A request ended without an answer of a version.
    Failed {
        /// When it was sent.
        sent: u64,
        /// When it ended.
        answered: u64,
        /// Of which application.
        application: &'a str,
        /// Through which gateway.
        gateway: &'a str,
        /// Whose user sent it.
        tenant: &'a str,
    },
    /// A tenant's denial was answered as in force.
    Denied {
        /// When the answer was complete.
        at: u64,
        /// Of which application.
        application: &'a str,
        /// Which version it may not be given.
        version: &'a str,
        /// Whose denial it is.
        tenant: &'a str,
    },
    /// A tenant accepts a version, which ends its denial.
    Accepted {
        /// When it was sent.
        at: u64,
        /// Of which application.
        application: &'a str,
        /// Which version.
        version: &'a str,
        /// Whose acceptance it is.
        tenant: &'a str,
    },
}

impl<'a> Record<'a> {
    /// Reads a line without its end.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn parse(line: &'a str) -> Result<Self, String> {
        let mut words = Words(line.split(' '));
        let record = match words.next("kind")? {
            "served" => Self::Served {
                sent: words.number("SENT")?,
                answered: words.number("ANSWERED")?,
                application: words.next("APPLICATION")?,
                generation: words.number("GENERATION")?,
                version: words.next("VERSION")?,
                gateway: words.next("GATEWAY")?,
                tenant: words.next("TENANT")?,
            },
            "refused" => Self::Refused {
                sent: words.number("SENT")?,
                answered: words.number("ANSWERED")?,
                application: words.next("APPLICATION")?,
                gateway: words.next("GATEWAY")?,
                tenant: words.next("TENANT")?,
            },
            "failed" => Self::Failed {
                sent: words.number("SENT")?,
                answered: words.number("ANSWERED")?,
                application: words.next("APPLICATION")?,
                gateway: words.next("GATEWAY")?,
                tenant: words.next("TENANT")?,
            },
            "denied" => Self::Denied {
                at: words.number("TIME")?,
                application: words.next("APPLICATION")?,
                version: words.next("VERSION")?,
                tenant: words.next("TENANT")?,
            },
            "accepted" => Self::Accepted {
                at: words.number("TIME")?,
                application: words.next("APPLICATION")?,
                version: words.next("VERSION")?,
                tenant: words.next("TENANT")?,
            },
            other => {
                return Err(format!(
                    "{other:?} is none of served, refused, failed, denied, accepted"
                ));
            }
        };
        match words.0.next() {
            None => Ok(record),
            Some(more) => Err(format!("{more:?} is a word too many")),
        }
    }
}

struct Words<'a>(std::str::Split<'a, char>);

impl<'a> Words<'a> {
    fn next(&mut self, what: &str) -> Result<&'a str, String> {
        match self.0.next() {
            Some(word) if !word.is_empty() => Ok(word),
            Some(_) => Err(format!("{what} is empty; words are parted by one space")),
            None => Err(format!("{what} is missing")),
        }
    }

    fn number(&mut self, what: &str) -> Result<u64, String> {
        let word = self.next(what)?;
        let digits = word.bytes().all(|byte| byte.is_ascii_digit());
        word.parse()
            .ok()
            .filter(|_| digits)
            .ok_or_else(|| format!("{what} is {word:?}, no whole number below 2^64"))
    }
}

impl fmt::Display for Record<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Served {
                sent,
                answered,
                application,
                generation,
                version,
                gateway,
                tenant,
            } => write!(
                f,
                "served {sent} {answered} {application} {generation} {version} {gateway} {tenant}"
            ),
            Self::Refused {
                sent,
                answered,
                application,
                gateway,
                tenant,
            } => write!(
                f,
                "refused {sent} {answered} {application} {gateway} {tenant}"
            ),
            Self::Failed {
                sent,
                answered,
                application,
                gateway,
                tenant,
            } => write!(
                f,
                "failed {sent} {answered} {application} {gateway} {tenant}"
            ),
            Self::Denied {
                at,
                application,
                version,
                tenant,
            } => write!(f, "denied {at} {application} {version} {tenant}"),
            Self::Accepted {
                at,
                application,
                version,
                tenant,
            } => write!(f, "accepted {at} {application} {version} {tenant}"),
        }
    }
}
