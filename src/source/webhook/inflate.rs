//! Inflates compressed bodies up to a limit.

use flate2::bufread::MultiGzDecoder;
use flate2::{Decompress, FlushDecompress, Status};
use hyper::HeaderMap;
use hyper::header::CONTENT_ENCODING;
use std::io::Read;

/// The compression of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    /// None.
    Identity,
    /// gzip, of one or more members.
    Gzip,
    /// deflate: with zlib's header as in the standard, or bare, as some send it.
    Deflate,
    /// One that cannot be inflated here, with the reason.
    Unknown(&'static str),
}

/// deflate makes at most this many bytes of one: 258 bytes of two bits.
const INFLATION_MAX: usize = 1032;

/// Why a body cannot be inflated.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum InflateError {
    /// It grows beyond the limit.
    TooLarge,
    /// It is damaged or incomplete.
    Broken(&'static str),
}

impl Encoding {
    /// The encoding in a request's head.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let mut values = headers.get_all(CONTENT_ENCODING).iter();
        let Some(value) = values.next() else { return Self::Identity };
        let name = value.as_bytes().trim_ascii();
        if values.next().is_some() || name.contains(&b',') {
            return Self::Unknown("a body may be compressed once only: send one Content-Encoding");
        }
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        match () {
            () if name.is_empty() || is("identity") => Self::Identity,
            () if is("gzip") || is("x-gzip") => Self::Gzip,
            () if is("deflate") => Self::Deflate,
            () => Self::Unknown("the Content-Encoding is not supported; send identity, gzip or deflate"),
        }
    }

    /// The most bytes that this many can be inflated to; 0 if they stay as they are.
    pub(super) fn inflated_max(self, bytes: usize) -> usize {
        match self {
            Self::Identity | Self::Unknown(_) => 0,
            Self::Gzip | Self::Deflate => bytes.saturating_mul(INFLATION_MAX),
        }
    }

    /// Inflates a body to at most `bytes_max` bytes; `None` if it is not compressed. Nothing
    /// is always nothing.
    pub(super) fn inflate(self, body: &[u8], bytes_max: usize) -> Result<Option<Vec<u8>>, InflateError> {
        match self {
            _ if body.is_empty() => Ok(None),
            Self::Identity => Ok(None),
            Self::Gzip => gunzip(body, bytes_max).map(Some),
            Self::Deflate => inflate(body, bytes_max).map(Some),
            Self::Unknown(why) => Err(InflateError::Broken(why)),
        }
    }
}

fn gunzip(body: &[u8], bytes_max: usize) -> Result<Vec<u8>, InflateError> {
    let mut inflated = Vec::new();
    let cap = u64::try_from(bytes_max).unwrap_or(u64::MAX).saturating_add(1);
    let read = MultiGzDecoder::new(body).take(cap).read_to_end(&mut inflated);
    if inflated.len() > bytes_max {
        return Err(InflateError::TooLarge);
    }
    read.map(|_| inflated).map_err(|_| InflateError::Broken("the gzip body is damaged or incomplete"))
}

/// Written by hand, because flate2's deflate readers accept a truncated stream.
fn inflate(body: &[u8], bytes_max: usize) -> Result<Vec<u8>, InflateError> {
    const BROKEN: InflateError = InflateError::Broken("the deflate body is damaged or incomplete");
    let mut decompress = Decompress::new(has_zlib_head(body));
    let mut inflated = Vec::new();
    let mut rest = body;
    loop {
        if inflated.len() > bytes_max {
            return Err(InflateError::TooLarge);
        }
        let room = inflated.len().max(4096).min(bytes_max + 1 - inflated.len());
        inflated.reserve_exact(room);
        let (read_before, length_before) = (decompress.total_in(), inflated.len());
        let status = decompress.decompress_vec(rest, &mut inflated, FlushDecompress::None).map_err(|_| BROKEN)?;
        let read = usize::try_from(decompress.total_in() - read_before).map_err(|_| BROKEN)?;
        rest = rest.get(read..).ok_or(BROKEN)?;
        if status == Status::StreamEnd {
            break;
        }
        if read == 0 && inflated.len() == length_before {
            return Err(BROKEN);
        }
    }
    match (inflated.len() > bytes_max, rest.is_empty()) {
        (true, _) => Err(InflateError::TooLarge),
        (false, true) => Ok(inflated),
        (false, false) => Err(BROKEN),
    }
}

/// Whether the body begins with a zlib header: method 8, and a multiple of 31.
fn has_zlib_head(body: &[u8]) -> bool {
    matches!(body, [first, second, ..] if first & 0x0f == 8 && (u16::from(*first) << 8 | u16::from(*second)) % 31 == 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::webhook::tests::compressed::{bare, gzip, zlib};
    use proptest::prelude::*;

    #[test]
    fn a_body_of_exactly_the_cap_passes_and_one_byte_more_does_not() {
        let body = vec![7; 10_000];
        for (encoding, packed) in
            [(Encoding::Gzip, gzip(&body)), (Encoding::Deflate, zlib(&body)), (Encoding::Deflate, bare(&body))]
        {
            assert_eq!(encoding.inflate(&packed, 10_000), Ok(Some(body.clone())));
            assert_eq!(encoding.inflate(&packed, 9_999), Err(InflateError::TooLarge));
        }
    }

    #[test]
    fn members_of_gzip_are_joined() {
        let packed = [gzip(b"one"), gzip(b"two")].concat();
        assert_eq!(Encoding::Gzip.inflate(&packed, 100), Ok(Some(b"onetwo".to_vec())));
    }

    #[test]
    fn an_incomplete_stream_is_broken_at_every_length() {
        let body = b"meter values, meter values, meter values, and more".repeat(5);
        for (encoding, packed) in [(Encoding::Gzip, gzip(&body)), (Encoding::Deflate, zlib(&body))] {
            for length in 0..packed.len() {
                let cut = encoding.inflate(&packed[..length], 10_000);
                // gzip of nothing is nothing: an empty body is answered as such.
                assert!(matches!(cut, Err(InflateError::Broken(_))) || length == 0, "{encoding:?} {length} {cut:?}");
            }
        }
    }

    #[test]
    fn no_body_grows_beyond_what_is_reserved_for_it() {
        for length in [1, 100, 10_000, 1 << 20] {
            let zeros = vec![0; length];
            for (encoding, packed) in
                [(Encoding::Gzip, gzip(&zeros)), (Encoding::Deflate, zlib(&zeros)), (Encoding::Deflate, bare(&zeros))]
            {
                assert!(length <= encoding.inflated_max(packed.len()), "{encoding:?} {length}");
            }
        }
    }

    #[test]
    fn bytes_after_the_end_are_broken() {
        assert!(matches!(
            Encoding::Deflate.inflate(&[zlib(b"x"), vec![1]].concat(), 100),
            Err(InflateError::Broken(_))
        ));
        assert!(matches!(Encoding::Gzip.inflate(&[gzip(b"x"), vec![1]].concat(), 100), Err(InflateError::Broken(_))));
    }

    proptest! {
        #[test]
        fn a_deflated_body_is_restored(body in prop::collection::vec(any::<u8>(), 0..20_000)) {
            prop_assert_eq!(Encoding::Gzip.inflate(&gzip(&body), 20_000), Ok(Some(body.clone())));
            prop_assert_eq!(Encoding::Deflate.inflate(&zlib(&body), 20_000), Ok(Some(body.clone())));
        }

        #[test]
        fn no_bytes_make_it_panic_or_pass_the_cap(bytes in prop::collection::vec(any::<u8>(), 0..300), cap in 0usize..500) {
            for encoding in [Encoding::Gzip, Encoding::Deflate] {
                if let Ok(Some(inflated)) = encoding.inflate(&bytes, cap) {
                    prop_assert!(inflated.len() <= cap);
                    prop_assert!(inflated.len() <= encoding.inflated_max(bytes.len()));
                }
            }
        }
    }
}
