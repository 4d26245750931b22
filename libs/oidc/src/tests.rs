mod forging;
mod rotating;
mod signing_in;

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{AccessRules, AccessToken, Issuer, Now, Refusal, testing::TestIssuer};

const AUDIENCE: &str = "https://switchover.example.com";
const START: i64 = 1_800_000_000;

/// The time so many seconds after the start.
fn at(seconds: u64) -> Now {
    let time = Timestamp::from_second(START).unwrap();
    let instant = Duration::from_secs(seconds);
    Now {
        time: time + instant,
        instant,
    }
}

/// Claims of a good access token at the start.
fn claims() -> Value {
    json!({
        "sub": "anna", "aud": AUDIENCE, "client_id": "console", "jti": "1",
        "iat": START, "nbf": START, "exp": START + 300,
    })
}

/// Good claims with one of them changed.
fn but(name: &str, value: impl Into<Value>) -> Value {
    let mut claims = claims();
    claims[name] = value.into();
    claims
}

/// Good claims but for one that is missing.
fn without(name: &str) -> Value {
    let mut claims = claims();
    claims.as_object_mut().unwrap().remove(name);
    claims
}

struct World {
    fake: TestIssuer,
    issuer: Issuer,
}

impl World {
    async fn start() -> Self {
        let fake = TestIssuer::start().await;
        let issuer = Issuer::new(fake.url()).unwrap();
        Self { fake, issuer }
    }

    async fn check(&self, token: &str, now: Now) -> Result<AccessToken, Refusal> {
        let rules = AccessRules::new(AUDIENCE);
        self.issuer.access_token(token, &rules, now).await
    }
}
