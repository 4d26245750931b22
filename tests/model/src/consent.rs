//! Provisioning's side: one tenant's denial of the target, by the product's own decision whether it
//! must wait for the gateways.

use catalog::model::{Event, Owed};
use provisioning::model::{Consent, Phase, must_wait};
use runtime::fault::Plant;

use crate::{
    Model,
    happening::Happening,
    world::{Denial, World, bit},
};

impl Model {
    /// Lists what may happen between tenant, provisioning and catalog.
    pub(crate) fn consent_may(&self, world: &World, out: &mut Vec<Happening>) {
        if !self.setting.denies {
            return;
        }
        let tenant = &world.tenant;
        match world
            .row
            .switch
            .map(|switch| self.interned.facts(switch).owed)
        {
            Some(Owed::CloseConsent) if tenant.closed != Some(tenant.grants) => {
                out.push(Happening::CloseConsent);
            }
            Some(Owed::SettleCommitted | Owed::SettleGivenUp) => {
                out.push(Happening::SettleConsent);
            }
            Some(Owed::CloseConsent | Owed::MoveTenants | Owed::AwaitLeases | Owed::Nothing)
            | None => {}
        }
        // A denial of a switch that was given up is refused.
        if tenant.denial == Denial::None && world.row.begun > 0 && tenant.phase != Phase::GivenUp {
            out.push(Happening::Deny);
        }
        let everywhere = self
            .gateways()
            .filter(|gateway| world.row.fleet() & bit(*gateway) != 0)
            .all(|gateway| world.gateways[gateway].grants == tenant.grants);
        if tenant.denial == Denial::Waits && everywhere {
            out.push(Happening::AnswerDenial);
        }
    }

    pub(crate) fn close_consent(&self, world: &mut World) {
        world.tenant.phase = Phase::Closed;
        world.tenant.closed = Some(world.tenant.grants);
    }

    pub(crate) fn settle_consent(&self, world: &mut World) {
        world.tenant.phase = match world.row.switch.map(|it| self.interned.facts(it).owed) {
            Some(Owed::SettleCommitted) => Phase::Committed,
            Some(Owed::SettleGivenUp) => Phase::GivenUp,
            Some(Owed::Nothing | Owed::MoveTenants | Owed::AwaitLeases | Owed::CloseConsent)
            | None => return,
        };
        let row = self.advanced(world, &world.row, Event::ConsentSettled);
        self.put(world, row);
    }

    pub(crate) fn deny(&self, world: &mut World) {
        let tenant = &mut world.tenant;
        if Consent::moved_along()
            .denied()
            .is_none_or(|denied| denied.admits())
        {
            return;
        }
        let phase = if self.planted(Plant::PhaseFromCatalog) && tenant.phase == Phase::Closed {
            // What the catalog said last was that the switch has begun.
            Phase::Open
        } else {
            tenant.phase
        };
        tenant.grants = 1;
        tenant.denial = match (
            must_wait(phase),
            self.planted(Plant::DenyAnsweredWhenRecorded),
        ) {
            (true, false) => Denial::Waits,
            (true, true) => Denial::InForce,
            (false, _) => Denial::FromTheSwitchOn,
        };
    }
}
