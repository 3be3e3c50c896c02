//! Builds the page of `snapshot restore-plan`: the commands to run on each machine, in order, to restore all members of
//! a cluster from one file. etcd's own etcdutl accepts the same commands. Nothing is run here.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

use super::{Candidate, Peers, RestoreOptions};
use crate::{golang::format::hex_digits, schema::ids};

/// Revision bump if the latest revision of the old cluster is unknown.
pub const UNKNOWN_BUMP: u64 = 1_000_000_000;
/// Revision bump beyond the newest known revision, because clients may have seen later ones.
pub const KNOWN_BUMP: u64 = 1_000_000;
/// Hexadecimal digits in a generated token.
const TOKEN_DIGITS: usize = 12;
/// etcd's default client port.
const CLIENT_PORT: u16 = 2379;

/// How etcd is stopped and started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Service {
    /// By hand.
    #[default]
    None,
    /// As the systemd unit `etcd`.
    Systemd,
    /// As a static pod, together with the API server.
    Kubeadm,
}

/// The input of a page.
#[derive(Clone, Debug)]
pub struct PageOptions {
    /// The file that every member is restored from.
    pub file: Candidate,
    /// SHA-256 of it, in hexadecimal.
    pub sha256: String,
    /// Names and peer URLs of all members, as typed.
    pub initial_cluster: String,
    /// The cluster token. By default, one that no old member has is generated.
    pub token: Option<String>,
    /// The revision bump. By default it is computed.
    pub bump_revision: Option<u64>,
    /// The newest known revision of the old cluster.
    pub newest_revision: Option<i64>,
    /// Ids of members of old clusters, whose tokens must not be reused.
    pub old_ids: BTreeSet<u64>,
    /// The data directory on every machine; `NAME.etcd` unless given.
    pub data_dir: Option<PathBuf>,
    /// Known client URLs by member name.
    pub client_urls: BTreeMap<String, Vec<String>>,
    /// How etcd is run.
    pub service: Service,
    /// The owner of the data directory, `USER:GROUP`.
    pub chown: Option<String>,
}

/// A command of the page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The member's name; `None` if the step can run on any machine.
    pub member: Option<String>,
    /// The kind of step. Steps are sorted by it.
    pub kind: StepKind,
    /// The program and its arguments; empty if the step is done by hand.
    pub argv: Vec<String>,
    /// The reason for the step.
    pub why: String,
}

/// The kinds of steps, in the order of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StepKind {
    /// Stop etcd.
    Stop,
    /// Check that the file is the same on every machine.
    Check,
    /// Rename the old data directory.
    Aside,
    /// Restore the new data directory.
    Restore,
    /// Change its owner.
    Own,
    /// Start etcd.
    Start,
    /// Check the cluster.
    Look,
}

/// The page.
#[derive(Clone, Debug)]
pub struct Page {
    /// The token of the new cluster.
    pub token: String,
    /// The revision bump.
    pub bump_revision: u64,
    /// Peer URLs by member name.
    pub members: BTreeMap<String, Vec<String>>,
    /// The steps in order.
    pub steps: Vec<Step>,
    options: PageOptions,
}

impl Page {
    /// Builds the page.
    ///
    /// # Errors
    /// `--initial-cluster` is not valid, or the token is that of an old member.
    pub fn new(options: PageOptions) -> Result<Page, String> {
        let members = Peers::members_of(&options.initial_cluster)?;
        let token = match &options.token {
            Some(token) => {
                if reuses(token, &members, &options.old_ids) {
                    return Err(format!(
                        "--initial-cluster-token={token}: a member of an old cluster has it; members that still run \
                         would talk to the new cluster"
                    ));
                }
                token.clone()
            }
            None => fresh_token(&options, &members),
        };
        let mut page = Page {
            token,
            bump_revision: bump(&options),
            members,
            steps: Vec::new(),
            options,
        };
        // Find invalid members here rather than on their machines.
        for name in page.members.keys() {
            let urls = page.members[name].join(",");
            Peers::read(name, &page.options.initial_cluster, &page.token, &urls)?;
        }
        page.steps = page.make_steps();
        Ok(page)
    }

    /// The options for restoring one member.
    pub fn restore_options(&self, name: &str) -> Option<RestoreOptions> {
        let urls = self.members.get(name)?;
        let options = &self.options;
        Some(RestoreOptions {
            name: name.to_owned(),
            data_dir: Some(self.data_dir(name)),
            initial_cluster: options.initial_cluster.clone(),
            initial_cluster_token: self.token.clone(),
            initial_advertise_peer_urls: urls.join(","),
            skip_hash_check: !options.file.has_digest,
            bump_revision: self.bump_revision,
            mark_compacted: true,
            ..RestoreOptions::new(options.file.file.clone())
        })
    }

    /// The data directory of one member.
    pub fn data_dir(&self, name: &str) -> PathBuf {
        match &self.options.data_dir {
            Some(dir) => dir.clone(),
            None => PathBuf::from(format!("{name}.etcd")),
        }
    }

    /// The input of the page.
    pub fn options(&self) -> &PageOptions {
        &self.options
    }

    fn make_steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        let names: Vec<&String> = self.members.keys().collect();
        let mut on_each = |kind, why: &str, argv: &dyn Fn(&str) -> Vec<Vec<String>>| {
            for name in &names {
                steps.extend(argv(name).into_iter().map(|argv| Step {
                    member: Some((*name).clone()),
                    kind,
                    argv,
                    why: why.to_owned(),
                }));
            }
        };
        let why = "no member of the old cluster may run while the new one is made";
        on_each(StepKind::Stop, why, &|_| self.stop());
        let why = "every member is restored from the same file";
        on_each(StepKind::Check, why, &|_| vec![self.check()]);
        let why = "the old directory is kept until the new cluster is healthy";
        on_each(StepKind::Aside, why, &|name| vec![self.aside(name)]);
        let why = "the data directory of the new member";
        on_each(StepKind::Restore, why, &|name| vec![self.restore(name)]);
        if let Some(owner) = &self.options.chown {
            let why = "etcd runs as this user";
            on_each(StepKind::Own, why, &|name| {
                vec![argv(["chown", "-R", owner, &text(&self.data_dir(name))])]
            });
        }
        let why = "a majority of the members must run before any of them answers";
        on_each(StepKind::Start, why, &|name| self.start(name));
        let endpoints = format!("--endpoints={}", self.endpoints().join(","));
        for (command, why) in [
            ("health", "every member answers"),
            ("hashkv", "every member has the same data"),
        ] {
            steps.push(Step {
                member: None,
                kind: StepKind::Look,
                argv: argv(["etcdctl", &endpoints, "endpoint", command]),
                why: why.to_owned(),
            });
        }
        steps
    }

    fn stop(&self) -> Vec<Vec<String>> {
        match self.options.service {
            // A step without a command.
            Service::None => vec![Vec::new()],
            Service::Systemd => vec![argv(["systemctl", "stop", "etcd"])],
            Service::Kubeadm => MANIFESTS
                .iter()
                .map(|(live, parked)| argv(["mv", "-T", live, parked]))
                .collect(),
        }
    }

    fn start(&self, name: &str) -> Vec<Vec<String>> {
        let urls = self.members[name].join(",");
        match self.options.service {
            Service::None => vec![argv([
                "etcd",
                "--name",
                name,
                "--data-dir",
                &text(&self.data_dir(name)),
                "--initial-advertise-peer-urls",
                &urls,
                "--listen-peer-urls",
                &urls,
            ])],
            // `systemctl start` would wait until the cluster is ready, which needs the other members.
            Service::Systemd => vec![argv(["systemctl", "start", "--no-block", "etcd"])],
            Service::Kubeadm => MANIFESTS
                .iter()
                .rev()
                .map(|(live, parked)| argv(["mv", "-T", parked, live]))
                .collect(),
        }
    }

    fn check(&self) -> Vec<String> {
        let file = text(&self.options.file.file);
        let line = quote(&format!("{}  {file}", self.options.sha256));
        argv([
            "sh",
            "-c",
            &format!("echo {line} | sha256sum --check --quiet -"),
        ])
    }

    fn aside(&self, name: &str) -> Vec<String> {
        let dir = text(&self.data_dir(name));
        let (dir, before) = (quote(&dir), quote(&format!("{dir}.before")));
        argv([
            "sh",
            "-c",
            &format!("[ ! -e {dir} ] || mv -T {dir} {before}"),
        ])
    }

    fn restore(&self, name: &str) -> Vec<String> {
        let bump = self.bump_revision.to_string();
        let mut out = argv([
            "etcdutl",
            "snapshot",
            "restore",
            &text(&self.options.file.file),
            "--name",
            name,
            "--initial-cluster",
            &self.options.initial_cluster,
            "--initial-cluster-token",
            &self.token,
            "--initial-advertise-peer-urls",
            &self.members[name].join(","),
            "--data-dir",
            &text(&self.data_dir(name)),
            "--bump-revision",
            &bump,
            "--mark-compacted",
        ]);
        if !self.options.file.has_digest {
            // The pages and records of the file have been checked instead.
            out.push("--skip-hash-check".into());
        }
        out
    }

    /// The client URL of each member: a known one, or the host of its peer URL with the default port.
    fn endpoints(&self) -> Vec<String> {
        let mut out: Vec<String> = Vec::new();
        for (name, urls) in &self.members {
            let known = self.options.client_urls.get(name);
            let url = match known.and_then(|urls| urls.first()) {
                Some(url) => url.clone(),
                None => urls.first().map_or_else(String::new, |url| client_url(url)),
            };
            if !out.contains(&url) {
                out.push(url);
            }
        }
        out
    }

    /// The command that does one machine's part after checks.
    pub fn run_line(&self) -> String {
        let options = &self.options;
        let mut words = argv([
            "etcdutl",
            "snapshot",
            "restore-plan",
            &text(&options.file.path),
            &format!("--initial-cluster={}", options.initial_cluster),
            &format!("--initial-cluster-token={}", self.token),
            &format!("--bump-revision={}", self.bump_revision),
            &format!("--sha256={}", options.sha256),
        ]);
        words.extend(
            options
                .data_dir
                .as_ref()
                .map(|d| format!("--data-dir={}", text(d))),
        );
        words.extend(
            options
                .chown
                .as_ref()
                .map(|owner| format!("--chown={owner}")),
        );
        words.push("--run=NAME".into());
        shell(&words)
    }
}

/// The manifests of kubeadm's static pods, and where they are moved to. The API server is stopped first and started
/// last.
const MANIFESTS: [(&str, &str); 2] = [
    (
        "/etc/kubernetes/manifests/kube-apiserver.yaml",
        "/etc/kubernetes/kube-apiserver.yaml.stopped",
    ),
    (
        "/etc/kubernetes/manifests/etcd.yaml",
        "/etc/kubernetes/etcd.yaml.stopped",
    ),
];

fn argv<const N: usize>(words: [&str; N]) -> Vec<String> {
    words.map(str::to_owned).to_vec()
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

/// Quotes a word for a shell if necessary.
pub fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// Formats a command for a shell. The script of `sh -c` is printed as it is.
pub fn shell(argv: &[String]) -> String {
    match argv {
        [sh, c, script] if sh == "sh" && c == "-c" => script.clone(),
        words => words.iter().map(|w| quote(w)).collect::<Vec<_>>().join(" "),
    }
}

fn client_url(peer: &str) -> String {
    let (scheme, rest) = peer.split_once("://").unwrap_or(("http", peer));
    let host = rest.rsplit_once(':').map_or(rest, |(host, _)| host);
    format!("{scheme}://{host}:{CLIENT_PORT}")
}

fn bump(options: &PageOptions) -> u64 {
    match (options.bump_revision, options.newest_revision) {
        (Some(bump), _) => bump,
        (None, Some(newest)) => {
            let ahead = newest.saturating_sub(options.file.revision).max(0);
            ahead.unsigned_abs() + KNOWN_BUMP
        }
        (None, None) => UNKNOWN_BUMP,
    }
}

/// Whether any member would get the id of an old member with this token.
fn reuses(token: &str, members: &BTreeMap<String, Vec<String>>, old: &BTreeSet<u64>) -> bool {
    members
        .values()
        .any(|urls| old.contains(&ids::member_id(urls, token)))
}

/// Derives a token from the file and the members, so that every machine gets the same one. No old member has it.
fn fresh_token(options: &PageOptions, members: &BTreeMap<String, Vec<String>>) -> String {
    let seed = format!("{} {}", options.sha256, options.initial_cluster);
    let digest = hex_digits(&Sha256::digest(seed));
    let base = format!("restored-{}", &digest[..TOKEN_DIGITS]);
    // This ends: there are more candidates than old members.
    let mut token = base.clone();
    for n in 2.. {
        if !reuses(&token, members, &options.old_ids) {
            break;
        }
        token = format!("{base}-{n}");
    }
    token
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> PageOptions {
        PageOptions {
            file: Candidate {
                path: "backup.db".into(),
                file: "backup.db".into(),
                problem: None,
                revision: 100,
                consistent_index: 9,
                beyond: None,
                size: 20_480,
                has_digest: true,
                restorable_by: vec![],
                member_ids: BTreeSet::new(),
            },
            sha256: "9f2c".into(),
            initial_cluster: "m1=http://10.0.0.1:2380,m2=http://10.0.0.2:2380".into(),
            token: None,
            bump_revision: None,
            newest_revision: None,
            old_ids: BTreeSet::new(),
            data_dir: None,
            client_urls: BTreeMap::new(),
            service: Service::Systemd,
            chown: Some("etcd:etcd".into()),
        }
    }

    #[test]
    fn the_page_stops_all_members_before_anything_and_starts_them_last() {
        let page = Page::new(options()).unwrap();
        let kinds: Vec<StepKind> = page.steps.iter().map(|s| s.kind).collect();
        assert!(kinds.is_sorted(), "{kinds:?}");
        let lines: Vec<String> = page.steps.iter().map(|s| shell(&s.argv)).collect();
        assert_eq!(lines[0], "systemctl stop etcd");
        assert_eq!(
            lines[2],
            "echo '9f2c  backup.db' | sha256sum --check --quiet -"
        );
        assert_eq!(lines[4], "[ ! -e m1.etcd ] || mv -T m1.etcd m1.etcd.before");
        assert_eq!(
            lines[6],
            format!(
                "etcdutl snapshot restore backup.db --name m1 --initial-cluster \
                 m1=http://10.0.0.1:2380,m2=http://10.0.0.2:2380 --initial-cluster-token {} \
                 --initial-advertise-peer-urls http://10.0.0.1:2380 --data-dir m1.etcd \
                 --bump-revision 1000000000 --mark-compacted",
                page.token
            )
        );
        assert_eq!(lines[8], "chown -R etcd:etcd m1.etcd");
        assert_eq!(
            lines[12],
            "etcdctl --endpoints=http://10.0.0.1:2379,http://10.0.0.2:2379 endpoint health"
        );
    }

    #[test]
    fn a_token_is_the_same_on_every_machine_and_never_an_old_one() {
        let first = Page::new(options()).unwrap();
        assert_eq!(Page::new(options()).unwrap().token, first.token);
        let mut again = options();
        let urls = ["http://10.0.0.1:2380"];
        again.old_ids.insert(ids::member_id(&urls, &first.token));
        let second = Page::new(again.clone()).unwrap().token;
        assert_eq!(second, format!("{}-2", first.token));
        again.token = Some(first.token);
        let error = Page::new(again).unwrap_err();
        assert!(
            error.contains("a member of an old cluster has it"),
            "{error}"
        );
    }

    #[test]
    fn the_revision_grows_beyond_the_newest_that_is_known() {
        for (newest, bump) in [
            (None, UNKNOWN_BUMP),
            (Some(150), 50 + KNOWN_BUMP),
            (Some(100), KNOWN_BUMP),
            (Some(50), KNOWN_BUMP),
        ] {
            let mut options = options();
            options.newest_revision = newest;
            assert_eq!(
                Page::new(options).unwrap().bump_revision,
                bump,
                "{newest:?}"
            );
        }
    }

    #[test]
    fn words_are_quoted_where_a_shell_would_take_them_apart() {
        for (word, quoted) in [
            ("a=b:c", "a=b:c"),
            ("", "''"),
            ("a b", "'a b'"),
            ("it's", "'it'\\''s'"),
            ("$x", "'$x'"),
        ] {
            assert_eq!(quote(word), quoted);
        }
        let mut options = options();
        options.data_dir = Some("my data".into());
        let page = Page::new(options).unwrap();
        let aside = page
            .steps
            .iter()
            .find(|s| s.kind == StepKind::Aside)
            .unwrap();
        assert_eq!(
            shell(&aside.argv),
            "[ ! -e 'my data' ] || mv -T 'my data' 'my data.before'"
        );
    }
}
