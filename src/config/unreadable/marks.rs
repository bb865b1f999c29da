//! Which quotes and brackets of a text are open at a position.

use crate::config::place::Position;

/// The open quotes and brackets.
#[derive(Debug, Default)]
pub(super) struct Marks {
    /// The open quote.
    pub(super) quote: Option<(Position, char)>,
    /// The open brackets, the innermost last.
    pub(super) brackets: Vec<(Position, char)>,
    /// Begin, end and sign of the last quotes that were closed.
    pub(super) closed: Option<(Position, Position, char)>,
}

/// Whether a value may begin here.
#[derive(Clone, Copy, PartialEq)]
enum Before {
    /// Yes: at the beginning of a line, or after a colon, a comma or a bracket.
    Value,
    /// A colon, a dash or a comma, after which a space is needed.
    Sign,
    /// No: inside a text without quotes.
    Text,
}

impl Marks {
    /// Reads `text` up to `end`.
    pub(super) fn until(text: &str, end: Position) -> Self {
        let mut marks = Self::default();
        // A text of several lines after `|` or `>` ends at a line that begins no further in.
        let mut block: Option<usize> = None;
        for (index, line) in text.lines().enumerate().take(end.line) {
            let indent = line.chars().take_while(|c| *c == ' ').count();
            if block.is_some_and(|of| line.trim().is_empty() || indent > of) {
                continue;
            }
            let most = if index + 1 == end.line { end.column.saturating_sub(1) } else { usize::MAX };
            marks.line(line, index + 1, most);
            let body = line.trim_end();
            let begins = [" |", " >", " |-", " >-", " |+", " >+"].iter().any(|sign| body.ends_with(sign));
            block = (begins && marks.quote.is_none() && marks.brackets.is_empty()).then_some(indent);
        }
        marks
    }

    fn line(&mut self, line: &str, number: usize, most: usize) {
        let mut before = Before::Value;
        let mut last = ' ';
        let mut characters = line.chars().enumerate().take(most).peekable();
        while let Some((index, character)) = characters.next() {
            let at = Position { line: number, column: index + 1 };
            if let Some((opened, quote)) = self.quote {
                let next = characters.peek().map(|(_, next)| *next);
                match character {
                    '\\' if quote == '"' => drop(characters.next()),
                    '\'' if quote == '\'' && next == Some('\'') => drop(characters.next()),
                    _ if character == quote => {
                        self.closed = Some((opened, at, quote));
                        self.quote = None;
                        before = Before::Text;
                    }
                    _ => {}
                }
                last = character;
                continue;
            }
            let is_flow = !self.brackets.is_empty();
            let may_begin = before == Before::Value || (before == Before::Sign && last == ' ');
            match character {
                '#' if last.is_whitespace() => return,
                '"' | '\'' if may_begin => self.quote = Some((at, character)),
                '[' | '{' if may_begin || is_flow => {
                    self.brackets.push((at, character));
                    before = Before::Value;
                }
                ']' | '}' if is_flow => {
                    self.brackets.pop();
                    before = Before::Text;
                }
                ',' if is_flow => before = Before::Value,
                // JSON needs no space after the colon of a key in quotes.
                ':' if is_flow && last == '"' => before = Before::Value,
                ':' => before = Before::Sign,
                '-' | '?' if before == Before::Value => before = Before::Sign,
                ' ' | '\t' => {
                    if before == Before::Sign {
                        before = Before::Value;
                    }
                }
                _ => before = Before::Text,
            }
            last = character;
        }
    }
}
