//! Ports that stay ours for as long as the test runs, also while the process that listens on them
//! is killed and started again.

use std::{
    fs::{self, File},
    net::{Ipv4Addr, TcpListener},
    sync::{
        Mutex,
        atomic::{AtomicU16, Ordering},
    },
};

use anyhow::{Context as _, Result};

/// Below the range from which Linux takes ports for outgoing connections, so that none of those
/// sits on a port while its process is being restarted.
const FIRST: u16 = 15_000;
const COUNT: u16 = 16_000;

static NEXT: AtomicU16 = AtomicU16::new(0);
static TAKEN: Mutex<Vec<File>> = Mutex::new(Vec::new());

/// Returns a loopback port that no other test process takes before this one ends.
///
/// # Errors
/// When the folder of the locks cannot be written or no port is left.
pub fn free() -> Result<u16> {
    let folder = std::env::temp_dir().join("switchover-ports");
    fs::create_dir_all(&folder).context("the folder of port locks")?;
    let start = u16::try_from(std::process::id() % u32::from(COUNT)).expect("less than a u16");
    for _ in 0..COUNT {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = FIRST + (start.wrapping_mul(7).wrapping_add(step)) % COUNT;
        let lock = File::create(folder.join(port.to_string())).context("a port lock")?;
        if lock.try_lock().is_ok() && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            TAKEN
                .lock()
                .expect("no thread panics while it holds the list")
                .push(lock);
            return Ok(port);
        }
    }
    anyhow::bail!("every port from {FIRST} on is taken")
}
