//! What logs keep to themselves.

use super::*;
use crate::samples;

/// Everything that is logged, kept in memory.
#[derive(Clone, Default)]
struct Lines(Arc<std::sync::Mutex<Vec<u8>>>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// On one thread, so that one subscriber hears all of it, whatever level and library.
#[tokio::test(flavor = "current_thread")]
async fn logs_hold_no_address_no_subject_no_text_and_no_token() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let guard = tracing::subscriber::set_default(subscriber);
    let test = TestDb::sqlite(&MIGRATIONS).await;
    let refused = Act::Say(At::Recipient, "550 no anna@acme.example here");
    let mut world = World::new(test.db(), [Act::Drop(At::Dot), refused]).await;
    world.start(1);
    world
        .publish("1", &["anna@acme.example", "bob@acme.example"])
        .await;
    world.quiet().await;
    world.advance(SignedDuration::from_secs(10));
    world.quiet().await;
    world.shell.clone().finish_test().await;
    drop(guard);
    let logged = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert!(
        logged.contains("a mail was sent") && logged.contains("refused for good"),
        "{logged}"
    );
    assert!(
        logged.contains("request-1"),
        "the request's id is what joins it"
    );
    for secret in [
        "acme.example",
        samples::TOKEN,
        "moves to version",
        "If you deny",
    ] {
        assert!(!logged.contains(secret), "{secret}:\n{logged}");
    }
}
