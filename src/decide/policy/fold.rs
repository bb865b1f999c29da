//! Folds names as file systems that ignore case do: case folding and canonical equivalence.

use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};

/// `text` as such a file system compares it. APFS, HFS+ and case-folding ext4 compare the canonical
/// decomposition after full case folding, so that `ſ` is `s`, the Kelvin sign is `k` and `ß` is
/// `ss`; HFS+ and ext4 skip invisible characters. The result is composed, so that `?` matches a
/// letter with its accent.
pub(super) fn folded(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    // To upper case, then to lower case, is the full folding, except for `ẞ`, whose own lower case
    // must come first. `ı` becomes `i` as well, so a few more names are treated as equal.
    let cased: String = decomposed(text)
        .chars()
        .filter(|character| !is_ignorable(*character))
        .flat_map(char::to_lowercase)
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
        .collect();
    ComposingNormalizerBorrowed::new_nfc().normalize(&cased).into_owned()
}

/// `text` with each accent after its letter. A prefix of it is a prefix in every form.
pub(super) fn decomposed(text: &str) -> std::borrow::Cow<'_, str> {
    DecomposingNormalizerBorrowed::new_nfd().normalize(text)
}

/// `Default_Ignorable_Code_Point` of the Unicode character database.
fn is_ignorable(character: char) -> bool {
    matches!(
        character,
        '\u{AD}'
            | '\u{34F}'
            | '\u{61C}'
            | '\u{115F}'..='\u{1160}'
            | '\u{17B4}'..='\u{17B5}'
            | '\u{180B}'..='\u{180F}'
            | '\u{200B}'..='\u{200F}'
            | '\u{202A}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}'
            | '\u{3164}'
            | '\u{FE00}'..='\u{FE0F}'
            | '\u{FEFF}'
            | '\u{FFA0}'
            | '\u{FFF0}'..='\u{FFF8}'
            | '\u{1BCA0}'..='\u{1BCA3}'
            | '\u{1D173}'..='\u{1D17A}'
            | '\u{E0000}'..='\u{E0FFF}'
    )
}

#[cfg(test)]
mod tests {
    use super::folded;

    #[test]
    fn attack_167_names_that_a_file_system_takes_for_one_are_folded_to_one() {
        for (one, other) in [
            ("SECRET.txt", "secret.TXT"),
            ("\u{17F}ecret", "secret"),
            ("\u{212A}eys", "keys"),
            ("straße", "STRASSE"),
            ("STRAẞE", "strasse"),
            ("o\u{FB03}ce", "OFFICE"),
            ("lo\u{308}hne", "L\u{D6}HNE"),
            ("\u{212B}", "a\u{30A}"),
            ("ΣΊΣΥΦΟΣ", "σίσυφος"),
            ("q\u{323}\u{307}", "q\u{307}\u{323}"),
            ("İ", "i\u{307}"),
            ("s\u{200B}ec\u{200D}ret\u{FE0F}", "secret"),
            ("\u{1F80}", "\u{1F00}\u{3B9}"),
            ("ꭰ", "Ꭰ"),
        ] {
            assert_eq!(folded(one), folded(other), "{one} {other}");
            assert_eq!(folded(&folded(one)), folded(one), "{one}");
        }
        for (one, other) in [("lohne", "löhne"), ("café", "cafe"), ("a", "а"), ("ａ", "a"), ("²", "2")] {
            assert_ne!(folded(one), folded(other), "{one} {other}");
        }
    }
}
