//! Rows of CSV (RFC 4180): a field with a comma, a quote or a line break is in quotes. A field that begins with `=` is
//! data like any other and is not changed.

use std::io::{self, Write};

/// Writes a row.
pub(super) fn write_row<'a>(output: &mut dyn Write, fields: impl IntoIterator<Item = &'a str>) -> io::Result<()> {
    for (number, field) in fields.into_iter().enumerate() {
        if number > 0 {
            output.write_all(b",")?;
        }
        if field.contains([',', '"', '\n', '\r']) {
            write!(output, "\"{}\"", field.replace('"', "\"\""))?;
        } else {
            output.write_all(field.as_bytes())?;
        }
    }
    output.write_all(b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// An independent reader.
    fn read(text: &str) -> Vec<Vec<String>> {
        let (mut rows, mut row, mut field, mut is_quoted) = (Vec::new(), Vec::new(), String::new(), false);
        let mut chars = text.chars().peekable();
        while let Some(char) = chars.next() {
            match (is_quoted, char) {
                (true, '"') if chars.peek() == Some(&'"') => field.extend(chars.next()),
                (_, '"') => is_quoted = !is_quoted,
                (false, ',') => row.push(std::mem::take(&mut field)),
                (false, '\n') => {
                    row.push(std::mem::take(&mut field));
                    rows.push(std::mem::take(&mut row));
                }
                (_, char) => field.push(char),
            }
        }
        rows
    }

    proptest! {
        #[test]
        fn every_text_is_read_back(rows in prop::collection::vec(prop::collection::vec("[\\PC,\"\n\r=]*", 1..4), 0..4)) {
            let mut text = Vec::new();
            rows.iter().for_each(|row| write_row(&mut text, row.iter().map(String::as_str)).unwrap());
            prop_assert_eq!(read(&String::from_utf8(text).unwrap()), rows);
        }
    }

    #[test]
    fn a_field_that_looks_like_a_formula_stays_as_it_is() {
        let mut text = Vec::new();
        write_row(&mut text, ["=1+1", "a\"b", "two\nlines", ""]).unwrap();
        assert_eq!(String::from_utf8(text).unwrap(), "=1+1,\"a\"\"b\",\"two\nlines\",\n");
    }
}
