//! Access tokens for applications' backends: who may have one, how it is signed, and how a client id
//! and its secret are drawn and checked; and the words of a gateway to a backend about who asks. Decides, signs and counts time that it is given; knows no database, contract or server.

pub mod decide;
pub mod identity;
pub mod jwt;
pub mod keys;
pub mod pair;
pub mod secrets;

pub use decide::{Asked, Credential, Refusal, Standing, VersionStanding};
pub use identity::{Identity, User};
pub use jwt::{Claims, LIFETIME};
pub use keys::{Ring, SigningKey, Term};
pub use pair::{Pair, Secret};
pub use secrets::{Stored, Unchecked, Verifier};
