//! `--metrics-file`: writes the result of a job for the textfile collector of Prometheus's node_exporter. The file is
//! written completely or not at all, also if the job failed. The time of the last success is kept after a failure.

use std::{
    fmt::Write as _,
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use crate::{
    cli::error::{CommandError, ErrorKind},
    files::part_file::{PartError, PartFile},
};

/// The metric that is kept after a failure.
const LAST_SUCCESS: &str = "etcdctl_job_last_success_timestamp_seconds";
/// Maximum size in bytes of the previous file.
const MAX_OLD: u64 = 1 << 20;

/// A metric of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// The name of the metric.
    pub name: &'static str,
    /// The help text.
    pub help: &'static str,
    /// The number.
    pub value: i64,
}

/// A finished job.
#[derive(Clone, Debug)]
pub struct Job {
    /// The name of the job, with underscores.
    pub name: &'static str,
    /// The start time.
    pub begin: SystemTime,
    /// The exit code.
    pub exit: u8,
    /// The job's own metrics.
    pub values: Vec<Value>,
}

/// Writes the file for a job that has just ended.
///
/// # Errors
/// The file cannot be written; exit code 1.
pub fn write(path: &Path, job: &Job) -> Result<(), CommandError> {
    let now = SystemTime::now();
    let last_success = match job.exit {
        0 => Some(seconds(now).to_string()),
        _ => last_success(path, job.name),
    };
    let text = text(job, now, last_success.as_deref());
    let write = || -> Result<(), PartError> {
        // node_exporter usually runs as another user.
        let mut file = PartFile::create_for_all(path)?;
        file.write(text.as_bytes())?;
        file.finish()
    };
    write()
        .map_err(|error| CommandError::new(ErrorKind::Failed, format!("--metrics-file: {error}")))
}

fn text(job: &Job, now: SystemTime, last_success: Option<&str>) -> String {
    let took = now.duration_since(job.begin).unwrap_or_default();
    let label = format!("{{job=\"{}\"}}", job.name);
    let mut out = String::new();
    let mut metric = |name: &str, help: &str, label: &str, value: &str| {
        // Writing to a String cannot fail.
        let _ = write!(
            out,
            "# HELP {name} {help}\n# TYPE {name} gauge\n{name}{label} {value}\n"
        );
    };
    if let Some(last_success) = last_success {
        let help = "When the job last succeeded, in seconds since 1970.";
        metric(LAST_SUCCESS, help, &label, last_success);
    }
    let name = "etcdctl_job_last_exit_code";
    let help = "Exit code of the last run of the job.";
    metric(name, help, &label, &job.exit.to_string());
    let name = "etcdctl_job_duration_seconds";
    let help = "How long the last run of the job took.";
    metric(name, help, &label, &format!("{:.3}", took.as_secs_f64()));
    for value in &job.values {
        metric(value.name, value.help, "", &value.value.to_string());
    }
    out
}

/// The time of the last success in the previous file.
fn last_success(path: &Path, job: &str) -> Option<String> {
    if std::fs::metadata(path).ok()?.len() > MAX_OLD {
        return None;
    }
    let old = std::fs::read_to_string(path).ok()?;
    let prefix = format!("{LAST_SUCCESS}{{job=\"{job}\"}} ");
    let value = old.lines().find_map(|line| line.strip_prefix(&prefix))?;
    value.parse::<f64>().ok().map(|_| value.to_owned())
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_success_outlives_a_failure() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("m.prom");
        let job = |exit| Job {
            name: "snapshot_save",
            begin: SystemTime::now(),
            exit,
            values: vec![Value {
                name: "etcdctl_snapshot_revision",
                help: "Revision.",
                value: 7,
            }],
        };
        let read = || std::fs::read_to_string(&path).unwrap();
        write(&path, &job(5)).unwrap();
        assert!(!read().contains(LAST_SUCCESS), "{}", read());
        write(&path, &job(0)).unwrap();
        let success = last_success(&path, "snapshot_save").unwrap();
        write(&path, &job(5)).unwrap();
        assert_eq!(last_success(&path, "snapshot_save").unwrap(), success);
        assert!(read().contains("\netcdctl_job_last_exit_code{job=\"snapshot_save\"} 5\n"));
        assert!(read().contains("\netcdctl_snapshot_revision 7\n"));
        // Every line is a comment or a name and a number.
        for line in read().lines().filter(|line| !line.starts_with("# ")) {
            let (_, value) = line.rsplit_once(' ').unwrap();
            assert!(value.parse::<f64>().is_ok(), "{line}");
        }
    }
}
