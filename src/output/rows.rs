//! The cells shared by the lines of `simple` and the rows of `table`.

/// Column names as in etcdctl, and rows of cells.
pub struct Rows {
    /// In lower or mixed case, as in etcd's source; a table prints them in capitals.
    pub header: &'static [&'static str],
    /// Each row has as many cells as there are columns.
    pub rows: Vec<Vec<String>>,
}
