//! What the embedded authorization server knows of a browser: the flow, its cookies, forms and pages.

pub(crate) mod cookie;
pub(crate) mod flow;
pub(crate) mod form_post;
pub(crate) mod pages;
