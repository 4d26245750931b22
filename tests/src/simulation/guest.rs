//! A tenant that denies one of the versions and accepts it again, at any time: before a switch,
//! during it, and while it is in use.

use std::{convert::Infallible, sync::Arc, time::Duration};

use anyhow::Result;
use contract::Role;
use proto::provisioning::v1::{
    DecideProvisioningRequest, Decision as Word, OfferStatus,
    consent_service_client::ConsentServiceClient,
};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use runtime::{CancellationToken, Client, Credentials, Endpoint, connect_lazy, retry};
use tokio::{sync::watch, time::timeout};

use super::{
    hosts::{PROVISIONING_PORT, Site, VERSIONS, rest},
    operator::Stage,
    trace::Trace,
    users::{APPLICATION, Record, now},
};
use crate::load::Decision;

/// The tenant.
pub(super) const GUEST: &str = "guest";
/// Its number in the record of what users saw.
pub(super) const NUMBER: u8 = 1;
/// Which version it denies.
pub(super) const DENIED: u8 = 1;
/// The longest that one call is waited for.
const CALL: Duration = Duration::from_secs(6);

struct Guest {
    consent: ConsentServiceClient<Client>,
    record: Record,
    trace: Trace,
    chance: StdRng,
    stage: watch::Receiver<Stage>,
}

/// Decides one way, then the other, until all is mended; then the version is accepted for good.
pub(super) async fn run(
    site: Arc<Site>,
    record: Record,
    trace: Trace,
    stage: watch::Receiver<Stage>,
) -> Result<Infallible> {
    let credentials = Credentials::claimed(Role::TenantAdmin, &format!("tenants/{GUEST}"))?;
    let place = Endpoint::from(site.at("provisioning", PROVISIONING_PORT));
    let mut guest = Guest {
        consent: ConsentServiceClient::new(connect_lazy(&place, &credentials)?),
        record,
        trace,
        chance: StdRng::seed_from_u64(site.seed ^ 0x9e57),
        stage,
    };
    let begun = |stage: &Stage| *stage != Stage::SettingUp;
    guest.stage.wait_for(begun).await?;
    while *guest.stage.borrow() == Stage::Switching && !site.world.calm {
        guest.rest(100..1500).await;
        guest.deny().await;
        guest.rest(100..1500).await;
        guest.accept().await;
    }
    Ok(rest().await)
}

impl Guest {
    async fn rest(&mut self, millis: std::ops::Range<u64>) {
        let time = Duration::from_millis(self.chance.random_range(millis));
        retry::pause(time, &CancellationToken::new()).await.ok();
    }

    /// Denies, and asks how far it has come until it counts everywhere, or patience ends.
    async fn deny(&mut self) {
        for _ in 0..4 {
            let status = self.decide(Word::Deny).await;
            if matches!(
                status,
                Some(OfferStatus::DeniedRecorded | OfferStatus::DeniedInForce)
            ) {
                return self.keep(now(), true);
            }
            self.rest(20..200).await;
        }
    }

    /// Accepts until it is answered. From the first word on the denial may end.
    async fn accept(&mut self) {
        self.keep(now(), false);
        while self.decide(Word::Accept).await.is_none() {
            self.rest(50..200).await;
        }
    }

    async fn decide(&mut self, word: Word) -> Option<OfferStatus> {
        let (version, _) = VERSIONS[usize::from(DENIED)];
        let request = DecideProvisioningRequest {
            name: format!("tenants/{GUEST}/applications/{APPLICATION}/provisionings/{version}"),
            decision: word.into(),
            reason: "one way, then the other".to_owned(),
        };
        let answer = timeout(CALL, self.consent.decide_provisioning(request)).await;
        match answer {
            Ok(Ok(answer)) => Some(answer.into_inner().status()),
            Ok(Err(status)) => {
                self.trace
                    .note("people", format!("a decision was not taken: {status}"));
                None
            }
            Err(_) => None,
        }
    }

    fn keep(&self, at: u64, denies: bool) {
        let word = if denies {
            "has denied"
        } else {
            "begins to accept"
        };
        self.trace.note("people", format!("a tenant {word}"));
        self.record.seens().decisions.push(Decision {
            at,
            tenant: NUMBER,
            version: DENIED,
            denies,
        });
    }
}
