//! By what users' sessions are known among what has ended.

use runtime::Seal;

use super::session::Session;
use crate::sign_outs::{Known, Mark};

/// Marks of users' sessions are no others'.
const PURPOSE: &str = "sign-outs of users";

/// What of users' sessions ends before its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ended {
    /// This session.
    Session(String),
    /// The sessions of a sign-in, as the identity provider names it.
    ProviderSession(String),
    /// Those of somebody, begun by then.
    Subject(String),
}

/// Returns the marks of what ends, at an identity provider.
pub(super) fn marks(seal: &Seal, issuer: &str, ended: &Ended) -> Vec<Mark> {
    match ended {
        Ended::Session(id) => Mark::all(seal, PURPOSE, &["session", id]),
        Ended::ProviderSession(id) => Mark::all(seal, PURPOSE, &["provider session", issuer, id]),
        Ended::Subject(id) => Mark::all(seal, PURPOSE, &["subject", issuer, id]),
    }
}

/// Returns the marks by which all sessions end.
pub(super) fn all(seal: &Seal) -> Vec<Mark> {
    Mark::all(seal, PURPOSE, &["all"])
}

/// Returns by what a session is known.
pub(super) fn of(seal: &Seal, issuer: &str, session: &Session) -> Known {
    let marks = |ended| marks(seal, issuer, &ended);
    let mut own = marks(Ended::Session(session.id.clone()));
    if let Some(id) = &session.provider_session {
        own.extend(marks(Ended::ProviderSession(id.clone())));
    }
    let mut shared = marks(Ended::Subject(session.subject.clone()));
    shared.extend(all(seal));
    Known {
        own,
        shared,
        began: session.began(),
        ends: session.ends(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        apps::login::session::tests::{at, session},
        sign_outs::SignOuts,
    };

    const ISSUER: &str = "https://id.example";

    #[tokio::test]
    async fn a_session_ends_by_its_own_name_by_its_sign_ins_and_by_its_users_alone() {
        let seal = Seal::for_tests();
        let mine = session(&[]);
        let known = || of(&seal, ISSUER, &mine);
        let ends = async |seal: &Seal, issuer: &str, ended: Ended, second: i64| {
            let sign_outs = SignOuts::for_process();
            let marks = marks(seal, issuer, &ended);
            sign_outs.end(marks, at(second)).await;
            sign_outs.has(&known())
        };
        let named = |text: &str| text.to_owned();
        assert!(ends(&seal, ISSUER, Ended::Session(mine.id.clone()), 5).await);
        assert!(ends(&seal, ISSUER, Ended::ProviderSession(named("p-1")), 5).await);
        assert!(ends(&seal, ISSUER, Ended::Subject(named("u-1")), 0).await);
        let other = "https://other.example";
        for (issuer, ended, second) in [
            (ISSUER, Ended::Session(named("u-1")), 5),
            (ISSUER, Ended::ProviderSession(named("u-1")), 5),
            (ISSUER, Ended::Subject(named("u-2")), 5),
            (ISSUER, Ended::Subject(named("u-1")), -1),
            (other, Ended::Subject(named("u-1")), 5),
            (other, Ended::ProviderSession(named("p-1")), 5),
        ] {
            assert!(
                !ends(&seal, issuer, ended.clone(), second).await,
                "{ended:?}"
            );
        }
        let stranger = Seal::for_tests();
        assert!(!ends(&stranger, ISSUER, Ended::Session(mine.id.clone()), 5).await);
    }
}
