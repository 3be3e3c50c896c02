//! The server's log on stderr: one line an event, in the shape of etcd's (zap's JSON, or text with
//! tabs). A small subscriber for `tracing`; it keeps no spans and decides nothing but levels.

use std::{
    fmt::{self, Write as _},
    io::{self, Write as _},
    time::{SystemTime, UNIX_EPOCH},
};

use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};

use crate::server::config::{LogFormat, LogLevel};

/// Target of the lines that are written whatever the level.
pub const ALWAYS: &str = "always";

/// Writes events to stderr.
pub struct Log {
    level: LogLevel,
    format: LogFormat,
}

impl Log {
    pub fn new(level: LogLevel, format: LogFormat) -> Log {
        Log { level, format }
    }

    /// The line for an event.
    fn line(&self, event: &Event<'_>, now: SystemTime) -> String {
        let mut fields = Fields {
            format: self.format,
            message: String::new(),
            rest: String::new(),
        };
        event.record(&mut fields);
        let at = timestamp(now);
        let metadata = event.metadata();
        let level = match *metadata.level() {
            Level::ERROR => "error",
            Level::WARN => "warn",
            Level::INFO => "info",
            _ => "debug",
        };
        let file = metadata.file().unwrap_or_default();
        let caller = format!(
            "{}:{}",
            file.rsplit_once("src/").map_or(file, |(_, tail)| tail),
            metadata.line().unwrap_or_default()
        );
        let Fields { message, rest, .. } = fields;
        match self.format {
            LogFormat::Json => format!(
                "{{\"level\":\"{level}\",\"ts\":\"{at}\",\"caller\":{},\"msg\":{}{rest}}}\n",
                quoted(&caller),
                quoted(&message)
            ),
            LogFormat::Console => {
                let tail = match rest.strip_prefix(',') {
                    Some(rest) => format!("\t{{{rest}}}"),
                    None => String::new(),
                };
                format!("{at}\t{level}\t{caller}\t{message}{tail}\n")
            }
        }
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        if metadata.target() == ALWAYS {
            return true;
        }
        // What other crates have to say is about sockets, not about this server.
        metadata.is_event()
            && metadata.target().starts_with("etcd_maintenance")
            && match *metadata.level() {
                Level::ERROR => self.level <= LogLevel::Error,
                Level::WARN => self.level <= LogLevel::Warn,
                Level::INFO => self.level <= LogLevel::Info,
                _ => self.level <= LogLevel::Debug,
            }
    }

    fn event(&self, event: &Event<'_>) {
        let line = self.line(event, SystemTime::now());
        // A log that nobody takes must not stop the server.
        let _ = io::stderr().lock().write_all(line.as_bytes());
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

struct Fields {
    format: LogFormat,
    message: String,
    rest: String,
}

impl Fields {
    fn push(&mut self, field: &Field, json: &str) {
        let separator = match self.format {
            LogFormat::Json => "",
            LogFormat::Console => " ",
        };
        // zap writes names with dashes, which Rust's names can't have.
        let name = field.name().replace('_', "-");
        // Writing to a string can't fail.
        let _ = match self.rest.is_empty() {
            true => write!(self.rest, ",{}:{separator}{json}", quoted(&name)),
            false => write!(self.rest, ",{separator}{}:{separator}{json}", quoted(&name)),
        };
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

/// `2026-01-31T12:00:00.000000Z`.
fn timestamp(now: SystemTime) -> String {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = since.as_secs();
    let (year, month, day) = date(seconds / 86_400);
    let clock = seconds % 86_400;
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:06}Z",
        clock / 3600,
        clock / 60 % 60,
        clock % 60,
        since.subsec_micros()
    )
}

/// Year, month and day of a number of days since 1970-01-01, counted in years that begin in March, so
/// that the leap day is the last of them.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let era = days / 146_097;
    let of_era = days % 146_097;
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    (era * 400 + year + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{sync::Mutex, time::Duration};

    #[test]
    fn dates_are_right_across_leap_days() {
        let at = |seconds| timestamp(UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(at(0), "1970-01-01T00:00:00.000000Z");
        assert_eq!(at(951_782_400), "2000-02-29T00:00:00.000000Z");
        assert_eq!(at(4_107_542_399), "2100-02-28T23:59:59.000000Z");
        assert_eq!(at(4_107_542_400), "2100-03-01T00:00:00.000000Z");
    }

    /// Keeps the lines that `Log` would write.
    struct Kept(Log, std::sync::Arc<Mutex<Vec<String>>>);

    impl Subscriber for Kept {
        fn enabled(&self, metadata: &Metadata<'_>) -> bool {
            self.0.enabled(metadata)
        }
        fn event(&self, event: &Event<'_>) {
            let line = self.0.line(event, UNIX_EPOCH);
            self.1.lock().unwrap().push(line);
        }
        fn new_span(&self, attributes: &span::Attributes<'_>) -> span::Id {
            self.0.new_span(attributes)
        }
        fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
        fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
        fn enter(&self, _: &span::Id) {}
        fn exit(&self, _: &span::Id) {}
    }

    fn lines(level: LogLevel, format: LogFormat, say: impl FnOnce()) -> Vec<String> {
        let kept = std::sync::Arc::default();
        let log = Kept(Log::new(level, format), std::sync::Arc::clone(&kept));
        tracing::subscriber::with_default(log, say);
        let lines = kept.lock().unwrap();
        lines.clone()
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
        assert_eq!(line["ts"], "1970-01-01T00:00:00.000000Z");
        assert_eq!(line["msg"], "opened it\u{1}");
        assert_eq!(line["data-dir"], "a\"b\n");
        assert_eq!(line["size"], 7);
        assert!(lines[0].ends_with("}\n"));
    }

    #[test]
    fn some_lines_are_written_at_every_level() {
        let lines = lines(LogLevel::Fatal, LogFormat::Console, || {
            tracing::error!("lost");
            tracing::info!(target: ALWAYS, port = 1, "ready");
        });
        assert_eq!(lines.len(), 1);
        assert!(lines[0].ends_with("\tready\t{\"port\": 1}\n"), "{lines:?}");
    }
}
