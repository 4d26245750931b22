//! Mails a second, beside a bare loop of the same library against the same server.

use std::time::Duration;

use anyhow::{Context as _, Result};
use lettre::{
    Address,
    address::Envelope,
    transport::smtp::{client::AsyncSmtpConnection, extension::ClientId},
};
use serde::Serialize;
use tokio::{net::TcpStream, task::JoinSet, time::Instant};

use super::{post_office::PostOffice, rate, sink::Sink};
use crate::world::Database;

/// Mails over each connection of the bare loop as it comes: each takes 40 ms.
const BARE_MAX: u32 = 100;
/// How long the bare loop waits for an answer.
const ANSWER_MAX: Duration = Duration::from_secs(30);
/// Bytes of a mail of the bare loop: as many as one of ours has.
const BYTES: usize = 6000;

/// How many mails left a second over so many connections.
#[derive(Debug, Clone, Serialize)]
pub struct Sending {
    /// Connections to the server.
    pub connections: u8,
    /// Mails of each.
    pub mails: u32,
    /// The service's mails a second: claimed, sent, and written down as sent.
    pub ours_per_second: f64,
    /// The bare loop's, with connections as the library makes them.
    pub bare_per_second: f64,
    /// The same with connections as ours are, on which no mail waits for a delayed acknowledgement.
    pub bare_without_delay_per_second: f64,
    /// Ours by the bare loop's.
    pub ratio: f64,
}

pub(super) async fn measure(database: Database, connections: u8, mails: u32) -> Result<Sending> {
    let few = mails.min(BARE_MAX * u32::from(connections));
    let as_it_comes = bare(connections, few, Socket::AsItComes).await?;
    let without_delay = bare(connections, mails, Socket::WithoutDelay).await?;
    let office = PostOffice::open(database, connections).await?;
    office.publish(0..mails).await?;
    let start = Instant::now();
    office.sink.open();
    office.sink.has_taken(mails.into()).await?;
    let ours = rate(mails, start.elapsed());
    Ok(Sending {
        connections,
        mails,
        ours_per_second: ours,
        bare_per_second: as_it_comes,
        bare_without_delay_per_second: without_delay,
        ratio: (ours / as_it_comes * 1e3).round() / 1e3,
    })
}

/// How the bare loop connects.
#[derive(Clone, Copy)]
enum Socket {
    /// As the library does.
    AsItComes,
    /// As the service does.
    WithoutDelay,
}

/// Sends as fast as the library does.
async fn bare(connections: u8, mails: u32, socket: Socket) -> Result<f64> {
    let sink = Sink::start().await?;
    let address = |text: &str| text.parse::<Address>().context("an address of ours");
    let envelope = Envelope::new(
        Some(address("switchover@acme.example")?),
        vec![address("admin@anna.example")?],
    )?;
    let line = format!("{}\r\n", "x".repeat(70));
    let mail = format!(
        "Message-ID: <1@acme.example>\r\n\r\n{}",
        line.repeat(BYTES / line.len())
    );
    let start = Instant::now();
    sink.open();
    let mut sending = JoinSet::new();
    for connection in 0..u32::from(connections) {
        let (envelope, mail, port) = (envelope.clone(), mail.clone(), sink.port());
        let part =
            mails / u32::from(connections) + u32::from(connection < mails % u32::from(connections));
        sending.spawn(async move {
            let hello = ClientId::default();
            let server = ("127.0.0.1", port);
            let mut connection = match socket {
                Socket::AsItComes => {
                    let limit = Some(ANSWER_MAX);
                    AsyncSmtpConnection::connect_tokio1(server, limit, &hello, None, None).await?
                }
                Socket::WithoutDelay => {
                    let stream = TcpStream::connect(server).await?;
                    stream.set_nodelay(true)?;
                    AsyncSmtpConnection::connect_with_transport(Box::new(stream), &hello).await?
                }
            };
            for _ in 0..part {
                connection.send(&envelope, mail.as_bytes()).await?;
            }
            connection.quit().await?;
            anyhow::Ok(())
        });
    }
    while let Some(sent) = sending.join_next().await {
        sent??;
    }
    let took = start.elapsed();
    sink.has_taken(mails.into()).await?;
    Ok(rate(mails, took))
}
