//! What has ended, on this gateway's disk: a line each, written anew when most lines are of what is
//! forgotten.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use super::mark::Ending;

/// Lines that may be there beside twice those that are needed.
const SPARE_LINES: usize = 1000;

/// The file.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    lines: usize,
}

/// Reads a file; nothing if there is none.
///
/// # Errors
/// It cannot be read, or holds something else.
pub(super) fn read(path: &Path) -> io::Result<Vec<Ending>> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let lines = text.split_inclusive('\n').filter_map(|line| {
        // The last line may be half of one: nobody was told of it.
        let whole = line.strip_suffix('\n')?;
        Some(serde_json::from_str(whole).map_err(io::Error::other))
    });
    lines.collect()
}

impl Journal {
    /// Writes a file anew.
    pub(super) fn write(path: &Path, endings: &[Ending]) -> io::Result<Self> {
        let mut journal = Self {
            path: path.to_owned(),
            lines: 0,
        };
        journal.rewrite(endings)?;
        Ok(journal)
    }

    /// Writes it anew: a moment has either the old or the new.
    pub(super) fn rewrite(&mut self, endings: &[Ending]) -> io::Result<()> {
        let beside = self.path.with_extension("new");
        let mut file = private(OpenOptions::new().truncate(true)).open(&beside)?;
        file.write_all(lines(endings).as_bytes())?;
        file.sync_all()?;
        fs::rename(beside, &self.path)?;
        self.lines = endings.len();
        Ok(())
    }

    /// Adds what is new, of `all`.
    pub(super) fn add(
        &mut self,
        new: &[Ending],
        all: impl FnOnce() -> Vec<Ending>,
    ) -> io::Result<()> {
        if new.is_empty() {
            return Ok(());
        }
        self.lines += new.len();
        if self.lines > SPARE_LINES {
            let all = all();
            if self.lines > SPARE_LINES + 2 * all.len() {
                return self.rewrite(&all);
            }
        }
        let mut file = private(OpenOptions::new().append(true)).open(&self.path)?;
        file.write_all(lines(new).as_bytes())?;
        file.sync_all()
    }
}

fn lines(endings: &[Ending]) -> String {
    let line = |ending| serde_json::to_string(ending).expect("a text and a number") + "\n";
    endings.iter().map(line).collect()
}

fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options.write(true).create(true).mode(0o600)
}

#[cfg(test)]
mod tests {
    use runtime::Seal;

    use super::*;
    use crate::sign_outs::Mark;

    #[test]
    fn a_file_whose_lines_are_mostly_forgotten_is_written_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sign-outs");
        let mark = Mark::all(&Seal::for_tests(), "test", &["a"])[0];
        let mut journal = Journal::write(&path, &[]).unwrap();
        let last = 2 * i64::try_from(SPARE_LINES).unwrap();
        for at in 0..=last {
            let new = Ending { mark, at };
            journal.add(&[new], || vec![new]).unwrap();
        }
        let kept = read(&path).unwrap();
        assert!(kept.len() <= SPARE_LINES + 2, "{}", kept.len());
        assert_eq!(kept.last(), Some(&Ending { mark, at: last }));
    }

    #[test]
    fn half_a_line_is_none_and_other_text_is_no_journal() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sign-outs");
        assert!(read(&path).unwrap().is_empty());
        let mark = Mark::all(&Seal::for_tests(), "test", &["a"])[0];
        let one = Ending { mark, at: 7 };
        Journal::write(&path, &[one]).unwrap();
        let mut half = fs::read_to_string(&path).unwrap();
        half.push_str("{\"mark\":\"");
        fs::write(&path, half).unwrap();
        assert_eq!(read(&path).unwrap(), [one]);
        fs::write(&path, "something else\n").unwrap();
        assert!(read(&path).is_err());
    }
}
