use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use super::*;
use crate::{
    Algorithm, LEEWAY, TOKEN_BYTES_MAX,
    testing::{Signer, encoded, joined},
};

struct Forge {
    world: World,
    rsa: Signer,
    p256: Signer,
    ed25519: Signer,
}

impl Forge {
    async fn start() -> Self {
        let world = World::start().await;
        let forge = Self {
            world,
            rsa: Signer::rsa("rsa"),
            p256: Signer::p256("p256"),
            ed25519: Signer::ed25519("ed25519"),
        };
        forge.publish(vec![]);
        forge
    }

    fn publish(&self, more: Vec<Value>) {
        let keys = [&self.rsa, &self.p256, &self.ed25519].map(Signer::jwk);
        self.world
            .fake
            .publish(keys.into_iter().chain(more).collect());
    }

    fn own(&self, claims: &Value) -> Value {
        let mut claims = claims.clone();
        if claims.get("iss").is_none() {
            claims["iss"] = json!(self.world.fake.url().to_string());
        }
        claims
    }

    /// Signs a token with the key on P-256.
    fn token(&self, header: &Value, claims: &Value) -> String {
        self.p256.token(header, &self.own(claims))
    }

    fn good(&self) -> String {
        self.token(&self.p256.header("at+jwt"), &claims())
    }

    async fn check(&self, token: &str) -> Result<String, Refusal> {
        let checked = self.world.check(token, at(0)).await;
        checked.map(|token| token.subject().to_owned())
    }

    /// Tells how good claims with another header are answered.
    async fn header(&self, name: &str, value: Value) -> Result<String, Refusal> {
        let mut header = self.p256.header("at+jwt");
        header[name] = value;
        self.check(&self.token(&header, &claims())).await
    }

    /// Tells how a good header with other claims is answered.
    async fn claims(&self, claims: &Value) -> Result<String, Refusal> {
        self.check(&self.token(&self.p256.header("at+jwt"), claims))
            .await
    }
}

#[tokio::test]
async fn good_tokens_of_every_algorithm_are_believed() {
    let forge = Forge::start().await;
    let good = forge.own(&claims());
    for signer in [&forge.rsa, &forge.p256, &forge.ed25519] {
        for kind in ["at+jwt", "AT+JWT", "application/at+jwt", "JWT"] {
            let token = signer.token(&signer.header(kind), &good);
            assert_eq!(forge.check(&token).await, Ok("anna".to_owned()), "{kind}");
        }
    }
    let pss = json!({ "alg": "PS256", "typ": "at+jwt", "kid": "rsa" });
    assert!(forge.check(&forge.rsa.token(&pss, &good)).await.is_ok());
}

#[tokio::test]
async fn no_token_without_a_signature_or_with_a_shared_secret_is_believed() {
    let forge = Forge::start().await;
    let good = forge.own(&claims());
    for name in [
        "none", "None", "NONE", "nOnE", "", "HS256", "HS512", "RS1", "ES256K", "es256",
    ] {
        assert_eq!(
            forge.header("alg", json!(name)).await,
            Err(Refusal::Algorithm),
            "{name}"
        );
    }
    for value in [json!(null), json!(1), json!(["ES256"])] {
        assert_eq!(forge.header("alg", value).await, Err(Refusal::Algorithm));
    }
    let unsigned = json!({ "alg": "none", "typ": "at+jwt", "kid": "p256" });
    let unsigned = format!("{}.{}.", encoded(&unsigned), encoded(&good));
    assert_eq!(forge.check(&unsigned).await, Err(Refusal::Algorithm));
    // Signed with the public key as if it were a secret: in the forms in which people keep it.
    let jwk = forge.rsa.jwk();
    let modulus = URL_SAFE_NO_PAD.decode(jwk["n"].as_str().unwrap()).unwrap();
    for secret in [jwk.to_string().into_bytes(), modulus] {
        let header = json!({ "alg": "HS256", "typ": "at+jwt", "kid": "rsa" });
        let signed = format!("{}.{}", encoded(&header), encoded(&good));
        let key = hmac::Key::new(hmac::HMAC_SHA256, &secret);
        let tag = hmac::sign(&key, signed.as_bytes());
        let token = joined(&signed, tag.as_ref());
        assert_eq!(forge.check(&token).await, Err(Refusal::Algorithm));
    }
}

#[tokio::test]
async fn a_key_signs_by_its_own_algorithm_alone() {
    let forge = Forge::start().await;
    let good = forge.own(&claims());
    for (signer, algorithm, key) in [
        (&forge.p256, "ES256", "rsa"),
        (&forge.p256, "RS256", "p256"),
        (&forge.rsa, "RS256", "p256"),
        (&forge.rsa, "ES256", "rsa"),
        (&forge.ed25519, "EdDSA", "p256"),
        (&forge.ed25519, "ES256", "ed25519"),
    ] {
        let header = json!({ "alg": algorithm, "typ": "at+jwt", "kid": key });
        let answer = forge.check(&signer.token(&header, &good)).await;
        assert_eq!(answer, Err(Refusal::KeyAlgorithm), "{algorithm} by {key}");
    }
    // One padding is not the other, though the key is for both.
    let header = json!({ "alg": "PS256", "typ": "at+jwt", "kid": "rsa" });
    let signed = format!("{}.{}", encoded(&header), encoded(&good));
    let other = forge.rsa.sign(Algorithm::Rs256, signed.as_bytes());
    assert_eq!(
        forge.check(&joined(&signed, &other)).await,
        Err(Refusal::Signature)
    );
    // A key of the same name and kind that is not the issuer's.
    let stranger = Signer::p256("p256");
    let token = stranger.token(&stranger.header("at+jwt"), &good);
    assert_eq!(forge.check(&token).await, Err(Refusal::Signature));
}

#[tokio::test]
async fn keys_are_the_issuers_and_never_the_tokens() {
    let forge = Forge::start().await;
    let stranger = Signer::p256("stranger");
    for (name, value) in [
        ("jwk", stranger.jwk()),
        ("jku", json!("https://evil.example/keys")),
        ("x5u", json!("https://evil.example/chain")),
        ("x5c", json!(["MIIB"])),
        ("crit", json!(["exp"])),
        ("b64", json!(false)),
    ] {
        assert_eq!(
            forge.header(name, value.clone()).await,
            Err(Refusal::Header),
            "{name}"
        );
        let mut header = stranger.header("at+jwt");
        header[name] = value;
        let token = stranger.token(&header, &forge.own(&claims()));
        assert_eq!(forge.check(&token).await, Err(Refusal::Header), "{name}");
    }
    for path in ["nobody", "../../dev/null", "' or '1'='1", ""] {
        assert_eq!(
            forge.header("kid", json!(path)).await,
            Err(Refusal::UnknownKey)
        );
    }
    assert_eq!(forge.header("kid", json!(7)).await, Err(Refusal::NoKeyId));
}

#[tokio::test]
async fn keys_that_may_not_sign_tokens_or_are_too_weak_are_as_if_they_were_not_there() {
    let signer = Signer::p256("it");
    let rsa = Signer::rsa("it");
    let changed = |jwk: Value, name: &str, value: Value| {
        let mut jwk = jwk;
        jwk[name] = value;
        jwk
    };
    let short = URL_SAFE_NO_PAD.encode([0xff; 128]);
    let padded = URL_SAFE_NO_PAD.encode([[0; 128], [0xff; 128]].concat());
    for (signer, jwk) in [
        (&signer, changed(signer.jwk(), "use", json!("enc"))),
        (&signer, changed(signer.jwk(), "use", json!(1))),
        (&signer, changed(signer.jwk(), "alg", json!("ES384"))),
        (&signer, changed(signer.jwk(), "alg", json!("RS256"))),
        (&signer, changed(signer.jwk(), "key_ops", json!(["sign"]))),
        (&signer, changed(signer.jwk(), "d", json!("AAAA"))),
        (&signer, changed(signer.jwk(), "crv", json!("P-384"))),
        (&signer, changed(signer.jwk(), "x", json!("AAAA"))),
        (&signer, changed(signer.jwk(), "kty", json!("oct"))),
        (&rsa, changed(rsa.jwk(), "n", json!(short))),
        (&rsa, changed(rsa.jwk(), "n", json!(padded))),
        (&rsa, changed(rsa.jwk(), "e", json!("AQ"))),
        (&rsa, changed(rsa.jwk(), "e", json!("Ag"))),
    ] {
        let forge = Forge::start().await;
        forge.publish(vec![jwk.clone()]);
        let token = signer.token(&signer.header("at+jwt"), &forge.own(&claims()));
        assert_eq!(forge.check(&token).await, Err(Refusal::UnknownKey), "{jwk}");
    }
    let forge = Forge::start().await;
    forge.publish(vec![changed(rsa.jwk(), "alg", json!("PS256"))]);
    let token = rsa.token(&rsa.header("at+jwt"), &forge.own(&claims()));
    assert_eq!(forge.check(&token).await, Err(Refusal::KeyAlgorithm));
}

#[tokio::test]
async fn a_token_of_another_issuer_for_another_audience_or_of_another_kind_is_refused() {
    let forge = Forge::start().await;
    let slash = format!("{}/", forge.world.fake.url());
    for issuer in ["https://id.example.com", &slash, ""] {
        assert_eq!(
            forge.claims(&but("iss", issuer)).await,
            Err(Refusal::Issuer)
        );
    }
    for audience in [
        json!("https://other.example.com"),
        json!([]),
        json!(["a", "b"]),
        json!(""),
        json!(format!("{AUDIENCE}/")),
    ] {
        let answer = forge.claims(&but("aud", audience.clone())).await;
        assert_eq!(answer, Err(Refusal::Audience), "{audience}");
    }
    assert!(
        forge
            .claims(&but("aud", json!(["a", AUDIENCE])))
            .await
            .is_ok()
    );
    for kind in [
        "logout+jwt",
        "dpop+jwt",
        "secevent+jwt",
        "id+jwt",
        "JWS",
        "",
        "at",
    ] {
        assert_eq!(
            forge.header("typ", json!(kind)).await,
            Err(Refusal::Type),
            "{kind}"
        );
    }
    assert_eq!(forge.header("typ", json!(1)).await, Err(Refusal::Type));
    let bare = json!({ "alg": "ES256", "kid": "p256" });
    assert_eq!(
        forge.check(&forge.token(&bare, &claims())).await,
        Err(Refusal::Type)
    );
    // ID tokens and logout tokens that call themselves a JWT, for the same audience.
    let jwt = forge.p256.header("JWT");
    for (name, value) in [
        ("nonce", json!("n")),
        ("at_hash", json!("h")),
        ("c_hash", json!("h")),
        ("typ", json!("ID")),
        ("typ", json!("Refresh")),
        ("events", json!({})),
    ] {
        let token = forge.token(&jwt, &but(name, value));
        assert_eq!(forge.check(&token).await, Err(Refusal::Type), "{name}");
    }
    let bearer = forge.token(&jwt, &but("typ", "Bearer"));
    assert!(forge.check(&bearer).await.is_ok());
}

#[tokio::test]
async fn a_token_is_good_for_its_time_and_no_token_for_long() {
    let forge = Forge::start().await;
    let leeway = i64::try_from(LEEWAY.as_secs()).unwrap();
    for (claims, answer) in [
        (but("exp", START - leeway), Err(Refusal::Expired)),
        (but("exp", 0), Err(Refusal::Expired)),
        (but("exp", -1), Err(Refusal::Expired)),
        (but("nbf", START + leeway + 1), Err(Refusal::NotYet)),
        (but("nbf", START + leeway), Ok(())),
        (but("iat", START + leeway + 1), Err(Refusal::Future)),
        (but("exp", START + 15 * 60), Ok(())),
        (but("exp", START + 15 * 60 + 1), Err(Refusal::Lifetime)),
        (but("exp", 253_402_207_200_i64), Err(Refusal::Lifetime)),
        (but("exp", 1e300), Err(Refusal::Unreadable("exp"))),
        (but("exp", i64::MAX), Err(Refusal::Unreadable("exp"))),
        (but("exp", "1900000000"), Err(Refusal::Unreadable("exp"))),
        (but("iat", Value::Null), Err(Refusal::Unreadable("iat"))),
        (but("nbf", "now"), Err(Refusal::Unreadable("nbf"))),
        (but("exp", 1_800_000_299.5), Ok(())),
        (without("exp"), Err(Refusal::Missing("exp"))),
        (without("iat"), Err(Refusal::Missing("iat"))),
        (without("aud"), Err(Refusal::Missing("aud"))),
        (without("sub"), Err(Refusal::Missing("sub"))),
        (without("nbf"), Ok(())),
        (but("sub", ""), Err(Refusal::Unreadable("sub"))),
        (but("sub", "x".repeat(256)), Err(Refusal::Unreadable("sub"))),
        (but("sub", 7), Err(Refusal::Unreadable("sub"))),
        (but("aud", 7), Err(Refusal::Unreadable("aud"))),
        (
            but("aud", json!([AUDIENCE, 7])),
            Err(Refusal::Unreadable("aud")),
        ),
        (but("iss", 7), Err(Refusal::Unreadable("iss"))),
    ] {
        assert_eq!(forge.claims(&claims).await.map(drop), answer, "{claims}");
    }
    // It ended less than the leeway ago.
    let mut late = but("exp", START - leeway + 1);
    late["iat"] = json!(START - 300);
    assert!(forge.claims(&late).await.is_ok());
    let mut backwards = but("exp", START + 10);
    backwards["iat"] = json!(START + 20);
    assert_eq!(forge.claims(&backwards).await, Err(Refusal::Lifetime));
}

#[tokio::test]
async fn what_is_no_token_is_refused_before_anything_in_it_is_believed() {
    let forge = Forge::start().await;
    let good = forge.good();
    let [header, body, signature] = good.split('.').collect::<Vec<_>>()[..] else {
        panic!("three parts");
    };
    for token in [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        "...".to_owned(),
        "abc".to_owned(),
        format!("{good}."),
        format!("{good}.."),
        format!(".{good}"),
        format!("{header}.{body}"),
        format!("{header}..{signature}.x"),
        format!("{header}.{body}.{signature}=="),
        format!("{header} .{body}.{signature}"),
        format!("{header}.{body}.{signature}\n"),
        format!("{header}.{body}\0.{signature}"),
        format!("{}.{body}.{signature}", encoded(&json!([]))),
        format!("{}.{body}.{signature}", encoded(&json!("x"))),
        format!("{}.{body}.{signature}", URL_SAFE_NO_PAD.encode("{\"alg\":")),
    ] {
        let refusal = forge.check(&token).await.unwrap_err();
        assert!(
            matches!(refusal, Refusal::Malformed(_)),
            "{token:?}: {refusal:?}"
        );
    }
    assert_eq!(
        forge.check(&format!("{header}.{body}.")).await,
        Err(Refusal::Signature)
    );
    let huge = but("more", "x".repeat(TOKEN_BYTES_MAX));
    assert_eq!(forge.claims(&huge).await, Err(Refusal::TooLong));
    for length in 0..good.len() {
        assert!(
            forge.check(&good[..length]).await.is_err(),
            "the first {length} bytes"
        );
    }
}

#[tokio::test]
async fn a_member_that_stands_twice_is_refused_whichever_of_both_is_right() {
    let forge = Forge::start().await;
    let own = forge.own(&claims()).to_string();
    let signed = |header: &str, body: &str| {
        let [header, body] = [header, body].map(|part| URL_SAFE_NO_PAD.encode(part));
        let signed = format!("{header}.{body}");
        let signature = forge.p256.sign(Algorithm::Es256, signed.as_bytes());
        joined(&signed, &signature)
    };
    let header = forge.p256.header("at+jwt").to_string();
    assert!(forge.check(&signed(&header, &own)).await.is_ok());
    for (header, body) in [
        (header.replacen('{', r#"{"alg":"none","#, 1), own.clone()),
        (header.replacen('{', r#"{"kid":"rsa","#, 1), own.clone()),
        (header.clone(), own.replacen('{', r#"{"sub":"root","#, 1)),
        (
            header.clone(),
            own.replacen('{', r#"{"exp":9999999999,"#, 1),
        ),
        (header, own.replacen('{', r#"{"a":{"b":1,"b":2},"#, 1)),
    ] {
        let refusal = forge.check(&signed(&header, &body)).await.unwrap_err();
        assert!(matches!(refusal, Refusal::Malformed(_)), "{refusal:?}");
    }
}

#[tokio::test]
async fn no_token_survives_one_flipped_bit() {
    let forge = Forge::start().await;
    let token = forge.good();
    assert!(forge.check(&token).await.is_ok());
    let mut refused = 0;
    for place in 0..token.len() {
        for bit in [1, 4, 32] {
            let mut bytes = token.clone().into_bytes();
            bytes[place] ^= bit;
            let Ok(changed) = String::from_utf8(bytes) else {
                continue;
            };
            let answer = forge.check(&changed).await;
            assert!(answer.is_err(), "bit {bit} of byte {place}: {answer:?}");
            refused += 1;
        }
    }
    assert!(refused > 500, "{refused}");
}

#[test]
fn a_refusal_names_no_part_of_the_token() {
    let all = [
        Refusal::Malformed("the header is not base64url"),
        Refusal::Missing("sub"),
        Refusal::Signature,
        Refusal::NoKeys,
    ];
    for refusal in all {
        assert!(refusal.name().starts_with("TOKEN_"));
        assert!(!refusal.to_string().is_empty());
    }
}

#[tokio::test]
async fn claims_inside_of_objects_are_found_by_a_path() {
    let forge = Forge::start().await;
    let mut claims = claims();
    claims["realm_access"] = json!({ "roles": ["operator-admin", 7, "tester"] });
    claims["flat.name"] = json!("a b");
    let token = forge.token(&forge.p256.header("at+jwt"), &claims);
    let token = forge.world.check(&token, at(0)).await.unwrap();
    assert_eq!(
        token.words("realm_access.roles"),
        ["operator-admin", "tester"]
    );
    assert_eq!(token.words("flat.name"), ["a", "b"]);
    assert!(token.words("realm_access").is_empty());
    assert!(token.words("realm_access.roles.0").is_empty());
    assert!(token.words("none.at.all").is_empty());
}
