//! A token service that knows one client, and keeps what it hears.

use std::sync::{Arc, Mutex, MutexGuard};

use contract::{Problem, reason};
use proto::provisioning::v1::{
    self as wire,
    token_answer::Result as Told,
    token_service_server::{TokenService, TokenServiceServer},
};
use tonic::{Request, Response, Status};

/// The one client's id and secret.
pub(crate) const CLIENT: (&str, &str) = ("client-1", "pass+word");

/// Clones are the same service.
#[derive(Clone, Default)]
pub(crate) struct Tokens(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    refuse_with: Option<Problem>,
    asked: Vec<wire::IssueTokenRequest>,
    keys: String,
    keys_told: u32,
}

impl Tokens {
    pub(crate) fn service(&self) -> TokenServiceServer<Self> {
        TokenServiceServer::new(self.clone())
    }

    /// Refuses every right secret, or takes it again.
    pub(crate) fn refuse_with(&self, problem: Option<Problem>) {
        self.state().refuse_with = problem;
    }

    /// Returns the requests for tokens, in their order.
    pub(crate) fn asked(&self) -> Vec<wire::IssueTokenRequest> {
        self.state().asked.clone()
    }

    /// Tells these keys from now on.
    pub(crate) fn publish(&self, keys: &str) {
        self.state().keys = keys.to_owned();
    }

    /// Returns how often the keys were asked for.
    pub(crate) fn keys_told(&self) -> u32 {
        self.state().keys_told
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    fn know(&self, id: &str, secret: &str) -> Result<(), Status> {
        if (id, secret) != CLIENT {
            let wrong = "Client id or secret is wrong.";
            return Err(Problem::unauthenticated(reason::CLIENT_INVALID, wrong).into());
        }
        match &self.state().refuse_with {
            Some(problem) => Err(problem.clone().into()),
            None => Ok(()),
        }
    }
}

#[tonic::async_trait]
impl TokenService for Tokens {
    /// Bert has denied.
    async fn issue_token(
        &self,
        request: Request<wire::IssueTokenRequest>,
    ) -> Result<Response<wire::IssueTokenResponse>, Status> {
        let request = request.into_inner();
        self.know(&request.client_id, &request.client_secret)?;
        self.state().asked.push(request.clone());
        let answer = |tenant: &String| wire::TokenAnswer {
            tenant: tenant.clone(),
            result: Some(if tenant == "tenants/bert" {
                Told::Refusal(wire::TokenRefusal {
                    reason: reason::TENANT_DENIED.to_string(),
                    message: "the tenant has denied this version".to_owned(),
                })
            } else {
                Told::Token(wire::AccessToken {
                    access_token: format!("token-of-{tenant}"),
                    lifetime: Some(prost_types::Duration {
                        seconds: 1800,
                        nanos: 0,
                    }),
                    scopes: vec!["read".to_owned(), "write".to_owned()],
                })
            }),
        };
        Ok(Response::new(wire::IssueTokenResponse {
            answers: request.tenants.iter().map(answer).collect(),
        }))
    }

    /// One tenant on a page.
    async fn list_client_tenants(
        &self,
        request: Request<wire::ListClientTenantsRequest>,
    ) -> Result<Response<wire::ListClientTenantsResponse>, Status> {
        let request = request.into_inner();
        self.know(&request.client_id, &request.client_secret)?;
        let (tenant, next) = match request.page_token.as_str() {
            "" => ("tenants/anna", "more"),
            _ => ("tenants/bert", ""),
        };
        Ok(Response::new(wire::ListClientTenantsResponse {
            tenants: vec![wire::ClientTenant {
                tenant: tenant.to_owned(),
            }],
            next_page_token: next.to_owned(),
            version: "applications/crm/versions/2.0".to_owned(),
        }))
    }

    async fn get_keys(
        &self,
        _: Request<wire::GetKeysRequest>,
    ) -> Result<Response<wire::GetKeysResponse>, Status> {
        let mut state = self.state();
        state.keys_told += 1;
        Ok(Response::new(wire::GetKeysResponse {
            jwks: state.keys.clone(),
        }))
    }
}
