//! The operator: sets the shop up, then switches back and forth, by whichever catalog answers.

use std::{convert::Infallible, sync::Arc, time::Duration};

use anyhow::{Context as _, Result, bail};
use contract::Role;
use proto::catalog::v1::{
    Application, ConfirmReactivateRequest, ConfirmUpdateRequest, CreateApplicationRequest,
    EvictGatewayRequest, FleetMode, GetSwitchRequest, ListGatewaysRequest, Switch, SwitchPolicy,
    SwitchState,
};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use runtime::{CancellationToken, Credentials, Endpoint, retry};
use tokio::{sync::watch, time::timeout};

use super::{
    guest::GUEST,
    hosts::{CATALOG_PORT, CATALOGS, PROVISIONING_PORT, Site, VERSIONS, rest},
    users::{APPLICATION, TENANT},
    world::World,
};
use crate::api::{Api, Confirm, Places, has_ended, version_name};

/// How far the operator is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// The first version becomes active, while nothing goes wrong yet.
    SettingUp,
    /// Switches back and forth, whatever happens.
    Switching,
    /// Nothing goes wrong any more: the open switch ends, and one more succeeds.
    Healed,
    /// Done.
    Done,
}

/// The longest that one call is waited for.
const CALL: Duration = Duration::from_secs(4);

/// What the operator did.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Deeds {
    pub(super) committed: u64,
    pub(super) given_up: u64,
}

pub(super) struct Operator {
    apis: Vec<Api>,
    world: World,
    gateways: usize,
    chance: StdRng,
    numbers: u64,
    active: usize,
    stage: watch::Receiver<Stage>,
    deeds: watch::Sender<Deeds>,
    never: CancellationToken,
}

/// Operates until the stage is `Healed` and one more switch has succeeded; then it is `Done`.
pub(super) async fn run(
    site: Arc<Site>,
    gateways: usize,
    stage: watch::Sender<Stage>,
    deeds: watch::Sender<Deeds>,
) -> Result<Infallible> {
    let mut operator = Operator::new(&site, gateways, stage.subscribe(), deeds)?;
    operator.set_up(&site).await.context("the shop is set up")?;
    stage.send_replace(Stage::Switching);
    while *operator.stage.borrow() == Stage::Switching {
        let think = operator.chance.random_range(0..1500);
        operator.rest(think).await;
        operator.switch().await?;
    }
    // Whatever was open has ended; now nothing stands in the way of another one.
    let before = operator.deeds.borrow().committed;
    while operator.deeds.borrow().committed == before {
        operator.switch().await?;
    }
    stage.send_replace(Stage::Done);
    Ok(rest().await)
}

impl Operator {
    fn new(
        site: &Site,
        gateways: usize,
        stage: watch::Receiver<Stage>,
        deeds: watch::Sender<Deeds>,
    ) -> Result<Self> {
        let credentials = Credentials::claimed(Role::OperatorAdmin, "people/anna")?;
        let apis = CATALOGS.map(|catalog| {
            let places = Places {
                catalog: Endpoint::from(site.at(catalog, CATALOG_PORT)),
                provisioning: Endpoint::from(site.at("provisioning", PROVISIONING_PORT)),
                notification: Endpoint::from(site.at("provisioning", 7103)),
            };
            Api::new(&places, &credentials)
        });
        Ok(Self {
            apis: apis.into_iter().collect::<Result<_>>()?,
            world: site.world,
            gateways,
            chance: StdRng::seed_from_u64(site.seed ^ 0x0e0e),
            numbers: 0,
            active: 0,
            stage,
            deeds,
            never: CancellationToken::new(),
        })
    }

    async fn rest(&self, millis: u64) {
        let time = Duration::from_millis(millis);
        retry::pause(time, &self.never).await.ok();
    }

    async fn set_up(&mut self, site: &Site) -> Result<()> {
        let api = self.apis[0].clone();
        // All start at once.
        while api
            .fleet
            .clone()
            .list_gateways(ListGatewaysRequest::default())
            .await
            .map_or(0, |list| list.into_inner().gateways.len())
            < self.gateways
        {
            self.rest(100).await;
        }
        let seconds = |seconds| Some(prost_types::Duration { seconds, nanos: 0 });
        let (fleet_mode, lease, prepare) = if self.world.fenced {
            (FleetMode::Fenced, self.chance.random_range(2..5), 1)
        } else {
            let prepare = self.chance.random_range(2..7);
            (
                FleetMode::Static,
                30,
                if self.world.evicts { 2 } else { prepare },
            )
        };
        let policy = SwitchPolicy {
            prepare_timeout: seconds(prepare),
            hold_timeout: seconds(self.chance.random_range(1..4)),
            drain_timeout: seconds(1),
            fleet_mode: fleet_mode.into(),
            lease: self.world.fenced.then_some(seconds(lease)).flatten(),
            ..Default::default()
        };
        let request = CreateApplicationRequest {
            application_id: APPLICATION.to_owned(),
            application: Some(Application {
                display_name: "Shop".to_owned(),
                policy: Some(policy),
                ..Default::default()
            }),
            ..Default::default()
        };
        api.applications.clone().create_application(request).await?;
        for (version, port) in VERSIONS {
            let url = format!("http://{}", site.at("versions", port));
            api.create_version(APPLICATION, version, &url, &[]).await?;
        }
        for tenant in [TENANT, GUEST] {
            let admin = format!("admin@{tenant}.example");
            api.create_tenant(tenant, &admin).await?;
            api.provision(tenant, APPLICATION, VERSIONS[0].0).await?;
        }
        // So that it can be denied before the first switch to it.
        api.provision(GUEST, APPLICATION, VERSIONS[1].0).await?;
        api.register_to_test(APPLICATION, VERSIONS[0].0).await?;
        loop {
            let first = self.confirm(Confirm::Update, 0).await?;
            if self.ended(&first).await?.state() == SwitchState::Succeeded {
                break;
            }
            if !site.world.unheard {
                bail!("the first switch was given up though nothing was wrong");
            }
        }
        api.register_to_test(APPLICATION, VERSIONS[1].0).await?;
        Ok(())
    }

    /// Switches to the other version, and waits for the end.
    async fn switch(&mut self) -> Result<()> {
        let target = 1 - self.active;
        let returns = target == 0 || self.deeds.borrow().committed > 0;
        let how = if returns {
            Confirm::Reactivate
        } else {
            Confirm::Update
        };
        let name = self.confirm(how, target).await?;
        let ended = self.ended(&name).await?;
        if ended.state() == SwitchState::Succeeded {
            self.active = target;
            self.deeds.send_modify(|deeds| deeds.committed += 1);
        } else {
            self.deeds.send_modify(|deeds| deeds.given_up += 1);
            let failure = ended.failure.unwrap_or_default();
            if self.world.evicts && *self.stage.borrow() == Stage::Switching {
                self.evict(&failure.message).await;
            }
        }
        Ok(())
    }

    /// Asks for the eviction of the gateways that a switch says it waited for in vain. None of them
    /// has been silent for so long that the catalog may grant it.
    async fn evict(&mut self, failure: &str) {
        let named = (1..=self.gateways).map(|number| format!("gateway-{number}"));
        for gateway in named.filter(|gateway| failure.contains(gateway.as_str())) {
            let request = EvictGatewayRequest {
                name: format!("gateways/{gateway}"),
                reason: "a switch waited for it in vain".to_owned(),
            };
            let mut fleet = self.api().fleet;
            timeout(CALL, fleet.evict_gateway(request)).await.ok();
        }
    }

    /// Confirms until a catalog has taken it.
    async fn confirm(&mut self, how: Confirm, target: usize) -> Result<String> {
        self.numbers += 1;
        let request_id = format!("confirm-{}", self.numbers);
        let version = version_name(APPLICATION, VERSIONS[target].0);
        let reason = "back and forth".to_owned();
        loop {
            let mut switches = self.api().switches;
            let (version, request_id, reason) =
                (version.clone(), request_id.clone(), reason.clone());
            let confirmed = match how {
                Confirm::Update => {
                    let request = ConfirmUpdateRequest {
                        version,
                        request_id,
                        reason,
                        etag: String::new(),
                    };
                    let answer = timeout(CALL, switches.confirm_update(request)).await;
                    answer.map(|answer| answer.map(|answer| answer.into_inner().switch))
                }
                Confirm::Reactivate => {
                    let request = ConfirmReactivateRequest {
                        version,
                        request_id,
                        reason,
                        etag: String::new(),
                    };
                    let answer = timeout(CALL, switches.confirm_reactivate(request)).await;
                    answer.map(|answer| answer.map(|answer| answer.into_inner().switch))
                }
            };
            match confirmed {
                Ok(Ok(switch)) => return Ok(switch.context("an answer without the switch")?.name),
                Ok(Err(status)) if lasting(status.code()) => {
                    bail!("the confirm was refused: {status}")
                }
                Ok(Err(_)) | Err(_) => self.rest(150).await,
            }
        }
    }

    /// Waits for the end of a switch.
    async fn ended(&mut self, name: &str) -> Result<Switch> {
        loop {
            let request = GetSwitchRequest {
                name: name.to_owned(),
            };
            let mut switches = self.api().switches;
            match timeout(CALL, switches.get_switch(request)).await {
                Ok(Ok(answer)) => {
                    let switch = answer.into_inner().switch;
                    let switch = switch.context("an answer without the switch")?;
                    if has_ended(switch.state()) {
                        return Ok(switch);
                    }
                }
                Ok(Err(status)) if lasting(status.code()) => bail!("a switch is gone: {status}"),
                Ok(Err(_)) | Err(_) => {}
            }
            self.rest(100).await;
        }
    }

    fn api(&mut self) -> Api {
        self.apis[self.chance.random_range(0..self.apis.len())].clone()
    }
}

/// Tells whether asking again changes nothing. A version that did not answer its health check, or a
/// switch that is still open, is asked about again.
fn lasting(code: tonic::Code) -> bool {
    matches!(
        code,
        tonic::Code::NotFound
            | tonic::Code::InvalidArgument
            | tonic::Code::PermissionDenied
            | tonic::Code::Unauthenticated
            | tonic::Code::Internal
            | tonic::Code::DataLoss
            | tonic::Code::Unimplemented
    )
}
