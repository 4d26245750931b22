//! What tests against real processes, databases and mail need: the installation as a world to act
//! in, clients that write down what they saw, and the checker of what they wrote.

pub mod any_rpc;
pub mod api;
pub mod bench;
pub mod browser;
pub mod certificates;
pub mod consent_bench;
pub mod consent_page;
pub mod crash_points;
pub mod fleet;
pub mod guarded;
pub mod http_client;
pub mod issuer;
pub mod keys;
pub mod kills;
pub mod load;
pub mod made_history;
pub mod mailbox;
pub mod ports;
pub mod post;
pub mod process;
pub mod program;
pub mod quiet;
pub mod shop;
pub mod simulation;
pub mod story;
pub mod until;
pub mod wire;
pub mod world;
