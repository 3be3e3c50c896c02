//! On whose behalf a request is made. Decides nothing.

/// Who asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Identity {
    /// Nobody has said who it is.
    #[default]
    Nobody,
    /// A user, proved by a token or a client certificate.
    User {
        /// Its name.
        name: String,
        /// The revision of users and roles at which that was proved.
        revision: u64,
    },
    /// The server itself, which may do everything: it revokes expired leases.
    Server,
}

impl Identity {
    /// A user.
    pub fn user(name: impl Into<String>, revision: u64) -> Identity {
        Identity::User {
            name: name.into(),
            revision,
        }
    }

    /// The user's name; empty for anybody else.
    pub fn name(&self) -> &str {
        match self {
            Identity::User { name, .. } => name,
            Identity::Nobody | Identity::Server => "",
        }
    }
}
