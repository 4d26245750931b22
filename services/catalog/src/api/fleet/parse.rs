//! What a gateway says, checked before anything believes it.

use std::{net::SocketAddr, time::Duration};

use contract::{
    ApplicationName, ApplicationRef, Fault, GatewayName, GatewayRef, Generation, Line, Nonce,
    Problem, Revision, TenantRef, Timeline, VersionName, Violations, duration,
};
use jiff::Timestamp;
use proto::catalog::v1 as wire;

use crate::{
    fleet::{
        Boot, Hello, Position,
        answers::Answered,
        applied::{LongLived, Refusal},
        traffic::Traffic,
    },
    switch::Answer,
    traffic::{self, AGE_MAX, Slot, Tally},
};

/// More applications than an installation has.
const POSITIONS_MAX: usize = 10_000;
const LISTENERS_MAX: usize = 20;
/// Tenants of one application that a gateway names.
const TENANTS_MAX: usize = 20;
const MESSAGE_CHARS_MAX: usize = 500;
/// Counts of one report, and requests of one count.
const COUNTS_MAX: usize = 200;
const COUNT_MAX: i64 = 1_000_000_000;

/// Reads the first message of a stream, which must be a hello.
pub(super) fn hello(first: Option<wire::FollowRequest>) -> Result<Hello, Problem> {
    use wire::follow_request::Message;
    let hello = match first.and_then(|first| first.message) {
        Some(Message::Hello(hello)) => Some(hello),
        Some(
            Message::Answer(_)
            | Message::Beat(_)
            | Message::Applied(_)
            | Message::Refused(_)
            | Message::Traffic(_),
        )
        | None => None,
    };
    let mut v = Violations::new();
    let Some(hello) = hello else {
        v.add("hello", Fault::Missing, "must come first, within 10 s");
        v.finish()?;
        return Err(Problem::broken("a missing hello was no violation"));
    };
    let checked = v.within("hello", |v| {
        let gateway = v.parse::<GatewayRef>("gateway", &hello.gateway);
        let boot = v.parse::<Boot>("boot", &hello.boot);
        let software = v.optional::<Line<50>>("software", &hello.software);
        let positions = v.each(
            "positions",
            &hello.positions,
            0..=POSITIONS_MAX,
            |v, position| {
                let application = v.parse::<ApplicationRef>("application", &position.application);
                let timeline = v.parse::<Timeline>("timeline", &position.timeline);
                let revision = v.convert::<Revision, _>("revision", position.revision);
                let generation = position.generation;
                let version = v.optional::<VersionName>("version", &position.version);
                v.join((application, timeline, revision, version)).map(
                    |(application, timeline, revision, version)| Position {
                        application: application.application,
                        timeline,
                        revision,
                        generation,
                        version,
                    },
                )
            },
        );
        let listeners = v.each(
            "listeners",
            &hello.listeners,
            0..=LISTENERS_MAX,
            |v, listener| v.parse::<SocketAddr>("", listener),
        );
        v.join((gateway, boot, software, positions, listeners))
    });
    let (gateway, boot, software, positions, listeners) = v.all(checked)?;
    Ok(Hello {
        gateway: gateway.gateway,
        boot,
        software,
        positions,
        listeners,
    })
}

/// Reads an answer to a turn.
pub(super) fn answer(gateway: &GatewayName, answer: wire::Answer) -> Result<Answered, Problem> {
    use wire::answer::Answer as Wire;
    let mut v = Violations::new();
    let checked = v.within("answer", |v| {
        let application = v.parse::<ApplicationRef>("application", &answer.application);
        let timeline = v.parse::<Timeline>("timeline", &answer.timeline);
        let nonce = v.parse::<Nonce>("nonce", &answer.nonce);
        let answer = v.require("answer", answer.answer);
        v.join((application, timeline, nonce, answer))
    });
    let (application, timeline, nonce, answer) = v.all(checked)?;
    let answer = match answer {
        Wire::Ready(wire::Ready {}) => Answer::Ready,
        Wire::NotReady(why) => Answer::NotReady(sentence(&why)),
        Wire::Held(wire::Held {}) => Answer::Held,
        Wire::Released(released) => Answer::Released {
            held_requests: released.held_requests.max(0),
            longest_hold: released
                .longest_hold
                .and_then(duration::read)
                .unwrap_or_default(),
            failed_requests: released.failed_requests.max(0),
        },
        Wire::Draining(draining) => Answer::Draining {
            open_requests: draining.open_requests.max(0),
            closed_connections: draining.closed_connections.max(0),
        },
        Wire::Drained(drained) => Answer::Drained {
            finished_requests: drained.finished_requests.max(0),
            cut_requests: drained.cut_requests.max(0),
            closed_connections: drained.closed_connections.max(0),
        },
    };
    Ok(Answered {
        gateway: gateway.clone(),
        application: application.application,
        timeline,
        nonce,
        answer,
    })
}

/// Reads that a route was applied: application, timeline, revision, hash.
pub(super) fn applied(
    applied: wire::Applied,
) -> Result<(ApplicationName, Timeline, Revision, String), Problem> {
    let mut v = Violations::new();
    let checked = v.within("applied", |v| {
        let application = v.parse::<ApplicationRef>("application", &applied.application);
        let timeline = v.parse::<Timeline>("timeline", &applied.timeline);
        let revision = v.convert::<Revision, _>("revision", applied.revision);
        v.join((application, timeline, revision))
    });
    let (application, timeline, revision) = v.all(checked)?;
    Ok((application.application, timeline, revision, applied.hash))
}

/// Takes a refusal as it was said: it may be about what cannot be read.
pub(super) fn refused(refused: &wire::Refused) -> Refusal {
    let told = |text: &str| line(text).unwrap_or_default();
    Refusal {
        application: told(&refused.application),
        timeline: told(&refused.timeline),
        revision: refused.revision,
        reason: told(&refused.reason),
        message: told(&refused.message),
    }
}

/// Why a gateway is not ready: one line, or nothing.
pub(super) fn not_ready_message(beat: &wire::Beat) -> String {
    line(&beat.not_ready_message).unwrap_or_default()
}

/// Reads what a gateway counted. What cannot be is left out: a gateway is not sent away for it.
pub(super) fn traffic(reports: &[wire::TrafficReport]) -> Vec<Traffic> {
    let read = |report: &wire::TrafficReport| {
        Some(Traffic {
            application: report
                .application
                .parse::<ApplicationRef>()
                .ok()?
                .application,
            generation: Generation::try_from(report.generation).ok()?,
            requests: report.requests.max(0),
            failed: report.failed.max(0),
        })
    };
    reports
        .iter()
        .take(POSITIONS_MAX)
        .filter_map(read)
        .collect()
}

/// Reads what a gateway counted, and puts it in the catalog's own time, which is `now`. Returns how
/// many counts cannot be read, too: they are left out.
pub(super) fn counts(traffic: &wire::Traffic, now: Timestamp) -> (Vec<(Slot, Tally)>, usize) {
    let amount = |amount: i64| Some(amount).filter(|it| (0..=COUNT_MAX).contains(it));
    let read = |count: &wire::TrafficCount| {
        let age = count.age.map_or(Some(Duration::ZERO), duration::read)?;
        let middle = now.saturating_sub(age).ok()?;
        let slot = Slot {
            application: count
                .application
                .parse::<ApplicationRef>()
                .ok()?
                .application,
            second: traffic::floor(middle, 1),
            generation: Generation::try_from(count.generation).ok()?,
        };
        let tally = Tally {
            requests: amount(count.requests)?,
            failed: amount(count.failed)?,
        };
        (age <= AGE_MAX).then_some((slot, tally))
    };
    let counts = traffic.counts.iter().take(COUNTS_MAX);
    let counts: Vec<_> = counts.filter_map(read).collect();
    let dropped = traffic.counts.len() - counts.len();
    (counts, dropped)
}

/// Reads whose long-lived connections are open. What cannot be is left out.
pub(super) fn long_lived(reports: &[wire::LongLivedConnections]) -> Vec<LongLived> {
    let tenant = |report: &wire::TenantConnections| {
        let tenant = report.tenant.parse::<TenantRef>().ok()?;
        Some((tenant.tenant, report.connections.max(0)))
    };
    let read = |report: &wire::LongLivedConnections| {
        let application = report.application.parse::<ApplicationRef>().ok()?;
        let tenants = report.tenants.iter().take(TENANTS_MAX);
        Some(LongLived {
            application: application.application,
            connections: report.connections.max(0),
            tenants: tenants.filter_map(tenant).collect(),
        })
    };
    reports
        .iter()
        .take(POSITIONS_MAX)
        .filter_map(read)
        .collect()
}

/// A reason that goes into receipts and mails: bounded, and nothing in it that hides.
fn sentence(why: &wire::NotReady) -> String {
    let text = if why.message.is_empty() {
        &why.reason
    } else {
        &why.message
    };
    line(text).unwrap_or_else(|| "it does not say why".to_owned())
}

/// One line of at most 500 characters; none if there is nothing to be seen in it.
fn line(text: &str) -> Option<String> {
    let seen: String = text
        .chars()
        .map(|c| if c.is_whitespace() { ' ' } else { c })
        .filter(|c| !c.is_control())
        .take(MESSAGE_CHARS_MAX)
        .collect();
    let line = seen.parse::<Line<MESSAGE_CHARS_MAX>>().ok()?;
    Some(line.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(hello: wire::Hello) -> Option<wire::FollowRequest> {
        Some(wire::FollowRequest {
            message: Some(wire::follow_request::Message::Hello(hello)),
        })
    }

    fn good() -> wire::Hello {
        wire::Hello {
            gateway: "gateways/g-1".to_owned(),
            boot: "01999999-0000-4000-8000-000000000000".to_owned(),
            software: "0.1.0".to_owned(),
            positions: Vec::new(),
            listeners: vec!["0.0.0.0:8080".to_owned(), "[::]:8081".to_owned()],
        }
    }

    fn fields(result: Result<Hello, Problem>) -> Vec<String> {
        result
            .unwrap_err()
            .fields()
            .iter()
            .map(|field| field.field.clone())
            .collect()
    }

    #[test]
    fn a_stream_begins_with_a_hello_that_is_right_in_all_its_parts() {
        assert_eq!(hello(first(good())).unwrap().listeners.len(), 2);
        assert_eq!(fields(hello(None)), ["hello"]);
        let beat = wire::FollowRequest {
            message: Some(wire::follow_request::Message::Beat(wire::Beat::default())),
        };
        assert_eq!(fields(hello(Some(beat))), ["hello"]);
        let position = wire::RoutePosition {
            application: "crm".to_owned(),
            timeline: "x".to_owned(),
            revision: u64::MAX,
            ..Default::default()
        };
        let wrong = wire::Hello {
            gateway: "g-1".to_owned(),
            boot: "now".to_owned(),
            software: "x".repeat(51),
            positions: vec![position],
            listeners: vec!["here:80".to_owned()],
        };
        assert_eq!(
            fields(hello(first(wrong))),
            [
                "hello.gateway",
                "hello.boot",
                "hello.software",
                "hello.positions[0].application",
                "hello.positions[0].timeline",
                "hello.positions[0].revision",
                "hello.listeners[0]",
            ]
        );
        let crowded = wire::Hello {
            listeners: vec!["127.0.0.1:80".to_owned(); LISTENERS_MAX + 1],
            ..good()
        };
        assert_eq!(fields(hello(first(crowded))), ["hello.listeners"]);
    }

    #[test]
    fn a_hold_of_no_length_that_could_be_counts_as_none() {
        let longest = |seconds, nanos| {
            let longest_hold = Some(prost_types::Duration { seconds, nanos });
            let released = wire::Answer {
                application: "applications/crm".to_owned(),
                timeline: "01999999-0000-4000-8000-000000000000".to_owned(),
                revision: 1,
                nonce: "01999999-0000-4000-8000-000000000001".to_owned(),
                answer: Some(wire::answer::Answer::Released(wire::Released {
                    held_requests: i64::MIN,
                    longest_hold,
                    ..Default::default()
                })),
            };
            match answer(&"g-1".parse().unwrap(), released).unwrap().answer {
                Answer::Released {
                    held_requests: 0,
                    longest_hold,
                    failed_requests: 0,
                } => longest_hold,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(longest(1, 500_000_000), Duration::from_millis(1_500));
        for (seconds, nanos) in [(i64::MIN, 0), (i64::MIN, i32::MIN), (0, -1), (0, i32::MAX)] {
            assert_eq!(longest(seconds, nanos), Duration::ZERO);
        }
    }

    #[test]
    fn what_a_gateway_says_of_itself_is_shown_without_what_hides() {
        let shown = |message: &str| {
            sentence(&wire::NotReady {
                reason: "HEALTH".to_owned(),
                message: message.to_owned(),
            })
        };
        assert_eq!(shown("status 503"), "status 503");
        assert_eq!(shown(""), "HEALTH");
        assert_eq!(shown("a\nb\u{1b}[31m"), "a b[31m");
        assert_eq!(shown("a\u{202e}b"), "it does not say why");
        assert_eq!(shown(&"x".repeat(600)).len(), 500);
    }
    #[test]
    fn counts_are_put_in_our_own_time_and_what_cannot_be_read_is_left_out() {
        let now = Timestamp::from_millisecond(1_800_000_000_400).unwrap();
        let age = |millis| Some(contract::duration::write(Duration::from_millis(millis)));
        let good = wire::TrafficCount {
            application: "applications/crm".to_owned(),
            age: age(500),
            generation: 3,
            requests: 7,
            failed: 8,
        };
        let far = Some(prost_types::Duration {
            seconds: i64::MAX,
            nanos: 0,
        });
        let wrong = [
            wire::TrafficCount {
                application: "crm".to_owned(),
                ..good.clone()
            },
            wire::TrafficCount {
                age: age(15 * 60 * 1000 + 1),
                ..good.clone()
            },
            wire::TrafficCount {
                age: far,
                ..good.clone()
            },
            wire::TrafficCount {
                generation: 0,
                ..good.clone()
            },
            wire::TrafficCount {
                requests: -1,
                ..good.clone()
            },
            wire::TrafficCount {
                failed: i64::MAX,
                ..good.clone()
            },
        ];
        let right = [
            good.clone(),
            wire::TrafficCount {
                age: age(15 * 60 * 1000),
                ..good.clone()
            },
            wire::TrafficCount {
                age: None,
                ..good.clone()
            },
        ];
        let counts = right.into_iter().chain(wrong).collect();
        let (read, dropped) = super::counts(&wire::Traffic { number: 1, counts }, now);
        let tally = Tally {
            requests: 7,
            failed: 8,
        };
        let seconds: Vec<_> = read
            .iter()
            .map(|(slot, _)| slot.second.as_second())
            .collect();
        assert_eq!(seconds, [1_799_999_999, 1_799_999_100, 1_800_000_000]);
        assert!(read.iter().all(|(_, read)| *read == tally));
        assert_eq!(dropped, 6);
        let crowded = wire::Traffic {
            number: 1,
            counts: vec![good; COUNTS_MAX + 3],
        };
        let (read, dropped) = super::counts(&crowded, now);
        assert_eq!((read.len(), dropped), (COUNTS_MAX, 3));
    }
}
