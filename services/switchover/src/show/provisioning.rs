//! Tenants, provisionings and app credentials as people read them.

use proto::provisioning::v1::{
    AppCredential, ConsentBasis, DecideProvisioningResponse, OfferStatus, OfferVisit, Provisioning,
    ProvisioningChange, ProvisioningState, Tenant,
};

use super::{
    View,
    paper::{Paper, Word, bad, dim, dim as quiet, good, nothing, or_nothing, strong},
    words::{Said as _, dim_time, id, instant, part, time},
};

/// One tenant with all its facts.
pub fn tenant(tenant: &Tenant, view: &View) -> String {
    let contacts = tenant
        .contacts
        .iter()
        .map(|contact| {
            vec![
                contact.email.as_str().into(),
                or_nothing(&contact.display_name),
            ]
        })
        .collect();
    Paper::new(view)
        .line([
            strong(id(&tenant.name)),
            tenant.display_name.as_str().into(),
        ])
        .facts([
            (
                "users",
                match tenant.users {
                    0 => nothing(),
                    users => users.to_string().into(),
                },
            ),
            ("created", time(tenant.create_time, view)),
            ("changed", time(tenant.update_time, view)),
            ("etag", quiet(&tenant.etag)),
        ])
        .gap()
        .table(
            &["CONTACT", "NAME"],
            contacts,
            "It has no contact: nobody would get a mail.",
        )
        .finish()
}

/// A page of tenants.
pub fn tenants(tenants: &[Tenant], view: &View) -> String {
    let rows = tenants
        .iter()
        .map(|tenant| {
            let contacts: Vec<_> = tenant
                .contacts
                .iter()
                .map(|contact| contact.email.as_str())
                .collect();
            let contacts = match contacts.as_slice() {
                [] => bad("none"),
                [first] => (*first).into(),
                [first, rest @ ..] => format!("{first} and {} more", rest.len()).into(),
            };
            vec![
                strong(id(&tenant.name)),
                tenant.display_name.as_str().into(),
                contacts,
                dim_time(tenant.create_time, view),
            ]
        })
        .collect();
    Paper::new(view)
        .table(
            &["TENANT", "NAME", "CONTACTS", "CREATED"],
            rows,
            "There is no tenant yet: switchover tenants create",
        )
        .finish()
}

/// One provisioning with all its facts.
pub fn provisioning(provisioning: &Provisioning, view: &View) -> String {
    let name = &provisioning.name;
    Paper::new(view)
        .line([
            strong(part(name, "tenants")),
            part(name, "applications").into(),
            strong(part(name, "provisionings")),
            provisioning.state().said(),
        ])
        .facts([
            ("why", or_nothing(&provisioning.state_message)),
            ("since", time(provisioning.state_time, view)),
            ("by", or_nothing(&provisioning.state_actor)),
            ("rests on", rests_on(provisioning)),
            ("switch", or_nothing(id(&provisioning.switch))),
            (
                "link works until",
                time(provisioning.offer_expire_time, view),
            ),
            ("created", time(provisioning.create_time, view)),
            ("etag", quiet(&provisioning.etag)),
        ])
        .finish()
}

/// Says on what a tenant's use rests. Only while its answer is awaited there is one to come.
fn rests_on(provisioning: &Provisioning) -> Word {
    match (provisioning.consent_basis(), provisioning.state()) {
        (
            ConsentBasis::Unspecified,
            ProvisioningState::Denied
            | ProvisioningState::Failed
            | ProvisioningState::Removed
            | ProvisioningState::Provisioning
            | ProvisioningState::Provisioned
            | ProvisioningState::Deprovisioning
            | ProvisioningState::Unspecified,
        ) => nothing(),
        (basis, _) => basis.said(),
    }
}

/// A page of provisionings.
pub fn provisionings(provisionings: &[Provisioning], view: &View) -> String {
    let rows = provisionings
        .iter()
        .map(|provisioning| {
            let name = &provisioning.name;
            vec![
                strong(part(name, "tenants")),
                part(name, "applications").into(),
                strong(part(name, "provisionings")),
                provisioning.state().said(),
                rests_on(provisioning),
                dim_time(provisioning.state_time, view),
                or_nothing(&provisioning.state_message),
            ]
        })
        .collect();
    Paper::new(view)
        .table(
            &[
                "TENANT",
                "APPLICATION",
                "VERSION",
                "STATE",
                "RESTS ON",
                "SINCE",
                "WHY",
            ],
            rows,
            "No tenant uses it: switchover provisionings create",
        )
        .finish()
}

/// A page of a provisioning's history, newest first.
pub fn history(changes: &[ProvisioningChange], view: &View) -> String {
    let rows = changes
        .iter()
        .map(|change| {
            vec![
                time(change.time, view),
                change.event().said(),
                change.state().said(),
                or_nothing(&change.actor),
                or_nothing(id(&change.switch)),
                dim_time(change.apply_time, view),
                or_nothing(&change.reason),
            ]
        })
        .collect();
    Paper::new(view)
        .table(
            &[
                "WHEN",
                "WHAT",
                "STATE SINCE",
                "BY",
                "SWITCH",
                "EVERYWHERE",
                "WHY",
            ],
            rows,
            "Nothing has happened to it.",
        )
        .finish()
}

/// One line of a change, for whoever follows.
pub fn change_line(change: &ProvisioningChange, view: &View) -> String {
    let name = &change.provisioning;
    let from = match change.previous_state() {
        ProvisioningState::Unspecified => nothing(),
        state => state.said(),
    };
    Paper::new(view)
        .line([
            time(change.time, view),
            strong(part(name, "tenants")),
            part(name, "applications").into(),
            strong(part(name, "provisionings")),
            from,
            dim("→"),
            change.state().said(),
            dim("·"),
            change.event().said(),
            dim("by"),
            or_nothing(&change.actor),
            dim(&change.reason),
        ])
        .finish()
}

/// Visits of links that look like a machine's.
pub fn visits(visits: &[OfferVisit], view: &View) -> String {
    let rows = visits
        .iter()
        .map(|visit| {
            vec![
                strong(&visit.address),
                or_nothing(&visit.user_agent),
                visit.opened.to_string().into(),
                visit.sent.to_string().into(),
                dim_time(visit.first_time, view),
                time(visit.last_time, view),
            ]
        })
        .collect();
    Paper::new(view)
        .table(
            &["FROM", "CALLS ITSELF", "OPENED", "SENT", "FIRST", "LAST"],
            rows,
            "No machine has looked at its links.",
        )
        .finish()
}

/// What a decision led to.
pub fn decided(answer: &DecideProvisioningResponse, view: &View) -> String {
    let provisioning = answer.provisioning.clone().unwrap_or_default();
    let name = &provisioning.name;
    let mut paper = Paper::new(view).line([
        strong(part(name, "tenants")),
        part(name, "applications").into(),
        strong(part(name, "provisionings")),
        answer.status().said(),
    ]);
    if answer.status() == OfferStatus::DeniedTakingEffect {
        for gateway in &answer.outstanding_gateways {
            paper = paper.line([dim("  not yet:"), id(gateway).into()]);
        }
        let command = format!(
            "switchover provisionings get {} {} {}",
            part(name, "tenants"),
            part(name, "applications"),
            part(name, "provisionings"),
        );
        paper = paper.next(&command);
    }
    paper.finish()
}

/// Client id and secret, this once. Of a request that was answered before the secret is gone.
pub fn secret(credential: &AppCredential, secret: &str, view: &View) -> String {
    let gone = secret.is_empty();
    let paper = Paper::new(view).facts([
        ("client id", strong(&credential.client_id)),
        (
            "client secret",
            if gone {
                bad("was shown before")
            } else {
                strong(secret)
            },
        ),
        ("name", dim(&credential.name)),
        (
            "old secret works until",
            time(credential.previous_secret_expire_time, view),
        ),
        (
            "pair works until",
            match credential.expire_time {
                None => dim("it is revoked"),
                end => time(end, view),
            },
        ),
    ]);
    if gone {
        let command = format!("switchover credentials rotate {}", credential.name);
        return paper.next(&command).finish();
    }
    paper.line([dim("The secret is shown this once.")]).finish()
}

/// A page of credentials.
pub fn credentials(credentials: &[AppCredential], view: &View) -> String {
    let rows = credentials
        .iter()
        .map(|credential| {
            let expired = instant(credential.expire_time).is_some_and(|end| end <= view.now);
            let state = match credential.revoke_time {
                Some(_) => bad("revoked"),
                None if expired => bad("expired"),
                None => good("valid"),
            };
            vec![
                strong(&credential.client_id),
                state,
                dim_time(credential.create_time, view),
                dim_time(credential.rotate_time, view),
                dim_time(credential.previous_secret_expire_time, view),
                dim_time(credential.last_used_time, view),
                dim_time(credential.expire_time, view),
                dim(&credential.name),
            ]
        })
        .collect();
    Paper::new(view)
        .table(
            &[
                "CLIENT ID",
                "STATE",
                "ISSUED",
                "ROTATED",
                "OLD SECRET UNTIL",
                "LAST USED",
                "EXPIRES",
                "NAME",
            ],
            rows,
            "None has been issued: switchover credentials create",
        )
        .finish()
}
