//! The link by which the reader of a mail wants no more like it (RFC 8058). What it is about stands in
//! its token, sealed: nobody can make one, and none has to be remembered.

use contract::{EmailAddress, InboxName};
use runtime::Seal;
use secrecy::ExposeSecret as _;

use crate::category::Category;

/// What tokens are sealed for.
const PURPOSE: &str = "notification/unsubscribe";

/// Whose mails of what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wish {
    /// Whose inbox the mails are about.
    pub(crate) inbox: InboxName,
    /// What they are about.
    pub(crate) category: Category,
    /// Who gets them.
    pub(crate) address: EmailAddress,
}

impl Wish {
    /// The longest token that is looked at.
    pub(crate) const TOKEN_MAX: usize = 900;

    /// Returns the token that says so; none for what nobody may be without.
    pub(crate) fn token(&self, seal: &Seal) -> Option<String> {
        let Self {
            inbox,
            category,
            address,
        } = self;
        if category.is_required() {
            return None;
        }
        // No part has a line break in it.
        let text = format!("{inbox}\n{}\n{address}", category.as_str());
        Some(seal.seal(PURPOSE, text.as_bytes()))
    }

    /// Reads a token; nothing if it is none of ours.
    pub(crate) fn read(token: &str, seal: &Seal) -> Option<Self> {
        if token.len() > Self::TOKEN_MAX {
            return None;
        }
        let opened = seal.open(PURPOSE, token).ok()?;
        let text = std::str::from_utf8(opened.expose_secret()).ok()?;
        let mut parts = text.splitn(3, '\n');
        let wish = Self {
            inbox: parts.next()?.parse().ok()?,
            category: Category::from_word(parts.next()?)?,
            address: parts.next()?.parse().ok()?,
        };
        (!wish.category.is_required()).then_some(wish)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(category: Category) -> Wish {
        Wish {
            inbox: "tenants/acme/inbox".parse().unwrap(),
            category,
            address: "Anna@acme.example".parse().unwrap(),
        }
    }

    #[test]
    fn a_token_says_whose_mails_of_what_and_nobody_can_make_or_change_one() {
        let seal = Seal::for_tests();
        let token = wish(Category::Access).token(&seal).unwrap();
        assert_eq!(Wish::read(&token, &seal), Some(wish(Category::Access)));
        assert!(!token.contains("anna"));
        assert_eq!(Wish::read(&token, &Seal::for_tests()), None);
        let other = seal.seal("notification/mail", b"operator/inbox\ndenials\na@b.example");
        for forged in ["", "s1", &token[..token.len() - 1], &other] {
            assert_eq!(Wish::read(forged, &seal), None, "{forged}");
        }
    }

    #[test]
    fn there_is_no_token_for_what_nobody_may_be_without() {
        let seal = Seal::for_tests();
        for category in Category::ALL {
            let token = wish(category).token(&seal);
            assert_eq!(token.is_none(), category.is_required(), "{category:?}");
        }
        let forged = seal.seal(PURPOSE, b"tenants/acme/inbox\nconsent\nanna@acme.example");
        assert_eq!(Wish::read(&forged, &seal), None);
    }

    #[test]
    fn the_longest_token_fits() {
        let seal = Seal::for_tests();
        let long = Wish {
            inbox: format!("tenants/{}/inbox", "a".repeat(8)).parse().unwrap(),
            category: Category::Acceptances,
            address: format!(
                "{}@{}.{}.{}.x",
                "a".repeat(64),
                "b".repeat(60),
                "c".repeat(60),
                "d".repeat(60)
            )
            .parse()
            .unwrap(),
        };
        let token = long.token(&seal).unwrap();
        assert!(token.len() <= Wish::TOKEN_MAX, "{}", token.len());
        assert_eq!(Wish::read(&token, &seal), Some(long));
    }
}
