//! Weighs the HTTP/2 frames of a connection that ask for nothing: PING, SETTINGS, empty
//! DATA, reset requests; a little also short DATA. Each costs the peer less than it costs us, and the HTTP library
//! takes any number of them.
//!
//! Knows the framing of HTTP/2 (RFC 9113, section 4.1) and nothing else of it.

/// The beginning of every HTTP/2 connection.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEADER_BYTES: usize = 9;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;

/// A shorter DATA frame carries next to nothing.
const DATA_BYTES_MIN: usize = 64;
/// Weight of a DATA frame that is short, but not empty. An honest proxy passes on many when a
/// sender writes its bodies in small chunks.
const SHORT_DATA: i64 = 1;
/// Weight of a frame that asks for nothing.
pub(super) const IDLE_FRAME: i64 = 100;
/// Frames that belong to each request: its last DATA, a window update, a priority.
const REQUEST: i64 = -4 * IDLE_FRAME;
/// A reset request was begun for nothing.
const RESET: i64 = 8 * IDLE_FRAME;

/// The frames of one connection, fed with its bytes as they come.
#[derive(Debug, Default)]
pub(super) struct FrameCounter(State);

#[derive(Debug)]
enum State {
    /// This number of bytes of the preface has come.
    Preface(usize),
    /// The bytes of a frame's header that have come.
    Header([u8; HEADER_BYTES], usize),
    /// This number of bytes of a frame's content is missing.
    Content(usize),
    /// Not HTTP/2.
    Other,
}

impl Default for State {
    fn default() -> Self {
        Self::Preface(0)
    }
}

impl FrameCounter {
    /// Returns the weight of the frames that begin in these bytes: above zero if they ask
    /// for less than they cost.
    pub(super) fn weigh(&mut self, mut bytes: &[u8]) -> i64 {
        let mut weight = 0;
        while let Some(&first) = bytes.first() {
            match &mut self.0 {
                State::Other => return weight,
                State::Preface(came) => {
                    self.0 = match PREFACE.get(*came) {
                        Some(wanted) if *wanted != first => State::Other,
                        _ if *came + 1 == PREFACE.len() => State::Header([0; HEADER_BYTES], 0),
                        _ => State::Preface(*came + 1),
                    };
                    bytes = bytes.get(1..).unwrap_or_default();
                }
                State::Header(header, came) => {
                    if let Some(byte) = header.get_mut(*came) {
                        *byte = first;
                    }
                    *came += 1;
                    if *came == HEADER_BYTES {
                        let length = length(header);
                        weight += weight_of(header[3], length);
                        self.0 = State::Content(length);
                    }
                    bytes = bytes.get(1..).unwrap_or_default();
                }
                State::Content(missing) => {
                    let taken = bytes.len().min(*missing);
                    bytes = bytes.get(taken..).unwrap_or_default();
                    *missing -= taken;
                    if *missing == 0 {
                        self.0 = State::Header([0; HEADER_BYTES], 0);
                    }
                }
            }
        }
        weight
    }
}

fn length(header: &[u8; HEADER_BYTES]) -> usize {
    let [high, middle, low, ..] = *header;
    usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low)
}

fn weight_of(kind: u8, length: usize) -> i64 {
    match kind {
        HEADERS => REQUEST,
        DATA if length >= DATA_BYTES_MIN => 0,
        DATA if length > 0 => SHORT_DATA,
        RST_STREAM => RESET,
        _ => IDLE_FRAME,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frame(kind: u8, length: usize) -> Vec<u8> {
        let [.., high, middle, low] = length.to_be_bytes();
        [&[high, middle, low, kind, 0, 0, 0, 0, 1], vec![b'x'; length].as_slice()].concat()
    }

    fn weight(frames: &[(u8, usize)]) -> i64 {
        let frames: Vec<u8> = frames.iter().flat_map(|(kind, length)| frame(*kind, *length)).collect();
        FrameCounter::default().weigh(&[PREFACE, &frames].concat())
    }

    #[test]
    fn requests_outweigh_the_frames_that_belong_to_them_and_floods_do_not() {
        let request = [(HEADERS, 120), (DATA, 16_384), (DATA, 0), (8, 4)];
        assert!(weight(&request) <= 0);
        for flood in [(6, 8), (4, 0), (4, 60), (2, 5), (8, 4), (0x0a, 0), (9, 0), (DATA, 0)] {
            assert_eq!(weight(&[flood; 10]), 10 * IDLE_FRAME, "{flood:?}");
        }
        for flood in [(DATA, 1), (DATA, DATA_BYTES_MIN - 1)] {
            assert_eq!(weight(&[flood; 10]), 10, "{flood:?}");
        }
        assert!(
            weight(&[(HEADERS, 40), (RST_STREAM, 4)].repeat(10)) >= 40 * IDLE_FRAME,
            "requests that are reset at once"
        );
    }

    proptest! {
        #[test]
        fn the_weight_does_not_depend_on_how_the_bytes_come(
            frames in prop::collection::vec((0_u8..12, 0_usize..200), 0..20),
            pieces in prop::collection::vec(1_usize..40, 1..20),
        ) {
            let bytes: Vec<u8> = frames.iter().flat_map(|(kind, length)| frame(*kind, *length)).collect();
            let bytes = [PREFACE, &bytes].concat();
            let (mut counter, mut rest, mut summed) = (FrameCounter::default(), bytes.as_slice(), 0);
            for piece in pieces.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (now, later) = rest.split_at((*piece).min(rest.len()));
                summed += counter.weigh(now);
                rest = later;
            }
            prop_assert_eq!(summed, weight(&frames));
        }

        #[test]
        fn bytes_that_are_not_http_2_weigh_nothing(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            prop_assume!(!bytes.starts_with(PREFACE));
            prop_assert_eq!(FrameCounter::default().weigh(&bytes), 0);
        }
    }
}
