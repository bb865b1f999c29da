//! Matches names and URIs against patterns: `*` and `?`, nothing else, at most pattern × text steps.

#[cfg(test)]
mod tests;

/// A compiled pattern. `*` stands for any run of characters, `/` among them, and `**` for the same; `?` for one
/// character. Nothing escapes them: a name that holds a star is matched by that star, and by more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob {
    pattern: Box<str>,
    shape: Shape,
}

/// What most patterns are is one comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Shape {
    /// No wildcard.
    Literal,
    /// `get_*`; with nothing before the star it matches everything.
    Prefix(Box<str>),
    /// `*_read`.
    Suffix(Box<str>),
    /// All others, with each run of stars written as one.
    Wild(Box<str>),
}

impl Glob {
    /// Compiles `pattern`.
    #[must_use]
    pub fn new(pattern: &str) -> Self {
        Self { pattern: pattern.into(), shape: Shape::of(pattern) }
    }

    /// The pattern as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.pattern
    }

    /// Whether it stands for just one text.
    #[must_use]
    pub fn is_literal(&self) -> bool {
        self.shape == Shape::Literal
    }

    /// Whether it matches every text there is.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        matches!(&self.shape, Shape::Prefix(prefix) if prefix.is_empty())
    }

    /// What every text that it matches begins with.
    #[must_use]
    pub fn literal_prefix(&self) -> &str {
        self.pattern.split(['*', '?']).next().unwrap_or_default()
    }

    /// Whether `text` matches the whole pattern: exact code points, no case folding, no normalisation (SPEC C-02).
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        match &self.shape {
            Shape::Literal => *self.pattern == *text,
            Shape::Prefix(prefix) => text.starts_with(&**prefix),
            Shape::Suffix(suffix) => text.ends_with(&**suffix),
            Shape::Wild(pattern) => wild(pattern, text),
        }
    }
}

impl Shape {
    fn of(pattern: &str) -> Self {
        let has_wildcard = |text: &str| text.contains(['*', '?']);
        if !has_wildcard(pattern) {
            return Self::Literal;
        }
        let prefix = pattern.trim_end_matches('*');
        if !has_wildcard(prefix) {
            return Self::Prefix(prefix.into());
        }
        let suffix = pattern.trim_start_matches('*');
        if !has_wildcard(suffix) {
            return Self::Suffix(suffix.into());
        }
        let mut single = String::with_capacity(pattern.len());
        for character in pattern.chars() {
            if !(character == '*' && single.ends_with('*')) {
                single.push(character);
            }
        }
        Self::Wild(single.into())
    }
}

/// Only the last star is ever widened: whatever an earlier one could still take, the last one can take as well. So a
/// pattern with many stars costs pattern × text steps, not the exponential of plain backtracking.
fn wild(pattern: &str, text: &str) -> bool {
    let (mut pattern, mut text) = (pattern.chars(), text.chars());
    let mut last_star = None;
    loop {
        let here = text.clone();
        match (pattern.next(), text.next()) {
            (None, None) => return true,
            (Some('*'), _) => {
                text = here;
                last_star = Some((pattern.clone(), text.clone()));
            }
            (Some('?'), Some(_)) => {}
            (Some(wanted), Some(found)) if wanted == found => {}
            // A wider star leaves even less text.
            (Some(_), None) => return false,
            (_, Some(_)) => match &mut last_star {
                Some((after_star, taken)) => {
                    taken.next();
                    (pattern, text) = (after_star.clone(), taken.clone());
                }
                None => return false,
            },
        }
    }
}
