//! Asks an address until it answers as it should: what is announced can be opened.

use std::{net::SocketAddr, time::Duration};

use runtime::{Backoff, CancellationToken, Error};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
    time::timeout,
};

/// How long an address may take to answer as it should.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long one answer may take.
const ANSWER: Duration = Duration::from_secs(5);
/// The longest first line of an answer, bytes.
const LINE_MAX: u64 = 1000;

/// One request for a host that `address` serves.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Knock<'a> {
    /// Who listens.
    pub(crate) address: SocketAddr,
    /// `http://host:port`, as people open it.
    pub(crate) url: &'a str,
    /// The tester token, where one is needed.
    pub(crate) tester_token: Option<&'a str>,
    /// What is waited for.
    pub(crate) statuses: &'a [u16],
}

impl Knock<'_> {
    /// Asks until the answer is as it should be.
    pub(crate) async fn until_answered(self) -> Result<(), Error> {
        let mut last = "nothing was heard".to_owned();
        let asked = timeout(PATIENCE, async {
            let never = CancellationToken::new();
            let mut backoff = Backoff::new(Duration::from_millis(20), Duration::from_millis(500));
            loop {
                match timeout(ANSWER, self.status()).await {
                    Ok(Ok(status)) if self.statuses.contains(&status) => return,
                    Ok(Ok(status)) => last = format!("it answers {status}"),
                    Ok(Err(error)) => last = error.to_string(),
                    Err(elapsed) => last = elapsed.to_string(),
                }
                // Only the patience ends this.
                if backoff.next(&never).await.is_err() {
                    return;
                }
            }
        });
        asked
            .await
            .map_err(|_elapsed| Error::unavailable(self.url, last))
    }

    async fn status(&self) -> std::io::Result<u16> {
        let mut stream = TcpStream::connect(self.address).await?;
        let host = self.url.trim_start_matches("http://");
        let token = self
            .tester_token
            .map(|token| format!("switchover-tester-token: {token}\r\n"))
            .unwrap_or_default();
        let request = format!("GET / HTTP/1.1\r\nhost: {host}\r\n{token}connection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut line = String::new();
        let mut answer = BufReader::new(tokio::io::AsyncReadExt::take(stream, LINE_MAX));
        answer.read_line(&mut line).await?;
        line.split_whitespace()
            .nth(1)
            .and_then(|status| status.parse().ok())
            .ok_or_else(|| std::io::Error::other("it does not answer in HTTP"))
    }
}
