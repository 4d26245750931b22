//! Operators who confirm at the same instant, each at another replica of the catalog.

use anyhow::{Context as _, Result, ensure};
use tests::{
    api::Confirm,
    shop,
    world::{Database, Plan, World},
};

const ROUNDS: usize = 4;

#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_confirm_at_once_one_wins_and_the_other_is_told_which_switch_is_open()
-> Result<()> {
    let plan = Plan {
        catalogs: 2,
        ..Plan::new(Database::Postgres, 2)
    };
    let mut world = World::start_as(plan).await?;
    match race(&mut world).await {
        Ok(()) => Ok(()),
        Err(fault) => Err(world.explain(fault)),
    }
}

async fn race(world: &mut World) -> Result<()> {
    let (olga, otto) = (world.api_of(0)?, world.api_of(1)?);
    shop::open(world, &["anna"]).await?;
    let url = world.upstream("3.0").await?;
    olga.create_version("shop", "3.0", &url, &[]).await?;
    let mut versions = ["1.0", "2.0", "3.0"];
    for version in ["2.0", "3.0"] {
        olga.register_to_test("shop", version).await?;
        olga.switch_to(Confirm::Update, "shop", version).await?;
    }
    for _ in 0..ROUNDS {
        let [one, other, active] = versions;
        let (first, second) = tokio::join!(
            olga.confirm(Confirm::Reactivate, "shop", one),
            otto.confirm(Confirm::Reactivate, "shop", other),
        );
        let (won, lost) = match (first, second) {
            (Ok(won), Err(lost)) => {
                versions = [other, active, one];
                (won, lost)
            }
            (Err(lost), Ok(won)) => {
                versions = [one, active, other];
                (won, lost)
            }
            both => anyhow::bail!("not one winner and one loser: {both:?}"),
        };
        let lost = lost
            .downcast_ref::<tonic::Status>()
            .context("a refusal by the catalog")?;
        ensure!(
            lost.code() == tonic::Code::Aborted && lost.message().contains(&won.name),
            "{lost:?} does not name {}",
            won.name
        );
        let ended = olga.ended(&won.name).await?;
        let [.., now] = versions;
        ensure!(
            ended.target_version.ends_with(now) && ended.generation > 0,
            "{ended:?}"
        );
    }
    Ok(())
}
