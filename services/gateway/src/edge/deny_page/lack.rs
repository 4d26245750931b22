//! What a form lacked, in words for a person: nothing was decided, and the page is shown again.

use axum::http::StatusCode;
use contract::Problem;

/// What a form lacked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lack {
    /// Nothing was chosen.
    Choice,
    /// The word was not typed, or another one was.
    Word,
    /// It came back before anybody could have read the page.
    Time,
    /// The page is too old, or its form has decided otherwise.
    FreshPage,
}

impl Lack {
    /// Reads a refusal of provisioning; none if it is about something else.
    pub(super) fn of(problem: &Problem) -> Option<Self> {
        [Self::Word, Self::Time, Self::FreshPage]
            .into_iter()
            .find(|lack| problem.reason().as_str() == lack.reason())
    }

    /// Returns its name for programs.
    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::Choice => "INVALID_FIELDS",
            Self::Word => "GESTURE_MISSING",
            Self::Time => "FORM_TOO_FAST",
            Self::FreshPage => "FORM_STALE",
        }
    }

    /// Returns what the page is answered with.
    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::Choice | Self::Word => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Time | Self::FreshPage => StatusCode::CONFLICT,
        }
    }

    /// Returns what the page says.
    pub(super) fn note(self) -> &'static str {
        match self {
            Self::Choice => {
                "Nothing was decided: neither of the two answers was chosen. Please choose one, type the short name, and send again."
            }
            Self::Word => {
                "Nothing was decided: the short name of the application is missing, or it is another one. Please choose once more, and type the short name as the page shows it."
            }
            Self::Time => {
                "Nothing was decided: the form came back faster than a person reads. Please choose once more."
            }
            Self::FreshPage => {
                "Nothing was decided: this page had been open for too long, or its form had been sent before. Please look at what holds now, and choose once more."
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use contract::reason;

    use super::*;

    #[test]
    fn every_refusal_that_a_person_can_mend_is_told_apart() {
        for (reason, lack) in [
            (reason::GESTURE_MISSING, Some(Lack::Word)),
            (reason::FORM_TOO_FAST, Some(Lack::Time)),
            (reason::FORM_STALE, Some(Lack::FreshPage)),
            (reason::TOKEN_VOID, None),
            (reason::STORE_BUSY, None),
        ] {
            let problem = Problem::failed_precondition(reason.clone(), "no");
            assert_eq!(Lack::of(&problem), lack, "{reason}");
        }
        let notes = [Lack::Choice, Lack::Word, Lack::Time, Lack::FreshPage].map(Lack::note);
        assert!(
            notes
                .iter()
                .all(|note| note.starts_with("Nothing was decided"))
        );
    }
}
