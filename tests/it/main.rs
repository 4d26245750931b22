//! The whole system, tested from outside: real processes, databases and mail.

mod access;
mod demonstrating;
mod denying;
mod dying;
mod refusing;
mod running;
mod switching;
mod tidy;
mod verifying;
