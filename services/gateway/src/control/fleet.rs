//! What the fleet tells this gateway, and what becomes of it: a route is applied or refused, and
//! either is said; leases are renewed; the gateway is taken out of use.
//!
//! A lease is taken in its order among the routes of its stream, and only once all of them are here:
//! one that overtook a route would let users into what that route replaces. The control loop waits
//! for nothing, neither the disk nor a check, so a lease waits for no more than the steps before it.

use std::fmt;

use contract::ApplicationName;
use proto::catalog::v1 as wire;
use sha2::{Digest as _, Sha256};

use super::{
    Control,
    route::{Route, hex},
    turn::{Input, Refusal, Turn},
    words,
};
use crate::apps::Moment;

/// The stable reason of a route that cannot be parsed.
const ROUTE_INVALID: &str = "ROUTE_INVALID";
/// The most characters of an application's name that cannot be read.
const NAME_CHARS_MAX: usize = 200;

/// Which route is answered, as it was told.
struct Told {
    application: String,
    timeline: String,
    revision: u64,
}

impl Told {
    fn of(route: &wire::Route) -> Self {
        Self {
            application: route.application.chars().take(NAME_CHARS_MAX).collect(),
            timeline: route.timeline.chars().take(NAME_CHARS_MAX).collect(),
            revision: route.revision,
        }
    }

    fn refused(self, reason: &str, why: &dyn fmt::Display) -> wire::follow_request::Message {
        wire::follow_request::Message::Refused(wire::Refused {
            application: self.application,
            timeline: self.timeline,
            revision: self.revision,
            reason: reason.to_owned(),
            message: words::message(&format!("Not applied: {why}.")),
        })
    }
}

impl Control {
    /// Applies a route or refuses it, and says which. Others go on either way.
    pub(super) fn hear_route(&mut self, told: wire::Route) {
        let heard = Told::of(&told);
        match Route::parse(told) {
            Ok(route) => {
                let application = route.application.clone();
                let taken = if self.turns.contains_key(&application) {
                    self.step(&application, Input::Arrived(Box::new(route)))
                } else {
                    let first = Turn::first(route, self.grants.seen());
                    self.accept(&application, first)
                };
                match taken {
                    Some(Err(refusal)) => self.tell_refused(heard, refusal),
                    Some(Ok(())) | None => {
                        self.catalog.unnamed.remove(&application);
                        self.tell_applied(&application);
                    }
                }
            }
            Err(error) => {
                let application = error
                    .application
                    .as_ref()
                    .map_or_else(|| "an application".to_owned(), ToString::to_string);
                tracing::error!(application, %error, "the catalog told a route that cannot be used; the others go on");
                self.catalog
                    .refused
                    .insert(application, format!("its route cannot be used: {error}"));
                self.tell(heard.refused(ROUTE_INVALID, &error));
                if let Some(answer) = error.answer {
                    self.say(*answer);
                }
            }
        }
    }

    /// The data plane has it.
    fn tell_applied(&self, application: &ApplicationName) {
        if let Some(turn) = self.turns.get(application) {
            self.tell(words::route_applied(application, turn.route()));
        }
    }

    fn tell_refused(&self, heard: Told, refusal: Refusal) {
        self.tell(heard.refused(refusal.reason(), &refusal));
    }

    /// Renews leases by a beat that was sent after `beat`. An application whose newest route was
    /// not taken, or that the catalog does not name, may be elsewhere by now: it gets none.
    pub(super) fn renew(&self, beat: Moment) {
        if !self.catalog.synced {
            tracing::debug!("a lease before every route is here is not taken");
            return;
        }
        let catalog = &self.catalog;
        self.plane.renew_leases(beat, |application| {
            !catalog.refused.contains_key(application.as_str())
                && !catalog.unnamed.contains(application)
        });
    }

    /// Takes this gateway out of use, or into use again.
    pub(super) fn take_out_of_use(&self, out: bool) {
        if self.plane.out_of_use() != out {
            tracing::info!(out, "the operator decides whether this gateway is in use");
            self.plane.take_out_of_use(out);
        }
    }

    /// Returns what beats say of everything that is applied: SHA-256 over the routes' hashes, in
    /// the order of the applications' names.
    pub(super) fn state_hash(&self) -> String {
        let mut all = Sha256::new();
        for turn in self.turns.values() {
            all.update(turn.route().hash());
        }
        hex(&all.finalize())
    }
}
