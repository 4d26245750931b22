//! The benchmark itself: a short run of it finds what it is to find. How fast anything is, is not
//! asked here.

use anyhow::{Result, ensure};
use tests::{
    bench::{Options, Peers, measure},
    world::Database,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_short_benchmark_fails_no_request_and_sees_every_gateway_of_a_growing_fleet() -> Result<()>
{
    let options = Options {
        database: Database::Sqlite,
        switches: 6,
        requests: 2_000,
        rate: 500,
        clients: 16,
        rounds: 2,
        peers: Peers::None,
        fleet_sizes: vec![1, 20],
        fleet_switches: 2,
    };
    let figures = Box::pin(measure(&options, &|_| ())).await?;
    let ours = &figures.ours;
    ensure!(figures.sound(), "{figures:#?}");
    ensure!(
        ours.switches == 6 && ours.requests >= options.requests,
        "{figures:#?}"
    );
    ensure!(
        ours.hold_longest_ms > 0.0 && ours.everywhere_p99_ms <= ours.confirm_p99_ms,
        "{figures:#?}"
    );
    let sizes: Vec<u32> = figures.growth.iter().map(|fleet| fleet.gateways).collect();
    ensure!(sizes == options.fleet_sizes, "{figures:#?}");
    for fleet in &figures.growth {
        ensure!(
            fleet.switches == 2
                && fleet.hold_p50_ms > 0.0
                && fleet.hold_p99_ms <= fleet.everywhere_p99_ms,
            "{figures:#?}"
        );
    }
    let json = figures.json();
    for name in [
        "requests",
        "switches",
        "failed",
        "contradictions",
        "hold_p50_ms",
        "hold_p99_ms",
        "hold_longest_ms",
        "everywhere_p99_ms",
        "confirm_p99_ms",
        "fleet",
    ] {
        ensure!(json.get(name).is_some(), "{name} is missing in {json}");
    }
    Ok(())
}
