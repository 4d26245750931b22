//! A recovery as people read it.

use proto::catalog::v1::{
    AdoptRecoveryResponse, GetRecoveryResponse, RecoveringApplication, RoutePosition,
};

use super::{
    View,
    paper::{Paper, Word, bad, dim, good, strong},
    words::{id, part, time},
};

/// How a recovery stands.
pub fn standing(recovery: &GetRecoveryResponse, view: &View) -> String {
    if !recovery.recovering {
        return Paper::new(view)
            .line([good("The catalog is not in recovery.")])
            .finish();
    }
    let missing: Vec<_> = recovery
        .missing_gateways
        .iter()
        .map(|name| id(name))
        .collect();
    let missing = if missing.is_empty() {
        Word::from("none: it can be adopted")
    } else {
        bad(missing.join(", "))
    };
    Paper::new(view)
        .line([bad(
            "The catalog is in recovery: no switch begins or goes on.",
        )])
        .facts([
            ("why", recovery.message.as_str().into()),
            ("since", time(recovery.start_time, view)),
            ("gateways that did not report", missing),
        ])
        .gap()
        .table(
            &["APPLICATION", "RESTORED", "GATEWAYS SERVE", "VERSION KNOWN"],
            recovery.applications.iter().map(application).collect(),
            "No application is in use.",
        )
        .gap()
        .next("switchover catalog adopt --reason TEXT")
        .finish()
}

fn application(recovering: &RecoveringApplication) -> Vec<Word> {
    vec![
        strong(id(&recovering.application)),
        position(recovering.restored.as_ref()),
        position(recovering.reported.as_ref()),
        match recovering.version_known {
            true => "yes".into(),
            false => bad("no: choose one"),
        },
    ]
}

fn position(position: Option<&RoutePosition>) -> Word {
    match position {
        None => dim("–"),
        Some(position) if position.version.is_empty() => dim("never in use"),
        Some(position) => {
            format!("{} (generation {})", position.version, position.generation).into()
        }
    }
}

/// What was adopted.
pub fn adopted(answer: &AdoptRecoveryResponse, view: &View) -> String {
    let rows = answer.switches.iter().map(|switch| {
        vec![
            strong(part(switch, "applications")),
            Word::from(part(switch, "switches")),
        ]
    });
    Paper::new(view)
        .line([good(
            "Adopted: each application goes on by a switch that all gateways hold for.",
        )])
        .table(
            &["APPLICATION", "SWITCH"],
            rows.collect(),
            "No application is in use.",
        )
        .finish()
}
