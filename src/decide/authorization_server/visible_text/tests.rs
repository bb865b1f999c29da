//! What stays of text from outside.

use super::visible;

#[test]
fn d02_what_is_seen_stays_and_what_is_not_goes() {
    for (text, seen) in [
        ("App", "App"),
        ("Bücher 書 🎉 عربى", "Bücher 書 🎉 عربى"),
        // A family, a person with a skin tone and a profession, and a flag.
        ("👨\u{200d}👩\u{200d}👧", "👨\u{200d}👩\u{200d}👧"),
        ("👩🏽\u{200d}💻 Coder", "👩🏽\u{200d}💻 Coder"),
        ("🏳\u{fe0f}\u{200d}🌈", "🏳\u{fe0f}\u{200d}🌈"),
        // Persian: "I go", with the joiner that keeps the prefix apart.
        ("می\u{200c}روم", "می\u{200c}روم"),
        ("क\u{94d}\u{200d}ष", "क\u{94d}\u{200d}ष"),
        // Where a joiner shapes nothing, it would make two names that look alike.
        ("Cla\u{200d}ude", "Claude"),
        ("\u{200c}App\u{200d}", "App"),
        ("書\u{200d}", "書"),
        ("書\u{200d}\u{200d}書", "書\u{200d}書"),
        ("書\u{200d}\u{202e}書", "書書"),
        ("over\u{202e}ride\u{2069}\u{200b}", "override"),
        ("a\nb\tc\r\nd\u{2028}e", "a b c  d e"),
        ("a\0b\u{7f}c\u{1b}[2Jd", "abc[2Jd"),
        ("a\u{ad}\u{feff}\u{3164}\u{e0041}\u{fffc}\u{61c}b", "ab"),
        ("", ""),
    ] {
        assert_eq!(visible(text), seen, "{text:?}");
        assert_eq!(visible(seen), seen, "{text:?}, once more");
    }
}
