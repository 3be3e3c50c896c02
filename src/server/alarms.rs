//! The active alarms, in memory. The writer stores their records; `apply` decides what an alarm forbids. Semantics:
//! etcd v3.7.1, server/etcdserver/api/v3alarm.

use crate::proto::etcdserverpb::{AlarmMember, AlarmType};

/// The set of active alarms, by kind and member.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Alarms(Vec<AlarmMember>);

impl Alarms {
    /// Restores the alarms from the records of a file.
    pub fn restore(records: impl IntoIterator<Item = AlarmMember>) -> Alarms {
        let mut alarms = Alarms::default();
        for alarm in records {
            alarms.activate(&alarm);
        }
        alarms
    }

    fn position(&self, alarm: &AlarmMember) -> Result<usize, usize> {
        self.0
            .binary_search_by_key(&(alarm.alarm, alarm.member_id), |a| (a.alarm, a.member_id))
    }

    /// Raises an alarm. Returns false if it was already active.
    pub fn activate(&mut self, alarm: &AlarmMember) -> bool {
        match self.position(alarm) {
            Ok(_) => false,
            Err(at) => {
                self.0.insert(at, *alarm);
                true
            }
        }
    }

    /// Clears an alarm. Returns whether it was active.
    pub fn deactivate(&mut self, alarm: &AlarmMember) -> bool {
        match self.position(alarm) {
            Ok(at) => {
                self.0.remove(at);
                true
            }
            Err(_) => false,
        }
    }

    /// All alarms, or those of one type (`kind` other than `NONE`).
    pub fn list(&self, kind: i32) -> Vec<AlarmMember> {
        let wanted = |a: &&AlarmMember| kind == AlarmType::None as i32 || a.alarm == kind;
        self.0.iter().filter(wanted).copied().collect()
    }

    /// Whether an alarm of this type is active on any member.
    pub fn raised(&self, kind: AlarmType) -> bool {
        self.0.iter().any(|a| a.alarm == kind as i32)
    }
}

/// An alarm in the form in which `endpoint status` lists it among the errors.
pub fn text(alarm: &AlarmMember) -> String {
    let kind = match AlarmType::try_from(alarm.alarm) {
        Ok(AlarmType::None) => return format!("memberID:{}", alarm.member_id),
        Ok(kind) => kind.as_str_name().to_string(),
        Err(_) => alarm.alarm.to_string(),
    };
    match alarm.member_id {
        0 => format!("alarm:{kind}"),
        id => format!("memberID:{id} alarm:{kind}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alarm(member_id: u64, kind: AlarmType) -> AlarmMember {
        AlarmMember {
            member_id,
            alarm: kind.into(),
        }
    }

    #[test]
    fn raised_once_cleared_once() {
        let mut alarms = Alarms::default();
        let full = alarm(7, AlarmType::Nospace);
        assert!(alarms.activate(&full));
        assert!(!alarms.activate(&full));
        assert!(alarms.activate(&alarm(3, AlarmType::Corrupt)));
        assert!(!alarms.deactivate(&alarm(8, AlarmType::Nospace)));
        assert_eq!(alarms.list(0).len(), 2);
        assert_eq!(alarms.list(AlarmType::Nospace.into()), [full]);
        assert!(alarms.deactivate(&full));
        assert!(!alarms.raised(AlarmType::Nospace));
        assert!(alarms.raised(AlarmType::Corrupt));
    }

    #[test]
    fn the_text_has_one_space() {
        let text = text(&alarm(10276657743932975437, AlarmType::Nospace));
        assert_eq!(text, "memberID:10276657743932975437 alarm:NOSPACE");
        let unknown = AlarmMember {
            member_id: 0,
            alarm: 77,
        };
        assert_eq!(super::text(&unknown), "alarm:77");
    }
}
