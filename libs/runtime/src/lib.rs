//! How every Switchover process lives: tasks with names, time as a value, a server with its layers,
//! clients that say who they are, logs that never block. Knows no service and no database.

pub mod caller;
pub mod client;
pub mod clock;
pub mod config;
pub mod disk;
pub mod error;
pub mod fault;
pub mod follow;
pub mod net;
mod process;
pub mod request;
pub mod retry;
pub mod seal;
pub mod serve;
pub mod shell;
pub mod sign;
#[cfg(feature = "faults")]
pub mod simulation;
pub mod telemetry;
pub mod tls;

pub use caller::{Access, Key, TokensArgs};
pub use client::{Client, Credentials, Endpoint, HeldKey, TokenFile, channel_lazy, connect_lazy};
pub use clock::Clock;
pub use config::{ProcessArgs, ServiceArgs};
pub use error::{Error, exit};
pub use process::{install_crypto, main};
pub use retry::{Backoff, Stopped};
pub use seal::Seal;
pub use serve::Server;
pub use shell::{Latch, Shell};
pub use sign::{PublicKey, SigningKey};
pub use tls::{ClientTls, TlsArgs};
pub use tokio_util::sync::CancellationToken;
