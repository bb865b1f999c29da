//! Lists in an answer: which are filtered, how, and which break the answer off.

mod decompressor;
pub(in crate::inbound) mod edited;
pub(in crate::inbound) mod guarded;
pub(in crate::inbound) mod list_filter;
pub(in crate::inbound) mod plan;
pub(in crate::inbound) mod readable;
pub(in crate::inbound) mod whole;
