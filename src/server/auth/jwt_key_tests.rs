use super::*;

macro_rules! key {
    ($name:literal) => {
        include_bytes!(concat!("../../../tests/data/jwt/", $name)).as_slice()
    };
}

fn method(name: &str) -> Method {
    Method::find(name).unwrap()
}

fn refusal(name: &str, private: Option<&[u8]>, public: Option<&[u8]>) -> KeyError {
    Keys::new(method(name), private, public).unwrap_err()
}

/// Signs with each form of key of every method and verifies with another.
#[test]
fn every_method_and_every_form_of_a_key() {
    let rsa: (&[&[u8]], &[&[u8]]) = (
        &[key!("rsa.pem"), key!("rsa-pkcs1.pem")],
        &[
            key!("rsa.pub.pem"),
            key!("rsa-pkcs1.pub.pem"),
            key!("rsa.cert.pem"),
        ],
    );
    let es256: (&[&[u8]], &[&[u8]]) = (
        &[key!("es256.pem"), key!("es256-sec1.pem")],
        &[key!("es256.pub.pem")],
    );
    let es384: (&[&[u8]], &[&[u8]]) = (
        &[key!("es384.pem"), key!("es384-sec1.pem")],
        &[key!("es384.pub.pem")],
    );
    let es512: (&[&[u8]], &[&[u8]]) = (
        &[key!("es512.pem"), key!("es512-sec1.pem")],
        &[key!("es512.pub.pem")],
    );
    let ed: (&[&[u8]], &[&[u8]]) = (&[key!("ed25519.pem")], &[key!("ed25519.pub.pem")]);
    let secret: (&[&[u8]], &[&[u8]]) = (&[b"secret"], &[]);
    for Method { name, scheme } in METHODS {
        let (private, public) = match (scheme, *name) {
            (Scheme::Hmac(_), _) => secret,
            (Scheme::Rsa(..), _) => rsa,
            (Scheme::Ed25519, _) => ed,
            (Scheme::Ec(_), "ES256") => es256,
            (Scheme::Ec(_), "ES384") => es384,
            (Scheme::Ec(_), _) => es512,
        };
        let method = method(name);
        for file in private {
            let keys = Keys::new(method, Some(file), None).unwrap();
            let signature = keys.sign(b"message").unwrap();
            assert!(keys.verify(b"message", &signature), "{name}");
            assert!(!keys.verify(b"massage", &signature), "{name}");
            assert!(!keys.verify(b"message", &signature[1..]), "{name}");
            for public in public {
                let pair = Keys::new(method, Some(file), Some(public)).unwrap();
                assert!(pair.verify(b"message", &signature), "{name}");
                let verify_only = Keys::new(method, None, Some(public)).unwrap();
                assert!(verify_only.verify(b"message", &signature), "{name}");
                assert_eq!(verify_only.sign(b"message"), None, "{name}");
            }
        }
    }
}

#[test]
fn methods_have_the_lengths_of_rfc_7518() {
    let length = |name, file| {
        let keys = Keys::new(method(name), Some(file), None).unwrap();
        keys.sign(b"message").unwrap().len()
    };
    assert_eq!(length("ES256", key!("es256.pem")), 64);
    assert_eq!(length("ES384", key!("es384.pem")), 96);
    assert_eq!(length("ES512", key!("es512.pem")), 132);
    assert_eq!(length("EdDSA", key!("ed25519.pem")), 64);
    assert_eq!(length("RS512", key!("rsa.pem")), 256);
    assert_eq!(length("HS384", b"secret"), 48);
}

#[test]
fn keys_of_other_kinds_are_refused() {
    let (rsa, ed) = (key!("rsa.pem"), key!("ed25519.pem"));
    for (name, private) in [
        ("RS256", ed),
        ("RS256", key!("es256-sec1.pem")),
        ("RS256", key!("rsa-short.pem")),
        ("ES256", key!("es384.pem")),
        ("ES256", key!("es384-sec1.pem")),
        ("ES512", key!("es256.pem")),
        ("ES384", rsa),
        ("EdDSA", rsa),
        ("EdDSA", key!("es256-sec1.pem")),
        ("PS256", key!("rsa.pub.pem")),
    ] {
        assert_eq!(
            refusal(name, Some(private), None),
            KeyError::Unusable(PRIVATE, method(name).name),
            "{name}"
        );
    }
    for (name, public) in [
        ("RS256", key!("ed25519.pub.pem")),
        ("RS256", key!("rsa-short.pub.pem")),
        ("ES256", key!("es512.pub.pem")),
        ("ES384", key!("rsa.cert.pem")),
        ("EdDSA", key!("es256.pub.pem")),
        ("EdDSA", ed),
    ] {
        assert_eq!(
            refusal(name, None, Some(public)),
            KeyError::Unusable(PUBLIC, method(name).name),
            "{name}"
        );
    }
}

#[test]
fn missing_and_mismatched_keys_are_rejected() {
    assert_eq!(
        refusal("RS256", None, None).to_string(),
        "sign-method RS256 needs priv-key or pub-key"
    );
    assert_eq!(
        refusal("HS256", None, Some(b"x")).to_string(),
        "sign-method HS256 needs priv-key"
    );
    assert_eq!(
        refusal("HS256", Some(b""), None).to_string(),
        "sign-method HS256 needs priv-key"
    );
    let garbage: &[u8] = b"secret";
    assert_eq!(
        refusal("RS256", Some(garbage), None),
        KeyError::NotPem(PRIVATE)
    );
    assert_eq!(
        refusal("EdDSA", None, Some(garbage)),
        KeyError::NotPem(PUBLIC)
    );
    let other = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
    let mut spki = vec![
        0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
    ];
    spki.extend(other.public_key().as_ref());
    let other = pem::encode(&pem::Pem::new("PUBLIC KEY", spki));
    let refused = refusal("EdDSA", Some(key!("ed25519.pem")), Some(other.as_bytes()));
    assert_eq!(refused, KeyError::Mismatch);
}

#[test]
fn damaged_keys_are_refused() {
    for name in ["es256-sec1.pem", "ed25519.pem", "rsa-pkcs1.pem"] {
        let file = std::fs::read(format!("tests/data/jwt/{name}")).unwrap();
        let blocks = pem::parse_many(&file).unwrap();
        let whole = blocks.last().unwrap().contents();
        for cut in (0..whole.len()).step_by(7) {
            let block = pem::Pem::new("PRIVATE KEY", &whole[..cut]);
            let file = pem::encode(&block);
            for m in ["ES256", "ES512", "EdDSA", "RS256"] {
                assert!(
                    Keys::new(method(m), Some(file.as_bytes()), None).is_err(),
                    "{name} {cut}"
                );
                assert!(
                    Keys::new(method(m), None, Some(file.as_bytes())).is_err(),
                    "{name} {cut}"
                );
            }
        }
    }
}

#[test]
fn keys_are_never_printed() {
    let keys = Keys::new(method("HS256"), Some(b"secret"), None).unwrap();
    assert_eq!(format!("{keys:?}"), r#"Keys { method: "HS256", .. }"#);
}
