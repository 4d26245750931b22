//! Keeps inboxes and sends mails: what other services want people to know becomes one event in an inbox
//! and one mail to each address, however often it is told and whatever crashes.

use std::{net::SocketAddr, sync::Arc};

use ::store::Db;
use proto::notification::v1::{
    delivery_service_server::DeliveryServiceServer, inbox_service_server::InboxServiceServer,
    notice_service_server::NoticeServiceServer,
    subscription_service_server::SubscriptionServiceServer,
};
use runtime::{Error, Seal, Server, Shell, serve::MESSAGE_BYTES_MAX};
use tokio::sync::Semaphore;

mod api;
mod bounce;
mod category;
mod config;
mod delivery;
mod dkim;
mod error;
mod event;
mod look;
mod message;
mod notice;
mod preview;
mod publish;
mod render;
mod retention;
mod samples;
mod sender;
mod smtp;
mod store;
mod texts;
mod trail;
mod unsubscribe;

pub use bounce::{Bounce, MessageId, NoBounce, NoMessageId, read_bounce};
pub use config::{Config, EdgeUrl, LISTEN, MailFrom, SmtpArgs};
pub use dkim::{
    Key as DkimKey, KeyFile as DkimKeyFile, KeyFileError as DkimKeyFileError, Record as DkimRecord,
    Selector as DkimSelector,
};
pub use look::{Colour, LogoArg, LookArgs};
pub use notice::DisplayName;
pub use preview::{Preview, previews};
pub use retention::RetentionArgs;
pub use smtp::{InvalidSmtpUrl, SmtpUrl};

/// Serves notices, inboxes and deliveries, and sends mails, until `shell` stops; returns the address once
/// it accepts calls.
///
/// # Errors
/// If the configuration cannot work, or the database or the address is not to be had.
pub async fn start(config: Config, shell: Shell) -> Result<SocketAddr, Error> {
    let listen = config.service.listen_or(config::LISTEN);
    let access = config.service.access(listen, &shell.clock())?;
    let settings = config.smtp.settings()?;
    let relay = Arc::new(smtp::Relay::new(settings)?);
    let seal_path = config.seal_path()?;
    let signer = config.signer()?;
    let look = config.look.look()?;
    if config.operator_mail.is_empty() {
        tracing::warn!("no --operator-mail: the operator is told of denials in its inbox alone");
    }

    if config.sends_to_domain >= config.sends_in_flight {
        tracing::warn!(
            "--sends-to-domain is not less than --sends-in-flight: one slow domain can delay all mails"
        );
    }

    let db = Db::open(&config.database, &store::MIGRATIONS)
        .await
        .map_err(|error| Error::unavailable(config.database.to_string(), error))?;
    // Replicas agree on what is due when.
    let common = db.clone();
    runtime::clock::share_time(&shell, move || {
        let common = common.clone();
        async move { common.server_time().await }
    })
    .await;
    let seal = Arc::new(Seal::load_or_create(seal_path)?);
    let publisher = publish::Publisher {
        db: db.clone(),
        clock: shell.clock(),
        seal: Arc::clone(&seal),
        renderer: Arc::new(render::Renderer::new(
            config.operator_name,
            config.edge_url,
            look,
        )),
        from: config.mail_from.clone(),
        signer: Arc::new(signer),
        operator: config.operator_mail,
    };
    shell.spawn(
        "retention",
        retention::run(db.clone(), shell.clock(), config.keep, shell.stopping()),
    );
    let subscriptions = SubscriptionServiceServer::new(api::subscriptions::Subscriptions {
        db: db.clone(),
        clock: shell.clock(),
        seal: Arc::clone(&seal),
    });
    let sender = sender::Sender {
        db: db.clone(),
        clock: shell.clock(),
        seal,
        relay,
        from: config.mail_from.address,
        gate: Arc::new(Semaphore::new(config.sends_in_flight.into())),
        domains: sender::Domains::new(config.sends_to_domain.into()),
        ledger: sender::Ledger::new(db.clone(), shell.clock()),
    };
    shell.spawn("mails", sender.run(shell.stopping()));

    let audit_log = audit::log(audit::Service::Notification, db.clone());
    let notices = NoticeServiceServer::new(api::notices::Notices { publisher });
    let inboxes = InboxServiceServer::new(api::inbox::Inboxes {
        db: db.clone(),
        clock: shell.clock(),
    });
    let deliveries = DeliveryServiceServer::new(api::deliveries::Deliveries {
        db,
        clock: shell.clock(),
    });
    Server::builder(&shell, access)
        .reflection(config.service.reflection)
        .add_service(notices.max_decoding_message_size(MESSAGE_BYTES_MAX))
        .add_service(inboxes.max_decoding_message_size(MESSAGE_BYTES_MAX))
        .add_service(subscriptions.max_decoding_message_size(MESSAGE_BYTES_MAX))
        .add_service(deliveries.max_decoding_message_size(MESSAGE_BYTES_MAX))
        .add_service(audit_log)
        .serve(listen)
        .await
}

#[cfg(test)]
mod tests;
