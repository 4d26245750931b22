use super::*;

const KEEP: usize = 1000;

fn check_text(text: &str) -> Verdict {
    History::read(text.as_bytes()).unwrap().check(KEEP)
}

/// Returns the pairs of line numbers that contradict.
fn pairs(text: &str) -> Vec<[u64; 2]> {
    let verdict = check_text(text);
    assert_eq!(verdict.contradictions, verdict.found.len() as u64);
    let lines = |found: &Contradiction| found.lines().map(|line| line.number);
    verdict.found.iter().map(lines).collect()
}

#[test]
fn requests_in_flight_across_the_commit_may_finish_on_the_old_generation() {
    let text = "\
served 0 10 shop 1 1.0 g-1 anna
served 5 30 shop 1 1.0 g-1 anna
served 8 20 shop 2 2.0 g-2 anna
served 21 25 shop 2 2.0 g-1 anna
served 20 40 shop 1 1.0 g-1 anna
";
    let verdict = check_text(text);
    assert_eq!(verdict.contradictions, 0);
    assert_eq!((verdict.served, verdict.generations), (5, 2));
}

#[test]
fn an_old_answer_to_a_request_sent_after_a_new_answer_is_a_contradiction() {
    let text = "\
# A gateway that did not hear of the switch.
served 11 12 shop 1 1.0 g-2 anna

served 0 10 shop 2 2.0 g-1 bert
served 11 12 other 1 1.0 g-2 anna
";
    let verdict = check_text(text);
    assert_eq!(
        verdict.found,
        [Contradiction::Older {
            newer: Line {
                number: 4,
                text: "served 0 10 shop 2 2.0 g-1 bert".to_owned()
            },
            older: Line {
                number: 2,
                text: "served 11 12 shop 1 1.0 g-2 anna".to_owned()
            },
        }]
    );
}

#[test]
fn a_generation_that_goes_down_at_one_gateway_is_said_to() {
    let text = "served 0 10 shop 2 2.0 g-1 anna\nserved 11 12 shop 1 1.0 g-1 anna\n";
    let found = check_text(text).found;
    assert!(
        matches!(found.as_slice(), [Contradiction::WentDown { .. }]),
        "{found:?}"
    );
}

#[test]
fn a_generation_that_answers_as_two_versions_is_found_once() {
    let text = "\
served 0 10 shop 1 1.0 g-1 anna
served 0 10 shop 1 2.0 g-1 anna
served 0 10 shop 1 2.0 g-1 anna
served 0 10 other 1 2.0 g-1 anna
";
    assert_eq!(pairs(text), [[1, 2]]);
}

#[test]
fn what_a_tenant_denied_serves_it_no_more_until_it_accepts() {
    let text = "\
denied 100 shop 2.0 bert
served 100 110 shop 2 2.0 g-1 bert
served 101 110 shop 2 2.0 g-1 bert
served 101 110 shop 2 2.0 g-1 anna
refused 101 110 shop g-1 bert
accepted 200 shop 2.0 bert
served 150 199 shop 2 2.0 g-1 bert
served 150 200 shop 2 2.0 g-1 bert
served 300 310 shop 2 2.0 g-1 bert
denied 400 shop 2.0 bert
served 401 402 shop 2 2.0 g-1 bert
";
    assert_eq!(pairs(text), [[1, 3], [1, 7], [10, 11]]);
    let verdict = check_text(text);
    assert_eq!((verdict.denials, verdict.refused), (2, 1));
}

/// A million sound requests over three gateways and two applications, a switch every thousand.
fn sound() -> Vec<[u64; 4]> {
    // Sent, answered, generation, application.
    (0..1_000_000_u64)
        .map(|i| [i * 10, i * 10 + 15, 1 + i / 1000, i % 2])
        .collect()
}

fn history_of(requests: &[[u64; 4]]) -> History {
    let mut history = History::default();
    for (index, [sent, answered, generation, application]) in requests.iter().copied().enumerate() {
        let record = Record::Served {
            sent,
            answered,
            application: ["shop", "mail"][usize::try_from(application).unwrap()],
            generation,
            version: ["1.0", "2.0"][usize::try_from(generation % 2).unwrap()],
            gateway: ["g-1", "g-2", "g-3"][index % 3],
            tenant: ["anna", "bert", "cleo"][index / 7 % 3],
        };
        history.add(&record).unwrap();
    }
    history
}

#[test]
fn each_of_many_planted_contradictions_is_found_among_a_million_sound_requests_and_none_else() {
    let sound = sound();
    let verdict = history_of(&sound).check(KEEP);
    assert_eq!((verdict.contradictions, verdict.requests), (0, 1_000_000));

    for count in [1, 2, 7_usize] {
        let mut requests = sound.clone();
        // Late enough in their generation for an answer of it to be complete; two down, so that the
        // version is the one that generation had.
        let planted: Vec<usize> = (1..=count).map(|n| n * 130_501 + n % 400).collect();
        for index in &planted {
            requests[*index][2] -= 2;
        }
        let verdict = history_of(&requests).check(KEEP);
        let mut found: Vec<u64> = verdict
            .found
            .iter()
            .map(|found| found.lines()[1].number)
            .collect();
        found.sort_unstable();
        let expected: Vec<u64> = planted.iter().map(|index| *index as u64 + 1).collect();
        assert_eq!(found, expected, "{count} planted");
    }
}

#[test]
fn what_is_not_kept_is_counted() {
    let mut requests = sound()[..5000].to_vec();
    for index in [2500, 2600, 2700] {
        requests[index][2] -= 2;
    }
    let verdict = history_of(&requests).check(1);
    assert_eq!((verdict.contradictions, verdict.found.len()), (3, 1));
}

#[test]
fn lines_that_are_no_records_are_refused_by_their_number() {
    let good = "served 1 2 shop 1 1.0 g-1 anna\n";
    let long = format!("refused 1 2 shop g-1 {}", "x".repeat(2000));
    for (bad, why) in [
        ("served", "line 2: SENT is missing"),
        ("served 1 2 shop 1 1.0 g-1", "line 2: TENANT is missing"),
        (
            "served 1 2 shop 1 1.0 g-1 anna x",
            "line 2: \"x\" is a word too many",
        ),
        (
            "served 1  2 shop 1 1.0 g-1 anna",
            "line 2: ANSWERED is empty",
        ),
        (
            "served 1 +2 shop 1 1.0 g-1 anna",
            "line 2: ANSWERED is \"+2\"",
        ),
        (
            "served 3 2 shop 1 1.0 g-1 anna",
            "line 2: it was answered at 2, before",
        ),
        (
            "failed 18446744073709551616 2 shop g-1 anna",
            "line 2: SENT is",
        ),
        ("asked 1 2 shop g-1 anna", "line 2: \"asked\" is none of"),
        (&long, "line 2: it has more than"),
    ] {
        let text = format!("{good}{bad}\n{good}");
        let error = History::read(text.as_bytes()).unwrap_err().to_string();
        assert!(error.starts_with(why), "{error}, not {why}");
    }
    let error = History::read(&b"served \xff"[..]).unwrap_err().to_string();
    assert_eq!(error, "line 1: it is not UTF-8");
}

#[test]
fn a_record_reads_as_it_was_written() {
    for text in [
        "served 1 2 shop 1 1.0 g-1 anna",
        "refused 1 2 shop g-1 anna",
        "failed 1 2 shop g-1 anna",
        "denied 1 shop 1.0 anna",
        "accepted 1 shop 1.0 anna",
    ] {
        assert_eq!(Record::parse(text).unwrap().to_string(), text);
    }
}
