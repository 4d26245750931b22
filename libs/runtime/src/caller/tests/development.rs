//! Development keys: worth nothing beyond one machine, and there whoever its holder says.

use super::*;

const BEYOND: &str = "0.0.0.0:1";

fn marked(key: &Key, role: &str, subject: &str) -> String {
    line(key, role, subject, "development = true")
}

/// Makes a file of these entries, and what believes it.
fn access(entries: &str) -> (tempfile::TempDir, std::path::PathBuf, Access, Clock) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.toml");
    fs::write(&path, entries).unwrap();
    let clock = Clock::simulated(Timestamp::UNIX_EPOCH, 1);
    let access = Access::keys(&path, clock.clone()).unwrap();
    (folder, path, access, clock)
}

#[test]
fn a_development_key_can_be_told_from_others() {
    let [key, other] = [Key::generate_for_development(), Key::generate()];
    assert!(key.expose().starts_with("swk_dev_"), "and by people, too");
    for (key, development) in [(&key, true), (&other, false)] {
        let read: Key = key.expose().parse().unwrap();
        assert_eq!(read.is_for_development(), development);
    }
    // Others begin like this by chance.
    let chance = format!("swk_dev_{}", &other.expose()[8..]);
    assert!(!chance.parse::<Key>().unwrap().is_for_development());
}

#[test]
fn no_address_that_others_can_call_is_served_with_one() {
    let key = Key::generate_for_development();
    let others = line(&Key::generate(), "tester", "people/tom", "");
    let entries = others + &marked(&key, "operator-admin", "people/demo");
    let (_folder, _, access, _) = access(&entries);
    access.fits("127.0.0.1:1".parse().unwrap()).unwrap();
    access.fits_keys("[::1]:1".parse().unwrap()).unwrap();
    let error = access.fits(BEYOND.parse().unwrap()).unwrap_err();
    assert_eq!(error.exit_code(), crate::exit::USAGE);
    let text = error.to_string();
    for part in [
        BEYOND,
        "switchover dev",
        "key 2",
        "keys create",
        "127.0.0.1",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[tokio::test]
async fn one_that_comes_later_where_others_can_call_is_not_taken() {
    let (old, new) = (Key::generate(), Key::generate_for_development());
    let (_folder, path, access, clock) = access(&line(&old, "tester", "people/tom", ""));
    access.fits(BEYOND.parse().unwrap()).unwrap();
    fs::write(&path, marked(&new, "operator-admin", "people/demo")).unwrap();
    clock.advance(LOOK);
    assert!(who(&access, &with_key(&new)).await.is_err());
    assert!(
        who(&access, &with_key(&old)).await.is_ok(),
        "the last good file holds"
    );
}

#[tokio::test]
async fn key_and_entry_are_both_marked_or_neither() {
    let (plain, development) = (Key::generate(), Key::generate_for_development());
    let entries = line(&development, "operator-admin", "people/demo", "")
        + &marked(&plain, "operator-admin", "people/demo");
    let (_folder, _, access, _) = access(&entries);
    for key in [&plain, &development] {
        assert!(who(&access, &with_key(key)).await.is_err());
    }
}

#[tokio::test]
async fn its_holder_is_whom_it_says_of_people_and_of_nobody_else() {
    let [operator, gateway] = [(); 2].map(|()| Key::generate_for_development());
    let entries = marked(&operator, "operator-admin", "people/demo")
        + &marked(&gateway, "gateway", "gateways/local");
    let (_folder, _, access, _) = access(&entries);
    let proven = async |key: &Key, said: &[(&'static str, &str)]| {
        let mut all = with_key(key);
        all.extend(headers(said));
        access.identify(&all, None).await
    };
    let own = proven(&operator, &[]).await.unwrap();
    assert_eq!(own.caller.subject(), "people/demo");
    assert!(own.is_for_development() && own.proof == Proof::Key);
    let tenant = [(ROLE, "tenant-admin"), (SUBJECT, "tenants/bert")];
    let tenant = proven(&operator, &tenant).await.unwrap();
    assert_eq!(tenant.caller.tenant().unwrap().as_str(), "bert");
    assert_eq!(tenant.person.unwrap().as_str(), "people/demo");
    let viewer = proven(&operator, &[(ROLE, "operator-viewer")]).await;
    assert_eq!(viewer.unwrap().caller.role(), Some(Role::OperatorViewer));
    for said in [
        &[(ROLE, "gateway"), (SUBJECT, "gateways/local")][..],
        &[(ROLE, "service"), (SUBJECT, "catalog")],
        &[(ROLE, "king")],
        &[(ROLE, "tenant-admin")],
    ] {
        assert!(proven(&operator, said).await.is_err(), "{said:?}");
    }
    let admin = [(ROLE, "operator-admin"), (SUBJECT, "people/eve")];
    let still = proven(&gateway, &admin).await.unwrap();
    assert_eq!(still.caller.subject(), "gateways/local");
}
