//! Strict JSON: refuses text that two readers could read differently.

pub(in crate::decide) mod end;
pub(in crate::decide) mod lookalike;
pub mod pointer;
mod run;
pub(in crate::decide) mod scan;
pub mod strict;
pub(in crate::decide) mod strings;
pub(in crate::decide) mod text;
pub(in crate::decide) mod walk;
