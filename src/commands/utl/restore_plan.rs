//! `snapshot restore-plan`: prints the commands that restore all members of a cluster from one file, or does one
//! machine's part of them with `--run`.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::TcpListener,
    path::{Path, PathBuf},
    process::Command,
};

use clap::{Args, ValueHint};

use super::{Context, live_cluster, restore::log};
use crate::{
    cli::{
        error::{CommandError, ErrorKind},
        value::{self, Suggest},
        words::Words,
    },
    golang::string,
    output::replies::restore_plan::{Facts, RestorePage},
    snapshot::restore::{
        Candidate, Page, PageOptions, Plan, Service,
        machine::{aside, check_aside, check_disk, check_not_in_use, check_owner, move_aside},
        sha256_of,
    },
    words,
};

/// Print, for every member, the commands that restore a cluster from one snapshot
///
/// The file is checked like `snapshot verify` does, and compared with other candidates. The printed commands work with
/// etcd's own tools, too: stop etcd everywhere, check that the file is the same on every machine, rename the old data
/// directory, restore, start etcd, and check the cluster. The cluster token is one that no old member has, so that old
/// and new members never communicate. The revision is bumped beyond the newest known one, so that clients never see it
/// go back.
///
/// With --run=NAME, this machine's part is done after these checks: the file is valid, no etcd uses the old data
/// directory, the peer port is free, the old directory can be renamed, its owner is the same, and there is enough disk
/// space. The command neither stops nor starts etcd, and deletes nothing. Exit status 10 means that a check failed.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  etcdutl snapshot restore-plan backup.db --initial-cluster=m1=http://m1:2380,m2=http://m2:2380,m3=http://m3:2380
  etcdutl snapshot restore-plan backup.db --initial-cluster=... --candidate=/var/lib/etcd --service=systemd --chown=etcd:etcd
  etcdutl snapshot restore-plan backup.db --initial-cluster=... --run=m1 --yes")]
pub struct RestorePlanArgs {
    /// Names and peer URLs of all members of the new cluster
    #[arg(long, value_name = "name=url,...")]
    initial_cluster: Option<String>,
    /// Token of the new cluster [default: generated; no old member has it]
    #[arg(long, value_name = "token")]
    initial_cluster_token: Option<String>,
    /// Data directory on every machine [default: NAME.etcd, with --service=kubeadm /var/lib/etcd]
    #[arg(long, value_name = "dir", value_hint = ValueHint::DirPath)]
    data_dir: Option<PathBuf>,
    /// Another file or data directory to compare with; can be repeated
    #[arg(long, value_name = "file|dir", value_hint = ValueHint::AnyPath)]
    candidate: Vec<PathBuf>,
    /// Get members and the newest revision from these endpoints; TLS and user as in etcdctl's environment variables
    #[arg(long, value_name = "endpoints")]
    from_cluster: Option<String>,
    /// Revision bump [default: 1000000 beyond the newest known revision, or 1000000000]
    #[arg(long, value_name = "n", value_parser = value::flag_uint)]
    bump_revision: Option<u64>,
    /// SHA-256 that the file is required to have
    #[arg(long, value_name = "hex")]
    sha256: Option<String>,
    /// How etcd is stopped and started: systemd, kubeadm or none [default: none]
    #[arg(long, value_name = "service", value_parser = Suggest(SERVICES), hide_possible_values = true)]
    service: Option<String>,
    /// Owner of the new data directory
    #[arg(long, value_name = "user:group")]
    chown: Option<String>,
    /// Restore this member on this machine
    #[arg(long, value_name = "name")]
    run: Option<String>,
    /// Only check, and change nothing
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "bool", hide_possible_values = true)]
    dry_run: Option<bool>,
    /// Continue without asking
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "bool", hide_possible_values = true)]
    yes: Option<bool>,
    #[command(flatten)]
    words: Words<RestorePlanWords>,
}

words! {
    pub RestorePlanWords: 1..=1, "<filename>", BadArgs "snapshot restore-plan requires exactly one argument",
        HINT = ValueHint::FilePath
}

const SERVICES: &[&str] = &["systemd", "kubeadm", "none"];
/// The exit code for a failed check.
const BLOCKED: ErrorKind = ErrorKind::Verdict(10);
/// kubeadm's data directory for etcd.
const KUBEADM_DIR: &str = "/var/lib/etcd";

/// Runs `snapshot restore-plan`.
///
/// # Errors
/// The file is not valid or a check fails (exit code 10), or the arguments are not valid.
pub fn restore_plan(ctx: &Context, args: &RestorePlanArgs) -> Result<(), CommandError> {
    let [file] = args.words.exactly()?;
    let format = ctx.format()?;
    let (page, facts) = args.page(Path::new(file))?;
    match &args.run {
        None => ctx.emit(&RestorePage::new(&page, &facts), format),
        Some(name) => args.run_here(ctx, &page, name),
    }
}

fn bad(text: impl Into<String>) -> CommandError {
    CommandError::new(ErrorKind::BadArgs, text.into())
}

fn blocked(text: impl Into<String>) -> CommandError {
    CommandError::new(BLOCKED, text.into())
}

impl RestorePlanArgs {
    /// Examines the file, the candidates and the cluster, and builds the page.
    fn page(&self, file: &Path) -> Result<(Page, Facts), CommandError> {
        let service = match self.service.as_deref() {
            None | Some("none") => Service::None,
            Some("systemd") => Service::Systemd,
            Some("kubeadm") => Service::Kubeadm,
            Some(other) => {
                return Err(bad(format!(
                    "--service: {other:?} is none of systemd, kubeadm and none"
                )));
            }
        };
        self.check_flags()?;
        let failed = |e: crate::snapshot::Error| blocked(e.to_string());
        // Examine the file to restore from.
        let chosen = Candidate::judge(file).map_err(failed)?;
        if let Some(problem) = &chosen.problem {
            let path = string::of_path(file);
            return Err(blocked(format!("{path} is not valid: {problem}")).hint(
                "`etcdutl snapshot verify` says more, `etcdutl snapshot salvage` saves what it can",
            ));
        }
        let sha256 = sha256_of(&chosen.file).map_err(failed)?;
        if let Some(wanted) = self
            .sha256
            .as_deref()
            .filter(|w| !w.eq_ignore_ascii_case(&sha256))
        {
            let path = string::of_path(file);
            return Err(blocked(format!(
                "{path} is another file: its SHA-256 is {sha256}, not {wanted}"
            )));
        }
        // Examine the other files; the newest valid one comes first.
        let mut candidates = self
            .candidate
            .iter()
            .map(|path| Candidate::judge(path).map_err(failed))
            .collect::<Result<Vec<_>, _>>()?;
        candidates.sort_by_key(|c| {
            (
                !c.is_good(),
                std::cmp::Reverse((c.revision, c.consistent_index)),
            )
        });
        // Query the members that are still running.
        let live = match self.from_cluster.as_deref().filter(|e| !e.is_empty()) {
            Some(endpoints) => Some(live_cluster::ask(endpoints)?),
            None => None,
        };
        // The flag takes precedence over the members of the running cluster.
        let initial_cluster = match (&self.initial_cluster, &live) {
            (Some(typed), _) if !typed.is_empty() => typed.clone(),
            (_, Some(live)) => live.initial_cluster(),
            _ => {
                return Err(bad(
                    "--initial-cluster names the members of the new cluster",
                ));
            }
        };
        // Collect the ids of all known members, which the new cluster must not reuse, and the newest known revision.
        let mut old_ids: BTreeSet<u64> = chosen.member_ids.clone();
        old_ids.extend(candidates.iter().flat_map(|c| c.member_ids.iter().copied()));
        old_ids.extend(live.iter().flat_map(|l| l.member_ids.iter().copied()));
        let revisions = candidates
            .iter()
            .filter(|c| c.revision > 0)
            .map(|c| c.revision);
        let newest_revision = revisions.chain(live.as_ref().map(|l| l.revision)).max();
        // Build the page.
        let data_dir = self
            .data_dir
            .clone()
            .or_else(|| (service == Service::Kubeadm).then(|| PathBuf::from(KUBEADM_DIR)));
        let page = Page::new(PageOptions {
            file: chosen,
            sha256,
            initial_cluster,
            token: self.initial_cluster_token.clone().filter(|t| !t.is_empty()),
            bump_revision: self.bump_revision,
            newest_revision,
            old_ids,
            data_dir,
            client_urls: live
                .as_ref()
                .map_or_else(BTreeMap::new, |l| l.client_urls.clone()),
            service,
            chown: self.chown.clone().filter(|owner| !owner.is_empty()),
        })
        .map_err(|e| CommandError::new(ErrorKind::Failed, e))?;
        let facts = Facts {
            candidates,
            live: live.map(|l| (l.endpoints, l.revision)),
        };
        Ok((page, facts))
    }

    fn check_flags(&self) -> Result<(), CommandError> {
        if self.bump_revision == Some(0) {
            return Err(bad(
                "--bump-revision=0: clients would see the revision go back",
            ));
        }
        if let Some(owner) = self.chown.as_deref() {
            let name = |part: &str| {
                !part.is_empty()
                    && !part.starts_with('-')
                    && part
                        .chars()
                        .all(|c| c.is_ascii_alphanumeric() || "-_.$@".contains(c))
            };
            if !owner.is_empty() && !owner.split(':').all(name) {
                return Err(bad(format!("--chown: {owner:?} is not USER:GROUP")));
            }
        }
        let others = !self.candidate.is_empty() || self.from_cluster.is_some();
        if self.run.is_some() && others && self.bump_revision.is_none() {
            // Without this flag, each machine would compute its own value, from the candidates that it can see.
            return Err(bad(
                "--run with --candidate or --from-cluster needs --bump-revision: the number must be the same on all \
                 machines; the page has it",
            ));
        }
        Ok(())
    }

    /// Does one machine's part, after the checks.
    fn run_here(&self, ctx: &Context, page: &Page, name: &str) -> Result<(), CommandError> {
        let Some(options) = page.restore_options(name) else {
            let names: Vec<&str> = page.members.keys().map(String::as_str).collect();
            return Err(blocked(format!(
                "--run: {name:?} is not in --initial-cluster, which has {}",
                names.join(", ")
            )));
        };
        let dir = page.data_dir(name);
        let chown = page.options().chown.clone();
        let note = |check: &str, text: &str| ctx.ui.note(&format!("{check:<9} ok  {text}"));
        let good = format!(
            "{}, sha256 {}",
            options.file.display(),
            page.options().sha256
        );
        note("file", &good);
        // Run the checks in order, up to the first that fails.
        let checks: [(&str, Result<String, String>); 5] = [
            ("in use", check_not_in_use(&dir)),
            ("port", check_ports(&page.members[name])),
            ("directory", check_aside(&dir)),
            ("owner", check_owner(&dir, chown.is_some())),
            ("disk", check_disk(&dir, page.options().file.size)),
        ];
        for (check, result) in checks {
            let text = result.map_err(|e| blocked(format!("{check}: {e}")))?;
            note(check, &text);
        }
        // Ask for confirmation.
        if self.dry_run.unwrap_or(false) {
            ctx.ui.note("nothing was changed");
            return Ok(());
        }
        if !ctx.ui.goes_on(self.yes.unwrap_or(false))? {
            return Err(CommandError::new(ErrorKind::Failed, "nothing was changed"));
        }
        // Move the old directory aside, restore the new one, and change its owner.
        let failed = |e| CommandError::new(ErrorKind::Failed, e);
        let moved = move_aside(&dir).map_err(failed)?;
        let restored =
            Plan::new(options).and_then(|plan| plan.run(&mut |line| log(&ctx.ui, &line)));
        restored.map_err(|e| {
            let error = failed(e);
            match &moved {
                Some(before) => error.hint(format!(
                    "the old directory is at {}",
                    string::of_path(before)
                )),
                None => error,
            }
        })?;
        if let Some(owner) = chown {
            give_to(&owner, &dir)?;
        }
        if moved.is_some() {
            let before = aside(&dir);
            ctx.ui.note(&format!(
                "the old directory is at {}",
                string::of_path(&before)
            ));
        }
        ctx.ui.note(&format!(
            "{name} is restored to {}; start etcd when every member is",
            string::of_path(&dir)
        ));
        Ok(())
    }
}

/// Checks that no process listens on the peer URLs of this machine.
fn check_ports(urls: &[String]) -> Result<String, String> {
    for url in urls {
        let Some((_, address)) = url.split_once("://") else {
            continue;
        };
        match TcpListener::bind(address) {
            Err(e) if e.kind() == std::io::ErrorKind::AddrInUse => {
                return Err(format!("{url}: a process listens there; stop it first"));
            }
            // An advertised address may belong to a proxy in front of this machine.
            _ => {}
        }
    }
    Ok(format!("no process listens on {}", urls.join(",")))
}

/// Runs `chown`, which knows all users of the system.
fn give_to(owner: &str, dir: &Path) -> Result<(), CommandError> {
    let failed = |why: String| {
        let text = format!("chown -R {owner} {}: {why}", string::of_path(dir));
        CommandError::new(ErrorKind::Failed, text)
            .hint("the directory is restored; change its owner before etcd starts")
    };
    let output = Command::new("chown")
        .args(["-R", owner, "--"])
        .arg(dir)
        .output();
    let output = output.map_err(|e| failed(crate::cli::error::io_text(&e)))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(failed(
            String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        )),
    }
}
