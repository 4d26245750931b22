//! The whole system, tested from outside: real processes, databases and mail.

mod access;
mod refusing;
mod switching;
mod tidy;
