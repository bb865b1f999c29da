//! Lines of a text that is not YAML: where they begin, and what their first word is.

/// All lines, counted from 1.
pub(super) struct TypedLines<'t> {
    all: Vec<&'t str>,
}

/// One line, without its comment.
#[derive(Clone, Copy, Debug)]
pub(super) struct TypedLine<'t> {
    pub(super) number: usize,
    /// How many spaces and tabs it begins with.
    pub(super) indent: usize,
    text: &'t str,
}

impl<'t> TypedLines<'t> {
    pub(super) fn of(text: &'t str) -> Self {
        Self { all: text.strip_prefix('\u{FEFF}').unwrap_or(text).lines().collect() }
    }

    pub(super) fn count(&self) -> usize {
        self.all.len()
    }

    pub(super) fn at(&self, number: usize) -> Option<TypedLine<'t>> {
        let text = *self.all.get(number.checked_sub(1)?)?;
        let indent = text.chars().take_while(|c| matches!(c, ' ' | '\t')).count();
        Some(TypedLine { number, indent, text })
    }

    /// The first line that says something.
    pub(super) fn filled(&self) -> Option<TypedLine<'t>> {
        self.next(0)
    }

    /// The next line after `number` that says something.
    pub(super) fn next(&self, number: usize) -> Option<TypedLine<'t>> {
        (number + 1..=self.count()).filter_map(|number| self.at(number)).find(TypedLine::says_something)
    }

    /// The last line before `number` that says something.
    pub(super) fn before(&self, number: usize) -> Option<TypedLine<'t>> {
        (1..number).rev().filter_map(|number| self.at(number)).find(TypedLine::says_something)
    }

    /// The lines above `number` whose maps or lists are still open there, the innermost first: each
    /// begins further left than the one before it.
    pub(super) fn open_columns(&self, number: usize) -> Vec<TypedLine<'t>> {
        let mut open: Vec<TypedLine<'t>> = Vec::new();
        for line in (1..number).rev().filter_map(|number| self.at(number)).filter(TypedLine::says_something) {
            if open.last().is_none_or(|inner| line.word_column() < inner.word_column()) {
                open.push(line);
            }
            if line.word_column() == 1 {
                break;
            }
        }
        open
    }
}

impl<'t> TypedLine<'t> {
    /// What follows the indentation.
    pub(super) fn body(&self) -> &'t str {
        self.text.trim()
    }

    fn says_something(&self) -> bool {
        !self.body().is_empty() && !self.body().starts_with('#')
    }

    /// The column of its first word, after the dashes of list elements.
    pub(super) fn word_column(&self) -> usize {
        let body = self.text.trim_start_matches([' ', '\t']);
        self.indent + 1 + (body.chars().count() - after_dashes(body).chars().count())
    }

    /// Its first word, and what follows it.
    pub(super) fn first_word(&self) -> (&'t str, &'t str) {
        let body = after_dashes(self.body());
        let is_of_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        let end = body.find(|c: char| !is_of_word(c)).unwrap_or(body.len());
        body.split_at_checked(end).unwrap_or((body, ""))
    }

    /// Whether it is a key with a colon after it.
    pub(super) fn is_key(&self) -> bool {
        let body = after_dashes(self.body());
        body.ends_with(':') || body.contains(": ") || body.contains(":\t")
    }

    /// Whether it is `key = value`.
    pub(super) fn has_equals(&self) -> bool {
        self.first_word().1.trim_start().starts_with('=')
    }

    /// The column of a second colon with a space after it, outside of quotes, in `key: a: b`.
    pub(super) fn second_colon(&self) -> Option<usize> {
        let (key, value) = self.text.split_once(": ")?;
        let at = if value.trim_start().starts_with(['"', '\'', '{', '[']) { None } else { value.find(": ") };
        let at = at.or_else(|| value.trim_end().strip_suffix(':').map(str::len))?;
        Some(key.chars().count() + 2 + value.get(..at)?.chars().count() + 1)
    }

    /// The column of a tab before the first word.
    pub(super) fn tab_in_indent(&self) -> Option<usize> {
        let at = self.text.chars().take(self.indent).position(|c| c == '\t')?;
        Some(at + 1)
    }

    pub(super) fn column_of(&self, part: &str) -> Option<usize> {
        let at = self.text.find(part)?;
        Some(self.text.get(..at)?.chars().count() + 1)
    }

    /// What follows the first `#` after a space.
    pub(super) fn comment(&self) -> Option<&'t str> {
        let (_, comment) = self.text.split_once(" #")?;
        Some(comment)
    }

    pub(super) fn char_at(&self, column: usize) -> Option<char> {
        self.text.chars().nth(column.checked_sub(1)?)
    }
}

/// A line without the dashes of list elements at its beginning.
fn after_dashes(mut body: &str) -> &str {
    while let Some(rest) = body.strip_prefix("- ") {
        body = rest.trim_start();
    }
    body
}
