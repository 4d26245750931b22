//! What stands in a page's form: signed here, it proves that the page of this link was opened, when,
//! and what the form must bring back. No browser can move the time, and no form outlives its hour.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use contract::ApplicationName;
use jiff::{SignedDuration, Timestamp};
use runtime::Seal;

use crate::error::Error;

/// How long a page may stay open before its form counts no longer.
pub(crate) const LIFETIME: SignedDuration = SignedDuration::from_hours(1);
/// Nobody reads the page, chooses and types in less.
const TOO_FAST: SignedDuration = SignedDuration::from_secs(2);
/// How far the clocks of two replicas may be apart.
const LEEWAY: SignedDuration = SignedDuration::from_secs(60);
/// The longest text that is taken for a form's token; ours have 76 characters.
const TEXT_BYTES_MAX: usize = 200;
const PURPOSE: &str = "consent form";
/// Tells two forms of one moment apart.
const NONCE: usize = 16;

/// What a form must bring back, besides itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Demand {
    /// Nothing: the page of a release before this one, which asks once more where it is unsure.
    Nothing,
    /// The word that a person types, and not at once. Whatever follows links, submits forms or
    /// presses buttons by itself does not type it.
    TypedWord,
}

/// A form of ours, not older than an hour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Form {
    /// Names it among all forms.
    pub(crate) hash: String,
    demand: Demand,
    age: SignedDuration,
}

impl Demand {
    fn byte(self) -> u8 {
        match self {
            Self::Nothing => 1,
            Self::TypedWord => 2,
        }
    }

    fn of(byte: u8) -> Option<Self> {
        [Self::Nothing, Self::TypedWord]
            .into_iter()
            .find(|demand| demand.byte() == byte)
    }
}

/// Makes the token of a form that is opened `now`, for the link whose token has this hash.
pub(crate) fn mint(
    seal: &Seal,
    link: &str,
    demand: Demand,
    nonce: [u8; NONCE],
    now: Timestamp,
) -> String {
    let opened = now.as_microsecond().to_be_bytes();
    let said = [&[demand.byte()], opened.as_slice(), &nonce].concat();
    let mac = seal.mac(PURPOSE, &bound(link, &said));
    URL_SAFE_NO_PAD.encode([said.as_slice(), &mac].concat())
}

/// Reads what came back with a form; none unless it was made for this link within the last hour.
pub(crate) fn read(seal: &Seal, link: &str, text: &str, now: Timestamp) -> Option<Form> {
    if text.len() > TEXT_BYTES_MAX {
        return None;
    }
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let (said, mac) = bytes.split_first_chunk::<{ 1 + 8 + NONCE }>()?;
    if !seal.verify(PURPOSE, &bound(link, said), mac) {
        return None;
    }
    let (demand, rest) = said.split_first()?;
    let (opened, _) = rest.split_first_chunk::<8>()?;
    let opened = Timestamp::from_microsecond(i64::from_be_bytes(*opened)).ok()?;
    let age = now.duration_since(opened);
    (-LEEWAY..=LIFETIME).contains(&age).then_some(Form {
        hash: crate::offer_token::hash(text),
        demand: Demand::of(*demand)?,
        age,
    })
}

impl Form {
    /// Tells whether a person seems to have sent it, who typed `typed`.
    pub(crate) fn judge(&self, typed: &str, word: &ApplicationName) -> Result<(), Error> {
        match self.demand {
            Demand::Nothing => Ok(()),
            Demand::TypedWord if self.age < TOO_FAST => Err(Error::FormTooFast),
            Demand::TypedWord if !typed.trim().eq_ignore_ascii_case(word.as_str()) => {
                Err(Error::GestureMissing)
            }
            Demand::TypedWord => Ok(()),
        }
    }
}

fn bound(link: &str, said: &[u8]) -> Vec<u8> {
    [link.as_bytes(), said].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        Timestamp::from_second(1_000_000).unwrap()
    }

    fn after(millis: i64) -> Timestamp {
        now() + SignedDuration::from_millis(millis)
    }

    #[test]
    fn a_form_counts_for_its_own_link_for_an_hour() {
        let seal = Seal::for_tests();
        let made = mint(&seal, "aa", Demand::TypedWord, [7; NONCE], now());
        assert_eq!(made.len(), 76);
        let fresh = |link: &str, text: &str, seconds: i64| {
            read(&seal, link, text, after(seconds * 1000)).is_some()
        };
        assert!(fresh("aa", &made, 0) && fresh("aa", &made, 3600) && fresh("aa", &made, -60));
        assert!(!fresh("aa", &made, 3601) && !fresh("aa", &made, -61));
        assert!(!fresh("ab", &made, 0));
        assert_eq!(read(&Seal::for_tests(), "aa", &made, now()), None);
        for text in ["", "AAAA", "ä", &made[1..], &"A".repeat(TEXT_BYTES_MAX + 1)] {
            assert!(!fresh("aa", text, 0), "{text:?}");
        }
        for byte in 0..1 + 8 + NONCE {
            let mut other = URL_SAFE_NO_PAD.decode(&made).unwrap();
            other[byte] ^= 3;
            let other = URL_SAFE_NO_PAD.encode(other);
            assert!(
                !fresh("aa", &other, 0),
                "the demand and the time are signed: {byte}"
            );
        }
    }

    #[test]
    fn two_forms_of_one_moment_are_two() {
        let seal = Seal::for_tests();
        let [one, two] = [1, 2].map(|nonce| {
            let made = mint(&seal, "aa", Demand::TypedWord, [nonce; NONCE], now());
            read(&seal, "aa", &made, now()).unwrap().hash
        });
        assert_ne!(one, two);
    }

    #[test]
    fn a_form_demands_the_word_and_two_seconds_by_its_own_clock() {
        let seal = Seal::for_tests();
        let word: ApplicationName = "crm".parse().unwrap();
        let judge = |demand: Demand, typed: &str, millis: i64| {
            let made = mint(&seal, "aa", demand, [7; NONCE], now());
            let form = read(&seal, "aa", &made, after(millis)).unwrap();
            form.judge(typed, &word)
        };
        for right in ["crm", "CRM", "  Crm\t"] {
            assert!(judge(Demand::TypedWord, right, 2000).is_ok(), "{right:?}");
        }
        for wrong in ["", " ", "crm crm", "c r m", "deny", "yes", "crm2"] {
            let refused = judge(Demand::TypedWord, wrong, 5000);
            assert!(matches!(refused, Err(Error::GestureMissing)), "{wrong:?}");
        }
        for fast in [-1000, 0, 1999] {
            let refused = judge(Demand::TypedWord, "crm", fast);
            assert!(matches!(refused, Err(Error::FormTooFast)), "{fast}");
        }
        assert!(judge(Demand::Nothing, "", 0).is_ok());
    }
}
