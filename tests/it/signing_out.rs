//! A sign-out holds at every gateway, whoever has a copy of the cookie, and for what is open already.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use futures::StreamExt as _;
use http::{Method, StatusCode};
use serde_json::Value;
use tests::{
    until::until,
    world::{Database, Part, World},
};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Message, client::IntoClientRequest as _, protocol::frame::coding::CloseCode},
};

use crate::signing_in::{Browser, Setting, open_shop};

/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_out_holds_at_every_gateway_that_reaches_the_catalog() -> Result<()> {
    let (setting, mut world) = Setting::start(Database::Postgres).await?;
    match Box::pin(story(&setting, &mut world)).await {
        Ok(()) => Ok(()),
        Err(fault) => Err(world.explain(fault)),
    }
}

async fn story(setting: &Setting, world: &mut World) -> Result<()> {
    open_shop(world).await?;
    let host = world.user_host("hall", "shop");
    let user = User {
        setting,
        host: &host,
    };

    // At one gateway, heard at the other, which still knows it after a restart.
    let (mut anna, mut copy) = user.sign_in(world, "anna.hall.clerk").await?;
    let socket = user.open(world, 1, &copy).await?;
    let onward = user.sign_out(&mut anna).await?;
    user.until_out(&mut copy).await?;
    ended(socket)
        .await
        .context("the socket at the other gateway")?;
    world.kill(Part::Gateway(1)).await?;
    world.restart(Part::Gateway(1)).await?;
    ensure!(!user.is_in(&mut copy).await?, "after a restart");

    // Of the provider, which tells one gateway alone.
    let provider = setting.issuer().replace("http://", "");
    let mut again = Browser::new(world, 0);
    again
        .jars
        .insert(provider.clone(), anna.jars[&provider].clone());
    setting
        .sign_in(&mut again, &host, "anna.hall.clerk")
        .await?;
    let mut copy = user.copy(world, &again);
    ensure!(user.is_in(&mut copy).await?, "at the other gateway");
    let socket = user.open(world, 1, &copy).await?;
    let done = setting.go_through(&mut anna, &onward, "").await?;
    ensure!(done.ends_with("/.switchover/signed-out"), "{done}");
    ensure!(!user.is_in(&mut again).await?, "where it was heard");
    user.until_out(&mut copy).await?;
    ended(socket)
        .await
        .context("the socket at the other gateway")?;

    // While the catalog is away it holds where it was heard, and is carried on later: also by a gateway
    // that was killed meanwhile.
    let (mut carl, mut copy) = user.sign_in(world, "carl.hall.clerk").await?;
    world.kill(Part::Catalog).await?;
    user.sign_out(&mut carl).await?;
    ensure!(!user.is_in(&mut carl).await?, "at once");
    ensure!(user.is_in(&mut copy).await?, "nobody could tell it yet");
    world.kill(Part::Gateway(0)).await?;
    world.relaunch(Part::Gateway(0))?;
    world.restart(Part::Catalog).await?;
    user.until_out(&mut copy).await?;
    world.ready(Part::Gateway(0)).await?;
    ensure!(!user.is_in(&mut carl).await?, "after a restart");
    Ok(())
}

/// How somebody uses the application.
struct User<'a> {
    setting: &'a Setting,
    host: &'a str,
}

impl User<'_> {
    /// Signs somebody in at the first gateway; returns their browser, and one at the other gateway that has
    /// a copy of its cookies.
    async fn sign_in(&self, world: &World, who: &str) -> Result<(Browser, Browser)> {
        let mut browser = Browser::new(world, 0);
        self.setting.sign_in(&mut browser, self.host, who).await?;
        let mut copy = self.copy(world, &browser);
        for it in [&mut browser, &mut copy] {
            ensure!(self.is_in(it).await?, "{who} is signed in");
        }
        Ok((browser, copy))
    }

    fn copy(&self, world: &World, of: &Browser) -> Browser {
        let mut copy = Browser::new(world, 1);
        copy.jars = of.jars.clone();
        copy
    }

    async fn is_in(&self, browser: &mut Browser) -> Result<bool> {
        let answer = browser.fetch(self.host, "/api/whoami").await?;
        match answer.status {
            StatusCode::OK => Ok(true),
            StatusCode::UNAUTHORIZED => Ok(false),
            _ => anyhow::bail!("{answer:?}"),
        }
    }

    async fn until_out(&self, browser: &mut Browser) -> Result<()> {
        let browser = tokio::sync::Mutex::new(browser);
        let look = || async {
            {
                let mut browser = browser.lock().await;
                self.is_in(&mut browser).await
            }
        };
        until("the session is over", look, |is_in| !is_in).await?;
        Ok(())
    }

    /// Signs out, keeping the cookies; returns where to sign out of the provider.
    async fn sign_out(&self, browser: &mut Browser) -> Result<String> {
        let kept = browser.jars.clone();
        let session = browser.fetch(self.host, "/.switchover/session").await?;
        let session: Value = serde_json::from_slice(&session.body)?;
        let csrf = session["csrf"].as_str().context("a word against forgery")?;
        let fields = [("x-switchover-csrf", csrf)];
        let path = "/.switchover/sign-out";
        let out = browser.ask(Method::POST, self.host, path, &fields).await?;
        ensure!(out.status == StatusCode::OK, "{out:?}");
        let out: Value = serde_json::from_slice(&out.body)?;
        browser.jars = kept;
        let onward = out["continue_at"].as_str().context("where to sign out")?;
        Ok(onward.to_owned())
    }

    /// Opens a WebSocket through a gateway.
    async fn open(
        &self,
        world: &World,
        gateway: usize,
        browser: &Browser,
    ) -> Result<WebSocketStream<TcpStream>> {
        let cookies = browser.jars[self.host].iter();
        let cookies: Vec<_> = cookies
            .map(|it| format!("{}={}", it.name, it.value))
            .collect();
        let mut request = format!("ws://{}/ws", self.host).into_client_request()?;
        let fields = request.headers_mut();
        fields.insert("cookie", cookies.join("; ").parse()?);
        fields.insert("origin", format!("http://{}", self.host).parse()?);
        let stream = TcpStream::connect(world.doors()[gateway].address).await?;
        let (mut socket, _) = client_async(request, stream).await?;
        let hello = next(&mut socket).await?;
        ensure!(hello == Message::text("version 1.0"), "{hello:?}");
        Ok(socket)
    }
}

async fn next(socket: &mut WebSocketStream<TcpStream>) -> Result<Message> {
    let message = timeout(PATIENCE, socket.next()).await?;
    Ok(message.context("the socket has ended without a word")??)
}

async fn ended(mut socket: WebSocketStream<TcpStream>) -> Result<()> {
    let said = next(&mut socket).await?;
    let Message::Close(Some(close)) = said else {
        anyhow::bail!("{said:?} is no Close");
    };
    ensure!(close.code == CloseCode::Policy, "{close:?}");
    Ok(())
}
