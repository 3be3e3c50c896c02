//! The flags that name the members of a cluster, of which one is served here, and those that set rules for all of them.
//! Only parses.

use std::time::Duration;

use crate::server::value;

/// The longest election timeout that etcd accepts, in milliseconds (etcd v3.7.1, server/embed/config.go).
const LONGEST_ELECTION: u64 = 50_000;

/// The rules of a cluster that have an effect on a single member as well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterRules {
    /// Whether a change of members is refused that would cost a real cluster its quorum.
    pub strict_reconfig_check: bool,
    /// Maximum number of learners.
    pub max_learners: i64,
    /// Milliseconds between heartbeats of a leader.
    heartbeat: u64,
    /// Milliseconds without a heartbeat after which a new leader would be elected.
    election: u64,
    /// `--snapshot-catchup-entries`, which is only logged.
    pub snapshot_catchup_entries: u64,
}

impl Default for ClusterRules {
    fn default() -> ClusterRules {
        ClusterRules {
            strict_reconfig_check: true,
            max_learners: 1,
            heartbeat: 100,
            election: 1000,
            snapshot_catchup_entries: 5000,
        }
    }
}

impl ClusterRules {
    /// Sets one flag by its name.
    pub(super) fn set(&mut self, flag: &str, text: &str) -> Result<(), String> {
        match flag {
            "strict-reconfig-check" => self.strict_reconfig_check = value::boolean(text)?,
            "max-learners" => self.max_learners = value::int(text)?,
            "heartbeat-interval" => self.heartbeat = value::uint(text)?,
            "election-timeout" => self.election = value::uint(text)?,
            "snapshot-catchup-entries" => self.snapshot_catchup_entries = value::uint(text)?,
            _ => return Err("not wired".into()),
        }
        Ok(())
    }

    /// Rejects values that contradict each other, with the texts of etcd v3.7.1 (server/embed/config.go, `Validate`,
    /// and server/etcdserver/api/membership/cluster.go, `ValidateMaxLearnerConfig`).
    pub(super) fn validate(&self) -> Result<(), String> {
        let ClusterRules {
            heartbeat,
            election,
            ..
        } = self;
        if *heartbeat == 0 {
            return Err(format!(
                "--heartbeat-interval must be >0 (set to {heartbeat}ms)"
            ));
        }
        if *election == 0 {
            return Err(format!(
                "--election-timeout must be >0 (set to {election}ms)"
            ));
        }
        if heartbeat.saturating_mul(5) > *election {
            return Err(format!(
                "--election-timeout[{election}ms] should be at least as 5 times as --heartbeat-interval[{heartbeat}ms]"
            ));
        }
        if *election > LONGEST_ELECTION {
            return Err(format!(
                "--election-timeout[{election}ms] is too long, and should be set less than {LONGEST_ELECTION}ms"
            ));
        }
        Ok(())
    }

    /// The extra time that a new leader grants every lease, because there may have been no leader for this long.
    pub fn election_timeout(&self) -> Duration {
        Duration::from_millis(self.election)
    }

    /// The shortest TTL of a lease, in seconds: one and a half election timeouts, counted in whole heartbeats and rounded
    /// up to a second (etcd v3.7.1, server/etcdserver/server.go, `NewServer`).
    pub fn shortest_lease(&self) -> i64 {
        let ticks = self.election / self.heartbeat.max(1);
        let milliseconds = (3 * ticks / 2).saturating_mul(self.heartbeat);
        i64::try_from(milliseconds.div_ceil(1000)).unwrap_or(i64::MAX)
    }
}

/// Returns the name and the sorted peer URLs of the only member that `--initial-cluster` names.
pub fn one_member(text: &str) -> Result<(String, Vec<String>), String> {
    let mut name: Option<&str> = None;
    let mut urls = Vec::new();
    for part in text.split(',').map(str::trim).filter(|p| !p.is_empty()) {
        let (this, url) = part
            .split_once('=')
            .ok_or_else(|| format!("not of the form NAME=URL: {part}"))?;
        if name.is_some_and(|n| n != this) {
            return Err("this server is a single member: name only that one".into());
        }
        name = Some(this);
        urls.extend(value::urls(url)?);
    }
    urls.sort();
    urls.dedup();
    match name {
        Some(name) => Ok((name.to_string(), urls)),
        None => Err("names no member".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_lease_follows_the_election_timeout() {
        for (heartbeat, election, seconds) in [
            ("100", "1000", 2),
            ("100", "500", 1),
            ("100", "5000", 8),
            ("300", "2000", 3),
            ("1000", "50000", 75),
        ] {
            let mut rules = ClusterRules::default();
            rules.set("heartbeat-interval", heartbeat).unwrap();
            rules.set("election-timeout", election).unwrap();
            assert_eq!(rules.validate(), Ok(()));
            assert_eq!(rules.shortest_lease(), seconds, "{election}");
        }
    }

    #[test]
    fn timeouts_that_cannot_be_are_refused_in_etcds_words() {
        for (heartbeat, election, says) in [
            ("0", "1000", "--heartbeat-interval must be >0"),
            ("100", "0", "--election-timeout must be >0"),
            (
                "250",
                "1000",
                "should be at least as 5 times as --heartbeat-interval[250ms]",
            ),
            (
                "100",
                "50001",
                "--election-timeout[50001ms] is too long, and should be set less than 50000ms",
            ),
        ] {
            let mut rules = ClusterRules::default();
            rules.set("heartbeat-interval", heartbeat).unwrap();
            rules.set("election-timeout", election).unwrap();
            let refusal = rules.validate().unwrap_err();
            assert!(refusal.contains(says), "{refusal}");
        }
    }
}
