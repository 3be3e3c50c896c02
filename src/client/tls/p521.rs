//! ECDSA on the curve P-521, which `ring` does not support, but which etcd uses for the certificates of `--auto-tls`
//! and `--peer-auto-tls` (etcd v3.7.1, client/pkg/transport/listener.go). Verifies and creates signatures.

use p521::{
    SecretKey,
    ecdsa::{
        Signature, SigningKey, VerifyingKey,
        signature::hazmat::{PrehashSigner, PrehashVerifier},
    },
    pkcs8::DecodePrivateKey,
};
use rustls::{
    SignatureAlgorithm, SignatureScheme,
    pki_types::{
        AlgorithmIdentifier, InvalidSignature, PrivateKeyDer, SignatureVerificationAlgorithm,
        SubjectPublicKeyInfoDer, alg_id,
    },
    sign::{Signer, public_key_to_spki},
};
use sha2::{Digest, Sha256, Sha384, Sha512};

/// Size of a field element of the curve in bytes.
const FIELD: usize = 66;

pub const SHA256: &dyn SignatureVerificationAlgorithm =
    &Algorithm(alg_id::ECDSA_SHA256, hash::<Sha256>);
pub const SHA384: &dyn SignatureVerificationAlgorithm =
    &Algorithm(alg_id::ECDSA_SHA384, hash::<Sha384>);
pub const SHA512: &dyn SignatureVerificationAlgorithm =
    &Algorithm(alg_id::ECDSA_SHA512, hash::<Sha512>);

/// The digest, padded with leading zeros to the width of the curve.
fn hash<D: Digest>(message: &[u8]) -> [u8; FIELD] {
    let digest = D::digest(message);
    let mut number = [0; FIELD];
    number[FIELD - digest.len()..].copy_from_slice(&digest);
    number
}

/// A signature algorithm and its hash function.
#[derive(Debug)]
struct Algorithm(AlgorithmIdentifier, fn(&[u8]) -> [u8; FIELD]);

impl SignatureVerificationAlgorithm for Algorithm {
    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        let key = VerifyingKey::from_sec1_bytes(public_key).map_err(|_| InvalidSignature)?;
        let signature = Signature::from_der(signature).map_err(|_| InvalidSignature)?;
        key.verify_prehash(&self.1(message), &signature)
            .map_err(|_| InvalidSignature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::ECDSA_P521
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.0
    }
}

/// A private key.
#[derive(Clone)]
pub struct Key(SigningKey);

impl Key {
    /// `None` if it is a key of another type.
    pub fn read(der: &PrivateKeyDer<'_>) -> Option<Key> {
        let key = match der {
            PrivateKeyDer::Sec1(der) => SecretKey::from_sec1_der(der.secret_sec1_der()).ok()?,
            PrivateKeyDer::Pkcs8(der) => SecretKey::from_pkcs8_der(der.secret_pkcs8_der()).ok()?,
            _ => return None,
        };
        Some(Key(key.into()))
    }
}

impl std::fmt::Debug for Key {
    /// Omits the key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("P-521 key")
    }
}

impl rustls::sign::SigningKey for Key {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        offered
            .contains(&SignatureScheme::ECDSA_NISTP521_SHA512)
            .then(|| Box::new(self.clone()) as Box<dyn Signer>)
    }

    fn public_key(&self) -> Option<SubjectPublicKeyInfoDer<'_>> {
        let point = self.0.verifying_key().to_sec1_point(false);
        Some(public_key_to_spki(&alg_id::ECDSA_P521, point.as_bytes()))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::ECDSA
    }
}

impl Signer for Key {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rustls::Error> {
        let signature: Signature = self
            .0
            .sign_prehash(&hash::<Sha512>(message))
            .map_err(|_| rustls::Error::General("the key can't sign".into()))?;
        Ok(signature.to_der().as_bytes().to_vec())
    }

    fn scheme(&self) -> SignatureScheme {
        SignatureScheme::ECDSA_NISTP521_SHA512
    }
}

#[cfg(test)]
mod tests {
    use base64::{Engine, engine::general_purpose::STANDARD};
    use rustls::sign::SigningKey as _;

    use super::*;

    /// Created with OpenSSL 3 (`ecparam -name secp521r1 -genkey`), for these tests only.
    const SEC1: &str = "MIHcAgEBBEIAUsLIq/96LHWny5CbR5pebPB2O/mqWATkQRY2nRGKt9W5UXDxepSCFeV+LlkBa8fU3hb5JZFutEyNatW3DPrcM+SgBwYFK4EEACOhgYkDgYYABAAY6kzxXlq5w2zMz3yjUkKXpCJwJ7A+dNFPFGspz9UM+nX/QUOj6vLpcPjeFDcim2hJMNnBE/JJnOvyZ8M80PTFyACabMM3np+t/CB5qyy487wLdIr0mfBIQh8OdJHkbBCJwa2qF5sdZUmM4kToZ/3lpXwAGeMDsljjOBgsfRmLr2GViw==";
    const PKCS8: &str = "MIHuAgEAMBAGByqGSM49AgEGBSuBBAAjBIHWMIHTAgEBBEIAUsLIq/96LHWny5CbR5pebPB2O/mqWATkQRY2nRGKt9W5UXDxepSCFeV+LlkBa8fU3hb5JZFutEyNatW3DPrcM+ShgYkDgYYABAAY6kzxXlq5w2zMz3yjUkKXpCJwJ7A+dNFPFGspz9UM+nX/QUOj6vLpcPjeFDcim2hJMNnBE/JJnOvyZ8M80PTFyACabMM3np+t/CB5qyy487wLdIr0mfBIQh8OdJHkbBCJwa2qF5sdZUmM4kToZ/3lpXwAGeMDsljjOBgsfRmLr2GViw==";
    /// Its signatures of `sample` by `openssl dgst -sha256`, `-sha384` and `-sha512`.
    const SIGNATURES: [(&str, &dyn SignatureVerificationAlgorithm); 3] = [
        (
            "MIGHAkFqonCdw6W7QkSUL3VVaIaCE3o/eot7c5b1eZOItSc/ydXtkM+lpKgmk3MFP2GpNKvQaG7e9CVKBOhHGMFZuYhJjgJCAU50I4Q0rNvtHlqKcOTRAqXaWCYxHbibaf0t2GFWnwL3mhww850cfu9BrzPUQrOgXCf0X45SdsCKIAsFhpirI+FW",
            SHA256,
        ),
        (
            "MIGIAkIBCskVLhLBj9hAf13pGDWYdMzEKfhIJRa38uncgQ0ROMKuOpjCMPJ3P2OWeFX5cksHtsF66MQiVrhSxsxomb0SP+UCQgH1XyxYHvgPLm7p3CKP5rYkR+w3orPId7gqL5ZOf2ObL2rTGwbsuHJlFYW8g45cH0uFgK/iAaUfBNs3Wr43rv0Erw==",
            SHA384,
        ),
        (
            "MIGIAkIBAXZAhLJRiq8wsJu0JwQ+LiEfBigeQ6ulvL6mK4Mm2Clb9JZYkjkIXMYaqrDa/CzvkqqRieRZ9aswQqh5ukxpjkcCQgHzU2PhFcjj5ZdVPzoG6Pk95z4qO9R/3XXYP7kO3jiPCqgT0gcnCO89BZn+uAvJsZeGrdW2qrN+UHKSkh7YQn1kxQ==",
            SHA512,
        ),
    ];

    fn decode(text: &str) -> Vec<u8> {
        STANDARD.decode(text).unwrap()
    }

    #[test]
    fn signatures_of_openssl_are_good_and_others_are_not() {
        let key = Key::read(&PrivateKeyDer::Sec1(decode(SEC1).into())).unwrap();
        let point = key.0.verifying_key().to_sec1_point(false);
        for (signature, algorithm) in SIGNATURES {
            let signature = decode(signature);
            let check = |message| algorithm.verify_signature(point.as_bytes(), message, &signature);
            assert!(check(b"sample").is_ok(), "{algorithm:?}");
            assert!(check(b"simple").is_err(), "{algorithm:?}");
        }
        assert!(
            SHA512
                .verify_signature(&[4; 133], b"sample", &decode(SIGNATURES[2].0))
                .is_err()
        );
    }

    #[test]
    fn both_forms_of_a_key_sign() {
        let sec1 = Key::read(&PrivateKeyDer::Sec1(decode(SEC1).into())).unwrap();
        let pkcs8 = Key::read(&PrivateKeyDer::Pkcs8(decode(PKCS8).into())).unwrap();
        assert_eq!(sec1.public_key(), pkcs8.public_key());
        let signer = pkcs8
            .choose_scheme(&[SignatureScheme::ECDSA_NISTP521_SHA512])
            .unwrap();
        let signature = signer.sign(b"message").unwrap();
        let point = sec1.0.verifying_key().to_sec1_point(false);
        assert!(
            SHA512
                .verify_signature(point.as_bytes(), b"message", &signature)
                .is_ok()
        );
        assert!(sec1.choose_scheme(&[SignatureScheme::ED25519]).is_none());
        assert_eq!(format!("{sec1:?}"), "P-521 key");
    }
}
