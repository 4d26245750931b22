use std::{future::pending, pin::Pin};

use contract::{Caller, Code, Identity, Problem, RequestId, Role, reason};
use futures::{Stream, StreamExt as _, stream};
use proto::{
    access::v1::{self as access, GetCallerRequest, access_service_client::AccessServiceClient},
    gateway::v1::{
        GetStatusRequest, GetStatusResponse,
        gateway_service_client::GatewayServiceClient,
        gateway_service_server::{GatewayService, GatewayServiceServer},
    },
    provisioning::v1::{
        FollowGrantsRequest, FollowGrantsResponse,
        grant_service_client::GrantServiceClient,
        grant_service_server::{GrantService, GrantServiceServer},
    },
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use super::*;
use crate::{
    Clock,
    client::{self, Client, Credentials, Endpoint},
    request,
};

mod standing;

const GET_STATUS: &str = "/switchover.gateway.v1.GatewayService/GetStatus";

/// A service that does what the request names.
#[derive(Clone)]
struct Probe;

#[tonic::async_trait]
impl GatewayService for Probe {
    async fn get_status(
        &self,
        request: Request<GetStatusRequest>,
    ) -> Result<Response<GetStatusResponse>, Status> {
        let caller: Caller = request
            .extensions()
            .get()
            .cloned()
            .expect("the door notes the caller");
        let id: RequestId = request
            .extensions()
            .get()
            .cloned()
            .expect("the door notes the id");
        assert_eq!(
            request::current(),
            Some(id.clone()),
            "the task knows its request"
        );
        let said = match request.get_ref().application.as_str() {
            "who" => caller.subject(),
            "id" => id.to_string(),
            "hang" => pending().await,
            "panic" => panic!("with a secret"),
            _ => return Err(Problem::not_found(&request.get_ref().application).into()),
        };
        Ok(Response::new(GetStatusResponse {
            gateway: said,
            ..Default::default()
        }))
    }
}

type Sender = tokio::sync::mpsc::Sender<FollowGrantsRequest>;
type Grants = Pin<Box<dyn Stream<Item = Result<FollowGrantsResponse, Status>> + Send>>;

#[tonic::async_trait]
impl GrantService for Probe {
    type FollowGrantsStream = Grants;

    /// One message, then silence, or a panic if the caller is the gateway of that name.
    async fn follow_grants(
        &self,
        request: Request<Streaming<FollowGrantsRequest>>,
    ) -> Result<Response<Grants>, Status> {
        let caller: Caller = request
            .extensions()
            .get()
            .cloned()
            .expect("the door notes the caller");
        let wild = caller
            .gateway()
            .is_some_and(|gateway| gateway.as_str() == "wild");
        let rest = stream::poll_fn(move |_| {
            assert!(!wild, "with a secret");
            std::task::Poll::Pending
        });
        let first = stream::iter([Ok(FollowGrantsResponse::default())]);
        Ok(Response::new(first.chain(rest).boxed()))
    }
}

struct World {
    shell: Shell,
    address: SocketAddr,
}

impl World {
    async fn start(change: impl FnOnce(Server) -> Server) -> Self {
        let shell = Shell::for_tests();
        let server = Server::builder(&shell, Access::Open)
            .add_service(GatewayServiceServer::new(Probe))
            .add_service(GrantServiceServer::new(Probe));
        let address = change(server)
            .serve("127.0.0.1:0".parse().unwrap())
            .await
            .unwrap();
        Self { shell, address }
    }

    fn client(&self, credentials: &Credentials) -> Client {
        client::connect_lazy(&Endpoint::from(self.address), credentials).unwrap()
    }

    async fn ask(&self, credentials: &Credentials, what: &str) -> Result<String, Problem> {
        ask(&self.client(credentials), what).await
    }

    /// Opens a stream as this gateway and takes its first message. Dropping both ends it: a
    /// request that goes on keeps the whole stream open.
    async fn follow(&self, gateway: &str) -> (Streaming<FollowGrantsResponse>, Sender) {
        let credentials = by(Role::Gateway, &format!("gateways/{gateway}"));
        let mut client = GrantServiceClient::new(self.client(&credentials));
        let (sender, requests) = tokio::sync::mpsc::channel(1);
        let requests = ReceiverStream::new(requests);
        let mut stream = client.follow_grants(requests).await.unwrap().into_inner();
        assert!(stream.message().await.unwrap().is_some());
        (stream, sender)
    }
}

/// Asks over one connection: the server gets calls in the order in which they are made.
async fn ask(client: &Client, what: &str) -> Result<String, Problem> {
    let request = GetStatusRequest {
        application: what.to_owned(),
        ..Default::default()
    };
    let answer = GatewayServiceClient::new(client.clone())
        .get_status(request)
        .await;
    answer
        .map(|answer| answer.into_inner().gateway)
        .map_err(Problem::from)
}

fn by(role: Role, subject: &str) -> Credentials {
    Credentials::Claimed(Identity::new(role, subject).unwrap())
}

fn admin() -> Credentials {
    by(Role::OperatorAdmin, "people/anna")
}

#[tokio::test]
async fn a_call_passes_with_its_caller_and_its_request_id() {
    let world = World::start(|server| server).await;
    assert_eq!(world.ask(&admin(), "who").await.unwrap(), "people/anna");
    let id: RequestId = "from-the-edge".parse().unwrap();
    let seen = request::with_request_id(id, world.ask(&admin(), "id"))
        .await
        .unwrap();
    assert_eq!(seen, "from-the-edge");
    assert_eq!(
        world.ask(&admin(), "id").await.unwrap().len(),
        36,
        "a call without one gets one"
    );

    let mut client = GatewayServiceClient::new(world.client(&admin()));
    let request = GetStatusRequest {
        application: "id".to_owned(),
        ..Default::default()
    };
    let answer = client.get_status(request).await.unwrap();
    let told = answer
        .metadata()
        .get(request::HEADER)
        .unwrap()
        .to_str()
        .unwrap();
    assert_eq!(told, answer.get_ref().gateway);
    world.shell.finish_test().await;
}

#[tokio::test]
async fn a_problem_arrives_whole() {
    let world = World::start(|server| server).await;
    let problem = world.ask(&admin(), "applications/none").await.unwrap_err();
    assert_eq!(problem, Problem::not_found("applications/none"));
    world.shell.finish_test().await;
}

#[tokio::test]
async fn who_may_not_call_is_refused_before_the_service_sees_it() {
    let world = World::start(|server| server).await;
    let tenant = by(Role::TenantAdmin, "tenants/acme");
    assert!(
        world
            .ask(&tenant, "panic")
            .await
            .unwrap_err()
            .is(&reason::PERMISSION_DENIED)
    );
    let nobody = world
        .ask(&Credentials::Anonymous, "panic")
        .await
        .unwrap_err();
    assert!(nobody.is(&reason::UNAUTHENTICATED));
    let key = Credentials::Key(crate::Key::generate());
    assert!(
        world.ask(&key, "who").await.is_ok(),
        "where no keys are asked for, one is no harm"
    );
    world.shell.finish_test().await;
}

#[tokio::test]
async fn every_server_tells_who_its_caller_is_to_it() {
    let world = World::start(|server| server).await;
    let ask = async |credentials: Credentials| {
        let mut client = AccessServiceClient::new(world.client(&credentials));
        let answer = client.get_caller(GetCallerRequest {}).await.unwrap();
        answer.into_inner().caller.unwrap()
    };
    let tenant = ask(by(Role::TenantAdmin, "tenants/acme")).await;
    assert_eq!(
        tenant,
        access::Caller {
            role: access::Role::TenantAdmin.into(),
            subject: "tenants/acme".to_owned(),
            proof: access::Proof::Word.into(),
            tenant: "tenants/acme".to_owned(),
            ..access::Caller::default()
        }
    );
    let nobody = ask(Credentials::Anonymous).await;
    assert_eq!(nobody, access::Caller::default());
    world.shell.finish_test().await;
}

#[tokio::test]
async fn a_key_is_used_for_its_methods_and_applications_and_for_no_others() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.toml");
    let keys = [(); 3].map(|()| crate::Key::generate());
    let scopes = [
        "applications = [\"crm\", \"who\"]",
        "methods = [\"switchover.gateway.v1.GatewayService/GetStatus\"]",
        "methods = [\"switchover.catalog.v1.SwitchService/*\"]",
    ];
    let lines = keys.iter().zip(scopes).map(|(key, scope)| {
        let digest = key.digest();
        format!(
            "[[key]]\nsha256 = \"{digest}\"\nrole = \"operator-viewer\"\nsubject = \"people/vera\"\n{scope}\n"
        )
    });
    std::fs::write(&path, lines.collect::<String>()).unwrap();
    let shell = Shell::for_tests();
    let access = Access::keys(&path, Clock::real()).unwrap();
    let server = Server::builder(&shell, access).add_service(GatewayServiceServer::new(Probe));
    let address = server.serve("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let world = World { shell, address };
    let [crm, status, switches] = keys.map(Credentials::Key);

    // The probe finds nothing of that name: the call came to it.
    let problem = world.ask(&crm, "applications/crm").await.unwrap_err();
    assert_eq!(problem, Problem::not_found("applications/crm"));
    // It would say who calls, and panic, if the call came to it.
    let problem = world.ask(&crm, "applications/erp").await.unwrap_err();
    assert_eq!(problem, Problem::not_found("applications/erp"));
    for hidden in ["who", "panic", ""] {
        let problem = world.ask(&crm, hidden).await.unwrap_err();
        assert!(problem.is(&reason::PERMISSION_DENIED), "{problem}");
    }
    assert_eq!(world.ask(&status, "who").await.unwrap(), "people/vera");
    let problem = world.ask(&switches, "who").await.unwrap_err();
    assert!(problem.is(&reason::PERMISSION_DENIED), "{problem}");

    for credentials in [&crm, &switches] {
        let mut client = AccessServiceClient::new(world.client(credentials));
        let answer = client.get_caller(GetCallerRequest {}).await.unwrap();
        let caller = answer.into_inner().caller.unwrap();
        assert_eq!(caller.proof(), access::Proof::Key);
        let narrowed = [caller.methods.len(), caller.applications.len()];
        assert!(narrowed == [0, 2] || narrowed == [1, 0], "{caller:?}");
    }
    world.shell.finish_test().await;
}

#[tokio::test]
async fn a_server_with_keys_believes_keys_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.toml");
    let key = crate::Key::generate();
    let text = format!(
        "[[key]]\nsha256 = \"{}\"\nrole = \"operator-viewer\"\nsubject = \"people/vera\"",
        key.digest()
    );
    std::fs::write(&path, text).unwrap();
    let shell = Shell::for_tests();
    let access = Access::keys(&path, Clock::real()).unwrap();
    let server = Server::builder(&shell, access).add_service(GatewayServiceServer::new(Probe));
    let address = server.serve("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let world = World { shell, address };
    assert_eq!(
        world.ask(&Credentials::Key(key), "who").await.unwrap(),
        "people/vera"
    );
    for credentials in [
        admin(),
        Credentials::Anonymous,
        Credentials::Key(crate::Key::generate()),
    ] {
        let problem = world.ask(&credentials, "who").await.unwrap_err();
        assert!(problem.is(&reason::UNAUTHENTICATED), "{problem:?}");
    }
    world.shell.finish_test().await;
}

#[tokio::test]
async fn an_address_beyond_this_machine_is_not_served_without_keys() {
    let shell = Shell::for_tests();
    let server = Server::builder(&shell, Access::Open);
    let error = server
        .serve("0.0.0.0:0".parse().unwrap())
        .await
        .unwrap_err();
    assert_eq!(error.exit_code(), crate::exit::USAGE);
}

#[tokio::test]
async fn a_panic_is_an_incident_without_its_words() {
    let world = World::start(|server| server).await;
    let problem = world.ask(&admin(), "panic").await.unwrap_err();
    assert!(problem.is(&reason::INTERNAL));
    assert!(problem.metadata().contains_key("incident"));
    assert!(!format!("{problem:?}").contains("secret"));

    let mut client = GrantServiceClient::new(world.client(&by(Role::Gateway, "gateways/wild")));
    let stream = client
        .follow_grants(stream::pending())
        .await
        .unwrap()
        .into_inner();
    let last = stream.collect::<Vec<_>>().await.pop().unwrap();
    let problem = Problem::from(last.unwrap_err());
    assert!(problem.is(&reason::INTERNAL), "{problem:?}");
    assert!(!format!("{problem:?}").contains("secret"));
    assert_eq!(
        world.ask(&admin(), "who").await.unwrap(),
        "people/anna",
        "others are served on"
    );
    world.shell.finish_test().await;
}

#[tokio::test]
async fn a_unary_call_ends_at_its_callers_time_or_ours() {
    let short = Limits {
        call_time: Duration::from_millis(20),
        ..Limits::default()
    };
    let world = World::start(|server| server.limits(short)).await;
    let problem = world.ask(&admin(), "hang").await.unwrap_err();
    assert!(problem.is(&reason::DEADLINE_EXCEEDED), "{problem:?}");
    world.shell.finish_test().await;

    let world = World::start(|server| server).await;
    let mut client = GatewayServiceClient::new(world.client(&admin()));
    let mut request = Request::new(GetStatusRequest {
        application: "hang".to_owned(),
        ..Default::default()
    });
    request
        .metadata_mut()
        .insert("grpc-timeout", "20m".parse().unwrap());
    let problem = Problem::from(client.get_status(request).await.unwrap_err());
    assert_eq!(problem.code(), Code::DeadlineExceeded);
    world.shell.finish_test().await;
}

#[tokio::test]
async fn calls_beyond_the_limit_are_told_to_come_back() {
    let none = Limits {
        calls: 0,
        streams: 1,
        ..Limits::default()
    };
    let world = World::start(|server| server.limits(none)).await;
    let problem = world.ask(&admin(), "who").await.unwrap_err();
    assert!(problem.is(&reason::RATE_LIMITED));
    assert!(problem.delay().is_some());

    let open = world.follow("one").await;
    let mut client = GrantServiceClient::new(world.client(&by(Role::Gateway, "gateways/two")));
    let refused = client.follow_grants(stream::pending()).await.unwrap_err();
    assert!(Problem::from(refused).is(&reason::RATE_LIMITED));
    drop(open);
    // Its place is free once the server has seen it go.
    let stop = world.shell.stopping();
    let mut backoff = crate::Backoff::new(Duration::from_millis(1), Duration::from_millis(20));
    while client.follow_grants(stream::empty()).await.is_err() {
        backoff.next(&stop).await.unwrap();
    }
    world.shell.finish_test().await;
}

#[tokio::test]
async fn a_stop_ends_open_streams_with_the_word_to_come_back() {
    let world = World::start(|server| server.waits(GET_STATUS, Duration::from_secs(300))).await;
    let (mut stream, _requests) = world.follow("one").await;
    let client = world.client(&admin());
    let (waited, ()) = tokio::join!(ask(&client, "hang"), async {
        // The waiting call is on its way once another one has passed behind it.
        ask(&client, "who").await.unwrap();
        world.shell.stop();
    });
    let waited = waited.unwrap_err();
    assert_eq!(waited.code(), Code::Unavailable, "{waited:?}");
    let end = Problem::from(stream.message().await.unwrap_err());
    assert!(
        end.is(&reason::PEER_UNAVAILABLE) && end.transient(),
        "{end:?}"
    );
    world.shell.finish_test().await;
}

#[tokio::test]
async fn connections_that_say_nothing_do_not_hold_the_drain() {
    let world = World::start(|server| server).await;
    let mut silent = Vec::new();
    for _ in 0..20 {
        silent.push(TcpStream::connect(world.address).await.unwrap());
    }
    // Accepted in order: when this one is served, the silent ones are in.
    world.ask(&admin(), "who").await.unwrap();
    world.shell.clone().finish_test().await;
    for mut socket in silent {
        let mut bytes = [0; 64];
        while matches!(socket.read(&mut bytes).await, Ok(n) if n > 0) {}
    }
}

#[tokio::test]
async fn a_connection_that_never_ends_its_greeting_is_cut_at_the_deadline() {
    let world = World::start(|server| server).await;
    let mut half = TcpStream::connect(world.address).await.unwrap();
    half.write_all(b"PRI * HT").await.unwrap();
    world.ask(&admin(), "who").await.unwrap();
    world.shell.stop();
    let left = world
        .shell
        .drained(Duration::from_millis(50))
        .await
        .unwrap_err();
    assert_eq!(left, [format!("serve {}", world.address)]);
    let mut bytes = [0; 64];
    while matches!(half.read(&mut bytes).await, Ok(n) if n > 0) {}
}

#[tokio::test]
async fn a_running_call_ends_before_the_server_does() {
    let soon = Limits {
        call_time: Duration::from_millis(100),
        ..Limits::default()
    };
    let world = World::start(|server| server.limits(soon)).await;
    let client = world.client(&admin());
    let (ended, ()) = tokio::join!(ask(&client, "hang"), async {
        ask(&client, "who").await.unwrap();
        world.shell.stop();
    });
    assert!(
        ended.unwrap_err().is(&reason::DEADLINE_EXCEEDED),
        "it ran to its own end"
    );
    world.shell.finish_test().await;
}

#[tokio::test]
async fn health_follows_readiness_and_is_open_to_anyone() {
    let shell = Shell::for_tests();
    let latch = shell.hold_ready("routes");
    let server =
        Server::builder(&shell, Access::Open).add_service(GatewayServiceServer::new(Probe));
    let address = server.serve("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let world = World { shell, address };
    let mut health = HealthClient::new(world.client(&Credentials::Anonymous));
    for service in ["", "switchover.gateway.v1.GatewayService"] {
        let request = HealthCheckRequest {
            service: service.to_owned(),
        };
        let mut watch = health.watch(request).await.unwrap().into_inner();
        // A watch may begin before the first word of readiness is in.
        while watch.message().await.unwrap().unwrap().status() != ServingStatus::NotServing {}
    }
    let mut watch = health
        .watch(HealthCheckRequest::default())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        watch.message().await.unwrap().unwrap().status(),
        ServingStatus::NotServing
    );
    latch.release();
    while watch.message().await.unwrap().unwrap().status() != ServingStatus::Serving {}
    world.shell.finish_test().await;
}

#[tokio::test]
async fn reflection_is_off_unless_asked_for_and_then_the_operators() {
    use tonic_reflection::pb::v1::{
        ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
        server_reflection_request::MessageRequest,
    };
    async fn list(world: &World, credentials: &Credentials) -> Result<bool, Problem> {
        let request = ServerReflectionRequest {
            host: String::new(),
            message_request: Some(MessageRequest::ListServices(String::new())),
        };
        let mut client = ServerReflectionClient::new(world.client(credentials));
        let answers = client.server_reflection_info(stream::iter([request])).await;
        let mut answers = answers.map_err(Problem::from)?.into_inner();
        answers
            .message()
            .await
            .map(|answer| answer.is_some())
            .map_err(Problem::from)
    }
    let world = World::start(|server| server).await;
    assert!(
        list(&world, &admin())
            .await
            .unwrap_err()
            .is(&reason::UNIMPLEMENTED)
    );
    world.shell.finish_test().await;

    let world = World::start(|server| server.reflection(true)).await;
    assert_eq!(list(&world, &admin()).await, Ok(true));
    let tenant = by(Role::TenantAdmin, "tenants/acme");
    assert!(
        list(&world, &tenant)
            .await
            .unwrap_err()
            .is(&reason::PERMISSION_DENIED)
    );
    world.shell.finish_test().await;
}
