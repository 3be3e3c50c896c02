//! Keys and signatures of JSON Web Tokens, for every signing method that etcd supports. Uses `ring`, and `p521` for the
//! curve that `ring` lacks; crates for complete tokens support neither ES512 nor keys in SEC1 form. Source: etcd
//! v3.7.1, server/auth/options.go, github.com/golang-jwt/jwt v5, RFC 7518.

use p521::ecdsa::{
    Signature, SigningKey, VerifyingKey,
    signature::{Signer as _, Verifier as _},
};
use pkcs8::{
    ObjectIdentifier, PrivateKeyInfoRef,
    der::{Decode as _, asn1::OctetStringRef},
    spki::SubjectPublicKeyInfoRef,
};
use ring::{
    hmac,
    rand::SystemRandom,
    signature::{
        self, ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED,
        ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RsaKeyPair,
        UnparsedPublicKey, VerificationAlgorithm,
    },
};

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const P521: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

/// The signature scheme of a method.
#[derive(Clone, Copy)]
enum Scheme {
    Hmac(hmac::Algorithm),
    Rsa(
        &'static dyn signature::RsaEncoding,
        &'static dyn VerificationAlgorithm,
    ),
    Ec(ObjectIdentifier),
    Ed25519,
}

/// A signing method.
#[derive(Clone, Copy)]
pub struct Method {
    name: &'static str,
    scheme: Scheme,
}

const METHODS: &[Method] = {
    use ring::signature as s;
    const fn method(name: &'static str, scheme: Scheme) -> Method {
        Method { name, scheme }
    }
    &[
        method("HS256", Scheme::Hmac(hmac::HMAC_SHA256)),
        method("HS384", Scheme::Hmac(hmac::HMAC_SHA384)),
        method("HS512", Scheme::Hmac(hmac::HMAC_SHA512)),
        method(
            "RS256",
            Scheme::Rsa(&s::RSA_PKCS1_SHA256, &s::RSA_PKCS1_2048_8192_SHA256),
        ),
        method(
            "RS384",
            Scheme::Rsa(&s::RSA_PKCS1_SHA384, &s::RSA_PKCS1_2048_8192_SHA384),
        ),
        method(
            "RS512",
            Scheme::Rsa(&s::RSA_PKCS1_SHA512, &s::RSA_PKCS1_2048_8192_SHA512),
        ),
        method(
            "PS256",
            Scheme::Rsa(&s::RSA_PSS_SHA256, &s::RSA_PSS_2048_8192_SHA256),
        ),
        method(
            "PS384",
            Scheme::Rsa(&s::RSA_PSS_SHA384, &s::RSA_PSS_2048_8192_SHA384),
        ),
        method(
            "PS512",
            Scheme::Rsa(&s::RSA_PSS_SHA512, &s::RSA_PSS_2048_8192_SHA512),
        ),
        method("ES256", Scheme::Ec(P256)),
        method("ES384", Scheme::Ec(P384)),
        method("ES512", Scheme::Ec(P521)),
        method("EdDSA", Scheme::Ed25519),
    ]
};

impl Method {
    /// The method with this name.
    pub fn find(name: &str) -> Option<Method> {
        METHODS.iter().find(|m| m.name == name).copied()
    }

    /// Its name, as in a token's `alg` header.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The names of all methods, for messages.
    pub fn names() -> String {
        let names: Vec<_> = METHODS.iter().map(|m| m.name).collect();
        names.join(", ")
    }
}

/// Why a key cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The key is missing.
    #[error("sign-method {0} needs {1}")]
    Missing(&'static str, &'static str),
    /// The file does not contain a PEM key.
    #[error("{0} contains no PEM key")]
    NotPem(&'static str),
    /// The key has the wrong type.
    #[error(
        "{0} contains no key that sign-method {1} can use (RSA needs 2048 bits, ES256, ES384 and ES512 each its own curve)"
    )]
    Unusable(&'static str, &'static str),
    /// The two keys do not match.
    #[error("pub-key and priv-key do not match")]
    Mismatch,
}

/// The option with the private key, for messages.
const PRIVATE: &str = "priv-key";
/// The option with the public key, for messages.
const PUBLIC: &str = "pub-key";

enum Private {
    Hmac(hmac::Key),
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair),
    P521(SigningKey),
    Ed25519(Ed25519KeyPair),
}

/// The keys of a signing method: the private key for signing, if there is one, and the public key.
pub struct Keys {
    method: Method,
    private: Option<Private>,
    /// The public key in the form that `ring` reads: PKCS#1 for RSA, otherwise a point. Empty with HMAC.
    public: Vec<u8>,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Never print the keys.
        f.debug_struct("Keys")
            .field("method", &self.method.name)
            .finish_non_exhaustive()
    }
}

impl Keys {
    /// The keys for a method, from the contents of the files with private and public key.
    ///
    /// # Errors
    /// See [`KeyError`].
    pub fn new(
        method: Method,
        private: Option<&[u8]>,
        public: Option<&[u8]>,
    ) -> Result<Keys, KeyError> {
        let private = private.filter(|file| !file.is_empty());
        let public = public.filter(|file| !file.is_empty());
        if let Scheme::Hmac(algorithm) = method.scheme {
            let secret = private.ok_or(KeyError::Missing(method.name, PRIVATE))?;
            return Ok(Keys {
                method,
                private: Some(Private::Hmac(hmac::Key::new(algorithm, secret))),
                public: Vec::new(),
            });
        }
        let private = private.map(|file| read_private(method, file)).transpose()?;
        let public = public.map(|file| read_public(method, file)).transpose()?;
        let (private, public) = match (private, public) {
            (None, None) => return Err(KeyError::Missing(method.name, "priv-key or pub-key")),
            (None, Some(public)) => (None, public),
            (Some((private, own)), None) => (Some(private), own),
            (Some((_, own)), Some(public)) if own != public => return Err(KeyError::Mismatch),
            (Some((private, own)), Some(_)) => (Some(private), own),
        };
        Ok(Keys {
            method,
            private,
            public,
        })
    }

    /// The signing method.
    pub fn method(&self) -> Method {
        self.method
    }

    /// Signs a message; `None` if there is no private key.
    pub fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        let random = SystemRandom::new();
        match (self.private.as_ref()?, self.method.scheme) {
            (Private::Hmac(key), _) => Some(hmac::sign(key, message).as_ref().to_vec()),
            (Private::Rsa(key), Scheme::Rsa(encoding, _)) => {
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(encoding, &random, message, &mut signature).ok()?;
                Some(signature)
            }
            (Private::Ec(key), _) => Some(key.sign(&random, message).ok()?.as_ref().to_vec()),
            (Private::P521(key), _) => {
                let signature: Signature = key.try_sign(message).ok()?;
                Some(signature.to_bytes().to_vec())
            }
            (Private::Ed25519(key), _) => Some(key.sign(message).as_ref().to_vec()),
            (Private::Rsa(_), _) => None,
        }
    }

    /// Whether a signature is valid.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        let with = |algorithm: &'static dyn VerificationAlgorithm| {
            let key = UnparsedPublicKey::new(algorithm, &self.public);
            key.verify(message, signature).is_ok()
        };
        match self.method.scheme {
            Scheme::Hmac(_) => match &self.private {
                Some(Private::Hmac(key)) => hmac::verify(key, message, signature).is_ok(),
                _ => false,
            },
            Scheme::Rsa(_, algorithm) => with(algorithm),
            Scheme::Ec(P256) => with(&ECDSA_P256_SHA256_FIXED),
            Scheme::Ec(P384) => with(&ECDSA_P384_SHA384_FIXED),
            Scheme::Ec(_) => {
                let key = VerifyingKey::from_sec1_bytes(&self.public);
                let signature = Signature::from_slice(signature);
                matches!((key, signature), (Ok(k), Ok(s)) if k.verify(message, &s).is_ok())
            }
            Scheme::Ed25519 => with(&signature::ED25519),
        }
    }
}

/// The contents of the first block of a PEM file that is a key. `openssl ecparam` writes a block with the curve before
/// it.
fn pem(file: &[u8], option: &'static str) -> Result<Vec<u8>, KeyError> {
    let blocks = pem::parse_many(file).map_err(|_| KeyError::NotPem(option))?;
    let block = blocks.into_iter().find(|b| b.tag() != "EC PARAMETERS");
    block
        .map(pem::Pem::into_contents)
        .ok_or(KeyError::NotPem(option))
}

/// Reads a private key in any form that Go accepts. Returns it with its public key.
fn read_private(method: Method, file: &[u8]) -> Result<(Private, Vec<u8>), KeyError> {
    let der = pem(file, PRIVATE)?;
    let pkcs8 = PrivateKeyInfoRef::from_der(&der).ok();
    let key = match method.scheme {
        Scheme::Rsa(..) => rsa_private(&der, pkcs8.as_ref()),
        Scheme::Ec(curve) => ec_private(curve, &der, pkcs8.as_ref()),
        Scheme::Ed25519 => ed_private(pkcs8.as_ref()),
        Scheme::Hmac(_) => None,
    };
    key.ok_or(KeyError::Unusable(PRIVATE, method.name))
}

fn rsa_private(der: &[u8], pkcs8: Option<&PrivateKeyInfoRef<'_>>) -> Option<(Private, Vec<u8>)> {
    let pkcs1 = match pkcs8 {
        Some(info) if info.algorithm.oid == RSA => info.private_key.as_bytes(),
        Some(_) => return None,
        None => der,
    };
    let key = RsaKeyPair::from_der(pkcs1).ok()?;
    let public = key.public_key().as_ref().to_vec();
    Some((Private::Rsa(key), public))
}

fn ec_private(
    curve: ObjectIdentifier,
    der: &[u8],
    pkcs8: Option<&PrivateKeyInfoRef<'_>>,
) -> Option<(Private, Vec<u8>)> {
    // In PKCS #8, the curve is given outside the inner key.
    let (key, named) = match pkcs8 {
        Some(info) if info.algorithm.oid == EC => {
            let key = sec1::EcPrivateKey::from_der(info.private_key.as_bytes()).ok()?;
            (key, info.algorithm.parameters_oid().ok()?)
        }
        Some(_) => return None,
        None => {
            let key = sec1::EcPrivateKey::from_der(der).ok()?;
            let named = key.parameters.and_then(|p| p.named_curve())?;
            (key, named)
        }
    };
    if named != curve {
        return None;
    }
    if curve == P521 {
        let key = SigningKey::from_slice(key.private_key).ok()?;
        let public = VerifyingKey::from(&key)
            .to_sec1_point(false)
            .as_bytes()
            .to_vec();
        return Some((Private::P521(key), public));
    }
    let algorithm = match curve {
        P256 => &ECDSA_P256_SHA256_FIXED_SIGNING,
        _ => &ECDSA_P384_SHA384_FIXED_SIGNING,
    };
    let random = SystemRandom::new();
    let (private, public) = (key.private_key, key.public_key?);
    let key =
        EcdsaKeyPair::from_private_key_and_public_key(algorithm, private, public, &random).ok()?;
    let public = key.public_key().as_ref().to_vec();
    Some((Private::Ec(key), public))
}

fn ed_private(pkcs8: Option<&PrivateKeyInfoRef<'_>>) -> Option<(Private, Vec<u8>)> {
    let info = pkcs8.filter(|info| info.algorithm.oid == ED25519)?;
    let seed = <&OctetStringRef>::from_der(info.private_key.as_bytes()).ok()?;
    let key = Ed25519KeyPair::from_seed_unchecked(seed.as_bytes()).ok()?;
    let public = key.public_key().as_ref().to_vec();
    Some((Private::Ed25519(key), public))
}

/// Reads a public key in any form that Go accepts: by itself, in a certificate, and for RSA in PKCS #1.
fn read_public(method: Method, file: &[u8]) -> Result<Vec<u8>, KeyError> {
    let der = pem(file, PUBLIC)?;
    let in_certificate = || {
        let certificate = rustls::pki_types::CertificateDer::from(der.as_slice());
        let parsed = webpki::EndEntityCert::try_from(&certificate).ok()?;
        Some(parsed.subject_public_key_info().as_ref().to_vec())
    };
    let spki = match SubjectPublicKeyInfoRef::from_der(&der) {
        Ok(_) => Some(der.clone()),
        Err(_) => in_certificate(),
    };
    let info = spki
        .as_deref()
        .and_then(|der| SubjectPublicKeyInfoRef::from_der(der).ok());
    let is_usable = |info: &SubjectPublicKeyInfoRef<'_>| match method.scheme {
        Scheme::Rsa(..) => info.algorithm.oid == RSA,
        Scheme::Ec(curve) => {
            info.algorithm.oid == EC && info.algorithm.parameters_oid() == Ok(curve)
        }
        Scheme::Ed25519 => info.algorithm.oid == ED25519,
        Scheme::Hmac(_) => false,
    };
    let key = match (&info, method.scheme) {
        (Some(info), _) if is_usable(info) => {
            info.subject_public_key.as_bytes().map(<[u8]>::to_vec)
        }
        (None, Scheme::Rsa(..)) => Some(der.clone()),
        _ => None,
    };
    // Reject now a key that could not verify any signature.
    let key = key.filter(|key| match method.scheme {
        Scheme::Rsa(..) => is_rsa_public(key),
        _ => true,
    });
    key.ok_or(KeyError::Unusable(PUBLIC, method.name))
}

/// Whether these bytes can be an RSA public key in PKCS #1 form that `ring` accepts: its modulus has at least 2048
/// bits.
fn is_rsa_public(der: &[u8]) -> bool {
    der.len() > 256 && <&pkcs8::der::asn1::SequenceRef>::from_der(der).is_ok()
}

#[cfg(test)]
#[path = "jwt_key_tests.rs"]
mod tests;
