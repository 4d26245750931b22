//! `switchover apps traffic …`

use std::time::Duration;

use clap::Args;
use contract::{duration, time};
use jiff::Timestamp;
use proto::catalog::v1::ListTrafficRequest;

use crate::{
    args::{ApplicationArg, Time},
    connect::{Service::Catalog, Session},
    error::Error,
    show::{
        Screen,
        traffic::{Asked, COLUMNS_MAX, traffic},
    },
};

/// Steps that people know how to read, in seconds.
const STEPS: [u64; 13] = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600];

/// What users were answered.
#[derive(Debug, Args)]
pub struct Traffic {
    /// The application
    application: ApplicationArg,
    /// How far back
    #[arg(long, value_name = "TIME", default_value = "10m")]
    since: Time,
    /// What is counted together: whole seconds, 1s to 1h; as fits the screen if left out
    #[arg(long, value_name = "TIME")]
    step: Option<Time>,
}

impl Traffic {
    pub(super) async fn run(self, session: &Session, screen: &Screen) -> Result<(), Error> {
        let now = screen.view().now;
        let step = self
            .step
            .map_or_else(|| fitting(self.since.0), |step| step.0);
        let start = now.saturating_sub(self.since.0).unwrap_or(Timestamp::MIN);
        let request = ListTrafficRequest {
            parent: self.application.full(),
            start_time: Some(time::write(start)),
            end_time: None,
            step: Some(duration::write(step)),
        };
        let answer = session
            .ask(Catalog, session.traffic().list_traffic(request))
            .await?;
        let asked = Asked {
            start: floor(start, step),
            end: now,
            step,
        };
        let name = self.application.to_string();
        screen.answer(&answer, |view| traffic(&name, &answer, &asked, view))
    }
}

/// Returns the shortest step of which no more fit into a time than a chart has columns.
fn fitting(since: Duration) -> Duration {
    let enough = |step: &&u64| since.as_secs() <= **step * (COLUMNS_MAX - 1);
    let longest = STEPS[STEPS.len() - 1];
    Duration::from_secs(*STEPS.iter().find(enough).unwrap_or(&longest))
}

/// Counts a time down to where the service lets its step begin.
fn floor(time: Timestamp, step: Duration) -> Timestamp {
    let step = i64::try_from(step.as_secs()).unwrap_or(i64::MAX).max(1);
    let second = time.as_second();
    Timestamp::from_second(second - second.rem_euclid(step)).unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_steps_are_asked_for_than_there_are_columns() {
        let step = |seconds| fitting(Duration::from_secs(seconds)).as_secs();
        for (since, expected) in [
            (0, 1),
            (63, 1),
            (64, 2),
            (600, 10),
            (3600, 60),
            (172_800, 3600),
        ] {
            assert_eq!(step(since), expected, "{since}");
        }
    }

    #[test]
    fn a_chart_begins_where_its_first_step_does() {
        let at = |second| Timestamp::from_second(second).unwrap();
        assert_eq!(floor(at(1_234), Duration::from_secs(10)), at(1_230));
        assert_eq!(floor(at(1_234), Duration::ZERO), at(1_234));
    }
}
