//! All happenings in all states, then long lives of one delivery.

use super::*;

const FULL: Jitter = Jitter(u32::MAX);

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

fn claim(number: u128) -> Claim {
    Claim(Uuid::from_u128(number))
}

fn words(text: &str) -> Words {
    Words::new(text)
}

fn answers() -> [Answer; 4] {
    [
        Answer::Taken(words("250 ok")),
        Answer::Later(Wait::Server, words("no connection")),
        Answer::Later(Wait::Recipient, words("450 busy")),
        Answer::Never(words("550 no such user")),
    ]
}

fn states() -> Vec<State> {
    let mut states = vec![
        State::Sent { at: at(0) },
        State::Bounced {
            sent: at(0),
            at: at(1),
            reason: words("550"),
        },
        State::Failed {
            reason: words("550"),
        },
        State::Dead {
            reason: words("450"),
        },
    ];
    for time in [at(-1), at(0), at(1)] {
        states.push(State::Sending {
            claim: claim(1),
            until: time,
        });
        for wait in [Wait::Turn, Wait::Server, Wait::Recipient] {
            states.push(State::Queued { next: time, wait });
        }
    }
    states
}

fn happenings() -> Vec<Happening> {
    let mut happenings = vec![
        Happening::Claimed(claim(2)),
        Happening::Renewed(claim(1)),
        Happening::Renewed(claim(9)),
        Happening::Retried,
    ];
    for answer in answers() {
        happenings.push(Happening::Answered(claim(1), answer.clone()));
        happenings.push(Happening::Answered(claim(9), answer));
    }
    happenings
}

#[test]
fn only_what_was_sent_comes_back_and_only_once() {
    let bounced = Happening::Bounced(words("550 no such user"));
    for state in states() {
        let progress = Progress {
            state: state.clone(),
            failures: 0,
            tried_until: at(0),
        };
        let step = progress.step(&bounced, at(5), FULL);
        match &state {
            &State::Sent { at: sent } => {
                let next = State::Bounced {
                    sent,
                    at: at(5),
                    reason: words("550 no such user"),
                };
                assert!(
                    matches!(&step, Step::Changed(p) if p.state == next),
                    "{step:?}"
                );
            }
            State::Bounced { .. } => assert_eq!(step, Step::Unchanged),
            State::Queued { .. }
            | State::Sending { .. }
            | State::Failed { .. }
            | State::Dead { .. } => assert_eq!(step, Step::NotSent, "{state:?}"),
        }
    }
}

#[test]
fn what_was_sent_is_never_sent_again_and_only_the_claim_that_counts_is_renewed_and_heard() {
    for state in states() {
        for happening in happenings() {
            for tried_until in [at(-1), at(0), at(1)] {
                let progress = Progress {
                    state: state.clone(),
                    failures: 3,
                    tried_until,
                };
                let step = progress.step(&happening, at(0), FULL);
                let context = format!("{progress:?} {happening:?} {step:?}");
                if matches!(state, State::Sent { .. } | State::Bounced { .. }) {
                    let expected = if happening == Happening::Retried {
                        Step::Sent
                    } else {
                        Step::Unchanged
                    };
                    assert_eq!(step, expected, "{context}");
                }
                match (&happening, &step) {
                    (Happening::Answered(by, _), Step::Changed(_)) => {
                        let ours = matches!(&state, State::Sending { claim, .. } if claim == by);
                        assert!(ours, "{context}");
                    }
                    (Happening::Renewed(by), step) => {
                        let ours = matches!(&state, State::Sending { claim, .. } if claim == by);
                        let longer = Step::Changed(Progress {
                            state: State::Sending {
                                claim: *by,
                                until: at(30),
                            },
                            ..progress.clone()
                        });
                        let expected = if ours { longer } else { Step::Unchanged };
                        assert_eq!(*step, expected, "{context}");
                    }
                    (Happening::Claimed(by), Step::Changed(next)) => {
                        let due = matches!(&state, State::Queued { next: due, .. } | State::Sending { until: due, .. } if *due <= at(0));
                        assert!(due, "{context}");
                        assert_eq!(
                            next.state,
                            State::Sending {
                                claim: *by,
                                until: at(30)
                            },
                            "{context}"
                        );
                    }
                    (Happening::Retried, Step::Changed(next)) => {
                        assert_eq!(
                            next.state,
                            State::Queued {
                                next: at(0),
                                wait: Wait::Turn
                            },
                            "{context}"
                        );
                    }
                    (Happening::Bounced(_), _)
                    | (_, Step::Unchanged | Step::Sent | Step::NotSent) => {}
                }
            }
        }
    }
}

#[test]
fn every_state_but_sent_has_a_way_on() {
    for state in states() {
        let progress = Progress {
            state,
            failures: 0,
            tried_until: at(0),
        };
        let much_later = at(60 * 60);
        let moves = happenings()
            .iter()
            .any(|h| matches!(progress.step(h, much_later, FULL), Step::Changed(_)));
        assert_eq!(
            moves,
            !matches!(progress.state, State::Sent { .. } | State::Bounced { .. }),
            "{progress:?}"
        );
    }
}

#[test]
fn waits_double_from_ten_seconds_to_an_hour_and_jitter_takes_any_part() {
    let seconds: Vec<i64> = (0..12).map(|n| wait_for(n, FULL).as_secs()).collect();
    assert_eq!(
        seconds,
        [10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600, 3600]
    );
    assert_eq!(wait_for(u32::MAX, FULL), WAIT_MAX);
    for failures in [0, 5, 40] {
        assert_eq!(wait_for(failures, Jitter(0)), WAIT_MIN);
        let middle = wait_for(failures, Jitter(u32::MAX / 2));
        assert!(WAIT_MIN < middle && middle < wait_for(failures, FULL));
    }
}

#[test]
fn a_server_that_never_answers_ends_in_a_dead_letter_after_five_days() {
    for jitter in [Jitter(u32::MAX / 3), FULL] {
        let mut progress = Progress::queued(at(0));
        let mut now = at(0);
        let mut tries = 0;
        while let State::Queued { next, .. } = progress.state {
            now = now.max(next);
            for happening in [
                Happening::Claimed(claim(tries)),
                Happening::Answered(claim(tries), Answer::Later(Wait::Server, words("down"))),
            ] {
                let Step::Changed(next) = progress.step(&happening, now, jitter) else {
                    panic!("{progress:?}")
                };
                progress = next;
            }
            tries += 1;
        }
        assert_eq!(
            progress.state,
            State::Dead {
                reason: words("down")
            }
        );
        assert_eq!(now, at(5 * 24 * 60 * 60));
        assert!((100..400).contains(&tries), "{tries}");
        assert_eq!(progress.told().map(|(kind, _)| kind), Some(Kind::MailDead));

        let Step::Changed(again) = progress.step(&Happening::Retried, now, jitter) else {
            panic!()
        };
        assert_eq!(again, Progress::queued(now), "with all its patience");
    }
}

#[test]
fn foreign_words_become_one_short_line() {
    assert_eq!(
        words("550 5.1.1\r\n no\0 such\u{1b}[31m user\u{202e}").as_str(),
        "550 5.1.1 no such [31m user"
    );
    let long = words(&"ä".repeat(1000));
    assert_eq!(long.as_str().chars().count(), Words::MAX);
    assert!(long.as_str().ends_with('…'));
    assert_eq!(words(&"x".repeat(Words::MAX)).as_str().len(), Words::MAX);
}

#[test]
fn a_renewal_that_comes_late_makes_no_claim_shorter() {
    let queued = Progress::queued(Timestamp::UNIX_EPOCH);
    let Step::Changed(sending) = queued.step(
        &Happening::Claimed(claim(1)),
        Timestamp::UNIX_EPOCH,
        Jitter(0),
    ) else {
        panic!("it is due")
    };
    let renewed = |progress: &Progress, now| {
        let Step::Changed(next) = progress.step(&Happening::Renewed(claim(1)), now, Jitter(0))
        else {
            panic!("the claim counts")
        };
        next
    };
    let later = after(Timestamp::UNIX_EPOCH, RENEWAL);
    let longer = renewed(&sending, later);
    assert_ne!(longer, sending);
    assert_eq!(renewed(&longer, Timestamp::UNIX_EPOCH), longer);
}
