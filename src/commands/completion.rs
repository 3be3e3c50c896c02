//! `completion`: shell completion scripts.

use clap::Args;
use clap_complete::Shell;

use crate::{
    cli::{
        context::Context,
        error::{CommandError, ErrorKind},
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
/// The number of arguments is not one, or it is not the name of a shell.
pub async fn completion(ctx: &Context, args: CompletionArgs) -> Result<(), CommandError> {
    print(&ctx.ui, &args, "etcdctl")
}

/// Like [`completion`], for `program`.
///
/// # Errors
/// See [`completion`].
pub fn print(ui: &Ui, args: &CompletionArgs, program: &str) -> Result<(), CommandError> {
    let [name] = args.words.exactly()?;
    let shell = match name.as_encoded_bytes() {
        b"bash" => Shell::Bash,
        b"zsh" => Shell::Zsh,
        b"fish" => Shell::Fish,
        b"powershell" => Shell::PowerShell,
        other => {
            let command = format!("{program} completion");
            return Err(CommandError::new(
                ErrorKind::Usage,
                format!(
                    "invalid argument {} for {}",
                    quote(other),
                    quote(command.as_bytes())
                ),
            ));
        }
    };
    let script = script(shell, program);
    ui.data(|out| out.write_all(&script).map_err(CommandError::stdout))
}

/// The script for one shell. It passes the words typed so far to `__complete`, which contains all rules.
pub fn script(shell: Shell, program: &str) -> Vec<u8> {
    let script = match shell {
        Shell::Bash => include_str!("completion/bash.sh"),
        Shell::Zsh => include_str!("completion/zsh.sh"),
        Shell::Fish => include_str!("completion/fish.fish"),
        _ => include_str!("completion/powershell.ps1"),
    };
    script.replace("PROGRAM", program).into_bytes()
}
