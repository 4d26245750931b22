//! A tenant decides, by a link or without one. The decision and the question whether the version is
//! in use are one transaction, so a decision is either part of the grants that a switch's commit
//! waits for, or knows that it must wait for the gateways itself.

use std::time::Duration;

use contract::{Prose, ProvisioningName, TenantRef};
use jiff::{SignedDuration, Timestamp};
use runtime::{
    CancellationToken,
    fault::{Plant, planted},
    retry,
};
use store::Tx;

use super::{
    Basis, Event, Since, Standing,
    apply::{Applied, Place, Writer},
    offer::{Closed, Offer, Status},
};
use crate::{
    error::Error,
    fleet::Force,
    form_token, offer_token, prepare,
    provisioning::Provisioning,
    service::Service,
    store::{
        applications::{self, Application},
        decisions::{self, Decision},
        forms, offers, provisionings, switches, tenants,
    },
    switch::{Switch, Usage, usage},
    tenant::Tenant,
    trail::{self, Change},
};

/// For how long it is known what a form has decided: longer than any counts.
pub(super) const FORMS_KEPT: SignedDuration = SignedDuration::from_hours(2);

/// What a tenant decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Choice {
    /// Its users may use the version.
    Accept,
    /// They may not.
    Deny,
}

impl Choice {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Deny => "deny",
        }
    }
}

/// What comes back from the page behind a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The form's token, as it came.
    pub(crate) form: String,
    /// What was typed; may be empty.
    pub(crate) typed: String,
    /// The choice.
    pub(crate) choice: Choice,
    /// Where it came from.
    pub(crate) origin: Origin,
}

/// Where a decision by link came from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Origin {
    /// The browser's address; may be empty.
    pub(crate) address: String,
    /// What the browser says it is; may be empty.
    pub(crate) user_agent: String,
}

/// Who decides without a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Decider {
    /// Who.
    pub(crate) actor: String,
    /// On what an acceptance rests.
    pub(crate) basis: Basis,
    /// Why, or on whose word.
    pub(crate) reason: Prose<500>,
}

/// What a link is about and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shown {
    /// The link.
    pub(crate) offer: Offer,
    /// What people call the tenant.
    pub(crate) tenant: String,
    /// How many people the tenant has, where that is known.
    pub(crate) users: Option<i64>,
    /// What people call the application.
    pub(crate) application: String,
    /// Where the link stands.
    pub(crate) status: Status,
    /// How far the provisioning's denial has come, if it is denied.
    pub(crate) force: Option<Force>,
    /// When it was decided; none if it was not.
    pub(crate) decided_at: Option<Timestamp>,
}

/// What a decision is about, as of one moment.
pub(super) struct Case {
    tenant: Tenant,
    pub(super) application: Application,
    unsettled: Option<Switch>,
    pub(super) provisioning: Provisioning,
}

/// A decision as it is kept for the record.
pub(super) struct Record<'a> {
    pub(super) choice: Choice,
    pub(super) basis: Basis,
    pub(super) by: Since,
    pub(super) origin: &'a Origin,
    pub(super) offer: Option<&'a str>,
}

/// Returns what a link is about; changes nothing.
pub(crate) async fn show(service: &Service, token: &str) -> Result<Shown, Error> {
    let hash = offer_token::hash(token);
    let (offer, case) = store::read!(service.db, |tx| find_link(tx, &hash).await)?;
    let force = match case.provisioning.consent.standing {
        Standing::Denied => {
            let revision = case.provisioning.granted_at;
            Some(
                service
                    .fleet
                    .look(&service.db, case.usage(), revision)
                    .await?,
            )
        }
        Standing::PendingAcceptance
        | Standing::Provisioned(_)
        | Standing::Failed(_)
        | Standing::Removed(_) => None,
    };
    Ok(shown(offer, &case, service.now(), force))
}

/// Takes the decision of whoever holds the link and has sent its page's form. A form that has
/// decided so already changes nothing: what somebody decided since by another form holds.
pub(crate) async fn by_link(
    service: &Service,
    token: &str,
    answer: &Answer,
) -> Result<Shown, Error> {
    let Answer { choice, origin, .. } = answer;
    let hash = offer_token::hash(token);
    let now = service.now();
    let record = Record {
        choice: *choice,
        basis: Basis::Accepted,
        by: Since {
            at: now,
            actor: holder_name(origin),
            note: String::new(),
        },
        origin,
        offer: Some(&hash),
    };
    let early = early(service, &hash).await?;
    let (offer, mut case) = store::write!(service.db, |tx| {
        let (offer, case) = find_link(tx, &hash).await?;
        may_decide(&offer, &case, *choice, now)?;
        let form = form_token::read(&service.seal, &hash, &answer.form, now);
        let form = form.ok_or(Error::FormStale)?;
        match forms::find(tx, &form.hash).await? {
            Some(used) if used == choice.as_str() => return Ok((offer, case)),
            Some(_) => return Err(Error::FormStale),
            None => form.judge(&answer.typed, &offer.name.application)?,
        }
        forms::insert(tx, &form.hash, choice.as_str(), now, now - FORMS_KEPT).await?;
        let before = case.provisioning.clone();
        let case = case.take(service, tx, &record).await?;
        if let Some(change) = case.change_since(tx, &before).await? {
            let change = change
                .asked(&trail::decided(*choice, origin))
                .by_link(TenantRef::from(before.name.tenant));
            trail::add(tx, now, &change).await?;
        }
        Ok((offer, case))
    })?;
    if let Some(early) = early {
        case.unsettled = early.unsettled;
    }
    let (case, force) = force(service, case).await?;
    let offer = match force {
        Some(_) => offer,
        // A denial may have ended meanwhile, and its link with it.
        None => store::read!(service.db, |tx| find_link(tx, &hash).await)?.0,
    };
    Ok(shown(offer, &case, now, force))
}

/// Names whoever holds a link, as far as anything is known.
pub(super) fn holder_name(origin: &Origin) -> String {
    match origin.address.as_str() {
        "" => "consent link".to_owned(),
        address => format!("consent link, from {address}"),
    }
}

/// Looks at the switch a while before the denial's own transaction: a bug that is planted, see
/// `PhaseFromCatalog`.
async fn early(service: &Service, hash: &str) -> Result<Option<Case>, Error> {
    if !planted(Plant::PhaseFromCatalog) {
        return Ok(None);
    }
    let (_, case) = store::read!(service.db, |tx| find_link(tx, hash).await)?;
    let (while_it_closes, never) = (Duration::from_millis(200), CancellationToken::new());
    retry::pause(while_it_closes, &never).await.ok();
    Ok(Some(case))
}

/// Takes a decision without a link; returns how far it has come if it is a denial.
pub(crate) async fn without_link(
    service: &Service,
    name: &ProvisioningName,
    choice: Choice,
    decider: Decider,
) -> Result<(Provisioning, Option<Force>), Error> {
    let origin = Origin::default();
    let note = decider.reason.to_string();
    let record = Record {
        choice,
        basis: decider.basis,
        by: Since {
            at: service.now(),
            actor: decider.actor,
            note,
        },
        origin: &origin,
        offer: None,
    };
    let case = store::write!(service.db, |tx| {
        let Some(case) = Case::find(tx, name).await? else {
            return Err(Error::NotProvisioned(name.to_string()));
        };
        let before = case.provisioning.clone();
        let case = case.take(service, tx, &record).await?;
        if let Some(change) = case.change_since(tx, &before).await? {
            trail::add(tx, record.by.at, &change.reason(&record.by.note)).await?;
        }
        Ok(case)
    })?;
    let (case, force) = force(service, case).await?;
    Ok((case.provisioning, force))
}

/// Asks the tenant once more, by a new link.
pub(crate) async fn ask_again(
    service: &Service,
    name: &ProvisioningName,
    actor: &str,
) -> Result<Provisioning, Error> {
    let by = Since {
        at: service.now(),
        actor: actor.to_owned(),
        note: String::new(),
    };
    store::write!(service.db, |tx| {
        let Some(mut case) = Case::find(tx, name).await? else {
            return Err(Error::NotProvisioned(name.to_string()));
        };
        let mut writer = Writer::new(service, by.at);
        let row = Some(case.provisioning.clone());
        if let Applied::Changed(next) = writer
            .apply(tx, case.place(), row, &Event::AskedAgain, &by)
            .await?
        {
            let before = std::mem::replace(&mut case.provisioning, next);
            case.carry_on(tx, &mut writer, by.at).await?;
            let change = trail::of_provisioning(tx, Some(&before), &case.provisioning).await?;
            trail::add(tx, by.at, &change).await?;
        }
        Ok(case.provisioning)
    })
}

impl Case {
    pub(super) async fn find(tx: &mut Tx, name: &ProvisioningName) -> Result<Option<Self>, Error> {
        let Some(tenant) = tenants::find(tx, &name.tenant).await? else {
            return Ok(None);
        };
        let Some(provisioning) = provisionings::find(tx, name).await? else {
            return Ok(None);
        };
        Ok(Some(Self {
            tenant,
            application: applications::find(tx, &name.application).await?,
            unsettled: switches::unsettled(tx, &name.application).await?,
            provisioning,
        }))
    }

    fn place(&self) -> Place<'_> {
        let version = &self.provisioning.name.version;
        let source = self.to_version().and_then(|switch| switch.source.as_ref());
        Place {
            tenant: &self.tenant,
            application: &self.application,
            version,
            source,
        }
    }

    /// Returns the unsettled switch, if its target is what this is about.
    fn to_version(&self) -> Option<&Switch> {
        self.unsettled
            .as_ref()
            .filter(|switch| switch.target == self.provisioning.name.version)
    }

    pub(super) fn usage(&self) -> Usage {
        let version = &self.provisioning.name.version;
        usage(
            version,
            self.application.active.as_ref(),
            self.unsettled.as_ref(),
        )
    }

    /// Takes the decision; if it was so already, nothing changes.
    pub(super) async fn take(
        mut self,
        service: &Service,
        tx: &mut Tx,
        record: &Record<'_>,
    ) -> Result<Self, Error> {
        let event = match record.choice {
            Choice::Accept => Event::Accepted(record.basis),
            Choice::Deny => Event::Denied {
                switch: self.to_version().map(|switch| switch.id),
            },
        };
        let mut writer = Writer::new(service, record.by.at);
        let row = Some(self.provisioning.clone());
        match writer
            .apply(tx, self.place(), row, &event, &record.by)
            .await?
        {
            Applied::Same(_) => return Ok(self),
            Applied::Changed(next) => self.provisioning = next,
        }
        let request = Service::request();
        let decision = Decision {
            id: &service.new_id(),
            name: &self.provisioning.name,
            choice: record.choice.as_str(),
            actor: &record.by.actor,
            reason: &record.by.note,
            address: &record.origin.address,
            user_agent: &record.origin.user_agent,
            offer: record.offer,
            request: request.as_ref(),
            at: record.by.at,
        };
        decisions::insert(tx, &decision).await?;
        self.carry_on(tx, &mut writer, record.by.at).await?;
        Ok(self)
    }

    /// Returns what the audit log is to say, if the provisioning has changed.
    pub(super) async fn change_since(
        &self,
        tx: &mut Tx,
        before: &Provisioning,
    ) -> Result<Option<Change>, Error> {
        if self.provisioning.revision == before.revision {
            return Ok(None);
        }
        let change = trail::of_provisioning(tx, Some(before), &self.provisioning).await?;
        Ok(Some(change))
    }

    /// What an open switch moved along from here follows the decision.
    async fn carry_on(
        &self,
        tx: &mut Tx,
        writer: &mut Writer<'_>,
        now: Timestamp,
    ) -> Result<(), Error> {
        let Some(switch) = &self.unsettled else {
            return Ok(());
        };
        prepare::source_changed(
            tx,
            writer,
            switch,
            (&self.tenant, &self.application),
            &self.provisioning,
            now,
        )
        .await
    }
}

/// Returns a link with what it is about. Whatever is wrong with the token, the answer is the same.
async fn find_link(tx: &mut Tx, hash: &str) -> Result<(Offer, Case), Error> {
    let found = offers::find(tx, hash).await?;
    let offer = found
        .filter(|offer| offer_token::same(&offer.hash, hash))
        .ok_or(Error::TokenInvalid)?;
    let case = Case::find(tx, &offer.name)
        .await?
        .ok_or(Error::TokenInvalid)?;
    Ok((offer, case))
}

fn may_decide(offer: &Offer, case: &Case, choice: Choice, now: Timestamp) -> Result<(), Error> {
    let switch = case.to_version().map(|switch| switch.id);
    let consent = &case.provisioning.consent;
    offer
        .may_decide(consent, switch, choice, now)
        .map_err(|closed| match closed {
            Closed::Void => Error::TokenVoid,
            Closed::Expired => Error::TokenExpired,
        })
}

/// Waits until a denial is in force, and returns how far it has come, with what is true by then: it
/// ends if its switch is given up, or if the tenant accepts, while it is waited for.
pub(super) async fn force(service: &Service, case: Case) -> Result<(Case, Option<Force>), Error> {
    if case.provisioning.consent.standing != Standing::Denied {
        return Ok((case, None));
    }
    let revision = case.provisioning.granted_at;
    let force = service
        .fleet
        .wait(&service.db, case.usage(), revision, service.deny_wait)
        .await?;
    let name = &case.provisioning.name;
    let now = store::read!(service.db, |tx| Case::find(tx, name).await)?;
    let now = now.ok_or_else(|| Error::NotProvisioned(name.to_string()))?;
    if now.provisioning.consent.standing != Standing::Denied {
        return Ok((now, None));
    }
    if now.provisioning.granted_at == revision {
        return Ok((now, Some(force)));
    }
    // Another denial than the one that was waited for.
    let (usage, revision) = (now.usage(), now.provisioning.granted_at);
    let force = service.fleet.look(&service.db, usage, revision).await?;
    Ok((now, Some(force)))
}

fn shown(offer: Offer, case: &Case, now: Timestamp, force: Option<Force>) -> Shown {
    let consent = &case.provisioning.consent;
    let status = offer.status(consent, now);
    let decided_at = match status {
        Status::Accepted | Status::Denied => Some(consent.since.at),
        Status::Open | Status::Expired | Status::Void => None,
    };
    Shown {
        tenant: case.tenant.profile.display_name.to_string(),
        users: case.tenant.profile.users,
        application: case.application.display_name.clone(),
        status,
        force,
        decided_at,
        offer,
    }
}
