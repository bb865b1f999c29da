//! Who may touch what: rules as plain data, and the one function that decides.

pub mod evaluate;
pub mod explain;
pub mod glob;
pub mod narrowed;
pub mod pattern;
mod resource;
pub mod rule;
mod template;
pub mod uri;
