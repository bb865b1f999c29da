//! Writes the steps of a guide as Markdown, with names and URLs quoted for where they go.

use std::fmt::Write;

use serde_json::Value;

/// The steps of one client.
#[derive(Default)]
pub(super) struct Steps {
    text: String,
}

impl Steps {
    /// A sentence.
    pub(super) fn say(mut self, words: &str) -> Self {
        self.separate();
        self.line(words);
        self
    }

    /// A sentence, if it applies.
    pub(super) fn say_if(self, applies: bool, words: &str) -> Self {
        if applies { self.say(words) } else { self }
    }

    /// Clicks, in their order.
    pub(super) fn clicks(mut self, clicks: &[String]) -> Self {
        self.separate();
        for (index, click) in clicks.iter().enumerate() {
            let _ = writeln!(self.text, "{}. {click}", index + 1);
        }
        self
    }

    /// Lines to copy.
    pub(super) fn code(mut self, language: &str, code: &str) -> Self {
        self.separate();
        let _ = writeln!(self.text, "```{language}\n{}\n```", code.trim_end());
        self
    }

    /// Lines to copy, if they apply.
    pub(super) fn code_if(self, applies: bool, language: &str, code: &str) -> Self {
        if applies { self.code(language, code) } else { self }
    }

    /// The Markdown.
    pub(super) fn finish(self) -> String {
        self.text
    }

    fn separate(&mut self) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
    }

    fn line(&mut self, words: &str) {
        self.text.push_str(words);
        self.text.push('\n');
    }
}

/// A text in quotes, for JSON, and for Python.
pub(super) fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}
