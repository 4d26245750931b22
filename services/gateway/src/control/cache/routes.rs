//! The routes on disk: one file, replaced whole, and the one before it.
//!
//! The file before is used when the newest is damaged. So that this never forgets a promise (R3),
//! a promise counts as written only once both files hold it: see [`Copies`].

use std::{fs, io};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use prost::Message as _;
use proto::catalog::v1 as wire;
use runtime::fault::crash_point;
use serde::{Deserialize, Serialize};

use super::{StateDir, checksum, read};
use crate::control::{route::Route, turn::Standing};

const NEWEST: &str = "routes.json";
const BEFORE: &str = "routes.before.json";
/// First in each file: what it is, and its format.
const MARK: &str = "switchover-routes";
const FORMAT: u32 = 1;

/// What a gateway knows of routes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RouteState {
    /// Whether switches wait for this gateway.
    pub(crate) standing: Standing,
    /// Of every application.
    pub(crate) routes: Vec<wire::Route>,
}

/// How many of the two files must hold a state before it counts as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Copies {
    /// The newest; the one before stays what was newest.
    One,
    /// Both, so that damage to one does not forget what this state promises.
    Both,
}

/// What was found on disk.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// The routes, parsed; none if there was no usable file.
    pub(crate) state: Option<(Standing, Vec<Route>)>,
    /// What was wrong, for the log.
    pub(crate) faults: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct Body {
    standing: Standing,
    /// Each a `switchover.catalog.v1.Route`, in base64: exactly what the catalog told.
    routes: Vec<String>,
}

/// Reads the newest usable file.
pub(crate) fn load(dir: &StateDir) -> Loaded {
    let mut faults = Vec::new();
    for name in [NEWEST, BEFORE] {
        let content = match read(&dir.file(name)) {
            Ok(Some(content)) => content,
            Ok(None) => continue,
            Err(error) => {
                faults.push(format!("{name} cannot be read: {error}"));
                continue;
            }
        };
        match decode(&content) {
            Ok(state) => {
                return Loaded {
                    state: Some(state),
                    faults,
                };
            }
            Err(fault) => faults.push(format!("{name} is not used: {fault}")),
        }
    }
    Loaded {
        state: None,
        faults,
    }
}

/// Makes the state durable.
pub(crate) fn save(dir: &StateDir, state: &RouteState, copies: Copies) -> io::Result<()> {
    let content = encode(state);
    let times = match copies {
        Copies::One => 1,
        Copies::Both => 2,
    };
    for _ in 0..times {
        let new = dir.write_beside(NEWEST, &content)?;
        crash_point("gateway.routes.beside");
        keep_newest(dir)?;
        crash_point("gateway.routes.kept");
        fs::rename(new, dir.file(NEWEST))?;
        dir.sync()?;
        crash_point("gateway.routes.written");
    }
    Ok(())
}

/// Makes the newest file the one before too, so that there is a newest one at every moment.
fn keep_newest(dir: &StateDir) -> io::Result<()> {
    let link = dir.file(&format!("{BEFORE}.new"));
    match fs::remove_file(&link) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    match fs::hard_link(dir.file(NEWEST), &link) {
        Ok(()) => fs::rename(link, dir.file(BEFORE)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        // A file system without links: for a moment there is only the one before.
        Err(_) => fs::rename(dir.file(NEWEST), dir.file(BEFORE)),
    }
}

fn encode(state: &RouteState) -> Vec<u8> {
    let body = serde_json::to_vec_pretty(&Body {
        standing: state.standing,
        routes: state
            .routes
            .iter()
            .map(|route| BASE64.encode(route.encode_to_vec()))
            .collect(),
    })
    .expect("texts only");
    let mut content = format!("{MARK} {FORMAT} {}\n", checksum(&body)).into_bytes();
    content.extend(body);
    content
}

fn decode(content: &[u8]) -> Result<(Standing, Vec<Route>), String> {
    let head_end = content
        .iter()
        .position(|byte| *byte == b'\n')
        .ok_or("it has no first line")?;
    let (head, rest) = content.split_at(head_end);
    let body = rest.get(1..).unwrap_or_default();
    let head = std::str::from_utf8(head).map_err(|_| "its first line is not text")?;
    let fields: Vec<&str> = head.split(' ').collect();
    let [MARK, format, sum] = fields.as_slice() else {
        return Err("its first line is not ours".to_owned());
    };
    match format.parse::<u32>() {
        Ok(FORMAT) => {}
        Ok(other) => {
            return Err(format!(
                "its format is {other}, this release reads {FORMAT}"
            ));
        }
        Err(_) => return Err("its first line is not ours".to_owned()),
    }
    if checksum(body) != *sum {
        return Err("it is damaged: its checksum is wrong".to_owned());
    }
    let body: Body = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let routes = body
        .routes
        .iter()
        .map(|route| {
            let bytes = BASE64.decode(route).map_err(|error| error.to_string())?;
            let told = wire::Route::decode(bytes.as_slice()).map_err(|error| error.to_string())?;
            Route::parse(told).map_err(|error| error.to_string())
        })
        .collect::<Result<_, String>>()?;
    Ok((body.standing, routes))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::control::route::tests::{preparing, told};

    fn state(revision: u64) -> RouteState {
        RouteState {
            standing: Standing::Member,
            routes: vec![preparing(told("crm", revision, 1), 1)],
        }
    }

    fn parsed(state: &RouteState) -> (Standing, Vec<Route>) {
        let routes = state.routes.iter().cloned();
        (
            state.standing,
            routes.map(|route| Route::parse(route).unwrap()).collect(),
        )
    }

    fn dir() -> (tempfile::TempDir, StateDir) {
        let folder = tempfile::tempdir().unwrap();
        let dir = StateDir::open(folder.path()).unwrap();
        (folder, dir)
    }

    #[test]
    fn what_was_written_is_read_back_and_nothing_is_no_state() {
        let (_folder, dir) = dir();
        assert!(load(&dir).state.is_none());
        save(&dir, &state(4), Copies::One).unwrap();
        save(&dir, &state(5), Copies::One).unwrap();
        let loaded = load(&dir);
        assert_eq!(loaded.state, Some(parsed(&state(5))));
        assert!(loaded.faults.is_empty());
    }

    #[test]
    fn a_newest_file_cut_at_any_length_leaves_the_one_before() {
        let (_folder, dir) = dir();
        save(&dir, &state(4), Copies::One).unwrap();
        save(&dir, &state(5), Copies::One).unwrap();
        let whole = fs::read(dir.file(NEWEST)).unwrap();
        for length in 0..whole.len() {
            fs::write(dir.file(NEWEST), &whole[..length]).unwrap();
            let loaded = load(&dir);
            assert_eq!(loaded.state, Some(parsed(&state(4))), "cut at {length}");
            assert_eq!(loaded.faults.len(), 1, "cut at {length}");
        }
        fs::remove_file(dir.file(NEWEST)).unwrap();
        assert_eq!(load(&dir).state, Some(parsed(&state(4))), "no newest file");
    }

    #[test]
    fn a_file_of_a_newer_format_is_not_guessed_at() {
        let (_folder, dir) = dir();
        save(&dir, &state(4), Copies::One).unwrap();
        save(&dir, &state(5), Copies::One).unwrap();
        let whole = String::from_utf8(fs::read(dir.file(NEWEST)).unwrap()).unwrap();
        let newer = whole.replacen(&format!("{MARK} {FORMAT} "), &format!("{MARK} 2 "), 1);
        fs::write(dir.file(NEWEST), newer).unwrap();
        let loaded = load(&dir);
        assert_eq!(loaded.state, Some(parsed(&state(4))));
        assert!(
            loaded.faults[0].contains("format is 2"),
            "{:?}",
            loaded.faults
        );
    }

    #[test]
    fn a_promise_in_both_copies_outlives_the_loss_of_either() {
        for lost in [NEWEST, BEFORE] {
            let (_folder, dir) = dir();
            let serving = RouteState {
                routes: vec![told("crm", 4, 1)],
                ..state(4)
            };
            save(&dir, &serving, Copies::One).unwrap();
            save(&dir, &state(5), Copies::Both).unwrap();
            fs::write(dir.file(lost), b"").unwrap();
            assert_eq!(load(&dir).state, Some(parsed(&state(5))), "without {lost}");
        }
    }

    #[test]
    fn a_failed_write_leaves_what_was_there() {
        let (_folder, dir) = dir();
        save(&dir, &state(4), Copies::One).unwrap();
        fs::create_dir(dir.file(&format!("{NEWEST}.new"))).unwrap();
        assert!(save(&dir, &state(5), Copies::One).is_err());
        assert_eq!(load(&dir).state, Some(parsed(&state(4))));
    }

    proptest! {
        #[test]
        fn flipped_bits_never_make_another_state(
            flips in prop::collection::vec((any::<prop::sample::Index>(), 0_u8..8), 1..4)
        ) {
            let whole = encode(&state(5));
            let mut damaged = whole.clone();
            for (at, bit) in flips {
                let at = at.index(damaged.len());
                damaged[at] ^= 1 << bit;
            }
            if let Ok(read) = decode(&damaged) {
                prop_assert_eq!(damaged, whole, "two flips undid each other, or the head is unguarded");
                prop_assert_eq!(read, parsed(&state(5)));
            }
        }
    }
}
