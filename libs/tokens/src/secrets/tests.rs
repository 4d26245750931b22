use argon2::{Algorithm, Params, Version, password_hash::PasswordHasher as _};

use super::*;
use crate::pair::Secret;

fn hash(secret: &str) -> String {
    // The least that argon2id takes: what is tested is not how slow it is.
    let params = Params::new(8, 1, 1, None).unwrap();
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    argon.hash_password(secret.as_bytes()).unwrap().to_string()
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

async fn right(verifier: &Verifier, stored: &Stored, secret: &str, second: u32) -> bool {
    let instant = Duration::from_secs(second.into());
    let secret = SecretString::from(secret.to_owned());
    let answer = verifier.is_right(stored, &secret, at(second.into()), instant);
    answer.await.unwrap()
}

#[tokio::test]
async fn two_secrets_are_right_until_the_overlap_ends_however_well_the_old_one_is_remembered() {
    let verifier = Verifier::default();
    let stored = Stored {
        present: hash("new"),
        previous: Some((hash("old"), at(10))),
    };
    assert!(right(&verifier, &stored, "new", 9).await);
    assert!(right(&verifier, &stored, "old", 9).await);
    assert!(!right(&verifier, &stored, "older", 9).await);
    assert!(right(&verifier, &stored, "new", 10).await);
    assert!(!right(&verifier, &stored, "old", 10).await);
}

#[tokio::test]
async fn a_secret_that_was_replaced_is_wrong_at_once() {
    let verifier = Verifier::default();
    let of = |secret: &str| Stored {
        present: hash(secret),
        previous: None,
    };
    assert!(right(&verifier, &of("first"), "first", 1).await);
    assert!(!right(&verifier, &of("second"), "first", 1).await);
}

#[tokio::test]
async fn a_right_secret_is_remembered_for_a_minute_and_a_wrong_one_never() {
    let verifier = Verifier::default();
    let stored = Stored {
        present: hash("good"),
        previous: None,
    };
    assert!(!right(&verifier, &stored, "bad", 0).await);
    assert!(right(&verifier, &stored, "good", 0).await);
    // With no place for a caller, only what is remembered has an answer.
    let _all = verifier.callers.try_acquire_many(64).unwrap();
    let ask = async |secret: &str, second| {
        let secret = SecretString::from(secret.to_owned());
        let instant = Duration::from_secs(second);
        verifier.is_right(&stored, &secret, at(0), instant).await
    };
    assert_eq!(ask("good", 59).await, Ok(true));
    assert_eq!(ask("good", 60).await, Err(Unchecked::Busy));
    assert_eq!(ask("bad", 0).await, Err(Unchecked::Busy));
}

#[tokio::test]
async fn a_hash_that_cannot_be_read_is_an_error_and_a_secret_without_end_is_wrong() {
    let verifier = Verifier::default();
    let stored = Stored {
        present: "junk".to_owned(),
        previous: None,
    };
    let ask = async |secret: String| {
        let secret = SecretString::from(secret);
        let answer = verifier.is_right(&stored, &secret, at(0), Duration::ZERO);
        answer.await
    };
    assert_eq!(ask("any".to_owned()).await, Err(Unchecked::Damaged));
    assert_eq!(ask("x".repeat(SECRET_MAX + 1)).await, Ok(false));
}

#[tokio::test]
async fn a_wrong_secret_takes_the_same_checks_whether_there_is_a_client_or_not() {
    let checks = async |stored: &Stored| {
        let verifier = Verifier::default();
        assert!(!right(&verifier, stored, "wrong", 9).await);
        verifier.done.load(std::sync::atomic::Ordering::SeqCst)
    };
    let one = Stored {
        present: hash("new"),
        previous: None,
    };
    let two = Stored {
        previous: Some((hash("old"), at(10))),
        ..one.clone()
    };
    let over = Stored {
        previous: Some((hash("old"), at(9))),
        ..one.clone()
    };
    for stored in [one, two, over, Stored::nobody()] {
        assert_eq!(checks(&stored).await, HASHES);
    }
}

#[test]
fn nobodys_hash_costs_what_a_drawn_one_costs() {
    let cost = |hash: &str| {
        let hash = PasswordHash::new(hash).unwrap();
        let length = hash.hash.map(|output| output.as_bytes().len());
        (
            hash.algorithm.to_string(),
            hash.version,
            hash.params.to_string(),
            length,
        )
    };
    let drawn = Secret::draw().unwrap();
    assert_eq!(cost(&nobodys_hash()), cost(drawn.hash()));
    assert!(is_hash(drawn.hash()) && is_hash(&nobodys_hash()));
    for text in [
        "",
        "hunter2",
        "$argon2id$",
        "$argon2i$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2g",
    ] {
        assert!(!is_hash(text), "{text}");
    }
}
