//! A private PostgreSQL server that ends with the process that started it, however that ends.

use std::fs;
use std::io::{self, BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::DatabaseUrl;

/// A port that was free may be taken by the time the server wants it.
const PORTS_TRIED: u32 = 5;

/// Starts the server, says so, waits for its standard input to be closed, stops it and removes its folder.
const SUPERVISOR: &str = r#"
bin=$1 folder=$2 options=$3
cd /
"$bin/pg_ctl" start -w -t 60 -s -D "$folder/data" -l "$folder/log" -o "$options" </dev/null >"$folder/start" 2>&1 || exit 1
echo ready
read -r _
"$bin/pg_ctl" stop -m immediate -s -D "$folder/data" </dev/null >/dev/null 2>&1
rm -rf "$folder"
"#;

/// A PostgreSQL server on 127.0.0.1, trusting everyone on this machine; stopped and removed when dropped.
///
/// It syncs as a real one does, since [`Db`](crate::Db) refuses others: give it a folder in memory.
pub struct Cluster {
    url: DatabaseUrl,
    text: String,
    folder: PathBuf,
    bin: PathBuf,
    account: Option<Account>,
    supervisor: Child,
}

/// PostgreSQL refuses to run as root.
#[derive(Clone, Copy)]
struct Account {
    user: u32,
    group: u32,
}

impl Cluster {
    /// Starts a server whose files are in a new folder below `dir`.
    ///
    /// # Panics
    /// If PostgreSQL is not installed or does not start: there is no test without it.
    pub fn start(dir: &Path) -> Cluster {
        Cluster::start_with(dir, &[])
    }

    /// Starts a server as [`Cluster::start`] does, with settings of its own, such as `("fsync", "off")`.
    ///
    /// # Panics
    /// If PostgreSQL is not installed or does not start.
    pub fn start_with(dir: &Path, settings: &[(&str, &str)]) -> Cluster {
        try_start(dir, settings).unwrap_or_else(|error| panic!("PostgreSQL for tests: {error}"))
    }

    pub(super) fn start_anywhere() -> Cluster {
        Cluster::start(&memory())
    }

    /// Returns where a superuser finds its database.
    pub fn url(&self) -> &DatabaseUrl {
        &self.url
    }

    /// Returns the same as text, for [`POSTGRES_VARIABLE`](super::POSTGRES_VARIABLE).
    pub fn url_text(&self) -> &str {
        &self.text
    }

    /// Stops the server as a crash does and starts it again, on the same port; blocks until it answers.
    ///
    /// # Panics
    /// If it does not come back.
    pub fn crash_and_restart(&self) {
        let mut restart = command(&self.bin.join("pg_ctl"), self.account);
        restart
            .args(["restart", "-w", "-t", "60", "-s", "-m", "immediate", "-D"])
            .arg(self.folder.join("data"));
        restart
            .arg("-l")
            .arg(self.folder.join("log"))
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let status = restart.status().expect("pg_ctl runs");
        assert!(
            status.success(),
            "PostgreSQL did not come back: {}",
            log(&self.folder)
        );
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.supervisor.stdin.take());
        if let Err(error) = self.supervisor.wait() {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the PostgreSQL server for tests may still run"
            );
        }
    }
}

fn try_start(dir: &Path, settings: &[(&str, &str)]) -> io::Result<Cluster> {
    let bin = installed().ok_or_else(|| {
        io::Error::other("initdb found neither in /usr/lib/postgresql nor in PATH")
    })?;
    let folder = tempfile::Builder::new()
        .prefix("switchover-pg-")
        .tempdir_in(dir)?;
    let account = account(folder.path())?;
    if let Some(Account { user, group }) = account {
        chown(folder.path(), Some(user), Some(group))?;
    }
    let mut initdb = command(&bin.join("initdb"), account);
    initdb.args([
        "--username=postgres",
        "--auth=trust",
        "--encoding=UTF8",
        "--locale=C",
        "--no-sync",
        "--pgdata",
    ]);
    let made = initdb.arg(folder.path().join("data")).output()?;
    if !made.status.success() {
        return Err(io::Error::other(
            String::from_utf8_lossy(&made.stderr).into_owned(),
        ));
    }
    for _ in 0..PORTS_TRIED {
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        if let Some(supervisor) = supervise(&bin, folder.path(), account, &options(port, settings))?
        {
            let text = format!("postgres://postgres@127.0.0.1:{port}/postgres");
            let url = text.parse().map_err(io::Error::other)?;
            return Ok(Cluster {
                url,
                text,
                folder: folder.keep(),
                bin,
                account,
                supervisor,
            });
        }
    }
    Err(io::Error::other(log(folder.path())))
}

fn options(port: u16, settings: &[(&str, &str)]) -> String {
    let fixed = [
        ("listen_addresses", "127.0.0.1"),
        ("unix_socket_directories", ""),
        ("max_connections", "300"),
        ("shared_buffers", "64MB"),
        ("autovacuum_naptime", "10s"),
    ];
    let all = fixed
        .iter()
        .chain(settings)
        .map(|(name, value)| format!(" -c {name}='{value}'"));
    format!("-p {port}{}", all.collect::<String>())
}

/// Returns nothing if the server did not start.
fn supervise(
    bin: &Path,
    folder: &Path,
    account: Option<Account>,
    options: &str,
) -> io::Result<Option<Child>> {
    let mut shell = command(Path::new("/bin/sh"), account);
    shell
        .args(["-c", SUPERVISOR, "supervisor"])
        .arg(bin)
        .arg(folder)
        .arg(options);
    // A group of its own: a signal for the tests must not end the one who cleans up after them.
    shell
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut supervisor = shell.spawn()?;
    let mut line = String::new();
    if let Some(stdout) = supervisor.stdout.take() {
        BufReader::new(stdout).read_line(&mut line)?;
    }
    if line.trim_end() == "ready" {
        return Ok(Some(supervisor));
    }
    supervisor.wait()?;
    Ok(None)
}

fn command(program: &Path, account: Option<Account>) -> Command {
    let mut command = Command::new(program);
    command.current_dir("/").env("LC_ALL", "C");
    if let Some(Account { user, group }) = account {
        command.gid(group).uid(user);
    }
    command
}

/// Returns the account to run as where we are root: `postgres`, or else `nobody`.
fn account(ours: &Path) -> io::Result<Option<Account>> {
    if fs::metadata(ours)?.uid() != 0 {
        return Ok(None);
    }
    let passwd = fs::read_to_string("/etc/passwd")?;
    let find = |name: &str| {
        passwd
            .lines()
            .find_map(|line| match *line.split(':').collect::<Vec<_>>() {
                [found, _, user, group, ..] if found == name => Some(Account {
                    user: user.parse().ok()?,
                    group: group.parse().ok()?,
                }),
                _ => None,
            })
    };
    let account = find("postgres").or_else(|| find("nobody"));
    account
        .map(Some)
        .ok_or_else(|| io::Error::other("neither postgres nor nobody is an account here"))
}

/// Returns the folder of the newest installation.
fn installed() -> Option<PathBuf> {
    let version =
        |bin: &PathBuf| -> Option<u32> { bin.parent()?.file_name()?.to_str()?.parse().ok() };
    let packaged = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("bin"));
    let newest = packaged
        .filter(|bin| bin.join("initdb").is_file())
        .max_by_key(version);
    newest.or_else(|| {
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path)
            .find(|bin| bin.join("initdb").is_file() && bin.join("pg_ctl").is_file())
    })
}

fn memory() -> PathBuf {
    let shared = PathBuf::from("/dev/shm");
    if shared.is_dir() {
        shared
    } else {
        std::env::temp_dir()
    }
}

fn log(folder: &Path) -> String {
    ["log", "start"]
        .iter()
        .filter_map(|name| fs::read_to_string(folder.join(name)).ok())
        .collect()
}
