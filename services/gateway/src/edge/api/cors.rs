//! What browsers are told of calls that pages of other origins may make: by a list, and nothing by heart.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Response, StatusCode, header},
};

/// The fields that a page of another origin may send; each makes its browser ask first.
const SENT: &str = "authorization, content-type, grpc-timeout, x-grpc-web, x-request-id, x-user-agent, traceparent";
/// The fields of an answer that it may read, beside the usual ones.
const READ: &str = "grpc-status, grpc-message, grpc-status-details-bin, x-request-id";
/// How long browsers remember, in seconds: two hours is the most that any does.
const REMEMBERED: &str = "7200";

/// Tells a browser what a page of an origin that may call may send.
pub(super) fn preflight() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let fields = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "POST"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, SENT),
        (header::ACCESS_CONTROL_MAX_AGE, REMEMBERED),
    ];
    for (name, value) in fields {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Names the origin whose page may read this answer, if one may. Never with cookies: those are for the
/// console's own pages.
pub(super) fn seal(origin: Option<HeaderValue>, headers: &mut HeaderMap) {
    let varies = "origin, access-control-request-method, access-control-request-headers";
    headers.append(header::VARY, HeaderValue::from_static(varies));
    let Some(origin) = origin else {
        return;
    };
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static(READ),
    );
}
