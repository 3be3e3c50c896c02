//! The identity of a caller. Makes no decisions.

/// The identity of a caller.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Identity {
    /// Not authenticated.
    #[default]
    Nobody,
    /// A user, authenticated by a token or a client certificate.
    User {
        /// Its name.
        name: String,
        /// The auth revision at which the user was authenticated.
        revision: u64,
    },
    /// The server itself, which may do everything; for example, it revokes expired leases.
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

    /// The name of the user; empty for other identities.
    pub fn name(&self) -> &str {
        match self {
            Identity::User { name, .. } => name,
            Identity::Nobody | Identity::Server => "",
        }
    }
}
