//! What the console's sign-in can be told.

use std::{fs, path::PathBuf};

use clap::Args;
use oidc::{Client, ClientKey, Issuer};
use runtime::{Error, Key, Seal};
use secrecy::SecretString;

use super::Config;
use crate::{edge::SignIn, sign_outs::SignOuts};

/// Where the issuer sends browsers back to.
pub(crate) const CALLBACK: &str = "/session/callback";

/// What the console's sign-in can be told.
#[derive(Debug, Clone, Default, Args)]
pub struct ConsoleArgs {
    /// The console's client id at the issuer (--oidc-issuer), by which people sign in; its redirect URI
    /// there is the edge's address and /session/callback.
    #[arg(
        long,
        env = "SWITCHOVER_CONSOLE_CLIENT_ID",
        value_name = "ID",
        requires = "oidc_issuer"
    )]
    pub console_client_id: Option<String>,
    /// File with the secret of that client; without it, the client is a public one.
    #[arg(
        long,
        env = "SWITCHOVER_CONSOLE_CLIENT_SECRET_FILE",
        value_name = "FILE",
        requires = "console_client_id"
    )]
    pub console_client_secret_file: Option<PathBuf>,
    /// Scopes that the console asks for beside openid, such as offline_access.
    #[arg(
        long,
        env = "SWITCHOVER_CONSOLE_SCOPES",
        value_name = "SCOPE",
        value_delimiter = ','
    )]
    pub console_scopes: Vec<String>,
    /// The API that access tokens are to be for, where the issuer must be told so by `resource`.
    #[arg(long, env = "SWITCHOVER_CONSOLE_RESOURCE", value_name = "URI")]
    pub console_resource: Option<String>,
    /// File with the keys that seal the console's sessions, the same for all gateways; it is made if
    /// it is missing. Without it, one in the state folder.
    #[arg(long, env = "SWITCHOVER_CONSOLE_SEAL_FILE", value_name = "FILE")]
    pub console_seal_file: Option<PathBuf>,
    /// File with a development key, by which the console's own pages call without a sign-in; the edge
    /// is on the loopback then. `switchover dev` gives one.
    #[arg(
        long,
        env = "SWITCHOVER_CONSOLE_DEVELOPMENT_KEY_FILE",
        value_name = "FILE",
        conflicts_with = "console_client_id"
    )]
    pub console_development_key_file: Option<PathBuf>,
}

impl Config {
    /// Returns the key by which the console's pages call without a sign-in, if there is one.
    pub(crate) fn lent_key(&self) -> Result<Option<Key>, Error> {
        let Some(path) = &self.console.console_development_key_file else {
            return Ok(None);
        };
        let key = Key::read(path)?;
        if !key.is_for_development() {
            let why = "is no development key: pages without a sign-in call by no other";
            return Err(Error::file(path, why));
        }
        if self.edge_listen.ip().is_loopback() {
            return Ok(Some(key));
        }
        Err(Error::Usage(format!(
            "{} can be reached from other machines, so nobody uses the console there without a sign-in: leave --console-development-key-file out, or let --edge-listen be on 127.0.0.1",
            self.edge_listen
        )))
    }

    /// Returns how people sign in, if they can.
    pub(crate) fn sign_in(&self, sign_outs: SignOuts) -> Result<Option<SignIn>, Error> {
        let args = &self.console;
        let (id, issuer) = match (&args.console_client_id, &self.service.tokens.oidc_issuer) {
            (None, _) => return Ok(None),
            (Some(id), Some(issuer)) => (id, issuer),
            (Some(_), None) => {
                let text =
                    "--console-client-id needs the issuer at which people sign in: --oidc-issuer";
                return Err(Error::Usage(text.to_owned()));
            }
        };
        let key = match &args.console_client_secret_file {
            None => ClientKey::Public,
            Some(path) => {
                let secret = fs::read_to_string(path).map_err(|error| Error::file(path, error))?;
                match secret.trim() {
                    "" => return Err(Error::file(path, "holds no secret")),
                    secret => ClientKey::Secret(SecretString::from(secret)),
                }
            }
        };
        let issuer =
            Issuer::new(issuer.clone()).map_err(|error| Error::unavailable("TLS", error))?;
        let redirect = format!("{}{CALLBACK}", self.edge_url.origin());
        let scopes = args.console_scopes.iter().cloned();
        let mut client = Client::new(&issuer, id, key, redirect).scopes(scopes);
        if let Some(resource) = &args.console_resource {
            client = client.resource(resource);
        }
        let own = self.state_dir.join("console.keys");
        let seal = args.console_seal_file.clone().unwrap_or(own);
        let seal = Seal::load_or_create(seal)?;
        Ok(Some(SignIn::new(client, seal, sign_outs)))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        config: Config,
    }

    #[test]
    fn pages_without_a_sign_in_have_a_development_key_on_the_loopback_alone() {
        let folder = tempfile::tempdir().unwrap();
        let lent = |key: &Key, listen: &str| {
            let path = folder.path().join("lent.key");
            fs::write(&path, key.expose()).unwrap();
            let file = format!("--console-development-key-file={}", path.display());
            let listen = format!("--edge-listen={listen}");
            let line = ["gateway", "--operator=acme", &file, &listen];
            Line::try_parse_from(line).unwrap().config.lent_key()
        };
        let development = Key::generate_for_development();
        let key = lent(&development, "127.0.0.1:1").unwrap().unwrap();
        assert_eq!(key.digest(), development.digest());
        let error = lent(&development, "0.0.0.0:1").unwrap_err().to_string();
        assert!(error.contains("--edge-listen"), "{error}");
        let error = lent(&Key::generate(), "127.0.0.1:1").unwrap_err();
        assert!(error.to_string().contains("no development key"), "{error}");
    }
}
