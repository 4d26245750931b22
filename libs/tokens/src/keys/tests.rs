use super::*;

fn start() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

fn ids(ring: &Ring, now: Timestamp) -> Vec<String> {
    let jwks = ring.jwks(now);
    let keys = jwks["keys"].as_array().unwrap().iter();
    keys.map(|key| key["kid"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn over_four_days_every_token_can_be_checked_by_a_key_set_that_is_an_hour_old_until_it_ends() {
    let minute = Duration::from_secs(60);
    let mut ring = Ring::new(Vec::new());
    let mut signed: Vec<(String, Timestamp)> = Vec::new();
    let mut hour_ago: Vec<Vec<String>> = Vec::new();
    let (mut now, mut signers) = (start(), std::collections::BTreeSet::new());
    for step in 0..4 * 24 * 60 {
        if let Some(term) = ring.due(now) {
            ring.keys.push((SigningKey::draw(), term));
            assert_eq!(ring.due(now), None, "one is enough");
        }
        let signer = ring.signer(now).expect("a key signs at any time").id();
        signers.insert(signer.to_owned());
        hour_ago.push(ids(&ring, now));
        if step >= 60 {
            assert!(hour_ago[step - 60].iter().any(|id| id == signer), "{step}");
        }
        signed.push((signer.to_owned(), now + LIFETIME));
        signed.retain(|(_, end)| now < *end);
        let published = ids(&ring, now);
        for (id, _) in &signed {
            assert!(published.contains(id), "a valid token lost its key: {step}");
        }
        assert!(published.len() <= 2, "old keys go");
        now += minute;
    }
    assert_eq!(signers.len(), 4, "each day has its key");
}

#[test]
fn after_a_long_absence_a_key_is_drawn_that_signs_at_once() {
    let later = start() + SIGNS + SIGNS;
    let mut ring = Ring::new(vec![(SigningKey::draw(), Term::first(start()))]);
    assert!(ring.signer(later).is_none(), "an old key signs nothing");
    assert!(ids(&ring, later).is_empty());
    let key = SigningKey::draw();
    let id = key.id().to_owned();
    ring.keys.push((key, ring.due(later).unwrap()));
    assert_eq!(ring.signer(later).unwrap().id(), id);
    // Also where the clock is behind that of whoever drew it.
    assert_eq!(ring.signer(later - SLACK).unwrap().id(), id);
    let nanosecond = Duration::from_nanos(1);
    assert!(ring.signer(later - SLACK - nanosecond).is_none());
}

#[test]
fn a_key_is_the_same_after_it_was_stored_and_shows_nothing_of_itself() {
    let key = SigningKey::draw();
    let again = SigningKey::from_pkcs8(key.pkcs8()).unwrap();
    assert_eq!((key.id(), key.jwk()), (again.id(), again.jwk()));
    assert_eq!(format!("{key:?}"), format!("SigningKey({})", key.id()));
    assert!(key.jwk().get("d").is_none());
    assert_eq!(SigningKey::from_pkcs8(b"junk").err(), Some(KeyDamaged));
}
