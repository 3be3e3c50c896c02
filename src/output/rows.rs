//! The cells that one line of `simple` and one row of `table` share. Does not draw them.

/// Column names as etcdctl writes them, and the cells below.
pub struct Rows {
    /// Lower or mixed case, as in etcd's source; a table shows them in capitals.
    pub header: &'static [&'static str],
    /// Each row has as many cells as there are names.
    pub rows: Vec<Vec<String>>,
}
