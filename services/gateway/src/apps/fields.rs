//! The fields of a head: what may pass, what is taken away, what the gateway says itself.
//! A head is never passed on as it came.

use std::net::IpAddr;

use contract::{OperatorName, RequestId};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri, Version, header,
    uri::PathAndQuery,
};
use http_body::Body;
use uuid::Uuid;

use super::{
    host::{Address, HostError},
    login::{CSRF, cookie},
    min_generation::MIN_GENERATION,
    refuse::Why,
    snapshot::Serving,
};

/// The most characters of an address.
const URI_MAX: usize = 8 * 1024;
/// The field that names a request from edge to mail.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The field in which a program shows the tester token.
pub(super) const TESTER_TOKEN: HeaderName = HeaderName::from_static("switchover-tester-token");

const TENANT: HeaderName = HeaderName::from_static("switchover-tenant");
const APPLICATION: HeaderName = HeaderName::from_static("switchover-application");
const VERSION: HeaderName = HeaderName::from_static("switchover-version");
const GENERATION: HeaderName = HeaderName::from_static("switchover-generation");
const TESTER: HeaderName = HeaderName::from_static("switchover-tester");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");

/// What of a request's head decides where it goes and how.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Passable {
    /// Host and port as the user wrote them.
    pub(super) host: HeaderValue,
    /// Path and query.
    pub(super) path: PathAndQuery,
    /// Whether the connection is to become a tunnel.
    pub(super) upgrade: Upgrade,
}

/// What an exchange is to become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Upgrade {
    /// A request and its answer, whatever `Upgrade` says.
    None,
    /// A WebSocket (RFC 6455 section 4.1).
    WebSocket,
}

/// Refuses what must not be passed on (RFC 9112 sections 3.2 and 6.3). What hyper has refused or
/// put right before is not seen here.
pub(super) fn check<B: Body>(request: &Request<B>) -> Result<Passable, Why> {
    let fields = request.headers();
    if matches!(*request.method(), Method::CONNECT | Method::TRACE) {
        return Err(Why::MethodRefused);
    }
    if request.uri().to_string().len() > URI_MAX {
        return Err(Why::UriTooLong);
    }
    let chunked = framing(request)?;
    let mut expected = fields.get_all(header::EXPECT).iter();
    if !expected.all(|it| it.as_bytes().eq_ignore_ascii_case(b"100-continue")) {
        return Err(Why::ExpectationRefused);
    }
    let host = host(request.uri(), fields)?;
    let path = request
        .uri()
        .path_and_query()
        .filter(|path| path.as_str().starts_with('/'))
        .cloned();
    let upgrade = upgrade(request);
    if upgrade == Upgrade::WebSocket && (chunked || !request.body().is_end_stream()) {
        return Err(Why::BadRequest);
    }
    Ok(Passable {
        host,
        path: path.ok_or(Why::BadRequest)?,
        upgrade,
    })
}

/// Returns about how many bytes a head takes while its request waits.
pub(super) fn head_bytes<B>(request: &Request<B>) -> usize {
    let fields = request.headers().iter();
    let fields = fields.map(|(name, value)| name.as_str().len() + value.len());
    let address = request.uri().path_and_query();
    request.method().as_str().len()
        + address.map_or(0, |address| address.as_str().len())
        + fields.sum::<usize>()
}

/// Accepts one way only to say where a body ends; tells whether it comes in chunks.
fn framing<B: Body>(request: &Request<B>) -> Result<bool, Why> {
    let fields = request.headers();
    let mut codings = fields.get_all(header::TRANSFER_ENCODING).iter();
    let coding = codings.next();
    let one_chunked = match coding {
        None => true,
        Some(coding) => coding.as_bytes().eq_ignore_ascii_case(b"chunked"),
    };
    let lengths = fields.get_all(header::CONTENT_LENGTH).iter().count();
    let plain_length = fields
        .get(header::CONTENT_LENGTH)
        .is_none_or(|it| !it.is_empty() && it.as_bytes().iter().all(u8::is_ascii_digit));
    let once = codings.next().is_none() && lengths + usize::from(coding.is_some()) <= 1;
    let old = request.version() < Version::HTTP_11;
    let bodiless = matches!(
        *request.method(),
        Method::GET | Method::HEAD | Method::DELETE
    );
    let old_body = old && (coding.is_some() || (bodiless && !request.body().is_end_stream()));
    if one_chunked && once && plain_length && !old_body {
        Ok(coding.is_some())
    } else {
        Err(Why::BadRequest)
    }
}

/// Returns the one host that a request names. Of an absolute address its own host wins (RFC 9112
/// section 3.2.2), and the field must still be there once.
fn host(uri: &Uri, fields: &HeaderMap) -> Result<HeaderValue, Why> {
    let mut hosts = fields.get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return Err(Why::BadHost);
    };
    match (uri.scheme_str(), uri.authority()) {
        (None, None) => Ok(host.clone()),
        (Some("http" | "https"), Some(authority)) => {
            HeaderValue::from_str(authority.as_str()).map_err(|_| Why::BadHost)
        }
        (_, _) => Err(Why::BadRequest),
    }
}

/// Reads where a host leads.
pub(super) fn address(
    host: &HeaderValue,
    operator: &OperatorName,
    apps: &super::AppsUrl,
) -> Result<Address, Why> {
    let host = host.to_str().map_err(|_| Why::BadHost)?;
    Address::parse(host, operator, apps).map_err(|error| match error {
        HostError::Malformed => Why::BadHost,
        HostError::Unknown => Why::UnknownAddress,
    })
}

fn upgrade<B>(request: &Request<B>) -> Upgrade {
    let fields = request.headers();
    let asked = request.method() == Method::GET
        && request.version() == Version::HTTP_11
        && listed(fields, &header::CONNECTION).any(|it| it.eq_ignore_ascii_case("upgrade"))
        && fields.get_all(header::UPGRADE).iter().count() == 1
        && is_websocket(fields);
    if asked {
        Upgrade::WebSocket
    } else {
        Upgrade::None
    }
}

/// Tells whether `Upgrade` names WebSocket and nothing else.
pub(super) fn is_websocket(fields: &HeaderMap) -> bool {
    fields
        .get(header::UPGRADE)
        .is_some_and(|it| it.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// Returns the id that came with a request, or a new one.
pub(super) fn request_id(fields: &HeaderMap) -> RequestId {
    let mut given = fields.get_all(REQUEST_ID).iter();
    let one = match (given.next(), given.next()) {
        (Some(one), None) => one.to_str().ok().and_then(|it| it.parse().ok()),
        (_, _) => None,
    };
    one.unwrap_or_else(|| {
        Uuid::new_v4()
            .to_string()
            .parse()
            .expect("a UUID is 36 printable characters")
    })
}

/// Who a request is from, as the gateway tells the version.
pub(super) struct From<'a> {
    /// Where it was sent.
    pub(super) address: &'a Address,
    /// The operator, whose own tenant testers act in.
    pub(super) operator: &'a OperatorName,
    /// The connection's other end.
    pub(super) peer: IpAddr,
    /// `http` or `https`, as users see it.
    pub(super) scheme: &'static str,
    /// The host as users see it.
    pub(super) host: &'a HeaderValue,
    /// The request.
    pub(super) request_id: &'a RequestId,
}

/// Makes the fields that go to a version of those that came.
///
/// `Host` becomes the upstream's own; what the user wrote is in `X-Forwarded-Host`.
///
/// # Errors
///
/// If the request has been through this gateway, or another of this operator, before.
pub(super) fn to_upstream(
    mut fields: HeaderMap,
    from: &From<'_>,
    serving: &Serving,
    upgrade: Upgrade,
) -> Result<HeaderMap, Why> {
    let pseudonym = format!("switchover-{}", from.operator);
    if been_here(&fields, &pseudonym) {
        return Err(Why::Loop);
    }
    let chunked = fields.contains_key(header::TRANSFER_ENCODING);
    strip_hop_by_hop(&mut fields);
    strip_identity(&mut fields);
    // Every value below is a parsed name, a number or an address: printable ASCII.
    let mut set = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            fields.insert(name, value);
        }
    };
    match from.address {
        Address::User { tenant, .. } => set(TENANT, tenant.as_str()),
        Address::Test { .. } => {
            set(TENANT, from.operator.as_str());
            set(TESTER, "true");
        }
    }
    set(APPLICATION, serving.application.as_str());
    set(VERSION, serving.target.version.as_str());
    if let Some(generation) = serving.generation {
        set(GENERATION, &generation.to_string());
    }
    set(FORWARDED_FOR, &from.peer.to_canonical().to_string());
    set(FORWARDED_PROTO, from.scheme);
    set(REQUEST_ID, from.request_id.as_str());
    fields.insert(FORWARDED_HOST, from.host.clone());
    fields.insert(header::HOST, serving.client.host());
    if let Ok(via) = HeaderValue::from_str(&format!("1.1 {pseudonym}")) {
        fields.append(header::VIA, via);
    }
    if chunked {
        fields.insert(
            header::TRANSFER_ENCODING,
            HeaderValue::from_static("chunked"),
        );
    }
    if upgrade == Upgrade::WebSocket {
        set_websocket(&mut fields);
    }
    Ok(fields)
}

/// Takes away what has a version take a request for one of another method: rules go by the method.
pub(super) fn keep_method(fields: &mut HeaderMap) {
    strip_matching(fields, |name| {
        matches!(
            name,
            "x-http-method-override" | "x-http-method" | "x-method-override"
        )
    });
}

/// Makes the fields that go to a user of those that a version answered with.
pub(super) fn to_user(fields: &mut HeaderMap, serving: &Serving, status: StatusCode) {
    strip_hop_by_hop(fields);
    strip_matching(fields, |name| name.starts_with("switchover-"));
    cookie::keep_others_from_setting(fields);
    let mut set = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            fields.insert(name, value);
        }
    };
    set(VERSION, serving.target.version.as_str());
    if let Some(generation) = serving.generation {
        set(GENERATION, &generation.to_string());
    }
    if status == StatusCode::SWITCHING_PROTOCOLS {
        set_websocket(fields);
    }
}

fn set_websocket(fields: &mut HeaderMap) {
    fields.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    fields.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
}

/// Looks for our name among the hops (RFC 9110 section 7.6.3).
fn been_here(fields: &HeaderMap, pseudonym: &str) -> bool {
    listed(fields, &header::VIA).any(|hop| {
        hop.split_ascii_whitespace()
            .nth(1)
            .is_some_and(|by| by.eq_ignore_ascii_case(pseudonym))
    })
}

/// Takes away what is between two neighbours only (RFC 9110 section 7.6.1): the fields that are
/// always so, and those that `Connection` names.
fn strip_hop_by_hop(fields: &mut HeaderMap) {
    let named: Vec<HeaderName> = listed(fields, &header::CONNECTION)
        .filter_map(|name| name.parse().ok())
        .collect();
    let always = [
        header::CONNECTION,
        KEEP_ALIVE,
        PROXY_CONNECTION,
        header::PROXY_AUTHENTICATE,
        header::PROXY_AUTHORIZATION,
        header::TE,
        header::TRAILER,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
        header::EXPECT,
    ];
    // Where a body ends is for the framing to say, never for a field to take away.
    let named = named.into_iter().filter(|it| *it != header::CONTENT_LENGTH);
    for name in named.chain(always) {
        fields.remove(name);
    }
}

/// Takes away what only the gateway may say, in every spelling that a version might read as such.
fn strip_identity(fields: &mut HeaderMap) {
    strip_matching(fields, |name| {
        name.starts_with("switchover-")
            || name.starts_with("x-forwarded-")
            || matches!(
                name,
                "forwarded" | "x-forwarded" | "x-real-ip" | "x-request-id"
            )
            || *name == MIN_GENERATION
            || *name == CSRF
    });
}

/// Removes fields by their name in lower case with `-` for `_`, as CGI and its heirs mix them up.
fn strip_matching(fields: &mut HeaderMap, matches: impl Fn(&str) -> bool) {
    let gone: Vec<_> = fields
        .keys()
        .filter(|name| matches(&name.as_str().replace('_', "-")))
        .cloned()
        .collect();
    for name in gone {
        fields.remove(name);
    }
}

/// Returns the members of a list field, over all its lines. Lines that are not text have none.
fn listed<'f>(fields: &'f HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'f str> {
    fields
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|member| !member.is_empty())
}
