//! The gateway: users' requests in, versions' answers out.

pub mod apps;
