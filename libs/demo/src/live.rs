//! Connections that stay: an event stream and a WebSocket. Both end in good order with the server.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    extract::{
        State, WebSocketUpgrade,
        ws::{CloseFrame, Message, WebSocket, close_code},
    },
    response::{
        IntoResponse as _, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures::StreamExt as _;
use tokio::time::{MissedTickBehavior, interval};
use tokio_stream::wrappers::IntervalStream;

use crate::App;

/// Time between two events.
const TICK: Duration = Duration::from_secs(1);

/// The longest WebSocket message, bytes.
const MESSAGE_BYTES_MAX: usize = 1 << 20;

/// Sends an event every second, the first at once; each has the version as its data.
pub(crate) async fn events(State(app): State<Arc<App>>) -> Response {
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let version = app.release.version.clone();
    let events = IntervalStream::new(ticks)
        .enumerate()
        .map(move |(number, _)| {
            let event = Event::default().event("tick").id(number.to_string());
            Ok::<_, Infallible>(event.data(&version))
        })
        .take_until(async move { app.ended().await });
    Sse::new(events)
        .keep_alive(KeepAlive::default())
        .into_response()
}

/// Says the version, then repeats every message.
pub(crate) async fn websocket(State(app): State<Arc<App>>, upgrade: WebSocketUpgrade) -> Response {
    upgrade
        .max_message_size(MESSAGE_BYTES_MAX)
        .on_upgrade(move |socket| echo(app, socket))
}

async fn echo(app: Arc<App>, mut socket: WebSocket) {
    let hello = Message::text(format!("version {}", app.release.version));
    if socket.send(hello).await.is_err() {
        return;
    }
    loop {
        let message = tokio::select! {
            message = socket.recv() => message,
            () = app.ended() => {
                let goodbye = Message::Close(Some(CloseFrame {
                    code: close_code::AWAY,
                    reason: "this version is stopping".into(),
                }));
                // Whoever has gone already needs no goodbye.
                socket.send(goodbye).await.ok();
                return;
            }
        };
        let answered = match message {
            Some(Ok(message @ (Message::Text(_) | Message::Binary(_)))) => {
                socket.send(message).await
            }
            // Pings and closes are answered by the protocol itself.
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(()),
            Some(Ok(Message::Close(_)) | Err(_)) | None => return,
        };
        if answered.is_err() {
            return;
        }
    }
}
