//! Has each public type a name of its own, so that a search for the name finds one meaning?

use std::{collections::BTreeMap, fs};

use crate::{files, shown};

const KINDS: [&str; 5] = ["struct", "enum", "trait", "type", "union"];

/// The types that these lines make visible outside their file.
fn public_types(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| {
        let rest = line.trim_start().strip_prefix("pub")?;
        let rest = match rest.strip_prefix('(') {
            Some(inside) => inside.split_once(')')?.1,
            None => rest,
        };
        let (kind, rest) = rest.strip_prefix(' ')?.split_once(' ')?;
        KINDS.contains(&kind).then(|| rest.split(|c: char| !c.is_alphanumeric()).next())?
    })
}

/// Each name that several of these texts use for a public type, with their titles.
fn shared<'t>(texts: impl Iterator<Item = (&'t str, &'t str)>) -> Vec<String> {
    let mut all = BTreeMap::<_, Vec<_>>::new();
    for (title, text) in texts {
        public_types(text).for_each(|name| all.entry(name).or_default().push(title));
    }
    all.retain(|_, titles| titles.len() > 1);
    all.into_iter().map(|(name, titles)| format!("{name}: {}", titles.join(", "))).collect()
}

#[test]
fn no_two_public_types_share_a_name() {
    let texts: Vec<_> =
        files("src", "rs").iter().map(|path| (shown(path), fs::read_to_string(path).unwrap())).collect();
    assert!(texts.iter().map(|(_, text)| public_types(text).count()).sum::<usize>() > 300, "types are found");
    let shared = shared(texts.iter().map(|(title, text)| (&**title, &**text)));
    assert!(shared.is_empty(), "say in the name what each is:\n{}", shared.join("\n"));
}

#[test]
fn a_name_of_two_public_types_is_found() {
    let one = "pub struct Key<'a> {\nstruct Private;\n    pub(super) enum Step {";
    let other = "pub(in crate::decide) type Key = u8;\nenum Private {}\npub fn step() {}";
    assert_eq!(shared([("one", one), ("other", other)].into_iter()), ["Key: one, other"]);
}
