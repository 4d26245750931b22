//! Applies an event to a provisioning: decides by [`step`](super::step), writes the row with its
//! grant, its links and what people are told, all in the caller's transaction.

use contract::{ProvisioningName, RequestId, Revision, SwitchId, TenantRef, VersionName};
use jiff::Timestamp;
use store::Tx;

use super::{
    Effect, Event, Refusal, Since, Standing, Step,
    offer::{Offer, Purpose, Validity},
    state::{Mail, Outstanding, regrants},
    step,
};
use crate::{
    change::{Change, Stood, What},
    error::Error,
    notices::{self, Happening},
    offer_token::Token,
    provisioning::Provisioning,
    service::Service,
    store::{
        applications::Application,
        changes::{self, Numbers},
        grants, offers, provisionings, switches,
    },
    switch::{Usage, usage},
    tenant::Tenant,
};

/// Writes what follows from events in one transaction: all that it changes has one time and one
/// revision of the grants.
pub(crate) struct Writer<'a> {
    service: &'a Service,
    now: Timestamp,
    request: Option<RequestId>,
    granted: Option<Revision>,
    numbers: Numbers,
    mailed: i64,
    written: bool,
}

/// Whose provisioning of what is written.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    /// Whose.
    pub(crate) tenant: &'a Tenant,
    /// Of what.
    pub(crate) application: &'a Application,
    /// Of which version.
    pub(crate) version: &'a VersionName,
    /// The version that the tenant comes from, if it comes from one.
    pub(crate) source: Option<&'a VersionName>,
}

/// What became of a provisioning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Applied {
    /// It is as it was, if it was.
    Same(Option<Provisioning>),
    /// It has changed.
    Changed(Provisioning),
}

impl Place<'_> {
    /// Returns the provisioning's name.
    pub(crate) fn name(&self) -> ProvisioningName {
        ProvisioningName {
            tenant: self.tenant.id.clone(),
            application: self.application.name.clone(),
            version: self.version.clone(),
        }
    }
}

impl<'a> Writer<'a> {
    /// Begins with nothing written.
    pub(crate) fn new(service: &'a Service, now: Timestamp) -> Self {
        Self {
            service,
            now,
            request: Service::request(),
            granted: None,
            numbers: Numbers::default(),
            mailed: 0,
            written: false,
        }
    }

    /// Returns how many links were sent.
    pub(crate) fn mailed(&self) -> i64 {
        self.mailed
    }

    /// Tells whether a provisioning has changed.
    pub(crate) fn has_written(&self) -> bool {
        self.written
    }

    /// Applies an event to the provisioning at `place`, which is `row` so far.
    pub(crate) async fn apply(
        &mut self,
        tx: &mut Tx,
        place: Place<'_>,
        row: Option<Provisioning>,
        event: &Event,
        by: &Since,
    ) -> Result<Applied, Error> {
        let (consent, effects) = match step(row.as_ref().map(|row| &row.consent), event, by) {
            Step::Same => return Ok(Applied::Same(row)),
            Step::Refused(Refusal::NotProvisioned) => {
                return Err(Error::NotProvisioned(place.name().to_string()));
            }
            Step::Refused(Refusal::AlreadyProvisioned) => {
                return Err(Error::AlreadyProvisioned(place.name().to_string()));
            }
            Step::Next(consent, effects) => (*consent, effects),
        };
        let before = row.as_ref().map(|row| row.consent.standing);
        let regranted = regrants(before, consent.standing);
        let granted_at = match &row {
            Some(row) if !regranted => row.granted_at,
            Some(_) | None => self.granted(tx).await?,
        };
        let next = Provisioning {
            name: place.name(),
            consent,
            created_at: row.as_ref().map_or(self.now, |row| row.created_at),
            revision: row
                .as_ref()
                .map_or(provisionings::first(), |row| row.revision.next()),
            granted_at,
        };
        self.keep(tx, row.as_ref(), &next, (event, &effects), by)
            .await?;
        provisionings::put(tx, &next).await?;
        self.written = true;
        for effect in effects {
            self.perform(tx, place, row.as_ref(), effect, by).await?;
        }
        Ok(Applied::Changed(next))
    }

    /// Keeps what happens for the record, if it changes where the provisioning stands or sends a link.
    async fn keep(
        &mut self,
        tx: &mut Tx,
        row: Option<&Provisioning>,
        next: &Provisioning,
        (event, effects): (&Event, &[Effect]),
        by: &Since,
    ) -> Result<(), Error> {
        let asks = |effect: &Effect| matches!(effect, Effect::Ask(_) | Effect::OfferDeny(_));
        let same = row.is_some_and(|row| row.consent.standing == next.consent.standing);
        if same && !effects.iter().any(asks) {
            return Ok(());
        }
        let Some((what, switch)) = What::of(event) else {
            return Ok(());
        };
        let stood = match row {
            None => None,
            Some(row) => Some(Stood {
                standing: row.consent.standing,
                mail: match row.consent.standing {
                    Standing::PendingAcceptance => offers::latest(tx, &row.name)
                        .await?
                        .map_or(Mail::Settled, |latest| latest.mail),
                    Standing::Provisioned(_)
                    | Standing::Denied
                    | Standing::Failed(_)
                    | Standing::Removed(_) => Mail::Settled,
                },
                granted_at: row.granted_at,
            }),
        };
        let outstanding = Outstanding {
            mail: stood.map_or(Mail::Settled, |stood| stood.mail),
            ..Outstanding::NOTHING
        }
        .after(
            stood.map(|stood| stood.standing),
            next.consent.standing,
            effects,
        );
        let change = Change {
            name: next.name.clone(),
            what,
            at: self.now,
            actor: by.actor.clone(),
            reason: by.note.clone(),
            stood,
            stands: Stood {
                standing: next.consent.standing,
                mail: outstanding.mail,
                granted_at: next.granted_at,
            },
            switch,
            request: self.request.clone(),
        };
        Ok(changes::insert(tx, &mut self.numbers, &change).await?)
    }

    /// Returns the revision of this transaction's grants; takes it at the first change.
    async fn granted(&mut self, tx: &mut Tx) -> Result<Revision, Error> {
        match self.granted {
            Some(revision) => Ok(revision),
            None => {
                let revision = grants::advance(tx).await?;
                self.granted = Some(revision);
                Ok(revision)
            }
        }
    }

    async fn perform(
        &mut self,
        tx: &mut Tx,
        place: Place<'_>,
        before: Option<&Provisioning>,
        effect: Effect,
        by: &Since,
    ) -> Result<(), Error> {
        match effect {
            Effect::Ask(switch) => {
                self.void_links(tx, place, before, switch).await?;
                self.send_link(tx, place, Purpose::Accept, switch).await
            }
            Effect::OfferDeny(switch) => {
                self.void_links(tx, place, before, switch).await?;
                self.send_link(tx, place, Purpose::Deny, switch).await
            }
            Effect::VoidLinks(by) => self.void_links(tx, place, before, by).await,
            Effect::TellDenied => {
                let unsettled = switches::unsettled(tx, &place.application.name).await?;
                let usage = usage(
                    place.version,
                    place.application.active.as_ref(),
                    unsettled.as_ref(),
                );
                let told = self.happening(place, "decision");
                let notices = told.denied(place.version, &by.actor, usage == Usage::InUse);
                notices::queue(tx, self.service, notices, self.now).await
            }
            Effect::TellAccepted => {
                let notices = self
                    .happening(place, "decision")
                    .accepted(place.version, &by.actor);
                notices::queue(tx, self.service, notices, self.now).await
            }
        }
    }

    /// Makes the links that were sent void. To what was never there, none were: of the many that a
    /// switch brings to a new version nothing is looked up.
    async fn void_links(
        &self,
        tx: &mut Tx,
        place: Place<'_>,
        before: Option<&Provisioning>,
        by: Option<SwitchId>,
    ) -> Result<(), Error> {
        match before {
            None => Ok(()),
            Some(_) => Ok(offers::void(tx, &place.name(), by, self.now).await?),
        }
    }

    /// Makes a link and queues the mail that brings it.
    async fn send_link(
        &mut self,
        tx: &mut Tx,
        place: Place<'_>,
        purpose: Purpose,
        switch: Option<SwitchId>,
    ) -> Result<(), Error> {
        if place.tenant.profile.contacts.is_empty() {
            let tenant = TenantRef::from(place.tenant.id.clone());
            return Err(Error::NoContact(tenant.to_string()));
        }
        let token = Token::mint();
        let source = place
            .source
            .or(place.application.active.as_ref())
            .filter(|source| *source != place.version);
        let offer = Offer {
            hash: token.hash(),
            name: place.name(),
            purpose,
            switch,
            source: source.cloned(),
            created_at: self.now,
            expires_at: self.now + self.service.offer_lifetime,
            validity: Validity::Good,
        };
        let id = self.service.new_id();
        offers::insert(tx, &self.service.new_id(), &offer, &id).await?;
        let told = self.happening(place, "offer");
        let notice = match purpose {
            Purpose::Accept => told.accept_offered(place.version, token.expose(), offer.expires_at),
            Purpose::Deny => {
                told.deny_offered(source, place.version, token.expose(), offer.expires_at)
            }
        };
        self.mailed += 1;
        notices::queue_as(tx, self.service, &id, &notice, self.now).await
    }

    /// Names something that happens now: the notices that tell of it share the name.
    pub(crate) fn happening<'b>(&'b self, place: Place<'b>, what: &str) -> Happening<'b> {
        Happening {
            cause: format!("{what}/{}", self.service.new_id()),
            request: self.request.as_ref(),
            at: self.now,
            tenant: place.tenant,
            application: place.application,
        }
    }
}
