//! A notification service that keeps what comes, and is down or picky when told.

use proto::notification::v1::{
    PublishNoticesRequest, PublishNoticesResponse, notice_service_server::NoticeService,
};
use tokio::sync::watch;

use super::*;

/// A notification service that keeps what comes, and is down or picky when told.
#[derive(Clone, Default)]
pub(crate) struct FakeNotification(Arc<Told>);

#[derive(Default)]
struct Told {
    notices: watch::Sender<Vec<Notice>>,
    calls: watch::Sender<usize>,
    mood: Mutex<Mood>,
}

/// How the notification service feels.
#[derive(Default, Clone, PartialEq)]
pub(crate) enum Mood {
    #[default]
    Good,
    /// It answers nothing but that it is not there.
    Down,
    /// It takes what comes, and its answer is lost.
    Forgetful,
    /// It refuses every call with a notice about this tenant.
    Refusing(String),
}

impl FakeNotification {
    pub(crate) fn feel(&self, mood: Mood) {
        *self.0.mood.lock().unwrap_or_else(PoisonError::into_inner) = mood;
    }

    /// Waits until something is found among the notices.
    pub(crate) async fn until<T>(&self, mut find: impl FnMut(&[Notice]) -> Option<T>) -> T {
        let mut notices = self.0.notices.subscribe();
        let search = async {
            loop {
                if let Some(found) = find(&notices.borrow_and_update()) {
                    return found;
                }
                notices.changed().await.unwrap();
            }
        };
        match tokio::time::timeout(PATIENCE, search).await {
            Ok(found) => found,
            Err(_) => panic!("it never came; what came: {:#?}", self.notices()),
        }
    }

    /// Waits until there were more than `calls` calls; returns how many there were.
    pub(crate) async fn called_after(&self, calls: usize) -> usize {
        let mut made = self.0.calls.subscribe();
        let made = tokio::time::timeout(PATIENCE, made.wait_for(|made| *made > calls)).await;
        *made.expect("it was never called").unwrap()
    }

    pub(crate) fn calls(&self) -> usize {
        *self.0.calls.borrow()
    }

    /// Every notice once, in the order of arrival.
    pub(crate) fn notices(&self) -> Vec<Notice> {
        self.0.notices.borrow().clone()
    }
}

/// What makes two notices the same.
fn key(notice: &Notice) -> (String, std::mem::Discriminant<notice::Body>, String) {
    let kind = std::mem::discriminant(notice.body.as_ref().unwrap());
    (
        notice.cause.clone(),
        kind,
        format!("{:?}", notice.recipient),
    )
}

#[tonic::async_trait]
impl NoticeService for FakeNotification {
    async fn publish_notices(
        &self,
        request: Request<PublishNoticesRequest>,
    ) -> Result<Response<PublishNoticesResponse>, Status> {
        let mood = self
            .0
            .mood
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let given = request.into_inner().notices;
        self.0.calls.send_modify(|calls| *calls += 1);
        let away = || Status::from(Problem::unavailable(reason::PEER_UNAVAILABLE, "Not there."));
        match &mood {
            Mood::Down => return Err(away()),
            Mood::Refusing(tenant) => {
                let about = |notice: &Notice| format!("{notice:?}").contains(tenant.as_str());
                if given.iter().any(about) {
                    let refused =
                        Problem::invalid_argument(reason::INVALID_FIELDS, "It cannot be said.");
                    return Err(refused.into());
                }
            }
            Mood::Good | Mood::Forgetful => {}
        }
        let mut created = 0;
        self.0.notices.send_modify(|notices| {
            let mut known: Vec<_> = notices.iter().map(key).collect();
            for notice in given {
                assert!(!notice.cause.is_empty() && notice.cause.len() <= 100);
                if !known.contains(&key(&notice)) {
                    known.push(key(&notice));
                    notices.push(notice);
                    created += 1;
                }
            }
        });
        match mood {
            Mood::Forgetful => Err(away()),
            Mood::Good | Mood::Down | Mood::Refusing(_) => {
                Ok(Response::new(PublishNoticesResponse { created }))
            }
        }
    }
}
