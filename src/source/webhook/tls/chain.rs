//! Checks a certificate chain as a client does, before it is used.
//!
//! A client must get from the first certificate to one that it trusts. It is not known which
//! ones it trusts, so the topmost valid certificates in the file stand for them. A single
//! certificate is usable: its issuer can be a root that the clients have, as with a private
//! authority. Unless it is self-signed, this gives a warning, because more often the
//! certificates of its issuers were forgotten.

use crate::reading::UnixNanos;
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::pki_types::{CertificateDer, SignatureVerificationAlgorithm, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, Error, RootCertStore};
use std::time::Duration;
use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::time::Time;

/// Why no client can verify a chain; a part of a sentence.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ChainFault {
    /// A certificate is not readable.
    #[error("certificate {0} of the file cannot be read")]
    Unreadable(usize),
    /// Every issuer has expired, or is not valid yet.
    #[error("the certificates of its issuers are not valid at this time")]
    IssuersNotValid,
    /// A certificate between the first and the last is missing, or belongs to another chain.
    #[error("its issuer is not among the other certificates of the file, or one of them is missing or not valid")]
    Broken,
    /// The verifier's reason.
    #[error("{0}")]
    Refused(Error),
}

/// The warning of a single certificate that is not self-signed; a part of a sentence.
const ALONE: &str = "it comes without its issuer: only a client that has the issuer's certificate can verify it";

/// The parts of a certificate that the check needs.
struct Link<'a> {
    der: &'a CertificateDer<'static>,
    subject: Vec<u8>,
    issuer: Vec<u8>,
    from: UnixNanos,
    until: UnixNanos,
}

/// Checks the chain at the time `now`, and returns a warning if only some clients can verify it. Whether the first certificate itself has expired is for
/// the caller: an expired one is served until there is another.
pub(super) fn check(
    chain: &[CertificateDer<'static>],
    now: UnixNanos,
    algorithms: &[&dyn SignatureVerificationAlgorithm],
) -> Result<Option<&'static str>, ChainFault> {
    let links: Vec<Link<'_>> = chain
        .iter()
        .enumerate()
        .map(|(index, der)| Link::read(der).ok_or(ChainFault::Unreadable(index + 1)))
        .collect::<Result<_, _>>()?;
    let Some((first, others)) = links.split_first() else { return Err(ChainFault::Unreadable(1)) };
    if others.is_empty() {
        return Ok((!first.is_self_signed()).then_some(ALONE));
    }
    let at = now.max(first.from).min(first.until);
    let valid: Vec<&Link<'_>> = others.iter().filter(|link| link.from <= at && at <= link.until).collect();
    let mut trusted = RootCertStore::empty();
    for top in valid.iter().filter(|link| link.is_top(&valid)) {
        trusted.add(top.der.clone()).map_err(ChainFault::Refused)?;
    }
    if trusted.is_empty() {
        return Err(ChainFault::IssuersNotValid);
    }
    let between: Vec<CertificateDer<'_>> = others.iter().map(|link| link.der.clone()).collect();
    let parsed = ParsedCertificate::try_from(first.der).map_err(ChainFault::Refused)?;
    let seconds = Duration::from_secs(u64::try_from(at.0 / 1_000_000_000).unwrap_or_default());
    let at = UnixTime::since_unix_epoch(seconds);
    match verify_server_cert_signed_by_trust_anchor(&parsed, &trusted, &between, at, algorithms) {
        Ok(()) => Ok(None),
        Err(Error::InvalidCertificate(CertificateError::UnknownIssuer)) => Err(ChainFault::Broken),
        Err(other) => Err(ChainFault::Refused(other)),
    }
}

impl<'a> Link<'a> {
    fn read(der: &'a CertificateDer<'static>) -> Option<Self> {
        let certificate = Certificate::from_der(der).ok()?;
        let parts = certificate.tbs_certificate();
        Some(Self {
            der,
            subject: encoded(parts.subject())?,
            issuer: encoded(parts.issuer())?,
            from: nanos(&parts.validity().not_before),
            until: nanos(&parts.validity().not_after),
        })
    }

    fn is_self_signed(&self) -> bool {
        self.subject == self.issuer
    }

    /// Whether none of these certificates issued it.
    fn is_top(&self, others: &[&Link<'_>]) -> bool {
        self.is_self_signed() || others.iter().all(|other| other.subject != self.issuer)
    }
}

fn encoded(name: &x509_cert::name::Name) -> Option<Vec<u8>> {
    x509_cert::der::Encode::to_der(name).ok()
}

/// An instant, saturated to our range.
fn nanos(time: &Time) -> UnixNanos {
    UnixNanos(i64::try_from(time.to_unix_duration().as_nanos()).unwrap_or(i64::MAX))
}

/// The end of a certificate's validity; `None` if it cannot be read.
pub(super) fn not_after(der: &[u8]) -> Option<UnixNanos> {
    Some(nanos(&Certificate::from_der(der).ok()?.tbs_certificate().validity().not_after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_certificate_is_found_and_a_cut_one_is_not_read() {
        let key = rcgen::KeyPair::generate().unwrap();
        for (year, nanos) in [(2031, Some("2031-05-06T00:00:00Z")), (2100, Some("2100-05-06T00:00:00Z")), (9999, None)]
        {
            let mut parameters = rcgen::CertificateParams::new(vec!["meterline.test".to_owned()]).unwrap();
            parameters.not_after = rcgen::date_time_ymd(year, 5, 6);
            let certificate = parameters.self_signed(&key).unwrap();
            let der = certificate.der();
            let end = not_after(der).unwrap();
            assert_eq!(nanos.map_or(UnixNanos(i64::MAX).to_string(), str::to_owned), end.to_string());
            assert!((0..der.len()).all(|end| not_after(&der[..end]).is_none()));
        }
    }
}
