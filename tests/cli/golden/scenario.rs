//! The scenario files as data. An unknown option is an error.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// `tests/data/golden`.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/golden")
}

#[track_caller]
pub fn load(family: &str) -> Family {
    let file = folder().join(format!("{family}.json"));
    let text = fs::read(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    serde_json::from_slice(&text).unwrap_or_else(|e| panic!("{}: {e}", file.display()))
}

#[derive(Debug, Deserialize)]
pub struct Family {
    pub scenarios: Vec<Scenario>,
}

#[derive(Debug, Deserialize)]
pub struct Scenario {
    pub name: String,
    /// `None`: no server is started.
    pub server: Option<ServerSpec>,
    /// Name in the scratch directory -> packed file.
    #[serde(default)]
    pub fixtures: BTreeMap<String, String>,
    #[serde(default)]
    pub masks: Vec<String>,
    pub steps: Vec<Step>,
}

#[derive(Debug, Deserialize)]
pub struct ServerSpec {
    #[serde(default)]
    pub flags: Vec<String>,
    /// `"auto"`: a server with self-generated certificates.
    #[serde(default, deserialize_with = "is_auto")]
    pub tls: bool,
    /// A second, independent server.
    #[serde(default)]
    pub second: bool,
    /// Advertises the peer URL that it listens on, so that another member can join it.
    #[serde(default)]
    pub own_peer_url: bool,
}

fn is_auto<'de, D: serde::Deserializer<'de>>(from: D) -> Result<bool, D::Error> {
    let text = String::deserialize(from)?;
    assert_eq!(text, "auto", "what is `tls`?");
    Ok(true)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    pub name: Option<String>,
    pub tool: Option<String>,
    #[serde(default)]
    pub args: Vec<String>,
    /// Index in `args` -> base64 of the bytes to insert there.
    #[serde(default)]
    pub args_b64: BTreeMap<usize, String>,
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    pub stdin: Option<String>,
    pub stdin_b64: Option<String>,
    /// A text, and the number of repetitions.
    pub stdin_repeat: Option<(String, usize)>,
    #[serde(default)]
    pub masks: Vec<String>,
    pub pb_mask: Option<Vec<String>>,
    pub compare: Option<Vec<String>>,
    pub expect: Option<Expect>,

    /// Executed by the replayer itself.
    #[serde(rename = "do")]
    pub action: Option<String>,
    pub path: Option<String>,
    pub to: Option<String>,
    pub text: Option<String>,
    pub times: Option<usize>,
    pub size: Option<u64>,
    pub offset: Option<u64>,
    pub xor: Option<u8>,

    /// Starts the tool under this name and continues.
    pub background: Option<String>,
    /// Waits for the tool that was started under this name.
    pub finish: Option<String>,
    /// What to wait for.
    pub until: Option<Until>,
    /// How long to wait after that.
    pub settle_ms: Option<u64>,
    /// Then sent to the tool.
    pub signal: Option<String>,
    /// Runs on a terminal.
    #[serde(default)]
    pub tty: bool,
    /// Patterns to wait for on the terminal, and what to type then.
    #[serde(default)]
    pub answers: Vec<(String, String)>,
    #[serde(default)]
    pub stdin_open: bool,
    /// Milliseconds to wait, and additional input.
    #[serde(default)]
    pub stdin_later: Vec<(u64, String)>,
    pub close_after_ms: Option<u64>,
    #[serde(default)]
    pub close_stdin: bool,
    /// Retried for this long until the exit code is the expected one.
    pub retry_ms: Option<u64>,
    /// Name -> pattern whose first group is an id to be given this name.
    #[serde(default)]
    pub capture: BTreeMap<String, String>,
    /// For `sleep`.
    pub ms: Option<u64>,
    /// The recorded tool was killed after this time.
    pub kill_after_ms: Option<u64>,

    /// For `start_server` and `stop_server`; 1 unless given.
    pub server: Option<u64>,
    /// The data directory for `start_server`, instead of the server's own.
    pub data: Option<String>,
    /// The server joins the cluster of the first one.
    #[serde(default)]
    pub join: bool,
    /// The reason why we may want to differ here: v3.7.1 has a bug. The step is compared nevertheless, unless
    /// `differences.json` names it.
    #[serde(rename = "bug")]
    _bug: Option<String>,
    #[serde(rename = "note")]
    _note: Option<String>,
    /// Another time limit, in seconds.
    pub timeout_s: Option<u64>,
}

/// What a step waits for.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Until {
    Lines { lines: usize },
    Stdout { stdout: String },
    Stderr { stderr: String },
}

impl Step {
    pub fn label(&self) -> &str {
        self.name
            .as_deref()
            .or(self.action.as_deref())
            .unwrap_or("a step")
    }

    /// Whether it does not end by itself.
    pub fn hangs(&self) -> bool {
        self.kill_after_ms.is_some()
    }

    /// Whether something happens between its start and its end.
    pub fn is_live(&self) -> bool {
        self.tty
            || self.stdin_open
            || self.background.is_some()
            || self.until.is_some()
            || self.settle_ms.is_some()
            || self.signal.is_some()
            || self.hangs()
    }

    /// Whether stdout, stderr or the exit code is compared.
    pub fn compares(&self, what: &str) -> bool {
        self.compare
            .as_ref()
            .is_none_or(|list| list.iter().any(|w| w == what))
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    pub exit: Option<i32>,
    pub stdout: Option<String>,
    pub stdout_b64: Option<String>,
    pub stdout_pb: Option<String>,
    /// The table with the box characters of 3.7.
    pub stdout_3_7: Option<String>,
    pub stderr: Option<String>,
}
