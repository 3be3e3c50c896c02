//! Member and cluster ids, computed from peer URLs and the cluster token, so that all members of a new cluster compute
//! the same ones. Source: etcd v3.7.1, server/etcdserver/api/membership/{member,cluster}.go.

use sha1::{Digest as _, Sha1};

/// The id of an initial member: the first 8 bytes of the SHA-1 of its sorted peer URLs and the cluster token,
/// concatenated.
pub fn member_id<S: AsRef<str>>(peer_urls: &[S], cluster_token: &str) -> u64 {
    let mut urls: Vec<&str> = peer_urls.iter().map(AsRef::as_ref).collect();
    urls.sort_unstable();
    let mut hash = Sha1::new();
    for url in urls {
        hash.update(url);
    }
    hash.update(cluster_token);
    first_8(&hash.finalize())
}

/// The id of a cluster: the first 8 bytes of the SHA-1 of its initial members' ids in order.
pub fn cluster_id(member_ids: &[u64]) -> u64 {
    let mut ids = member_ids.to_vec();
    ids.sort_unstable();
    let mut hash = Sha1::new();
    for id in ids {
        hash.update(id.to_be_bytes());
    }
    first_8(&hash.finalize())
}

fn first_8(digest: &[u8]) -> u64 {
    // SHA-1 has 20 bytes.
    digest
        .first_chunk::<8>()
        .map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_default_start_has_etcds_well_known_ids() {
        let member = member_id(&["http://localhost:2380"], "etcd-cluster");
        assert_eq!(member, 0x8e9e_05c5_2164_694d);
        assert_eq!(cluster_id(&[member]), 0xcdf8_1819_4e3a_8c32);
    }

    #[test]
    fn the_order_of_urls_does_not_matter() {
        let a = member_id(&["http://a:1", "http://b:1"], "t");
        assert_eq!(a, member_id(&["http://b:1", "http://a:1"], "t"));
        assert_eq!(cluster_id(&[1, 2]), cluster_id(&[2, 1]));
    }
}
