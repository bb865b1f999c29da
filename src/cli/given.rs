//! Finds the configuration that a command is about: a file, standard input, or gateway.yaml here.

use std::{
    env,
    fs::{self, File},
    io::{self, IsTerminal, Read},
    os::unix::fs::FileTypeExt,
    path::{Path, PathBuf},
};

use crate::{
    base::limits::operating::CONFIG_BYTES_MAX,
    cli::{
        arguments::ConfigFile,
        terminal::{BAD_CONFIG, FAULT, complain},
    },
    config::{
        environment::process_environment,
        file::decoded,
        source::{ConfigSource, GivenText},
    },
};

/// The variable that names the file.
const VARIABLE: &str = "PORTCULLIS_CONFIG";
/// The file, if no other is named.
const DEFAULT: &str = "gateway.yaml";
/// What problems call standard input.
const INPUT: &str = "<stdin>";

impl ConfigFile {
    /// The configuration. Without one, prints what to do, and returns the exit code.
    pub(super) fn source(&self) -> Result<ConfigSource, u8> {
        // A variable that is set to nothing is taken for one that is not set.
        let variable = || process_environment(VARIABLE).filter(|value| !value.is_empty()).map(PathBuf::from);
        let named = self.file.clone().or_else(|| self.config.clone()).or_else(variable);
        match named {
            Some(path) if path == Path::new("-") => from_input(),
            Some(path) if is_stream(&path) => from_stream(&path),
            Some(path) => Ok(ConfigSource::file(&path)),
            None if Path::new(DEFAULT).exists() => Ok(ConfigSource::file(Path::new(DEFAULT))),
            None => {
                complain(&nothing_named(env::current_dir().ok().as_deref()));
                Err(BAD_CONFIG)
            }
        }
    }
}

fn nothing_named(folder: Option<&Path>) -> String {
    let folder = folder.map_or_else(|| "the current folder".to_owned(), |path| path.display().to_string());
    format!(
        "no configuration: no file is named, and there is no {DEFAULT} in {folder}\n\
         Name a file as FILE or in {VARIABLE}, or `-` for standard input; `portcullis init` writes one, and \
         `portcullis serve --help` shows how to start without a file."
    )
}

/// Whether the file can be read once alone, as `<(…)` of a shell, a named pipe and /dev/stdin.
fn is_stream(path: &Path) -> bool {
    let is_descriptor = ["/dev/fd", "/dev/stdin", "/proc/self/fd"].iter().any(|start| path.starts_with(start));
    let kind = fs::metadata(path).map(|metadata| metadata.file_type());
    kind.is_ok_and(|kind| is_descriptor && kind.is_file() || kind.is_fifo() || kind.is_char_device())
}

fn from_input() -> Result<ConfigSource, u8> {
    let mut input = io::stdin().lock();
    if input.is_terminal() {
        complain("reading the configuration from the terminal; end it with Ctrl-D");
    }
    from(&mut input, INPUT, "standard input")
}

/// As from standard input: a reload reads the same text again.
fn from_stream(path: &Path) -> Result<ConfigSource, u8> {
    let name = path.display().to_string();
    let mut stream = File::open(path).map_err(|cause| {
        complain(&format!("{name}: it cannot be read: {cause}"));
        FAULT
    })?;
    from(&mut stream, &name, "it")
}

fn from(stream: &mut impl Read, name: &str, what: &str) -> Result<ConfigSource, u8> {
    let mut bytes = Vec::new();
    if let Err(cause) = stream.take(CONFIG_BYTES_MAX + 1).read_to_end(&mut bytes) {
        complain(&format!("{name}: {what} cannot be read: {cause}"));
        return Err(FAULT);
    }
    text_of(&bytes, name).map_err(|why| {
        complain(&why);
        BAD_CONFIG
    })
}

fn text_of(bytes: &[u8], name: &str) -> Result<ConfigSource, String> {
    if bytes.len() as u64 > CONFIG_BYTES_MAX {
        return Err(format!("{name}: found a larger text; expected at most {} KiB", CONFIG_BYTES_MAX / 1024));
    }
    let text = decoded(bytes, name).map_err(|problems| problems.to_string())?;
    if text.trim().is_empty() {
        return Err(format!("{name}: found nothing; expected a configuration"));
    }
    let folder = env::current_dir().map_err(|cause| format!("the current folder cannot be found: {cause}"))?;
    Ok(ConfigSource::given(GivenText { name: name.to_owned(), text: text.to_owned(), folder, flags: None }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_8_standard_input_is_text_within_bounds() {
        let large = usize::try_from(CONFIG_BYTES_MAX).unwrap() + 1;
        for (bytes, told) in [
            (vec![b' '; large], "found a larger text"),
            (b"a: \n\xff".to_vec(), "<stdin>:2:1 found bytes that are not UTF-8"),
            (Vec::new(), "found nothing"),
            (b" \n".to_vec(), "found nothing"),
        ] {
            let why = text_of(&bytes, INPUT).unwrap_err();
            assert!(why.contains(told), "{why}");
        }
        let source = text_of(b"a: 1", INPUT).unwrap();
        assert!(source.load().unwrap_err().to_string().starts_with("<stdin>:1:1 "));
    }

    #[test]
    fn first_8_without_a_file_the_message_names_each_way_on() {
        let told = nothing_named(Some(Path::new("/srv")));
        for word in ["gateway.yaml in /srv", "PORTCULLIS_CONFIG", "portcullis init", "portcullis serve --help", "`-`"] {
            assert!(told.contains(word), "{told}");
        }
    }
}
