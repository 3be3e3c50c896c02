//! Replies of the commands under `check`. etcdctl prints text in every format; the JSON is ours.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::output::{
    Rendered, Reply, fields::Fields, json::Json, protobuf::Protobuf, simple::Simple, table::Table,
};

/// `check perf`.
#[derive(Clone, Debug)]
pub struct Perf {
    /// Requested puts per second.
    pub wanted: f64,
    /// Successful puts per second.
    pub rate: f64,
    /// The slowest put, in seconds.
    pub slowest: f64,
    /// Standard deviation of the durations in seconds.
    pub deviation: f64,
    /// Number of occurrences of each error.
    pub errors: BTreeMap<String, u64>,
}

/// The limits of `check perf` (etcd v3.7.1, etcdctl/ctlv3/command/check.go): the fraction of the rate that must be
/// reached, and the durations in seconds that must not be exceeded.
const LEAST_PART: f64 = 0.9;
const SLOWEST: f64 = 0.5;
const DEVIATION: f64 = 0.1;

impl Perf {
    fn fast_enough(&self) -> bool {
        self.rate / self.wanted > LEAST_PART
    }

    /// Whether all limits were met.
    pub fn passed(&self) -> bool {
        self.errors.is_empty()
            && self.fast_enough()
            && self.slowest <= SLOWEST
            && self.deviation <= DEVIATION
    }
}

impl Reply for Perf {
    fn simple(&self, out: &mut Simple<'_>) -> Rendered {
        errors(&self.errors, out)?;
        // etcdctl rounds up.
        let rate = self.rate as i64 + 1;
        if self.fast_enough() {
            out.line(format_args!("PASS: Throughput is {rate} writes/s"))?;
        } else {
            out.line(format_args!("FAIL: Throughput too low: {rate} writes/s"))?;
        }
        let slowest = self.slowest;
        if slowest <= SLOWEST {
            out.line(format_args!("PASS: Slowest request took {slowest:.6}s"))?;
        } else {
            out.line(format_args!("Slowest request took too long: {slowest:.6}s"))?;
        }
        let deviation = self.deviation;
        if deviation <= DEVIATION {
            out.line(format_args!("PASS: Stddev is {deviation:.6}s"))?;
        } else {
            out.line(format_args!("Stddev too high: {deviation:.6}s"))?;
        }
        out.line(if self.passed() { "PASS" } else { "FAIL" })
    }

    fn fields(&self, out: &mut Fields<'_>) -> Rendered {
        out.as_simple(self)
    }

    fn json(&self, out: &mut Json<'_>) -> Rendered {
        out.value(&PerfJson {
            pass: self.passed(),
            writes_per_second: self.rate,
            slowest_seconds: self.slowest,
            stddev_seconds: self.deviation,
            errors: &self.errors,
        })
    }

    fn table(&self, out: &mut Table<'_>) -> Rendered {
        out.as_simple(self)
    }

    fn protobuf(&self, out: &mut Protobuf<'_>) -> Rendered {
        out.as_simple(self)
    }
}

fn errors(errors: &BTreeMap<String, u64>, out: &mut Simple<'_>) -> Rendered {
    if errors.is_empty() {
        return Ok(());
    }
    out.line("FAIL: too many errors")?;
    errors
        .iter()
        .try_for_each(|(error, times)| out.line(format_args!("FAIL: ERROR({error}) -> {times}")))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PerfJson<'a> {
    pass: bool,
    writes_per_second: f64,
    slowest_seconds: f64,
    stddev_seconds: f64,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    errors: &'a BTreeMap<String, u64>,
}

/// `check datascale`.
#[derive(Clone, Debug)]
pub struct Datascale {
    /// Number of keys that were put.
    pub keys: u64,
    /// Increase of the server's memory use in bytes; negative if it decreased.
    pub bytes: f64,
    /// Number of occurrences of each error.
    pub errors: BTreeMap<String, u64>,
}

impl Reply for Datascale {
    fn simple(&self, out: &mut Simple<'_>) -> Rendered {
        if !self.errors.is_empty() {
            return errors(&self.errors, out);
        }
        let megabytes = self.bytes / (1024.0 * 1024.0);
        out.line(format_args!(
            "PASS: Approximate system memory used : {megabytes:.2} MB."
        ))
    }

    fn fields(&self, out: &mut Fields<'_>) -> Rendered {
        out.as_simple(self)
    }

    fn json(&self, out: &mut Json<'_>) -> Rendered {
        out.value(&DatascaleJson {
            pass: self.errors.is_empty(),
            keys: self.keys,
            memory_bytes: self.bytes,
            errors: &self.errors,
        })
    }

    fn table(&self, out: &mut Table<'_>) -> Rendered {
        out.as_simple(self)
    }

    fn protobuf(&self, out: &mut Protobuf<'_>) -> Rendered {
        out.as_simple(self)
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DatascaleJson<'a> {
    pass: bool,
    keys: u64,
    memory_bytes: f64,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    errors: &'a BTreeMap<String, u64>,
}
