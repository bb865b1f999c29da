//! Removes from text what a reader cannot see, so that a name is what it looks like (SPEC D-02).

#[cfg(test)]
mod tests;

/// `text` without invisible characters and without those that change the order of others (UAX #9);
/// line breaks become spaces. A joiner stays where it shapes what is seen: between two characters
/// of Persian, of an Indic script or of an emoji, and not between those of ASCII.
#[must_use]
pub fn visible(text: &str) -> String {
    let mut seen = String::with_capacity(text.len());
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\t' | '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => seen.push(' '),
            '\u{200C}' | '\u{200D}' => {
                let is_joined = |one: Option<char>| one.is_some_and(|one| !one.is_ascii() && !is_unseen(one));
                if is_joined(seen.chars().next_back()) && is_joined(letters.peek().copied()) {
                    seen.push(letter);
                }
            }
            _ if is_unseen(letter) => {}
            _ => seen.push(letter),
        }
    }
    seen
}

/// Whether `letter` is invisible, or changes the order of other characters.
fn is_unseen(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180B}'..='\u{180F}'
            | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{2800}' | '\u{3164}'
            | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFF}' | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}')
}
