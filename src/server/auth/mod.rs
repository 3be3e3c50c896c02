//! Authentication and authorization: users, roles and permissions, the identity of callers, and what they may do.
//! Source: etcd v3.7.1, server/auth.

mod checks;
mod identity;
mod jwt;
mod jwt_key;
mod password;
mod permissions;
mod simple_token;
mod store;
mod tokens;

pub use checks::LeaseKeys;
pub use identity::Identity;
pub use password::{PasswordError, Passwords};
pub use permissions::{Access, Permissions};
pub use store::{AuthStore, Effects, ROOT_ROLE, ROOT_USER};
pub use tokens::{TokenError, Tokens};
