//! A stream ends with the proof of who opened it, and says why.

use std::path::PathBuf;

use futures::FutureExt as _;
use tempfile::TempDir;

use super::*;
use crate::Key;

/// A server that believes the keys of a file, on a clock that the test moves.
struct Guarded {
    world: World,
    clock: Clock,
    path: PathBuf,
    _folder: TempDir,
}

/// A stream of a gateway, and what keeps its request open.
type Follows = (Streaming<FollowGrantsResponse>, Sender);

impl Guarded {
    async fn start(entries: &[String]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.toml");
        std::fs::write(&path, entries.concat()).unwrap();
        let clock = Clock::simulated("2026-01-01T00:00:00Z".parse().unwrap(), 1);
        let shell = Shell::for_tests_with(clock.clone());
        let access = Access::keys(&path, clock.clone()).unwrap();
        let server = Server::builder(&shell, access).add_service(GrantServiceServer::new(Probe));
        let address = server.serve("127.0.0.1:0".parse().unwrap()).await.unwrap();
        Self {
            world: World { shell, address },
            clock,
            path,
            _folder: folder,
        }
    }

    async fn follow(&self, key: &Key) -> Follows {
        let mut client = GrantServiceClient::new(self.world.client(&Credentials::Key(key.clone())));
        let (sender, requests) = tokio::sync::mpsc::channel(1);
        let requests = ReceiverStream::new(requests);
        let mut stream = client.follow_grants(requests).await.unwrap().into_inner();
        assert!(stream.message().await.unwrap().is_some());
        (stream, sender)
    }

    /// Writes the file anew; it is looked at within the second that passes.
    fn change(&self, entries: &[String]) {
        std::fs::write(&self.path, entries.concat()).unwrap();
        self.clock.advance(Duration::from_secs(1));
    }
}

/// The entry of a key, with more lines.
fn entry(key: &Key, more: &str) -> String {
    format!(
        "[[key]]\nsha256 = \"{}\"\nrole = \"gateway\"\nsubject = \"gateways/g-1\"\n{more}\n",
        key.digest()
    )
}

async fn ends(stream: &mut Streaming<FollowGrantsResponse>) -> String {
    let problem = Problem::from(stream.message().await.unwrap_err());
    assert!(problem.is(&reason::UNAUTHENTICATED), "{problem}");
    problem.message().to_owned()
}

#[tokio::test]
async fn a_stream_ends_when_its_key_expires() {
    let key = Key::generate();
    let brief = entry(&key, "expires = \"2026-01-01T01:00:00Z\"");
    let guarded = Guarded::start(&[brief]).await;
    let (mut stream, _sender) = guarded.follow(&key).await;
    guarded.clock.advance(Duration::from_secs(3600));
    let told = ends(&mut stream).await;
    assert!(told.contains("has expired"), "{told}");
    guarded.world.shell.finish_test().await;
}

#[tokio::test]
async fn streams_end_whose_key_is_taken_out_or_changed_and_no_others() {
    let [kept, removed, narrowed, prolonged] = [(); 4].map(|()| Key::generate());
    let until = |end: &str| format!("expires = \"2026-01-01T0{end}:00:00Z\"");
    let guarded = Guarded::start(&[
        entry(&removed, ""),
        entry(&kept, ""),
        entry(&narrowed, ""),
        entry(&prolonged, &until("1")),
    ])
    .await;
    let (mut stays, _stays) = guarded.follow(&kept).await;
    let (mut goes, _goes) = guarded.follow(&removed).await;
    let (mut shrinks, _shrinks) = guarded.follow(&narrowed).await;
    let (mut grows, _grows) = guarded.follow(&prolonged).await;
    guarded.change(&[
        entry(&kept, ""),
        entry(&narrowed, "applications = [\"crm\"]"),
        entry(&prolonged, &until("2")),
        entry(&Key::generate(), ""),
    ]);
    let told = ends(&mut goes).await;
    assert!(told.contains("no longer taken"), "{told}");
    let told = ends(&mut shrinks).await;
    assert!(told.contains("has changed"), "{told}");

    guarded.clock.advance(Duration::from_secs(3600));
    guarded.change(&[entry(&kept, "")]);
    let told = ends(&mut grows).await;
    assert!(told.contains("no longer taken"), "it went on: {told}");
    assert!(stays.message().now_or_never().is_none(), "it goes on");
    guarded.world.shell.finish_test().await;
}
