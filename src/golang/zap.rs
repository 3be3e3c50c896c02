//! Log lines in zap's console encoding, as etcd's programs print them. etcdutl reports the results of restore, defrag
//! and migrate in such lines on stderr, and scripts search for them. Source: go.uber.org/zap v1.27,
//! zapcore/{console_encoder,json_encoder}.go; etcd v3.7.1, etcdutl/etcdutl/common.go.

use std::{
    fmt::Write as _,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use super::format;

/// Severity of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Normal progress.
    Info,
    /// Something an operator should look at.
    Warn,
    /// A failure.
    Error,
}

/// The value of a field.
#[derive(Clone, Debug, PartialEq)]
pub enum Field {
    /// A text.
    Text(String),
    /// A number.
    Number(i128),
    /// A boolean.
    Flag(bool),
    /// Several texts.
    List(Vec<String>),
    /// A duration.
    Duration(Duration),
}

/// A log line.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Its severity.
    pub level: Level,
    /// The source position that etcd's own line names.
    pub caller: &'static str,
    /// The message.
    pub message: &'static str,
    /// Additional fields.
    pub fields: Vec<(&'static str, Field)>,
}

impl Line {
    /// A line without fields.
    pub fn new(level: Level, caller: &'static str, message: &'static str) -> Line {
        Line {
            level,
            caller,
            message,
            fields: Vec::new(),
        }
    }

    /// Adds a field.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Field>) -> Line {
        self.fields.push((name, value.into()));
        self
    }

    /// The line as printed at `time`, in UTC, without the line break.
    pub fn console(&self, time: SystemTime) -> String {
        let level = match self.level {
            Level::Info => "info",
            Level::Warn => "warn",
            Level::Error => "error",
        };
        let mut out = rfc3339(time);
        let _ = write!(out, "\t{level}\t{}\t{}", self.caller, self.message); // a String takes everything
        if !self.fields.is_empty() {
            out.push('\t');
            let mut separator = "{";
            for (name, value) in &self.fields {
                let _ = write!(out, "{separator}\"{name}\": {}", json(value));
                separator = ", ";
            }
            out.push('}');
        }
        out
    }
}

fn json(value: &Field) -> String {
    // Strings and lists of strings can always be serialized.
    let text = |text: &str| serde_json::to_string(text).unwrap_or_default();
    match value {
        Field::Text(value) => text(value),
        Field::Number(value) => value.to_string(),
        Field::Flag(value) => value.to_string(),
        Field::List(values) => {
            let texts: Vec<String> = values.iter().map(|v| text(v)).collect();
            format!("[{}]", texts.join(", "))
        }
        Field::Duration(value) => text(&format::duration(*value)),
    }
}

impl From<&str> for Field {
    fn from(value: &str) -> Field {
        Field::Text(value.to_owned())
    }
}

impl From<String> for Field {
    fn from(value: String) -> Field {
        Field::Text(value)
    }
}

impl From<u64> for Field {
    fn from(value: u64) -> Field {
        Field::Number(value.into())
    }
}

impl From<i64> for Field {
    fn from(value: i64) -> Field {
        Field::Number(value.into())
    }
}

impl From<bool> for Field {
    fn from(value: bool) -> Field {
        Field::Flag(value)
    }
}

impl From<Vec<String>> for Field {
    fn from(value: Vec<String>) -> Field {
        Field::List(value)
    }
}

impl From<Duration> for Field {
    fn from(value: Duration) -> Field {
        Field::Duration(value)
    }
}

/// A time in UTC to the second: `2006-01-02T15:04:05Z`.
pub fn rfc3339(time: SystemTime) -> String {
    let seconds = time.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z",
        rest / 3600,
        rest / 60 % 60,
        rest % 60
    )
}

/// The Gregorian date of a number of days since 1970-01-01. Years start in March here, so that the leap day is the last
/// day of a year; 400 years have 146,097 days.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468; // from 0000-03-01
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn times() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_251_199, "2024-02-29T23:59:59Z"),
            (1_795_805_101, "2026-11-27T18:45:01Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(rfc3339(at(seconds)), text);
        }
    }

    #[test]
    fn a_line_is_zaps() {
        let line = Line::new(Level::Info, "membership/cluster.go:408", "added member")
            .with("cluster-id", "efe25ea9eea80b7")
            .with(
                "added-peer-peer-urls",
                vec!["http://127.0.0.1:32380".to_owned()],
            )
            .with("added-peer-is-learner", false)
            .with("count", 3_u64)
            .with("took", Duration::from_micros(23_709));
        assert_eq!(
            line.console(at(1_795_805_102)),
            "2026-11-27T18:45:02Z\tinfo\tmembership/cluster.go:408\tadded member\t\
             {\"cluster-id\": \"efe25ea9eea80b7\", \"added-peer-peer-urls\": [\"http://127.0.0.1:32380\"], \
             \"added-peer-is-learner\": false, \"count\": 3, \"took\": \"23.709ms\"}"
        );
        let plain = Line::new(Level::Warn, "a.go:1", "Trimming...");
        assert_eq!(
            plain.console(at(0)),
            "1970-01-01T00:00:00Z\twarn\ta.go:1\tTrimming..."
        );
    }
}
