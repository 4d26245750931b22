//! Writes a history that is made up to standard output: `make-history REQUESTS [PLANTED…]`.

use std::io::{BufWriter, stdout};

use anyhow::Context as _;

fn main() -> anyhow::Result<()> {
    let numbers: Vec<u64> = std::env::args()
        .skip(1)
        .map(|word| word.parse())
        .collect::<Result<_, _>>()
        .context("arguments are numbers of requests")?;
    let (requests, planted) = numbers.split_first().context("how many requests")?;
    tests::made_history::write(*requests, planted, &mut BufWriter::new(stdout().lock()))?;
    Ok(())
}
