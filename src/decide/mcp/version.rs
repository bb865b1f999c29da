//! What each protocol version implies: one table.

/// The two ways to speak MCP over HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Era {
    /// 2024-11-05 to 2025-11-25: `initialize`, sessions, GET streams.
    Legacy,
    /// 2026-07-28 and later: each request stands alone, with its version and capabilities in
    /// `_meta`.
    Modern,
    /// Header and body have the same version, which is not a date: an upstream may treat the
    /// message as legacy or as modern. It must meet the requirements of both.
    Unknown,
}

/// The properties of one version that a gateway must know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    /// The date that names it.
    pub name: &'static str,
    /// Its era.
    pub era: Era,
    /// Whether a POST may carry an array of messages.
    pub batches: bool,
    /// Whether the server may open a session with `Mcp-Session-Id`.
    pub sessions: bool,
    /// Whether GET opens an event stream.
    pub get: bool,
    /// Whether a client may answer the server's requests by POST.
    pub client_responses: bool,
    /// Whether `MCP-Protocol-Version`, `Mcp-Method` and `Mcp-Name` are required.
    pub standard_headers: bool,
    /// Whether a client that closes the answer's stream thereby cancels the request.
    pub close_cancels: bool,
}

const LEGACY: Version = Version {
    name: "",
    era: Era::Legacy,
    batches: false,
    sessions: true,
    get: true,
    client_responses: true,
    standard_headers: false,
    close_cancels: false,
};

/// All known versions, the oldest first. The upstream answers a request with an unknown version
/// (SPEC C-17, C-18).
pub const VERSIONS: [Version; 5] = [
    // HTTP with SSE: the session is an id in the URI that the first event names.
    Version { name: "2024-11-05", sessions: false, ..LEGACY },
    Version { name: ASSUMED, batches: true, ..LEGACY },
    Version { name: "2025-06-18", ..LEGACY },
    Version { name: "2025-11-25", ..LEGACY },
    Version {
        name: FIRST_MODERN,
        era: Era::Modern,
        batches: false,
        sessions: false,
        get: false,
        client_responses: false,
        standard_headers: true,
        close_cancels: true,
    },
];

/// The version of a request without `MCP-Protocol-Version`, unless its session has another version
/// (2025-06-18 transports).
pub const ASSUMED: &str = "2025-03-26";

/// The last version before the modern era: what most clients begin with.
pub const LAST_LEGACY: &str = "2025-11-25";

/// The first version of the modern era.
pub const FIRST_MODERN: &str = "2026-07-28";

/// The row of `name`.
#[must_use]
pub fn find(name: &str) -> Option<&'static Version> {
    VERSIONS.iter().find(|version| version.name == name)
}

/// The era of `name`. An unknown version belongs to the era of its date: dates sort as text. A name
/// that is not a date is legacy: the modern era begins with a date (SPEC C-16).
#[must_use]
pub fn era_of(name: &str) -> Era {
    if !is_date(name) || name < FIRST_MODERN { Era::Legacy } else { Era::Modern }
}

/// Whether `text` has the shape of a version, `YYYY-MM-DD` (SPEC C-16).
#[must_use]
pub fn is_date(text: &str) -> bool {
    text.len() == 10
        && text
            .bytes()
            .enumerate()
            .all(|(at, byte)| if matches!(at, 4 | 7) { byte == b'-' } else { byte.is_ascii_digit() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order_and_its_eras_are_those_of_the_dates() {
        assert!(VERSIONS.iter().map(|version| version.name).is_sorted());
        for version in VERSIONS {
            assert!(is_date(version.name));
            assert_eq!(find(version.name), Some(&version));
            assert_eq!(era_of(version.name), version.era);
            assert_eq!(version.standard_headers, version.era == Era::Modern);
        }
        assert_eq!(
            VERSIONS.iter().filter(|version| version.batches).map(|version| version.name).collect::<Vec<_>>(),
            [ASSUMED]
        );
    }

    #[test]
    fn c15_unknown_versions_have_no_row_but_an_era() {
        for (name, era) in [
            ("1900-01-01", Era::Legacy),
            ("2026-07-27", Era::Legacy),
            ("2026-07-29", Era::Modern),
            ("9999-99-99", Era::Modern),
            ("", Era::Legacy),
            ("latest", Era::Legacy),
            ("2026-07-28x", Era::Legacy),
        ] {
            assert_eq!((find(name), era_of(name)), (None, era), "{name}");
        }
    }

    #[test]
    fn c16_a_version_is_a_date() {
        for text in [
            "",
            "2026-07-2",
            "2026-07-288",
            "2026/07/28",
            "2026-7-028",
            "DRAFT-2026",
            "2026-07-2x",
            "２026-07-2",
            "-026-07-28",
        ] {
            assert!(!is_date(text), "{text}");
        }
    }
}
