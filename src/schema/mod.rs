//! etcd's buckets and record encodings: the only place that knows them. Synchronous.
