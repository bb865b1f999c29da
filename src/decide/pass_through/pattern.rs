//! A pattern of paths, and whether two patterns have a path in common.

use crate::decide::policy::{automaton::Covering, glob::Glob};

/// The longest pattern.
const BYTES_MAX: usize = 256;

/// A pattern of paths: `*` is any text within a segment, and `**`, which is a whole segment, any
/// number of segments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathPattern {
    glob: Glob,
}

/// One step of a pattern.
#[derive(Clone, Copy, PartialEq, Eq)]
enum PathStep {
    Byte(u8),
    /// `*`.
    Run,
    /// `**`.
    Any,
}

impl PathPattern {
    /// Reads `pattern`.
    ///
    /// # Errors
    /// What is expected instead.
    pub fn new(pattern: &str) -> Result<Self, &'static str> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~!$&'()*+,=:@".contains(&byte);
        if !pattern.starts_with('/') {
            return Err("a path that begins with /, such as /files/**");
        }
        if !pattern.bytes().all(is_plain) {
            return Err(
                "a path of plain characters, with * for any text in a segment and ** for any segments: no ?, %, ;, \
                        \\, #, spaces or characters outside ASCII",
            );
        }
        if pattern.len() > BYTES_MAX {
            return Err("a path of at most 256 bytes");
        }
        let mut segments = pattern.split('/').skip(1).peekable();
        while let Some(segment) = segments.next() {
            // A slash at the end is an empty last segment.
            let is_empty = segment.is_empty() && segments.peek().is_some();
            if is_empty || (segment.bytes().all(|byte| byte == b'.') && !segment.is_empty()) {
                return Err("a path without empty segments, . and ..");
            }
            if segment.contains("**") && segment != "**" {
                return Err("** as a whole segment, such as /files/**");
            }
        }
        Ok(Self { glob: Glob::within(pattern) })
    }

    /// The pattern as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.glob.as_str()
    }

    /// Whether `path` matches.
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        self.glob.matches(path)
    }

    /// Whether a path matches both patterns. If `folded`, case is ignored.
    #[must_use]
    pub fn overlaps(&self, other: &Self, folded: bool) -> bool {
        overlap(&steps(self.as_str(), folded), &steps(other.as_str(), folded))
    }

    /// Whether this pattern surely matches all that `other` matches.
    #[must_use]
    pub fn contains_all(&self, other: &Self) -> bool {
        Covering::new(self.as_str(), false).covers(&Covering::new(other.as_str(), false))
    }

    /// Whether `path`, or a path below it, matches. If `folded`, case is ignored.
    #[must_use]
    pub fn reaches(&self, path: &str, folded: bool) -> bool {
        let own = steps(self.as_str(), folded);
        let path = steps(path.trim_end_matches('/'), folded);
        let below: Vec<PathStep> = path.iter().copied().chain([PathStep::Byte(b'/'), PathStep::Any]).collect();
        overlap(&own, &path) || overlap(&own, &below)
    }

    /// Whether `path` with a suffix, such as `.json`, matches. Case is ignored.
    #[must_use]
    pub fn covers_with_suffix(&self, path: &str) -> bool {
        let mut path = literal(path.trim_end_matches('/'), true);
        path.extend([PathStep::Byte(b'.'), PathStep::Run]);
        overlap(&steps(self.as_str(), true), &path)
    }

    /// Whether `path`, with or without a slash at its end, matches. If `folded`, case is ignored.
    #[must_use]
    pub fn covers(&self, path: &str, folded: bool) -> bool {
        let own = steps(self.as_str(), folded);
        let mut path = literal(path.trim_end_matches('/'), folded);
        let without = overlap(&own, &path);
        path.push(PathStep::Byte(b'/'));
        without || overlap(&own, &path)
    }
}

/// A path as steps: its stars are only characters.
fn literal(path: &str, folded: bool) -> Vec<PathStep> {
    path.bytes().map(|byte| PathStep::Byte(if folded { byte.to_ascii_lowercase() } else { byte })).collect()
}

fn steps(pattern: &str, folded: bool) -> Vec<PathStep> {
    let mut steps: Vec<PathStep> = Vec::with_capacity(pattern.len());
    for step in literal(pattern, folded) {
        match (steps.last_mut(), step) {
            (Some(last @ (PathStep::Run | PathStep::Any)), PathStep::Byte(b'*')) => *last = PathStep::Any,
            (_, PathStep::Byte(b'*')) => steps.push(PathStep::Run),
            (_, step) => steps.push(step),
        }
    }
    steps
}

/// Whether a text leads both patterns to their ends: visits each pair of places once.
fn overlap(one: &[PathStep], other: &[PathStep]) -> bool {
    let width = other.len() + 1;
    let mut seen = vec![false; (one.len() + 1) * width];
    let mut open = vec![(0, 0)];
    while let Some((a, b)) = open.pop() {
        match seen.get_mut(a * width + b) {
            Some(seen @ false) => *seen = true,
            _ => continue,
        }
        let (left, right) = (one.get(a), other.get(b));
        if left.is_none() && right.is_none() {
            return true;
        }
        // A star may end here.
        if matches!(left, Some(PathStep::Run | PathStep::Any)) {
            open.push((a + 1, b));
        }
        if matches!(right, Some(PathStep::Run | PathStep::Any)) {
            open.push((a, b + 1));
        }
        match (left, right) {
            (Some(PathStep::Byte(one)), Some(PathStep::Byte(other))) if one == other => open.push((a + 1, b + 1)),
            (Some(PathStep::Byte(_)), Some(PathStep::Any)) => open.push((a + 1, b)),
            (Some(PathStep::Any), Some(PathStep::Byte(_))) => open.push((a, b + 1)),
            (Some(PathStep::Byte(byte)), Some(PathStep::Run)) if *byte != b'/' => open.push((a + 1, b)),
            (Some(PathStep::Run), Some(PathStep::Byte(byte))) if *byte != b'/' => open.push((a, b + 1)),
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> PathPattern {
        PathPattern::new(text).unwrap_or_else(|why| panic!("{text}: {why}"))
    }

    #[test]
    fn people_b4_a_pattern_has_one_form() {
        for good in ["/files/**", "/files/*.png", "/a/*/b", "/a/**/b", "/icon.png", "/", "/files/", "/**", "/@s/x:y"] {
            assert_eq!(pattern(good).as_str(), good);
        }
        for bad in [
            "files/**", "", "/a//b", "/a/../b", "/./a", "/...", "/a**", "/**a/b", "/a/***", "/a?", "/a%20b", "/a;b",
            "/ä", "/a b", "/a\\b", "/a#b",
        ] {
            assert!(PathPattern::new(bad).is_err(), "{bad}");
        }
        assert!(PathPattern::new(&format!("/{}", "a".repeat(256))).is_err());
    }

    #[test]
    fn people_b4_a_star_stays_in_its_segment() {
        for (text, path, matches) in [
            ("/files/**", "/files/a", true),
            ("/files/**", "/files/a/b/c", true),
            ("/files/**", "/files/", true),
            ("/files/**", "/files", false),
            ("/files/**", "/filesx/a", false),
            ("/files/*", "/files/a", true),
            ("/files/*", "/files/a/b", false),
            ("/files/*.png", "/files/a.png", true),
            ("/files/*.png", "/files/a/b.png", false),
            ("/icon.png", "/icon.png", true),
            ("/icon.png", "/icon.png/", false),
            ("/icon.png", "/Icon.png", false),
        ] {
            assert_eq!(pattern(text).matches(path), matches, "{text} {path}");
        }
    }

    #[test]
    fn people_b4_patterns_overlap_if_a_path_matches_both() {
        for (one, other, overlaps) in [
            ("/files/**", "/files/a", true),
            ("/files/**", "/files/**", true),
            ("/files/**", "/file/**", false),
            ("/files/**", "/**", true),
            ("/a/*", "/*/b", true),
            ("/a/*", "/a/b/*", false),
            ("/a/*", "/a/**", true),
            ("/a/*.png", "/a/*.svg", false),
            ("/a/*.png", "/a/b*", true),
            ("/a/**/z", "/a/b/**", true),
            ("/a/**/z", "/a/b/*", true),
            ("/a/**/z", "/b/**", false),
            ("/Files/**", "/files/**", false),
            ("/a/", "/a", false),
        ] {
            assert_eq!(pattern(one).overlaps(&pattern(other), false), overlaps, "{one} {other}");
            assert_eq!(pattern(other).overlaps(&pattern(one), false), overlaps, "{other} {one}");
        }
        assert!(pattern("/Files/**").overlaps(&pattern("/files/x"), true));
    }

    #[test]
    fn people_b4_a_pattern_covers_a_path_with_a_slash_too() {
        for (text, path, covers, reaches) in [
            ("/**", "/mcp", true, true),
            ("/m*", "/mcp", true, true),
            ("/mcp/**", "/mcp", true, true),
            ("/mcp/files/**", "/mcp", false, true),
            ("/mcp/files/**", "/mcp/", false, true),
            ("/mcpx/**", "/mcp", false, false),
            ("/files/**", "/", false, true),
            ("/", "/", true, true),
            ("/*", "/mcp", true, true),
            ("/M*", "/mcp", true, true),
        ] {
            assert_eq!(pattern(text).covers(path, true), covers, "{text} covers {path}");
            assert_eq!(pattern(text).reaches(path, true), reaches, "{text} reaches {path}");
        }
        assert!(!pattern("/M*").covers("/mcp", false));
    }
}
