//! The switch, explored: every state that a small fleet can reach by the product's own transitions
//! is visited, and what must always be true is looked at in each.
//!
//! From the product come the transitions of a switch (`catalog::model`), of a gateway's turn
//! (`gateway::model`), and the decision about a denial (`provisioning::model`). Around them stands
//! an environment that is modelled after the text of the protocol:
//!
//! - the network never removes a message: each may arrive late, twice, in any order, or never;
//! - a database is one row that a transaction reads and then writes if it is as it was read;
//! - a disk has the last state that was written whole; a gateway may die at any time and start from
//!   it;
//! - a lease is a flag that the clock takes away at any time; a member is left out only once it has
//!   none. A renewal that is under way counts as one that has arrived: the gateway counted from
//!   before it asked;
//! - time is an event: each deadline may pass at any time;
//! - marks, recovery and adoption, eviction and the order of joining and reading.
//!
//! Not modelled: how long anything takes, that anything happens at all, the data plane's workers
//! below the flip, more than one application, streams that break (their messages may arrive for
//! ever, which is worse), and tenants whose gateways join while they deny.

mod catalog;
mod consent;
mod explore;
mod fleet;
mod happening;
mod interned;
mod prove;
mod setting;
mod world;

pub use prove::{Caught, Explored, Figures, Found, Limits, explore, prove};
pub use setting::Setting;

use runtime::fault::Plant;

use interned::Interned;

/// One exploration: what there is, and the bug that is planted in it.
struct Model {
    setting: Setting,
    bug: Option<Plant>,
    interned: Interned,
}

impl Model {
    fn new(setting: Setting, bug: Option<Plant>) -> Self {
        Self {
            setting,
            bug,
            interned: Interned::default(),
        }
    }

    fn planted(&self, bug: Plant) -> bool {
        self.bug == Some(bug)
    }

    fn gateways(&self) -> impl Iterator<Item = usize> + use<> {
        0..self.setting.gateways
    }
}
