//! nginx, three instances: a switch rewrites the file that names the upstream and reloads, as its
//! manual has it.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    time::Instant,
};

use anyhow::{Result, ensure};
use futures::{
    FutureExt as _,
    future::{BoxFuture, try_join_all},
};
use tempfile::TempDir;
use tokio::process::Command;

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

const PROGRAM: &str = "nginx";

/// The contender.
pub(super) struct Nginx {
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

impl Nginx {
    /// Starts the instances and waits until each answers.
    pub(super) async fn start() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("bench-nginx-").tempdir()?;
        let ring = Ring::start().await?;
        let first = ring.addresses()[0];
        let mut instances = Vec::new();
        for index in 0..INSTANCES {
            let own = folder.path().join(index.to_string());
            instances.push(One::start(&own, first)?);
        }
        let nginx = Self {
            instances,
            ring,
            _folder: folder,
        };
        everywhere(&nginx.doors(), 1).await?;
        Ok(nginx)
    }
}

impl One {
    fn start(folder: &Path, upstream: SocketAddr) -> Result<Self> {
        fs::create_dir(folder)?;
        let address = SocketAddr::from(([127, 0, 0, 1], ports::free()?));
        fs::write(folder.join("nginx.conf"), configuration(address))?;
        let one = |process| Self {
            folder: folder.to_owned(),
            address,
            _process: process,
        };
        aim(folder, upstream)?;
        let log = folder.join("output.log");
        Ok(one(Instance::start(PROGRAM, &arguments(folder), &log)?))
    }

    async fn flip(&self, upstream: SocketAddr) -> Result<()> {
        aim(&self.folder, upstream)?;
        let status = Command::new(PROGRAM)
            .args(arguments(&self.folder))
            .args(["-s", "reload"])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .await?;
        ensure!(status.success(), "nginx could not be asked to reload");
        Ok(())
    }
}

fn arguments(folder: &std::path::Path) -> Vec<String> {
    let folder = folder.display();
    [
        "-p".to_owned(),
        format!("{folder}/"),
        "-c".to_owned(),
        "nginx.conf".to_owned(),
        "-e".to_owned(),
        "error.log".to_owned(),
    ]
    .to_vec()
}

/// Names the upstream, at once for whoever reads the file.
fn aim(folder: &std::path::Path, upstream: SocketAddr) -> Result<()> {
    let new = folder.join("upstream.conf.new");
    fs::write(&new, format!("server {upstream};\n"))?;
    fs::rename(new, folder.join("upstream.conf"))?;
    Ok(())
}

/// Kept connections on both sides, as its manual has them; no log of requests, as the gateways of
/// Switchover have none.
fn configuration(address: SocketAddr) -> String {
    format!(
        "daemon off;
worker_processes auto;
pid nginx.pid;
error_log error.log warn;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    keepalive_requests 10000000;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    upstream active {{
        include upstream.conf;
        keepalive 64;
        keepalive_requests 10000000;
    }}
    server {{
        listen {address} backlog=4096;
        location / {{
            proxy_pass http://active;
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            proxy_set_header Connection \"\";
        }}
    }}
}}
"
    )
}

impl Contender for Nginx {
    fn name(&self) -> &'static str {
        "nginx"
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
            let upstream = self.ring.addresses()[index];
            let doors = self.doors();
            let begin = Instant::now();
            let flips = try_join_all(self.instances.iter().map(|one| one.flip(upstream)));
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
