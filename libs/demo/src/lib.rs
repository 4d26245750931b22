//! The sample application: a small web application that says its version wherever one looks.
//! It knows nothing of what runs, routes or upgrades it.

mod identity;
mod live;
mod page;
mod transfer;

use std::{
    collections::BTreeMap,
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{
    Extension, Router,
    extract::{Path, Query, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    middleware::{Next, from_fn_with_state, map_response_with_state},
    response::{IntoResponse, Response},
    routing::{get, post},
    serve::ListenerExt as _,
};
use serde::{Deserialize, Serialize};
use tokio::{net::TcpListener, sync::watch, time::timeout};

use identity::Caller;
pub use identity::Guard;

/// The response header in which every answer names the version that gave it.
pub const VERSION_HEADER: &str = "demo-version";

/// The longest that `/api/slow` waits.
pub const SLOW_MAX: Duration = Duration::from_secs(600);

/// Headers of the router in front begin with this; `/api/whoami` repeats them.
const FORWARDED_PREFIX: &str = "switchover-";

/// One release of the application.
#[derive(Debug, Clone)]
pub struct Release {
    /// What it calls itself, such as `2.0`. Visible ASCII, since it goes into a header.
    pub version: String,
    /// Its colour, as a hue in degrees.
    pub hue: u16,
    /// What is new in it, for people.
    pub summary: String,
    /// What its users may be.
    pub roles: Vec<Role>,
    /// What it may do for tenants by itself; empty when it does nothing for them.
    pub scopes: Vec<String>,
}

/// What a user may be.
#[derive(Debug, Clone)]
pub struct Role {
    /// Its name.
    pub name: String,
    /// What it may do, for people.
    pub description: String,
}

struct App {
    release: Release,
    version: HeaderValue,
    healthy: AtomicBool,
    ending: watch::Receiver<bool>,
    /// Where it is told who asks; none: everybody may, and nobody is known.
    guard: Option<Guard>,
}

impl App {
    /// Waits until the server is told to stop.
    async fn ended(&self) {
        let mut ending = self.ending.clone();
        // The other end is gone only once the server is: that is an end as well.
        ending.wait_for(|ended| *ended).await.ok();
    }
}

/// Serves the release on `listener` until `stop`, then closes its long-lived connections and ends
/// once the last request is answered.
///
/// # Errors
/// When the version does not fit a header, or the listener fails.
pub async fn serve(
    listener: TcpListener,
    release: Release,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    serve_behind(listener, release, None, stop).await
}

/// Serves as [`serve`] does, and answers only those whom the router in front has let through, if there is
/// a guard; whether it is healthy it tells everybody.
///
/// # Errors
/// When the version does not fit a header, or the listener fails.
pub async fn serve_behind(
    listener: TcpListener,
    release: Release,
    guard: Option<Guard>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let (end, ending) = watch::channel(false);
    let app = router(release, guard, ending)?;
    // Small answers must not wait for more to send.
    let listener = listener.tap_io(|stream| {
        stream.set_nodelay(true).ok();
    });
    axum::serve(listener, app)
        .with_graceful_shutdown(async move {
            stop.await;
            end.send_replace(true);
        })
        .await
}

fn router(
    release: Release,
    guard: Option<Guard>,
    ending: watch::Receiver<bool>,
) -> io::Result<Router> {
    let version = HeaderValue::from_str(&release.version)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
    let app = Arc::new(App {
        release,
        version,
        healthy: AtomicBool::new(true),
        ending,
        guard,
    });
    Ok(Router::new()
        .route("/", get(page::home))
        .route("/roles", get(page::roles))
        .route("/api/whoami", get(whoami))
        .route("/api/slow", get(slow))
        .route("/api/upload", post(transfer::upload).put(transfer::upload))
        .route("/api/download", get(transfer::download))
        .route("/events", get(live::events))
        .route("/ws", get(live::websocket))
        .fallback(nothing_here)
        .layer(from_fn_with_state(app.clone(), let_through))
        .route("/health", get(health))
        .route("/health/{state}", post(set_health))
        .layer(map_response_with_state(app.clone(), name_version))
        .with_state(app))
}

/// Refuses whoever has come around the router in front.
async fn let_through(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    if let Some(guard) = &app.guard {
        let caller = guard.caller(request.headers(), &app.release.version);
        match caller.await {
            Some(caller) => drop(request.extensions_mut().insert(caller)),
            None => {
                let message = "this request has not come through the router in front";
                return refuse(StatusCode::FORBIDDEN, message);
            }
        }
    }
    next.run(request).await
}

async fn name_version(State(app): State<Arc<App>>, mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(HeaderName::from_static(VERSION_HEADER), app.version.clone());
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[derive(Serialize)]
struct WhoAmI<'a> {
    version: &'a str,
    hue: u16,
    summary: &'a str,
    /// The headers of the router in front, as received.
    headers: BTreeMap<String, String>,
    tenant: Option<String>,
    generation: Option<u64>,
    tester: bool,
    /// Who is signed in, if the router in front sees to that.
    user: Option<String>,
    roles: Vec<String>,
}

async fn whoami(
    State(app): State<Arc<App>>,
    caller: Option<Extension<Caller>>,
    headers: HeaderMap,
) -> Response {
    let (user, roles) = match caller {
        Some(Extension(caller)) => (caller.sub, caller.roles),
        None => (None, Vec::new()),
    };
    let forwarded: BTreeMap<_, _> = headers
        .iter()
        .filter(|(name, _)| name.as_str().starts_with(FORWARDED_PREFIX))
        .map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.as_str().to_owned(), value)
        })
        .collect();
    let of = |name: &str| forwarded.get(&format!("{FORWARDED_PREFIX}{name}")).cloned();
    answer(&WhoAmI {
        version: &app.release.version,
        hue: app.release.hue,
        summary: &app.release.summary,
        tenant: of("tenant"),
        generation: of("generation").and_then(|text| text.parse().ok()),
        tester: of("tester").is_some_and(|text| text == "true"),
        user,
        roles,
        headers: forwarded,
    })
}

#[derive(Deserialize)]
struct Slow {
    ms: u64,
}

async fn slow(State(app): State<Arc<App>>, Query(Slow { ms }): Query<Slow>) -> Response {
    let time = Duration::from_millis(ms);
    if time > SLOW_MAX {
        let message = format!("ms must be at most {}", SLOW_MAX.as_millis());
        return refuse(StatusCode::BAD_REQUEST, &message);
    }
    // The time-out is the point: nothing but the end of the server comes before it.
    match timeout(time, app.ended()).await {
        Ok(()) => refuse(StatusCode::SERVICE_UNAVAILABLE, "this version is stopping"),
        Err(_elapsed) => {
            answer(&serde_json::json!({ "version": app.release.version, "waited_ms": ms }))
        }
    }
}

async fn health(State(app): State<Arc<App>>) -> Response {
    if app.healthy.load(Ordering::Relaxed) {
        format!("{} is well\n", app.release.version).into_response()
    } else {
        let text = format!("{} was switched red\n", app.release.version);
        (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
    }
}

async fn set_health(State(app): State<Arc<App>>, Path(state): Path<String>) -> Response {
    let healthy = match state.as_str() {
        "green" => true,
        "red" => false,
        _ => return refuse(StatusCode::NOT_FOUND, "health is switched green or red"),
    };
    app.healthy.store(healthy, Ordering::Relaxed);
    health(State(app)).await
}

async fn nothing_here() -> Response {
    refuse(StatusCode::NOT_FOUND, "there is nothing here")
}

fn refuse(status: StatusCode, message: &str) -> Response {
    (status, answer(&serde_json::json!({ "error": message }))).into_response()
}

/// Answers as JSON with a line end, for those who read it on a terminal.
fn answer(content: &impl Serialize) -> Response {
    let mut text = serde_json::to_string(content).expect("answers are text and numbers");
    text.push('\n');
    ([(header::CONTENT_TYPE, "application/json")], text).into_response()
}

#[cfg(test)]
mod tests;
