//! Why a token is not believed. No reason holds anything of the token.

/// Why a token is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// It is longer than any token may be.
    #[error("the token is longer than a token may be")]
    TooLong,
    /// It is not three parts of base64url that hold a header and claims.
    #[error("the token is not well-formed: {0}")]
    Malformed(&'static str),
    /// It names no algorithm, or one that is not on the list: `none`, one with a shared secret.
    #[error("the token's algorithm is not one of RS256, PS256, ES256 and EdDSA")]
    Algorithm,
    /// It brings a key of its own, or says where one is.
    #[error("the token's header brings or names a key, or has extensions")]
    Header,
    /// It does not say with which key it was signed.
    #[error("the token does not say which key signed it")]
    NoKeyId,
    /// The issuer has no such key that may sign tokens.
    #[error("the issuer has no such key")]
    UnknownKey,
    /// The key is not for the algorithm.
    #[error("the key that the token names is not for its algorithm")]
    KeyAlgorithm,
    /// The signature is not the key's.
    #[error("the signature is wrong")]
    Signature,
    /// It is another kind of token.
    #[error("this is not the kind of token that is wanted here")]
    Type,
    /// A claim is missing.
    #[error("the claim {0} is missing")]
    Missing(&'static str),
    /// A claim is of another kind than it must be.
    #[error("the claim {0} cannot be read")]
    Unreadable(&'static str),
    /// Another issuer made it.
    #[error("another issuer made the token")]
    Issuer,
    /// It is for somebody else.
    #[error("the token is for another audience")]
    Audience,
    /// It was given to another client.
    #[error("the token was given to another client")]
    Client,
    /// It has ended.
    #[error("the token has expired")]
    Expired,
    /// It is not valid yet.
    #[error("the token is not valid yet")]
    NotYet,
    /// It says that it was made in the future.
    #[error("the token was made in the future")]
    Future,
    /// It is valid for longer than tokens may be.
    #[error("the token is valid for longer than tokens may be here")]
    Lifetime,
    /// It belongs to another sign-in.
    #[error("the token belongs to another sign-in")]
    Nonce,
    /// It cannot be checked now: the issuer does not answer, and no keys are at hand.
    #[error("the issuer's keys cannot be had at the moment")]
    NoKeys,
}

impl Refusal {
    /// Returns a stable name for logs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::TooLong => "TOKEN_TOO_LONG",
            Self::Malformed(_) => "TOKEN_MALFORMED",
            Self::Algorithm => "TOKEN_ALGORITHM",
            Self::Header => "TOKEN_HEADER",
            Self::NoKeyId => "TOKEN_NO_KEY_ID",
            Self::UnknownKey => "TOKEN_UNKNOWN_KEY",
            Self::KeyAlgorithm => "TOKEN_KEY_ALGORITHM",
            Self::Signature => "TOKEN_SIGNATURE",
            Self::Type => "TOKEN_TYPE",
            Self::Missing(_) => "TOKEN_CLAIM_MISSING",
            Self::Unreadable(_) => "TOKEN_CLAIM_UNREADABLE",
            Self::Issuer => "TOKEN_ISSUER",
            Self::Audience => "TOKEN_AUDIENCE",
            Self::Client => "TOKEN_CLIENT",
            Self::Expired => "TOKEN_EXPIRED",
            Self::NotYet => "TOKEN_NOT_YET",
            Self::Future => "TOKEN_FUTURE",
            Self::Lifetime => "TOKEN_LIFETIME",
            Self::Nonce => "TOKEN_NONCE",
            Self::NoKeys => "TOKEN_NO_KEYS",
        }
    }
}
