//! The server's log: one line per event, in the format of etcd's (zap's JSON, or tab-separated text).
//! `tracing-subscriber` filters and collects; this file formats the lines and writes them to the outputs of
//! `--log-outputs`.

use std::{
    collections::BTreeSet,
    fmt::{self, Write as _},
    fs::{File, OpenOptions},
    io,
    sync::{Arc, Mutex, PoisonError},
};

use time::{OffsetDateTime, format_description::BorrowedFormatItem, macros::format_description};
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    level_filters::LevelFilter,
    subscriber::Interest,
};
use tracing_subscriber::{
    fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter, format::Writer},
    layer::{Context, Filter, SubscriberExt as _},
    registry::LookupSpan,
};

use crate::{
    cli::ui,
    server::config::{Config, LogFormat, LogLevel, LogOutput},
};

/// Target of lines that are written at every level.
pub const ALWAYS: &str = "always";

/// The subscriber for a configuration.
///
/// # Errors
/// A file of `--log-outputs` cannot be opened; the error names it.
pub fn subscriber(config: &Config) -> io::Result<impl Subscriber + Send + Sync + 'static> {
    let outputs = Outputs::open(&config.log_outputs)?;
    Ok(layered(config.log_level, config.log_format, outputs))
}

fn layered<W>(
    level: LogLevel,
    format: LogFormat,
    outputs: W,
) -> impl Subscriber + Send + Sync + 'static
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    use tracing_subscriber::Layer as _;
    let lines = tracing_subscriber::fmt::layer()
        .event_format(Line { format })
        .with_writer(outputs)
        .with_filter(Threshold(level));
    tracing_subscriber::registry().with(lines)
}

/// Decides which lines are written.
struct Threshold(LogLevel);

impl Threshold {
    fn admits(&self, metadata: &Metadata<'_>) -> bool {
        if metadata.target() == ALWAYS {
            return true;
        }
        // Skip the events of other crates, which are about sockets rather than this server.
        metadata.is_event()
            && metadata.target().starts_with("etcd_maintenance")
            && level(metadata) >= self.0
    }
}

impl<S> Filter<S> for Threshold {
    fn enabled(&self, metadata: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        self.admits(metadata)
    }

    /// The answer is always the same for one place in the code. Without this, the spans that h2 opens for each frame
    /// would be created and filtered every time, which costs a tenth of the server's CPU time.
    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        match self.admits(metadata) {
            true => Interest::always(),
            false => Interest::never(),
        }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        // Lines that are written at every level may be of level INFO.
        Some(match self.0 {
            LogLevel::Debug => LevelFilter::DEBUG,
            _ => LevelFilter::INFO,
        })
    }
}

fn level(metadata: &Metadata<'_>) -> LogLevel {
    match *metadata.level() {
        Level::ERROR => LogLevel::Error,
        Level::WARN => LogLevel::Warn,
        Level::INFO => LogLevel::Info,
        _ => LogLevel::Debug,
    }
}

/// Formats an event like zap.
struct Line {
    format: LogFormat,
}

/// zap's `ISO8601` with microseconds, in UTC.
const TIMESTAMP: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z");

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let line = self.line(event, OffsetDateTime::now_utc());
        writer.write_str(&line)
    }
}

impl Line {
    fn line(&self, event: &Event<'_>, now: OffsetDateTime) -> String {
        let mut fields = Fields {
            format: self.format,
            message: String::new(),
            rest: String::new(),
        };
        event.record(&mut fields);
        let Fields { message, rest, .. } = fields;
        let at = now.format(TIMESTAMP).unwrap_or_default();
        let metadata = event.metadata();
        let level = match level(metadata) {
            LogLevel::Debug => "debug",
            LogLevel::Info => "info",
            LogLevel::Warn => "warn",
            LogLevel::Error | LogLevel::Fatal => "error",
        };
        let file = metadata.file().unwrap_or_default();
        let caller = format!(
            "{}:{}",
            file.rsplit_once("src/").map_or(file, |(_, tail)| tail),
            metadata.line().unwrap_or_default()
        );
        match self.format {
            LogFormat::Json => format!(
                "{{\"level\":\"{level}\",\"ts\":\"{at}\",\"caller\":{},\"msg\":{}{rest}}}\n",
                quoted(&caller),
                quoted(&message)
            ),
            LogFormat::Console => {
                let tail = match rest.strip_prefix(',') {
                    Some(rest) => format!("\t{{{}}}", rest.trim_start()),
                    None => String::new(),
                };
                format!("{at}\t{level}\t{caller}\t{message}{tail}\n")
            }
        }
    }
}

/// The message of an event, and its other fields as JSON.
struct Fields {
    format: LogFormat,
    message: String,
    rest: String,
}

impl Fields {
    fn push(&mut self, field: &Field, json: &str) {
        let blank = match self.format {
            LogFormat::Json => "",
            LogFormat::Console => " ",
        };
        // zap's names contain dashes, which Rust identifiers cannot.
        let name = quoted(&field.name().replace('_', "-"));
        // Writing to a String cannot fail.
        let _ = write!(self.rest, ",{blank}{name}:{blank}{json}");
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = format!("{value:?}");
        if field.name() == "message" {
            self.message = text;
        } else {
            self.push(field, &quoted(&text));
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.message = value.to_string();
        } else {
            self.push(field, &quoted(value));
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.push(field, &value.to_string());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.push(field, &value.to_string());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.push(field, &value.to_string());
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Where lines are written to.
#[derive(Clone)]
struct Outputs {
    stderr: bool,
    stdout: bool,
    files: Arc<Mutex<Vec<File>>>,
}

impl Outputs {
    fn open(outputs: &BTreeSet<LogOutput>) -> io::Result<Outputs> {
        let mut files = Vec::new();
        for output in outputs {
            if let LogOutput::File(path) = output {
                let file = OpenOptions::new().create(true).append(true).open(path);
                files.push(file.map_err(|e| {
                    let why = crate::bolt::plain(&e);
                    io::Error::new(e.kind(), format!("--log-outputs {}: {why}", path.display()))
                })?);
            }
        }
        Ok(Outputs {
            stderr: outputs.contains(&LogOutput::Stderr),
            stdout: outputs.contains(&LogOutput::Stdout),
            files: Arc::new(Mutex::new(files)),
        })
    }
}

impl<'a> MakeWriter<'a> for Outputs {
    type Writer = Outputs;

    fn make_writer(&'a self) -> Outputs {
        self.clone()
    }
}

/// Each line is one write. Errors are ignored, because a broken log must not stop the server.
impl io::Write for Outputs {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.stderr {
            ui::log_line(ui::Stream::Stderr, line);
        }
        if self.stdout {
            ui::log_line(ui::Stream::Stdout, line);
        }
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        for file in files.iter_mut() {
            let _ = file.write_all(line);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Kept {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(line);
            Ok(line.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn lines(level: LogLevel, format: LogFormat, say: impl FnOnce()) -> Vec<String> {
        let kept = Kept::default();
        let writer = kept.clone();
        let log = layered(level, format, move || writer.clone());
        tracing::subscriber::with_default(log, say);
        let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        text.lines().map(str::to_string).collect()
    }

    #[test]
    fn a_line_is_a_json_object_whatever_it_says() {
        let lines = lines(LogLevel::Info, LogFormat::Json, || {
            tracing::info!(data_dir = "a\"b\n", size = 7, "opened {}", "it\u{1}");
            tracing::debug!("not at this level");
        });
        assert_eq!(lines.len(), 1);
        let line: serde_json::Value = serde_json::from_str(&lines[0]).unwrap();
        assert_eq!(line["level"], "info");
        assert_eq!(line["msg"], "opened it\u{1}");
        assert_eq!(line["data-dir"], "a\"b\n");
        assert_eq!(line["size"], 7);
        let ts = line["ts"].as_str().unwrap();
        assert_eq!((ts.len(), &ts[10..11], &ts[26..]), (27, "T", "Z"), "{ts}");
    }

    #[test]
    fn some_lines_are_written_at_every_level() {
        let lines = lines(LogLevel::Fatal, LogFormat::Console, || {
            tracing::error!("lost");
            tracing::info!(target: ALWAYS, port = 1, name = "m", "ready");
        });
        assert_eq!(lines.len(), 1);
        assert!(
            lines[0].ends_with("\tready\t{\"port\": 1, \"name\": \"m\"}"),
            "{lines:?}"
        );
    }

    #[test]
    fn spans_of_other_crates_are_not_created() {
        lines(LogLevel::Debug, LogFormat::Json, || {
            assert!(tracing::trace_span!(target: "h2", "frame").is_disabled());
            assert!(tracing::info_span!(target: "hyper", "connection").is_disabled());
        });
    }

    #[test]
    fn files_are_appended_to_and_named_when_they_cannot_be() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        std::fs::write(&path, "before\n").unwrap();
        let outputs = Outputs::open(&BTreeSet::from([LogOutput::File(path.clone())])).unwrap();
        let log = layered(LogLevel::Info, LogFormat::Json, outputs);
        tracing::subscriber::with_default(log, || tracing::info!("after"));
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(
            text.starts_with("before\n{") && text.contains("after"),
            "{text}"
        );
        let missing = dir.path().join("no/such/log");
        let refusal = Outputs::open(&BTreeSet::from([LogOutput::File(missing.clone())]));
        let text = refusal.err().unwrap().to_string();
        assert!(text.contains(missing.to_str().unwrap()), "{text}");
    }
}
