//! The wires between the parts of a world.

use anyhow::Result;

use crate::wire::{Condition, Wire};

/// The wires between the parts of a world, all of them from whoever connects.
#[derive(Debug)]
pub struct Wires {
    // Of each gateway to each catalog.
    catalog: Vec<Vec<Wire>>,
    provisioning: Vec<Wire>,
    database: Vec<Wire>,
}

impl Wires {
    pub(super) async fn lay(
        gateways: usize,
        catalogs: &[u16],
        provisioning: u16,
        database: Option<u16>,
    ) -> Result<Self> {
        let mut wires = Self {
            catalog: Vec::new(),
            provisioning: Vec::new(),
            database: Vec::new(),
        };
        for _ in 0..gateways {
            let mut to_each = Vec::new();
            for port in catalogs {
                to_each.push(Wire::lay(*port).await?);
            }
            wires.catalog.push(to_each);
            wires.provisioning.push(Wire::lay(provisioning).await?);
        }
        if let Some(port) = database {
            for _ in catalogs {
                wires.database.push(Wire::lay(port).await?);
            }
        }
        Ok(wires)
    }

    /// Returns the wire of a gateway to a catalog, both counted from 0.
    #[must_use]
    pub fn catalog(&self, gateway: usize, catalog: usize) -> &Wire {
        &self.catalog[gateway][catalog]
    }

    /// Returns the wire of a gateway to provisioning.
    #[must_use]
    pub fn provisioning(&self, gateway: usize) -> &Wire {
        &self.provisioning[gateway]
    }

    /// Returns the wire of a catalog to its database, where that is a server.
    #[must_use]
    pub fn database(&self, catalog: usize) -> Option<&Wire> {
        self.database.get(catalog)
    }

    /// Makes all wires of a gateway so.
    pub fn set_gateway(&self, gateway: usize, condition: Condition) {
        for wire in self.of_gateway(gateway) {
            wire.set(condition);
        }
    }

    /// Breaks all connections of a gateway to other parts.
    pub fn reset_gateway(&self, gateway: usize) {
        self.of_gateway(gateway).for_each(Wire::reset);
    }

    fn of_gateway(&self, gateway: usize) -> impl Iterator<Item = &Wire> {
        self.catalog[gateway]
            .iter()
            .chain([&self.provisioning[gateway]])
    }
}
