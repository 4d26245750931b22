use clap::Parser;

use super::*;
use crate::error::{Error, Exit};

#[derive(Debug, Parser)]
struct Line<T: clap::Args> {
    #[command(flatten)]
    args: T,
}

fn parsed<T: clap::Args>(words: &[&str]) -> T {
    let line = std::iter::once(&"x").chain(words);
    Line::<T>::try_parse_from(line).unwrap().args
}

fn usage<T: std::fmt::Debug>(result: Result<T, Error>) {
    assert_eq!(result.unwrap_err().exit(), Exit::Usage);
}

#[test]
fn a_version_is_named_in_short_or_in_full() {
    for words in [
        ["shop", "2.0"].as_slice(),
        &["applications/shop", "2.0"],
        &["applications/shop/versions/2.0"],
    ] {
        let name = parsed::<VersionArgs>(words).name().unwrap();
        assert_eq!(name.to_string(), "applications/shop/versions/2.0");
    }
    for words in [
        ["shop"].as_slice(),
        &["Shop", "2.0"],
        &["applications/shop"],
    ] {
        usage(parsed::<VersionArgs>(words).name());
    }
}

#[test]
fn a_provisioning_is_named_in_short_or_in_full() {
    let full = "tenants/anna/applications/shop/provisionings/2.0";
    for words in [
        ["anna", "shop", "2.0"].as_slice(),
        &["tenants/anna", "shop", "2.0"],
        &[full],
    ] {
        let name = parsed::<ProvisioningArgs>(words).name().unwrap();
        assert_eq!(name.to_string(), full);
    }
    for words in [
        ["anna"].as_slice(),
        &["anna", "shop"],
        &["a", "shop", "2.0"],
    ] {
        usage(parsed::<ProvisioningArgs>(words).name());
    }
}

#[test]
fn an_application_alone_means_its_newest_switch() {
    let id = "0199a000-0000-7000-8000-000000000001";
    let full = format!("applications/shop/switches/{id}");
    let newest = SwitchChoice::Newest("shop".parse().unwrap());
    let named = SwitchChoice::Named(full.parse().unwrap());
    for (words, expected) in [
        (["shop"].as_slice(), &newest),
        (&["applications/shop"], &newest),
        (&["shop", id], &named),
        (&[full.as_str()], &named),
    ] {
        assert_eq!(&parsed::<SwitchArgs>(words).choice().unwrap(), expected);
    }
    usage(parsed::<SwitchArgs>(&["Shop"]).choice());
}

#[test]
fn an_event_is_named_within_its_inbox_or_in_full() {
    let id = "0199a000-0000-7000-8000-000000000001";
    let inbox = "tenants/anna/inbox".parse().unwrap();
    let full = format!("tenants/anna/inbox/events/{id}");
    for text in [id, &full] {
        assert_eq!(text.parse::<EventArg>().unwrap().full(&inbox), full);
    }
    assert!("1".parse::<EventArg>().is_err());
}

#[test]
fn times_are_written_as_people_do_and_never_negative() {
    for (text, seconds, nanos) in [
        ("2s", 2, 0),
        ("500ms", 0, 500_000_000),
        ("1h30m", 5_400, 0),
        ("7d", 604_800, 0),
        ("1 day", -1, 0),
    ] {
        let wire = text.parse::<Time>().map(Time::wire);
        match seconds {
            -1 => assert!(wire.is_err(), "{text}"),
            _ => assert_eq!(wire.unwrap(), prost_types::Duration { seconds, nanos }),
        }
    }
    for text in ["", "2", "-2s", "-7d", "d", "99999999999999999999d", "soon"] {
        assert!(text.parse::<Time>().is_err(), "{text:?}");
    }
}

#[test]
fn statuses_are_one_or_a_range() {
    for (text, first, last) in [("204", 204, 204), ("200-299", 200, 299)] {
        let range = text.parse::<Statuses>().unwrap().wire();
        assert_eq!((range.first, range.last), (first, last));
    }
    for text in ["", "2xx", "200-", "-299", "200-299-300"] {
        assert!(text.parse::<Statuses>().is_err(), "{text:?}");
    }
}

#[test]
fn a_role_has_a_name_and_a_description() {
    let role = "buyer=May order = and pay"
        .parse::<RoleArg>()
        .unwrap()
        .wire();
    assert_eq!(
        (role.name.as_str(), role.description.as_str()),
        ("buyer", "May order = and pay")
    );
    for text in ["buyer", "buyer=", "buyer= "] {
        assert!(text.parse::<RoleArg>().is_err(), "{text:?}");
    }
}

#[test]
fn a_contact_is_an_address_and_perhaps_a_name() {
    for (text, email, name) in [
        ("anna@example.org", "anna@example.org", ""),
        (
            "anna@example.org=Anna Arendt",
            "anna@example.org",
            "Anna Arendt",
        ),
        ("a=b@example.org=A = B", "a=b@example.org", "A = B"),
    ] {
        let contact = text.parse::<Contact>().unwrap().wire();
        assert_eq!(
            (contact.email.as_str(), contact.display_name.as_str()),
            (email, name)
        );
    }
    assert!("anna".parse::<Contact>().is_err());
}

#[test]
fn an_icon_is_a_small_picture() {
    let folder = tempfile::tempdir().unwrap();
    let load = |name: &str, bytes: usize| {
        let path = folder.path().join(name);
        std::fs::write(&path, vec![0; bytes]).unwrap();
        path.to_str().unwrap().parse::<Icon>().unwrap().load()
    };
    let icon = load("a.PNG", 65_536).unwrap();
    assert_eq!(
        (icon.media_type.as_str(), icon.data.len()),
        ("image/png", 65_536)
    );
    assert_eq!(load("b.svg", 1).unwrap().media_type, "image/svg+xml");
    usage(load("c.png", 65_537));
    usage(load("d.gif", 1));
    usage("/nowhere/e.png".parse::<Icon>().unwrap().load());
}
