//! Asks a reader of another language, over a pipe: every body with its length, and a line with what was seen in return.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Command, Stdio},
    thread,
};

use super::{corpus::Body, view::View};

/// All readers of one program: name, whether it goes by an SDK's types, and what it made of each body.
///
/// The program's first line names them, `name` or `name!` for types; each other line is one body, read by all of them: JSON, an
/// array of views and nulls.
pub fn ask(command: &str, bodies: &[Body]) -> Vec<(String, bool, Vec<Option<View>>)> {
    let mut words = command.split('\n');
    let mut child = Command::new(words.next().expect("a program"))
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|cause| panic!("{command}: {cause}"));
    let mut to = child.stdin.take().expect("a pipe");
    let from = BufReader::new(child.stdout.take().expect("a pipe"));
    let lines: Vec<String> = thread::scope(|scope| {
        // Both sides would wait for each other if one thread wrote all before it read anything.
        scope.spawn(move || {
            for body in bodies {
                let length = u32::try_from(body.bytes.len()).expect("a small body");
                if to.write_all(&length.to_be_bytes()).and_then(|()| to.write_all(&body.bytes)).is_err() {
                    return;
                }
            }
        });
        from.lines().map(|line| line.expect("a line")).collect()
    });
    assert!(child.wait().expect("its end").success(), "{command} failed");
    let (names, lines) = lines.split_first().expect("the readers' names");
    assert_eq!(lines.len(), bodies.len(), "{command} answers as often as it is asked");
    let mut readers: Vec<_> = names
        .split('\t')
        .map(|name| (name.trim_end_matches('!').to_owned(), name.ends_with('!'), Vec::with_capacity(lines.len())))
        .collect();
    for line in lines {
        let views: Vec<Option<View>> = serde_json::from_str(line).unwrap_or_else(|cause| panic!("{cause}: {line}"));
        assert_eq!(views.len(), readers.len(), "{line}");
        for (reader, view) in readers.iter_mut().zip(views) {
            reader.2.push(view);
        }
    }
    readers
}
