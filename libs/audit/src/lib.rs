//! The audit log of a service: who changed what, each entry with the digest of the one before it.
//!
//! [`append`] writes an entry in the transaction of the change, for whoever the server works for: what is
//! rolled back leaves none, and neither does what services and gateways do by themselves. [`Log`] shows
//! the entries; [`chain::follow`] finds what was changed, left out or put elsewhere since, in files as well.

pub mod chain;
mod change;
mod entry;
mod json;
mod serve;
mod service;
mod store;
pub mod testing;

pub use change::{Change, append};
pub use entry::{Entry, GENESIS, Head, NoEntry};
pub use serve::{Log, log};
pub use service::{EntryName, NoName, Service};
