//! Tokens for backends. Nothing in this file logs a secret or a token.

use std::collections::BTreeSet;

use contract::{
    Checked, Fault, Page, PageSize, TenantId, TenantRef, VersionName, Violations, duration,
};
use proto::provisioning::v1::{
    AccessToken, ClientTenant, GetKeysRequest, GetKeysResponse, IssueTokenRequest,
    IssueTokenResponse, ListClientTenantsRequest, ListClientTenantsResponse, TokenAnswer,
    TokenRefusal, token_answer, token_service_server::TokenService,
};
use tokens::{LIFETIME, secrets::SECRET_MAX};
use tonic::{Request, Response, Status};

use super::Api;
use crate::{
    issuing::{self, Answer, Client, Wanted},
    signing,
};

/// The longest client id that is looked up; ours have 22 characters.
pub(super) const CLIENT_MAX: usize = 100;
/// Tenants of one request.
const TENANTS_MAX: usize = 100;
/// Scopes of one request: a version is granted no more.
const SCOPES_MAX: usize = 50;
/// The longest scope.
const SCOPE_MAX: usize = 100;
const SIZES: PageSize = PageSize {
    default: 50,
    max: 1000,
};

#[tonic::async_trait]
impl TokenService for Api {
    async fn issue_token(
        &self,
        request: Request<IssueTokenRequest>,
    ) -> Result<Response<IssueTokenResponse>, Status> {
        let IssueTokenRequest {
            client_id,
            client_secret,
            version,
            tenants,
            scopes,
        } = request.into_inner();
        let mut v = Violations::new();
        let client = client(&mut v, client_id, client_secret);
        let version = v.parse::<VersionName>("version", &version);
        let mut seen = BTreeSet::new();
        let tenants = v.each("tenants", &tenants, 1..=TENANTS_MAX, |v, tenant| {
            let tenant = v.parse::<TenantRef>("", tenant).map(|name| name.tenant);
            if let Some(tenant) = tenant.value()
                && !seen.insert(tenant.clone())
            {
                v.add("", Fault::Conflicting, "is named before");
            }
            tenant
        });
        let scopes = read_scopes(&mut v, scopes);
        let (client, version, tenants, scopes) = v.all((client, version, tenants, scopes))?;
        let wanted = Wanted {
            version,
            tenants,
            scopes,
        };
        let answers = issuing::issue(&self.service, &client, &wanted).await?;
        Ok(Response::new(IssueTokenResponse {
            answers: answers.into_iter().map(render).collect(),
        }))
    }

    async fn list_client_tenants(
        &self,
        request: Request<ListClientTenantsRequest>,
    ) -> Result<Response<ListClientTenantsResponse>, Status> {
        let ListClientTenantsRequest {
            client_id,
            client_secret,
            page_size,
            page_token,
        } = request.into_inner();
        let mut v = Violations::new();
        let filter = ["client tenants", &client_id];
        let page = Page::<TenantId>::read(&mut v, page_size, &page_token, &filter, SIZES);
        let client = client(&mut v, client_id.clone(), client_secret);
        let (client, page) = v.all((client, page))?;
        let mut listed =
            issuing::tenants(&self.service, &client, page.after(), page.limit()).await?;
        let next_page_token = page.finish(&mut listed.tenants, Clone::clone);
        let tenants = listed.tenants.into_iter().map(|tenant| ClientTenant {
            tenant: TenantRef::from(tenant).to_string(),
        });
        Ok(Response::new(ListClientTenantsResponse {
            tenants: tenants.collect(),
            next_page_token,
            version: listed.credential.version().to_string(),
        }))
    }

    async fn get_keys(
        &self,
        _: Request<GetKeysRequest>,
    ) -> Result<Response<GetKeysResponse>, Status> {
        let ring = signing::ring(&self.service).await?;
        let jwks = ring.jwks(self.service.now()).to_string();
        Ok(Response::new(GetKeysResponse { jwks }))
    }
}

fn client(v: &mut Violations, id: String, secret: String) -> Checked<Client> {
    for (field, text, max) in [
        ("client_id", &id, CLIENT_MAX),
        ("client_secret", &secret, SECRET_MAX),
    ] {
        if text.is_empty() {
            v.add(field, Fault::Missing, "must not be empty");
        }
        let described = format_args!("must have at most {max} characters");
        v.check(text.len() <= max, field, Fault::OutOfRange, described);
    }
    // No other was ever issued, and not every database takes every text.
    v.check(
        is_printable(&id),
        "client_id",
        Fault::Malformed,
        "must be printable ASCII characters",
    );
    Checked::right(Client {
        id,
        secret: secret.into(),
    })
}

/// Tells whether a text can be shown on a line, and stored.
pub(super) fn is_printable(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Reads scopes of the field `scopes`.
pub(super) fn read_scopes(v: &mut Violations, given: Vec<String>) -> Checked<BTreeSet<String>> {
    let scopes = v.each("scopes", given, 0..=SCOPES_MAX, |v, scope| {
        let fits = (1..=SCOPE_MAX).contains(&scope.len()) && is_printable(&scope);
        let described = "must have 1 to 100 printable ASCII characters";
        v.check(fits, "", Fault::OutOfRange, described);
        Checked::right(scope)
    });
    scopes.map(|scopes| scopes.into_iter().collect())
}

fn render((tenant, token): Answer) -> TokenAnswer {
    let result = match token {
        Ok(token) => token_answer::Result::Token(AccessToken {
            access_token: token.text,
            lifetime: Some(duration::write(LIFETIME)),
            scopes: token.scopes.into_iter().collect(),
        }),
        Err(refusal) => token_answer::Result::Refusal(TokenRefusal {
            reason: refusal.reason().to_owned(),
            message: refusal.to_string(),
        }),
    };
    TokenAnswer {
        tenant: TenantRef::from(tenant).to_string(),
        result: Some(result),
    }
}
