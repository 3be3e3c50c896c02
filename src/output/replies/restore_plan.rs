//! The page of `snapshot restore-plan`.

use serde::Serialize;

use crate::{
    output::{
        Rendered, Reply, Rows, fields::Fields, json::Json, protobuf::Protobuf, simple::Simple,
        table::Table,
    },
    snapshot::restore::{Candidate, Page, Step, StepKind, shell},
};

/// The version of the JSON.
const SCHEMA: u32 = 1;

/// What the file was compared with.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Other files, the newest valid one first.
    pub candidates: Vec<Candidate>,
    /// The endpoints that were asked, and their newest revision.
    pub live: Option<(String, i64)>,
}

/// `snapshot restore-plan`.
#[derive(Clone, Debug, Serialize)]
pub struct RestorePage {
    schema: u32,
    file: CandidateJson,
    candidates: Vec<CandidateJson>,
    loses_revisions: i64,
    /// The newer source, if there is one.
    newest: Option<String>,
    initial_cluster_token: String,
    bump_revision: u64,
    steps: Vec<StepJson>,
    #[serde(skip)]
    lines: Vec<(String, String)>,
    #[serde(skip)]
    run_line: String,
}

/// A file.
#[derive(Clone, Debug, Serialize)]
struct CandidateJson {
    path: String,
    verdict: &'static str,
    problem: Option<String>,
    revision: i64,
    consistent_index: u64,
    log_entries_beyond: Option<u64>,
    has_digest: bool,
    sha256: Option<String>,
    restorable_by: Vec<String>,
}

/// A command.
#[derive(Clone, Debug, Serialize)]
struct StepJson {
    member: Option<String>,
    argv: Vec<String>,
    why: String,
}

impl CandidateJson {
    fn new(candidate: &Candidate, sha256: Option<&str>) -> CandidateJson {
        CandidateJson {
            path: candidate.path.display().to_string(),
            verdict: if candidate.is_good() { "good" } else { "bad" },
            problem: candidate.problem.clone(),
            revision: candidate.revision,
            consistent_index: candidate.consistent_index,
            log_entries_beyond: candidate.beyond,
            has_digest: candidate.has_digest,
            sha256: sha256.map(str::to_owned),
            restorable_by: candidate
                .restorable_by
                .iter()
                .map(ToString::to_string)
                .collect(),
        }
    }

    /// `backup.db, revision 1516204, good, sha256 9f2c...`.
    fn line(&self) -> String {
        let mut out = format!(
            "{}, revision {}, {}",
            self.path, self.revision, self.verdict
        );
        if let Some(problem) = &self.problem {
            out += &format!(": {problem}");
        }
        if let Some(sha256) = &self.sha256 {
            out += &format!(", sha256 {sha256}");
        }
        if !self.has_digest && self.verdict == "good" {
            out += ", without a digest";
        }
        if let Some(beyond @ 1..) = self.log_entries_beyond {
            out += &format!("; its log has {beyond} more entries, which are not restored");
        }
        out
    }
}

impl RestorePage {
    /// The reply for a page.
    pub fn new(page: &Page, facts: &Facts) -> RestorePage {
        let file = &page.options().file;
        // Revisions that are lost with this file.
        let newer = facts.candidates.iter().find(|c| c.is_good());
        let newer = newer.filter(|c| c.revision > file.revision);
        let live = facts
            .live
            .as_ref()
            .filter(|(_, revision)| *revision > file.revision);
        let (loses_revisions, newest) = match (newer, live) {
            (Some(c), live) if live.is_none_or(|(_, revision)| *revision <= c.revision) => (
                c.revision - file.revision,
                Some(format!(
                    "{} is good and at {} -> use it as FILE",
                    c.path.display(),
                    c.revision
                )),
            ),
            (_, Some((endpoints, revision))) => (
                revision - file.revision,
                Some(format!(
                    "{endpoints} is at {revision} -> save a snapshot of it, if it still answers"
                )),
            ),
            (_, None) => (0, None),
        };
        let step = |step: &Step| StepJson {
            member: step.member.clone(),
            argv: step.argv.clone(),
            why: step.why.clone(),
        };
        RestorePage {
            schema: SCHEMA,
            file: CandidateJson::new(file, Some(&page.options().sha256)),
            candidates: facts
                .candidates
                .iter()
                .map(|c| CandidateJson::new(c, None))
                .collect(),
            loses_revisions,
            newest,
            initial_cluster_token: page.token.clone(),
            bump_revision: page.bump_revision,
            steps: page.steps.iter().map(step).collect(),
            lines: lines(&page.steps),
            run_line: page.run_line(),
        }
    }

    /// The lines before the steps.
    fn head(&self) -> Vec<(&'static str, String)> {
        let mut out = vec![("file", self.file.line())];
        out.push((
            "for",
            format!("etcd {}", self.file.restorable_by.join(", ")),
        ));
        if let Some(newest) = &self.newest {
            out.push((
                "loses",
                format!("{} revisions: {newest}", self.loses_revisions),
            ));
        }
        out.extend(self.candidates.iter().map(|c| ("also", c.line())));
        out
    }
}

/// Formats the steps as pairs of machines and command. Steps that are the same on several machines share a line, and the
/// steps from renaming the old directory to changing the owner are one line for each machine.
fn lines(steps: &[Step]) -> Vec<(String, String)> {
    let own = |step: &Step| {
        matches!(
            step.kind,
            StepKind::Aside | StepKind::Restore | StepKind::Own
        )
    };
    let mut out: Vec<(Vec<String>, String)> = Vec::new();
    let mut add =
        |who: Option<&String>, text: String| match out.iter_mut().find(|(_, t)| *t == text) {
            Some((names, _)) => names.extend(who.cloned()),
            None => out.push((who.into_iter().cloned().collect(), text)),
        };
    let text = |step: &Step| match (&step.argv[..], step.kind) {
        ([], _) => "stop etcd".to_owned(),
        (argv, _) => shell(argv),
    };
    let mut done = Vec::new();
    for step in steps {
        if !own(step) {
            add(step.member.as_ref(), text(step));
        } else if !done.contains(&&step.member) {
            done.push(&step.member);
            let mine = steps.iter().filter(|s| own(s) && s.member == step.member);
            // The script contains `||`, so it is grouped before `&&`.
            let parts = mine.map(|s| match s.kind {
                StepKind::Aside => format!("{{ {}; }}", text(s)),
                _ => text(s),
            });
            add(step.member.as_ref(), parts.collect::<Vec<_>>().join(" && "));
        }
    }
    let who = |names: Vec<String>| match names.is_empty() {
        true => "anywhere".to_owned(),
        false => format!("on {}", names.join(", ")),
    };
    out.into_iter()
        .map(|(names, text)| (who(names), text))
        .collect()
}

impl Reply for RestorePage {
    fn simple(&self, out: &mut Simple<'_>) -> Rendered {
        for (name, text) in self.head() {
            out.line(format!("{name:<6} {text}"))?;
        }
        let width = self
            .lines
            .iter()
            .map(|(who, _)| who.len())
            .max()
            .unwrap_or(0);
        for (number, (who, text)) in (1..).zip(&self.lines) {
            out.line(format!("{number} {who:<width$}  {text}"))?;
        }
        out.line(format!(
            "or, after step 1, on each machine: {}",
            self.run_line
        ))
    }

    fn fields(&self, out: &mut Fields<'_>) -> Rendered {
        out.unsupported()
    }

    fn json(&self, out: &mut Json<'_>) -> Rendered {
        out.value(self)
    }

    fn table(&self, out: &mut Table<'_>) -> Rendered {
        let row = |(number, (who, text)): (usize, &(String, String))| {
            vec![number.to_string(), who.clone(), text.clone()]
        };
        out.rows(&Rows {
            header: &["step", "where", "command"],
            rows: (1..).zip(&self.lines).map(row).collect(),
        })
    }

    fn protobuf(&self, out: &mut Protobuf<'_>) -> Rendered {
        out.unsupported()
    }
}
