//! OAuth clients: who they are and how they authenticate.

pub(crate) mod authenticate;
pub mod documents;
