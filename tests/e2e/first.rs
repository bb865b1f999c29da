//! The first hour of a new user, item by item of what they meet.

mod acme;
mod acme_failures;
mod check_ahead;
mod doctor_own;
mod doctor_url;
mod file;
mod init;
mod refusals;
mod refusals_named;
mod refusals_upstream;
mod release;
mod serve;
mod serve_sets;
mod serve_start;
mod terminal;
