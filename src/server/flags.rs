//! Every flag of etcd's server as data: what it does here, its default, its help. Help texts, completions, man pages,
//! `ETCD_*` variables and the keys of a configuration file all come from this one table; it sets nothing itself.

mod table;

pub use self::table::FLAGS;

/// How a flag's value is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Any text.
    Text,
    /// `--flag` alone means true.
    Bool,
    /// A whole number, with sign.
    Int,
    /// A whole number of 0 or more.
    Uint,
    /// A number with a unit, such as `5s`.
    Duration,
    /// Comma-separated URLs.
    Urls,
    /// Comma-separated words.
    List,
}

/// What a flag does in this server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It does what it does in etcd.
    Served,
    /// Only the ids of member and cluster come from it.
    Ids,
    /// Accepted, so that a unit file needs no change, without effect: only a cluster needs it.
    Cluster,
    /// Accepted without effect, because of what the text says.
    Moot(&'static str),
    /// Refused unless it has its default value; the text says what to use.
    Refused(&'static str),
}

/// One flag of etcd v3.7.1 (server/embed/config.go, server/etcdmain/config.go).
#[derive(Clone, Copy, Debug)]
pub struct Flag {
    /// Without dashes.
    pub name: &'static str,
    /// As etcd's help shows it; empty: none.
    pub default: &'static str,
    /// How the value is read.
    pub kind: Kind,
    /// What it does here.
    pub effect: Effect,
    /// One line, without a full stop; empty where the flag has no effect here.
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

/// The flag of that name.
pub fn find(name: &str) -> Option<&'static Flag> {
    FLAGS.iter().find(|f| f.name == name)
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
