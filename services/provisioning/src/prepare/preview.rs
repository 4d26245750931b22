//! What a switch would do to the tenants, by the rule that does it: nothing is written.

use contract::{ApplicationName, SwitchId, TimedId as _, VersionName};
use store::Tx;

use super::BATCH;
use crate::{
    consent::{Consent, Effect, Event, Move, Notice, Since, Standing, Step, step},
    error::Error,
    provisioning::Provisioning,
    service::Service,
    store::{provisionings, tenants},
    switch::Coming,
};

/// What a switch would ask of the tenants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Question {
    /// Of what.
    pub(crate) application: ApplicationName,
    /// The version in use; none at a first activation.
    pub(crate) source: Option<VersionName>,
    /// The version to move to.
    pub(crate) target: VersionName,
    /// Whether tenants would be told how to deny.
    pub(crate) notice: Notice,
    /// How tenants would come that have not agreed to the target before.
    pub(crate) coming: Coming,
}

/// What would become of the tenants, each counted in `total`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Preview {
    /// Tenants that would be moved.
    pub(crate) total: i64,
    /// Those whose users would be let in.
    pub(crate) admitted: i64,
    /// Those that would be asked first.
    pub(crate) asked: i64,
    /// Those that have denied the target before.
    pub(crate) denied: i64,
    /// Those that could not be moved.
    pub(crate) failing: i64,
    /// Those that would get a mail.
    pub(crate) mailed: i64,
}

impl Preview {
    fn count(&mut self, standing: Standing, mailed: bool) {
        let counted = match standing {
            Standing::Provisioned(_) => &mut self.admitted,
            Standing::PendingAcceptance => &mut self.asked,
            Standing::Denied => &mut self.denied,
            Standing::Failed(_) => &mut self.failing,
            Standing::Removed(_) => return,
        };
        *counted += 1;
        self.total += 1;
        self.mailed += i64::from(mailed);
    }
}

/// Looks at every tenant, some at a time: what changes meanwhile may or may not be seen.
pub(crate) async fn preview(service: &Service, question: &Question) -> Result<Preview, Error> {
    let switch = SwitchId::new(service.clock.now_micros(), service.clock.random());
    let by = Since {
        at: service.now(),
        actor: String::new(),
        note: String::new(),
    };
    let mut preview = Preview::default();
    let mut up_to = None;
    loop {
        let (seen, last) = store::read!(service.db, |tx| {
            let from = question.source.as_ref().unwrap_or(&question.target);
            let application = &question.application;
            let batch =
                provisionings::of_version(tx, application, from, up_to.as_ref(), BATCH).await?;
            let mut seen = preview;
            look(tx, question, &batch, (switch, &by), &mut seen).await?;
            let full = i64::try_from(batch.len()).is_ok_and(|length| length == BATCH);
            Ok::<_, Error>((seen, batch.into_iter().last().filter(|_| full)))
        })?;
        preview = seen;
        match last {
            Some(last) => up_to = Some(last.name.tenant),
            None => return Ok(preview),
        }
    }
}

/// Counts what would become of these tenants.
async fn look(
    tx: &mut Tx,
    question: &Question,
    batch: &[Provisioning],
    (switch, by): (SwitchId, &Since),
    preview: &mut Preview,
) -> Result<(), Error> {
    let (Some(first), Some(last)) = (batch.first(), batch.last()) else {
        return Ok(());
    };
    if question.source.is_none() {
        // Nobody comes from anywhere: each keeps its standing.
        for row in batch {
            preview.count(row.consent.standing, false);
        }
        return Ok(());
    }
    let (first, last) = (&first.name.tenant, &last.name.tenant);
    let tenants = tenants::between(tx, first, last).await?;
    let targets =
        provisionings::between(tx, &question.application, &question.target, first, last).await?;
    for row in batch {
        let (Some(tenant), Some(carried)) = (
            tenants.get(&row.name.tenant),
            question.coming.carried(row.consent.standing),
        ) else {
            continue;
        };
        let target = targets.get(&row.name.tenant).map(|row| &row.consent);
        let event = Event::MovedAlong(Move {
            switch,
            carried,
            notice: question.notice,
            contacts: tenant.profile.reach(),
        });
        let (standing, mailed) = after(target, &event, by);
        if let Some(standing) = standing {
            preview.count(standing, mailed);
        }
    }
    Ok(())
}

/// Returns where a tenant would stand, and whether it would get a mail.
fn after(row: Option<&Consent>, event: &Event, by: &Since) -> (Option<Standing>, bool) {
    match step(row, event, by) {
        Step::Next(consent, effects) => {
            let mails = |effect: &Effect| match effect {
                Effect::Ask(_) | Effect::OfferDeny(_) => true,
                Effect::VoidLinks(_) | Effect::TellDenied | Effect::TellAccepted => false,
            };
            (Some(consent.standing), effects.iter().any(mails))
        }
        Step::Same | Step::Refused(_) => (row.map(|row| row.standing), false),
    }
}
