use std::collections::BTreeMap;

use super::*;
use crate::proto::{
    authpb::{Permission, Role, User, permission::Type},
    etcdserverpb::{AlarmType, Compare},
};

/// The keys attached to each lease.
#[derive(Default)]
struct Leases(BTreeMap<i64, Vec<Bytes>>);

impl LeaseKeys for Leases {
    fn keys(&self, lease: i64) -> Vec<Bytes> {
        self.0.get(&lease).cloned().unwrap_or_default()
    }
}

const REVISION: u64 = 5;

/// root may do everything; ann reads and writes [a, c) and reads [r, s); bob has a role that does not exist.
fn store() -> AuthStore {
    let permission = |kind: Type, key: &'static str, end: &'static str| Permission {
        perm_type: kind.into(),
        key: key.into(),
        range_end: end.into(),
    };
    let role = Role {
        name: "role".into(),
        key_permission: vec![
            permission(Type::Readwrite, "a", "c"),
            permission(Type::Read, "r", "s"),
            permission(Type::Write, "w", "x"),
        ],
    };
    let user = |name: &'static str, role: &str| User {
        name: name.into(),
        roles: vec![role.into()],
        ..Default::default()
    };
    let users = [
        user("root", "root"),
        user("ann", "role"),
        user("bob", "gone"),
    ];
    AuthStore::restore(true, REVISION, users, [role])
}

fn user(name: &str) -> Identity {
    Identity::user(name, REVISION)
}

fn put(key: &'static str) -> PutRequest {
    PutRequest {
        key: key.into(),
        ..Default::default()
    }
}

fn range(key: &'static str, end: &'static str) -> RangeRequest {
    RangeRequest {
        key: key.into(),
        range_end: end.into(),
        ..Default::default()
    }
}

fn op(request: Request) -> RequestOp {
    RequestOp {
        request: Some(request),
    }
}

const DENIED: Result<(), Error> = Err(Error::PermissionDenied);

#[test]
fn permissions_on_keys() {
    let store = store();
    let read = |who: &Identity, key: &str, end: &str| {
        store.check_read(who, key.as_bytes(), end.as_bytes())
    };
    assert_eq!(read(&user("ann"), "b", ""), Ok(()));
    assert_eq!(read(&user("ann"), "a", "c"), Ok(()));
    assert_eq!(read(&user("ann"), "a", "d"), DENIED);
    assert_eq!(store.check_write(&user("ann"), b"r", b""), DENIED);
    assert_eq!(store.check_write(&user("ann"), b"w", b"x"), Ok(()));
    assert_eq!(read(&user("root"), "x", "\0"), Ok(()));
    assert_eq!(read(&user("bob"), "a", ""), DENIED);
    assert_eq!(read(&user("eve"), "a", ""), DENIED, "there is no such user");
    assert_eq!(read(&Identity::Nobody, "a", ""), Err(Error::UserEmpty));
    assert_eq!(
        read(&Identity::user("ann", 0), "a", ""),
        Err(Error::UserEmpty)
    );
    assert_eq!(read(&Identity::Server, "x", ""), Ok(()));
    let old = Identity::user("root", REVISION - 1);
    assert_eq!(
        read(&old, "a", ""),
        Err(Error::AuthOldRevision),
        "root, too"
    );
    let newer = Identity::user("ann", REVISION + 1);
    assert_eq!(
        read(&newer, "a", ""),
        Ok(()),
        "signed tokens may come from elsewhere"
    );
}

#[test]
fn while_authentication_is_off_everything_is_permitted() {
    let mut store = store();
    store.enabled = false;
    let nobody = Identity::Nobody;
    assert_eq!(store.check_read(&nobody, b"x", b"\0"), Ok(()));
    assert_eq!(store.check_admin(&nobody), Ok(()));
    assert_eq!(store.check_known(&nobody), Ok(()));
    assert_eq!(store.check_user_get(&nobody, "ann"), Ok(()));
    let txn = TxnRequest {
        success: vec![op(Request::RequestPut(put("x")))],
        ..Default::default()
    };
    assert_eq!(store.check_txn(&nobody, &txn, &Leases::default()), Ok(()));
}

#[test]
fn puts_and_deletions_need_more_for_previous_values() {
    let (store, leases) = (store(), Leases::default());
    let ann = user("ann");
    let mut r = put("w");
    assert_eq!(store.check_put(&ann, &r, &leases), Ok(()));
    r.prev_kv = true;
    assert_eq!(store.check_put(&ann, &r, &leases), DENIED);
    let mut r = DeleteRangeRequest {
        key: "w".into(),
        range_end: "x".into(),
        prev_kv: false,
    };
    assert_eq!(store.check_delete(&ann, &r), Ok(()));
    r.prev_kv = true;
    assert_eq!(store.check_delete(&ann, &r), DENIED);
}

#[test]
fn a_lease_is_as_closed_as_its_keys() {
    let store = store();
    let keys = |keys: &[&'static str]| keys.iter().map(|k| Bytes::from(*k)).collect();
    let leases = Leases(
        [
            (1, keys(&["a", "b"])),
            (2, keys(&["a", "z"])),
            (3, keys(&["w"])),
        ]
        .into(),
    );
    let ann = user("ann");
    let write = |who: &Identity, lease| store.check_lease_write(who, lease, &leases);
    assert_eq!(write(&ann, 1), Ok(()));
    assert_eq!(write(&ann, 2), DENIED);
    assert_eq!(
        write(&ann, 9),
        Ok(()),
        "there is no such lease, which is for others to say"
    );
    assert_eq!(write(&user("root"), 2), Ok(()));
    assert_eq!(write(&Identity::Server, 2), Ok(()));
    assert_eq!(write(&Identity::Nobody, 1), Err(Error::UserEmpty));
    let old = Identity::user("root", 1);
    assert_eq!(
        write(&old, 2),
        Ok(()),
        "root is not asked for the newest revision"
    );
    let mut r = put("a");
    r.lease = 2;
    assert_eq!(
        store.check_put(&ann, &r, &leases),
        DENIED,
        "no attaching to it either"
    );
    let read = |who: &Identity, lease| store.check_lease_read(who, lease, &leases);
    assert_eq!(read(&ann, 1), Ok(()));
    assert_eq!(read(&ann, 3), DENIED, "written but not read");
    assert_eq!(read(&Identity::Nobody, 9), Err(Error::UserEmpty));
    assert_eq!(read(&user("root"), 2), Ok(()));
}

#[test]
fn a_transaction_needs_permission_for_all_its_operations() {
    let (store, leases) = (store(), Leases::default());
    let ann = user("ann");
    let delete = |key: &'static str, prev_kv| {
        op(Request::RequestDeleteRange(DeleteRangeRequest {
            key: key.into(),
            prev_kv,
            ..Default::default()
        }))
    };
    let compare = |key: &'static str, end: &'static str| Compare {
        key: key.into(),
        range_end: end.into(),
        ..Default::default()
    };
    let good = TxnRequest {
        compare: vec![compare("a", "c"), compare("r", "")],
        success: vec![
            op(Request::RequestPut(put("a"))),
            op(Request::RequestRange(range("r", "s"))),
            delete("w", false),
            RequestOp { request: None },
        ],
        failure: vec![delete("b", true)],
    };
    let check = |txn: &TxnRequest| store.check_txn(&ann, txn, &leases);
    assert_eq!(check(&good), Ok(()));
    let nested = |inner: TxnRequest| TxnRequest {
        failure: vec![op(Request::RequestTxn(inner))],
        ..Default::default()
    };
    assert_eq!(check(&nested(nested(good.clone()))), Ok(()));
    let bad = [
        TxnRequest {
            compare: vec![compare("w", "")],
            ..good.clone()
        },
        TxnRequest {
            compare: vec![compare("a", "d")],
            ..good.clone()
        },
        TxnRequest {
            success: vec![op(Request::RequestPut(put("r")))],
            ..good.clone()
        },
        TxnRequest {
            failure: vec![op(Request::RequestRange(range("a", "\0")))],
            ..good.clone()
        },
        TxnRequest {
            failure: vec![delete("w", true)],
            ..good.clone()
        },
    ];
    for txn in bad {
        assert_eq!(check(&txn), DENIED, "{txn:?}");
        assert_eq!(check(&nested(nested(txn.clone()))), DENIED, "{txn:?}");
        assert_eq!(store.check_txn(&user("root"), &txn, &leases), Ok(()));
    }
}

#[test]
fn administration_is_for_root() {
    let store = store();
    assert_eq!(store.check_admin(&user("root")), Ok(()));
    assert_eq!(store.check_admin(&user("ann")), DENIED);
    assert_eq!(store.check_admin(&user("eve")), Err(Error::UserNotFound));
    assert_eq!(
        store.check_admin(&user("")),
        Err(Error::UserEmpty),
        "a certificate without a name"
    );
    assert_eq!(store.check_admin(&Identity::Nobody), Err(Error::UserEmpty));
    assert_eq!(store.check_known(&user("eve")), Ok(()));
    assert_eq!(store.check_known(&Identity::Nobody), Err(Error::UserEmpty));
    let alarm = |action: AlarmAction| AlarmRequest {
        action: action.into(),
        member_id: 0,
        alarm: AlarmType::Nospace.into(),
    };
    assert_eq!(
        store.check_alarm(&user("ann"), &alarm(AlarmAction::Get)),
        Ok(())
    );
    assert_eq!(
        store.check_alarm(&user("ann"), &alarm(AlarmAction::Deactivate)),
        DENIED
    );
    assert_eq!(
        store.check_alarm(&Identity::Nobody, &alarm(AlarmAction::Get)),
        Err(Error::UserEmpty)
    );
}

#[test]
fn users_may_look_at_themselves_and_their_roles() {
    let store = store();
    assert_eq!(store.check_user_get(&user("ann"), "ann"), Ok(()));
    assert_eq!(store.check_user_get(&user("ann"), "bob"), DENIED);
    assert_eq!(store.check_user_get(&user("root"), "bob"), Ok(()));
    assert_eq!(
        store.check_user_get(&Identity::Nobody, "bob"),
        Err(Error::UserEmpty)
    );
    assert_eq!(store.check_role_get(&user("ann"), "role"), Ok(()));
    assert_eq!(store.check_role_get(&user("bob"), "role"), DENIED);
    assert_eq!(
        store.check_role_get(&user("bob"), "gone"),
        Ok(()),
        "it has it, in name"
    );
    assert_eq!(store.check_role_get(&user("root"), "role"), Ok(()));
    assert_eq!(
        store.check_role_get(&Identity::Nobody, "role"),
        Err(Error::UserEmpty)
    );
}

#[test]
fn a_response_is_not_sent_if_users_or_roles_have_changed() {
    let store = store();
    assert_eq!(store.check_still(&user("ann")), Ok(()));
    let old = Identity::user("ann", REVISION - 1);
    assert_eq!(store.check_still(&old), Err(Error::AuthOldRevision));
    assert_eq!(store.check_still(&Identity::Nobody), Ok(()));
    assert_eq!(store.check_still(&Identity::Server), Ok(()));
}
