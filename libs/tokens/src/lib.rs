//! Access tokens for applications' backends: who may have one, how it is signed, and how a client id
//! and its secret are drawn and checked. Decides, signs and counts time that it is given; knows no database, contract or server.

pub mod decide;
pub mod jwt;
pub mod keys;
pub mod pair;
pub mod secrets;

pub use decide::{Asked, Credential, Refusal, Standing, VersionStanding};
pub use jwt::{Claims, LIFETIME};
pub use keys::{Ring, SigningKey, Term};
pub use pair::{Pair, Secret};
pub use secrets::{Stored, Unchecked, Verifier};
