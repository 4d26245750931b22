//! The catalog's side: transactions over the row, by the product's own transitions of a switch.

use catalog::model::{Event, Owed, Said, Turn};
use gateway::model::Order;
use runtime::fault::Plant;

use crate::{
    Model,
    happening::Happening,
    interned::Advanced,
    world::{Invariant, Life, Recovery, Row, Transaction, World, bit},
};

impl Model {
    /// Lists what catalog replicas may do.
    pub(crate) fn catalog_may(&self, world: &World, out: &mut Vec<Happening>) {
        let events = self.events(world);
        if self.setting.races {
            if world.open.iter().any(Option::is_none) {
                out.extend(events.into_iter().map(Happening::Read));
            }
            for (number, _) in world.open.iter().enumerate().filter(|(_, it)| it.is_some()) {
                out.extend([Happening::Write(number), Happening::ReplicaDies(number)]);
            }
        } else {
            out.extend(events.into_iter().map(|event| match event {
                None => Happening::Confirm,
                Some(event) => Happening::Advance(event),
            }));
        }
        if self.setting.restores > world.spent.restores {
            out.push(match world.backup {
                None => Happening::Backup,
                Some(_) => Happening::Restore,
            });
        }
        if let Some(recovery) = world.row.recovery {
            let missing = world.row.members & !recovery.reported;
            out.extend(
                self.gateways()
                    .filter(|gateway| missing & bit(*gateway) != 0)
                    .map(Happening::Reports),
            );
            if missing == 0 {
                out.push(Happening::Adopt);
            }
        }
    }

    /// Lists the events that transactions may take in now; none is a confirmation.
    fn events(&self, world: &World) -> Vec<Option<Event>> {
        let row = &world.row;
        if row.recovery.is_some() {
            return Vec::new();
        }
        let Some(switch) = row.switch else {
            return if row.begun < self.setting.switches {
                vec![None]
            } else {
                Vec::new()
            };
        };
        let facts = self.interned.facts(switch);
        let mut events = Vec::new();
        events.extend(self.answers(world));
        if facts.owed == Owed::CloseConsent {
            if self.setting.denies {
                events.extend(world.tenant.closed.map(Event::ConsentClosed));
            } else {
                events.push(Event::ConsentClosed(0));
            }
        }
        events.push(Event::TimePassed);
        events.into_iter().map(Some).collect()
    }

    /// Lists every answer that was ever sent, whatever turn is open now (R5).
    fn answers(&self, world: &World) -> Vec<Event> {
        let mut answers = Vec::new();
        for (nonce, said) in world
            .announced
            .iter()
            .filter_map(|(_, told)| asked(told.order))
        {
            let over = self.forgets() && nonce < self.first_live_nonce(&world.row);
            for number in self.gateways() {
                if over || world.gateways[number].has_answered(nonce) {
                    let gateway = u8::try_from(number).expect("there are few");
                    answers.push(Event::Answered(gateway, nonce, said));
                }
            }
        }
        answers
    }

    /// Tells whether it is forgotten who answered turns that are over: all of them are taken to be
    /// answered by all gateways, which is worse than any history. Where the past can come back, by
    /// a restore or a planted bug, nothing is forgotten.
    fn forgets(&self) -> bool {
        self.bug.is_none() && self.setting.restores == 0
    }

    fn first_live_nonce(&self, row: &Row) -> u8 {
        match self.turn(row) {
            Turn::None => row.revision + 1,
            Turn::Preparing(nonce) | Turn::Holding(nonce, _) | Turn::Releasing(nonce) => nonce,
        }
    }

    /// Makes worlds equal that differ by nothing that can matter any more.
    pub(crate) fn forget(&self, world: &mut World) {
        let live = u64::MAX << self.first_live_nonce(&world.row);
        let disks_matter = world.spent.crashes < self.setting.crashes;
        for number in self.gateways() {
            let gateway = &mut world.gateways[number];
            if self.forgets() {
                gateway.answered &= live;
            }
            // What is older than what it has is refused, whether or not its stream can bring it.
            let revision = gateway
                .turn
                .map_or(0, |turn| self.interned.told(turn).revision);
            if gateway.reads_from <= revision {
                gateway.reads_from = 0;
            }
            if gateway.member_since.is_some_and(|since| since <= revision) {
                gateway.member_since = Some(0);
            }
            if !disks_matter && gateway.life == Life::Up {
                gateway.disk = None;
                let promises = gateway.turn.is_some_and(|turn| {
                    matches!(
                        self.interned.told(turn).order,
                        Order::Preparing(_) | Order::Holding(..)
                    )
                });
                gateway.writing &= promises;
            }
        }
    }

    /// Returns the row after an event, as one transaction makes it; a confirmation is no event yet.
    pub(crate) fn transacted(&self, world: &World, event: Option<Event>) -> Row {
        match event {
            None => self.confirmed(world),
            Some(Event::Answered(gateway, nonce, Said::Released)) => {
                // Nothing is in flight: both answers are sent at once, and taken in together.
                let released = self.advanced(
                    world,
                    &world.row,
                    Event::Answered(gateway, nonce, Said::Released),
                );
                self.advanced(
                    world,
                    &released,
                    Event::Answered(gateway, nonce, Said::Drained),
                )
            }
            Some(event) => self.advanced(world, &world.row, event),
        }
    }

    fn confirmed(&self, world: &World) -> Row {
        let row = Row {
            switch: Some(self.interned.begun()),
            begun: world.row.begun + 1,
            // No two switches lead to the same version, not even on both sides of a restore.
            target: 2 + world.row.begun + 3 * world.restores,
            ..world.row
        };
        self.advanced(world, &row, Event::TenantsMoved)
    }

    /// Returns the row after an event of its switch.
    pub(crate) fn advanced(&self, world: &World, row: &Row, event: Event) -> Row {
        let Some(switch) = row.switch else {
            return *row;
        };
        let nonce = world.next_nonce(row);
        let advance = |switch, event| self.interned.advance(switch, event, row.fleet(), nonce);
        let (mut next, commits) = match advance(switch, event) {
            Advanced::Stays => return *row,
            Advanced::Goes(next) => (next, false),
            Advanced::Commits(next) => (next, true),
        };
        if !self.setting.denies
            && let Owed::SettleCommitted | Owed::SettleGivenUp = self.interned.facts(next).owed
            && let Advanced::Goes(ended) = advance(next, Event::ConsentSettled)
        {
            next = ended;
        }
        let facts = self.interned.facts(next);
        let mut row = *row;
        if commits || facts.turn != self.interned.facts(switch).turn {
            row.revision += 1;
        }
        if commits {
            row.generation += 1;
            row.version = row.target;
            row.adopting = false;
        }
        row.switch = (!facts.ended).then_some(next);
        row
    }

    /// Makes a row durable, and announces what gateways must know of it.
    pub(crate) fn put(&self, world: &mut World, row: Row) {
        let old = world.row;
        if row.generation != old.generation {
            if row.generation != old.generation + 1 {
                world.breaks(Invariant::I15);
            }
            if !self.all_hold(world, &row) {
                world.breaks(Invariant::I12);
            }
        } else if row.version != old.version {
            world.breaks(Invariant::I1);
        }
        world.row = row;
        self.announce(world, &row);
    }

    /// Tells whether a commit waits for a gateway that has not answered the open turn.
    pub(crate) fn keeps_silent(&self, world: &World, gateway: usize) -> bool {
        match self.turn(&world.row) {
            Turn::Preparing(nonce) | Turn::Holding(nonce, _) => {
                !world.gateways[gateway].has_answered(nonce)
            }
            Turn::None | Turn::Releasing(_) => false,
        }
    }

    pub(crate) fn turn(&self, row: &Row) -> Turn {
        row.switch
            .map_or(Turn::None, |switch| self.interned.facts(switch).turn)
    }

    /// Tells whether every member has answered the open hold, or was left out and cannot serve.
    fn all_hold(&self, world: &World, row: &Row) -> bool {
        let hold = match self.turn(&world.row) {
            Turn::Holding(nonce, _) => Some(nonce),
            // A fleet of none holds.
            Turn::None | Turn::Preparing(_) | Turn::Releasing(_) => None,
        };
        self.gateways()
            .filter(|gateway| row.members & bit(*gateway) != 0)
            .all(|gateway| {
                hold.is_some_and(|hold| world.gateways[gateway].has_answered(hold))
                    || row.fenced & bit(gateway) != 0 && !self.leased(&world.gateways[gateway])
            })
    }

    fn announce(&self, world: &mut World, row: &Row) {
        let news = (world.restores, row.told(self.turn(row)));
        if !world.announced.contains(&news) {
            world.announced.push(news);
        }
    }

    pub(crate) fn read(&self, world: &mut World, event: Option<Event>) {
        let writes = self.transacted(world, event);
        if writes == world.row {
            return;
        }
        if self.planted(Plant::AnnounceBeforeDurable) {
            self.announce(world, &writes);
        }
        if let Some(free) = world.open.iter_mut().find(|it| it.is_none()) {
            *free = Some(Transaction {
                read: world.row,
                writes,
            });
        }
        world.open.sort_unstable();
    }

    pub(crate) fn write(&self, world: &mut World, number: usize) {
        if let Some(transaction) = world.open[number].take()
            && (transaction.read == world.row || self.planted(Plant::CommitWithoutCas))
        {
            self.put(world, transaction.writes);
        }
        world.open.sort_unstable();
    }

    pub(crate) fn restore(&self, world: &mut World) {
        let Some(backup) = world.backup.take() else {
            return;
        };
        world.row = backup;
        world.restores += 1;
        world.spent.restores += 1;
        world.open = [None; 2];
        if !self.planted(Plant::RestoreSilently) {
            world.row.recovery = Some(Recovery::default());
        }
    }

    pub(crate) fn reports(&self, world: &mut World, number: usize) {
        let gateway = &mut world.gateways[number];
        let Some(recovery) = &mut world.row.recovery else {
            return;
        };
        if gateway.life != Life::Up {
            return;
        }
        // It follows on a new stream: what was sent on the one before is not heard any more.
        gateway.stream = world.restores;
        recovery.reported |= bit(number);
        if let Some(turn) = gateway.turn {
            let told = self.interned.told(turn);
            recovery.revision = recovery.revision.max(told.revision);
            recovery.generation = recovery.generation.max(told.generation);
        }
    }

    pub(crate) fn adopt(&self, world: &mut World) {
        let Some(recovery) = world.row.recovery else {
            return;
        };
        let row = &mut world.row;
        row.recovery = None;
        row.timeline += 1;
        if !self.planted(Plant::RollbackNoFloor) {
            row.revision = row.revision.max(recovery.revision);
            row.generation = row.generation.max(recovery.generation);
        }
        row.revision += 1;
        row.begun = self.setting.switches;
        row.target = 2 + 3 * world.restores;
        row.adopting = true;
        let nonce = world.restores * 32 + row.revision;
        row.switch = Some(self.interned.adopted(row.fleet(), nonce, 0));
        let row = *row;
        self.announce(world, &row);
    }
}

/// Returns the nonce of a turn with the answer that it goes on with.
fn asked(order: Order) -> Option<(u8, Said)> {
    match order {
        Order::None => None,
        Order::Preparing(nonce) => Some((nonce, Said::Ready)),
        Order::Holding(nonce, _) => Some((nonce, Said::Held)),
        Order::Releasing(nonce) => Some((nonce, Said::Released)),
    }
}
