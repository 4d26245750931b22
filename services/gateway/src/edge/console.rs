//! The console: one page for all its paths, and its files, as they were built. A debug build reads them
//! from the disk, so that they change without it; a release has them in itself.

use std::borrow::Cow;

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Response, StatusCode, header},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rust_embed::RustEmbed;

#[cfg(test)]
mod tests;

/// What `cargo xtask console` makes; nothing where that was not run.
#[derive(RustEmbed)]
#[folder = "../console/dist"]
#[allow_missing = true]
struct Built;

/// The page.
const PAGE: &str = "index.html";
/// Where all other files are.
const FILES: &str = "assets/";
/// What the page may load, run and talk to: itself.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; object-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'";
/// Of a file whose name changes with what is in it.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// Of all others: kept, and asked for whether it is still the same.
const ASK_AGAIN: &str = "no-cache";
/// Letters that a name has for what is in the file, behind the last `-`.
const DIGEST_CHARS: usize = 8;

/// How a file is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    Brotli,
    Gzip,
    Plain,
}

impl Coding {
    /// Best first.
    const ALL: [Self; 3] = [Self::Brotli, Self::Gzip, Self::Plain];

    /// Returns its name in HTTP.
    fn name(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Gzip => "gzip",
            Self::Plain => "identity",
        }
    }

    /// Returns what the compressed file's name ends in.
    fn end(self) -> &'static str {
        match self {
            Self::Brotli => ".br",
            Self::Gzip => ".gz",
            Self::Plain => "",
        }
    }

    /// Tells whether whoever asks takes it; what is not compressed, everybody does.
    fn is_taken(self, headers: &HeaderMap) -> bool {
        let fields = headers.get_all(header::ACCEPT_ENCODING).iter();
        let mut named = fields
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .map(|part| part.split_once(';').unwrap_or((part, "")));
        self == Self::Plain
            || named.any(|(name, weight)| {
                let none = matches!(weight.trim(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000");
                name.trim().eq_ignore_ascii_case(self.name()) && !none
            })
    }
}

/// Returns the page, if the console was built.
pub(super) fn page(headers: &HeaderMap) -> Option<Response<Body>> {
    file(PAGE, headers)
}

/// Returns a file by its path, such as `/assets/look.js`.
pub(super) fn asset(path: &str, headers: &HeaderMap) -> Option<Response<Body>> {
    let name = path.strip_prefix('/')?;
    let plain = name.starts_with(FILES) && !name.ends_with(".br") && !name.ends_with(".gz");
    plain.then(|| file(name, headers))?
}

/// Tells whether whoever asks for something takes a page for it.
pub(super) fn takes_page(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT);
    accept
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("text/html"))
        && !super::wants_json(headers)
}

fn file(name: &str, headers: &HeaderMap) -> Option<Response<Body>> {
    let (coding, found) = Coding::ALL
        .into_iter()
        .filter(|coding| coding.is_taken(headers))
        .find_map(|coding| Some((coding, Built::get(&format!("{name}{}", coding.end()))?)))?;
    let digest = found.metadata.sha256_hash();
    Some(answer(name, coding, (found.data, digest), headers))
}

fn answer(
    name: &str,
    coding: Coding,
    (data, digest): (Cow<'static, [u8]>, [u8; 32]),
    asked: &HeaderMap,
) -> Response<Body> {
    let digest = URL_SAFE_NO_PAD.encode(digest);
    let tag = format!("\"{digest}\"");
    let kept = if is_named_for_content(name) {
        FOR_EVER
    } else {
        ASK_AGAIN
    };
    let known = asked
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|known| known.trim().trim_start_matches("W/") == tag);
    let mut response = Response::new(Body::empty());
    let headers = response.headers_mut();
    let fields = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, kept),
        (header::VARY, "accept-encoding"),
        (header::CONTENT_TYPE, kind(name)),
    ];
    for (field, value) in fields {
        headers.insert(field, HeaderValue::from_static(value));
    }
    if coding != Coding::Plain {
        let coding = HeaderValue::from_static(coding.name());
        headers.insert(header::CONTENT_ENCODING, coding);
    }
    if let Ok(tag) = HeaderValue::try_from(tag) {
        headers.insert(header::ETAG, tag);
    }
    if known {
        headers.remove(header::CONTENT_TYPE);
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return response;
    }
    *response.body_mut() = match data {
        Cow::Borrowed(bytes) => Body::from(bytes),
        Cow::Owned(bytes) => Body::from(bytes),
    };
    response
}

/// Tells whether a file's name changes with what is in it, as `index-Bq51JjLS.js` does.
fn is_named_for_content(name: &str) -> bool {
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    let Some((before, digest)) = stem
        .len()
        .checked_sub(DIGEST_CHARS)
        .and_then(|at| stem.split_at_checked(at))
    else {
        return false;
    };
    let mixed = digest
        .bytes()
        .any(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase());
    before.ends_with('-') && digest.bytes().all(letter) && mixed
}

fn kind(name: &str) -> &'static str {
    match name.rsplit_once('.').map_or("", |(_, end)| end) {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "json" | "map" => "application/json",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
