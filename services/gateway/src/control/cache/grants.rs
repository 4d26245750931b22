//! The grants on disk: a file of lines, each one set of grants behind its checksum. The first is
//! full, the others are changes, appended; when the changes outgrow what they change, the file is
//! written anew.
//!
//! A last line without its end is a write that was broken off and never acknowledged: it is left
//! out. Damage anywhere else makes the file worthless, because a denial may be in what is lost
//! (I6): then nobody is let in until provisioning has told the grants again.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::Path,
};

use runtime::fault::crash_point;
use serde::{Deserialize, Serialize};

use super::{StateDir, checksum, read};
use crate::control::grants::{Extent, GrantKey, GrantSet, GrantsPosition, Verdict};

const FILE: &str = "grants.log";
const FORMAT: u32 = 1;
/// Changes are appended until they are this many bytes, and more than the full set.
const CHANGES_BYTES_MIN: u64 = 1 << 20;

/// All grants that are known, as one value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Known {
    /// Where they stand.
    pub(crate) position: GrantsPosition,
    /// The grants.
    pub(crate) grants: BTreeMap<GrantKey, Verdict>,
}

impl Known {
    /// Returns what is known after a set, which was checked to follow.
    fn after(known: Option<Self>, set: &GrantSet) -> Self {
        let mut grants = match (known, set.extent) {
            (Some(known), Extent::Changes) => known.grants,
            (Some(_), Extent::Full) | (None, _) => BTreeMap::new(),
        };
        grants.extend(
            set.grants
                .iter()
                .map(|(key, verdict)| (key.clone(), *verdict)),
        );
        Self {
            position: set.position,
            grants,
        }
    }
}

/// The file, and what it holds or is to hold.
#[derive(Debug)]
pub(crate) struct GrantsLog {
    known: Option<Known>,
    /// None when the file must be written anew before anything can be appended.
    file: Option<Open>,
}

#[derive(Debug)]
struct Open {
    file: File,
    full_bytes: u64,
    changes_bytes: u64,
}

#[derive(Serialize, Deserialize)]
struct Record {
    format: u32,
    position: GrantsPosition,
    extent: Extent,
    grants: Vec<(GrantKey, Verdict)>,
}

impl GrantsLog {
    /// Reads what is on disk; the second value says what was wrong, for the log.
    pub(crate) fn open(dir: &StateDir) -> (Self, Option<String>) {
        let (known, fault) = match read(&dir.file(FILE)) {
            Ok(None) => (None, None),
            Ok(Some(content)) => match decode(&content) {
                Ok(known) => (known, None),
                Err(fault) => (None, Some(format!("{FILE} is not used: {fault}"))),
            },
            Err(error) => (None, Some(format!("{FILE} cannot be read: {error}"))),
        };
        (Self { known, file: None }, fault)
    }

    /// Returns what is known.
    pub(crate) fn known(&self) -> Option<&Known> {
        self.known.as_ref()
    }

    /// Makes the sets durable, all with one sync. After a failure they stay known, and the next
    /// save, which may be one of nothing, writes everything anew.
    pub(crate) fn save(&mut self, dir: &StateDir, sets: &[GrantSet]) -> io::Result<()> {
        let mut lines = Vec::new();
        for set in sets {
            self.known = Some(Known::after(self.known.take(), set));
            lines.extend(line(set.position, set.extent, &set.grants));
        }
        let appended = match self.file.take() {
            Some(open) if open.has_room_for(&lines) => open.append(&lines)?,
            Some(_) | None => match &self.known {
                Some(known) => write_anew(dir, known)?,
                None => return Ok(()),
            },
        };
        self.file = Some(appended);
        Ok(())
    }
}

impl Open {
    fn has_room_for(&self, lines: &[u8]) -> bool {
        self.changes_bytes + lines.len() as u64 <= self.full_bytes.max(CHANGES_BYTES_MIN)
    }

    fn append(mut self, lines: &[u8]) -> io::Result<Self> {
        self.file.write_all(lines)?;
        crash_point("gateway.grants.appended");
        self.file.sync_data()?;
        crash_point("gateway.grants.written");
        self.changes_bytes += lines.len() as u64;
        Ok(self)
    }
}

fn write_anew(dir: &StateDir, known: &Known) -> io::Result<Open> {
    let full = line(known.position, Extent::Full, &known.grants);
    let new = dir.write_beside(FILE, &full)?;
    crash_point("gateway.grants.beside");
    fs::rename(new, dir.file(FILE))?;
    dir.sync()?;
    Ok(Open {
        file: open_to_append(&dir.file(FILE))?,
        full_bytes: full.len() as u64,
        changes_bytes: 0,
    })
}

fn open_to_append(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).open(path)
}

fn line(position: GrantsPosition, extent: Extent, grants: &BTreeMap<GrantKey, Verdict>) -> Vec<u8> {
    let record = serde_json::to_string(&Record {
        format: FORMAT,
        position,
        extent,
        grants: grants
            .iter()
            .map(|(key, verdict)| (key.clone(), *verdict))
            .collect(),
    })
    .expect("texts and numbers only");
    format!("{} {record}\n", checksum(record.as_bytes())).into_bytes()
}

fn decode(content: &[u8]) -> Result<Option<Known>, String> {
    let mut known: Option<Known> = None;
    for (number, line) in content.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let Some(line) = line.strip_suffix(b"\n") else {
            // Broken off while it was written; nobody was told that it is here.
            break;
        };
        let set = decode_line(line).map_err(|fault| format!("line {}: {fault}", number + 1))?;
        set.follows(known.as_ref().map(|known| known.position))
            .map_err(|error| format!("line {}: {error}", number + 1))?;
        known = Some(Known::after(known, &set));
    }
    Ok(known)
}

fn decode_line(line: &[u8]) -> Result<GrantSet, String> {
    let line = std::str::from_utf8(line).map_err(|_| "is not text")?;
    let (sum, record) = line.split_once(' ').ok_or("has no checksum")?;
    if checksum(record.as_bytes()) != sum {
        return Err("is damaged: its checksum is wrong".to_owned());
    }
    let record: Record = serde_json::from_str(record).map_err(|error| error.to_string())?;
    if record.format != FORMAT {
        return Err(format!(
            "has format {}, this release reads {FORMAT}",
            record.format
        ));
    }
    Ok(GrantSet {
        position: record.position,
        extent: record.extent,
        grants: record.grants.into_iter().collect(),
    })
}

#[cfg(test)]
mod tests {
    use contract::{Revision, Timeline};
    use proptest::prelude::*;

    use super::*;

    fn set(revision: u64, extent: Extent, tenants: &[&str], verdict: Verdict) -> GrantSet {
        let key = |tenant: &str| {
            (
                tenant.parse().unwrap(),
                "crm".parse().unwrap(),
                "2.0".parse().unwrap(),
            )
        };
        GrantSet {
            position: GrantsPosition {
                timeline: Timeline::new([1; 16]),
                revision: Revision::try_from(revision).unwrap(),
            },
            extent,
            grants: tenants
                .iter()
                .map(|tenant| (key(tenant), verdict))
                .collect(),
        }
    }

    fn history() -> [GrantSet; 3] {
        [
            set(3, Extent::Full, &["acme", "beta"], Verdict::Admitted),
            set(4, Extent::Changes, &["acme"], Verdict::Denied),
            set(6, Extent::Changes, &["beta", "gamma"], Verdict::Removed),
        ]
    }

    /// Every state that was ever acknowledged, in order.
    fn states() -> Vec<Known> {
        let mut known = None;
        history()
            .iter()
            .map(|set| {
                let after = Known::after(known.take(), set);
                known = Some(after.clone());
                after
            })
            .collect()
    }

    fn written() -> (tempfile::TempDir, StateDir) {
        let folder = tempfile::tempdir().unwrap();
        let dir = StateDir::open(folder.path()).unwrap();
        let (mut log, _) = GrantsLog::open(&dir);
        for set in history() {
            log.save(&dir, &[set]).unwrap();
        }
        (folder, dir)
    }

    #[test]
    fn a_denial_that_was_saved_is_there_after_a_restart() {
        let (_folder, dir) = written();
        let (log, fault) = GrantsLog::open(&dir);
        assert_eq!(log.known(), states().last());
        assert_eq!(fault, None);
        let lines = fs::read_to_string(dir.file(FILE)).unwrap().lines().count();
        assert_eq!(lines, 3, "changes are appended, not written anew");
    }

    #[test]
    fn a_file_cut_at_any_length_holds_a_state_that_once_was() {
        let (_folder, dir) = written();
        let whole = fs::read(dir.file(FILE)).unwrap();
        let mut seen = 0;
        for length in 0..whole.len() {
            let known = decode(&whole[..length]).unwrap();
            seen += usize::from(known.is_some());
            assert!(
                known.is_none_or(|known| states().contains(&known)),
                "cut at {length}"
            );
        }
        assert!(seen > 0, "some cuts leave a state");
    }

    #[test]
    fn damage_before_the_last_line_lets_nobody_in() {
        let (_folder, dir) = written();
        let mut damaged = fs::read(dir.file(FILE)).unwrap();
        damaged[100] ^= 1;
        fs::write(dir.file(FILE), damaged).unwrap();
        let (mut log, fault) = GrantsLog::open(&dir);
        assert_eq!(log.known(), None);
        assert!(fault.unwrap().contains("line 1"));
        let [full, ..] = history();
        log.save(&dir, std::slice::from_ref(&full)).unwrap();
        assert_eq!(GrantsLog::open(&dir).0.known(), states().first());
    }

    #[test]
    fn the_file_is_written_anew_once_its_changes_outgrow_it() {
        let (_folder, dir) = written();
        let (mut log, _) = GrantsLog::open(&dir);
        let tenants: Vec<String> = (0..400).map(|n| format!("t{n}")).collect();
        let tenants: Vec<&str> = tenants.iter().map(String::as_str).collect();
        let mut lines_max = 0;
        for revision in 7..107 {
            let change = set(revision, Extent::Changes, &tenants, Verdict::Admitted);
            log.save(&dir, &[change]).unwrap();
            let lines = fs::read_to_string(dir.file(FILE)).unwrap().lines().count();
            lines_max = lines_max.max(lines);
        }
        assert!(lines_max > 10, "changes were appended: {lines_max}");
        assert!(lines_max < 90, "and written anew: {lines_max}");
        assert_eq!(GrantsLog::open(&dir).0.known(), log.known());
    }

    #[test]
    fn a_failed_write_is_made_good_by_the_next() {
        let (_folder, dir) = written();
        let (mut log, _) = GrantsLog::open(&dir);
        let blocker = dir.file(&format!("{FILE}.new"));
        fs::create_dir(&blocker).unwrap();
        let change = set(7, Extent::Changes, &["acme"], Verdict::Admitted);
        assert!(log.save(&dir, &[change]).is_err());
        assert_eq!(GrantsLog::open(&dir).0.known(), states().last());
        fs::remove_dir(blocker).unwrap();
        log.save(&dir, &[]).unwrap();
        assert_eq!(GrantsLog::open(&dir).0.known(), log.known());
        assert_eq!(log.known().unwrap().position.revision.get(), 7);
    }

    proptest! {
        #[test]
        fn flipped_bits_never_make_a_state_that_never_was(
            flips in prop::collection::vec((any::<prop::sample::Index>(), 0_u8..8), 1..4)
        ) {
            let mut content = Vec::new();
            for set in history() {
                content.extend(line(set.position, set.extent, &set.grants));
            }
            for (at, bit) in flips {
                let at = at.index(content.len());
                content[at] ^= 1 << bit;
            }
            if let Ok(Some(known)) = decode(&content) {
                prop_assert!(states().contains(&known));
            }
        }
    }
}
