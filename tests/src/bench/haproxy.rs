//! HAProxy, three instances: a switch sets the entry of a map that names the backend, by the
//! runtime API, without a reload.

use std::{fs, net::SocketAddr, path::PathBuf, sync::Arc, time::Instant};

use anyhow::{Result, ensure};
use futures::{
    FutureExt as _,
    future::{BoxFuture, try_join_all},
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::UnixStream,
};

use super::{
    INSTANCES,
    contender::{Contender, Flip, any_users, everywhere},
    instance::Instance,
    versions::Ring,
};
use crate::{
    load::{Door, Users},
    ports,
};

/// The contender.
pub(super) struct HaProxy {
    instances: Vec<One>,
    ring: Ring,
    // Last, so that the processes are gone before their folder.
    _folder: TempDir,
}

struct One {
    folder: PathBuf,
    address: SocketAddr,
    _process: Instance,
}

impl HaProxy {
    /// Starts the instances and waits until each answers.
    pub(super) async fn start() -> Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("bench-haproxy-")
            .tempdir()?;
        let ring = Ring::start().await?;
        let upstreams = ring.addresses();
        let mut instances = Vec::new();
        for index in 0..INSTANCES {
            instances.push(One::start(
                folder.path().join(index.to_string()),
                &upstreams,
            )?);
        }
        let haproxy = Self {
            instances,
            ring,
            _folder: folder,
        };
        everywhere(&haproxy.doors(), 1).await?;
        Ok(haproxy)
    }
}

impl One {
    fn start(folder: PathBuf, upstreams: &[SocketAddr]) -> Result<Self> {
        fs::create_dir(&folder)?;
        let address = SocketAddr::from(([127, 0, 0, 1], ports::free()?));
        let file = folder.join("haproxy.cfg");
        fs::write(&file, configuration(&folder, address, upstreams))?;
        fs::write(folder.join("versions.map"), "active v0\n")?;
        let arguments = [
            "-db".to_owned(),
            "-f".to_owned(),
            file.display().to_string(),
        ];
        let process = Instance::start("haproxy", &arguments, &folder.join("output.log"))?;
        Ok(Self {
            folder,
            address,
            _process: process,
        })
    }

    async fn flip(&self, index: usize) -> Result<()> {
        let map = self.folder.join("versions.map");
        let order = format!("set map {} active v{index}\n", map.display());
        let mut socket = UnixStream::connect(self.folder.join("api.sock")).await?;
        socket.write_all(order.as_bytes()).await?;
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await?;
        ensure!(answer.trim().is_empty(), "HAProxy said: {answer}");
        Ok(())
    }
}

fn configuration(
    folder: &std::path::Path,
    address: SocketAddr,
    upstreams: &[SocketAddr],
) -> String {
    let folder = folder.display();
    let backends: String = upstreams
        .iter()
        .enumerate()
        .map(|(index, upstream)| {
            format!("backend v{index}\n    http-reuse always\n    server one {upstream}\n")
        })
        .collect();
    format!(
        "global
    stats socket {folder}/api.sock mode 600 level admin
    maxconn 4096
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
frontend users
    bind {address}
    use_backend %[str(active),map({folder}/versions.map,v0)]
{backends}"
    )
}

impl Contender for HaProxy {
    fn name(&self) -> &'static str {
        "haproxy"
    }

    fn doors(&self) -> Vec<Door> {
        let door = |one: &One| Door {
            address: one.address,
            down: Arc::default(),
        };
        self.instances.iter().map(door).collect()
    }

    fn users(&self) -> Vec<Users> {
        any_users()
    }

    fn flip(&mut self) -> BoxFuture<'_, Result<Flip>> {
        async move {
            let (index, generation) = self.ring.next();
            let doors = self.doors();
            let begin = Instant::now();
            let flips = try_join_all(self.instances.iter().map(|one| one.flip(index)));
            tokio::try_join!(flips, everywhere(&doors, generation))?;
            let took = begin.elapsed();
            Ok(Flip {
                confirm: took,
                everywhere: took,
                ..Flip::default()
            })
        }
        .boxed()
    }
}
