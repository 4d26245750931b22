use std::{fs, net::SocketAddr};

use contract::{Problem, Role, reason};
use proto::access::v1::{
    Caller, GetCallerRequest, Proof, access_service_client::AccessServiceClient,
};
use tempfile::TempDir;

use super::{
    files::LOOK,
    testing::{Authority, Issued},
    *,
};
use crate::{Client, Credentials, Endpoint, Key, Server, ServiceArgs, Shell, connect_lazy};

const CATALOG: &str = "spiffe://switchover/service/catalog";
const LATER: (i32, u8, u8) = (2049, 1, 1);

/// A server that is called encrypted, and an authority whose clients it believes.
struct World {
    folder: TempDir,
    authority: Authority,
    clock: Clock,
    shell: Shell,
    address: SocketAddr,
    key: Key,
}

impl World {
    /// With keys beside certificates, or certificates alone.
    async fn start(keys: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new();
        let path = |name: &str| folder.path().join(name);
        authority.write(&path("ca"));
        authority
            .issue(&[], LATER)
            .write(&path("cert"), &path("key"));
        let key = Key::generate();
        let digest = key.digest();
        let entry = format!(
            "[[key]]\nsha256 = \"{digest}\"\nrole = \"operator-viewer\"\nsubject = \"people/vera\""
        );
        fs::write(path("keys"), entry).unwrap();
        let clock = Clock::simulated("2026-11-28T00:00:00Z".parse().unwrap(), 1);
        let args = ServiceArgs {
            keys: keys.then(|| path("keys")),
            tls: Box::new(TlsArgs {
                tls_cert: Some(path("cert")),
                tls_key: Some(path("key")),
                tls_client_ca: Some(path("ca")),
                ..TlsArgs::default()
            }),
            ..ServiceArgs::default()
        };
        let anywhere = "127.0.0.1:0".parse().unwrap();
        let access = args.access(anywhere, &clock).unwrap();
        let shell = Shell::for_tests_with(clock.clone());
        let address = Server::builder(&shell, access)
            .serve(anywhere)
            .await
            .unwrap();
        Self {
            folder,
            authority,
            clock,
            shell,
            address,
            key,
        }
    }

    /// How a client connects that trusts the authority and shows this certificate.
    fn tls(&self, issued: Option<&Issued>) -> ClientTls {
        let path = |name: &str| self.folder.path().join(name);
        let pair = issued.map(|issued| {
            issued.write(&path("own-cert"), &path("own-key"));
            (path("own-cert"), path("own-key"))
        });
        self.authority.write(&path("trusted"));
        ClientTls::open(Some(&path("trusted")), pair, &Clock::real()).unwrap()
    }

    fn client(&self, tls: ClientTls, who: Credentials) -> Client {
        let endpoint = format!("https://{}", self.address);
        let endpoint: Endpoint = endpoint.parse().unwrap();
        connect_lazy(&endpoint, &Credentials::Over(tls, Box::new(who))).unwrap()
    }

    /// Asks as a service that says so and shows this certificate.
    async fn shown(&self, issued: &Issued) -> Result<Caller, Problem> {
        let word = Credentials::claimed(Role::Service, "somebody").unwrap();
        ask(&self.client(self.tls(Some(issued)), word)).await
    }

    fn issue(&self, uri: &str) -> Issued {
        self.authority.issue(&[uri], LATER)
    }
}

async fn ask(client: &Client) -> Result<Caller, Problem> {
    let mut client = AccessServiceClient::new(client.clone());
    let answer = client.get_caller(GetCallerRequest {}).await;
    answer
        .map(|answer| answer.into_inner().caller.unwrap())
        .map_err(Problem::from)
}

/// Tells that there was no connection at all.
fn is_cut(answer: Result<Caller, Problem>) -> bool {
    answer.is_err_and(|problem| !problem.is(&reason::UNAUTHENTICATED))
}

#[tokio::test]
async fn a_service_and_a_gateway_are_known_by_their_certificates_and_not_by_their_word() {
    let world = World::start(false).await;
    let caller = world.shown(&world.issue(CATALOG)).await.unwrap();
    let said = (caller.role().as_str_name(), caller.subject.as_str());
    assert_eq!(said, ("ROLE_SERVICE", "catalog"));
    assert_eq!(caller.proof(), Proof::Certificate);
    assert_eq!(caller.expire_time.unwrap().seconds, 2_493_072_000);
    let gateway = world.issue("spiffe://switchover/gateway/g-1");
    let caller = world.shown(&gateway).await.unwrap();
    assert_eq!(caller.subject, "gateways/g-1");
    world.shell.finish_test().await;
}

#[tokio::test]
async fn a_certificate_that_names_nobody_here_is_refused() {
    let world = World::start(true).await;
    for uris in [
        &["spiffe://elsewhere/service/catalog"][..],
        &["spiffe://switchover/people/anna"],
        &[CATALOG, "spiffe://switchover/gateway/g-1"],
        &[],
    ] {
        let answer = world.shown(&world.authority.issue(uris, LATER)).await;
        let problem = answer.unwrap_err();
        assert!(problem.is(&reason::UNAUTHENTICATED), "{uris:?}: {problem}");
    }
    world.shell.finish_test().await;
}

#[tokio::test]
async fn expired_foreign_and_missing_certificates_and_plain_calls_get_no_connection() {
    let world = World::start(false).await;
    let expired = world.authority.issue(&[CATALOG], (2025, 1, 1));
    assert!(is_cut(world.shown(&expired).await));
    let stranger = Authority::new().issue(&[CATALOG], LATER);
    assert!(is_cut(world.shown(&stranger).await));
    let nothing = world.client(world.tls(None), Credentials::Anonymous);
    assert!(is_cut(ask(&nothing).await));
    let plain = Endpoint::from(world.address);
    let word = Credentials::claimed(Role::Service, "catalog").unwrap();
    assert!(is_cut(ask(&connect_lazy(&plain, &word).unwrap()).await));
    assert!(
        world.shown(&world.issue(CATALOG)).await.is_ok(),
        "it still serves"
    );
    world.shell.finish_test().await;
}

#[tokio::test]
async fn a_client_talks_to_no_server_of_another_authority_or_name() {
    let world = World::start(true).await;
    let other = Authority::new();
    let trusted = world.folder.path().join("other");
    other.write(&trusted);
    let tls = ClientTls::trusting(Some(&trusted)).unwrap();
    assert!(is_cut(
        ask(&world.client(tls, Credentials::Anonymous)).await
    ));
    let client = || world.client(world.tls(None), Credentials::Anonymous);
    assert!(ask(&client()).await.is_ok());
    let path = |name: &str| world.folder.path().join(name);
    let elsewhere = world
        .authority
        .issue_for(&["elsewhere.example"], &[], LATER);
    elsewhere.write(&path("cert"), &path("key"));
    world.clock.advance(LOOK);
    assert!(is_cut(ask(&client()).await));
    world.shell.finish_test().await;
}

#[tokio::test]
async fn a_bearer_decides_before_the_certificate_and_nobody_stays_nobody() {
    let world = World::start(true).await;
    let catalog = world.issue(CATALOG);
    let key = Credentials::Key(world.key.clone());
    let both = ask(&world.client(world.tls(Some(&catalog)), key.clone())).await;
    assert_eq!(both.unwrap().subject, "people/vera");
    let bare = ask(&world.client(world.tls(None), key)).await;
    assert_eq!(bare.unwrap().subject, "people/vera");
    let wrong = Credentials::Key(Key::generate());
    let wrong = ask(&world.client(world.tls(Some(&catalog)), wrong)).await;
    assert!(wrong.unwrap_err().is(&reason::UNAUTHENTICATED));
    let nobody = world.client(world.tls(Some(&catalog)), Credentials::Anonymous);
    assert_eq!(ask(&nobody).await.unwrap(), Caller::default());
    world.shell.finish_test().await;
}

#[tokio::test]
async fn certificates_are_renewed_without_a_restart_and_without_a_cut() {
    let world = World::start(true).await;
    let path = |name: &str| world.folder.path().join(name);
    let catalog = world.issue(CATALOG);
    let word = || Credentials::claimed(Role::Service, "catalog").unwrap();
    let old = world.client(world.tls(Some(&catalog)), word());
    assert_eq!(ask(&old).await.unwrap().subject, "catalog");

    let next = Authority::new();
    fs::write(path("cert"), "nothing of use").unwrap();
    world.clock.advance(LOOK);
    let during = world.client(world.tls(Some(&catalog)), word());
    assert!(ask(&during).await.is_ok(), "the last good one holds");

    next.issue(&[], LATER).write(&path("cert"), &path("key"));
    next.write(&path("ca"));
    world.clock.advance(LOOK);
    let fresh = next.issue(&["spiffe://switchover/service/provisioning"], LATER);
    fresh.write(&path("new-cert"), &path("new-key"));
    next.write(&path("new-ca"));
    let pair = Some((path("new-cert"), path("new-key")));
    let tls = ClientTls::open(Some(&path("new-ca")), pair, &Clock::real()).unwrap();
    let new = ask(&world.client(tls, word())).await.unwrap();
    assert_eq!(new.subject, "provisioning");
    assert_eq!(
        ask(&old).await.unwrap().subject,
        "catalog",
        "nothing is cut"
    );
    let late = world.client(world.tls(Some(&catalog)), word());
    assert!(
        is_cut(ask(&late).await),
        "the former authority signs nobody in"
    );
    world.shell.finish_test().await;
}

#[tokio::test]
async fn a_connection_outlives_its_certificate_but_opens_nothing_after() {
    let world = World::start(true).await;
    let catalog = world.authority.issue(&[CATALOG], (2049, 1, 1));
    let word = Credentials::claimed(Role::Service, "catalog").unwrap();
    let client = world.client(world.tls(Some(&catalog)), word);
    assert!(ask(&client).await.is_ok());
    world
        .clock
        .advance(std::time::Duration::from_secs(23 * 366 * 86_400));
    let problem = ask(&client).await.unwrap_err();
    assert!(problem.message().contains("expired"), "{problem}");
    world.shell.finish_test().await;
}

#[test]
fn flags_that_protect_nothing_are_refused() {
    let beyond = "192.0.2.1:7101".parse().unwrap();
    let here = "127.0.0.1:7101".parse().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let authority = Authority::new();
    authority
        .issue(&[], LATER)
        .write(&path("cert"), &path("key"));
    authority.write(&path("ca"));
    fs::write(path("keys"), "").unwrap();
    let why = |args: &ServiceArgs, at| {
        let access = args.access(at, &Clock::real());
        access.map_or_else(|error| error.to_string(), |_| String::new())
    };
    let with = |change: &dyn Fn(&mut ServiceArgs)| {
        let mut args = ServiceArgs::default();
        change(&mut args);
        args
    };
    let keys = with(&|args| args.keys = Some(path("keys")));
    assert_eq!(why(&keys, here), "");
    assert!(why(&keys, beyond).contains("--plaintext"));
    let plain = with(&|args| {
        args.keys = Some(path("keys"));
        args.tls.plaintext = true;
    });
    assert_eq!(why(&plain, beyond), "");
    let nobody = with(&|args| args.tls.plaintext = true);
    assert!(why(&nobody, beyond).contains("prove who they are"));
    let pair = |args: &mut ServiceArgs| {
        args.tls.tls_cert = Some(path("cert"));
        args.tls.tls_key = Some(path("key"));
    };
    assert!(why(&with(&pair), here).contains("protects nothing"));
    let encrypted = with(&|args| {
        pair(args);
        args.keys = Some(path("keys"));
    });
    assert_eq!(why(&encrypted, beyond), "");
    let lonely = with(&|args| args.tls.tls_client_ca = Some(path("ca")));
    assert!(why(&lonely, here).contains("--tls-cert"));
    let swapped = with(&|args| {
        args.keys = Some(path("keys"));
        args.tls.tls_cert = Some(path("key"));
        args.tls.tls_key = Some(path("cert"));
    });
    assert!(!why(&swapped, here).is_empty());
}
