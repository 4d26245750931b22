//! What is asked for, as a form says it.

use axum::{
    body::{Body, Bytes},
    extract::{FromRequest as _, Request},
    http::{HeaderValue, Method, header},
};

use super::refusal::{Refusal, grant_unknown, wrong};

/// The most bytes of a form: a hundred tenants and fifty scopes are fewer.
pub(in crate::edge) const BODY_BYTES_MAX: usize = 16 * 1024;
/// The most parameters of a form.
const PARAMETERS_MAX: usize = 200;
/// The grant that there is.
pub(super) const GRANT: &str = "client_credentials";

/// A form as it was sent. Parameters that it does not know are ignored, as RFC 6749 §3.2 wants; those
/// without a value count as left out.
#[derive(Default)]
pub(super) struct Form {
    grant_type: Option<String>,
    pub(super) client_id: Option<String>,
    pub(super) client_secret: Option<String>,
    /// The id of the version that asks.
    pub(super) version: String,
    /// Ids of tenants, in their order.
    pub(super) tenants: Vec<String>,
    pub(super) scopes: Vec<String>,
}

impl Form {
    /// Reads a form, sent with this content type; the body is none if it could not be read.
    pub(super) async fn parse(
        kind: Option<&HeaderValue>,
        body: Option<Bytes>,
    ) -> Result<Self, Refusal> {
        let body = body.ok_or_else(|| wrong("the form is too large, or broke off"))?;
        let mut request = Request::new(Body::from(body));
        *request.method_mut() = Method::POST;
        if let Some(kind) = kind {
            let headers = request.headers_mut();
            headers.insert(header::CONTENT_TYPE, kind.clone());
        }
        let mut form = Self::default();
        let (mut version, mut scope) = (None, None);
        for (name, value) in pairs(request).await? {
            let place = match name.as_str() {
                "tenant" => {
                    form.tenants.push(value);
                    continue;
                }
                "grant_type" => &mut form.grant_type,
                "client_id" => &mut form.client_id,
                "client_secret" => &mut form.client_secret,
                "version" => &mut version,
                "scope" => &mut scope,
                _ => continue,
            };
            once(&name, place, value)?;
        }
        form.version = version.unwrap_or_default();
        let scope = scope.unwrap_or_default();
        form.scopes = scope
            .split(' ')
            .filter(|s| !s.is_empty())
            .map(str::to_owned)
            .collect();
        Ok(form)
    }

    /// Refuses what is not the grant that there is, or does not say for what a token is to be.
    pub(super) fn check_grant(&self) -> Result<(), Refusal> {
        match self.grant_type.as_deref() {
            Some(GRANT) => {}
            Some(_) => return Err(grant_unknown()),
            None => return Err(wrong("grant_type is missing: it is client_credentials")),
        }
        if self.version.is_empty() {
            return Err(wrong("version is missing: the id of the version that asks"));
        }
        if self.tenants.is_empty() {
            return Err(wrong(
                "tenant is missing: the id of the tenant that the token is for",
            ));
        }
        Ok(())
    }
}

/// Reads size and token of a page from a query.
pub(super) async fn page(query: &str) -> Result<(i32, String), Refusal> {
    let uri = format!("/?{query}");
    let request = Request::builder().uri(uri).body(Body::empty());
    let request = request.map_err(|_| wrong("the query cannot be read"))?;
    let (mut size, mut token) = (None, None);
    for (name, value) in pairs(request).await? {
        match name.as_str() {
            "page_size" => once(&name, &mut size, value)?,
            "page_token" => once(&name, &mut token, value)?,
            "client_id" | "client_secret" => {
                // Addresses are written down on the way.
                return Err(wrong(
                    "client id and secret belong into the field Authorization",
                ));
            }
            _ => {}
        }
    }
    let size = size.unwrap_or_else(|| "0".to_owned());
    let size = size
        .parse()
        .map_err(|_| wrong("page_size is not a number"))?;
    Ok((size, token.unwrap_or_default()))
}

async fn pairs(request: Request) -> Result<Vec<(String, String)>, Refusal> {
    let form = axum::Form::<Vec<(String, String)>>::from_request(request, &()).await;
    let axum::Form(pairs) = form.map_err(|_| wrong("send application/x-www-form-urlencoded"))?;
    if pairs.len() > PARAMETERS_MAX {
        return Err(wrong("there are more than 200 parameters"));
    }
    Ok(pairs
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .collect())
}

fn once(name: &str, place: &mut Option<String>, value: String) -> Result<(), Refusal> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(wrong(&format!("{name} comes twice"))),
    }
}
