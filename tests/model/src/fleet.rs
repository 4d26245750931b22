//! The gateways' side: the control loop around the product's own turn, the data plane, the disk,
//! leases and membership.

use catalog::model::Event;
use gateway::model::{Act, Gate, Input, Order, Said};
use runtime::fault::Plant;

use crate::{
    Model,
    happening::Happening,
    interned::Turned,
    world::{Denial, Gateway, Invariant, Lease, Life, World, bit},
};

/// Grants that cover whatever a hold names.
const ALL_GRANTS: u8 = u8::MAX;

impl Model {
    /// Lists what may happen at gateways.
    pub(crate) fn fleet_may(&self, world: &World, out: &mut Vec<Happening>) {
        for number in self.gateways() {
            let gateway = &world.gateways[number];
            match gateway.life {
                Life::Unborn => {
                    out.push(Happening::Joins(number));
                    if self.planted(Plant::JoinReadsBeforeMember) {
                        out.push(Happening::ReadsEarly(number));
                    }
                }
                Life::Up => self.running_may(world, number, out),
                Life::Down => out.push(Happening::Starts(number)),
                Life::Gone => {}
            }
            if self.setting.evicts
                && world.row.members & bit(number) != 0
                && (gateway.life == Life::Down || self.planted(Plant::EvictLive))
            {
                out.push(Happening::Evict(number));
            }
            if self.setting.fenced {
                self.leases_may(world, number, out);
            }
        }
    }

    fn running_may(&self, world: &World, number: usize, out: &mut Vec<Happening>) {
        let gateway = &world.gateways[number];
        if gateway.member_since.is_none() {
            out.push(Happening::Joins(number));
        }
        for (index, (restores, told)) in world.announced.iter().enumerate() {
            if gateway.stream <= *restores && gateway.reads_from <= told.revision {
                out.push(Happening::Arrives(number, index));
            }
        }
        if gateway.flip.is_some() {
            out.push(Happening::Flipped(number));
        }
        if gateway.writing {
            out.push(Happening::Written(number));
        }
        if world.spent.crashes < self.setting.crashes {
            out.push(Happening::Dies(number));
        }
        if self.planted(Plant::HoldTimeoutFallsBack) {
            out.push(Happening::FallsBack(number));
        }
        if self.planted(Plant::RouteCachedPerConnection) && self.may_serve(gateway) {
            let clients = 0..world.seen.connections.len();
            out.extend(clients.map(|client| Happening::Ask(client, number)));
        }
        if gateway.grants < world.tenant.grants {
            out.push(Happening::Grants(number));
        }
    }

    fn leases_may(&self, world: &World, number: usize, out: &mut Vec<Happening>) {
        let (row, gateway) = (&world.row, &world.gateways[number]);
        let (marked, fenced) = (row.marked & bit(number) != 0, row.fenced & bit(number) != 0);
        if row.members & bit(number) == 0 {
            return;
        }
        if !marked && self.keeps_silent(world, number) {
            out.push(Happening::Mark(number));
        }
        if marked && !fenced && (!self.leased(gateway) || self.planted(Plant::FenceWithoutWait)) {
            out.push(Happening::Fence(number));
        }
        if gateway.life != Life::Up {
            return;
        }
        if marked {
            out.push(Happening::Rejoins(number));
        }
        if marked && self.planted(Plant::RenewIgnoresMark) && self.synced(gateway) {
            out.push(Happening::Renew(number));
        }
        // One that ends for a member that may have the next does nothing that silence does not.
        if marked && gateway.lease == Lease::Runs || gateway.lease == Lease::Flagged {
            out.push(Happening::LeaseEnds(number));
        }
    }

    /// Tells whether what its stream told first is in the data plane.
    fn synced(&self, gateway: &Gateway) -> bool {
        gateway.flip.is_none()
            && gateway.turn.is_some_and(|turn| {
                let told = self.interned.told(turn);
                gateway
                    .member_since
                    .is_some_and(|since| since <= told.revision)
            })
    }

    /// Renews every lease that may be: as early as can be, which lets most requests in.
    pub(crate) fn renew(&self, world: &mut World) {
        for number in self.gateways() {
            let allowed = world.row.members & !world.row.marked & bit(number) != 0;
            let gateway = &world.gateways[number];
            let lacks = matches!(gateway.lease, Lease::None | Lease::Unasked);
            if allowed && lacks && gateway.life == Life::Up && self.synced(gateway) {
                world.gateways[number].lease = Lease::Runs;
            }
        }
    }

    /// Tells whether a gateway's lease holds by the clock.
    pub(crate) fn leased(&self, gateway: &Gateway) -> bool {
        gateway.lease == Lease::Runs
    }

    fn may_serve(&self, gateway: &Gateway) -> bool {
        let leased = match gateway.lease {
            Lease::Runs | Lease::Flagged | Lease::Unasked => true,
            Lease::None => !self.setting.fenced,
        };
        gateway.life == Life::Up && gateway.member_since.is_some() && leased
    }

    /// Does what a turn decided, and tells it what came of that at once.
    fn perform(&self, world: &mut World, number: usize, (turn, acts): &Turned) {
        let gateway = &mut world.gateways[number];
        gateway.turn = Some(*turn);
        let told = self.interned.told(*turn);
        let mut inputs = Vec::new();
        for act in acts.iter() {
            match act {
                Act::Flip(gate) if self.planted(Plant::AckBeforeFlip) => {
                    gateway.flip = Some(*gate);
                    inputs.push(Input::Flipped);
                }
                // Nobody sees a flip to what is there.
                Act::Flip(gate) if gateway.flip.is_none() && gateway.gate == *gate => {
                    inputs.push(Input::Flipped);
                }
                Act::Flip(gate) => gateway.flip = Some(*gate),
                Act::Write if self.planted(Plant::HoldNotPersisted) => {
                    inputs.push(Input::Written(told));
                }
                Act::Write if gateway.disk == Some(told) => inputs.push(Input::Written(told)),
                Act::Write => gateway.writing = true,
                // A target that is found bad is as one that is never found good.
                Act::Prepare(nonce) => inputs.push(Input::Prepared(*nonce)),
                Act::Check(nonce) => inputs.push(Input::Checked(*nonce)),
                Act::Answer(nonce, said) => match said {
                    Said::Ready | Said::Drained => gateway.answered |= 1 << nonce,
                    Said::Held => {
                        gateway.answered |= 1 << nonce;
                        gateway.promised = told.revision;
                    }
                    // Taken in with `Drained`; a refusal is as silence until the deadline.
                    Said::Released | Said::NotReady => {}
                },
            }
        }
        for input in inputs {
            self.hear(world, number, input);
        }
    }

    fn hear(&self, world: &mut World, number: usize, input: Input) {
        if let Some(turn) = world.gateways[number].turn {
            let turned = self.interned.turn(turn, input);
            self.perform(world, number, &turned);
        }
    }

    /// The grants that a turn believes to be durable here.
    fn grants(&self, gateway: &Gateway) -> u8 {
        if self.planted(Plant::HeldWithoutGrants) {
            ALL_GRANTS
        } else {
            gateway.grants
        }
    }

    pub(crate) fn arrives(&self, world: &mut World, number: usize, index: usize) {
        let (_, told) = world.announced[index];
        let gateway = &world.gateways[number];
        let grants = self.grants(gateway);
        let before = gateway.turn.map(|turn| self.interned.told(turn));
        let turned = match (gateway.turn, before) {
            (Some(turn), Some(known)) => {
                let older = told.timeline == known.timeline && told.revision < known.revision;
                let adopted =
                    told.timeline > known.timeline && matches!(told.order, Order::Holding(..));
                if older && self.planted(Plant::StaleStateApplied)
                    || adopted && self.planted(Plant::RollbackNoFloor)
                {
                    self.interned.first(told, grants)
                } else {
                    self.interned.turn(turn, Input::Told(told))
                }
            }
            (Some(_) | None, _) => self.interned.first(told, grants),
        };
        let gateway = &mut world.gateways[number];
        if gateway.lease == Lease::Unasked {
            gateway.lease = Lease::None;
        }
        self.perform(world, number, &turned);
        let after = self.interned.told(turned.0);
        if after.revision > world.gateways[number].promised {
            world.gateways[number].promised = 0;
        }
        if before.is_some_and(|before| after.generation < before.generation) {
            world.breaks(Invariant::I3);
        }
    }

    pub(crate) fn flipped(&self, world: &mut World, number: usize) {
        if let Some(gate) = world.gateways[number].flip.take() {
            world.gateways[number].gate = gate;
            if !self.planted(Plant::AckBeforeFlip) {
                self.hear(world, number, Input::Flipped);
            }
        }
    }

    pub(crate) fn written(&self, world: &mut World, number: usize) {
        let gateway = &mut world.gateways[number];
        gateway.writing = false;
        if let Some(turn) = gateway.turn {
            let told = self.interned.told(turn);
            gateway.disk = Some(told);
            self.hear(world, number, Input::Written(told));
        }
    }

    pub(crate) fn dies(&self, world: &mut World, number: usize) {
        world.spent.crashes += 1;
        let gateway = &mut world.gateways[number];
        *gateway = Gateway {
            life: Life::Down,
            turn: None,
            gate: Gate::Held,
            flip: None,
            writing: false,
            lease: Lease::None,
            ..*gateway
        };
        for connection in &mut world.seen.connections {
            if connection.is_some_and(|(to, _)| usize::from(to) == number) {
                *connection = None;
            }
        }
    }

    pub(crate) fn starts(&self, world: &mut World, number: usize) {
        let gateway = &mut world.gateways[number];
        gateway.life = Life::Up;
        // It follows on a new stream, and a stream reads what is, not what was.
        gateway.reads_from = world.row.revision;
        if self.setting.fenced && gateway.member_since.is_some() {
            // A lease is for what this stream has told.
            gateway.member_since = Some(world.row.revision);
        }
        let Some(disk) = gateway.disk else {
            return;
        };
        if self.setting.fenced && self.planted(Plant::BootBeforeSyncFenced) {
            gateway.lease = Lease::Unasked;
        }
        let turned = self
            .interned
            .booted(disk, self.grants(&world.gateways[number]));
        self.perform(world, number, &turned);
        // It listens only once the data plane has what the disk says.
        self.flipped(world, number);
    }

    /// Two clients ask all gateways after every step; each request is sent, admitted and answered
    /// before the next step. That is the strictest history: what was seen only grows, so a request
    /// is sent as late as can be, and the responses before it were complete as early as can be.
    pub(crate) fn all_ask(&self, world: &mut World) {
        let mut gates: Vec<(Gate, usize)> = self
            .gateways()
            .filter(|number| self.may_serve(&world.gateways[*number]))
            .map(|number| (world.gateways[number].gate, number))
            .collect();
        // The newest is seen first.
        gates.sort_unstable_by(|one, other| other.cmp(one));
        for (gate, number) in gates {
            self.admits(world, number, gate);
        }
    }

    /// Planted: a request on a connection that keeps the gate of its first one.
    pub(crate) fn ask(&self, world: &mut World, client: usize, number: usize) {
        let gate = world.gateways[number].gate;
        let connection = &mut world.seen.connections[client];
        let (to, first) = *connection.get_or_insert((numbered(number), gate));
        if usize::from(to) == number {
            self.admits(world, number, first);
        }
    }

    fn admits(&self, world: &mut World, number: usize, gate: Gate) {
        let Gate::Open {
            generation,
            version,
        } = gate
        else {
            return;
        };
        let gateway = &world.gateways[number];
        let revision = gateway
            .turn
            .map_or(0, |turn| self.interned.told(turn).revision);
        let known = world.seen.versions[usize::from(generation)];
        let denied = matches!(
            world.tenant.denial,
            Denial::FromTheSwitchOn | Denial::InForce
        );
        let broken = [
            (generation < world.seen.generation, Invariant::I2),
            (generation < gateway.served, Invariant::I3),
            (gateway.promised != 0, Invariant::I10),
            (
                gateway.member_since.is_none_or(|since| since > revision),
                Invariant::I13,
            ),
            (known != 0 && known != version, Invariant::I14),
            (
                denied && version == 2 && gateway.grants == 0,
                Invariant::I17,
            ),
        ];
        for (_, invariant) in broken.into_iter().filter(|(broken, _)| *broken) {
            world.breaks(invariant);
        }
        world.gateways[number].served = generation;
        world.seen.versions[usize::from(generation)] = version;
        world.seen.generation = world.seen.generation.max(generation);
    }

    pub(crate) fn grants_arrive(&self, world: &mut World, number: usize) {
        world.gateways[number].grants = world.tenant.grants;
        if !self.planted(Plant::HeldWithoutGrants) {
            self.hear(world, number, Input::Grants(world.tenant.grants));
        }
    }

    pub(crate) fn reads_early(&self, world: &mut World, number: usize) {
        world.gateways[number].life = Life::Up;
        world.gateways[number].reads_from = world.row.revision;
        let newest = world.announced.len() - 1;
        self.arrives(world, number, newest);
    }

    /// A gateway becomes a member; only then does its stream read what it is told (R6).
    pub(crate) fn joins(&self, world: &mut World, number: usize) {
        if world.row.recovery.is_some() {
            return;
        }
        let mut row = world.row;
        row.members |= bit(number);
        row.marked &= !bit(number);
        row.fenced &= !bit(number);
        let row = self.advanced(world, &row, Event::Joined(numbered(number)));
        self.put(world, row);
        let early = world.gateways[number].member_since.is_none()
            && world.gateways[number].life == Life::Up;
        let gateway = &mut world.gateways[number];
        gateway.life = Life::Up;
        gateway.member_since = Some(row.revision);
        if !early {
            gateway.reads_from = row.revision;
        }
        gateway.stream = world.restores;
    }

    /// A marked gateway is heard again. One that was left out is a new member.
    pub(crate) fn rejoins(&self, world: &mut World, number: usize) {
        if world.row.fenced & bit(number) != 0 {
            self.joins(world, number);
        } else {
            world.row.marked &= !bit(number);
        }
    }

    pub(crate) fn evict(&self, world: &mut World, number: usize) {
        let mut row = world.row;
        row.members &= !bit(number);
        let row = self.advanced(world, &row, Event::Left(numbered(number)));
        self.put(world, row);
        let gateway = &mut world.gateways[number];
        if gateway.life == Life::Down {
            gateway.life = Life::Gone;
        }
    }

    pub(crate) fn fence(&self, world: &mut World, number: usize) {
        let mut row = world.row;
        row.fenced |= bit(number);
        let row = self.advanced(world, &row, Event::Left(numbered(number)));
        // The check at a commit reads who is fenced.
        world.row.fenced |= bit(number);
        self.put(world, row);
    }

    pub(crate) fn lease_ends(&self, world: &mut World, number: usize) {
        let lease = &mut world.gateways[number].lease;
        *lease = match lease {
            Lease::Runs if self.planted(Plant::LeaseFlagNotClock) => Lease::Flagged,
            Lease::Runs | Lease::Flagged | Lease::None | Lease::Unasked => Lease::None,
        };
    }

    pub(crate) fn falls_back(&self, world: &mut World, number: usize) {
        let gateway = &mut world.gateways[number];
        if let Some(turn) = gateway.turn
            && gateway.gate == Gate::Held
        {
            let told = self.interned.told(turn);
            gateway.gate = Gate::Open {
                generation: told.generation,
                version: told.version,
            };
        }
    }
}

fn numbered(number: usize) -> u8 {
    u8::try_from(number).expect("there are few")
}
