//! Bodies in both directions, streamed and never held in memory.

use std::{convert::Infallible, sync::Arc};

use axum::{
    body::Body,
    extract::{Query, State},
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use futures::StreamExt as _;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::{App, answer, refuse};

/// The largest body in either direction, bytes.
pub(crate) const BODY_BYTES_MAX: u64 = 1 << 30;

/// Bytes sent at once.
const CHUNK: usize = 64 * 1024;

/// Reads the body and answers how long it was and its SHA-256, as lower-case hex.
pub(crate) async fn upload(State(app): State<Arc<App>>, body: Body) -> Response {
    let mut parts = body.into_data_stream();
    let mut digest = Sha256::new();
    let mut bytes = 0u64;
    while let Some(part) = parts.next().await {
        let Ok(part) = part else {
            return refuse(StatusCode::BAD_REQUEST, "the body broke off");
        };
        bytes += part.len() as u64;
        if bytes > BODY_BYTES_MAX {
            let message = format!("a body has at most {BODY_BYTES_MAX} bytes");
            return refuse(StatusCode::PAYLOAD_TOO_LARGE, &message);
        }
        digest.update(&part);
    }
    let sha256: String = digest
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let version = &app.release.version;
    answer(&serde_json::json!({ "version": version, "bytes": bytes, "sha256": sha256 }))
}

#[derive(Deserialize)]
pub(crate) struct Download {
    bytes: u64,
}

/// Sends as many bytes as asked for: the alphabet, again and again.
pub(crate) async fn download(Query(Download { bytes }): Query<Download>) -> Response {
    if bytes > BODY_BYTES_MAX {
        let message = format!("bytes must be at most {BODY_BYTES_MAX}");
        return refuse(StatusCode::BAD_REQUEST, &message);
    }
    // Whole alphabets, so that chunks follow each other without a seam.
    let whole = CHUNK / 26 * 26;
    let chunk: Bytes = (b'a'..=b'z').cycle().take(whole).collect();
    let mut left = usize::try_from(bytes).expect("at most a gibibyte");
    let parts = std::iter::from_fn(move || {
        let size = left.min(whole);
        left -= size;
        (size > 0).then(|| Ok::<_, Infallible>(chunk.slice(..size)))
    });
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_LENGTH, bytes.to_string()),
    ];
    let body = Body::from_stream(futures::stream::iter(parts));
    (headers, body).into_response()
}
