//! One release of the sample application as a process of its own: `upstream VERSION PORT
//! [--identity-jwks URL]`. With the URL of gateways' keys it answers only what came through them, for the
//! application `shop`.

use anyhow::Context as _;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let version = arguments
        .next()
        .context("the first argument is the version")?;
    let port: u16 = arguments
        .next()
        .context("the second argument is the port")?
        .parse()?;
    let release = demo::Release {
        version,
        hue: 210,
        summary: "A release under test".to_owned(),
        roles: Vec::new(),
        scopes: Vec::new(),
    };
    let guard = match (arguments.next().as_deref(), arguments.next()) {
        (None, _) => None,
        (Some("--identity-jwks"), Some(keys)) => Some(demo::Guard::new(&keys, "shop")?),
        (Some(other), _) => anyhow::bail!("{other} is not known, or says nothing"),
    };
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    let mut terminate = signal(SignalKind::terminate())?;
    demo::serve_behind(listener, release, guard, async move {
        terminate.recv().await;
    })
    .await?;
    Ok(())
}
