//! A history that is made up, as large as one likes: for the tests of the checker.

use std::io::{self, Write};

use history::Record;

/// Requests of one generation.
const GENERATION: u64 = 10_000;
const GATEWAYS: [&str; 3] = ["gateway-0", "gateway-1", "gateway-2"];
const TENANTS: [&str; 4] = ["anna", "bert", "cleo", "dora"];

/// Writes so many requests that contradict nothing, but for those of the given numbers (counted from
/// 0, and at least 2 generations in): each is answered by the generation before the last, though a
/// newer one has answered before. Returns on which lines these stand.
///
/// # Errors
/// When it cannot be written.
pub fn write(requests: u64, planted: &[u64], out: &mut impl Write) -> io::Result<Vec<u64>> {
    writeln!(out, "# {requests} requests that were never sent")?;
    let mut lines = Vec::new();
    for number in 0..requests {
        let mut generation = 1 + number / GENERATION;
        if planted.contains(&number) {
            generation -= 2;
            lines.push(number + 2);
        }
        let index = usize::try_from(number).expect("fits where it is tested");
        let (sent, gateway, tenant) = (number * 7, GATEWAYS[index % 3], TENANTS[index / 5 % 4]);
        let record = Record::Served {
            sent,
            // Answers overlap and come in another order than requests.
            answered: sent + 10 + number * 31 % 97,
            application: "shop",
            generation,
            version: if generation.is_multiple_of(2) {
                "2.0"
            } else {
                "1.0"
            },
            gateway,
            tenant,
        };
        writeln!(out, "{record}")?;
    }
    out.flush()?;
    Ok(lines)
}
