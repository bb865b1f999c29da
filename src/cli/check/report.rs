//! Prints what `check` finds: lines for people, or commands that GitHub shows beside a line.

use crate::{
    cli::{
        arguments::CheckFormat,
        terminal::{complain, print},
    },
    config::{places::KeyPlaces, problem::Problem, source::ConfigSource},
};

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CheckLevel {
    /// The file is refused.
    Problem,
    /// It is probably a mistake.
    Warning,
    /// It may be meant.
    Note,
}

/// Prints findings about one configuration.
pub(super) struct CheckReport<'r> {
    pub(super) config: &'r ConfigSource,
    pub(super) format: CheckFormat,
    /// Where keys are written; `None` while the file has a problem.
    pub(super) places: Option<&'r KeyPlaces>,
}

impl CheckReport<'_> {
    /// A finding of the reader.
    pub(super) fn of_reader(&self, level: CheckLevel, problem: &Problem) {
        match self.format {
            CheckFormat::Text => self.line(level, &problem.to_string()),
            CheckFormat::Github => {
                let place = (problem.file.as_str(), Some((problem.line, problem.column)));
                let whole = problem.to_string();
                let start = format!("{}:{}:{} ", problem.file, problem.line, problem.column);
                print(&command(level, place, whole.strip_prefix(&start).unwrap_or(&whole)));
            }
        }
    }

    /// A sentence that begins with a key, such as `listen[0].tls: …`; it gets the key's line.
    pub(super) fn about_key(&self, level: CheckLevel, told: &str) {
        let at = self.place_of(told);
        let name = self.config.to_string();
        match (self.format, at) {
            (CheckFormat::Github, at) => print(&command(level, (&name, at), told)),
            (CheckFormat::Text, Some((line, column))) => self.line(level, &format!("{name}:{line}:{column} {told}")),
            (CheckFormat::Text, None) => self.line(level, &self.config.placed(told)),
        }
    }

    fn place_of(&self, told: &str) -> Option<(usize, usize)> {
        let (key, _) = told.split_once(": ")?;
        self.places?.find_inside(key)
    }

    fn line(&self, level: CheckLevel, text: &str) {
        match level {
            CheckLevel::Problem => complain(text),
            CheckLevel::Warning => complain(&format!("warning: {text}")),
            CheckLevel::Note => print(&format!("note: {text}")),
        }
    }
}

/// A workflow command of GitHub Actions.
fn command(level: CheckLevel, (file, at): (&str, Option<(usize, usize)>), message: &str) -> String {
    let word = match level {
        CheckLevel::Problem => "error",
        CheckLevel::Warning => "warning",
        CheckLevel::Note => "notice",
    };
    let place = at.map_or_else(String::new, |(line, column)| format!(",line={line},col={column}"));
    format!("::{word} file={}{place}::{}", escaped(file).replace(':', "%3A").replace(',', "%2C"), escaped(message))
}

/// What a message may not contain as it is.
fn escaped(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

#[cfg(test)]
mod tests {
    use super::{CheckLevel, command};

    #[test]
    fn first_8_attack_380_a_message_cannot_end_its_workflow_command() {
        for (level, file, at, message, expected) in [
            (
                CheckLevel::Problem,
                "gateway.yaml",
                Some((3, 5)),
                "a 50% chance",
                "::error file=gateway.yaml,line=3,col=5::a 50%25 chance",
            ),
            (
                CheckLevel::Warning,
                "a:b,c\n.yaml",
                None,
                "x\n::error::y\r",
                "::warning file=a%3Ab%2Cc%0A.yaml::x%0A::error::y%0D",
            ),
        ] {
            assert_eq!(command(level, (file, at), message), expected);
        }
    }
}
