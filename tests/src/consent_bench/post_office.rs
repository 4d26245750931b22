//! A notification service of its own, and the notices that it is given.

use std::{path::Path, time::Duration};

use anyhow::Result;
use contract::Role;
use proto::notification::v1::{
    DenyOffered, MailAddress, Notice, PublishNoticesRequest, Subject, TenantRecipient,
    inbox_service_client::InboxServiceClient,
    notice::{Body, Recipient},
    notice_service_client::NoticeServiceClient,
};
use runtime::{Client, Credentials, connect_lazy};
use store::testing::Cluster;
use tempfile::TempDir;

use super::sink::Sink;
use crate::{
    ports,
    process::{Process, built},
    until::until,
    world::Database,
};

/// Notices of one request: as many as the service takes.
const AT_ONCE: usize = 500;
/// Long after the benchmark.
const DAY: Duration = Duration::from_secs(24 * 3600);

/// A notification service that sends to a sink.
pub(super) struct PostOffice {
    notices: NoticeServiceClient<Client>,
    pub(super) inboxes: InboxServiceClient<Client>,
    pub(super) sink: Sink,
    process: Process,
    _cluster: Option<Cluster>,
    _folder: TempDir,
}

impl PostOffice {
    /// Starts it; it sends this many mails at the same time, each on a connection of its own.
    pub(super) async fn open(database: Database, connections: u8) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let sink = Sink::start().await?;
        let port = ports::free()?;
        let (cluster, url) = place(database, folder.path())?;
        let words = [
            "serve",
            "notification",
            &format!("--listen=127.0.0.1:{port}"),
            &format!("--database={url}"),
            &format!("--smtp=smtp://127.0.0.1:{}", sink.port()),
            "--mail-from=Acme <switchover@acme.example>",
            "--operator-mail=ops@acme.example",
            "--operator-name=Acme",
            "--edge-url=http://127.0.0.1:1",
            &format!("--seal-key={}", folder.path().join("key").display()),
            &format!("--sends-in-flight={connections}"),
            &format!("--smtp-connections={connections}"),
        ];
        let words = words.map(str::to_owned).to_vec();
        let mut process = Process::new("notification", built("switchover")?, words, folder.path());
        process.start()?;
        let endpoint = format!("http://127.0.0.1:{port}").parse()?;
        let service = Credentials::claimed(Role::Service, "provisioning")?;
        let operator = Credentials::claimed(Role::OperatorAdmin, "people/olga")?;
        let office = Self {
            notices: NoticeServiceClient::new(connect_lazy(&endpoint, &service)?),
            inboxes: InboxServiceClient::new(connect_lazy(&endpoint, &operator)?),
            sink,
            process,
            _cluster: cluster,
            _folder: folder,
        };
        let ready = || async { office.publish(0..0).await };
        until("notification", ready, |_| true).await?;
        Ok(office)
    }

    /// Offers these tenants, one contact each, to deny a version.
    pub(super) async fn publish(&self, tenants: std::ops::Range<u32>) -> Result<()> {
        let tenants: Vec<u32> = tenants.collect();
        if tenants.is_empty() {
            let nothing = PublishNoticesRequest {
                notices: Vec::new(),
            };
            self.notices.clone().publish_notices(nothing).await?;
        }
        for some in tenants.chunks(AT_ONCE) {
            let notices = some.iter().map(|number| notice(*number)).collect();
            let request = PublishNoticesRequest { notices };
            let published = self.notices.clone().publish_notices(request).await;
            published.map_err(|status| anyhow::Error::from(status).context(self.process.tail()))?;
        }
        Ok(())
    }
}

fn place(database: Database, folder: &Path) -> Result<(Option<Cluster>, String)> {
    match database {
        Database::Sqlite => {
            let file = folder.join("notification.db");
            Ok((None, format!("sqlite:{}", file.display())))
        }
        Database::Postgres => {
            let cluster = Cluster::start(folder);
            let url = format!("{}?schema=notification", cluster.url_text());
            Ok((Some(cluster), url))
        }
    }
}

pub(super) fn tenant(number: u32) -> String {
    format!("t{number:06}")
}

fn notice(number: u32) -> Notice {
    let tenant = tenant(number);
    let now = runtime::Clock::real().now();
    let time = contract::time::write(now);
    let body = DenyOffered {
        subject: Some(Subject {
            application: "applications/shop".to_owned(),
            application_display_name: "Shop".to_owned(),
            tenant: format!("tenants/{tenant}"),
            tenant_display_name: format!("Tenant {number}"),
        }),
        source_version: "1.0".to_owned(),
        target_version: "2.0".to_owned(),
        token: "a".repeat(43),
        expire_time: Some(contract::time::write(now + DAY)),
    };
    Notice {
        cause: format!("bench {number}"),
        time: Some(time),
        recipient: Some(Recipient::Tenant(TenantRecipient {
            tenant: format!("tenants/{tenant}"),
            addresses: vec![MailAddress {
                email: format!("admin@{tenant}.example"),
                display_name: String::new(),
            }],
        })),
        body: Some(Body::DenyOffered(body)),
        ..Notice::default()
    }
}
