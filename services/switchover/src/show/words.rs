//! How states, times and numbers are said.

use std::time::Duration;

use jiff::Timestamp;
use proto::{
    catalog::v1::{
        ApprovalPolicy, FleetMode, GatewayAnswer, GatewayStanding, HistoryAction, Overlap,
        ScopeGrowthPolicy, SwitchKind, SwitchState, TenantFailurePolicy, VersionState,
    },
    gateway::v1::{Gate, Membership},
    notification::v1::{Category, DeliveryState, Tab},
    provisioning::v1::{
        BatchOutcome, ConsentBasis, OfferStatus, ProvisioningEvent, ProvisioningState,
    },
};

use super::{
    View,
    paper::{Tone, Word, bad, busy, dim, good, nothing},
};

/// What an enum's value is called, and how it is meant.
pub trait Said {
    /// Returns the word.
    fn said(self) -> Word;
}

macro_rules! said {
    ($($type:ident { $($variant:ident: $tone:ident $text:literal),+ $(,)? })+) => {
        $(impl Said for $type {
            fn said(self) -> Word {
                match self { $(Self::$variant => Word::new($text, Tone::$tone)),+ }
            }
        })+
    };
}

said! {
    VersionState {
        Unspecified: Dim "unknown",
        Registered: Plain "registered",
        InTest: Busy "in test",
        Active: Good "active",
        Retired: Dim "retired",
    }
    SwitchKind {
        Unspecified: Dim "switch",
        Update: Plain "update",
        Reactivate: Plain "reactivate",
    }
    SwitchState {
        Unspecified: Dim "unknown",
        Provisioning: Busy "provisioning",
        Preparing: Busy "preparing",
        Fencing: Busy "waiting for leases",
        ClosingConsent: Busy "closing consent",
        Holding: Busy "holding",
        Releasing: Busy "releasing",
        Draining: Busy "draining",
        Settling: Busy "settling",
        Succeeded: Good "succeeded",
        Failed: Bad "failed",
        Cancelled: Bad "cancelled",
    }
    GatewayAnswer {
        Unspecified: Dim "no answer yet",
        Ready: Good "ready",
        NotReady: Bad "not ready",
        Held: Busy "held",
        Released: Good "released",
        Drained: Good "drained",
        Fenced: Bad "fenced",
    }
    GatewayStanding {
        Unspecified: Dim "unknown",
        Member: Good "member",
        Fencing: Busy "fencing: its leases run out",
        Fenced: Bad "fenced",
        Draining: Busy "draining",
    }
    ApprovalPolicy {
        Unspecified: Plain "not needed",
        NotRequired: Plain "not needed",
        SecondPerson: Strong "needed",
    }
    FleetMode {
        Unspecified: Plain "static",
        Static: Plain "static",
        Fenced: Plain "fenced",
    }
    HistoryAction {
        Unspecified: Dim "unknown",
        Created: Plain "created",
        Changed: Plain "changed",
        RegisteredToTest: Plain "registered to test",
        TestCancelled: Plain "test cancelled",
        SwitchConfirmed: Plain "switch confirmed",
        Activated: Good "activated",
        SwitchGivenUp: Bad "switch given up",
        DrainExtended: Plain "drain extended",
        DrainCut: Plain "drain cut",
        Adopted: Good "adopted",
    }
    Overlap {
        Unspecified: Plain "allowed",
        Allowed: Plain "allowed",
        Abort: Plain "none, or the switch is given up",
        Cut: Plain "none, what is left is cut",
    }
    TenantFailurePolicy {
        Unspecified: Plain "stop the switch",
        Stop: Plain "stop the switch",
        GoOn: Plain "go on without them",
    }
    ScopeGrowthPolicy {
        Unspecified: Plain "tenants are moved along",
        MoveAlong: Plain "tenants are moved along",
        Ask: Plain "tenants are asked anew",
    }
    ProvisioningState {
        Unspecified: Dim "unknown",
        PendingAcceptance: Busy "pending acceptance",
        Provisioned: Good "provisioned",
        Denied: Bad "denied",
        Failed: Bad "failed",
        Removed: Dim "removed",
        Requested: Busy "requested",
        Provisioning: Busy "provisioning",
        Deprovisioning: Busy "deprovisioning",
    }
    ProvisioningEvent {
        Unspecified: Dim "unknown",
        KnownBefore: Dim "known before",
        Asked: Plain "asked",
        OnRecord: Plain "given, consent on record",
        AskedAgain: Plain "asked again",
        Accepted: Good "accepted",
        Denied: Bad "denied",
        MovedAlong: Plain "moved along",
        SourceChanged: Plain "decided about the source",
        SwitchGivenUp: Bad "switch given up",
        Removed: Plain "taken away",
        MailHandedOver: Plain "mail handed over",
        Applied: Good "applied by every gateway",
    }
    BatchOutcome {
        Unspecified: Dim "unknown",
        Created: Good "created and given",
        Provided: Good "given",
        Restored: Good "given again",
        Removed: Good "taken away",
        Unchanged: Dim "as it was",
        Failed: Bad "failed",
    }
    ConsentBasis {
        Unspecified: Dim "none yet",
        Accepted: Plain "accepted",
        OnRecord: Plain "on record",
        MovedWithNotice: Plain "moved with notice",
        Moved: Plain "moved",
    }
    OfferStatus {
        Unspecified: Dim "unknown",
        Open: Busy "open",
        Accepted: Good "accepted: its users are let in while the version is active",
        DeniedRecorded: Busy "denied, recorded: it counts from the first request of the new version on",
        DeniedTakingEffect: Busy "denied, taking effect: not every gateway refuses yet",
        DeniedInForce: Good "denied, in force: every gateway refuses",
        Expired: Dim "expired",
        Void: Dim "void",
    }
    Tab {
        Unspecified: Plain "all but archived",
        Applications: Plain "applications",
        Subscriptions: Plain "subscriptions",
        Events: Plain "events",
        Archived: Dim "archived",
    }
    DeliveryState {
        Unspecified: Dim "unknown",
        Queued: Busy "queued",
        Sending: Busy "sending",
        Sent: Good "sent",
        Failed: Bad "failed",
        Dead: Bad "dead",
        Bounced: Bad "bounced",
    }
    Category {
        Unspecified: Dim "unknown",
        Consent: Plain "consent",
        Access: Plain "access",
        Denials: Plain "denials",
        Acceptances: Plain "acceptances",
        Switches: Plain "switches",
        Tests: Plain "tests",
        Mails: Plain "mails",
        Recovery: Plain "recovery",
    }
    Membership {
        Unspecified: Dim "unknown",
        Following: Good "following",
        CutOff: Bad "cut off",
        Starting: Busy "starting",
        Leaving: Busy "leaving",
    }
    Gate {
        Unspecified: Dim "unknown",
        Never: Dim "no active version yet",
        Open: Good "open",
        Held: Busy "held",
        Fenced: Bad "fenced",
    }
}

/// Reads a time as the wire has it; none if it is unset or none that could be.
pub fn instant(wire: Option<prost_types::Timestamp>) -> Option<Timestamp> {
    wire.and_then(contract::time::read)
}

/// Reads a span as the wire has it; none if it is unset or none that could be.
pub fn span(wire: Option<prost_types::Duration>) -> Option<Duration> {
    wire.and_then(contract::duration::read)
}

/// Says a time: to the second, in the reader's zone.
pub fn time(wire: Option<prost_types::Timestamp>, view: &View) -> Word {
    match instant(wire) {
        None => nothing(),
        Some(time) => local(time, view).into(),
    }
}

/// Says a time that is rarely looked for.
pub fn dim_time(wire: Option<prost_types::Timestamp>, view: &View) -> Word {
    match instant(wire) {
        None => nothing(),
        Some(time) => dim(local(time, view)),
    }
}

/// Says a time within a sentence: to the second, in the reader's zone.
pub fn local(time: Timestamp, view: &View) -> String {
    time.to_zoned(view.zone.clone())
        .strftime("%Y-%m-%d %H:%M:%S")
        .to_string()
}

/// Says how long before now a time was: `3 s ago`.
pub fn ago(wire: Option<prost_types::Timestamp>, view: &View) -> Word {
    match instant(wire) {
        None => nothing(),
        Some(time) => format!("{} ago", duration(between(time, view.now))).into(),
    }
}

/// Returns the time from one to another, none if they are the other way round.
pub fn between(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}

/// Says a span to three digits at most: `1.4 ms`, `12.3 s`, `3 min 5 s`, `2 h 10 min`, `4 d 3 h`.
pub fn duration(span: Duration) -> String {
    let millis = span.as_secs_f64() * 1000.0;
    let seconds = span.as_secs();
    match seconds {
        0 if span.is_zero() => "0 s".to_owned(),
        0 if millis < 9.95 => format!("{} ms", short(millis, 1)),
        0 if millis < 999.5 => format!("{millis:.0} ms"),
        0..10 => format!("{} s", short(span.as_secs_f64(), 2)),
        10..60 => format!("{} s", short(span.as_secs_f64(), 1)),
        60..3600 => two(seconds / 60, "min", seconds % 60, "s"),
        3600..86_400 => two(seconds / 3600, "h", seconds % 3600 / 60, "min"),
        _ => two(seconds / 86_400, "d", seconds % 86_400 / 3600, "h"),
    }
}

/// Writes a number without noughts that say nothing.
fn short(number: f64, digits: usize) -> String {
    let text = format!("{number:.digits$}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn two(large: u64, large_unit: &str, small: u64, small_unit: &str) -> String {
    match small {
        0 => format!("{large} {large_unit}"),
        _ => format!("{large} {large_unit} {small} {small_unit}"),
    }
}

/// Says how many: `1 tenant`, `3 tenants`.
pub fn count(number: i64, one: &str) -> String {
    match number {
        1 => format!("1 {one}"),
        _ => format!("{number} {one}s"),
    }
}

/// Returns the last part of a resource name: its id.
pub fn id(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// Returns the part of a resource name behind a collection: the application of a version.
pub fn part<'a>(name: &'a str, collection: &str) -> &'a str {
    let mut segments = name.split('/');
    segments
        .by_ref()
        .find(|segment| *segment == collection)
        .and_then(|_| segments.next())
        .unwrap_or("")
}

/// Says yes or no, where yes is as it should be.
pub fn yes_no(yes: bool) -> Word {
    if yes { good("yes") } else { bad("no") }
}

/// Says a number of things gone wrong.
pub fn faults(number: i64) -> Word {
    match number {
        0 => dim("0"),
        _ => busy(number.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_said_with_the_digits_that_matter() {
        for (span, said) in [
            (Duration::ZERO, "0 s"),
            (Duration::from_micros(1_400), "1.4 ms"),
            (Duration::from_micros(12_345), "12 ms"),
            (Duration::from_millis(6), "6 ms"),
            (Duration::from_millis(840), "840 ms"),
            (Duration::from_secs(2), "2 s"),
            (Duration::from_secs(30), "30 s"),
            (Duration::from_millis(1_234), "1.23 s"),
            (Duration::from_millis(12_345), "12.3 s"),
            (Duration::from_secs(60), "1 min"),
            (Duration::from_secs(185), "3 min 5 s"),
            (Duration::from_secs(7_800), "2 h 10 min"),
            (Duration::from_secs(356_400), "4 d 3 h"),
        ] {
            assert_eq!(duration(span), said);
        }
    }

    #[test]
    fn times_and_spans_that_cannot_be_are_shown_as_none() {
        let view = super::super::samples::view();
        for (seconds, nanos) in [
            (i64::MIN, 0),
            (i64::MIN, i32::MIN),
            (i64::MAX, i32::MAX),
            (0, -1),
            (0, 1_000_000_000),
        ] {
            assert_eq!(span(Some(prost_types::Duration { seconds, nanos })), None);
            let wire = Some(prost_types::Timestamp { seconds, nanos });
            assert_eq!(time(wire, &view), nothing());
            assert_eq!(dim_time(wire, &view), nothing());
            assert_eq!(ago(wire, &view), nothing());
        }
    }

    #[test]
    fn the_first_and_the_last_time_are_shown_in_every_zone() {
        let first = contract::time::write(Timestamp::MIN);
        let last = contract::time::write(Timestamp::MAX);
        for hours in [-12, 0, 14] {
            let view = View {
                zone: jiff::tz::Offset::constant(hours).to_time_zone(),
                ..super::super::samples::view()
            };
            for wire in [first, last] {
                assert_ne!(time(Some(wire), &view), nothing());
                assert_ne!(ago(Some(wire), &view), nothing());
            }
        }
        let whole = between(instant(Some(first)).unwrap(), instant(Some(last)).unwrap());
        assert!(duration(whole).ends_with(" h"), "{}", duration(whole));
    }

    #[test]
    fn parts_of_names_are_found_by_their_collection() {
        let name = "tenants/anna/applications/shop/provisionings/2.0";
        assert_eq!(part(name, "tenants"), "anna");
        assert_eq!(part(name, "applications"), "shop");
        assert_eq!(part(name, "switches"), "");
        assert_eq!(id(name), "2.0");
    }
}
