//! Users: local accounts, or a login at the company IdP.

pub mod accounts;
pub mod bridge;
pub(crate) mod claims_seen;
pub(crate) mod current;
pub(crate) mod kept;
pub mod passwords;
