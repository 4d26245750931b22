//! What the catalog tells of versions whose backends act for tenants.

use contract::{Checked, CredentialName, Fault, VersionRef, Violations, time};
use proto::provisioning::v1::{
    DeregisterVersionRequest, DeregisterVersionResponse, NewPair, RegisterVersionRequest,
    RegisterVersionResponse, version_credential_service_server::VersionCredentialService,
};
use tokens::secrets;
use tonic::{Request, Response, Status};

use super::{
    Api,
    tokens::{CLIENT_MAX, is_printable, read_scopes},
};
use crate::{backend, credentials::Credential};

/// The longest hash that is stored; argon2id's has fewer than 100 characters.
const HASH_MAX: usize = 200;

#[tonic::async_trait]
impl VersionCredentialService for Api {
    async fn register_version(
        &self,
        request: Request<RegisterVersionRequest>,
    ) -> Result<Response<RegisterVersionResponse>, Status> {
        let RegisterVersionRequest {
            version,
            scopes: granted,
            pair: given,
        } = request.into_inner();
        let mut v = Violations::new();
        let version = v.parse::<VersionRef>("version", &version);
        let granted = read_scopes(&mut v, granted);
        let pair = match given {
            None => Checked::right(None),
            Some(given) => v
                .within("pair", |v| pair(v, given, version.value()))
                .map(Some),
        };
        let (version, granted, pair) = v.all((version, granted, pair))?;
        backend::register(&self.service, &version, &granted, pair.as_ref()).await?;
        Ok(Response::new(RegisterVersionResponse {}))
    }

    async fn deregister_version(
        &self,
        request: Request<DeregisterVersionRequest>,
    ) -> Result<Response<DeregisterVersionResponse>, Status> {
        let DeregisterVersionRequest {
            version,
            revoke,
            time: at,
        } = request.into_inner();
        let mut v = Violations::new();
        let version = v.parse::<VersionRef>("version", &version);
        let at = time::field(&mut v, "time", at);
        let (version, at) = v.all((version, at))?;
        backend::deregister(&self.service, &version, revoke, at).await?;
        Ok(Response::new(DeregisterVersionResponse {}))
    }
}

fn pair(v: &mut Violations, given: NewPair, version: Option<&VersionRef>) -> Checked<Credential> {
    let name = v.parse::<CredentialName>("credential", &given.credential);
    if let (Some(name), Some(version)) = (name.value(), version) {
        let same = (&name.application, &name.version) == (&version.application, &version.version);
        v.check(
            same,
            "credential",
            Fault::Conflicting,
            "is of another version",
        );
    }
    v.check(
        (1..=CLIENT_MAX).contains(&given.client_id.len()) && is_printable(&given.client_id),
        "client_id",
        Fault::OutOfRange,
        "must have 1 to 100 printable ASCII characters",
    );
    v.check(
        given.secret_hash.len() <= HASH_MAX && secrets::is_hash(&given.secret_hash),
        "secret_hash",
        Fault::Malformed,
        "must be argon2id as a PHC string",
    );
    let at = time::field(v, "create_time", given.create_time);
    v.join((name, at)).map(|(name, at)| Credential {
        name,
        client_id: given.client_id,
        secret_hash: given.secret_hash,
        previous: None,
        request_id: None,
        created_at: at,
        rotated_at: None,
        rotation: None,
        last_used_at: None,
        expires_at: None,
        revoked_at: None,
    })
}
