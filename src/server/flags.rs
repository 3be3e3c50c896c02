//! Every flag of etcd's server as data: its effect here, its default, its help. Help texts, completions, man pages,
//! `ETCD_*` variables and the keys of the configuration file all come from this table.

mod table;

pub use self::table::FLAGS;

use crate::golang::similar;

/// The type of a flag's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlagType {
    /// Any text.
    Text,
    /// `--flag` alone means true.
    Bool,
    /// A signed integer.
    Int,
    /// An unsigned integer.
    Uint,
    /// A number with a unit, such as `5s`.
    Duration,
    /// Comma-separated URLs.
    Urls,
    /// Comma-separated texts.
    List,
}

/// The effect of a flag in this server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The same as in etcd.
    Served,
    /// Only used to compute the ids of member and cluster.
    Ids,
    /// Accepted but ignored, so that unit files need no changes: only clusters need it.
    Cluster,
    /// Accepted but ignored, for the given reason.
    Ignored(&'static str),
    /// Rejected unless it has its default value; the text says what to use instead.
    Refused(&'static str),
}

/// A flag of etcd v3.7.1 (server/embed/config.go, server/etcdmain/config.go).
#[derive(Clone, Copy, Debug)]
pub struct Flag {
    /// Without dashes.
    pub name: &'static str,
    /// As shown in etcd's help; empty if there is none.
    pub default: &'static str,
    /// The type of the value.
    pub kind: FlagType,
    /// Its effect here.
    pub effect: Effect,
    /// One line without a full stop; empty if the flag has no effect here.
    pub help: &'static str,
}

impl Flag {
    /// The environment variable that sets it: `ETCD_DATA_DIR`.
    pub fn variable(&self) -> String {
        let mut name = String::from("ETCD_");
        for c in self.name.chars() {
            name.push(if c == '-' {
                '_'
            } else {
                c.to_ascii_uppercase()
            });
        }
        name
    }
}

/// The flag with this name.
pub fn find(name: &str) -> Option<&'static Flag> {
    FLAGS.iter().find(|f| f.name == name)
}

/// The error text for a flag that does not exist, given as it was typed.
pub fn unknown(typed: &str) -> String {
    let name = typed.trim_start_matches('-');
    match similar::closest(name, FLAGS.iter().map(|f| f.name)) {
        Some(near) => format!("unknown flag: {typed}; did you mean --{near}?"),
        None => format!("unknown flag: {typed}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_helped() {
        let mut names: Vec<_> = FLAGS.iter().map(|f| f.name).collect();
        names.sort_unstable();
        let all = names.len();
        names.dedup();
        assert_eq!(names.len(), all);
        for f in FLAGS {
            let used = matches!(f.effect, Effect::Served | Effect::Ids);
            assert_eq!(used, !f.help.is_empty(), "{}", f.name);
            assert!(!f.help.ends_with('.'), "{}", f.name);
        }
    }

    #[test]
    fn the_variable_is_etcds() {
        assert_eq!(
            find("quota-backend-bytes").map(Flag::variable).as_deref(),
            Some("ETCD_QUOTA_BACKEND_BYTES")
        );
    }
}
