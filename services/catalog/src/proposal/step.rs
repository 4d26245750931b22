//! Where a proposal goes from where it stands: a pure function.

/// Where a proposal stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// It waits for a second person.
    Open,
    /// Another person has approved it.
    Approved,
    /// Another person has rejected it.
    Rejected,
    /// Its proposer has taken it back.
    Withdrawn,
    /// Nobody has decided in time.
    Expired,
    /// The application is not what it was.
    Void,
}

/// Who has proposed, and who has decided, if somebody has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct People<'a> {
    pub(crate) proposer: &'a str,
    pub(crate) decider: Option<&'a str>,
}

/// What happens to a proposal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event<'a> {
    /// Somebody approves it.
    Approve { by: &'a str },
    /// Somebody rejects it, or takes it back.
    Reject { by: &'a str },
    /// Its time is over.
    TimePassed,
    /// The application has changed, or a switch of it has begun.
    Changed,
}

/// What comes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// It goes on there.
    Next(State),
    /// It was so already.
    Same,
    /// Whoever proposes does not approve.
    SamePerson,
    /// It stands so, and is decided no more.
    Ended(State),
}

impl State {
    pub(crate) const ALL: [Self; 6] = [
        Self::Open,
        Self::Approved,
        Self::Rejected,
        Self::Withdrawn,
        Self::Expired,
        Self::Void,
    ];

    /// Returns how it is stored.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Withdrawn => "withdrawn",
            Self::Expired => "expired",
            Self::Void => "void",
        }
    }
}

/// Decides.
pub(crate) fn step(state: State, people: People<'_>, event: Event<'_>) -> Step {
    let by_decider = |by: &str| people.decider == Some(by);
    match (state, event) {
        (State::Open, Event::Approve { by }) if by == people.proposer => Step::SamePerson,
        (State::Open, Event::Approve { .. }) => Step::Next(State::Approved),
        (State::Open, Event::Reject { by }) if by == people.proposer => {
            Step::Next(State::Withdrawn)
        }
        (State::Open, Event::Reject { .. }) => Step::Next(State::Rejected),
        (State::Open, Event::TimePassed) => Step::Next(State::Expired),
        (State::Open, Event::Changed) => Step::Next(State::Void),
        (State::Approved, Event::Approve { by }) if by_decider(by) => Step::Same,
        (State::Rejected | State::Withdrawn, Event::Reject { by }) if by_decider(by) => Step::Same,
        (ended, Event::Approve { .. } | Event::Reject { .. }) => Step::Ended(ended),
        (
            State::Approved | State::Rejected | State::Withdrawn | State::Expired | State::Void,
            Event::TimePassed | Event::Changed,
        ) => Step::Same,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEOPLE: People<'_> = People {
        proposer: "people/anna",
        decider: None,
    };

    fn decided(by: &str) -> People<'_> {
        People {
            decider: Some(by),
            ..PEOPLE
        }
    }

    #[test]
    fn an_open_proposal_goes_where_each_event_leads() {
        let anna = "people/anna";
        let bob = "people/bob";
        for (event, expected) in [
            (Event::Approve { by: anna }, Step::SamePerson),
            (Event::Approve { by: bob }, Step::Next(State::Approved)),
            (Event::Reject { by: anna }, Step::Next(State::Withdrawn)),
            (Event::Reject { by: bob }, Step::Next(State::Rejected)),
            (Event::TimePassed, Step::Next(State::Expired)),
            (Event::Changed, Step::Next(State::Void)),
        ] {
            assert_eq!(step(State::Open, PEOPLE, event), expected, "{event:?}");
        }
    }

    #[test]
    fn what_has_ended_stays_so_and_answers_its_decider_the_same() {
        let (anna, bob, eve) = ("people/anna", "people/bob", "people/eve");
        for (state, decider) in [
            (State::Approved, Some(bob)),
            (State::Rejected, Some(bob)),
            (State::Withdrawn, Some(anna)),
            (State::Expired, None),
            (State::Void, None),
        ] {
            let people = match decider {
                Some(by) => decided(by),
                None => PEOPLE,
            };
            for by in [anna, bob, eve] {
                let same = decider == Some(by);
                let approved = if same && state == State::Approved {
                    Step::Same
                } else {
                    Step::Ended(state)
                };
                assert_eq!(step(state, people, Event::Approve { by }), approved);
                let rejected = if same && state != State::Approved {
                    Step::Same
                } else {
                    Step::Ended(state)
                };
                assert_eq!(step(state, people, Event::Reject { by }), rejected);
            }
            for event in [Event::TimePassed, Event::Changed] {
                assert_eq!(step(state, people, event), Step::Same);
            }
        }
    }

    #[test]
    fn only_a_second_person_lets_it_be_done() {
        for state in State::ALL {
            for by in ["people/anna", "people/bob"] {
                let stepped = step(state, PEOPLE, Event::Approve { by });
                let done = stepped == Step::Next(State::Approved);
                assert_eq!(done, state == State::Open && by != PEOPLE.proposer);
            }
        }
    }
}
