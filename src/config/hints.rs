//! Slips of typing at the end of a value, in words that a message about the value ends with.

/// What probably went wrong with `text`, a value that is refused; `plain` if it has no quotes.
/// Nothing of the value is shown: it may be a secret.
pub(super) fn of(text: &str, plain: bool) -> &'static str {
    if text.ends_with('\n') {
        " (without the line break at its end, which `|` and `>` keep: write the value in the line of its key)"
    } else if plain && text.contains('#') && !text.contains("://") {
        " (a comment begins with `#` after a space)"
    } else if plain && text.ends_with([',', ';']) {
        " (nothing ends a line of YAML: neither a comma nor a semicolon)"
    } else {
        ""
    }
}

/// The kinds of lists whose elements are maps, by the words in which messages name them.
const LISTS_OF_MAPS: [&str; 7] = ["maps", "rules", "grants", "clients", "paths", "accounts", "API keys"];

/// How a list is written; `expected` says of what.
pub(super) fn how_to_list(expected: &str, is_map: bool) -> &'static str {
    if is_map || LISTS_OF_MAPS.iter().any(|of| expected.starts_with(of)) {
        ", each of which begins with `- `"
    } else {
        ", in brackets"
    }
}

#[cfg(test)]
mod tests {
    use super::{how_to_list, of};

    #[test]
    fn first_8_check_slips_at_the_end_of_a_value_are_told_once() {
        for (text, plain, told) in [
            ("127.0.0.1:8080#local", true, "comment"),
            ("127.0.0.1:8080#local", false, ""),
            ("/mcp,", true, "comma"),
            ("/mcp;", true, "semicolon"),
            ("/mcp,", false, ""),
            ("/mcp\n", false, "line break"),
            ("/mcp", true, ""),
            ("", true, ""),
        ] {
            let hint = of(text, plain);
            assert!(hint.contains(told) && hint.is_empty() == told.is_empty(), "{text}: {hint}");
        }
        assert!(how_to_list("rules", false).contains("`- `"));
        assert!(how_to_list("scopes", false).contains("brackets"));
        assert!(how_to_list("scopes", true).contains("`- `"));
    }
}
