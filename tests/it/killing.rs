//! Whoever is killed when: no denial is lost, and everybody hears of everything once.

use anyhow::{Result, ensure};
use tests::{
    kills::{Options, prove},
    world::Database,
};

/// Two kills of each service in each of two switches; a thousand are `cargo xtask prove kills`.
#[tokio::test(flavor = "multi_thread")]
async fn kills_lose_no_denial_and_double_no_event_and_no_mail_but_by_an_answer_lost() -> Result<()>
{
    let options = Options {
        database: Database::Sqlite,
        kills: 12,
        seed: 4,
    };
    let figures = prove(options, &|_| ()).await?;
    ensure!(figures.sound(), "{figures:#?}");
    Ok(())
}
