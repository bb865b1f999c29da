//! The keys of one entry of `documents`.

use crate::config::keys::row::{FILE, KeyRow, KeySection, TextForm, TextShape, ValueShape, matching};

/// `documents.*`.
pub(super) fn section() -> KeySection {
    KeySection {
        about: "One document of the operator, answered to `GET` and `HEAD` without a token. The path is compared byte by \
                byte, and may not be one of the gateway's own. Browsers get `Content-Security-Policy: sandbox`, because \
                a script on a page would run on the origin where users sign in.",
        one_of: &["text", "file"],
        keys: vec![
            KeyRow::optional(
                "text",
                TextShape { what: "text", form: TextForm::Any },
                "The document itself, such as the answer to a domain verification.",
            ),
            KeyRow::optional("file", FILE, "A file of at most 1 MiB, which is read again when it changes."),
            KeyRow::optional("type", matching("a media type", "^[^/, ]+/[^,]+$"), "The `Content-Type` of the answer.")
                .or_else(
                    "by the extension of the file or of the path; without a known one `application/json` for an object or \
                     a list, and `text/plain` for other text",
                ),
        ],
    }
}

/// `documents`.
pub(super) fn row() -> KeyRow {
    KeyRow::optional(
        "documents",
        ValueShape::ByPath(section()),
        "Documents of the operator by path, answered without a token: domain verification \
         (`/.well-known/openai-apps-challenge`), icons, a privacy policy.",
    )
}
