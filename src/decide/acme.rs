//! Certificates by ACME (RFC 8555): which names, what is kept, when to renew, what a refusal means.

pub mod domain;
pub mod kept;
pub mod refusal;
pub mod schedule;
