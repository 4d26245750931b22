//! Shows mails on their way.

use contract::{DeliveryId, DeliveryName, Fault, Page, PageSize, Problem, Prose, Violations, time};
use proto::notification::v1 as wire;
use runtime::Clock;
use store::Db;
use tonic::{Request, Response, Status};

use super::refuse;
use crate::{
    bounce::{self, MessageId},
    delivery::{State, Words},
    error::Error,
    sender,
    store::{
        deliveries::{self, Stored, Word},
        tries::{self, Try},
    },
};

/// Serves `DeliveryService`.
pub(crate) struct Deliveries {
    /// Where they are.
    pub(crate) db: Db,
    /// What time it is.
    pub(crate) clock: Clock,
}

#[tonic::async_trait]
impl wire::delivery_service_server::DeliveryService for Deliveries {
    async fn list_deliveries(
        &self,
        request: Request<wire::ListDeliveriesRequest>,
    ) -> Result<Response<wire::ListDeliveriesResponse>, Status> {
        let request = request.into_inner();
        let mut v = Violations::new();
        let state = match wire::DeliveryState::try_from(request.state) {
            Ok(state) => contract::Checked::right(from_state(state)),
            Err(_) => v.wrong("state", Fault::OutOfRange, "is not a state of a delivery"),
        };
        let filter = request.state.to_string();
        let page = Page::<DeliveryId>::read(
            &mut v,
            request.page_size,
            &request.page_token,
            &["deliveries", &filter],
            PageSize::USUAL,
        );
        let (state, page) = v.all((state, page)).map_err(refuse)?;
        let mut rows = store::read!(self.db, |tx| {
            deliveries::list(tx, state, page.after().copied(), page.limit())
                .await
                .map_err(Error::from)
        })?;
        let next_page_token = page.finish(&mut rows, |last| last.id);
        let deliveries = rows.iter().map(|row| render(row, &[])).collect();
        Ok(Response::new(wire::ListDeliveriesResponse {
            deliveries,
            next_page_token,
        }))
    }

    async fn get_delivery(
        &self,
        request: Request<wire::GetDeliveryRequest>,
    ) -> Result<Response<wire::GetDeliveryResponse>, Status> {
        let name = name(&request.into_inner().name).map_err(refuse)?;
        let delivery = self.shown(&name).await?;
        Ok(Response::new(wire::GetDeliveryResponse {
            delivery: Some(delivery),
        }))
    }

    async fn retry_delivery(
        &self,
        request: Request<wire::RetryDeliveryRequest>,
    ) -> Result<Response<wire::RetryDeliveryResponse>, Status> {
        let name = name(&request.into_inner().name).map_err(refuse)?;
        let delivery = sender::retry_now(&self.db, &self.clock, name.delivery).await?;
        let tries = store::read!(self.db, |tx| tries::list(tx, delivery.id)
            .await
            .map_err(Error::from))?;
        Ok(Response::new(wire::RetryDeliveryResponse {
            delivery: Some(render(&delivery, &tries)),
        }))
    }

    async fn report_bounce(
        &self,
        request: Request<wire::ReportBounceRequest>,
    ) -> Result<Response<wire::ReportBounceResponse>, Status> {
        let request = request.into_inner();
        let mut v = Violations::new();
        let message_id = v.parse::<MessageId>("message_id", &request.message_id);
        let diagnostic = v.parse::<Prose<4000>>("diagnostic", &request.diagnostic);
        let said = request.diagnostic.trim().is_empty();
        v.check(!said, "diagnostic", Fault::Missing, "is needed");
        let (message_id, diagnostic) = v.all((message_id, diagnostic)).map_err(refuse)?;
        let words = Words::new(diagnostic.as_str());
        let delivery = bounce::report(&self.db, &self.clock, &message_id, words).await?;
        let tries = store::read!(self.db, |tx| tries::list(tx, delivery.id)
            .await
            .map_err(Error::from))?;
        Ok(Response::new(wire::ReportBounceResponse {
            delivery: Some(render(&delivery, &tries)),
        }))
    }
}

impl Deliveries {
    async fn shown(&self, name: &DeliveryName) -> Result<wire::Delivery, Error> {
        store::read!(self.db, |tx| {
            let Some(delivery) = deliveries::find(tx, name.delivery).await? else {
                return Err(Error::NoDelivery(name.clone()));
            };
            Ok(render(&delivery, &tries::list(tx, delivery.id).await?))
        })
    }
}

fn name(text: &str) -> Result<DeliveryName, Problem> {
    let mut v = Violations::new();
    let name = v.parse("name", text);
    v.all(name)
}

fn from_state(state: wire::DeliveryState) -> Option<Word> {
    match state {
        wire::DeliveryState::Unspecified => None,
        wire::DeliveryState::Queued => Some(Word::Queued),
        wire::DeliveryState::Sending => Some(Word::Sending),
        wire::DeliveryState::Sent => Some(Word::Sent),
        wire::DeliveryState::Failed => Some(Word::Failed),
        wire::DeliveryState::Dead => Some(Word::Dead),
        wire::DeliveryState::Bounced => Some(Word::Bounced),
    }
}

pub(crate) fn render(stored: &Stored, tries: &[Try]) -> wire::Delivery {
    let reason = stored.progress.told().map(|(_, why)| why.to_string());
    let mut bounced = None;
    let (state, next, sent) = match &stored.progress.state {
        State::Queued { next, .. } => (wire::DeliveryState::Queued, Some(*next), None),
        State::Sending { .. } => (wire::DeliveryState::Sending, None, None),
        State::Sent { at } => (wire::DeliveryState::Sent, None, Some(*at)),
        State::Bounced { sent, at, .. } => {
            bounced = Some(*at);
            (wire::DeliveryState::Bounced, None, Some(*sent))
        }
        State::Failed { .. } => (wire::DeliveryState::Failed, None, None),
        State::Dead { .. } => (wire::DeliveryState::Dead, None, None),
    };
    wire::Delivery {
        name: DeliveryName {
            delivery: stored.id,
        }
        .to_string(),
        recipient: stored.recipient.clone(),
        kind: stored.kind.clone(),
        subject: stored.subject.clone(),
        message_id: stored.message_id.clone(),
        state: state.into(),
        try_count: i32::try_from(stored.try_count).unwrap_or(i32::MAX),
        tries: tries
            .iter()
            .map(|one| wire::DeliveryTry {
                time: Some(time::write(one.time)),
                outcome: one.outcome.clone(),
            })
            .collect(),
        next_try_time: next.map(time::write),
        create_time: Some(time::write(stored.created)),
        send_time: sent.map(time::write),
        request_id: stored.request_id.clone(),
        reason: reason.unwrap_or_default(),
        bounce_time: bounced.map(time::write),
    }
}
