use super::*;
use crate::proto::authpb::Permission;
use crate::proto::authpb::permission::Type;

/// A store, and the records that its changes would have left in a file.
#[derive(Default)]
struct File {
    store: AuthStore,
    records: BTreeMap<(&'static [u8], Vec<u8>), Vec<u8>>,
}

impl File {
    fn change<T>(
        &mut self,
        change: impl FnOnce(&mut AuthStore, &mut Effects) -> Result<T, Error>,
    ) -> Result<Effects, Error> {
        let mut effects = Effects::default();
        let before = self.store.revision();
        let result = change(&mut self.store, &mut effects);
        if result.is_err() {
            assert!(effects.records.is_empty(), "a refusal changes nothing");
            assert_eq!(self.store.revision(), before);
        }
        for record in &effects.records {
            let key = (record.bucket, record.key.clone());
            match record.value.clone() {
                Some(value) => self.records.insert(key, value),
                None => self.records.remove(&key),
            };
        }
        result.map(|_| effects)
    }

    /// The store that a restart would restore from the records.
    fn restored(&self) -> AuthStore {
        let mut auth = records::Auth::default();
        let (mut users, mut roles) = (Vec::new(), Vec::new());
        for ((bucket, key), value) in &self.records {
            match *bucket {
                bucket::AUTH => auth.read(key, value).unwrap(),
                bucket::AUTH_USERS => users.push(records::decode_user(key, value).unwrap()),
                _ => roles.push(records::decode_role(key, value).unwrap()),
            }
        }
        let revision = auth.revision.unwrap_or(0);
        AuthStore::restore(auth.enabled.unwrap_or(false), revision, users, roles)
    }

    fn add_user(&mut self, name: &str) -> Result<Effects, Error> {
        let r = pb::AuthUserAddRequest {
            name: name.into(),
            hashed_password: "aGFzaA==".into(),
            ..Default::default()
        };
        self.change(|s, e| s.user_add(&r, e))
    }

    fn add_role(&mut self, name: &str) -> Result<Effects, Error> {
        let r = pb::AuthRoleAddRequest { name: name.into() };
        self.change(|s, e| s.role_add(&r, e))
    }

    fn grant(&mut self, user: &str, role: &str) -> Result<Effects, Error> {
        let (user, role) = (user.into(), role.into());
        let r = pb::AuthUserGrantRoleRequest { user, role };
        self.change(|s, e| s.user_grant_role(&r, e))
    }

    fn revoke(&mut self, name: &str, role: &str) -> Result<Effects, Error> {
        let (name, role) = (name.into(), role.into());
        let r = pb::AuthUserRevokeRoleRequest { name, role };
        self.change(|s, e| s.user_revoke_role(&r, e))
    }

    fn permit(
        &mut self,
        role: &str,
        kind: Type,
        key: &'static str,
        end: &'static str,
    ) -> Result<Effects, Error> {
        let r = pb::AuthRoleGrantPermissionRequest {
            name: role.into(),
            perm: Some(Permission {
                perm_type: kind.into(),
                key: key.into(),
                range_end: end.into(),
            }),
        };
        self.change(|s, e| s.role_grant_permission(&r, e))
    }

    fn forbid(
        &mut self,
        role: &str,
        key: &'static str,
        end: &'static str,
    ) -> Result<Effects, Error> {
        let r = pb::AuthRoleRevokePermissionRequest {
            role: role.into(),
            key: key.into(),
            range_end: end.into(),
        };
        self.change(|s, e| s.role_revoke_permission(&r, e))
    }

    fn delete_user(&mut self, name: &str) -> Result<Effects, Error> {
        let r = pb::AuthUserDeleteRequest { name: name.into() };
        self.change(|s, e| s.user_delete(&r, e))
    }

    fn delete_role(&mut self, role: &str) -> Result<Effects, Error> {
        let r = pb::AuthRoleDeleteRequest { role: role.into() };
        self.change(|s, e| s.role_delete(&r, e))
    }

    fn enable(&mut self) -> Result<Effects, Error> {
        self.change(AuthStore::enable)
    }

    fn ranges(&self, role: &str) -> Vec<(Type, Bytes, Bytes)> {
        let perms = self.store.role_get(role).unwrap().perm;
        perms
            .into_iter()
            .map(|p| (p.perm_type(), p.key, p.range_end))
            .collect()
    }
}

#[test]
fn enabling_needs_root_and_its_role() {
    let mut file = File::default();
    assert_eq!(file.enable().unwrap_err(), Error::RootUserNotExist);
    file.add_user("root").unwrap();
    assert_eq!(file.enable().unwrap_err(), Error::RootRoleNotExist);
    // The role root can be granted although it does not exist.
    file.grant("root", "root").unwrap();
    let revision = file.store.revision();
    file.enable().unwrap();
    assert!(file.store.is_enabled());
    assert_eq!(
        file.store.revision(),
        revision,
        "enabling is no change of users and roles"
    );
    assert!(
        file.enable().unwrap().records.is_empty(),
        "a second time changes nothing"
    );

    let effects = file.change(|s, e| Ok(s.disable(e))).unwrap();
    assert!(effects.disabled && !file.store.is_enabled());
    assert_eq!(file.store.revision(), revision + 1);
    let effects = file.change(|s, e| Ok(s.disable(e))).unwrap();
    assert!(!effects.disabled && effects.records.is_empty());
}

#[test]
fn root_is_protected_while_authentication_is_on() {
    let mut file = File::default();
    file.add_user("root").unwrap();
    file.add_role("root").unwrap();
    file.grant("root", "root").unwrap();
    file.enable().unwrap();
    assert_eq!(
        file.delete_user("root").unwrap_err(),
        Error::InvalidAuthMgmt
    );
    assert_eq!(
        file.delete_role("root").unwrap_err(),
        Error::InvalidAuthMgmt
    );
    assert_eq!(
        file.revoke("root", "root").unwrap_err(),
        Error::InvalidAuthMgmt
    );
    file.change(|s, e| Ok(s.disable(e))).unwrap();
    file.revoke("root", "root").unwrap();
    file.delete_role("root").unwrap();
    file.delete_user("root").unwrap();
}

#[test]
fn users() {
    let mut file = File::default();
    assert_eq!(file.add_user("").unwrap_err(), Error::UserEmpty);
    file.add_user("ann").unwrap();
    assert_eq!(file.add_user("ann").unwrap_err(), Error::UserAlreadyExist);
    assert_eq!(file.grant("bob", "r").unwrap_err(), Error::UserNotFound);
    assert_eq!(file.grant("ann", "r").unwrap_err(), Error::RoleNotFound);
    for role in ["r", "a"] {
        file.add_role(role).unwrap();
        file.grant("ann", role).unwrap();
    }
    let revision = file.store.revision();
    file.grant("ann", "r").unwrap();
    assert_eq!(file.store.revision(), revision, "it has the role already");
    assert_eq!(file.store.user_get("ann").unwrap().roles, ["a", "r"]);
    assert_eq!(file.revoke("ann", "x").unwrap_err(), Error::RoleNotGranted);
    assert_eq!(file.revoke("bob", "r").unwrap_err(), Error::UserNotFound);
    file.revoke("ann", "r").unwrap();
    assert_eq!(file.store.user_get("bob").unwrap_err(), Error::UserNotFound);
    file.add_user("Zoe").unwrap();
    assert_eq!(file.store.user_list().users, ["Zoe", "ann"]);
    let effects = file.delete_user("ann").unwrap();
    assert_eq!(effects.invalidated, ["ann"]);
    assert_eq!(file.delete_user("ann").unwrap_err(), Error::UserNotFound);
}

#[test]
fn passwords_are_hashes_from_the_request() {
    let mut file = File::default();
    file.add_user("ann").unwrap();
    assert_eq!(file.store.password_hash("ann"), Err(Error::AuthNotEnabled));
    let open = pb::AuthUserAddRequest {
        name: "open".into(),
        options: Some(UserAddOptions { no_password: true }),
        hashed_password: "aGFzaA==".into(),
        ..Default::default()
    };
    file.change(|s, e| s.user_add(&open, e)).unwrap();
    file.add_user("root").unwrap();
    file.grant("root", "root").unwrap();
    file.enable().unwrap();
    let hash = |file: &File, name: &str| file.store.password_hash(name);
    assert_eq!(hash(&file, "ann"), Ok("hash".into()));
    assert_eq!(
        hash(&file, "bob"),
        Err(Error::AuthFailed),
        "nobody learns who exists"
    );
    let refused = hash(&file, "open").unwrap_err();
    assert_eq!(refused.code(), tonic::Code::Unknown);
    assert_eq!(
        refused.text(),
        "auth: authentication failed, password was given for no password user"
    );

    let mut change = pb::AuthUserChangePasswordRequest {
        name: "ann".into(),
        hashed_password: "bm\nV3\r\n".into(),
        ..Default::default()
    };
    let effects = file
        .change(|s, e| s.user_change_password(&change, e))
        .unwrap();
    assert_eq!(effects.invalidated, ["ann"]);
    assert_eq!(hash(&file, "ann"), Ok("new".into()));
    change.hashed_password = "no base64".into();
    let refused = file
        .change(|s, e| s.user_change_password(&change, e))
        .unwrap_err();
    assert_eq!(refused.code(), tonic::Code::Unknown);
    change.name = "open".into();
    file.change(|s, e| s.user_change_password(&change, e))
        .unwrap();
    assert!(hash(&file, "open").is_err(), "it stays without");
    change.name = "bob".into();
    let refused = file
        .change(|s, e| s.user_change_password(&change, e))
        .unwrap_err();
    assert_eq!(refused, Error::UserNotFound);
}

#[test]
fn roles() {
    let mut file = File::default();
    assert_eq!(file.add_role("").unwrap_err(), Error::RoleEmpty);
    file.add_role("r").unwrap();
    assert_eq!(file.add_role("r").unwrap_err(), Error::RoleAlreadyExist);
    let none = pb::AuthRoleGrantPermissionRequest {
        name: "r".into(),
        perm: None,
    };
    let refused = file
        .change(|s, e| s.role_grant_permission(&none, e))
        .unwrap_err();
    assert_eq!(refused, Error::PermissionNotGiven);
    assert_eq!(
        file.permit("x", Type::Read, "a", "").unwrap_err(),
        Error::RoleNotFound
    );
    for (key, end) in [("b", "a"), ("b", "b"), ("", ""), ("", "\0")] {
        let refused = file.permit("r", Type::Read, key, end).unwrap_err();
        assert_eq!(refused, Error::InvalidAuthMgmt, "{key:?} {end:?}");
    }
    file.permit("r", Type::Read, "m", "\0").unwrap();
    file.permit("r", Type::Read, "a", "b").unwrap();
    file.permit("r", Type::Write, "a", "c").unwrap();
    file.permit("r", Type::Readwrite, "a", "c").unwrap();
    assert_eq!(
        file.ranges("r"),
        [
            (Type::Read, "a".into(), "b".into()),
            (Type::Readwrite, "a".into(), "c".into()),
            (Type::Read, "m".into(), "\0".into()),
        ],
        "sorted by key, and changed where the range is the same"
    );
    assert_eq!(
        file.forbid("r", "a", "").unwrap_err(),
        Error::PermissionNotGranted
    );
    assert_eq!(file.forbid("x", "a", "b").unwrap_err(), Error::RoleNotFound);
    file.forbid("r", "a", "b").unwrap();
    assert_eq!(file.ranges("r").len(), 2);
    assert_eq!(file.store.role_get("x").unwrap_err(), Error::RoleNotFound);
    file.add_role("root").unwrap();
    assert_eq!(
        file.ranges("root"),
        [(Type::Readwrite, "".into(), "\0".into())]
    );
    assert_eq!(file.store.role_list().roles, ["r", "root"]);
}

#[test]
fn a_deleted_role_is_taken_from_its_users() {
    let mut file = File::default();
    file.add_role("r").unwrap();
    file.permit("r", Type::Read, "a", "").unwrap();
    for user in ["ann", "bob"] {
        file.add_user(user).unwrap();
    }
    file.grant("ann", "r").unwrap();
    let revision = file.store.revision();
    let effects = file.delete_role("r").unwrap();
    assert_eq!(
        effects.records.len(),
        3,
        "the role, the user that had it, the revision"
    );
    assert_eq!(file.store.revision(), revision + 1);
    assert_eq!(file.store.user_get("ann").unwrap().roles, [""; 0]);
    assert_eq!(file.delete_role("r").unwrap_err(), Error::RoleNotFound);
}

#[test]
fn the_records_contain_the_whole_state() {
    let mut file = File::default();
    file.add_user("root").unwrap();
    file.grant("root", "root").unwrap();
    file.add_user("ann").unwrap();
    file.add_role("r").unwrap();
    file.permit("r", Type::Readwrite, "a", "b").unwrap();
    file.grant("ann", "r").unwrap();
    file.enable().unwrap();
    let restored = file.restored();
    assert!(restored.is_enabled());
    assert_eq!(restored.revision(), file.store.revision());
    assert_eq!(restored.user_list(), file.store.user_list());
    assert_eq!(restored.role_get("r"), file.store.role_get("r"));
    let permissions = |store: &AuthStore| store.account("ann").unwrap().permissions.clone();
    assert_eq!(permissions(&restored), permissions(&file.store));
    assert_ne!(permissions(&restored), Permissions::default());
}

#[test]
fn a_file_from_before_authentication_begins_at_revision_one() {
    let status = AuthStore::restore(false, 0, [], []).status();
    assert_eq!((status.enabled, status.auth_revision), (false, 1));
}
