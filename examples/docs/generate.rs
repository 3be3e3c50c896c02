//! Completion scripts for four shells and one man page per command, generated from the command tree that also parses
//! the command line. Writes no files.

use std::collections::BTreeMap;

use clap::Command;
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};
use etcd_maintenance::program::documentation::{self, script, trees};

/// The folders that contain only generated files.
pub const FOLDERS: [&str; 2] = ["completions", "man"];

const SHELLS: [Shell; 4] = [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::PowerShell];

/// Exit codes that scripts rely on, and their meanings.
const EXIT_CODES: [(&str, &str); 7] = [
    ("0", "Success."),
    (
        "1",
        "Failure: an error from the server, a timeout, an unknown command or flag, a value that cannot be parsed, a file \
         that cannot be read.",
    ),
    ("2", "The client could not be set up."),
    ("3", "The input of txn is not a transaction."),
    (
        "4",
        "An output format that is unknown or that the reply does not support; an unknown --order, --sort-by or \
         --consistency.",
    ),
    ("5", "snapshot save failed."),
    (
        "128",
        "Missing, surplus or conflicting arguments; an unusable file for --cacert, --cert or --key.",
    ),
];

/// Every file by its path in the project.
pub fn files() -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for tree in trees() {
        for shell in SHELLS {
            let name = clap_complete::Generator::file_name(&shell, tree.get_name());
            files.insert(
                format!("completions/{name}"),
                script(shell, tree.get_name()),
            );
        }
        let mut built = tree;
        built.build();
        pages(&built, &built, &[], &mut files);
    }
    files
}

/// The man page of `command`, which has this path below `root`, and those of its subcommands.
fn pages(root: &Command, command: &Command, path: &[&str], files: &mut BTreeMap<String, Vec<u8>>) {
    let words: Vec<&str> = std::iter::once(root.get_name())
        .chain(path.iter().copied())
        .collect();
    let name = words.join("-");
    files.insert(format!("man/{name}.1"), page(root, command, &words));
    for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
        let path: Vec<&str> = path.iter().copied().chain([sub.get_name()]).collect();
        pages(root, sub, &path, files);
    }
}

fn page(root: &Command, command: &Command, words: &[&str]) -> Vec<u8> {
    let is_root = words.len() == 1;
    let name = words.join("-");
    let examples = command
        .get_after_long_help()
        .or(command.get_after_help())
        .map(ToString::to_string);
    let shown = command
        .clone()
        .display_name(&name)
        .bin_name(words.join(" "))
        .mut_args(|arg| {
            if !arg.is_global_set() {
                arg
            } else if is_root {
                with_variable(root, arg)
            } else {
                arg.hide(true)
            }
        });
    let man = Man::new(shown)
        .title(&name)
        .source(concat!("etcd-maintenance ", env!("CARGO_PKG_VERSION")))
        .manual("etcd maintenance");
    let mut out = Vec::new();
    // Writing to a Vec cannot fail.
    let _ = (|| {
        man.render_title(&mut out)?;
        unbroken().to_writer(&mut out)?;
        man.render_name_section(&mut out)?;
        man.render_synopsis_section(&mut out)?;
        man.render_description_section(&mut out)?;
        man.render_options_section(&mut out)?;
        if command.get_subcommands().any(|sub| !sub.is_hide_set()) {
            man.render_subcommands_section(&mut out)?;
        }
        closing(root, is_root, examples.as_deref()).to_writer(&mut out)
    })();
    out
}

/// Do not break names of flags and variables at the end of a line.
fn unbroken() -> Roff {
    let mut roff = Roff::new();
    roff.control("nh", []);
    roff.control("ad", ["l"]);
    roff
}

/// The end of a page: examples, exit codes, related pages.
fn closing(root: &Command, is_root: bool, examples: Option<&str>) -> Roff {
    let mut roff = Roff::new();
    if let Some(examples) = examples.and_then(|text| text.split_once("Examples:\n")) {
        roff.control("SH", ["EXAMPLES"]);
        roff.control("nf", []);
        for line in examples.1.lines() {
            roff.text([roman(line)]);
        }
        roff.control("fi", []);
    }
    if is_root {
        roff.control("SH", ["EXIT STATUS"]);
        for (code, meaning) in EXIT_CODES {
            roff.control("TP", []);
            roff.text([bold(code)]);
            roff.text([roman(meaning)]);
        }
    } else {
        roff.control("SH", ["SEE ALSO"]);
        let what = match root.get_name() {
            "etcdctl" => {
                "(1) for the flags that every command takes, their environment variables, and the exit codes"
            }
            _ => "(1) for the flags that every command takes, and the exit codes",
        };
        roff.text([bold(root.get_name()), roman(what)]);
    }
    roff
}

/// The environment variables of global flags belong to etcdctl; etcdutl reads none.
fn with_variable(root: &Command, arg: clap::Arg) -> clap::Arg {
    if root.get_name() == "etcdctl" {
        documentation::with_variable(arg)
    } else {
        arg
    }
}
