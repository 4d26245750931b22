//! What a confirm is about to do, before anybody says Yes.

use proto::catalog::v1::{PreviewSwitchResponse, RoleChange};

use super::{
    View,
    paper::{Paper, Word, bad, busy, dim, good, nothing, strong},
    words::{Said as _, count, duration, id, part, span},
};

/// Words it for people.
pub fn people(preview: &PreviewSwitchResponse, view: &View) -> String {
    let first = preview.source_version.is_empty();
    let source = match id(&preview.source_version) {
        "" => dim("none: this is the first activation"),
        source => source.into(),
    };
    let users = if first {
        "can use it from then on"
    } else {
        "keep working; requests wait a moment while it is switched"
    };
    let refused = match preview.refused.as_str() {
        "" => None,
        why => Some(("refused now", bad(why.to_owned()))),
    };
    let notice = span(preview.notice)
        .filter(|notice| !notice.is_zero())
        .map(|notice| ("notice", Word::from(notice_words(notice))));
    Paper::new(view)
        .line([
            preview.kind().said(),
            strong(part(&preview.target_version, "applications")),
        ])
        .facts(
            [
                ("from", source),
                ("to", good(id(&preview.target_version))),
                ("health", health(&preview.unhealthy)),
                ("tenants", tenants(preview)),
                ("mails", mails(preview)),
            ]
            .into_iter()
            .chain(notice)
            .chain([
                ("new roles", roles(preview, |it| it.before.is_none())),
                ("roles that go", roles(preview, |it| it.after.is_none())),
                (
                    "roles reworded",
                    roles(preview, |it| it.before.is_some() && it.after.is_some()),
                ),
                ("new scopes", list(&preview.scopes_added)),
                ("scopes that go", list(&preview.scopes_removed)),
                ("connections", connections(preview)),
                ("users", users.into()),
            ])
            .chain(refused),
        )
        .finish()
}

fn notice_words(notice: std::time::Duration) -> String {
    format!(
        "{} from the last mail on, before gateways get ready",
        duration(notice)
    )
}

fn health(unhealthy: &str) -> Word {
    match unhealthy {
        "" => good("healthy now"),
        why => bad(why.to_owned()),
    }
}

/// Says what becomes of the tenants; those that just go on working need no words.
fn tenants(preview: &PreviewSwitchResponse) -> Word {
    let Some(impact) = preview.tenants.filter(|impact| impact.total > 0) else {
        return "none uses it yet".into();
    };
    let mut said = format!("{} moved along", count(impact.total, "tenant"));
    for (number, what) in [
        (impact.asked, "asked first"),
        (impact.denied, "shut out, as denied before"),
        (impact.failing, "not moved, as nobody can be told"),
    ] {
        if number > 0 {
            said += &format!(", {number} {what}");
        }
    }
    if impact.denied + impact.failing > 0 {
        busy(said)
    } else {
        said.into()
    }
}

/// Says whether the tenants are told how to deny, and why.
fn mails(preview: &PreviewSwitchResponse) -> Word {
    let mailed = preview.tenants.map_or(0, |impact| impact.mailed);
    match (preview.told, mailed) {
        (false, 0) => dim("none: neither version needs app credentials"),
        (true, 0) => dim("none: there is no tenant to tell"),
        (true, mailed) => busy(format!(
            "to the contacts of {}, with a link to deny",
            count(mailed, "tenant")
        )),
        (false, mailed) => busy(format!(
            "to the contacts of {}, with a link to accept",
            count(mailed, "tenant")
        )),
    }
}

/// Names the roles that changed so.
fn roles(preview: &PreviewSwitchResponse, so: impl Fn(&RoleChange) -> bool) -> Word {
    let names: Vec<_> = preview
        .roles
        .iter()
        .filter(|change| so(change))
        .map(|change| change.name.clone())
        .collect();
    list(&names)
}

fn list(names: &[String]) -> Word {
    if names.is_empty() {
        nothing()
    } else {
        names.join(", ").into()
    }
}

/// Says whose long-lived connections are ended.
fn connections(preview: &PreviewSwitchResponse) -> Word {
    let Some(open) = preview
        .long_lived
        .as_ref()
        .filter(|open| open.connections > 0)
    else {
        return dim("no long-lived ones are open");
    };
    let named: Vec<_> = open
        .tenants
        .iter()
        .map(|tenant| format!("{} {}", id(&tenant.tenant), tenant.connections))
        .collect();
    format!(
        "{} ended in good order: {}",
        count(open.connections, "long-lived one"),
        named.join(", ")
    )
    .into()
}
