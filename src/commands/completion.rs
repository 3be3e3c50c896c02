//! `completion`: scripts for shells, made from clap's tree.

use clap::{Args, ValueHint};
use clap_complete::Shell;

use super::table;
use crate::{
    cli::{
        context::Context,
        error::{CommandError, Kind},
        ui::Ui,
        words::{Arity, Words, exact_args},
    },
    golang::format::quote,
};

/// Print a completion script for a shell
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  source <(etcdctl completion bash)
  etcdctl completion bash > /etc/bash_completion.d/etcdctl
  etcdctl completion zsh > \"${fpath[1]}/_etcdctl\"
  etcdctl completion fish > ~/.config/fish/completions/etcdctl.fish
  etcdctl completion powershell | Out-String | Invoke-Expression")]
pub struct CompletionArgs {
    #[command(flatten)]
    words: Words<ShellName>,
}

/// The name of a shell.
#[derive(Clone, Copy, Debug)]
pub struct ShellName;

impl Arity for ShellName {
    const MIN: usize = 1;
    const MAX: usize = 1;
    const USAGE: &'static str = "<bash|zsh|fish|powershell>";
    const CHOICES: &'static [&'static str] = &["bash", "zsh", "fish", "powershell"];

    fn error(given: usize) -> CommandError {
        exact_args(1, given)
    }
}

/// Runs `completion`.
///
/// # Errors
/// There is not exactly one word, or it is not the name of a shell.
pub async fn completion(ctx: &Context, args: CompletionArgs) -> Result<(), CommandError> {
    print(&ctx.ui, &args, &table::tree())
}

/// As [`completion`], for the program whose commands `tree` holds.
///
/// # Errors
/// As [`completion`].
pub fn print(ui: &Ui, args: &CompletionArgs, tree: &clap::Command) -> Result<(), CommandError> {
    let [name] = args.words.exactly()?;
    let shell = match name.as_encoded_bytes() {
        b"bash" => Shell::Bash,
        b"zsh" => Shell::Zsh,
        b"fish" => Shell::Fish,
        b"powershell" => Shell::PowerShell,
        other => {
            let command = format!("{} completion", tree.get_name());
            return Err(CommandError::new(
                Kind::Usage,
                format!(
                    "invalid argument {} for {}",
                    quote(other),
                    quote(command.as_bytes())
                ),
            ));
        }
    };
    let script = script(shell, tree);
    ui.data(|out| out.write_all(&script).map_err(CommandError::stdout))
}

/// The script for one shell.
pub fn script(shell: Shell, tree: &clap::Command) -> Vec<u8> {
    let mut tree = super::reference::with_reference(tree);
    let name = tree.get_name().to_owned();
    if shell == Shell::Zsh {
        tree = without_guesses(tree);
    }
    let mut script = vec![];
    clap_complete::generate(shell, &mut tree, name, &mut script);
    let text = String::from_utf8_lossy(&script);
    match shell {
        Shell::Bash => text
            .replacen(
                BASH_PREV,
                &format!("{BASH_PREV}{BASH_EQUALS}{BASH_HIDE}"),
                1,
            )
            .replace(
                "compgen -W \"${opts}\"",
                "compgen -X \"${hide}\" -W \"${opts}\"",
            )
            .into_bytes(),
        // A switch has its value in the same word or none; clap lets zsh take the next word.
        Shell::Zsh => text
            .split_inclusive('\n')
            .map(|line| match line {
                line if line.contains("]::bool:") => line.replacen("=[", "=-[", 1),
                // Behind the words there may be flags, too.
                line if line.starts_with("'*::words:") => line.replacen("*::", "*:", 1),
                line => line.to_owned(),
            })
            .collect::<String>()
            .into_bytes(),
        Shell::Fish => fish(&text, &tree).into_bytes(),
        _ => script,
    }
}

/// What nobody can guess (keys, values, revisions, times): zsh would offer every program of the machine.
fn without_guesses(command: clap::Command) -> clap::Command {
    command
        .mut_args(|arg| match arg.get_value_hint() {
            ValueHint::Unknown if arg.get_action().takes_values() => {
                arg.value_hint(ValueHint::Other)
            }
            _ => arg,
        })
        .mut_subcommands(without_guesses)
}

/// clap's script for fish stumbles over a global flag in front of the command: one whose value is being
/// typed, and a switch, which it takes to have the next word for a value.
fn fish(script: &str, tree: &clap::Command) -> String {
    let name = tree.get_name();
    let parse = format!("    argparse -s (__fish_{name}_global_optspecs) -- $cmd 2>/dev/null\n");
    let again = format!("{parse}    or begin\n        set -e cmd[-1]\n    {parse}    end\n");
    let (head, tail) = script.split_at(script.find("\nend").unwrap_or(0));
    let mut head = head.to_owned();
    for switch in tree.get_arguments().filter(|a| !takes_a_word(a)) {
        if let Some(long) = switch.get_long() {
            head = head.replace(&format!(" {long}="), &format!(" '{long}=?'"));
        }
    }
    let mut script = format!("{head}{}", tail.replacen(&parse, &again, 1));
    // Nor does it know which words a command takes.
    for command in tree.get_subcommands() {
        for word in command.get_positionals() {
            let values: Vec<String> = word
                .get_possible_values()
                .iter()
                .map(|value| value.get_name().to_owned())
                .collect();
            if !values.is_empty() {
                script.push_str(&format!(
                    "complete -c {name} -n \"__fish_{name}_using_subcommand {}\" -f -a \"{}\"\n",
                    command.get_name(),
                    values.join(" ")
                ));
            }
        }
    }
    script
}

/// Whether the word behind the flag is its value.
fn takes_a_word(arg: &clap::Arg) -> bool {
    arg.get_num_args().is_none_or(|n| n.min_values() > 0)
}

const BASH_PREV: &str = "    prev=\"$3\"\n";

/// Bash takes `--flag=value` and `scheme:path` for three words, and clap's script does not know. Behind the scheme of
/// an endpoint there are directories or files.
const BASH_EQUALS: &str = "    if [[ \"${prev}\" == \"=\" ]]; then
        prev=\"${COMP_WORDS[COMP_CWORD-2]}\"
    elif [[ \"${COMP_WORDS[COMP_CWORD]}\" == \"=\" ]]; then
        prev=\"${COMP_WORDS[COMP_CWORD-1]}\"
        cur=\"\"
    fi
    [[ \"${COMP_WORDS[COMP_CWORD]}\" == \":\" ]] && cur=\"\" && prev=\":\"
    if [[ \"${prev}\" == \":\" ]]; then
        local scheme=\"${COMP_WORDS[COMP_CWORD-2]}\"
        [[ \"${COMP_WORDS[COMP_CWORD]}\" == \":\" ]] && scheme=\"${COMP_WORDS[COMP_CWORD-1]}\"
        case \"${scheme}\" in
            embedded) COMPREPLY=( $(compgen -d -- \"${cur}\") ) ;;
            unix|unixs) COMPREPLY=( $(compgen -P // -f -- \"${cur#//}\") ) ;;
        esac
        compopt -o filenames 2>/dev/null || :
        return 0
    fi
";

/// Flags are offered to who begins one; else they would bury the commands.
const BASH_HIDE: &str = "    local hide=\"\"
    [[ \"${cur}\" == -* ]] || hide=\"-*\"
";
