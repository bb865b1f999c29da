//! Reads a YAML file that the configuration names, such as accounts; mistakes have its lines.

use std::path::Path;

use crate::{
    base::limits::operating::CONFIG_BYTES_MAX,
    config::{
        reader::{Field, Fields},
        reading::Reading,
        secret, slips,
    },
};

/// Reads the file at `path`, which `field` names, as `section`. `None` if it has a mistake.
pub(super) fn read<T>(
    field: &Field<'_>,
    path: &Path,
    section: &'static str,
    read: impl FnOnce(&mut Fields<'_>) -> Option<T>,
) -> Option<T> {
    let shown = path.display().to_string();
    field.reading.depends_on(path);
    let bytes = match secret::bounded(path, CONFIG_BYTES_MAX) {
        Ok(bytes) => bytes,
        Err(cause) => return secret::unreadable(field, "", &shown, &cause),
    };
    let Ok(text) = std::str::from_utf8(&bytes) else { return field.wrong("a file of UTF-8 text") };
    let reading = Reading::new(&shown, field.reading.base, field.reading.lookup, field.reading.demo);
    let found = slips::parse(text, &reading).and_then(|root| Field::root(&reading, &root).section(section, read));
    let is_whole = field.reading.absorb(reading);
    found.filter(|_| is_whole)
}
