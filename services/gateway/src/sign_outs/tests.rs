use std::fs;

use runtime::Seal;

use super::*;

const BEGIN: i64 = 1_800_000_000;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(BEGIN + second).unwrap()
}

/// Marks of one key file.
struct Keys(Seal);

impl Keys {
    fn new() -> Self {
        Self(Seal::for_tests())
    }

    fn marks(&self, word: &str) -> Vec<Mark> {
        Mark::all(&self.0, "test", &[word])
    }

    /// A session of somebody, begun at nought.
    fn known(&self, session: &str, user: &str) -> Known {
        Known {
            own: self.marks(session),
            shared: [self.marks(user), self.marks("all")].concat(),
            began: at(0),
            ends: at(12 * 60 * 60),
        }
    }

    fn ending(&self, word: &str, second: i64) -> Ending {
        Ending {
            mark: self.marks(word)[0],
            at: BEGIN + second,
        }
    }
}

fn fleet(path: &Path, now: i64) -> SignOuts {
    SignOuts::open(path, Reach::Fleet, at(now)).unwrap()
}

#[tokio::test]
async fn what_lasts_ends_with_its_session_and_nothing_else_does() {
    let (sign_outs, keys) = (SignOuts::for_process(), Keys::new());
    let [first, second] = [CancellationToken::new(), CancellationToken::new()];
    let _first = sign_outs.watch(keys.known("1", "anna"), first.clone());
    let _second = sign_outs.watch(keys.known("2", "anna"), second.clone());
    sign_outs.end(keys.marks("1"), at(10)).await;
    assert!(first.is_cancelled() && sign_outs.has(&keys.known("1", "anna")));
    assert!(!second.is_cancelled() && !sign_outs.has(&keys.known("2", "anna")));
    let late = CancellationToken::new();
    let _late = sign_outs.watch(keys.known("1", "anna"), late.clone());
    assert!(late.is_cancelled(), "what begins afterwards has ended too");
    sign_outs.told(vec![keys.ending("2", 11)], false).await;
    assert!(
        second.is_cancelled(),
        "what is told ends as what is done here"
    );
}

#[tokio::test]
async fn everything_of_somebody_ends_but_what_they_begin_afterwards() {
    let (sign_outs, keys) = (SignOuts::for_process(), Keys::new());
    sign_outs.end(keys.marks("anna"), at(-1)).await;
    sign_outs.end(keys.marks("berta"), at(5)).await;
    assert!(!sign_outs.has(&keys.known("1", "anna")));
    sign_outs.end(keys.marks("anna"), at(0)).await;
    assert!(sign_outs.has(&keys.known("1", "anna")));
}

#[tokio::test]
async fn what_lasts_ends_with_its_time_and_is_watched_no_longer_than_it_lasts() {
    let (sign_outs, keys) = (SignOuts::for_process(), Keys::new());
    let end = CancellationToken::new();
    let watch = sign_outs.watch(keys.known("1", "anna"), end.clone());
    sign_outs.look(at(12 * 60 * 60 - 1));
    assert!(!end.is_cancelled());
    sign_outs.look(at(12 * 60 * 60));
    assert!(end.is_cancelled());
    drop(watch);
    assert_eq!(sign_outs.lock().len(), (0, 0));
}

#[tokio::test]
async fn what_has_ended_anywhere_stays_ended_across_a_restart_until_it_would_have_anyway() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sign-outs");
    let keys = Keys::new();
    let sign_outs = SignOuts::open(&path, Reach::Here, at(0)).unwrap();
    sign_outs.end(keys.marks("1"), at(10)).await;
    sign_outs.told(vec![keys.ending("2", 10)], false).await;
    drop(sign_outs);
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(text.lines().count(), 2, "{text}");
    let again = fleet(&path, 20);
    for (session, ended) in [("1", true), ("2", true), ("3", false)] {
        assert_eq!(again.has(&keys.known(session, "anna")), ended, "{session}");
    }
    drop(again);
    let later = i64::try_from(state::KEPT.as_secs()).unwrap() + 10;
    let again = fleet(&path, later);
    assert!(!again.has(&keys.known("1", "anna")));
    assert_eq!(fs::read_to_string(&path).unwrap(), "");
}

#[tokio::test(start_paused = true)]
async fn whoever_signs_out_waits_for_the_catalog_and_not_for_long() {
    let folder = tempfile::tempdir().unwrap();
    let keys = Keys::new();
    let sign_outs = fleet(&folder.path().join("sign-outs"), 0);
    let began = tokio::time::Instant::now();
    sign_outs.end(keys.marks("1"), at(10)).await;
    assert!(began.elapsed() >= CARRIED_MAX && began.elapsed() < 2 * CARRIED_MAX);
    assert_eq!(sign_outs.lock().uncarried(9), [keys.ending("1", 10)]);

    let mut changes = sign_outs.0.changes.subscribe();
    let taking = async {
        while !sign_outs
            .lock()
            .uncarried(9)
            .contains(&keys.ending("2", 11))
        {
            changes.changed().await.unwrap();
        }
        sign_outs.lock().take(&[keys.ending("2", 11)], true);
        sign_outs.0.changes.send_replace(());
    };
    let began = tokio::time::Instant::now();
    tokio::join!(sign_outs.end(keys.marks("2"), at(11)), taking);
    assert!(began.elapsed() < CARRIED_MAX);
    assert_eq!(sign_outs.lock().uncarried(9), [keys.ending("1", 10)]);
}

#[tokio::test]
async fn what_the_catalog_does_not_have_it_is_told_after_a_restart_and_after_it_lost_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sign-outs");
    let keys = Keys::new();
    let before = SignOuts::open(&path, Reach::Here, at(0)).unwrap();
    before.end(keys.marks("1"), at(10)).await;
    before.end(keys.marks("2"), at(10)).await;
    drop(before);
    let sign_outs = fleet(&path, 20);
    assert!(sign_outs.lock().uncarried(9).is_empty(), "it may have all");
    sign_outs
        .told(vec![keys.ending("1", 10), keys.ending("3", 15)], true)
        .await;
    assert_eq!(sign_outs.lock().uncarried(9), [keys.ending("2", 10)]);
    sign_outs.lock().take(&[keys.ending("2", 10)], true);
    assert!(sign_outs.lock().uncarried(9).is_empty());
    sign_outs.told(vec![keys.ending("1", 9)], true).await;
    assert_eq!(sign_outs.lock().uncarried(9).len(), 3, "of a backup");
}

#[test]
fn what_cannot_be_remembered_has_ended_everywhere_and_once() {
    let keys = Keys::new();
    let sign_outs = SignOuts::for_process();
    sign_outs.cover(keys.marks("all"));
    let many: Vec<_> = (0..=100_000)
        .map(|number| keys.ending(&number.to_string(), 5))
        .collect();
    let taken = sign_outs.lock().take(&many, true);
    assert_eq!(taken, state::Taken::Over);
    assert!(sign_outs.has(&keys.known("a", "anna")));
    assert!(sign_outs.lock().len().0 < 10);
    assert_eq!(sign_outs.lock().uncarried(9), [keys.ending("all", 5)]);

    let mut later = keys.known("b", "anna");
    later.began = at(6);
    let mut all = many;
    all.push(keys.ending("all", 5));
    sign_outs.lock().take(&all, true);
    assert!(!sign_outs.has(&later), "told again, it ends nothing new");
    let other = SignOuts::for_process();
    other.cover(keys.marks("all"));
    other.lock().take(&all, true);
    assert!(!other.has(&later) && other.lock().len().0 == 1);
}
