//! Checks that a JSON document is UTF-8 without a byte order mark.

use bytes::Bytes;

use super::scan::JsonFault;
use crate::base::text::BYTE_ORDER_MARK;

/// The text of `body`: UTF-8 without a byte order mark (SPEC C-23). UTF-16 and UTF-32 fail in the
/// grammar, because their ASCII is full of NULs.
pub(in crate::decide) fn text_of(body: &Bytes) -> Result<&str, JsonFault> {
    // Some stacks skip the mark, some report a syntax error, and some use it to guess the encoding.
    if body.starts_with(BYTE_ORDER_MARK) {
        return Err("byte order mark");
    }
    std::str::from_utf8(body).map_err(|_| "not UTF-8")
}
