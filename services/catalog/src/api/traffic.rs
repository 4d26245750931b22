//! What users were answered, over time.

use std::{ops::RangeInclusive, sync::Arc, time::Duration};

use contract::{ApplicationRef, Fault, Problem, Violations, duration, time};
use proto::catalog::v1 as wire;
use tonic::{Request, Response, Status};

use crate::{
    Catalog,
    traffic::{self, Asked, Point, STEPS_MAX},
};

/// How long a step may be.
const STEP: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(3600);

/// The service.
pub(super) struct Traffic(pub(super) Arc<Catalog>);

#[tonic::async_trait]
impl wire::traffic_service_server::TrafficService for Traffic {
    async fn list_traffic(
        &self,
        request: Request<wire::ListTrafficRequest>,
    ) -> Result<Response<wire::ListTrafficResponse>, Status> {
        let now = self.0.clock.now();
        let asked = asked(request.get_ref(), now)?;
        let listed = traffic::list(&self.0.db, &asked, now, self.0.keep_traffic_hours)
            .await
            .map_err(Problem::from)?;
        Ok(Response::new(wire::ListTrafficResponse {
            points: listed.points.iter().map(point).collect(),
            complete_time: Some(time::write(listed.complete)),
            kept_since_time: Some(time::write(listed.kept_since)),
        }))
    }
}

fn asked(request: &wire::ListTrafficRequest, now: jiff::Timestamp) -> Result<Asked, Problem> {
    let mut v = Violations::new();
    let parent = v.parse::<ApplicationRef>("parent", &request.parent);
    let start = time::field(&mut v, "start_time", request.start_time);
    let end = match request.end_time {
        Some(_) => time::field(&mut v, "end_time", request.end_time),
        None => contract::Checked::right(now),
    };
    let step = duration::field(&mut v, "step", request.step, STEP, *STEP.start());
    if let Some(step) = step.value() {
        let whole = step.subsec_nanos() == 0;
        v.check(whole, "step", Fault::Malformed, "must be whole seconds");
        let seconds = i64::try_from(step.as_secs()).unwrap_or(i64::MAX).max(1);
        if let (Some(start), Some(end), true) = (start.value(), end.value(), whole) {
            let begin = traffic::floor(*start, seconds).as_microsecond();
            let long = end.as_microsecond().saturating_sub(begin);
            let steps = long.saturating_add(seconds * 1_000_000 - 1) / (seconds * 1_000_000);
            if end < start {
                let description = "must not be after the end, which is now unless it is given";
                v.add("start_time", Fault::OutOfRange, description);
            } else if steps > STEPS_MAX {
                let description = format!(
                    "must be longer, or the time shorter: {steps} steps are asked for, at most {STEPS_MAX} are listed"
                );
                v.add("step", Fault::OutOfRange, description);
            }
        }
    }
    let (parent, start, end, step) = v.all((parent, start, end, step))?;
    let step_seconds = i64::try_from(step.as_secs()).unwrap_or(i64::MAX);
    Ok(Asked {
        application: parent.application,
        start: traffic::floor(start, step_seconds),
        end,
        step_seconds,
    })
}

fn point(point: &Point) -> wire::TrafficPoint {
    wire::TrafficPoint {
        time: Some(time::write(point.at)),
        generation: point.generation.get(),
        version: point.version.to_string(),
        requests: point.tally.requests,
        failed: point.tally.failed,
    }
}
