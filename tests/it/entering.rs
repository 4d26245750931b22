//! People sign in to the console at an issuer that is not ours, in a browser, by its own pages.

use anyhow::{Result, ensure};
use serde_json::json;
use tests::{
    browser::{browse, pictures},
    issuer::{AUDIENCE, ConsoleIssuer},
    keys::Callers,
    shop,
    world::{Database, Part, Plan, World},
};

/// Who may do everything, who may look, who decides for a tenant, and who may do nothing.
const PEOPLE: &str = r#"{
    "olga": ["operator-admin"],
    "vera": ["operator-viewer"],
    "tom": ["tenant-admin:bert"],
    "eve": []
}"#;

#[tokio::test(flavor = "multi_thread")]
async fn people_sign_in_to_the_console_at_a_foreign_issuer_and_out_again() -> Result<()> {
    let mut issuer = ConsoleIssuer::new(PEOPLE)?;
    let variables = [
        ("SWITCHOVER_OIDC_ISSUER", issuer.url()),
        ("SWITCHOVER_OIDC_AUDIENCE", AUDIENCE.to_owned()),
        ("SWITCHOVER_CONSOLE_CLIENT_ID", "console".to_owned()),
        ("SWITCHOVER_CONSOLE_RESOURCE", AUDIENCE.to_owned()),
    ];
    let plan = Plan {
        callers: Callers::Keyed,
        environment: variables
            .map(|(name, value)| (name.to_owned(), value))
            .to_vec(),
        ..Plan::new(Database::Sqlite, 1)
    };
    let mut world = World::start_as(plan).await?;
    issuer.start(world.folder(), &world.edge(0)).await?;
    let entered = enter(&mut world, &issuer).await;
    entered.map_err(|fault| world.explain(fault))
}

async fn enter(world: &mut World, issuer: &ConsoleIssuer) -> Result<()> {
    shop::open(world, &["anna", "bert"]).await?;
    world.ready(Part::Gateway(0)).await?;
    let settings = json!({
        "edge": world.edge(0),
        "issuer": issuer.url(),
        "application": "shop",
        "version": "1.0",
        "pictures": pictures("signin"),
    });
    let told = browse("signin", &settings).await?;
    ensure!(told["people"] == 4, "{told}");
    Ok(())
}
