//! Turns TLS errors into causes, with the texts of Go's crypto/tls.

use std::io;

use rustls::{AlertDescription, CertificateError, Error, InvalidMessage, PeerIncompatible};

use super::verify::Refused;
use crate::client::cause::Cause;

/// The cause, if `error` comes from TLS.
pub fn cause_of(error: &io::Error) -> Option<Cause> {
    let error = error.get_ref()?.downcast_ref::<Error>()?;
    Some(match error {
        // This is not a TLS record at all.
        Error::InvalidMessage(
            InvalidMessage::InvalidContentType
            | InvalidMessage::UnknownProtocolVersion
            | InvalidMessage::MessageTooLarge
            | InvalidMessage::InvalidEmptyPayload,
        ) => Cause::PlainExpected,
        error => Cause::Tls(text(error)),
    })
}

fn text(error: &Error) -> String {
    match error {
        Error::InvalidCertificate(CertificateError::Other(other)) => {
            match other.0.downcast_ref::<Refused>() {
                Some(refused) => format!("tls: failed to verify certificate: {refused}"),
                None => format!("tls: failed to verify certificate: {}", other.0),
            }
        }
        Error::InvalidCertificate(CertificateError::BadSignature) => {
            "tls: invalid signature by the server certificate".into()
        }
        Error::AlertReceived(alert) => format!("remote error: tls: {}", alert_text(*alert)),
        Error::PeerIncompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
        ) => "tls: server selected unsupported protocol version".into(),
        other => format!("tls: {other}"),
    }
}

fn alert_text(alert: AlertDescription) -> String {
    use AlertDescription as A;
    match alert {
        A::UnknownCA => "unknown certificate authority".into(),
        A::CertificateUnknown => "unknown certificate".into(),
        A::CertificateExpired => "expired certificate".into(),
        A::CertificateRevoked => "revoked certificate".into(),
        A::ProtocolVersion => "protocol version not supported".into(),
        A::InsufficientSecurity => "insufficient security level".into(),
        A::DecodeError => "error decoding message".into(),
        A::DecryptError => "error decrypting message".into(),
        A::BadRecordMac => "bad record MAC".into(),
        A::UnrecognisedName => "unrecognized name".into(),
        A::Unknown(number) => format!("alert({number})"),
        other => {
            let mut text = String::new();
            for c in format!("{other:?}").chars() {
                if c.is_uppercase() && !text.is_empty() {
                    text.push(' ');
                }
                text.extend(c.to_lowercase());
            }
            text
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tls_alerts_have_gos_names() {
        let words = |alert| match cause_of(&io::Error::other(Error::AlertReceived(alert))) {
            Some(Cause::Tls(text)) => text,
            other => panic!("{other:?}"),
        };
        assert_eq!(
            words(AlertDescription::CertificateRequired),
            "remote error: tls: certificate required"
        );
        assert_eq!(
            words(AlertDescription::UnknownCA),
            "remote error: tls: unknown certificate authority"
        );
        assert_eq!(cause_of(&io::Error::other("another")), None);
    }
}
