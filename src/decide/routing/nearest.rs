//! Finds the served path that a request without a route most likely meant.

/// A longer path is not compared letter by letter.
const COMPARED_BYTES_MAX: usize = 64;
/// More paths are not compared letter by letter: anyone can ask for a path that is not there.
const COMPARED_PATHS_MAX: usize = 64;
/// Letters that may differ.
const LETTERS_MAX: usize = 2;

/// The one of `served` that `asked` most likely means: in another case, with a part more or less at
/// either end, or with up to two wrong letters.
#[must_use]
pub fn nearest<'a>(asked: &str, served: &[&'a str]) -> Option<&'a str> {
    let asked = asked.trim_end_matches('/');
    let by = |is_near: &dyn Fn(&str) -> bool| served.iter().find(|path| is_near(path.trim_end_matches('/'))).copied();
    if asked.is_empty() {
        return None;
    }
    by(&|path| path.eq_ignore_ascii_case(asked))
        .or_else(|| by(&|path| is_part_of(asked, path) || is_part_of(path, asked)))
        .or_else(|| {
            let few = served.iter().take(COMPARED_PATHS_MAX);
            few.copied().find(|path| is_misspelled(asked, path.trim_end_matches('/')))
        })
}

/// Whether one part of a path is another in any case, or with up to two wrong letters.
#[must_use]
pub fn is_near(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other) || is_misspelled(one, other)
}

/// Whether `long` is `short` with whole segments before or after it.
fn is_part_of(short: &str, long: &str) -> bool {
    let has_rest = |rest: Option<&str>, at_end: bool| {
        rest.is_some_and(|rest| !rest.is_empty() && (at_end || rest.starts_with('/')))
    };
    !short.is_empty() && (has_rest(long.strip_prefix(short), false) || has_rest(long.strip_suffix(short), true))
}

/// Whether at most [`LETTERS_MAX`] letters were added, left out or replaced.
fn is_misspelled(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    if one.len().max(other.len()) > COMPARED_BYTES_MAX || one.len().abs_diff(other.len()) > LETTERS_MAX {
        return false;
    }
    // Two letters of three or four are another word.
    let most = if one.len().min(other.len()) < 4 { 1 } else { LETTERS_MAX };
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, letter) in one.iter().enumerate() {
        let mut next = Vec::with_capacity(row.len());
        next.push(at + 1);
        for ((wanted, pair), left) in other.iter().zip(row.windows(2)).zip(0..) {
            let (&[diagonal, above], Some(before)) = (pair, next.get(left).copied()) else { return false };
            let replaced = diagonal + usize::from(letter != wanted);
            next.push(replaced.min(above + 1).min(before + 1));
        }
        // What differs already by more stays so.
        if next.iter().min().is_none_or(|least| *least > most) {
            return false;
        }
        row = next;
    }
    row.last().is_some_and(|distance| *distance <= most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_9_the_nearest_path_is_the_one_that_was_meant() {
        let served = ["/weather/mcp", "/maps/mcp", "/plain"];
        for (asked, meant) in [
            ("/Weather/MCP", Some("/weather/mcp")),
            ("/weather", Some("/weather/mcp")),
            ("/weather/mcp/sse", Some("/weather/mcp")),
            ("/mcp", Some("/weather/mcp")),
            ("/mcp/", Some("/weather/mcp")),
            ("/wether/mcp", Some("/weather/mcp")),
            ("/map/mpc", None),
            ("/maps/mpc", Some("/maps/mcp")),
            ("/plian", Some("/plain")),
            ("/plain/x", Some("/plain")),
            ("/", None),
            ("", None),
            ("/weathermcp", Some("/weather/mcp")),
            ("/wp-login.php", None),
            ("/weath", None),
        ] {
            assert_eq!(nearest(asked, &served), meant, "{asked}");
        }
        assert_eq!(nearest(&"/a".repeat(5000), &served), None);
    }
}
