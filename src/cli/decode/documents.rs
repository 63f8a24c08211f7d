//! The JSON documents of a file: one, or many after each other, such as a line for each message.
//!
//! Only brackets and quotes are looked at, so a document that is not quite JSON stays whole.

/// Each document with its offset. Without a bracket at the start, and after the last document, everything is
/// one message. The head of an HTTP answer is left out.
pub(super) fn of(bytes: &[u8]) -> Vec<(usize, &[u8])> {
    let mut documents = Vec::new();
    let mut place = head(bytes);
    while let Some(start) = bytes[place..].iter().position(|byte| !is_between(*byte)) {
        let start = place + start;
        place = start + length(&bytes[start..]);
        documents.push((start, &bytes[start..place]));
    }
    documents
}

/// Whether the bytes begin with a document.
pub(super) fn begin_with_one(bytes: &[u8]) -> bool {
    let first = bytes[head(bytes)..].iter().find(|byte| !is_between(**byte));
    matches!(first, Some(b'{' | b'['))
}

/// The length of the head of an HTTP answer, up to its blank line; 0 without one.
fn head(bytes: &[u8]) -> usize {
    if !bytes.starts_with(b"HTTP/") {
        return 0;
    }
    let mut length = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        length += line.len();
        if line.trim_ascii().is_empty() {
            return length;
        }
    }
    0
}

/// Blanks, commas, record separators and byte order marks.
fn is_between(byte: u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, b',' | 0 | 0x1e | 0xef | 0xbb | 0xbf)
}

/// Up to the bracket that closes the first one. Without one, everything.
fn length(bytes: &[u8]) -> usize {
    let (mut depth, mut is_text, mut is_escaped) = (0_usize, false, false);
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = is_text,
            b'"' => is_text = !is_text,
            _ if is_text => {}
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth == 1 => return at + 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ if depth == 0 => break,
            _ => {}
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn split(text: &str) -> Vec<(usize, &str)> {
        of(text.as_bytes()).into_iter().map(|(at, document)| (at, std::str::from_utf8(document).unwrap())).collect()
    }

    #[test]
    fn documents_end_at_their_last_bracket_and_what_is_none_stays_whole() {
        assert_eq!(split("\u{feff}{\"a\":[1,{}]}\r\n[2],\n"), [(3, "{\"a\":[1,{}]}"), (17, "[2]")]);
        assert_eq!(split(r#"{"a":"}\"{"}{"b":"\\"}"#), [(0, r#"{"a":"}\"{"}"#), (12, r#"{"b":"\\"}"#)]);
        assert_eq!(split("{\"a\":\"\n\"}"), [(0, "{\"a\":\"\n\"}")]);
        assert_eq!(split("{,\"a\":1}"), [(0, "{,\"a\":1}")]);
        assert_eq!(split("{} {\"cut\":["), [(0, "{}"), (3, "{\"cut\":[")]);
        assert_eq!(split("{} noise {}"), [(0, "{}"), (3, "noise {}")]);
        assert_eq!(split("}{"), [(0, "}{")]);
        assert_eq!(split("HTTP/1.0 200 OK\r\nServer: smart-MAC\r\n \r\n{}"), [(39, "{}")]);
    }

    proptest! {
        #[test]
        fn every_byte_is_of_a_document_or_between_two(bytes in prop::collection::vec(prop::sample::select(b"{}[]\"\\, a\n".to_vec()), 0..60)) {
            let mut place = 0;
            for (start, document) in of(&bytes) {
                prop_assert!(!document.is_empty() && bytes[place..start].iter().all(|byte| is_between(*byte)));
                place = start + document.len();
            }
            prop_assert!(bytes[place..].iter().all(|byte| is_between(*byte)));
        }

        #[test]
        fn a_stream_of_documents_is_read_as_they_were_written(texts in prop::collection::vec(".{0,20}", 1..5), pretty: bool) {
            let print = |text: &String| {
                let value = serde_json::json!({ "text": text, "more": [text, {}] });
                if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap()
            };
            let written: Vec<String> = texts.iter().map(print).collect();
            let stream = written.join("\n");
            prop_assert_eq!(split(&stream).into_iter().map(|(_, it)| it.to_owned()).collect::<Vec<_>>(), written);
        }
    }
}
