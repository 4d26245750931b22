//! An upstream that answers with the status that it is told to.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use runtime::Shell;

#[derive(Clone)]
pub(super) struct Upstream {
    address: SocketAddr,
    status: Arc<AtomicU16>,
}

impl Upstream {
    pub(super) async fn start(shell: &Shell) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let status = Arc::new(AtomicU16::new(200));
        let answered = status.clone();
        shell.spawn_until_stop("upstream", async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut head = [0; 1024];
                if stream.read(&mut head).await.is_ok() {
                    let status = answered.load(Ordering::SeqCst);
                    let answer = format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n");
                    drop(stream.write_all(answer.as_bytes()).await);
                }
            }
            Ok::<_, Infallible>(())
        });
        Self { address, status }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) fn answer(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }
}
