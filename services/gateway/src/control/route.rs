//! One application's route as the catalog tells it, parsed. What cannot be parsed is refused whole
//! and alone: other applications go on.

mod login;

use std::time::Duration;

use contract::{
    ApplicationName, ApplicationRef, Generation, Line, NameError, Nonce, Revision, SwitchName,
    Timeline, duration,
};
use prost::Message as _;
use proto::catalog::v1 as wire;
use sha2::{Digest as _, Sha256};

use super::{grants::GrantsPosition, turn::Objection};
use crate::apps::{
    AppRoute, GateOrder, HealthProbe, LoginPolicy, Overlap, Target, TestTarget, UpstreamError,
};

/// Where a state stands in its application's history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Position {
    /// Which history.
    pub(crate) timeline: Timeline,
    /// How many changes.
    pub(crate) revision: Revision,
    /// How many committed switches; none before the first activation.
    pub(crate) generation: Option<Generation>,
}

/// One application's whole state.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Route {
    /// Whose it is.
    pub(crate) application: ApplicationName,
    /// Where it stands.
    pub(crate) position: Position,
    /// Where users go; none before the first activation.
    pub(crate) active: Option<Target>,
    /// What to do about a switch.
    pub(crate) order: Order,
    display_name: Line<DISPLAY_NAME_CHARS_MAX>,
    test: Option<TestTarget>,
    hold_request_timeout: Duration,
    drain_rate: u32,
    lease: Option<Duration>,
    report_traffic: bool,
    login: Option<LoginPolicy>,
    predecessor: Option<Timeline>,
    told: wire::Route,
    hash: String,
}

/// What to do about a switch.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Order {
    /// There is none.
    None,
    /// Promise and get ready.
    Preparing {
        /// Names the turn.
        nonce: Nonce,
        /// Whose turn it is.
        switch: SwitchName,
        /// What to get ready for.
        target: Target,
    },
    /// Admit nothing to the active version.
    Holding {
        /// Names the turn.
        nonce: Nonce,
        /// Whose turn it is.
        switch: SwitchName,
        /// The version that follows if the switch is committed.
        target: Target,
        /// What gateways must have before they answer.
        grants: GrantsPosition,
        /// What becomes of requests under way on the active version.
        overlap: Overlap,
    },
    /// Admit to the active version, which has just become it.
    Releasing {
        /// Names the turn.
        nonce: Nonce,
        /// Whose turn it is.
        switch: SwitchName,
        /// How long requests in flight may go on.
        drain_timeout: Duration,
    },
}

impl Order {
    /// Returns the turn's name, if there is a turn.
    pub(crate) fn nonce(&self) -> Option<Nonce> {
        match self {
            Self::None => None,
            Self::Preparing { nonce, .. }
            | Self::Holding { nonce, .. }
            | Self::Releasing { nonce, .. } => Some(*nonce),
        }
    }

    /// Returns whose turn it is, if there is a turn.
    pub(crate) fn switch(&self) -> Option<&SwitchName> {
        match self {
            Self::None => None,
            Self::Preparing { switch, .. }
            | Self::Holding { switch, .. }
            | Self::Releasing { switch, .. } => Some(switch),
        }
    }

    /// Tells whether it asks not to serve this application from disk.
    pub(crate) fn promises(&self) -> bool {
        match self {
            Self::Preparing { .. } | Self::Holding { .. } => true,
            Self::None | Self::Releasing { .. } => false,
        }
    }
}

/// The most characters of an application's display name.
const DISPLAY_NAME_CHARS_MAX: usize = 50;
/// The longest time that a request may be held: longer than the longest hold and its margin.
const HOLD_REQUEST_MAX: Duration = Duration::from_secs(120);
/// The shortest lease: five beats must fit in.
const LEASE_MIN: Duration = Duration::from_secs(1);
/// The longest lease.
const LEASE_MAX: Duration = Duration::from_secs(10 * 60);
/// The longest drain.
const DRAIN_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// Long-lived connections that are ended a second if nothing is said, and the most.
const DRAIN_RATE: u32 = 100;
const DRAIN_RATE_MAX: u32 = 100_000;
/// The longest wait for requests on a version that leaves, and how long it is if nothing is said.
const OVERLAP_MAX: Duration = Duration::from_secs(60);
const OVERLAP_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a health check may take if nothing is said.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(2);

/// A route that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{field}: {fault}")]
pub(crate) struct RouteError {
    /// Whose it is, as far as that could be read.
    pub(crate) application: Option<ApplicationName>,
    /// The answer that its turn gets, if it asks.
    pub(crate) answer: Option<Box<wire::Answer>>,
    field: &'static str,
    fault: String,
}

impl Route {
    /// Parses what the catalog told.
    pub(crate) fn parse(told: wire::Route) -> Result<Self, RouteError> {
        match Parts::parse(&told) {
            Ok(parts) => Ok(Self {
                application: parts.application,
                position: parts.position,
                active: parts.active,
                order: parts.order,
                display_name: parts.display_name,
                test: parts.test,
                hold_request_timeout: parts.hold_request_timeout,
                drain_rate: parts.drain_rate,
                lease: parts.lease,
                report_traffic: told.report_traffic,
                login: parts.login,
                predecessor: parts.predecessor,
                hash: hex(&Sha256::digest(told.encode_to_vec())),
                told,
            }),
            Err(Fault(field, fault)) => Err(RouteError {
                application: application(&told.application).ok(),
                answer: objection_to(&told, field, &fault).map(Box::new),
                field,
                fault,
            }),
        }
    }

    /// Returns what the catalog told, for the disk.
    pub(crate) fn told(&self) -> &wire::Route {
        &self.told
    }

    /// Returns the SHA-256 of what the catalog told, in lower-case hex.
    pub(crate) fn hash(&self) -> &str {
        &self.hash
    }

    /// Returns how long users may be served at most after the catalog was heard; none: for ever.
    pub(crate) fn lease(&self) -> Option<Duration> {
        self.lease
    }

    /// Tells whether this is the first state of a history that follows on `timeline`: a restored
    /// catalog was adopted.
    pub(crate) fn adopts(&self, timeline: Timeline) -> bool {
        self.predecessor == Some(timeline) && matches!(self.order, Order::Holding { .. })
    }

    /// Returns the data plane's part, with the gate as the turn decided.
    pub(crate) fn app_route(&self, gate: GateOrder) -> AppRoute {
        AppRoute {
            application: self.application.clone(),
            display_name: self.display_name.as_str().to_owned(),
            generation: self.position.generation,
            gate,
            test: self.test.clone(),
            hold_request_timeout: self.hold_request_timeout,
            drain_rate: self.drain_rate,
            lease: self.lease,
            report_traffic: self.report_traffic,
            login: self.login.clone(),
        }
    }
}

struct Parts {
    application: ApplicationName,
    position: Position,
    active: Option<Target>,
    order: Order,
    display_name: Line<DISPLAY_NAME_CHARS_MAX>,
    test: Option<TestTarget>,
    hold_request_timeout: Duration,
    drain_rate: u32,
    lease: Option<Duration>,
    login: Option<LoginPolicy>,
    predecessor: Option<Timeline>,
}

/// The field, and what is wrong with it.
struct Fault(&'static str, String);

fn at<E: ToString>(field: &'static str) -> impl Fn(E) -> Fault {
    move |error| Fault(field, error.to_string())
}

impl Parts {
    fn parse(told: &wire::Route) -> Result<Self, Fault> {
        let application = application(&told.application).map_err(at("application"))?;
        let generation = match told.generation {
            0 => None,
            number => Some(Generation::try_from(number).map_err(at("generation"))?),
        };
        let position = Position {
            timeline: told.timeline.parse().map_err(at::<NameError>("timeline"))?,
            revision: Revision::try_from(told.revision).map_err(at("revision"))?,
            generation,
        };
        let active = told
            .active
            .as_ref()
            .map(|version| target("active", version))
            .transpose()?;
        if active.is_some() != generation.is_some() {
            return Err(Fault(
                "generation",
                "an application has an active version from its first generation on, and not before"
                    .to_owned(),
            ));
        }
        Ok(Self {
            order: order(&application, told)?,
            display_name: told
                .display_name
                .parse()
                .map_err(at::<contract::text::TextError>("display_name"))?,
            test: told.test.as_ref().map(test).transpose()?,
            hold_request_timeout: span(
                "hold_request_timeout",
                told.hold_request_timeout.as_ref(),
                HOLD_REQUEST_MAX,
            )?,
            drain_rate: drain_rate(told.drain_rate)?,
            lease: told
                .lease
                .map(|told| duration::read_within(told, LEASE_MIN..=LEASE_MAX))
                .transpose()
                .map_err(at("lease"))?,
            login: told.login.as_ref().map(login::read).transpose()?,
            predecessor: match told.predecessor_timeline.as_str() {
                "" => None,
                told => Some(
                    told.parse()
                        .map_err(at::<NameError>("predecessor_timeline"))?,
                ),
            },
            application,
            position,
            active,
        })
    }
}

fn application(name: &str) -> Result<ApplicationName, NameError> {
    name.parse::<ApplicationRef>().map(|name| name.application)
}

fn order(application: &ApplicationName, told: &wire::Route) -> Result<Order, Fault> {
    let nonce = |nonce: &str| nonce.parse().map_err(at::<NameError>("turn.nonce"));
    let switch = |switch: &str| match switch.parse::<SwitchName>() {
        Ok(name) if name.application == *application => Ok(name),
        Ok(name) => Err(Fault(
            "turn.switch",
            format!("{name} is another application's"),
        )),
        Err(error) => Err(Fault("turn.switch", error.to_string())),
    };
    Ok(match &told.turn {
        None => Order::None,
        Some(wire::route::Turn::Preparing(turn)) => Order::Preparing {
            nonce: nonce(&turn.nonce)?,
            switch: switch(&turn.switch)?,
            target: required_target("turn.target", turn.target.as_ref())?,
        },
        Some(wire::route::Turn::Holding(turn)) => Order::Holding {
            nonce: nonce(&turn.nonce)?,
            switch: switch(&turn.switch)?,
            target: required_target("turn.target", turn.target.as_ref())?,
            overlap: overlap(turn)?,
            grants: GrantsPosition {
                timeline: turn
                    .grants_timeline
                    .parse()
                    .map_err(at::<NameError>("turn.grants_timeline"))?,
                revision: Revision::try_from(turn.grants_revision)
                    .map_err(at("turn.grants_revision"))?,
            },
        },
        Some(wire::route::Turn::Releasing(turn)) => Order::Releasing {
            nonce: nonce(&turn.nonce)?,
            switch: switch(&turn.switch)?,
            drain_timeout: span("turn.drain_timeout", turn.drain_timeout.as_ref(), DRAIN_MAX)?,
        },
    })
}

fn overlap(turn: &wire::Holding) -> Result<Overlap, Fault> {
    let timeout = || match &turn.overlap_timeout {
        None => Ok(OVERLAP_TIMEOUT),
        told => span("turn.overlap_timeout", told.as_ref(), OVERLAP_MAX),
    };
    match wire::Overlap::try_from(turn.overlap) {
        Ok(wire::Overlap::Unspecified | wire::Overlap::Allowed) => Ok(Overlap::Allowed),
        Ok(wire::Overlap::Abort) => Ok(Overlap::Abort(timeout()?)),
        Ok(wire::Overlap::Cut) => Ok(Overlap::Cut(timeout()?)),
        Err(_) => Err(Fault(
            "turn.overlap",
            format!("{} is not one that this release knows", turn.overlap),
        )),
    }
}

fn drain_rate(told: i32) -> Result<u32, Fault> {
    match u32::try_from(told) {
        Ok(0) => Ok(DRAIN_RATE),
        Ok(rate @ 1..=DRAIN_RATE_MAX) => Ok(rate),
        Ok(_) | Err(_) => Err(Fault(
            "drain_rate",
            format!("must be 0 to {DRAIN_RATE_MAX}"),
        )),
    }
}

fn required_target(
    field: &'static str,
    version: Option<&wire::RouteVersion>,
) -> Result<Target, Fault> {
    target(
        field,
        version.ok_or_else(|| Fault(field, "is missing".to_owned()))?,
    )
}

fn target(field: &'static str, version: &wire::RouteVersion) -> Result<Target, Fault> {
    let health = version.health.clone().unwrap_or_default();
    let path = match health.path.as_str() {
        "" => "/health",
        path => path,
    };
    let mut expected: Vec<(u16, u16)> = health
        .expected_statuses
        .iter()
        .map(|range| Ok((u16::try_from(range.first)?, u16::try_from(range.last)?)))
        .collect::<Result<_, std::num::TryFromIntError>>()
        .map_err(at(field))?;
    if expected.is_empty() {
        expected.push((200, 299));
    }
    let timeout = match &health.timeout {
        None => HEALTH_TIMEOUT,
        told => span(field, told.as_ref(), HealthProbe::TIMEOUT[1])?,
    };
    Ok(Target {
        version: version.version.parse().map_err(at::<NameError>(field))?,
        upstream: version
            .upstream
            .parse()
            .map_err(at::<UpstreamError>(field))?,
        health: HealthProbe::new(path, expected, timeout).map_err(at(field))?,
    })
}

fn test(test: &wire::TestRoute) -> Result<TestTarget, Fault> {
    Ok(TestTarget {
        target: required_target("test.version", test.version.as_ref())?,
        tester_token_sha256: digest(&test.tester_token_sha256).ok_or_else(|| {
            Fault(
                "test.tester_token_sha256",
                "is not 64 lower-case hex digits".to_owned(),
            )
        })?,
    })
}

/// Writes bytes in lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn digest(hex: &str) -> Option<[u8; 32]> {
    let digits: Vec<u8> = hex
        .bytes()
        .map(|digit| match digit {
            b'0'..=b'9' => Some(digit - b'0'),
            b'a'..=b'f' => Some(digit - b'a' + 10),
            _ => None,
        })
        .collect::<Option<_>>()?;
    let (pairs, rest) = digits.as_chunks::<2>();
    let bytes: Vec<u8> = pairs.iter().map(|[high, low]| high << 4 | low).collect();
    rest.is_empty().then(|| bytes.try_into().ok()).flatten()
}

fn span(
    field: &'static str,
    told: Option<&prost_types::Duration>,
    max: Duration,
) -> Result<Duration, Fault> {
    let told = told.ok_or_else(|| Fault(field, "is missing".to_owned()))?;
    duration::read_within(*told, Duration::ZERO..=max).map_err(at(field))
}

/// What a turn hears whose route cannot be read: its words come back as they were sent.
fn objection_to(told: &wire::Route, field: &str, fault: &str) -> Option<wire::Answer> {
    let nonce = match told.turn.as_ref()? {
        wire::route::Turn::Preparing(turn) => &turn.nonce,
        wire::route::Turn::Holding(turn) => &turn.nonce,
        wire::route::Turn::Releasing(_) => return None,
    };
    let objection = Objection::new(
        "ROUTE_INVALID",
        format!("This gateway cannot use the route that it was told: {field}: {fault}."),
    );
    Some(wire::Answer {
        application: told.application.clone(),
        timeline: told.timeline.clone(),
        revision: told.revision,
        nonce: nonce.clone(),
        answer: Some(wire::answer::Answer::NotReady(objection.into())),
    })
}

#[cfg(test)]
pub(crate) mod tests;
