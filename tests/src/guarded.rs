//! An installation that believes nobody's word: services and the gateway know each other by client
//! certificates, people come by access tokens of an issuer that is not ours, automation by keys.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use contract::{Identity, Role};
use proto::catalog::v1::ListGatewaysRequest;
use runtime::{ClientTls, Credentials, Endpoint, Key, TokenFile};
use tempfile::TempDir;

use crate::{
    api::{Api, Places},
    certificates::{Authority, Certificate},
    http_client::get,
    issuer::{AUDIENCE, Issuer},
    mailbox::Mailbox,
    ports,
    process::{Process, built},
    until::until,
};

/// Roles as the issuer has them.
const PEOPLE: &str = r#"{
    "olga": ["operator-admin", "offline_access"],
    "vera": ["operator-viewer"],
    "tom": ["tenant-admin:anna", "tenant-admin:bert"],
    "eve": ["service", "gateway", "king"]
}"#;
const APPS_DOMAIN: &str = "apps.example";
/// The last year in which the certificates are valid.
pub const VALID: i32 = 2049;

/// The installation while it runs.
pub struct Guarded {
    /// Whose certificates are believed.
    pub authority: Authority,
    /// Whose tokens are believed.
    pub issuer: Issuer,
    services: Vec<Process>,
    upstreams: Vec<Process>,
    ports: Ports,
    // Last, so that everything is gone before its files.
    folder: TempDir,
}

struct Ports {
    catalog: u16,
    provisioning: u16,
    notification: u16,
    control: u16,
    apps: u16,
    edge: u16,
}

impl Guarded {
    /// Starts everything, and waits until the gateway is one of the fleet.
    ///
    /// # Errors
    /// When something does not come up.
    pub async fn start() -> Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("switchover-guarded-")
            .tempdir()?;
        let issuer = Issuer::start(folder.path(), PEOPLE).await?;
        let authority = Authority::new(folder.path(), "authority")?;
        let mailbox = Mailbox::start(folder.path()).await?;
        fs::write(folder.path().join("keys.toml"), "")?;
        let mut guarded = Self {
            authority,
            issuer,
            services: Vec::new(),
            upstreams: Vec::new(),
            ports: Ports {
                catalog: ports::free()?,
                provisioning: ports::free()?,
                notification: ports::free()?,
                control: ports::free()?,
                apps: ports::free()?,
                edge: ports::free()?,
            },
            folder,
        };
        guarded.serve(&mailbox)?;
        match guarded.come_up().await {
            Ok(()) => Ok(guarded),
            Err(fault) => Err(guarded.explain(fault)),
        }
    }

    fn serve(&mut self, mailbox: &Mailbox) -> Result<()> {
        let Ports {
            catalog,
            provisioning,
            notification,
            control,
            apps,
            edge,
        } = self.ports;
        let places = [
            format!("--edge-url=http://127.0.0.1:{edge}"),
            format!("--notification={}", place(notification)),
        ];
        let [edge_url, to_notification] = &places;
        let apps_url = format!("--apps-url=http://{APPS_DOMAIN}:{apps}");
        let to_catalog = format!("--catalog={}", place(catalog));
        let to_provisioning = format!("--provisioning={}", place(provisioning));
        let smtp = format!("--smtp={}", mailbox.smtp_url());
        let database = |name: &str| format!("--database=sqlite:{}", self.file(name));
        let all = [
            (
                "catalog",
                "service",
                vec![
                    format!("--listen=127.0.0.1:{catalog}"),
                    database("catalog.db"),
                    to_provisioning.clone(),
                    to_notification.clone(),
                    edge_url.clone(),
                    apps_url.clone(),
                    "--operator=acme".to_owned(),
                    "--allow-loopback-upstreams".to_owned(),
                ],
            ),
            (
                "provisioning",
                "service",
                vec![
                    format!("--listen=127.0.0.1:{provisioning}"),
                    database("provisioning.db"),
                    format!("--seal-key={}", self.file("provisioning.key")),
                    to_catalog.clone(),
                    to_notification.clone(),
                    edge_url.clone(),
                ],
            ),
            (
                "notification",
                "service",
                vec![
                    format!("--listen=127.0.0.1:{notification}"),
                    database("notification.db"),
                    format!("--seal-key={}", self.file("notification.key")),
                    smtp,
                    "--mail-from=Acme <switchover@acme.example>".to_owned(),
                    "--operator-mail=ops@acme.example".to_owned(),
                    "--operator-name=Acme".to_owned(),
                    edge_url.clone(),
                ],
            ),
            (
                "gateway",
                "gateway",
                vec![
                    format!("--listen=127.0.0.1:{control}"),
                    format!("--apps-listen=127.0.0.1:{apps}"),
                    format!("--edge-listen=127.0.0.1:{edge}"),
                    to_catalog,
                    to_provisioning,
                    to_notification.clone(),
                    edge_url.clone(),
                    apps_url,
                    "--gateway=gateway-1".to_owned(),
                    "--operator=acme".to_owned(),
                    "--operator-name=Acme".to_owned(),
                    format!("--state-dir={}", self.file("gateway")),
                ],
            ),
        ];
        for (service, kind, flags) in all {
            let name = match kind {
                "gateway" => "gateway-1",
                _ => service,
            };
            let own = self.certificate(kind, name)?;
            let ca = self.authority.certificate();
            let mut words = vec!["serve".to_owned(), service.to_owned()];
            words.extend(flags);
            for (flag, path) in [
                ("--tls-cert", &own.cert),
                ("--tls-key", &own.key),
                ("--tls-client-ca", &ca),
                ("--tls-ca", &ca),
                ("--keys", &self.folder.path().join("keys.toml")),
            ] {
                words.push(format!("{flag}={}", path.display()));
            }
            words.push(format!("--oidc-issuer={}", self.issuer.url()));
            words.push(format!("--oidc-audience={AUDIENCE}"));
            let mut process = Process::new(name, built("switchover")?, words, self.folder.path());
            process.start()?;
            self.services.push(process);
        }
        Ok(())
    }

    async fn come_up(&self) -> Result<()> {
        let api = self.api(&self.person("olga").await?)?;
        let ready = async || {
            let request = ListGatewaysRequest::default();
            let answer = api.fleet.clone().list_gateways(request).await?.into_inner();
            Ok(answer.gateways.iter().any(|gateway| gateway.ready))
        };
        until("the gateway to be ready", ready, |ready| *ready).await?;
        Ok(())
    }

    /// Issues the certificate of a `service` or a `gateway`, instead of the one before.
    ///
    /// # Errors
    /// When its files cannot be written.
    pub fn certificate(&self, kind: &str, name: &str) -> Result<Certificate> {
        let uri = format!("spiffe://switchover/{kind}/{name}");
        self.authority.issue(name, &uri, VALID)
    }

    /// Returns where a file of this installation is.
    #[must_use]
    pub fn file(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// Writes a text into a file of this name and returns where it is.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.folder.path().join(name);
        fs::write(&path, text)?;
        Ok(path)
    }

    /// Returns how encrypted connections are made that show no certificate.
    ///
    /// # Errors
    /// When the authority's file cannot be read.
    pub fn tls(&self) -> Result<ClientTls> {
        Ok(ClientTls::trusting(Some(&self.authority.certificate()))?)
    }

    /// Returns how somebody calls with this token.
    ///
    /// # Errors
    /// When its file cannot be written.
    pub fn bearer(&self, name: &str, token: &str) -> Result<Credentials> {
        self.bearer_as(name, token, None)
    }

    fn bearer_as(&self, name: &str, token: &str, chosen: Option<&Identity>) -> Result<Credentials> {
        let path = self.keep(&format!("{name}.token"), token)?;
        let token = Credentials::Token(TokenFile::open(&path, chosen)?);
        Ok(Credentials::Over(self.tls()?, Box::new(token)))
    }

    /// Returns how one of the issuer's people calls, with a new token.
    ///
    /// # Errors
    /// When the issuer gives none.
    pub async fn person(&self, name: &str) -> Result<Credentials> {
        self.bearer(name, &self.issuer.token(name, AUDIENCE).await?)
    }

    /// Returns how one of the issuer's people calls as the administrator of a tenant, with a new token.
    ///
    /// # Errors
    /// When the issuer gives none.
    pub async fn person_for(&self, name: &str, tenant: &str) -> Result<Credentials> {
        let tenant = Identity::new(Role::TenantAdmin, &format!("tenants/{tenant}"))?;
        let token = self.issuer.token(name, AUDIENCE).await?;
        self.bearer_as(name, &token, Some(&tenant))
    }

    /// Makes a key with more lines in its entry, and returns how its holder calls.
    ///
    /// # Errors
    /// When the file of the keys cannot be written.
    pub fn key(&self, role: &str, subject: &str, more: &str) -> Result<Credentials> {
        let key = Key::generate();
        let path = self.folder.path().join("keys.toml");
        let digest = key.digest();
        let before = fs::read_to_string(&path)?;
        let entry = format!(
            "{before}[[key]]\nsha256 = \"{digest}\"\nrole = \"{role}\"\nsubject = \"{subject}\"\n{more}\n"
        );
        fs::write(&path, entry)?;
        Ok(Credentials::Over(
            self.tls()?,
            Box::new(Credentials::Key(key)),
        ))
    }

    /// Returns where the services are.
    ///
    /// # Errors
    /// Never; the addresses are ours.
    pub fn places(&self) -> Result<Places> {
        Ok(Places {
            catalog: self.catalog()?,
            provisioning: place(self.ports.provisioning).parse()?,
            notification: place(self.ports.notification).parse()?,
        })
    }

    /// Returns where the catalog is.
    ///
    /// # Errors
    /// Never; the address is ours.
    pub fn catalog(&self) -> Result<Endpoint> {
        Ok(place(self.ports.catalog).parse()?)
    }

    /// Returns where the gateway's control is.
    ///
    /// # Errors
    /// Never; the address is ours.
    pub fn control(&self) -> Result<Endpoint> {
        Ok(place(self.ports.control).parse()?)
    }

    /// Returns the services as somebody calls them.
    ///
    /// # Errors
    /// When the credentials do not fit.
    pub fn api(&self, credentials: &Credentials) -> Result<Api> {
        Api::new(&self.places()?, credentials)
    }

    /// Starts a release of the sample application and returns its URL.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn upstream(&mut self, version: &str) -> Result<String> {
        let port = ports::free()?;
        let words = vec![version.to_owned(), port.to_string()];
        let name = format!("demo-{version}");
        let mut process = Process::new(&name, built("upstream")?, words, self.folder.path());
        process.start()?;
        let url = format!("http://127.0.0.1:{port}");
        until("the sample application", || get(&url, &[]), |_| true).await?;
        self.upstreams.push(process);
        Ok(url)
    }

    /// Returns what a tenant's user is answered, at the gateway.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn visit(&self, tenant: &str, application: &str) -> Result<String> {
        let apps = self.ports.apps;
        let host = format!("{tenant}-{application}-acme.{APPS_DOMAIN}:{apps}");
        let url = format!("http://127.0.0.1:{apps}/");
        let fields = [("host", &*host), ("accept", "application/json")];
        Ok(get(&url, &fields).await?.text())
    }

    /// Returns all that the processes have printed.
    ///
    /// # Errors
    /// When a log cannot be read.
    pub fn logs(&self) -> Result<String> {
        let mut all = String::new();
        for entry in fs::read_dir(self.folder.path())? {
            let path = entry?.path();
            if path.extension().is_some_and(|end| end == "log") {
                all.push_str(&read(&path)?);
            }
        }
        Ok(all)
    }

    /// Adds what the processes printed last to a fault.
    #[must_use]
    pub fn explain(&self, fault: anyhow::Error) -> anyhow::Error {
        let logs: String = self.services.iter().map(Process::tail).collect();
        fault.context(logs)
    }
}

fn read(path: &Path) -> Result<String> {
    let bytes = fs::read(path).with_context(|| path.display().to_string())?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn place(port: u16) -> String {
    format!("https://127.0.0.1:{port}")
}
