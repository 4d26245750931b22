//! What a gateway is told of users' sign-in.

use std::path::{Path, PathBuf};

use clap::Args;
use oidc::{Client, ClientKey, Issuer, IssuerUrl};
use runtime::Clock;
use secrecy::SecretString;

use crate::{
    apps::{Login, LoginSettings, Provider},
    edge::CALLBACK,
    sign_outs::SignOuts,
};

/// How users of applications that require a login sign in.
#[derive(Debug, Clone, Args)]
pub struct LoginArgs {
    /// The identity provider of users, an OpenID Connect issuer. Without it nobody can sign in at
    /// applications that require a login.
    #[arg(
        long,
        env = "SWITCHOVER_LOGIN_ISSUER",
        value_name = "URL",
        requires = "login_client_id"
    )]
    pub login_issuer: Option<IssuerUrl>,
    /// As what the gateways are known there. The provider must know `/.switchover/callback` at the
    /// edge's address as the one place to come back to.
    #[arg(
        long,
        env = "SWITCHOVER_LOGIN_CLIENT_ID",
        value_name = "ID",
        requires = "login_issuer"
    )]
    pub login_client_id: Option<String>,
    /// File of the client's secret, which only its owner may read. Without it the gateways are a
    /// public client.
    #[arg(
        long,
        env = "SWITCHOVER_LOGIN_CLIENT_SECRET_FILE",
        value_name = "FILE",
        requires = "login_issuer"
    )]
    pub login_client_secret_file: Option<PathBuf>,
    /// Scopes that are asked for beside `openid`, so that ID tokens name tenant and roles.
    #[arg(
        long,
        env = "SWITCHOVER_LOGIN_SCOPE",
        value_name = "SCOPE",
        value_delimiter = ',',
        default_value = "profile"
    )]
    pub login_scope: Vec<String>,
    /// Claim of ID tokens that names the user's tenant: users get in at the addresses of their own
    /// tenant alone.
    #[arg(
        long,
        env = "SWITCHOVER_LOGIN_TENANT_CLAIM",
        value_name = "CLAIM",
        default_value = "tenant"
    )]
    pub login_tenant_claim: String,
    /// Claim of ID tokens that lists the user's roles.
    #[arg(
        long,
        env = "SWITCHOVER_LOGIN_ROLES_CLAIM",
        value_name = "CLAIM",
        default_value = "roles"
    )]
    pub login_roles_claim: String,
    /// File of the keys that seal sessions, the same for all gateways; made if it is not there.
    /// Without it, one in the state folder, for a gateway that is alone.
    #[arg(long, env = "SWITCHOVER_LOGIN_SEAL_KEY", value_name = "FILE")]
    pub login_seal_key: Option<PathBuf>,
    /// File of the keys (PKCS#8 in PEM, P-256) that sign what versions are told of users, the same for
    /// all gateways; the first one signs, all are published. Made if it is not there; without it, one
    /// in the state folder, for a gateway that is alone.
    #[arg(long, env = "SWITCHOVER_LOGIN_SIGNING_KEY", value_name = "FILE")]
    pub login_signing_key: Option<PathBuf>,
}

impl LoginArgs {
    /// Reads keys and secret, or makes the keys. Blocks on a disk.
    pub(crate) fn open(
        &self,
        state_dir: &Path,
        edge: &str,
        sign_outs: SignOuts,
        clock: Clock,
    ) -> Result<Login, runtime::Error> {
        let or_here = |file: &Option<PathBuf>, name| match file {
            Some(file) => file.clone(),
            None => state_dir.join(name),
        };
        let settings = LoginSettings {
            seal_key: or_here(&self.login_seal_key, "login-seal.keys"),
            signing_key: or_here(&self.login_signing_key, "login-signing.pem"),
            edge: edge.to_owned(),
            provider: self.provider(edge)?,
        };
        Login::open(settings, sign_outs, clock)
    }

    fn provider(&self, edge: &str) -> Result<Option<Provider>, runtime::Error> {
        let (Some(issuer), Some(id)) = (&self.login_issuer, &self.login_client_id) else {
            return Ok(None);
        };
        let issuer = Issuer::new(issuer.clone()).map_err(runtime::Error::internal)?;
        let key = match &self.login_client_secret_file {
            None => ClientKey::Public,
            Some(file) => ClientKey::Secret(secret(file)?),
        };
        let client = Client::new(&issuer, id, key, format!("{edge}{CALLBACK}"));
        Ok(Some(Provider {
            client: client.scopes(&self.login_scope),
            tenant_claim: self.login_tenant_claim.clone(),
            roles_claim: self.login_roles_claim.clone(),
            signed_out: format!("{edge}{}", crate::edge::SIGNED_OUT),
        }))
    }
}

/// Reads a secret that only its owner may read.
fn secret(file: &Path) -> Result<SecretString, runtime::Error> {
    use std::os::unix::fs::MetadataExt as _;
    let at = |error: std::io::Error| runtime::Error::file(file, error);
    if std::fs::metadata(file).map_err(at)?.mode() & 0o077 != 0 {
        let why = "others can read this secret; make its mode 0600";
        return Err(runtime::Error::file(file, why));
    }
    let text = std::fs::read_to_string(file).map_err(at)?;
    match text.trim() {
        "" => Err(runtime::Error::file(file, "there is no secret in it")),
        secret => Ok(SecretString::from(secret)),
    }
}
