use std::{fs, time::Duration};

use http::HeaderValue;

use super::{file::LOOK, *};

mod by_token;
mod development;

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    pairs
        .iter()
        .map(|(name, value)| {
            (
                http::HeaderName::from_static(name),
                HeaderValue::from_str(value).unwrap(),
            )
        })
        .collect()
}

fn with_key(key: &Key) -> HeaderMap {
    headers(&[(AUTHORIZATION, &format!("bearer {}", key.expose()))])
}

/// Tells who calls.
async fn who(access: &Access, headers: &HeaderMap) -> Result<Caller, Problem> {
    let proven = access.identify(headers, None).await;
    proven.map(|proven| proven.caller)
}

fn line(key: &Key, role: &str, subject: &str, more: &str) -> String {
    format!(
        "[[key]]\nsha256 = \"{}\"\nrole = \"{role}\"\nsubject = \"{subject}\"\n{more}\n",
        key.digest()
    )
}

#[tokio::test]
async fn a_key_tells_who_calls_until_it_expires() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.toml");
    let clock = Clock::simulated(Timestamp::UNIX_EPOCH, 1);
    let (gateway, brief) = (Key::generate(), Key::generate());
    let text = line(&gateway, "gateway", "gateways/g-1", "")
        + &line(
            &brief,
            "operator-viewer",
            "people/anna",
            "expires = \"1970-01-01T00:01:00Z\"",
        );
    fs::write(&path, text).unwrap();
    let access = Access::keys(&path, clock.clone()).unwrap();

    let caller = who(&access, &with_key(&gateway)).await.unwrap();
    assert_eq!(
        (caller.role(), caller.subject().as_str()),
        (Some(Role::Gateway), "gateways/g-1")
    );
    assert_eq!(
        who(&access, &with_key(&brief)).await.unwrap().role(),
        Some(Role::OperatorViewer)
    );
    clock.advance(Duration::from_secs(60));
    assert!(
        who(&access, &with_key(&brief))
            .await
            .unwrap_err()
            .is(&reason::UNAUTHENTICATED)
    );
    assert_eq!(who(&access, &with_key(&gateway)).await.unwrap(), caller);
}

#[tokio::test]
async fn wrong_credentials_are_refused_and_a_role_is_never_believed_where_keys_are_needed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.toml");
    fs::write(&path, line(&Key::generate(), "tester", "people/tom", "")).unwrap();
    let access = Access::keys(&path, Clock::real()).unwrap();
    let stranger = Key::generate();
    for value in [
        "",
        "Bearer",
        "Bearer x",
        "Basic abc",
        stranger.expose(),
        &format!("Bearer {}", stranger.expose()),
    ] {
        let problem = who(&access, &headers(&[(AUTHORIZATION, value)]))
            .await
            .unwrap_err();
        assert!(!format!("{problem:?}").contains(stranger.expose()));
    }
    let claims = headers(&[(ROLE, "operator-admin"), (SUBJECT, "people/eve")]);
    assert_eq!(who(&access, &claims).await.unwrap(), Caller::Anonymous);
}

#[tokio::test]
async fn a_changed_file_is_in_force_within_a_second_and_a_broken_one_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.toml");
    let clock = Clock::simulated(Timestamp::UNIX_EPOCH, 1);
    let (old, new) = (Key::generate(), Key::generate());
    fs::write(&path, line(&old, "tester", "people/tom", "")).unwrap();
    let access = Access::keys(&path, clock.clone()).unwrap();
    fs::write(&path, line(&new, "operator-viewer", "people/anna", "")).unwrap();
    clock.advance(LOOK);
    assert!(who(&access, &with_key(&new)).await.is_ok());
    assert!(who(&access, &with_key(&old)).await.is_err());
    fs::write(&path, "[[key]]\nsha256 = 1").unwrap();
    clock.advance(LOOK);
    assert!(who(&access, &with_key(&new)).await.is_ok());
}

#[test]
fn a_file_that_is_wrong_is_refused_at_the_start_with_the_line_that_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.toml");
    let key = Key::generate();
    for (text, part) in [
        (
            "[[key]]\nsha256 = \"abc\"\nrole = \"tester\"\nsubject = \"x\"".to_owned(),
            "key 1: sha256",
        ),
        (line(&key, "king", "x", ""), "role"),
        (line(&key, "gateway", "people/x", ""), "gateways/{gateway}"),
        (line(&key, "tester", "x", "colour = 1"), "colour"),
        (
            line(
                &key,
                "tester",
                "x",
                "methods = [\"switchover.catalog.v1.Nothing/*\"]",
            ),
            "is no method",
        ),
        (
            line(&key, "tester", "x", "applications = [\"A B\"]"),
            "application name",
        ),
    ] {
        fs::write(&path, text).unwrap();
        let error = Access::keys(&path, Clock::real()).unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
        assert_eq!(error.exit_code(), crate::exit::CONFIG);
    }
    assert!(Access::keys(folder.path().join("none"), Clock::real()).is_err());
}

#[tokio::test]
async fn on_one_machine_callers_are_who_they_say_and_the_operator_unless_they_say() {
    let caller = async |pairs: &[(&'static str, &str)]| who(&Access::Open, &headers(pairs)).await;
    assert_eq!(caller(&[]).await.unwrap().role(), Some(Role::OperatorAdmin));
    assert_eq!(
        caller(&[(ROLE, ANONYMOUS)]).await.unwrap(),
        Caller::Anonymous
    );
    assert_eq!(
        caller(&[(ROLE, "operator-admin"), (PASSED_ON, "1")])
            .await
            .unwrap(),
        Caller::Anonymous,
        "an edge does not vouch for it"
    );
    let tenant = caller(&[(ROLE, "tenant-admin"), (SUBJECT, "tenants/acme")])
        .await
        .unwrap();
    assert_eq!(tenant.tenant().unwrap().as_str(), "acme");
    assert!(caller(&[(ROLE, "king")]).await.is_err());
    assert!(caller(&[(ROLE, "gateway")]).await.is_err());
}

#[test]
fn an_address_beyond_this_machine_needs_keys() {
    assert!(Access::Open.fits("127.0.0.1:1".parse().unwrap()).is_ok());
    assert!(Access::Open.fits("[::1]:1".parse().unwrap()).is_ok());
    for address in ["0.0.0.0:1", "[::]:1", "192.0.2.1:1"] {
        let error = Access::Open.fits(address.parse().unwrap()).unwrap_err();
        assert_eq!(error.exit_code(), crate::exit::USAGE);
        assert!(error.to_string().contains(address), "{error}");
    }
}

#[test]
fn a_key_shows_itself_only_when_asked() {
    let key = Key::generate();
    assert_eq!(format!("{key:?}"), "Key(…)");
    assert_eq!(key.expose().parse::<Key>().unwrap().digest(), key.digest());
    assert_ne!(Key::generate().digest(), key.digest());
    for text in [
        "",
        "swk_",
        "swk_abc",
        &key.expose()[4..],
        &format!("{}A", key.expose()),
    ] {
        assert!(text.parse::<Key>().is_err(), "{text:?}");
    }
}

#[tokio::test]
async fn whose_proof_has_ended_is_told_which_one_it_was() {
    let clock = Clock::simulated(Timestamp::UNIX_EPOCH, 1);
    let stop = CancellationToken::new();
    let end = Timestamp::from_second(60).unwrap();
    let ended = async |proof, expires| {
        let proven = Proven {
            expires,
            ..Proven::new(Caller::Anonymous, proof)
        };
        Access::Open.ended(&proven, &clock, &stop).await
    };
    let waiting = async {
        tokio::join!(
            ended(Proof::Token, Some(end)),
            ended(Proof::Certificate, Some(end))
        )
    };
    let passing = async { clock.advance(Duration::from_secs(60)) };
    let ((token, certificate), ()) = tokio::join!(waiting, passing);
    assert!(token.unwrap().message().contains("access token"));
    assert!(certificate.unwrap().message().contains("certificate"));
    stop.cancel();
    assert!(
        ended(Proof::Word, None).await.is_err(),
        "a word does not end"
    );
}
