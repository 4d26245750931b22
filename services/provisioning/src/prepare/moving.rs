//! Brings the tenants of a switch to its target: all in turn, and each that joins or changes its mind
//! meanwhile.

use contract::TenantId;
use jiff::Timestamp;
use store::Tx;

use super::{BATCH, by};
use crate::{
    consent::{
        Event, Move, Standing,
        apply::{Applied, Place, Writer},
    },
    error::Error,
    provisioning::Provisioning,
    service::Service,
    store::{
        applications::{self, Application},
        offers, provisionings, switches, tenants,
    },
    switch::{Phase, Switch},
    tenant::Tenant,
};

/// Moves the next part of the tenants.
pub(super) async fn advance(
    service: &Service,
    tx: &mut Tx,
    switch: &mut Switch,
    now: Timestamp,
) -> Result<(), Error> {
    let Some(source) = &switch.source else {
        // Nobody comes from anywhere: those that the target has already keep their standing.
        switch.progress.moved =
            provisionings::count_carried(tx, &switch.application, &switch.target, None).await?;
        switch.progress.all_at = Some(now);
        return Ok(());
    };
    let up_to = switch.progress.up_to.as_ref();
    let left = match switch.progress.left {
        Some(left) => left,
        // Nobody is moved yet, or those that are were moved by a release that did not count.
        None => provisionings::count_carried(tx, &switch.application, source, up_to).await?,
    };
    let batch = provisionings::of_version(tx, &switch.application, source, up_to, BATCH).await?;
    let moved = match (batch.first(), batch.last()) {
        (Some(first), Some(last)) => {
            let span = (&first.name.tenant, &last.name.tenant);
            let (moved, mailed) = move_all(service, tx, switch, &batch, span, now).await?;
            switch.progress.mailed += mailed;
            switch.progress.up_to = Some(last.name.tenant.clone());
            moved
        }
        (None, _) | (_, None) => 0,
    };
    switch.progress.moved += moved;
    let last = i64::try_from(batch.len()).is_ok_and(|length| length < BATCH);
    switch.progress.all_at = last.then_some(now);
    // Whoever was taken away meanwhile is not waited for.
    switch.progress.left = Some(if last { 0 } else { (left - moved).max(0) });
    Ok(())
}

/// Moves the tenants of these rows, which are all of the source version's in this span of tenants;
/// returns how many, and how many mails were queued.
async fn move_all(
    service: &Service,
    tx: &mut Tx,
    switch: &Switch,
    rows: &[Provisioning],
    (first, last): (&TenantId, &TenantId),
    now: Timestamp,
) -> Result<(i64, i64), Error> {
    let application = applications::find(tx, &switch.application).await?;
    let tenants = tenants::between(tx, first, last).await?;
    let mut targets =
        provisionings::between(tx, &switch.application, &switch.target, first, last).await?;
    let mut writer = Writer::new(service, now);
    let mut moved = 0;
    for row in rows {
        let Some(tenant) = tenants.get(&row.name.tenant) else {
            continue;
        };
        if row.consent.standing.carried().is_none() {
            continue;
        }
        moved += 1;
        let target = targets.remove(&row.name.tenant);
        let whose = (tenant, &application);
        let asked = carry(tx, &mut writer, switch, whose, (row, target), now).await?;
        // One question at a time: the one about the target takes the other one's place, until the
        // switch is given up.
        if asked && row.consent.standing == Standing::PendingAcceptance {
            offers::void(tx, &row.name, Some(switch.id), now).await?;
        }
    }
    Ok((moved, writer.mailed()))
}

/// Brings one tenant to the target of a switch; tells whether it is newly asked there.
async fn carry(
    tx: &mut Tx,
    writer: &mut Writer<'_>,
    switch: &Switch,
    whose: (&Tenant, &Application),
    rows: (&Provisioning, Option<Provisioning>),
    now: Timestamp,
) -> Result<bool, Error> {
    let applied = bring(tx, writer, switch, whose, rows, Event::MovedAlong, now).await?;
    Ok(
        matches!(applied, Some(Applied::Changed(next)) if next.consent.standing == Standing::PendingAcceptance),
    )
}

/// Brings one tenant, whose rows of the source and of the target are given, to the target.
async fn bring(
    tx: &mut Tx,
    writer: &mut Writer<'_>,
    switch: &Switch,
    (tenant, application): (&Tenant, &Application),
    (source, target): (&Provisioning, Option<Provisioning>),
    event: fn(Move) -> Event,
    now: Timestamp,
) -> Result<Option<Applied>, Error> {
    let Some(carried) = switch.coming.carried(source.consent.standing) else {
        return Ok(None);
    };
    let place = Place {
        tenant,
        application,
        version: &switch.target,
        source: switch.source.as_ref(),
    };
    let event = event(Move {
        switch: switch.id,
        carried,
        notice: switch.notice,
        contacts: tenant.profile.reach(),
    });
    writer
        .apply(tx, place, target, &event, &by(switch, now))
        .await
        .map(Some)
}

/// Returns where a tenant stands with the target so far.
async fn target_row(
    tx: &mut Tx,
    switch: &Switch,
    tenant: &TenantId,
) -> Result<Option<Provisioning>, Error> {
    let name = contract::ProvisioningName {
        tenant: tenant.clone(),
        application: switch.application.clone(),
        version: switch.target.clone(),
    };
    Ok(provisionings::find(tx, &name).await?)
}

/// A tenant was given the version that a switch starts from: it is moved along with the others.
pub(crate) async fn joined(
    tx: &mut Tx,
    writer: &mut Writer<'_>,
    mut switch: Switch,
    whose: (&Tenant, &Application),
    source: &Provisioning,
    now: Timestamp,
) -> Result<(), Error> {
    if switch.source.as_ref() != Some(&source.name.version) {
        return Ok(());
    }
    let before = writer.mailed();
    let target = target_row(tx, &switch, &source.name.tenant).await?;
    carry(tx, writer, &switch, whose, (source, target), now).await?;
    switch.progress.mailed += writer.mailed() - before;
    // Whoever the move has yet to come by is counted then.
    if has_reached(&switch, &source.name.tenant) {
        switch.progress.moved += 1;
    } else if let Some(left) = &mut switch.progress.left {
        *left += 1;
    }
    Ok(switches::save(tx, &switch).await?)
}

/// Tells whether the move has come by a tenant already.
fn has_reached(switch: &Switch, tenant: &TenantId) -> bool {
    let progress = &switch.progress;
    let passed = progress.up_to.as_ref().is_some_and(|up_to| tenant <= up_to);
    progress.all_at.is_some() || passed
}

/// A tenant has decided about the version that an open switch starts from, perhaps after it was
/// moved: what it was moved with follows.
pub(crate) async fn source_changed(
    tx: &mut Tx,
    writer: &mut Writer<'_>,
    switch: &Switch,
    whose: (&Tenant, &Application),
    source: &Provisioning,
    now: Timestamp,
) -> Result<(), Error> {
    // Once closed, the target may be in use: what is said of the source no longer touches it.
    if !has_reached(switch, &source.name.tenant)
        || switch.phase != Phase::Open
        || switch.source.as_ref() != Some(&source.name.version)
    {
        return Ok(());
    }
    let rows = (source, target_row(tx, switch, &source.name.tenant).await?);
    bring(tx, writer, switch, whose, rows, Event::SourceChanged, now)
        .await
        .map(drop)
}
