//! The whole system, tested from outside: real processes, databases and mail.

mod access;
mod breaking;
mod cutting;
mod demonstrating;
mod denying;
mod dying;
mod racing;
mod refusing;
mod running;
mod stopping;
mod switching;
mod tidy;
mod verifying;
