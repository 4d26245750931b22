//! The world's first state, its steps, and what is looked at in every state.

use catalog::model::Turn;
use gateway::model::{Gate, Order, Told};
use provisioning::model::Phase;
use stateright::Property;

use crate::{
    Model,
    happening::Happening,
    world::{
        Denial, GATEWAYS_MAX, Gateway, Invariant, Lease, Life, Row, Seen, Spent, Tenant, World, bit,
    },
};

impl stateright::Model for Model {
    type State = World;
    type Action = Happening;

    fn init_states(&self) -> Vec<World> {
        vec![self.first()]
    }

    fn actions(&self, world: &World, out: &mut Vec<Happening>) {
        if world.seen.broken & Invariant::SEEN_BY_USERS != 0 {
            return;
        }
        self.catalog_may(world, out);
        self.consent_may(world, out);
        self.fleet_may(world, out);
    }

    fn next_state(&self, world: &World, happening: Happening) -> Option<World> {
        let mut next = world.clone();
        self.happens(&mut next, happening);
        if self.setting.fenced {
            self.renew(&mut next);
        }
        self.all_ask(&mut next);
        self.forget(&mut next);
        (next != *world).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        fn keeps(invariant: Invariant, world: &World) -> bool {
            world.seen.broken & invariant.bit() == 0
        }
        let mut properties = vec![
            Property::always("I1", |_, world: &World| keeps(Invariant::I1, world)),
            Property::always("I2", |_, world: &World| keeps(Invariant::I2, world)),
            Property::always("I3", |_, world: &World| keeps(Invariant::I3, world)),
            Property::always("I10", |_, world: &World| keeps(Invariant::I10, world)),
            Property::always("I12", |_, world: &World| keeps(Invariant::I12, world)),
            Property::always("I13", |_, world: &World| keeps(Invariant::I13, world)),
            Property::always("I14", |_, world: &World| keeps(Invariant::I14, world)),
            Property::always("I15", |_, world: &World| keeps(Invariant::I15, world)),
            Property::always("I17", |_, world: &World| keeps(Invariant::I17, world)),
            Property::sometimes(
                "a switch commits and every gateway serves it",
                |model: &Self, world: &World| world.row.generation > 1 && model.all_serve(world),
            ),
            Property::sometimes(
                "a hold is given up and every gateway serves on",
                |model: &Self, world: &World| {
                    world.row.generation == 1 && given_up(world) && model.all_serve(world)
                },
            ),
        ];
        if self.setting.fenced {
            properties.push(Property::sometimes(
                "a switch commits without a gateway whose lease has run out",
                |model: &Self, world: &World| {
                    world.row.fenced != 0 && world.row.generation > 1 && model.all_serve(world)
                },
            ));
        }
        if self.setting.restores > 0 {
            properties.push(Property::sometimes(
                "a restored catalog is adopted and every gateway serves",
                |model: &Self, world: &World| {
                    world.row.timeline > FIRST.timeline
                        && !world.row.adopting
                        && model.all_serve(world)
                },
            ));
        }
        if self.setting.denies {
            properties.push(Property::sometimes(
                "a denial is in force",
                |_, world: &World| world.tenant.denial == Denial::InForce,
            ));
        }
        if self.setting.joins {
            properties.push(Property::sometimes(
                "a gateway joins in a hold",
                |model: &Self, world: &World| {
                    let joined = &world.gateways[model.setting.gateways - 1];
                    let hold = matches!(model.turn(&world.row), Turn::Holding(..));
                    hold && joined.member_since == Some(world.row.revision)
                },
            ));
            properties.push(Property::sometimes(
                "a gateway that joined serves what was committed",
                |model: &Self, world: &World| {
                    world.gateways[model.setting.gateways - 1].served > FIRST.generation
                },
            ));
        }
        if self.setting.races {
            properties.push(Property::sometimes(
                "a replica has read what is no more",
                |_, world: &World| world.open.iter().flatten().any(|it| it.read != world.row),
            ));
        }
        properties
    }
}

/// What every member serves in the beginning.
const FIRST: Told = Told {
    timeline: 1,
    revision: 1,
    generation: 1,
    version: 1,
    order: Order::None,
};

impl Model {
    fn first(&self) -> World {
        let members = if self.setting.joins {
            self.setting.gateways - 1
        } else {
            self.setting.gateways
        };
        let absent = Gateway {
            life: Life::Unborn,
            turn: None,
            gate: Gate::Held,
            flip: None,
            writing: false,
            disk: None,
            answered: 0,
            reads_from: 0,
            member_since: None,
            stream: 0,
            lease: Lease::None,
            grants: 0,
            promised: 0,
            served: 0,
        };
        let mut versions = [0; 8];
        versions[usize::from(FIRST.generation)] = FIRST.version;
        let mut world = World {
            row: Row {
                timeline: FIRST.timeline,
                revision: FIRST.revision,
                generation: FIRST.generation,
                version: FIRST.version,
                target: 0,
                switch: None,
                begun: 0,
                members: (0..members).map(bit).sum(),
                marked: 0,
                fenced: 0,
                recovery: None,
                adopting: false,
            },
            open: [None; 2],
            backup: None,
            restores: 0,
            announced: vec![(0, FIRST)],
            gateways: [absent; GATEWAYS_MAX],
            tenant: Tenant {
                phase: Phase::Open,
                grants: 0,
                closed: None,
                denial: Denial::None,
            },
            spent: Spent::default(),
            seen: Seen {
                generation: FIRST.generation,
                versions,
                connections: [None; 2],
                broken: 0,
            },
        };
        for number in 0..members {
            world.gateways[number] = Gateway {
                life: Life::Up,
                member_since: Some(FIRST.revision),
                disk: Some(FIRST),
                served: FIRST.generation,
                lease: if self.setting.fenced {
                    Lease::Runs
                } else {
                    Lease::None
                },
                ..absent
            };
            self.arrives(&mut world, number, 0);
            self.flipped(&mut world, number);
        }
        self.forget(&mut world);
        world
    }

    fn happens(&self, world: &mut World, happening: Happening) {
        match happening {
            Happening::Confirm => {
                let row = self.transacted(world, None);
                self.put(world, row);
            }
            Happening::Advance(event) => {
                let row = self.transacted(world, Some(event));
                self.put(world, row);
            }
            Happening::Read(event) => self.read(world, event),
            Happening::Write(number) => self.write(world, number),
            Happening::ReplicaDies(number) => {
                world.open[number] = None;
                world.open.sort_unstable();
            }
            Happening::CloseConsent => self.close_consent(world),
            Happening::SettleConsent => self.settle_consent(world),
            Happening::Deny => self.deny(world),
            Happening::AnswerDenial => world.tenant.denial = Denial::InForce,
            Happening::Grants(number) => self.grants_arrive(world, number),
            Happening::Arrives(number, index) => self.arrives(world, number, index),
            Happening::Flipped(number) => self.flipped(world, number),
            Happening::Written(number) => self.written(world, number),
            Happening::Dies(number) => self.dies(world, number),
            Happening::Starts(number) => self.starts(world, number),
            Happening::Ask(client, number) => self.ask(world, client, number),
            Happening::Joins(number) => self.joins(world, number),
            Happening::Evict(number) => self.evict(world, number),
            Happening::Mark(number) => world.row.marked |= bit(number),
            Happening::Fence(number) => self.fence(world, number),
            Happening::Rejoins(number) => self.rejoins(world, number),
            Happening::Renew(number) => world.gateways[number].lease = Lease::Runs,
            Happening::LeaseEnds(number) => self.lease_ends(world, number),
            Happening::Backup => world.backup = Some(world.row),
            Happening::Restore => self.restore(world),
            Happening::Reports(number) => self.reports(world, number),
            Happening::Adopt => self.adopt(world),
            Happening::ReadsEarly(number) => self.reads_early(world, number),
            Happening::FallsBack(number) => self.falls_back(world, number),
        }
    }

    /// Tells whether every member that switches wait for serves what the catalog says is active.
    fn all_serve(&self, world: &World) -> bool {
        let mut members = self
            .gateways()
            .filter(|gateway| world.row.fleet() & bit(*gateway) != 0)
            .peekable();
        members.peek().is_some()
            && members.all(|gateway| {
                let gateway = &world.gateways[gateway];
                let open = Gate::Open {
                    generation: world.row.generation,
                    version: world.row.version,
                };
                gateway.life == Life::Up
                    && gateway.gate == open
                    && gateway.served == world.row.generation
                    && gateway
                        .turn
                        .is_some_and(|turn| self.interned.told(turn).revision == world.row.revision)
            })
    }
}

/// Tells whether the last hold ended without a commit.
fn given_up(world: &World) -> bool {
    world.announced.windows(2).any(|pair| {
        let [(_, before), (_, after)] = pair else {
            return false;
        };
        matches!(before.order, Order::Holding(..))
            && after.order == Order::None
            && before.generation == after.generation
    })
}
