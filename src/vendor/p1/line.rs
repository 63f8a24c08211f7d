//! A line of a telegram: a code and its groups in parentheses, `1-0:1.8.1(004491.266*kWh)`.
//!
//! A line goes on where the next physical line begins with `(` or a group is still open (old gas
//! values, long texts).

use crate::reading::Obis;

/// The longest line, without its end: a text of 2048 digits with its code.
pub const LINE_BYTES_MAX: usize = (2 << 10) + 64;

/// A logical line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line<'a> {
    /// Its bytes without the line end.
    pub(super) bytes: &'a [u8],
    /// Bytes of the code.
    code: usize,
    /// The code as six bytes; `None` if it is not one.
    pub(super) obis: Option<Obis>,
}

/// The lines after the head.
#[derive(Debug, Clone)]
pub(super) struct Lines<'a>(pub(super) &'a [u8]);

impl<'a> Iterator for Lines<'a> {
    /// A line, or bytes that are none.
    type Item = Result<Line<'a>, &'a [u8]>;

    fn next(&mut self) -> Option<Self::Item> {
        // A read-out begins with a control character.
        let start = self.0.iter().position(|byte| *byte > b' ')?;
        let bytes = &self.0[start..];
        if bytes[0] == b'!' {
            return None;
        }
        let mut extent = Extent::default();
        let mut next = Some(0);
        while let Some(from) = next {
            extent.scan(bytes, from);
            next = extent.continued(bytes);
        }
        self.0 = &bytes[extent.end..];
        let line = bytes[..extent.end].trim_ascii_end();
        Some(match extent.code {
            Some(code) if line.len() <= LINE_BYTES_MAX && line.ends_with(b")") => {
                Ok(Line { bytes: line, code, obis: obis(line[..code].trim_ascii()) })
            }
            _ => Err(line),
        })
    }
}

/// How far a line was read.
#[derive(Debug, Default)]
struct Extent {
    end: usize,
    /// Bytes before the first group.
    code: Option<usize>,
    opened: usize,
    closed: usize,
}

impl Extent {
    /// Reads on to the end of a physical line.
    fn scan(&mut self, bytes: &[u8], from: usize) {
        self.end = bytes.len();
        for (at, byte) in bytes.iter().enumerate().skip(from) {
            match byte {
                b'(' => {
                    self.code.get_or_insert(at);
                    self.opened += 1;
                }
                b')' => self.closed += 1,
                b'\n' | b'\r' | b'!' => {
                    self.end = at;
                    return;
                }
                _ => {}
            }
        }
    }

    /// Where the line goes on.
    fn continued(&self, bytes: &[u8]) -> Option<usize> {
        let next = self.end + bytes[self.end..].iter().position(|byte| !byte.is_ascii_whitespace())?;
        match bytes[next] {
            b'(' => Some(next),
            b'!' => None,
            // The rest of a text: digits up to the closing parenthesis, and no code before one.
            _ if self.opened > self.closed => {
                let end = |byte: &u8| matches!(*byte, b'\n' | b'\r' | b'!');
                let mut following = bytes[next..].iter().take_while(|byte| !end(byte));
                following.all(|byte| !matches!(*byte, b'(' | b':')).then_some(next)
            }
            _ => None,
        }
    }
}

impl<'a> Line<'a> {
    /// The code as sent.
    pub(super) fn raw_code(&self) -> &'a [u8] {
        self.bytes[..self.code].trim_ascii()
    }

    /// The contents of the groups, without line ends around them.
    pub(super) fn groups(&self) -> Groups<'a> {
        Groups(&self.bytes[self.code..])
    }
}

/// The groups of a line.
#[derive(Debug, Clone)]
pub(super) struct Groups<'a>(&'a [u8]);

impl<'a> Iterator for Groups<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let open = self.0.iter().position(|byte| *byte == b'(')?;
        let close = open + self.0[open..].iter().position(|byte| *byte == b')')?;
        let group = &self.0[open + 1..close];
        self.0 = &self.0[close + 1..];
        Some(group.trim_ascii())
    }
}

/// Parses `A-B:C.D.E`, with `*F` or not, without `A-B:` (electricity), and with the letters of
/// IEC 62056-61. The standard's own examples have a colon for the first point.
fn obis(text: &[u8]) -> Option<Obis> {
    let (medium, rest) = match text.iter().position(|byte| *byte == b':') {
        Some(colon) => (Some(&text[..colon]), &text[colon + 1..]),
        None => (None, text),
    };
    let [a, b] = match medium {
        Some(medium) => {
            let dash = medium.iter().position(|byte| *byte == b'-')?;
            [group(&medium[..dash])?, group(&medium[dash + 1..])?]
        }
        None => [1, 0],
    };
    let (register, f) = match rest.iter().position(|byte| *byte == b'*') {
        Some(star) => (&rest[..star], group(&rest[star + 1..])?),
        None => (rest, 255),
    };
    let mut groups = register.split(|byte| matches!(*byte, b'.' | b':')).map(group);
    let [c, d] = [groups.next()??, groups.next()??];
    // E is left out in old codes.
    let e = groups.next().unwrap_or(Some(0))?;
    groups.next().is_none().then_some(Obis([a, b, c, d, e, f]))
}

fn group(text: &[u8]) -> Option<u8> {
    match text {
        [] => None,
        b"C" => Some(96),
        b"F" => Some(97),
        b"L" => Some(98),
        b"P" => Some(99),
        digits => digits.iter().try_fold(0_u8, |number, byte| {
            let digit = byte.is_ascii_digit().then(|| byte - b'0')?;
            number.checked_mul(10)?.checked_add(digit)
        }),
    }
}
