//! A process may die between any two persisted steps: everything ends as without that.

use anyhow::{Result, ensure};
use tests::crash_points::{Options, prove};

/// Two deaths a point: enough to meet every process and every point in each test run. All of them
/// are `cargo xtask prove crash-points`.
#[tokio::test(flavor = "multi_thread")]
async fn a_death_between_any_two_steps_changes_nothing_but_the_time() -> Result<()> {
    let options = Options {
        times_max: 3,
        every: 2,
    };
    let figures = prove(options, &|_| ()).await?;
    ensure!(figures.sound(), "{figures:#?}");
    Ok(())
}
