//! `switchover verify-history`, as a program: what it says, how it ends, and within what bounds.

use std::{
    fs::{self, File},
    io::BufWriter,
    process::{Command, Output},
};

use anyhow::{Result, ensure};
use serde_json::Value;
use tests::{made_history, process::built};

/// Enough to see that nothing grows faster than the file: ten times as many take ten times as long.
const REQUESTS: u64 = 1_000_000;
/// A tenth of what ten million may take; so much faster is the optimised program that this holds
/// for the other one.
const MEMORY_MAX: u64 = 200_000_000;

fn verify(text: &std::path::Path) -> Result<(Output, Value)> {
    let output = Command::new(built("switchover")?)
        .args(["verify-history", "--json"])
        .arg(text)
        .output()?;
    let value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    Ok((output, value))
}

#[test]
fn each_planted_contradiction_is_found_by_the_program_and_none_in_a_sound_history() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("history.txt");
    let mut out = BufWriter::new(File::create(&path)?);
    made_history::write(REQUESTS, &[], &mut out)?;
    let (output, value) = verify(&path)?;
    ensure!(output.status.code() == Some(0), "{output:?}");
    ensure!(
        value["linearizable"] == true && value["requests"] == REQUESTS,
        "{value}"
    );
    let memory = value["peak_memory_bytes"].as_u64().unwrap_or(u64::MAX);
    ensure!(memory < MEMORY_MAX, "{memory} bytes");

    let planted = [25_500, 444_444, 444_445, 999_999];
    let mut out = BufWriter::new(File::create(&path)?);
    let lines = made_history::write(REQUESTS, &planted, &mut out)?;
    let (output, value) = verify(&path)?;
    ensure!(output.status.code() == Some(7), "{output:?}");
    ensure!(value["contradictions"] == planted.len(), "{value}");
    let mut found: Vec<u64> = value["found"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|found| found["records"][1]["line"].as_u64())
        .collect();
    found.sort_unstable();
    ensure!(found == lines, "{found:?}, not {lines:?}");
    Ok(())
}

#[test]
fn a_line_that_is_no_record_is_named_and_nothing_is_concluded() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("history.txt");
    fs::write(&path, "served 1 2 shop 1 1.0 g-1 anna\nserved 1 2 shop\n")?;
    let (output, _) = verify(&path)?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.code() == Some(78), "{output:?}");
    ensure!(said.contains("line 2: GENERATION is missing"), "{said}");
    ensure!(output.stdout.is_empty(), "{output:?}");
    Ok(())
}
