//! When a certificate ends: the one date of X.509 that operators ask for.
//!
//! rustls checks no server's own dates and has no reader for them, so this walks to
//! the one field: `Certificate`, in it `TBSCertificate`, in it (behind version,
//! serial number, signature and issuer) `Validity`, in it the second time (RFC 5280,
//! 4.1). Everything else is skipped by its length.

use crate::reading::UnixNanos;

const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
/// The explicit tag of the version, which old certificates leave out.
const VERSION: u8 = 0xa0;
/// The last year that is within [`UnixNanos`] as a whole.
const YEAR_MAX: &str = "2261";

/// The end of a certificate's validity; `None` where its DER cannot be read.
pub(super) fn not_after(der: &[u8]) -> Option<UnixNanos> {
    let mut certificate = Fields(der).of_tag(SEQUENCE)?;
    let mut body = certificate.of_tag(SEQUENCE)?;
    if body.0.first() == Some(&VERSION) {
        body.next()?;
    }
    for tag in [INTEGER, SEQUENCE, SEQUENCE] {
        body.of_tag(tag)?;
    }
    let mut validity = body.of_tag(SEQUENCE)?;
    validity.next()?;
    let (tag, Fields(time)) = validity.next()?;
    instant(tag, std::str::from_utf8(time).ok()?)
}

/// What is left of a run of DER values.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    /// The next value's tag and contents.
    fn next(&mut self) -> Option<(u8, Self)> {
        let (&[tag, first], mut rest) = self.0.split_first_chunk()?;
        let mut length = usize::from(first);
        if first & 0x80 != 0 {
            let count = usize::from(first & 0x7f);
            let (bytes, after) = rest.split_at_checked(count).filter(|_| (1..=4).contains(&count))?;
            length = bytes.iter().fold(0, |length, &byte| length << 8 | usize::from(byte));
            rest = after;
        }
        let (contents, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, Self(contents)))
    }

    /// The contents of the next value, which has this tag.
    fn of_tag(&mut self, tag: u8) -> Option<Self> {
        self.next().filter(|(found, _)| *found == tag).map(|(_, contents)| contents)
    }
}

/// `YYMMDDHHMMSSZ` or `YYYYMMDDHHMMSSZ`; beyond 2262 the end of our range.
fn instant(tag: u8, text: &str) -> Option<UnixNanos> {
    let digits = text.strip_suffix('Z').filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    let (year, rest) = match tag {
        // Two digits stand for 1950 to 2049.
        UTC_TIME => digits.split_at_checked(2).map(|(year, rest)| {
            let century = if year < "50" { "20" } else { "19" };
            (format!("{century}{year}"), rest)
        })?,
        GENERALIZED_TIME => digits.split_at_checked(4).map(|(year, rest)| (year.to_owned(), rest))?,
        _ => return None,
    };
    if *year > *YEAR_MAX {
        return Some(UnixNanos(i64::MAX));
    }
    let part = |at: usize| rest.get(at..at + 2).filter(|_| rest.len() == 10);
    let time = format!("{year}-{}-{}T{}:{}:{}Z", part(0)?, part(2)?, part(4)?, part(6)?, part(8)?);
    let time: jiff::Timestamp = time.parse().ok()?;
    Some(UnixNanos(i64::try_from(time.as_nanosecond()).unwrap_or(i64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(tag: u8, text: &str) -> Option<String> {
        instant(tag, text).map(|time| time.to_string())
    }

    #[test]
    fn both_forms_of_time_are_read() {
        assert_eq!(shown(UTC_TIME, "270131120000Z").as_deref(), Some("2027-01-31T12:00:00Z"));
        assert_eq!(shown(UTC_TIME, "991231235959Z").as_deref(), Some("1999-12-31T23:59:59Z"));
        assert_eq!(shown(GENERALIZED_TIME, "20510228000001Z").as_deref(), Some("2051-02-28T00:00:01Z"));
        assert_eq!(instant(GENERALIZED_TIME, "99991231235959Z"), Some(UnixNanos(i64::MAX)), "no end");
    }

    #[test]
    fn other_text_is_no_time() {
        for text in ["", "Z", "2701311200Z", "270131120000", "27013112000é", "271331120000Z", "270131120000+0100"] {
            assert_eq!(shown(UTC_TIME, text), None, "{text}");
        }
        assert_eq!(shown(SEQUENCE, "270131120000Z"), None);
    }

    #[test]
    fn the_end_of_a_certificate_is_found_and_a_cut_one_is_not_read() {
        let key = rcgen::KeyPair::generate().unwrap();
        for (year, shown) in [(2031, "2031-05-06T00:00:00Z"), (2100, "2100-05-06T00:00:00Z")] {
            let mut parameters = rcgen::CertificateParams::new(vec!["meterline.test".to_owned()]).unwrap();
            parameters.not_after = rcgen::date_time_ymd(year, 5, 6);
            let certificate = parameters.self_signed(&key).unwrap();
            let der = certificate.der();
            assert_eq!(not_after(der).map(|time| time.to_string()).as_deref(), Some(shown));
            assert!((0..der.len()).all(|end| not_after(&der[..end]).is_none()));
        }
    }
}
