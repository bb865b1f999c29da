//! Compares names and passwords of local accounts as users type them (RFC 8265).

use std::borrow::Cow;

use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};

/// `text` in the normal form C: a keyboard or a system may send an accent as a letter of its own.
#[must_use]
pub fn normal(text: &str) -> Cow<'_, str> {
    ComposingNormalizerBorrowed::new_nfc().normalize(text)
}

/// What a person sees of a name, roughly: two names with the same look are mistaken for each other.
/// Case, compatibility forms, accents that combine, invisible characters, and Cyrillic and Greek
/// letters that look like Latin ones do not distinguish names.
#[must_use]
pub fn look(name: &str) -> String {
    let decomposed = DecomposingNormalizerBorrowed::new_nfkd();
    // To upper case and back: `ı` and `ſ` become `i` and `s`.
    let cased: String = decomposed
        .normalize(name)
        .chars()
        .filter(|letter| !is_invisible(*letter))
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
        .map(latin)
        .collect();
    ComposingNormalizerBorrowed::new_nfkc().normalize(&cased).into_owned()
}

fn is_invisible(letter: char) -> bool {
    letter.is_control()
        || matches!(
            letter,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{e0000}'..='\u{e0fff}'
        )
}

/// The Latin letter that a Cyrillic or Greek letter looks like (UTS 39 confusables, those of one
/// letter in lower case).
fn latin(letter: char) -> char {
    match letter {
        'а' | 'α' => 'a',
        'с' | 'ϲ' => 'c',
        'ԁ' => 'd',
        'е' => 'e',
        'һ' => 'h',
        'і' | 'ι' => 'i',
        'ј' | 'ϳ' => 'j',
        'κ' | 'к' => 'k',
        'ӏ' => 'l',
        'ո' => 'n',
        'о' | 'ο' | 'σ' => 'o',
        'р' | 'ρ' => 'p',
        'ԛ' => 'q',
        'ѕ' => 's',
        'υ' => 'u',
        'ν' | 'ѵ' => 'v',
        'ԝ' => 'w',
        'х' | 'χ' => 'x',
        'у' | 'γ' => 'y',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a13_an_accent_may_be_typed_in_two_ways() {
        assert_eq!(normal("Jose\u{301}"), "Jos\u{e9}");
        assert_eq!(normal("ada"), "ada");
        assert_ne!(normal("\u{fb01}"), "fi", "a ligature is another name to type");
    }

    #[test]
    fn a13_names_that_look_alike_have_one_look() {
        for (a, b) in [
            ("ada", "Ada"),
            ("ada", "\u{430}da"),
            ("ada", "ad\u{200b}a"),
            ("ada", "\u{ff41}da"),
            ("jos\u{e9}", "jose\u{301}"),
            ("scope", "\u{455}\u{441}\u{43e}\u{440}\u{435}"),
            ("office", "o\u{fb03}ce"),
            ("admin", "adm\u{131}n"),
        ] {
            assert_eq!(look(a), look(b), "{a:?} {b:?}");
        }
        for (a, b) in [("ada", "adam"), ("jose", "jos\u{e9}"), ("ada", "bda"), ("дмитрий", "dmitrij"), ("a.b", "ab")]
        {
            assert_ne!(look(a), look(b), "{a:?} {b:?}");
        }
    }
}
