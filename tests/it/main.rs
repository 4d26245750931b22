//! The whole system, tested from outside: real processes, databases and mail.

mod access;
mod benching;
mod demonstrating;
mod denying;
mod dying;
mod proving_simulation;
mod refusing;
mod running;
mod switching;
mod tidy;
