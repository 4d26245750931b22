//! Register to test, and the switch: begin, give up, look, follow.

mod preview;
pub(super) mod render;

use std::{ops::RangeInclusive, pin::Pin, sync::Arc, time::Duration};

use contract::{
    ApplicationRef, Checked, Etag, Fault, OrAll, Page, PageSize, Problem, Prose, RequestId,
    Revision, SwitchId, SwitchName, VersionRef, Violations, duration, reason,
};
use futures::{Stream, stream};
use proto::catalog::v1 as wire;
use runtime::CancellationToken;
use tokio::time::timeout;
use tonic::{Request, Response, Status};

use super::{applications::render::version, parse::act, shown};
use crate::{
    Catalog,
    application::Act,
    error::Error,
    registration,
    store::{
        SWITCHES, history, receipts,
        switches::{self, Which},
    },
    switch::{
        Kind, Switch,
        confirm::{self, Confirm, Confirmed},
        drain,
        preview::preview as look,
    },
    test_slot,
};

/// A lost wake-up costs at most this.
const POLL: Duration = Duration::from_secs(2);
const WAIT_DEFAULT: Duration = Duration::from_secs(60);
const WAIT_MAX: Duration = Duration::from_secs(300);
/// By how much one call may extend a drain.
const EXTENSION: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(24 * 3600);

/// The service.
pub(super) struct Switches {
    pub(super) catalog: Arc<Catalog>,
    pub(super) stop: CancellationToken,
}

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl wire::switch_service_server::SwitchService for Switches {
    async fn register_to_test(
        &self,
        request: Request<wire::RegisterToTestRequest>,
    ) -> Answer<wire::RegisterToTestResponse> {
        let message = request.get_ref();
        let (name, act) = self.version_act(&request, &message.version, &message.reason)?;
        let registered = test_slot::register(&self.catalog, &name, &act)
            .await
            .map_err(Problem::from)?;
        Ok(Response::new(wire::RegisterToTestResponse {
            version: Some(version(&registered.version)),
            test_address: self.catalog.addresses.testers(&name.application),
            tester_token: registered.token.reveal(),
            app_credential: registered.pair.map(|pair| wire::IssuedCredential {
                name: pair.name.to_string(),
                client_id: pair.client_id,
                client_secret: pair.secret.reveal(),
            }),
        }))
    }

    async fn cancel_test(
        &self,
        request: Request<wire::CancelTestRequest>,
    ) -> Answer<wire::CancelTestResponse> {
        let message = request.get_ref();
        let (name, act) = self.version_act(&request, &message.version, &message.reason)?;
        let tested = test_slot::cancel(&self.catalog, &name, &act)
            .await
            .map_err(Problem::from)?;
        Ok(Response::new(wire::CancelTestResponse {
            version: Some(version(&tested)),
        }))
    }

    async fn rotate_tester_token(
        &self,
        request: Request<wire::RotateTesterTokenRequest>,
    ) -> Answer<wire::RotateTesterTokenResponse> {
        let mut v = Violations::new();
        let name = v.parse::<VersionRef>("version", &request.get_ref().version);
        let name = v.all(name)?;
        let token = test_slot::rotate_token(&self.catalog, &name)
            .await
            .map_err(Problem::from)?;
        Ok(Response::new(wire::RotateTesterTokenResponse {
            tester_token: token.reveal(),
        }))
    }

    async fn extend_drain(
        &self,
        request: Request<wire::ExtendDrainRequest>,
    ) -> Answer<wire::ExtendDrainResponse> {
        let message = request.get_ref();
        let mut v = Violations::new();
        let name = v.parse::<SwitchName>("name", &message.name);
        let by = match message.by {
            None => v.wrong("by", Fault::Missing, "must be given"),
            Some(_) => duration::field(&mut v, "by", message.by, EXTENSION, Duration::ZERO),
        };
        let reason = v.parse::<Prose<500>>("reason", &message.reason);
        let (name, by, reason) = v.all((name, by, reason))?;
        let act = act(&self.catalog.clock, &request, None, reason);
        let switch = drain::extend(&self.catalog, &name, by, &act)
            .await
            .map_err(Problem::from)?;
        Ok(Response::new(wire::ExtendDrainResponse {
            switch: Some(render::switch(&switch)),
        }))
    }

    async fn cut_drain(
        &self,
        request: Request<wire::CutDrainRequest>,
    ) -> Answer<wire::CutDrainResponse> {
        let message = request.get_ref();
        let mut v = Violations::new();
        let name = v.parse::<SwitchName>("name", &message.name);
        let reason = v.parse::<Prose<500>>("reason", &message.reason);
        let (name, reason) = v.all((name, reason))?;
        let act = act(&self.catalog.clock, &request, None, reason);
        let switch = drain::cut(&self.catalog, &name, &act)
            .await
            .map_err(Problem::from)?;
        Ok(Response::new(wire::CutDrainResponse {
            switch: Some(render::switch(&switch)),
        }))
    }

    async fn get_receipt(
        &self,
        request: Request<wire::GetReceiptRequest>,
    ) -> Answer<wire::GetReceiptResponse> {
        let name = name(&request.get_ref().name)?;
        let switch = find(&self.catalog, &name).await?;
        if switch.state.ended_at().is_none() {
            return Err(Problem::from(Error::NoReceiptYet { open: name }).into());
        }
        let read = ::store::read!(self.catalog.db, |tx| {
            let signed = receipts::find(tx, &name).await?;
            signed.ok_or_else(|| Error::NotFound(format!("receipt of {name}")))
        });
        let signed = read.map_err(Problem::from)?;
        Ok(Response::new(render::receipt(signed)?))
    }

    async fn preview_switch(
        &self,
        request: Request<wire::PreviewSwitchRequest>,
    ) -> Answer<wire::PreviewSwitchResponse> {
        let mut v = Violations::new();
        let version = v.parse::<VersionRef>("version", &request.get_ref().version);
        let version = v.all(version)?;
        let seen = look(&self.catalog, &version).await.map_err(Problem::from)?;
        Ok(Response::new(preview::preview(&seen)))
    }

    async fn confirm_update(
        &self,
        request: Request<wire::ConfirmUpdateRequest>,
    ) -> Answer<wire::ConfirmUpdateResponse> {
        let message = request.get_ref();
        let asked = Asked {
            version: &message.version,
            request_id: &message.request_id,
            reason: &message.reason,
            etag: &message.etag,
        };
        let (switch, proposal) = self.confirm(&request, Kind::Update, asked).await?;
        Ok(Response::new(wire::ConfirmUpdateResponse {
            switch,
            proposal,
        }))
    }

    async fn confirm_reactivate(
        &self,
        request: Request<wire::ConfirmReactivateRequest>,
    ) -> Answer<wire::ConfirmReactivateResponse> {
        let message = request.get_ref();
        let asked = Asked {
            version: &message.version,
            request_id: &message.request_id,
            reason: &message.reason,
            etag: &message.etag,
        };
        let (switch, proposal) = self.confirm(&request, Kind::Reactivate, asked).await?;
        Ok(Response::new(wire::ConfirmReactivateResponse {
            switch,
            proposal,
        }))
    }

    async fn cancel_switch(
        &self,
        request: Request<wire::CancelSwitchRequest>,
    ) -> Answer<wire::CancelSwitchResponse> {
        let message = request.get_ref();
        let mut v = Violations::new();
        let name = v.parse::<SwitchName>("name", &message.name);
        let reason = v.parse::<Prose<500>>("reason", &message.reason);
        let (name, reason) = v.all((name, reason))?;
        let act = act(&self.catalog.clock, &request, None, reason);
        let switch = confirm::cancel(&self.catalog, &name, &act)
            .await
            .map_err(Problem::from)?;
        Ok(Response::new(wire::CancelSwitchResponse {
            switch: Some(render::switch(&switch)),
        }))
    }

    async fn get_switch(
        &self,
        request: Request<wire::GetSwitchRequest>,
    ) -> Answer<wire::GetSwitchResponse> {
        let name = name(&request.get_ref().name)?;
        let switch = find(&self.catalog, &name).await?;
        Ok(Response::new(wire::GetSwitchResponse {
            switch: Some(render::switch(&switch)),
        }))
    }

    async fn list_switches(
        &self,
        request: Request<wire::ListSwitchesRequest>,
    ) -> Answer<wire::ListSwitchesResponse> {
        let request = request.into_inner();
        let mut v = Violations::new();
        let parent = v.parse::<OrAll<ApplicationRef>>("parent", &request.parent);
        let which = if request.open_only {
            Which::Open
        } else {
            Which::Any
        };
        let filter = [
            "switches",
            request.parent.as_str(),
            if request.open_only { "open" } else { "" },
        ];
        let page: Checked<Page<SwitchId>> = Page::read(
            &mut v,
            request.page_size,
            &request.page_token,
            &filter,
            PageSize::USUAL,
        );
        let (parent, page) = v.all((parent, page))?;
        let parent = parent.one().map(|parent| parent.application);
        let read = ::store::read!(self.catalog.db, |tx| {
            if let Some(parent) = &parent {
                registration::application(tx, parent).await?;
            }
            let (before, limit) = (page.after(), page.limit());
            Ok::<_, Error>(switches::list(tx, parent.as_ref(), which, before, limit).await?)
        });
        let mut rows = read.map_err(Problem::from)?;
        let next_page_token = page.finish(&mut rows, |row| row.name.switch);
        Ok(Response::new(wire::ListSwitchesResponse {
            switches: rows.iter().map(render::switch).collect(),
            next_page_token,
        }))
    }

    type WatchSwitchStream =
        Pin<Box<dyn Stream<Item = Result<wire::WatchSwitchResponse, Status>> + Send>>;

    async fn watch_switch(
        &self,
        request: Request<wire::WatchSwitchRequest>,
    ) -> Answer<Self::WatchSwitchStream> {
        let name = name(&request.get_ref().name)?;
        // A name that does not exist is refused before the stream begins.
        find(&self.catalog, &name).await?;
        let watch = Watch {
            catalog: self.catalog.clone(),
            listener: self.catalog.db.listen(SWITCHES),
            name,
            sent: None,
            over: false,
        };
        Ok(Response::new(Box::pin(stream::unfold(
            watch,
            |mut watch| async {
                let next = watch.next().await?;
                Some((next, watch))
            },
        ))))
    }

    async fn wait_switch(
        &self,
        request: Request<wire::WaitSwitchRequest>,
    ) -> Answer<wire::WaitSwitchResponse> {
        let request = request.into_inner();
        let mut v = Violations::new();
        let name = v.parse::<SwitchName>("name", &request.name);
        let bounds = Duration::ZERO..=WAIT_MAX;
        let wait = duration::field(&mut v, "timeout", request.timeout, bounds, WAIT_DEFAULT);
        let (name, wait) = v.all((name, wait))?;
        let switch = tokio::select! {
            biased;
            switch = self.wait(&name, wait) => switch?,
            () = self.stop.cancelled() => {
                let problem = Problem::unavailable(reason::PEER_UNAVAILABLE, "The service is stopping.");
                return Err(problem.retry_after(Duration::from_millis(100)).into());
            }
        };
        Ok(Response::new(wire::WaitSwitchResponse {
            switch: Some(render::switch(&switch)),
        }))
    }

    async fn list_history(
        &self,
        request: Request<wire::ListHistoryRequest>,
    ) -> Answer<wire::ListHistoryResponse> {
        let request = request.into_inner();
        let mut v = Violations::new();
        let parent = v.parse::<ApplicationRef>("parent", &request.parent);
        let filter = ["history", request.parent.as_str()];
        let page: Checked<Page<i64>> = Page::read(
            &mut v,
            request.page_size,
            &request.page_token,
            &filter,
            PageSize::USUAL,
        );
        let (parent, page) = v.all((parent, page))?;
        let application = parent.application;
        let read = ::store::read!(self.catalog.db, |tx| {
            registration::application(tx, &application).await?;
            let (before, limit) = (page.after().copied(), page.limit());
            Ok::<_, Error>(history::list(tx, &application, before, limit).await?)
        });
        let mut rows = read.map_err(Problem::from)?;
        let next_page_token = page.finish(&mut rows, |row| row.number);
        Ok(Response::new(wire::ListHistoryResponse {
            entries: rows
                .into_iter()
                .map(|row| render::history(&application, row))
                .collect(),
            next_page_token,
        }))
    }
}

/// What both confirms ask.
struct Asked<'a> {
    version: &'a str,
    request_id: &'a str,
    reason: &'a str,
    etag: &'a str,
}

impl Switches {
    fn version_act<T>(
        &self,
        request: &Request<T>,
        version: &str,
        reason: &str,
    ) -> Result<(VersionRef, Act), Problem> {
        let mut v = Violations::new();
        let name = v.parse::<VersionRef>("version", version);
        let reason = v.parse::<Prose<500>>("reason", reason);
        let (name, reason) = v.all((name, reason))?;
        Ok((name, act(&self.catalog.clock, request, None, reason)))
    }

    async fn confirm<T>(
        &self,
        request: &Request<T>,
        kind: Kind,
        asked: Asked<'_>,
    ) -> Result<(Option<wire::Switch>, Option<wire::Proposal>), Problem> {
        let mut v = Violations::new();
        let version = v.parse::<VersionRef>("version", asked.version);
        let request_id = v.optional::<RequestId>("request_id", asked.request_id);
        let reason = v.parse::<Prose<500>>("reason", asked.reason);
        let etag = v.optional::<Etag>("etag", asked.etag);
        let (version, request_id, reason, etag) = v.all((version, request_id, reason, etag))?;
        let confirm = Confirm {
            version,
            kind,
            etag,
            act: act(&self.catalog.clock, request, request_id.as_ref(), reason),
            back_from: None,
            approval: None,
        };
        Ok(match confirm::confirm(&self.catalog, &confirm).await? {
            Confirmed::Begun(switch) => (Some(render::switch(&switch)), None),
            Confirmed::Proposed(proposal) => (None, Some(shown::proposal(&proposal))),
        })
    }

    async fn wait(&self, name: &SwitchName, wait: Duration) -> Result<Switch, Problem> {
        let mut listener = self.catalog.db.listen(SWITCHES);
        let began = self.catalog.clock.instant();
        loop {
            let switch = find(&self.catalog, name).await?;
            let passed = self.catalog.clock.instant().saturating_sub(began);
            let left = wait.saturating_sub(passed);
            if switch.state.ended_at().is_some() || left.is_zero() {
                return Ok(switch);
            }
            // That the time is up shows in the next round.
            drop(timeout(left, listener.changed_or(POLL)).await);
        }
    }
}

/// One caller that follows a switch.
struct Watch {
    catalog: Arc<Catalog>,
    listener: ::store::Listener,
    name: SwitchName,
    sent: Option<Revision>,
    over: bool,
}

impl Watch {
    /// Returns the switch once it is another than the one sent last; none after its end.
    async fn next(&mut self) -> Option<Result<wire::WatchSwitchResponse, Status>> {
        if self.over {
            return None;
        }
        loop {
            match find(&self.catalog, &self.name).await {
                Err(problem) => {
                    self.over = true;
                    return Some(Err(problem.into()));
                }
                Ok(switch) if self.sent != Some(switch.revision) => {
                    self.sent = Some(switch.revision);
                    self.over = switch.state.ended_at().is_some();
                    return Some(Ok(wire::WatchSwitchResponse {
                        switch: Some(render::switch(&switch)),
                    }));
                }
                Ok(_) => self.listener.changed_or(POLL).await,
            }
        }
    }
}

fn name(text: &str) -> Result<SwitchName, Problem> {
    let mut v = Violations::new();
    let name = v.parse::<SwitchName>("name", text);
    v.all(name)
}

async fn find(catalog: &Catalog, name: &SwitchName) -> Result<Switch, Problem> {
    let read = ::store::read!(catalog.db, |tx| {
        let switch = switches::find(tx, name).await?;
        switch.ok_or_else(|| Error::NotFound(name.to_string()))
    });
    Ok(read?)
}
