//! The reply of `version`.

use serde::Serialize;

use crate::output::{
    Rendered, Reply, fields::Fields, json::Json, protobuf::Protobuf, simple::Simple, table::Table,
};

/// `version` of both programs.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Version {
    /// `etcdctl` or `etcdutl`.
    pub name: &'static str,
    /// The release of etcd that this program is a drop-in for.
    pub version: &'static str,
    /// `major.minor`.
    pub api_version: &'static str,
}

/// etcdctl prints text in every format; the JSON is ours.
impl Reply for Version {
    fn simple(&self, out: &mut Simple<'_>) -> Rendered {
        out.line(format_args!("{} version: {}", self.name, self.version))?;
        out.line(format_args!("API version: {}", self.api_version))
    }

    fn fields(&self, out: &mut Fields<'_>) -> Rendered {
        out.as_simple(self)
    }

    fn json(&self, out: &mut Json<'_>) -> Rendered {
        out.value(self)
    }

    fn table(&self, out: &mut Table<'_>) -> Rendered {
        out.as_simple(self)
    }

    fn protobuf(&self, out: &mut Protobuf<'_>) -> Rendered {
        out.as_simple(self)
    }
}
