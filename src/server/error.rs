//! The errors that clients of the server see: a table of variant, gRPC code and text. Texts and codes are exactly
//! etcd's (etcd v3.7.1, api/v3rpc/rpctypes/error.go).

macro_rules! errors {
    ($($variant:ident $code:ident $text:literal;)*) => {
        /// An error with etcd's code and text.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Error {
            $(#[doc = $text] $variant,)*
            /// An error for which etcd has no fixed text: gRPC code and text.
            Other(tonic::Code, String),
        }

        impl Error {
            /// The gRPC code.
            pub fn code(&self) -> tonic::Code {
                match self {
                    $(Error::$variant => tonic::Code::$code,)*
                    Error::Other(code, _) => *code,
                }
            }

            /// The complete text, as sent in `grpc-message`.
            pub fn text(&self) -> &str {
                match self {
                    $(Error::$variant => $text,)*
                    Error::Other(_, text) => text,
                }
            }
        }
    };
}

errors! {
    EmptyKey InvalidArgument "etcdserver: key is not provided";
    KeyNotFound InvalidArgument "etcdserver: key not found";
    ValueProvided InvalidArgument "etcdserver: value is provided";
    LeaseProvided InvalidArgument "etcdserver: lease is provided";
    TooManyOps InvalidArgument "etcdserver: too many operations in txn request";
    DuplicateKey InvalidArgument "etcdserver: duplicate key given in txn request";
    InvalidClientAPIVersion InvalidArgument "etcdserver: invalid client api version";
    InvalidSortOption InvalidArgument "etcdserver: invalid sort option";
    Compacted OutOfRange "etcdserver: mvcc: required revision has been compacted";
    FutureRev OutOfRange "etcdserver: mvcc: required revision is a future revision";
    NoSpace ResourceExhausted "etcdserver: mvcc: database space exceeded";
    LeaseNotFound NotFound "etcdserver: requested lease not found";
    LeaseExist FailedPrecondition "etcdserver: lease already exists";
    LeaseTTLTooLarge OutOfRange "etcdserver: too large lease TTL";
    WatchCanceled Cancelled "etcdserver: watch canceled";
    MemberExist FailedPrecondition "etcdserver: member ID already exist";
    PeerURLExist FailedPrecondition "etcdserver: Peer URLs already exists";
    MemberNotEnoughStarted FailedPrecondition "etcdserver: re-configuration failed due to not enough started members";
    MemberBadURLs InvalidArgument "etcdserver: given member URLs are invalid";
    MemberNotFound NotFound "etcdserver: member not found";
    MemberNotLearner FailedPrecondition "etcdserver: can only promote a learner member";
    LearnerNotReady FailedPrecondition "etcdserver: can only promote a learner member which is in sync with leader";
    TooManyLearners FailedPrecondition "etcdserver: too many learner members in cluster";
    ClusterIDMismatch FailedPrecondition "etcdserver: cluster ID mismatch";
    RequestTooLarge InvalidArgument "etcdserver: request is too large";
    RequestTooManyRequests ResourceExhausted "etcdserver: too many requests";
    RootUserNotExist FailedPrecondition "etcdserver: root user does not exist";
    RootRoleNotExist FailedPrecondition "etcdserver: root user does not have root role";
    UserAlreadyExist FailedPrecondition "etcdserver: user name already exists";
    UserEmpty InvalidArgument "etcdserver: user name is empty";
    UserNotFound FailedPrecondition "etcdserver: user name not found";
    RoleAlreadyExist FailedPrecondition "etcdserver: role name already exists";
    RoleNotFound FailedPrecondition "etcdserver: role name not found";
    RoleEmpty InvalidArgument "etcdserver: role name is empty";
    AuthFailed InvalidArgument "etcdserver: authentication failed, invalid user ID or password";
    PermissionNotGiven InvalidArgument "etcdserver: permission not given";
    PermissionDenied PermissionDenied "etcdserver: permission denied";
    RoleNotGranted FailedPrecondition "etcdserver: role is not granted to the user";
    PermissionNotGranted FailedPrecondition "etcdserver: permission is not granted to the role";
    AuthNotEnabled FailedPrecondition "etcdserver: authentication is not enabled";
    InvalidAuthToken Unauthenticated "etcdserver: invalid auth token";
    InvalidAuthMgmt InvalidArgument "etcdserver: invalid auth management";
    AuthOldRevision InvalidArgument "etcdserver: revision of auth store is old";
    NoLeader Unavailable "etcdserver: no leader";
    NotLeader FailedPrecondition "etcdserver: not leader";
    LeaderChanged Unavailable "etcdserver: leader changed";
    NotCapable FailedPrecondition "etcdserver: not capable";
    Stopped Unavailable "etcdserver: server stopped";
    Timeout Unavailable "etcdserver: request timed out";
    TimeoutDueToLeaderFail Unavailable "etcdserver: request timed out, possibly due to previous leader failure";
    TimeoutDueToConnectionLost Unavailable "etcdserver: request timed out, possibly due to connection lost";
    TimeoutWaitAppliedIndex Unavailable "etcdserver: request timed out, waiting for the applied index took too long";
    Unhealthy Unavailable "etcdserver: unhealthy cluster";
    Corrupt DataLoss "etcdserver: corrupt cluster";
    NotSupportedForLearner FailedPrecondition "etcdserver: rpc not supported for learner";
    BadLeaderTransferee FailedPrecondition "etcdserver: bad leader transferee";
    WrongDowngradeVersionFormat InvalidArgument "etcdserver: wrong downgrade target version format";
    InvalidDowngradeTargetVersion InvalidArgument "etcdserver: invalid downgrade target version";
    ClusterVersionUnavailable FailedPrecondition "etcdserver: cluster version not found during downgrade";
    DowngradeInProcess FailedPrecondition "etcdserver: cluster has a downgrade job in progress";
    NoInflightDowngrade FailedPrecondition "etcdserver: no inflight downgrade job";
    Canceled Cancelled "etcdserver: request canceled";
    DeadlineExceeded DeadlineExceeded "etcdserver: context deadline exceeded";
}

impl Error {
    /// A failure of the storage engine: a full disk, an I/O error or a damaged page.
    pub fn storage(error: crate::bolt::Error) -> Error {
        let code = match &error {
            e if e.is_no_space() => tonic::Code::ResourceExhausted,
            crate::bolt::Error::Corrupt { .. } | crate::bolt::Error::NotBolt { .. } => {
                tonic::Code::DataLoss
            }
            _ => tonic::Code::Internal,
        };
        Error::Other(code, format!("etcdserver: {error}"))
    }

    /// The error as etcd sends it where it passes on the text without the code.
    #[must_use]
    pub fn without_code(self) -> Error {
        Error::Other(tonic::Code::Unknown, self.text().into())
    }

    /// A record that is missing or invalid.
    pub fn record(error: &crate::schema::RecordError) -> Error {
        Error::Other(tonic::Code::DataLoss, format!("etcdserver: {error}"))
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.text())
    }
}

impl std::error::Error for Error {}

impl From<Error> for tonic::Status {
    fn from(e: Error) -> Self {
        tonic::Status::new(e.code(), e.text())
    }
}

impl From<tonic::Status> for Error {
    fn from(status: tonic::Status) -> Self {
        Error::Other(status.code(), status.message().to_string())
    }
}
