//! What a form lacked: nothing was decided, and the page is shown again and says so.

use axum::http::StatusCode;
use contract::Problem;

/// What a form lacked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::edge) enum Lack {
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
    }
}
