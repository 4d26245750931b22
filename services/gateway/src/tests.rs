//! The whole gateway against a catalog, a provisioning and versions that the tests play.

pub(crate) mod catalog;
pub(crate) mod http;
pub(crate) mod inbox;
pub(crate) mod notification;
pub(crate) mod provisioning;
pub(crate) mod tokens;
pub(crate) mod world;

mod draining;
mod fleet;
mod leaving;
mod reporting;
mod restarting;
mod switching;
