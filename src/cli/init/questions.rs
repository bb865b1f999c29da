//! Asks on a terminal what no flag says.

use std::io::{self, Write};

/// A person who answers.
pub(super) struct Questions<R, O> {
    /// Reads one line. It holds no lock between two lines: passwords are read in another way.
    pub read: R,
    pub output: O,
}

impl<R: FnMut(&mut String) -> io::Result<usize>, O: Write> Questions<R, O> {
    /// A line of text.
    pub(super) fn say(&mut self, words: &str) {
        let _ = writeln!(self.output, "{words}");
    }

    /// The answer; `None` for an empty one.
    ///
    /// # Errors
    /// The input has ended.
    pub(super) fn ask(&mut self, question: &str) -> Result<Option<String>, String> {
        let _ = write!(self.output, "{question} ").and_then(|()| self.output.flush());
        let mut line = String::new();
        match (self.read)(&mut line) {
            Ok(0) => Err("the input has ended before all questions were answered; nothing was written".to_owned()),
            Err(cause) => Err(format!("standard input cannot be read ({cause}); nothing was written")),
            Ok(_) => Ok(Some(line.trim().to_owned()).filter(|answer| !answer.is_empty())),
        }
    }

    /// An answer that `judge` accepts. It is asked again until there is one.
    ///
    /// # Errors
    /// The input has ended.
    pub(super) fn ask_until(
        &mut self,
        question: &str,
        mut judge: impl FnMut(Option<&str>) -> Result<(), String>,
    ) -> Result<Option<String>, String> {
        loop {
            let answer = self.ask(question)?;
            match judge(answer.as_deref()) {
                Ok(()) => return Ok(answer),
                Err(why) => self.say(&format!("  {why}")),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufRead;

    use super::*;

    #[test]
    fn first_2_a_question_is_asked_until_the_answer_will_do() {
        let mut output = Vec::new();
        let mut input = &b"no\n\n yes \n"[..];
        let mut questions = Questions { read: |line: &mut String| input.read_line(line), output: &mut output };
        let judge = |answer: Option<&str>| match answer {
            Some("yes") => Ok(()),
            _ => Err("expected yes".to_owned()),
        };
        assert_eq!(questions.ask_until("well?", judge).unwrap().as_deref(), Some("yes"));
        assert!(questions.ask("more?").unwrap_err().contains("nothing was written"));
        assert_eq!(String::from_utf8(output).unwrap().matches("expected yes").count(), 2);
    }
}
