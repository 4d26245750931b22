//! Access tokens as people read them.

use contract::{Code, Problem, RequestId, reason};
use proto::provisioning::v1::{ClientTenant, IssueTokenResponse, token_answer::Result as Told};

use super::{
    View,
    paper::{Paper, bad, dim, strong},
    words::{duration, id, span},
};
use crate::error::Error;

/// What became of each tenant.
pub fn issued(answer: &IssueTokenResponse, view: &View) -> String {
    let mut paper = Paper::new(view);
    for answer in &answer.answers {
        let tenant = strong(id(&answer.tenant));
        paper = match &answer.result {
            Some(Told::Token(token)) => {
                let lifetime = span(token.lifetime).map_or_else(String::new, duration);
                let scopes = match token.scopes.as_slice() {
                    [] => "no scope".to_owned(),
                    scopes => scopes.join(" "),
                };
                paper
                    .line([tenant, dim(format!("for {lifetime}: {scopes}"))])
                    .line([token.access_token.as_str()])
            }
            Some(Told::Refusal(refusal)) => paper.line([tenant, bad(&refusal.message)]),
            None => paper.line([tenant, bad("no answer")]),
        };
    }
    paper.finish()
}

/// Returns the token of the one tenant that was asked for.
pub fn only(answer: &IssueTokenResponse) -> Option<&str> {
    match answer.answers.as_slice() {
        [only] => match &only.result {
            Some(Told::Token(token)) => Some(&token.access_token),
            Some(Told::Refusal(_)) | None => None,
        },
        _ => None,
    }
}

/// Says what kept tenants from a token, if anything did.
pub fn all_issued(answer: &IssueTokenResponse, request_id: &RequestId) -> Result<(), Error> {
    let refusals = answer
        .answers
        .iter()
        .filter_map(|answer| match &answer.result {
            Some(Told::Refusal(refusal)) => Some(refusal),
            Some(Told::Token(_)) | None => None,
        });
    let refusals: Vec<_> = refusals.collect();
    let Some(first) = refusals.first() else {
        return Ok(());
    };
    let known = reason::all()
        .iter()
        .find(|(reason, _)| reason.as_str() == first.reason);
    let (why, advice) = known.unwrap_or(&(reason::NOT_PROVISIONED, ""));
    let message = match answer.answers.len() {
        1 => format!("There is no token: {}.", first.message),
        all => format!("{} of {all} tenants have no token.", refusals.len()),
    };
    let problem = Problem::new(Code::FailedPrecondition, why.clone(), message).next(advice);
    Err(Error::Service {
        problem,
        request_id: request_id.clone(),
    })
}

/// A page of a client's tenants.
pub fn tenants(tenants: &[ClientTenant], view: &View) -> String {
    let rows = tenants
        .iter()
        .map(|listed| vec![strong(id(&listed.tenant))]);
    let none = "There is no tenant that this client can have a token for.";
    Paper::new(view)
        .table(&["TENANT"], rows.collect(), none)
        .finish()
}
