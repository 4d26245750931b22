//! What a tenant has open ends when its access does: through the operator or by its own decision, at
//! every gateway, and nobody else's with it.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, ensure};
use futures::{SinkExt as _, StreamExt as _};
use http::{Request, StatusCode};
use proto::provisioning::v1::RemoveProvisioningRequest;
use runtime::net::Stream;
use tests::{
    api::Confirm,
    consent_page::{Choice, decide},
    http_client::get,
    shop,
    until::{PATIENCE, until},
    world::{Database, World},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Message, protocol::frame::coding::CloseCode},
};

#[tokio::test(flavor = "multi_thread")]
async fn what_a_tenant_has_open_ends_with_its_access_at_every_gateway() -> Result<()> {
    let mut world = World::start(Database::Sqlite, 2).await?;
    match endings(&mut world).await {
        Ok(()) => Ok(()),
        Err(fault) => Err(world.explain(fault)),
    }
}

async fn endings(world: &mut World) -> Result<()> {
    let api = world.api.clone();
    shop::open(world, &["anna", "bert", "carl"]).await?;
    api.register_to_test("shop", "2.0").await?;
    api.switch_to(Confirm::Update, "shop", "2.0").await?;

    let mut annas = Open::everywhere(world, "anna").await?;
    let berts = Open::everywhere(world, "bert").await?;
    let carls = Open::everywhere(world, "carl").await?;

    api.provisionings
        .clone()
        .remove_provisioning(RemoveProvisioningRequest {
            tenant: "tenants/bert".to_owned(),
            application: "applications/shop".to_owned(),
            reason: "the contract has ended".to_owned(),
        })
        .await?;
    for open in berts {
        open.ended().await.context("bert was removed")?;
    }
    refused(world, "bert").await?;

    let link = link(world, "carl").await?;
    let page = decide(&link, Choice::Deny).await?;
    ensure!(page.status == StatusCode::OK, "{page:?}");
    for open in carls {
        open.ended().await.context("carl has denied")?;
    }
    refused(world, "carl").await?;

    for open in &mut annas {
        open.goes_on().await.context("anna has done nothing")?;
    }
    Ok(())
}

/// What one user has open through one gateway.
struct Open {
    socket: WebSocketStream<Stream>,
    events: Stream,
}

impl Open {
    /// Opens a WebSocket and an event stream through each gateway.
    async fn everywhere(world: &World, tenant: &str) -> Result<Vec<Self>> {
        let host = world.user_host(tenant, "shop");
        let mut all = Vec::new();
        for door in world.doors() {
            all.push(Self {
                socket: web_socket(door.address, &host).await?,
                events: events(door.address, &host).await?,
            });
        }
        Ok(all)
    }

    async fn goes_on(&mut self) -> Result<()> {
        self.socket.send(Message::text("still there?")).await?;
        let answer = next(&mut self.socket).await?;
        ensure!(answer == Message::text("still there?"), "{answer:?}");
        // An event a second; whatever has come, an end has not.
        let mut some = [0; 1];
        let read = timeout(PATIENCE, self.events.read(&mut some)).await??;
        ensure!(read == 1, "the event stream has ended");
        Ok(())
    }

    async fn ended(mut self) -> Result<()> {
        let said = next(&mut self.socket).await?;
        let Message::Close(Some(close)) = said else {
            anyhow::bail!("{said:?} is no Close");
        };
        ensure!(close.code == CloseCode::Policy, "{close:?}");
        let mut rest = Vec::new();
        let reading = self.events.read_to_end(&mut rest);
        timeout(PATIENCE, reading)
            .await
            .context("the stream's end")??;
        let rest = String::from_utf8_lossy(&rest);
        let whole = rest == "0\r\n\r\n" || rest.ends_with("\r\n0\r\n\r\n");
        ensure!(whole, "not whole: {rest:?}");
        Ok(())
    }
}

async fn next(socket: &mut WebSocketStream<Stream>) -> Result<Message> {
    let message = timeout(PATIENCE, socket.next()).await?;
    Ok(message.context("the socket has ended without a word")??)
}

async fn web_socket(address: SocketAddr, host: &str) -> Result<WebSocketStream<Stream>> {
    let request = Request::get(format!("ws://{host}/ws"))
        .header("host", host)
        .header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        .body(())?;
    let (mut socket, _) = client_async(request, Stream::connect(address).await?).await?;
    let hello = next(&mut socket).await?;
    ensure!(hello == Message::text("version 2.0"), "{hello:?}");
    Ok(socket)
}

/// Asks for the sample application's events and waits for the first one.
async fn events(address: SocketAddr, host: &str) -> Result<Stream> {
    let mut stream = Stream::connect(address).await?;
    // `close`: the end of the stream is the end of the connection.
    let head = format!("GET /events HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await?;
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains("data: 2.0") {
        let mut piece = [0; 1024];
        let read = timeout(PATIENCE, stream.read(&mut piece)).await??;
        ensure!(read > 0, "{}", String::from_utf8_lossy(&seen));
        seen.extend_from_slice(&piece[..read]);
    }
    Ok(stream)
}

/// Returns the link of the mail that told a tenant of the switch.
async fn link(world: &World, tenant: &str) -> Result<String> {
    let address = format!("admin@{tenant}.example");
    let asked = || async {
        let mails = world.mailbox.mails().await?;
        let links = mails.iter().filter(|mail| mail.is_to(&address));
        Ok(links
            .filter_map(|mail| mail.consent_link().ok().map(str::to_owned))
            .next_back())
    };
    let link = until("the mail", asked, Option::is_some).await?;
    link.context("a link that was there a moment ago")
}

async fn refused(world: &World, tenant: &str) -> Result<()> {
    let host = world.user_host(tenant, "shop");
    for door in world.doors() {
        let url = format!("http://{}/api/whoami", door.address);
        let fields = [("host", host.as_str()), ("accept", "application/json")];
        let answer = get(&url, &fields).await?;
        ensure!(answer.status == StatusCode::FORBIDDEN, "{answer:?}");
    }
    Ok(())
}
