//! Who may call what: every RPC as nobody and as each role, on services as they are installed.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use contract::{Caller, Identity, Role, Rules, access::Decision};
use http::{Method, Request, Version, header};
use http_body_util::{BodyExt as _, Full};
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioTimer},
};
use prost_reflect::DescriptorPool;
use tests::world::{Database, World};

const UNAUTHENTICATED: &str = "16";
const PERMISSION_DENIED: &str = "7";

#[test]
fn every_rpc_says_who_may_call_it() -> Result<()> {
    let pool = DescriptorPool::decode(proto::DESCRIPTOR_SET)?;
    let rules = Rules::from_descriptors(proto::DESCRIPTOR_SET)?;
    let methods = methods(&pool);
    ensure!(
        methods.len() > 40,
        "only {} methods: the contracts were not read",
        methods.len()
    );
    for method in methods {
        ensure!(
            rules.shape(&method).is_some(),
            "{method} does not say who may call it"
        );
    }
    Ok(())
}

/// The request is empty, so whoever is let in is told what is missing: any answer but "who are
/// you" and "you may not".
#[tokio::test(flavor = "multi_thread")]
async fn every_rpc_answers_each_caller_as_its_contract_says() -> Result<()> {
    let world = World::start(Database::Sqlite, 1).await?;
    let places = world.places()?;
    let servers = BTreeMap::from([
        // Every service serves it.
        ("access", places.catalog.to_string()),
        ("catalog", places.catalog.to_string()),
        ("provisioning", places.provisioning.to_string()),
        ("notification", places.notification.to_string()),
        ("gateway", world.control(0)?.to_string()),
    ]);
    let pool = DescriptorPool::decode(proto::DESCRIPTOR_SET)?;
    let rules = Rules::from_descriptors(proto::DESCRIPTOR_SET)?;
    let (mut let_in, mut turned_away) = (0, 0);
    for method in methods(&pool) {
        let package = method
            .split('.')
            .nth(1)
            .context("the second part of a package's name")?;
        let server = servers
            .get(package)
            .with_context(|| format!("no server for {method}"))?;
        for caller in callers()? {
            let status = call(server, &method, &caller).await?;
            let allowed = rules.decide(&caller, &method) == Decision::Allowed;
            let refused = [UNAUTHENTICATED, PERMISSION_DENIED].contains(&&*status);
            ensure!(
                allowed != refused,
                "{method} as {caller:?}: grpc-status {status}, allowed: {allowed}"
            );
            if allowed {
                let_in += 1
            } else {
                turned_away += 1
            }
        }
    }
    ensure!(
        let_in > 50 && turned_away > 50,
        "{let_in} let in, {turned_away} turned away"
    );
    Ok(())
}

fn callers() -> Result<Vec<Caller>> {
    let subject = |role| match role {
        Role::TenantAdmin => "tenants/anna",
        Role::Gateway => "gateways/g-1",
        Role::Service => "services/catalog",
        Role::OperatorAdmin | Role::OperatorViewer | Role::Tester => "people/olga",
    };
    let known = Role::ALL
        .into_iter()
        .map(|role| Ok(Caller::Known(Identity::new(role, subject(role))?)));
    known.chain([Ok(Caller::Anonymous)]).collect()
}

fn methods(pool: &DescriptorPool) -> Vec<String> {
    let services = pool
        .services()
        .filter(|service| service.package_name().starts_with("switchover."));
    let methods = services.flat_map(|service| {
        let name = service.full_name().to_owned();
        service
            .methods()
            .map(move |method| format!("/{name}/{}", method.name()))
            .collect::<Vec<_>>()
    });
    methods.collect()
}

/// Calls with one empty message, as any gRPC client may, and returns the grpc-status; `0` for a
/// stream that has begun.
async fn call(server: &str, method: &str, caller: &Caller) -> Result<String> {
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .http2_only(true)
        .build_http();
    let mut request = Request::builder()
        .method(Method::POST)
        .version(Version::HTTP_2)
        .uri(format!("{server}{method}"))
        .header(header::CONTENT_TYPE, "application/grpc")
        .header(header::TE, "trailers");
    request = match caller {
        Caller::Known(identity) => request
            .header("x-switchover-role", identity.role().as_str())
            .header("x-switchover-subject", identity.subject()),
        Caller::Anonymous => request.header("x-switchover-role", "anonymous"),
    };
    let response = client
        .request(request.body(Full::new(Bytes::from_static(&[0; 5])))?)
        .await?;
    let (head, mut body) = response.into_parts();
    let status = |map: &http::HeaderMap| {
        map.get("grpc-status")
            .and_then(|status| status.to_str().ok())
            .map(str::to_owned)
    };
    if let Some(status) = status(&head.headers) {
        return Ok(status);
    }
    while let Some(frame) = body.frame().await {
        let frame = frame?;
        if let Some(status) = frame.trailers_ref().and_then(status) {
            return Ok(status);
        }
        if frame.is_data() {
            return Ok("0".to_owned());
        }
    }
    anyhow::bail!("{method} ended without a status")
}
