//! Parses `--feature-gates`. The features are etcd's (etcd v3.7.1, server/features/etcd_features.go; pkg/featuregate
//! for the error texts).

use std::collections::BTreeMap;

/// Name, default and stage of each feature.
const FEATURES: &[(&str, bool, &str)] = &[
    ("CompactHashCheck", false, "ALPHA"),
    ("FastLeaseKeepAlive", true, "BETA"),
    ("InitialCorruptCheck", false, "ALPHA"),
    ("LeaseCheckpoint", false, "ALPHA"),
    ("LeaseCheckpointPersist", false, "ALPHA"),
    ("PriorityRequest", false, "ALPHA"),
    ("SetMemberLocalAddr", false, "ALPHA"),
    ("StopGRPCServiceOnDefrag", false, "ALPHA"),
    ("TxnModeWriteWithSharedBuffer", true, "BETA"),
];

/// The features that were switched explicitly.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Features {
    set: BTreeMap<&'static str, bool>,
}

impl Features {
    /// Whether a feature is on. Unknown features are off.
    pub fn enabled(&self, name: &str) -> bool {
        self.all().any(|(feature, _, on)| feature == name && on)
    }

    /// Name, stage and state of every feature.
    pub fn all(&self) -> impl Iterator<Item = (&'static str, &'static str, bool)> {
        FEATURES.iter().map(|(name, default, stage)| {
            let on = self.set.get(name).copied().unwrap_or(*default);
            (*name, *stage, on)
        })
    }

    /// Switches features, given as `A=true,B=false`.
    pub(super) fn set(&mut self, text: &str) -> Result<(), String> {
        let mut set = self.set.clone();
        for word in text.split(',').map(str::trim).filter(|w| !w.is_empty()) {
            let (name, on) = word
                .split_once('=')
                .ok_or_else(|| format!("missing bool value for {word}"))?;
            let (name, on) = (name.trim(), on.trim());
            let on = crate::golang::value::boolean(on).ok_or_else(|| {
                format!(
                    "invalid value of {name}={on}, err: strconv.ParseBool: parsing {on:?}: invalid syntax"
                )
            })?;
            // These two names switch all features of a stage.
            let stage = match name {
                "AllAlpha" => Some("ALPHA"),
                "AllBeta" => Some("BETA"),
                _ => None,
            };
            let mut known = false;
            for (feature, _, of_stage) in FEATURES {
                if *feature == name || stage == Some(of_stage) {
                    set.insert(feature, on);
                    known = true;
                }
            }
            if !known {
                return Err(format!("unrecognized feature gate: {name}"));
            }
        }
        self.set = set;
        Ok(())
    }

    /// Rejects features whose prerequisite is off.
    pub(super) fn validate(&self) -> Result<(), String> {
        if self.enabled("LeaseCheckpointPersist") && !self.enabled("LeaseCheckpoint") {
            return Err(
                "enabling feature gate LeaseCheckpointPersist requires enabling feature gate LeaseCheckpoint"
                    .into(),
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gates_are_switched_by_name_or_stage() {
        let mut features = Features::default();
        assert!(features.enabled("FastLeaseKeepAlive") && !features.enabled("LeaseCheckpoint"));
        features
            .set("FastLeaseKeepAlive=false, LeaseCheckpoint=true")
            .unwrap();
        assert!(!features.enabled("FastLeaseKeepAlive") && features.enabled("LeaseCheckpoint"));
        features.set("AllAlpha=true").unwrap();
        assert!(features.enabled("InitialCorruptCheck"));
        for (text, says) in [
            ("Nope=true", "unrecognized feature gate: Nope"),
            ("LeaseCheckpoint", "missing bool value for LeaseCheckpoint"),
            (
                "LeaseCheckpoint=maybe",
                "invalid value of LeaseCheckpoint=maybe",
            ),
        ] {
            assert!(features.set(text).unwrap_err().contains(says), "{text}");
        }
        let mut persist = Features::default();
        persist.set("LeaseCheckpointPersist=true").unwrap();
        assert!(persist.validate().is_err());
    }
}
