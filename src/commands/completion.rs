//! `completion`: scripts for shells, made from clap's tree.

use clap::Args;
use clap_complete::Shell;

use crate::{
    cli::{
        context::Context,
        error::{CommandError, Kind},
        ui::Ui,
        value::Suggest,
    },
    output::go_format::quote,
};

/// Print a completion script for a shell
#[derive(Args, Debug)]
#[command(
    override_usage = "etcdctl completion [bash|zsh|fish|powershell]",
    after_help = "Examples:
  source <(etcdctl completion bash)
  etcdctl completion bash > /etc/bash_completion.d/etcdctl
  etcdctl completion zsh > \"${fpath[1]}/_etcdctl\"
  etcdctl completion fish > ~/.config/fish/completions/etcdctl.fish
  etcdctl completion powershell | Out-String | Invoke-Expression"
)]
pub struct CompletionArgs {
    #[arg(hide = true, num_args = 0.., value_parser = Suggest(&["bash", "zsh", "fish", "powershell"]))]
    words: Vec<String>,
}

/// Runs `completion`.
///
/// # Errors
/// Not one word, or one that is no shell.
pub fn completion(
    ctx: &Context,
    args: CompletionArgs,
    tree: &clap::Command,
) -> Result<(), CommandError> {
    print(&ctx.ui, &args, tree)
}

/// As [`completion`], for the tool whose commands `tree` holds.
///
/// # Errors
/// As [`completion`].
pub fn print(ui: &Ui, args: &CompletionArgs, tree: &clap::Command) -> Result<(), CommandError> {
    let usage = |text: String| CommandError::new(Kind::Usage, text);
    let [name] = &args.words[..] else {
        return Err(usage(format!(
            "accepts 1 arg(s), received {}",
            args.words.len()
        )));
    };
    let shell = match name.as_str() {
        "bash" => Shell::Bash,
        "zsh" => Shell::Zsh,
        "fish" => Shell::Fish,
        "powershell" => Shell::PowerShell,
        _ => {
            return Err(usage(format!(
                "invalid argument {} for {}",
                quote(name.as_bytes()),
                quote(format!("{} completion", tree.get_name()).as_bytes())
            )));
        }
    };
    let script = script(shell, tree);
    ui.data(|out| out.write_all(&script).map_err(CommandError::stdout))
}

/// The script for one shell.
pub fn script(shell: Shell, tree: &clap::Command) -> Vec<u8> {
    let mut tree = super::documented::documented(tree);
    let name = tree.get_name().to_owned();
    let mut script = vec![];
    clap_complete::generate(shell, &mut tree, name, &mut script);
    if shell == Shell::Bash {
        script = String::from_utf8_lossy(&script)
            .replacen(BASH_PREV, &format!("{BASH_PREV}{BASH_EQUALS}"), 1)
            .into_bytes();
    }
    script
}

const BASH_PREV: &str = "    prev=\"$3\"\n";

/// Bash takes `--flag=value` for three words, and clap's script does not know.
const BASH_EQUALS: &str = "    if [[ \"${prev}\" == \"=\" ]]; then
        prev=\"${COMP_WORDS[COMP_CWORD-2]}\"
    elif [[ \"${COMP_WORDS[COMP_CWORD]}\" == \"=\" ]]; then
        prev=\"${COMP_WORDS[COMP_CWORD-1]}\"
        cur=\"\"
    fi
";
