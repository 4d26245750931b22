//! A switch as people follow it: its steps with their times, the tenants, the gateways one by one.

use std::time::Duration;

use proto::catalog::v1::{GatewayAnswer, GatewayProgress, Switch, SwitchState};

use super::{
    View,
    paper::{Paper, Tone, Word, bad, busy, dim, good, strong},
    words::{Said as _, between, count, duration, id, instant, local, part, span, time},
};

/// The steps in order, without the ends.
const STEPS: [SwitchState; 8] = [
    SwitchState::Provisioning,
    SwitchState::Preparing,
    SwitchState::Fencing,
    SwitchState::ClosingConsent,
    SwitchState::Holding,
    SwitchState::Releasing,
    SwitchState::Draining,
    SwitchState::Settling,
];

/// Tells whether nothing follows any more.
pub fn ended(switch: &Switch) -> bool {
    match switch.state() {
        SwitchState::Succeeded | SwitchState::Failed | SwitchState::Cancelled => true,
        SwitchState::Unspecified
        | SwitchState::Provisioning
        | SwitchState::Preparing
        | SwitchState::Fencing
        | SwitchState::ClosingConsent
        | SwitchState::Holding
        | SwitchState::Releasing
        | SwitchState::Draining
        | SwitchState::Settling => false,
    }
}

/// Shows the whole switch.
pub fn whole(switch: &Switch, view: &View) -> String {
    let mut paper = Paper::new(view).line(headline(switch));
    for step in STEPS.into_iter().filter(|step| on_the_way(switch, *step)) {
        paper = paper.line(step_line(switch, step, view));
    }
    for gateway in &switch.gateways {
        paper = paper.line(gateway_line(gateway));
    }
    for failure in tenant_failures(switch) {
        paper = paper.line(failure);
    }
    if let Some(outcome) = outcome(switch) {
        paper = paper.line(outcome);
    }
    if let Some(watched) = watched(switch, view) {
        paper = paper.line(watched);
    }
    paper.finish()
}

/// Nobody waits for leases but those who did.
fn on_the_way(switch: &Switch, step: SwitchState) -> bool {
    step != SwitchState::Fencing || switch.steps.iter().any(|begun| begun.state() == step)
}

/// Returns a line for everything that is new since `before`.
pub fn news(before: Option<&Switch>, switch: &Switch, view: &View) -> Vec<String> {
    let mut lines = Vec::new();
    if before.is_none() {
        lines.push(headline(switch));
    }
    let mut steps = Vec::new();
    let known = before.map_or(0, |before| before.steps.len());
    let begin = instant(switch.create_time);
    for step in switch.steps.iter().skip(known) {
        let at = match (begin, instant(step.start_time)) {
            (Some(begin), Some(start)) => format!("{:>9}", duration(between(begin, start))),
            (None, _) | (_, None) => " ".repeat(9),
        };
        steps.push(vec![dim(at), step.state().said()]);
    }
    if before.is_none() {
        lines.append(&mut steps);
    }
    let tenants_before = before.and_then(|before| before.tenants.as_ref());
    if switch.tenants.as_ref() != tenants_before
        && let Some(detail) = detail(switch, SwitchState::Provisioning, view)
    {
        lines.push(vec![Word::from(" ".repeat(9)), "tenants:".into(), detail]);
    }
    for gateway in &switch.gateways {
        let old = before.and_then(|before| {
            before
                .gateways
                .iter()
                .find(|old| old.gateway == gateway.gateway)
        });
        if old.map(|old| old.answer()) != Some(gateway.answer())
            && gateway.answer() != GatewayAnswer::Unspecified
        {
            let mut line = vec![Word::from(" ".repeat(9)), "gateway".into()];
            line.extend(gateway_words(gateway));
            lines.push(line);
        }
    }
    // Behind what the tenants and the gateways have brought, because that is what ends a step.
    lines.append(&mut steps);
    if ended(switch) {
        lines.extend(tenant_failures(switch));
        lines.extend(outcome(switch));
        lines.extend(watched(switch, view));
    }
    lines
        .into_iter()
        .map(|words| {
            let words: Vec<_> = words.iter().map(Word::painted).collect();
            words.join(" ")
        })
        .collect()
}

/// Until when the target is watched, or what that led to.
fn watched(switch: &Switch, view: &View) -> Option<Vec<Word>> {
    match (switch.switched_back_by.as_str(), switch.bake_deadline) {
        ("", None) => None,
        ("", until @ Some(_)) => Some(vec!["watched until".into(), time(until, view)]),
        (back, _) => Some(vec![bad("switched back by"), id(back).into()]),
    }
}

fn headline(switch: &Switch) -> Vec<Word> {
    let from = match id(&switch.source_version) {
        "" => "first activation".to_owned(),
        version => version.to_owned(),
    };
    vec![
        strong(part(&switch.name, "applications")),
        switch.kind().said(),
        format!("{from} →").into(),
        strong(id(&switch.target_version)),
        dim(id(&switch.name)),
    ]
}

fn step_line(switch: &Switch, step: SwitchState, view: &View) -> Vec<Word> {
    let position = switch.steps.iter().position(|known| known.state() == step);
    let Some(position) = position else {
        let never = ended(switch) || later_step_began(switch, step);
        let mark = if never { "–" } else { "·" };
        return vec![dim(format!("  {mark} {}", name(step)))];
    };
    let start = instant(switch.steps[position].start_time);
    let next = switch.steps.get(position + 1);
    let (mark, end) = match next {
        Some(next) => {
            let gave_up = switch.failure.is_some()
                && step != SwitchState::Settling
                && matches!(
                    next.state(),
                    SwitchState::Settling | SwitchState::Failed | SwitchState::Cancelled
                )
                && switch.commit_time.is_none();
            let mark = if gave_up { bad("  ✗") } else { good("  ✓") };
            (mark, instant(next.start_time))
        }
        None => (busy("  ▸"), Some(view.now)),
    };
    let took = match (start, end) {
        (Some(start), Some(end)) => duration(between(start, end)),
        (None, _) | (_, None) => String::new(),
    };
    let tone = if next.is_none() {
        Tone::Strong
    } else {
        Tone::Plain
    };
    let mut line = vec![
        mark,
        Word::new(format!("{:16}", name(step)), tone),
        dim(format!("{took:>9}")),
    ];
    if let Some(detail) = detail(switch, step, view) {
        line.push(Word::from(" "));
        line.push(detail);
    }
    line
}

fn later_step_began(switch: &Switch, step: SwitchState) -> bool {
    let place = |state| STEPS.iter().position(|known| *known == state);
    switch
        .steps
        .iter()
        .any(|known| place(known.state()) > place(step))
}

fn name(step: SwitchState) -> String {
    match step {
        SwitchState::ClosingConsent => "closing consent".to_owned(),
        SwitchState::Unspecified => "unknown".to_owned(),
        SwitchState::Provisioning
        | SwitchState::Preparing
        | SwitchState::Fencing
        | SwitchState::Holding
        | SwitchState::Releasing
        | SwitchState::Draining
        | SwitchState::Settling
        | SwitchState::Succeeded
        | SwitchState::Failed
        | SwitchState::Cancelled => step
            .as_str_name()
            .trim_start_matches("SWITCH_STATE_")
            .to_ascii_lowercase(),
    }
}

/// What a step is about, in numbers; none where there is nothing to count.
fn detail(switch: &Switch, step: SwitchState, view: &View) -> Option<Word> {
    let gateways = &switch.gateways;
    let reached = |answer: GatewayAnswer| {
        let passed = gateways
            .iter()
            .filter(|gateway| rank(gateway.answer()) >= rank(answer))
            .count();
        format!("{passed} of {}", gateways_of(gateways.len()))
    };
    match step {
        SwitchState::Provisioning => {
            let tenants = switch
                .tenants
                .as_ref()
                .filter(|tenants| tenants.total > 0)?;
            let mut parts = vec![format!(
                "{} of {} moved",
                tenants.moved,
                count(tenants.total, "tenant")
            )];
            for (number, what) in [
                (tenants.mailed, "mailed"),
                (tenants.denied, "denied"),
                (tenants.failed, "could not be moved"),
            ] {
                if number > 0 {
                    parts.push(format!("{number} {what}"));
                }
            }
            if switch.state() == SwitchState::Provisioning
                && let Some(until) = instant(switch.state_deadline)
            {
                parts.push(format!("notice until {}", local(until, view)));
            }
            Some(parts.join(", ").into())
        }
        SwitchState::Preparing => {
            let refused = gateways
                .iter()
                .filter(|gateway| gateway.answer() == GatewayAnswer::NotReady)
                .count();
            let ready = format!("{} ready", reached(GatewayAnswer::Ready));
            Some(match refused {
                0 => ready.into(),
                _ => bad(format!("{ready}, {refused} not ready")),
            })
        }
        SwitchState::Holding => Some(format!("{} held", reached(GatewayAnswer::Held)).into()),
        SwitchState::Releasing => {
            let held = sum(switch, |gateway| gateway.held_requests);
            let released = format!("{} released", reached(GatewayAnswer::Released));
            Some(match longest_hold(switch) {
                Some(longest) if held > 0 => {
                    let held = count(held, "request");
                    format!("{released}; {held} held, {} at most", duration(longest)).into()
                }
                Some(_) | None => released.into(),
            })
        }
        SwitchState::Draining => {
            let finished = sum(switch, |gateway| gateway.drained_requests);
            let cut = sum(switch, |gateway| gateway.cut_requests);
            let drained = format!("{} drained", reached(GatewayAnswer::Drained));
            let closed = sum(switch, |gateway| gateway.closed_connections);
            let open = sum(switch, |gateway| gateway.open_requests);
            let mut text = format!("{drained}; {finished} finished, {cut} cut");
            for (number, what) in [(closed, "closed in good order"), (open, "still open")] {
                if number > 0 {
                    text.push_str(&format!(", {number} {what}"));
                }
            }
            Some(text.into())
        }
        SwitchState::Unspecified
        | SwitchState::Fencing
        | SwitchState::ClosingConsent
        | SwitchState::Settling
        | SwitchState::Succeeded
        | SwitchState::Failed
        | SwitchState::Cancelled => None,
    }
}

/// How far a gateway is when this is what it last answered.
fn rank(answer: GatewayAnswer) -> u8 {
    match answer {
        GatewayAnswer::Unspecified | GatewayAnswer::NotReady => 0,
        GatewayAnswer::Ready => 1,
        GatewayAnswer::Held => 2,
        GatewayAnswer::Released => 3,
        GatewayAnswer::Drained | GatewayAnswer::Fenced => 4,
    }
}

fn gateways_of(number: usize) -> String {
    count(i64::try_from(number).unwrap_or(i64::MAX), "gateway")
}

/// Adds what the gateways counted, to the largest number at most.
fn sum(switch: &Switch, counted: fn(&GatewayProgress) -> i64) -> i64 {
    let counts = switch.gateways.iter().map(counted);
    counts.fold(0, i64::saturating_add)
}

fn longest_hold(switch: &Switch) -> Option<Duration> {
    switch
        .gateways
        .iter()
        .filter_map(|gateway| span(gateway.longest_hold))
        .max()
}

fn gateway_line(gateway: &GatewayProgress) -> Vec<Word> {
    let mut line = vec![dim("    gateway")];
    line.extend(gateway_words(gateway));
    line
}

fn gateway_words(gateway: &GatewayProgress) -> Vec<Word> {
    let mut words = vec![Word::from(id(&gateway.gateway)), gateway.answer().said()];
    if !gateway.message.is_empty() {
        words.push(format!("· {}", gateway.message).into());
    }
    if rank(gateway.answer()) >= rank(GatewayAnswer::Released) {
        let hold = match span(gateway.longest_hold) {
            Some(longest) if gateway.held_requests > 0 => {
                let held = count(gateway.held_requests, "request");
                format!("held {held}, {} at most", duration(longest))
            }
            Some(_) | None => "held no request".to_owned(),
        };
        words.push(dim(hold));
    }
    if gateway.answer() == GatewayAnswer::Released && gateway.open_requests > 0 {
        let (open, closed) = (gateway.open_requests, gateway.closed_connections);
        words.push(dim(format!("· {open} still open, {closed} closed")));
    }
    if gateway.answer() == GatewayAnswer::Drained {
        let (finished, cut) = (gateway.drained_requests, gateway.cut_requests);
        words.push(dim(format!("· {finished} finished, {cut} cut")));
    }
    words
}

fn tenant_failures(switch: &Switch) -> Vec<Vec<Word>> {
    let Some(tenants) = &switch.tenants else {
        return Vec::new();
    };
    tenants
        .failures
        .iter()
        .map(|failure| {
            vec![
                bad("    tenant"),
                id(&failure.tenant).into(),
                failure.message.as_str().into(),
            ]
        })
        .collect()
}

fn outcome(switch: &Switch) -> Option<Vec<Word>> {
    let application = part(&switch.name, "applications");
    let target = id(&switch.target_version);
    match switch.state() {
        SwitchState::Succeeded => {
            let generation = switch.generation;
            let mut words = vec![
                good("succeeded:"),
                format!("{application} is on").into(),
                strong(target),
                format!("(generation {generation})").into(),
            ];
            if let (Some(begin), Some(end)) =
                (instant(switch.create_time), instant(switch.end_time))
            {
                let took = duration(between(begin, end));
                words.push(dim(format!("after {took}")));
            }
            Some(words)
        }
        SwitchState::Failed | SwitchState::Cancelled => {
            let stays = match id(&switch.source_version) {
                "" => format!("{application} has no active version still."),
                version => format!("{application} stays on {version}."),
            };
            let mut words = vec![
                Word::new(format!("{}:", name(switch.state())), Tone::Bad),
                stays.into(),
            ];
            if let Some(failure) = &switch.failure {
                words.push(failure.message.as_str().into());
                words.push(dim(format!("({})", failure.reason)));
            }
            Some(words)
        }
        SwitchState::Unspecified
        | SwitchState::Provisioning
        | SwitchState::Preparing
        | SwitchState::Fencing
        | SwitchState::ClosingConsent
        | SwitchState::Holding
        | SwitchState::Releasing
        | SwitchState::Draining
        | SwitchState::Settling => None,
    }
}

#[cfg(test)]
mod tests;
