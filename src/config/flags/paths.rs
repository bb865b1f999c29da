//! Names files, typed as flags in the current folder, from the folder of a file that is written.

use std::path::{Path, PathBuf};

use crate::config::flags::{Flags, StoreFlag, TokenFlags, TransportFlags};

impl Flags {
    /// The same files for a configuration in `folder`: relative if they are in it, else absolute.
    /// Both folders are absolute.
    #[must_use]
    pub fn named_from(mut self, folder: &Path, current: &Path) -> Self {
        if is_same(folder, current) {
            return self;
        }
        let named = |text: &mut String| *text = name_from(text, folder, current);
        match &mut self.tokens {
            TokenFlags::Accounts { file, store } => {
                named(&mut file.text);
                match store {
                    StoreFlag::File(store) => named(&mut store.text),
                    StoreFlag::Memory(_) => {}
                }
            }
            TokenFlags::Issuer { .. } | TokenFlags::Demo(_) => {}
        }
        match &mut self.transport {
            TransportFlags::Files { certificate, key } => {
                named(&mut certificate.text);
                named(&mut key.text);
            }
            TransportFlags::Acme { email: _, cache } => cache.iter_mut().for_each(|cache| named(&mut cache.text)),
            TransportFlags::None | TransportFlags::Plaintext(_) => {}
        }
        for key in &mut self.session_keys {
            if let Some(path) = key.text.strip_prefix("file:") {
                key.text = format!("file:{}", name_from(path, folder, current));
            }
        }
        self
    }
}

fn is_same(one: &Path, other: &Path) -> bool {
    // `components` leaves out each `.` that is not the first part.
    one.components().eq(other.components())
}

fn name_from(text: &str, folder: &Path, current: &Path) -> String {
    let path = Path::new(text);
    if text.is_empty() || path.is_absolute() {
        return text.to_owned();
    }
    // `..` stays: a folder before it may be a link.
    let whole = current.join(path);
    match whole.strip_prefix(folder) {
        Ok(rest) if !rest.as_os_str().is_empty() => rest.display().to_string(),
        _ => whole.components().collect::<PathBuf>().display().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_2_a_file_is_named_from_the_folder_of_the_configuration() {
        for (typed, folder, named) in [
            ("sub/accounts.yaml", "/a/b/sub", "accounts.yaml"),
            ("./sub/./accounts.yaml", "/a/b/sub", "accounts.yaml"),
            ("accounts.yaml", "/a/b/sub", "/a/b/accounts.yaml"),
            ("./tls.crt", "/etc/portcullis", "/a/b/tls.crt"),
            ("../tls.crt", "/etc/portcullis", "/a/b/../tls.crt"),
            ("/etc/portcullis/tls.crt", "/etc/portcullis", "/etc/portcullis/tls.crt"),
            ("sub", "/a/b/sub", "/a/b/sub"),
            ("subs/a", "/a/b/sub", "/a/b/subs/a"),
            ("../x/a", "/a/b/../x", "a"),
            ("", "/etc", ""),
        ] {
            assert_eq!(name_from(typed, Path::new(folder), Path::new("/a/b")), named, "{typed} in {folder}");
        }
        assert!(is_same(Path::new("/a/b/."), Path::new("/a/b")));
        assert!(!is_same(Path::new("/a/b/sub"), Path::new("/a/b")));
    }
}
