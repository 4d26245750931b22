//! What a world is to consist of.

use super::Database;
use crate::keys::Callers;

/// What a world is to consist of.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Which database the services use.
    pub database: Database,
    /// How many gateways there are.
    pub gateways: usize,
    /// How many replicas the catalog has: more than one only on PostgreSQL.
    pub catalogs: usize,
    /// How callers are known.
    pub callers: Callers,
    /// Whether gateways reach catalog and provisioning, and catalogs their database, by wires that
    /// can be cut.
    pub wires: bool,
    /// Whether the PostgreSQL server is the world's own, to be crashed.
    pub own_server: bool,
    /// Whether it is written down which mails the SMTP server takes.
    pub watched_mail: bool,
    /// Variables of every process.
    pub environment: Vec<(String, String)>,
}

impl Plan {
    /// One catalog, no wires, callers that are believed.
    #[must_use]
    pub fn new(database: Database, gateways: usize) -> Self {
        Self {
            database,
            gateways,
            catalogs: 1,
            callers: Callers::Believed,
            wires: false,
            own_server: false,
            watched_mail: false,
            environment: Vec::new(),
        }
    }
}
