use std::{fmt, str::FromStr};

use proptest::prelude::*;

use super::*;

/// Accepted texts come out as they went in; refused texts name what is allowed.
fn check<T: FromStr<Err = NameError> + fmt::Display>(good: &[&str], bad: &[&str]) {
    for text in good {
        let name = T::from_str(text).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(name.to_string(), *text);
    }
    for text in bad {
        let error = T::from_str(text)
            .err()
            .unwrap_or_else(|| panic!("{text:?} was accepted"));
        assert!(error.to_string().contains(error.allowed()), "{error}");
    }
}

#[test]
fn a_name_that_can_stand_in_a_host_is_accepted_and_no_other() {
    let bad = [
        "",
        "1a",
        "A",
        "a-b",
        "a_b",
        "ä",
        "a b",
        "a\n",
        "abcdefghijklmnopqrstu",
        "a\u{200b}",
    ];
    check::<ApplicationName>(&["a", "crm2", "abcdefghijklmnopqrst"], &bad);
    check::<OperatorName>(&["acme", "a1"], &bad);
    check::<TenantId>(
        &["ab", "t1234567"],
        &["a", "Acme", "t12345678", "1a", "a-b", "", "tä"],
    );
}

#[test]
fn versions_gateways_and_requests_keep_their_grammar() {
    check::<VersionName>(
        &[
            "1",
            "v2.4.0-rc.1+b_7",
            "2026-11",
            "012345678901234567890123456789",
        ],
        &[
            "",
            ".1",
            "-1",
            "1/2",
            "1 2",
            "é",
            "0123456789012345678901234567890",
        ],
    );
    check::<GatewayName>(
        &["g", "gateway-1", "g-"],
        &["", "1g", "-g", "G", "g.1", &"g".repeat(41)],
    );
    check::<RequestId>(
        &["x", "~!a/b", &"r".repeat(64)],
        &["", "a b", "ä", "a\t", &"r".repeat(65)],
    );
}

const ID: &str = "0193569f-1c00-7abc-8def-0123456789ab";

#[test]
fn an_id_has_one_spelling() {
    let upper = ID.to_uppercase();
    let simple = ID.replace('-', "");
    let fourth = "0193569f-1c00-4abc-8def-0123456789ab";
    check::<SwitchId>(&[ID], &[&upper, &simple, fourth, "", &format!("{{{ID}}}")]);
    check::<Nonce>(&[fourth], &[ID]);
}

#[test]
fn ids_order_by_the_microsecond_of_their_making() {
    let early = EventId::new(1_700_000_000_000_001, [0xff; 10]);
    let later = EventId::new(1_700_000_000_000_002, [0; 10]);
    assert!(early < later);
    assert!(early.to_string() < later.to_string());
    check::<EventId>(&[&early.to_string()], &[]);
    assert!(EventId::new(-1, [0; 10]) < early);
    assert_ne!(Nonce::new([1; 16]), Nonce::new([2; 16]));
    check::<Timeline>(&[&Timeline::new([7; 16]).to_string()], &[]);
}

#[test]
fn resource_names_parse_one_way() {
    check::<ApplicationRef>(
        &["applications/crm"],
        &[
            "",
            "crm",
            "applications/",
            "applications/-",
            "applications/crm/",
            "/applications/crm",
        ],
    );
    check::<VersionRef>(
        &["applications/crm/versions/2.0"],
        &[
            "applications/crm/versions",
            "applications/crm/roles/2.0",
            "applications/crm/versions/2/0",
        ],
    );
    check::<SwitchName>(
        &[&format!("applications/crm/switches/{ID}")],
        &[
            "applications/crm/switches/1",
            &format!("applications/-/switches/{ID}"),
        ],
    );
    check::<CredentialName>(
        &[&format!("applications/crm/versions/2/credentials/{ID}")],
        &[],
    );
    check::<TenantRef>(&["tenants/acme"], &["tenants/A", "tenant/acme"]);
    check::<ProvisioningName>(
        &["tenants/acme/applications/crm/provisionings/2.0"],
        &["tenants/acme/applications/crm/versions/2.0"],
    );
    check::<GatewayRef>(&["gateways/g-1"], &["gateways/1"]);
    check::<DeliveryName>(&[&format!("deliveries/{ID}")], &["deliveries/x"]);
    check::<InboxName>(
        &["operator/inbox", "tenants/acme/inbox"],
        &[
            "inbox",
            "tenants/inbox",
            "tenants/operator/outbox",
            "operator/inbox/",
        ],
    );
    check::<EventName>(
        &[
            &format!("operator/inbox/events/{ID}"),
            &format!("tenants/acme/inbox/events/{ID}"),
        ],
        &["operator/inbox/events/", &format!("operator/events/{ID}")],
    );
}

#[test]
fn a_parent_may_be_all_of_its_kind() {
    assert_eq!("applications/-".parse(), Ok(OrAll::<ApplicationRef>::All));
    let one: OrAll<TenantRef> = "tenants/acme".parse().unwrap();
    assert_eq!(one.to_string(), "tenants/acme");
    assert_eq!(one.one().unwrap().tenant.as_str(), "acme");
    assert!("tenants/-x".parse::<OrAll<TenantRef>>().is_err());
}

#[test]
fn counters_fit_a_signed_column_and_grow_by_one() {
    assert_eq!(Generation::FIRST.next().get(), 2);
    assert!(Generation::try_from(0u64).is_err());
    assert!(Generation::try_from(-1i64).is_err());
    assert!(Generation::try_from(1u64 << 63).is_err());
    let last = Generation::try_from(i64::MAX).unwrap();
    assert_eq!(last.as_i64(), i64::MAX);
    assert_eq!(Revision::ZERO.next().as_i64(), 1);
    assert!(Revision::try_from(u64::MAX).is_err());
}

#[test]
fn json_holds_names_as_text_and_refuses_what_parsing_refuses() {
    let name: VersionRef = serde_json::from_str(r#""applications/crm/versions/2""#).unwrap();
    assert_eq!(
        serde_json::to_string(&name).unwrap(),
        r#""applications/crm/versions/2""#
    );
    assert!(serde_json::from_str::<TenantId>(r#""Acme""#).is_err());
    assert!(serde_json::from_str::<Generation>("0").is_err());
    assert_eq!(serde_json::from_str::<Generation>("7").unwrap().get(), 7);
}

#[test]
fn an_error_shows_a_hostile_text_escaped_and_short() {
    let error = TenantId::from_str(&"\u{1b}[31m\n".repeat(40))
        .unwrap_err()
        .to_string();
    assert!(!error.contains(['\u{1b}', '\n']), "{error:?}");
    assert!(error.chars().count() < 500, "{error}");
}

proptest! {
    #[test]
    fn whatever_is_accepted_shows_as_it_was_written(text in ".{0,40}") {
        if let Ok(name) = VersionName::from_str(&text) {
            prop_assert_eq!(name.to_string(), text.clone());
        }
        if let Ok(name) = EventName::from_str(&text) {
            prop_assert_eq!(name.to_string(), text);
        }
    }
}
