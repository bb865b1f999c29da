//! Policy: the rules as plain data, and the function that decides about a caller and a target.

pub mod automaton;
pub mod claims;
pub mod covered;
pub mod email;
pub mod evaluate;
pub mod explain;
mod fold;
pub mod glob;
pub mod narrowed;
pub mod pattern;
mod query;
mod resource;
pub mod rule;
mod spelling;
mod template;
pub mod uri;
