//! A preview tells what a switch would do, and does nothing.

use ::store::testing::TestDb;
use contract::reason;
use wire::{SwitchKind, follow_request::Message};

use super::{Gateway, World, wire};
use crate::store::MIGRATIONS;

async fn preview(world: &World, version: &str) -> wire::PreviewSwitchResponse {
    let request = wire::PreviewSwitchRequest {
        version: version.to_owned(),
    };
    let seen = world.switches().preview_switch(request).await;
    seen.unwrap().into_inner()
}

/// Everything that is in the catalog, as it is shown.
async fn everything(world: &World) -> (wire::Application, Vec<wire::Switch>, usize) {
    let switches = wire::ListSwitchesRequest {
        parent: "applications/crm".to_owned(),
        ..Default::default()
    };
    let switches = world.switches().list_switches(switches).await.unwrap();
    let history = wire::ListHistoryRequest {
        parent: "applications/crm".to_owned(),
        ..Default::default()
    };
    let history = world.switches().list_history(history).await.unwrap();
    (
        world.application().await,
        switches.into_inner().switches,
        history.into_inner().entries.len(),
    )
}

::store::on_both!(
    MIGRATIONS,
    async fn a_preview_tells_roles_tenants_health_and_connections_and_changes_nothing(db: TestDb) {
        let world = World::start(&db).await;
        let (one, two) = world.crm_on_one().await;
        let a = Gateway::join(&world, "a").await;
        let tenant = |name: &str, connections| wire::TenantConnections {
            tenant: format!("tenants/{name}"),
            connections,
        };
        let open = wire::LongLivedConnections {
            application: "applications/crm".to_owned(),
            connections: 9,
            tenants: vec![tenant("anna", 5), tenant("bert", 3)],
        };
        let beat = wire::Beat {
            ready: true,
            long_lived: vec![open.clone()],
            ..Default::default()
        };
        a.say(Message::Beat(beat)).await;
        world.until_gateway("a", "its beat", |a| a.ready).await;
        let before = everything(&world).await;
        let asked = world.peers.seen();

        let seen = preview(&world, &two).await;
        assert_eq!(
            (seen.kind(), &seen.source_version),
            (SwitchKind::Update, &one)
        );
        assert_eq!(seen.etag, before.0.etag);
        let roles: Vec<_> = seen
            .roles
            .iter()
            .map(|role| {
                (
                    role.name.as_str(),
                    role.before.is_some(),
                    role.after.is_some(),
                )
            })
            .collect();
        assert_eq!(roles, [("admin-1", true, false), ("admin-2", false, true)]);
        assert_eq!((seen.tenants.unwrap().total, seen.told), (3, false));
        assert_eq!((seen.unhealthy.as_str(), seen.refused.as_str()), ("", ""));
        assert_eq!(seen.long_lived, Some(open));

        world.upstream.answer(503);
        let seen = preview(&world, &two).await;
        assert!(seen.unhealthy.contains("503"), "{}", seen.unhealthy);

        assert_eq!(everything(&world).await, before);
        let after = world.peers.seen();
        assert_eq!((after.moves, after.notices), (asked.moves, asked.notices));
        world.finish().await;
    }
);

::store::on_both!(
    MIGRATIONS,
    async fn a_preview_says_what_a_confirm_would_be_refused_for(db: TestDb) {
        let world = World::start(&db).await;
        let (one, two) = world.crm_on_one().await;
        let active = preview(&world, &one).await;
        assert_eq!(active.refused_reason, reason::VERSION_ACTIVE.to_string());
        let missing = wire::PreviewSwitchRequest {
            version: "applications/crm/versions/9".to_owned(),
        };
        let missing = world.switches().preview_switch(missing).await.unwrap_err();
        assert_eq!(missing.code(), tonic::Code::NotFound);
        world.peers.direct(|script| script.close_hangs = true);
        world.confirm(&two).await.unwrap();
        let open = preview(&world, &two).await;
        assert_eq!(open.refused_reason, reason::SWITCH_OPEN.to_string());
        assert!(!open.refused.is_empty());
        world.finish().await;
    }
);
