//! Offline tools over snapshot and database files. Opens no connection.
