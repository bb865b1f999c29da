//! Replays every fuzz seed, and every crash that became one, through the function that its fuzz target calls.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test may stop the moment something is not as expected"
)]

use std::{collections::BTreeSet, fs, path::PathBuf};

#[path = "fuzz/bodies.rs"]
mod bodies;
use bodies::TARGETS;

fn fuzz() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz")
}

fn inside(folder: PathBuf) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn names(folder: &str) -> BTreeSet<String> {
    inside(fuzz().join(folder)).iter().map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

#[test]
fn every_target_has_seeds_and_all_seeds_have_a_target() {
    let replayed: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names("seeds"), replayed);
}

#[test]
#[expect(clippy::print_stdout, reason = "shown where a seed fails: its name")]
fn all_seeds_keep_the_promises_and_some_are_accepted_and_some_refused() {
    for (target, body) in TARGETS {
        let verdicts: Vec<bool> = inside(fuzz().join("seeds").join(target))
            .iter()
            .map(|seed| {
                println!("{}", seed.display());
                body(&fs::read(seed).unwrap())
            })
            .collect();
        assert!(verdicts.contains(&true), "{target}: no seed is accepted");
        assert!(verdicts.contains(&false), "{target}: no seed is refused");
    }
}
