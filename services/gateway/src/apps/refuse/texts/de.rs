//! What refusals say in German.

use super::{Labels, Said};
use crate::{
    apps::{refuse::Why, snapshot::RefusalReason},
    config::SUPPORT,
};

pub(super) const LABELS: Labels = Labels {
    token: "Test-Token",
    open: "Version im Test öffnen",
    role: "Die Rolle heißt",
    sign_in: "Anmelden",
    again: "Noch einmal versuchen",
    request: "Anfrage",
};

/// Says whom to ask.
pub(super) fn questions(support: &str) -> String {
    let support = match support {
        SUPPORT => "Ihre Administration",
        told => told,
    };
    format!("Fragen? Wenden Sie sich an {support}.")
}

/// Says why.
#[expect(clippy::too_many_lines, reason = "one sentence after the other")]
pub(super) fn said(why: Why) -> Said {
    let said = |title, detail| Said { title, detail };
    match why {
        Why::BadHost => said(
            "Diese Adresse ist nicht gültig",
            "Die Anfrage nennt keinen Host, mehr als einen, oder einen, der nicht wie ein Host geschrieben ist.",
        ),
        Why::BadRequest => said(
            "Diese Anfrage ist nicht gültig",
            "Die Anfrage ist nicht so geschrieben, wie HTTP es verlangt, und wurde deshalb nicht weitergegeben.",
        ),
        Why::MethodRefused => said(
            "Diese Methode ist nicht erlaubt",
            "CONNECT und TRACE werden nie weitergegeben.",
        ),
        Why::UriTooLong => said(
            "Diese Adresse ist zu lang",
            "Eine Adresse darf höchstens 8192 Zeichen haben.",
        ),
        Why::ExpectationRefused => said(
            "Diese Anfrage erwartet zu viel",
            "Nichts außer 100-continue kann erwartet werden.",
        ),
        Why::UnknownAddress => said(
            "Unter dieser Adresse gibt es keine Anwendung",
            "Bitte prüfen Sie, ob die Adresse richtig geschrieben ist.",
        ),
        Why::NotYetAvailable => said(
            "Diese Anwendung ist noch nicht verfügbar",
            "Sie wird gerade eingerichtet. Bitte kommen Sie später wieder.",
        ),
        Why::Refused(RefusalReason::NotProvisioned) => said(
            "Ihre Organisation benutzt diese Anwendung nicht",
            "Sie wurde für Ihre Organisation nicht eingerichtet.",
        ),
        Why::Refused(RefusalReason::Denied) => said(
            "Ihre Organisation hat diese Version abgelehnt",
            "Die Anwendung ist jetzt auf einer Version, die Ihre Organisation abgelehnt hat, und kann \
             deshalb nicht benutzt werden. Ihre Administration kann jederzeit zustimmen, mit dem Link in \
             der Mail dazu.",
        ),
        Why::Refused(RefusalReason::PendingAcceptance) => said(
            "Ihre Organisation hat dieser Anwendung noch nicht zugestimmt",
            "Sie kann benutzt werden, sobald Ihre Administration zugestimmt hat, mit dem Link in der Mail \
             dazu.",
        ),
        Why::Refused(RefusalReason::Failed) => said(
            "Diese Anwendung konnte für Ihre Organisation nicht eingerichtet werden",
            "Beim Einrichten ist etwas schiefgegangen.",
        ),
        Why::Refused(RefusalReason::Removed) => said(
            "Ihre Organisation benutzt diese Anwendung nicht mehr",
            "Sie wurde Ihrer Organisation entzogen.",
        ),
        Why::HeldTooLong => said(
            "Diese Anwendung wird gerade aktualisiert",
            "Das dauert länger, als es sollte. Nichts von Ihrer Anfrage ist bei ihr angekommen; bitte \
             versuchen Sie es gleich noch einmal.",
        ),
        Why::TooManyHeld => said(
            "Diese Anwendung wird gerade aktualisiert",
            "Es warten schon zu viele Anfragen. Nichts von Ihrer ist bei ihr angekommen; bitte versuchen \
             Sie es gleich noch einmal.",
        ),
        Why::BadMinGeneration => said(
            "Diese Anfrage nennt keine Generation",
            "X-Min-Generation ist eine ganze Zahl ab 1: die kleinste Generation, wie sie in \
             Switchover-Generation einer Antwort steht, von der die Anfrage beantwortet werden soll.",
        ),
        Why::GenerationNotReached => said(
            "Diese Anwendung ist noch nicht so weit",
            "Die Generation, die X-Min-Generation nennt, ist bei diesem Gateway nicht rechtzeitig \
             angekommen. Nichts von Ihrer Anfrage ist bei der Anwendung angekommen; bitte versuchen Sie es \
             gleich noch einmal.",
        ),
        Why::Fenced => said(
            "Diese Anwendung ist von hier aus nicht erreichbar",
            "Dieses Gateway ist vom Rest der Installation abgeschnitten. Nichts von Ihrer Anfrage ist bei \
             der Anwendung angekommen; bitte versuchen Sie es gleich noch einmal.",
        ),
        Why::NothingInTest => said(
            "Keine Version ist im Test",
            "Die Version, die hier im Test war, ist jetzt in Betrieb, oder ihr Test wurde beendet.",
        ),
        Why::TokenNeeded => said(
            "Für Tester",
            "Die Version unter dieser Adresse ist im Test. Tester kommen mit dem Test-Token hinein.",
        ),
        Why::TokenWrong => said(
            "Das ist nicht das Test-Token",
            "Es ist ein anderes Token, oder es gilt nicht mehr.",
        ),
        Why::TooManyTries => said(
            "Zu viele falsche Token",
            "Bitte warten Sie eine Minute, und versuchen Sie es dann noch einmal.",
        ),
        Why::PathRefused => said(
            "Diese Adresse ist nicht gültig",
            "Ihr Pfad lässt sich auf mehr als eine Art lesen; deshalb ist nicht klar, wer sie öffnen darf.",
        ),
        Why::SignInNeeded => said(
            "Bitte melden Sie sich an",
            "Diese Anwendung ist für Menschen, die angemeldet sind. Was Sie gesendet haben, ist nicht bei \
             ihr angekommen.",
        ),
        Why::RoleMissing => said(
            "Das dürfen Sie nicht öffnen",
            "Dafür braucht es eine Rolle, die Sie nicht haben. Wer die Benutzer Ihrer Organisation \
             verwaltet, kann sie Ihnen geben; melden Sie sich dann noch einmal an.",
        ),
        Why::ForeignRequest => said(
            "Diese Anfrage kommt von einer anderen Website",
            "Was etwas ändert, muss von einer Seite dieser Anwendung gesendet werden, oder das CSRF-Token \
             der Sitzung in X-Switchover-Csrf tragen. Nichts davon ist bei der Anwendung angekommen.",
        ),
        Why::LoginNotSetUp => said(
            "Hier kann sich noch niemand anmelden",
            "Diese Anwendung verlangt eine Anmeldung, und diesem Gateway wurde kein Identitätsanbieter \
             genannt: Es muss mit --login-issuer und --login-client-id gestartet werden.",
        ),
        Why::SignInFailed => said(
            "Sie sind nicht angemeldet",
            "Die Anmeldung wurde nicht beendet, dauerte zu lange, oder wurde in einem anderen Browser \
             begonnen. Bitte beginnen Sie noch einmal.",
        ),
        Why::OtherTenant => said(
            "Sie gehören zu einer anderen Organisation",
            "Sie haben sich als jemand angemeldet, der nicht zu der Organisation gehört, deren Adresse \
             das ist. Nehmen Sie die Adresse Ihrer eigenen Organisation, oder melden Sie sich als jemand \
             anderes an.",
        ),
        Why::ProviderAway => said(
            "Im Moment kann sich niemand anmelden",
            "Der Identitätsanbieter antwortet nicht. Bitte versuchen Sie es gleich noch einmal.",
        ),
        Why::NothingHere => said(
            "Hier gibt es nichts",
            "Diese Adresse gehört dem Gateway, das unter ihr nichts hat, oder nicht für diese Methode.",
        ),
        Why::Loop => said(
            "Diese Anwendung führt zu sich selbst zurück",
            "Das Upstream der Version schickt Anfragen dorthin zurück, wo sie herkamen.",
        ),
        Why::RequestStalled => said(
            "Ihre Anfrage ist nicht angekommen",
            "Zu lange kam nichts mehr von ihr.",
        ),
        Why::UpstreamUnreachable => said(
            "Diese Anwendung ist nicht erreichbar",
            "Im Moment gibt es keine Verbindung zu ihr. Nichts von Ihrer Anfrage ist bei ihr angekommen.",
        ),
        Why::UpstreamBrokeOff => said(
            "Diese Anwendung hat abgebrochen",
            "Die Verbindung zu ihr endete, bevor sie geantwortet hat. Ihre Anfrage kann gewirkt haben.",
        ),
        Why::UpstreamTimeout => said(
            "Diese Anwendung antwortet nicht",
            "Sie hat zu lange für die Antwort gebraucht. Ihre Anfrage kann gewirkt haben.",
        ),
        Why::Cut => said(
            "Diese Anwendung wurde aktualisiert",
            "Ihre Anfrage dauerte länger, als die Version davor noch hatte. Sie kann gewirkt haben; bitte \
             sehen Sie nach, bevor Sie es noch einmal versuchen.",
        ),
    }
}
