//! A user's browser between the authorize endpoint and the code: flow, cookies, forms, pages.

pub(crate) mod cookie;
pub(crate) mod departure;
pub(crate) mod flow;
pub(crate) mod form_post;
pub(crate) mod known;
pub(crate) mod named_flow;
pub(crate) mod offer;
pub(crate) mod pages;
pub(crate) mod sealed_flow;
pub(crate) mod session;
pub(crate) mod used_states;
pub(crate) mod way_back;
