//! People: local accounts, or a login at the company's identity provider.

pub mod accounts;
pub mod bridge;
