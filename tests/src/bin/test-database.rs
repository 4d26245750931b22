//! One PostgreSQL for a whole run of tests: prints its URL and stops when its input ends.

use std::io::{Read as _, Write as _};

fn main() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let cluster = store::testing::Cluster::start(folder.path());
    let mut output = std::io::stdout();
    writeln!(output, "{}", cluster.url_text())?;
    output.flush()?;
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
