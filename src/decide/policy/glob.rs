//! Matches names against `*` and `?`, without regular expressions.

#[cfg(test)]
mod tests;

/// A compiled pattern. `*` and `**` match any run of characters, including `/`; `?` matches one
/// character. There is no escape: a `*` in the pattern also matches a literal `*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob {
    pattern: Box<str>,
    shape: Shape,
}

/// The common forms of a pattern, each of which is one comparison, and the general forms.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Shape {
    /// No wildcard.
    Literal,
    /// `get_*`. An empty prefix matches everything.
    Prefix(Box<str>),
    /// `file:///pub/*` where a star stops at a slash.
    Segment(Box<str>),
    /// `*_read`.
    Suffix(Box<str>),
    /// Any other pattern, with each run of stars reduced to one.
    Wild(Box<str>),
    /// Any other pattern where a star stops at a slash: the literal prefix, and the rest.
    Within(Box<str>, Box<[Token]>),
}

/// A piece of a pattern in which a star stops at a slash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    /// This character.
    Char(char),
    /// `?`: one character other than a slash.
    One,
    /// `?`: one character, which may be a slash.
    OneOrSlash,
    /// `*`: any run of characters without a slash.
    Run,
    /// `**`: any run of characters.
    Any,
}

impl Glob {
    /// Compiles `pattern`.
    #[must_use]
    pub fn new(pattern: &str) -> Self {
        Self { pattern: pattern.into(), shape: Shape::of(pattern) }
    }

    /// Compiles `pattern` so that `*` and `?` stop at `/`, and `**` does not. The pattern `*` alone
    /// matches everything.
    #[must_use]
    pub fn within(pattern: &str) -> Self {
        Self { pattern: pattern.into(), shape: Shape::within(pattern, Token::One) }
    }

    /// As [`Glob::within`], but `?` also matches a slash.
    #[must_use]
    pub fn within_but_for_one(pattern: &str) -> Self {
        Self { pattern: pattern.into(), shape: Shape::within(pattern, Token::OneOrSlash) }
    }

    /// The pattern as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.pattern
    }

    /// Whether the pattern has no wildcard.
    #[must_use]
    pub fn is_literal(&self) -> bool {
        self.shape == Shape::Literal
    }

    /// Whether the pattern matches every text.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        matches!(&self.shape, Shape::Prefix(prefix) if prefix.is_empty())
    }

    /// The prefix of every text that the pattern matches.
    #[must_use]
    pub fn literal_prefix(&self) -> &str {
        self.pattern.split(['*', '?']).next().unwrap_or_default()
    }

    /// Whether `text` matches the whole pattern: exact code points, no case folding, no
    /// normalisation (SPEC C-02).
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        match &self.shape {
            Shape::Literal => *self.pattern == *text,
            Shape::Prefix(prefix) => text.starts_with(&**prefix),
            Shape::Segment(prefix) => text.strip_prefix(&**prefix).is_some_and(|rest| !rest.contains('/')),
            Shape::Suffix(suffix) => text.ends_with(&**suffix),
            Shape::Wild(pattern) => wild(pattern, text),
            Shape::Within(prefix, tokens) => text.strip_prefix(&**prefix).is_some_and(|rest| within(tokens, rest)),
        }
    }
}

fn has_wildcard(text: &str) -> bool {
    text.contains(['*', '?'])
}

impl Shape {
    fn of(pattern: &str) -> Self {
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

    fn within(pattern: &str, one: Token) -> Self {
        if !has_wildcard(pattern) {
            return Self::Literal;
        }
        let prefix = pattern.trim_end_matches('*');
        if !has_wildcard(prefix) {
            let is_one_star = prefix.len() + 1 == pattern.len() && !prefix.is_empty();
            return if is_one_star { Self::Segment(prefix.into()) } else { Self::Prefix(prefix.into()) };
        }
        let fixed = pattern.split(['*', '?']).next().unwrap_or_default();
        let mut tokens: Vec<Token> = Vec::new();
        let mut characters = pattern.strip_prefix(fixed).unwrap_or_default().chars().peekable();
        while let Some(character) = characters.next() {
            tokens.push(match character {
                '?' => one,
                '*' => {
                    let mut token = Token::Run;
                    while characters.next_if_eq(&'*').is_some() {
                        token = Token::Any;
                    }
                    token
                }
                other => Token::Char(other),
            });
        }
        Self::Within(fixed.into(), tokens.into())
    }
}

/// Only the last star is ever extended, because it can match all that an earlier star could. So a
/// pattern with many stars costs pattern × text steps, and not exponential time as plain
/// backtracking does.
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
            // To extend the star would leave even less text.
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

/// With two kinds of star, it is not enough to remember the last star. So all places in the pattern
/// that the text so far can lead to are kept: at most pattern × text steps.
fn within(tokens: &[Token], text: &str) -> bool {
    // Whether the text so far leads to the place before each token, and to the end.
    let mut places: Vec<(Token, bool)> = tokens.iter().map(|token| (*token, false)).collect();
    let mut at_end = enter(&mut places, true);
    for character in text.chars() {
        let mut arrives = false;
        for (token, is_here) in &mut places {
            let (stays, goes_on) = match *token {
                Token::Char(wanted) => (false, wanted == character),
                Token::One => (false, character != '/'),
                Token::OneOrSlash => (false, true),
                Token::Run => (character != '/', false),
                Token::Any => (true, false),
            };
            let was_here = *is_here;
            *is_here = arrives || (was_here && stays);
            arrives = was_here && goes_on;
        }
        let passes = enter(&mut places, false);
        at_end = arrives || passes;
        if !at_end && places.iter().all(|(_, is_here)| !is_here) {
            return false;
        }
    }
    at_end
}

/// Adds the places after each star, because a star may match nothing. Returns whether the end is
/// reached.
fn enter(places: &mut [(Token, bool)], from_the_start: bool) -> bool {
    let mut passes = from_the_start;
    for (token, is_here) in places {
        *is_here |= passes;
        passes = *is_here && matches!(token, Token::Run | Token::Any);
    }
    passes
}
