//! The bbolt file format and the storage engine over it. Knows nothing of etcd and nothing of async.
