//! `portcullis completions` and `portcullis man`: what packages install beside the program.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use clap::{Args, Command};
use clap_complete::Shell;
use clap_mangen::Man;

use crate::{
    base::version::VERSION,
    cli::terminal::{FAULT, complain, print},
};

/// Arguments of `completions`.
#[derive(Debug, Args)]
pub(super) struct Completions {
    /// The shell.
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

/// Arguments of `man`.
#[derive(Debug, Args)]
pub(super) struct ManPages {
    /// Writes a page for the program and one for each command into this folder, replacing those of
    /// an earlier version.
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

/// Prints the completions of one shell.
pub(super) fn completions(mut command: Command, of: &Completions) -> u8 {
    let mut script = Vec::new();
    clap_complete::generate(of.shell, &mut command, "portcullis", &mut script);
    print(String::from_utf8_lossy(&script).trim_end());
    0
}

/// Prints the manual page of the program, or writes the pages of all commands.
pub(super) fn man(command: Command, of: &ManPages) -> u8 {
    let pages = pages(command);
    let Some(folder) = &of.out else {
        if let Some((_, page)) = pages.first() {
            print(page.trim_end());
        }
        return 0;
    };
    match write(folder, &pages) {
        Ok(()) => 0,
        Err(cause) => {
            complain(&format!("{}: {cause}", folder.display()));
            FAULT
        }
    }
}

fn write(folder: &Path, pages: &[(String, String)]) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    pages.iter().try_for_each(|(name, page)| fs::write(folder.join(name), page))
}

/// The file name and the text of each page, the program's first.
fn pages(command: Command) -> Vec<(String, String)> {
    // `help` repeats what each command's own page says.
    let mut command = command.disable_help_subcommand(true);
    command.build();
    let mut pages = Vec::new();
    let mut rest = vec![command];
    while let Some(command) = rest.pop() {
        rest.extend(command.get_subcommands().filter(|inner| !inner.is_hide_set()).cloned());
        let man = Man::new(command).source(format!("portcullis {VERSION}")).manual("Portcullis");
        let mut page = Vec::new();
        if man.render(&mut page).is_ok() {
            pages.push((man.get_filename(), String::from_utf8_lossy(&page).into_owned()));
        }
    }
    pages
}
