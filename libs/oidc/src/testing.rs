//! An issuer in the test's own process: it publishes keys, signs whatever it is asked to, and lets
//! people sign in without asking them anything. Only meant for tests.

mod server;
mod signer;

pub use server::TestIssuer;
pub use signer::{Signer, encoded, joined};
