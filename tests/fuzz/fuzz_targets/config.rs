//! No text stops the reader of the configuration, and what it takes prints as a file that it takes again.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use portcullis::config::{explain, file};

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let read = |text: &str| file::read_with(text, "fuzz.yaml", Path::new("/nonexistent"), &|_| None);
    if let Ok(loaded) = read(text) {
        let printed = explain::print(&loaded.settings);
        match read(&printed) {
            Ok(again) => assert_eq!(again.settings, loaded.settings),
            Err(problems) => panic!("{problems}\n{printed}"),
        }
    }
});
