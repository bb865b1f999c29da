//! Plays every fuzz seed, and every crash that became one, through its fuzz target, without a fuzzer or a nightly compiler.

#[cfg(test)]
extern crate self as libfuzzer_sys; // The targets ask that crate for one macro. Here this crate answers to its name.

/// Makes a plain function of what is a fuzzer's entry point elsewhere.
macro_rules! fuzz_target {
    (|$bytes:ident: &[u8]| $body:block) => {
        pub(crate) fn play($bytes: &[u8]) $body
    };
    // As the fuzzer deals an input out (the first byte to the number, the rest to the slice), and whole, as a seed was written.
    (|$input:ident: (u8, &[u8])| $body:block) => {
        pub(crate) fn play(bytes: &[u8]) {
            let dealt = bytes.split_first().map_or((0, bytes), |(first, rest)| (*first, rest));
            for $input in [dealt, (2, bytes)] $body
        }
    };
}
#[cfg(test)]
pub(crate) use fuzz_target;

// `no_main` in them is for the fuzzer's own binaries.
#[cfg(test)]
#[allow(unused_attributes, unused_imports, reason = "the attributes and the import are for the fuzzer")]
#[path = "fuzz/fuzz_targets/config.rs"]
mod config;
#[cfg(test)]
#[allow(unused_attributes, unused_imports, reason = "the attributes and the import are for the fuzzer")]
#[path = "fuzz/fuzz_targets/framing.rs"]
mod framing;
#[cfg(test)]
#[allow(unused_attributes, unused_imports, reason = "the attributes and the import are for the fuzzer")]
#[path = "fuzz/fuzz_targets/jwks_read.rs"]
mod jwks_read;
#[cfg(test)]
#[allow(unused_attributes, unused_imports, reason = "the attributes and the import are for the fuzzer")]
#[path = "fuzz/fuzz_targets/jwt_read.rs"]
mod jwt_read;
#[cfg(test)]
#[allow(unused_attributes, unused_imports, reason = "the attributes and the import are for the fuzzer")]
#[path = "fuzz/fuzz_targets/message_headers.rs"]
mod message_headers;
#[cfg(test)]
#[allow(unused_attributes, unused_imports, reason = "the attributes and the import are for the fuzzer")]
#[path = "fuzz/fuzz_targets/peek.rs"]
mod peek;
#[cfg(test)]
#[allow(unused_attributes, unused_imports, reason = "the attributes and the import are for the fuzzer")]
#[path = "fuzz/fuzz_targets/presented.rs"]
mod presented;
#[cfg(test)]
#[allow(unused_attributes, unused_imports, reason = "the attributes and the import are for the fuzzer")]
#[path = "fuzz/fuzz_targets/server_metadata.rs"]
mod server_metadata;

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::PathBuf};

    type Target = (&'static str, fn(&[u8]));

    const TARGETS: [Target; 8] = [
        ("config", super::config::play),
        ("framing", super::framing::play),
        ("jwks_read", super::jwks_read::play),
        ("jwt_read", super::jwt_read::play),
        ("message_headers", super::message_headers::play),
        ("peek", super::peek::play),
        ("presented", super::presented::play),
        ("server_metadata", super::server_metadata::play),
    ];

    fn inside(folder: &str) -> Vec<PathBuf> {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz").join(folder);
        let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths
    }

    fn names(paths: &[PathBuf]) -> BTreeSet<String> {
        paths.iter().map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn every_fuzz_target_has_seeds_and_is_played_here() {
        let here: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(names(&inside("fuzz_targets")), here);
        assert_eq!(names(&inside("seeds")), here);
    }

    #[test]
    #[expect(clippy::print_stdout, reason = "the harness shows it when a seed fails")]
    fn all_seeds_pass_their_targets() {
        for (name, play) in TARGETS {
            let seeds = inside(&format!("seeds/{name}"));
            assert!(!seeds.is_empty(), "{name} has no seeds");
            for seed in seeds {
                println!("{}", seed.display());
                play(&fs::read(&seed).unwrap());
            }
        }
    }
}
