//! P1 telegrams, one or many in a file, in the clear or encrypted.

use super::item::Item;
use super::options::Options;
use super::output::Output;
use crate::cli::failure::Failure;
use crate::reading::MeterId;
use crate::vendor::p1::{Frame, Telegram, VENDOR, clear_text, next_frame};
use std::borrow::Cow;
use std::io::Write;

/// Prints the values of all telegrams.
pub(super) fn decode(bytes: &[u8], options: &Options, output: &mut Output<impl Write>) -> Result<(), Failure> {
    let bytes = &with_line_feeds(bytes);
    let mut place = 0;
    while let Some((start, frame, end)) = next_frame(&bytes[place..], true) {
        let offset = place + start;
        match frame {
            Frame::Telegram(telegram) => print(offset, &telegram, options, output)?,
            // Text beside telegrams is no message: a comment, a line of the program that recorded them.
            Frame::Broken(bytes, why) if !bytes.contains(&b'(') => output.unreadable_part(offset, why, bytes)?,
            Frame::Broken(bytes, why) => output.unreadable_message(offset, why, bytes)?,
            Frame::Encrypted(frame) => {
                let message = &bytes[offset..place + end];
                match options.key.as_ref().map(|key| clear_text(message, key)) {
                    None => {
                        let error = "the telegram is encrypted: give its key with --key";
                        output.unreadable_message(offset, error, frame)?;
                    }
                    Some(Err(error)) => output.unreadable_message(offset, &error.to_string(), frame)?,
                    Some(Ok(clear)) => match next_frame(&clear, true) {
                        Some((_, Frame::Telegram(telegram), _)) => print(offset, &telegram, options, output)?,
                        _ => output.unreadable_message(offset, "the decrypted bytes are no telegram", &clear)?,
                    },
                }
            }
        }
        place += end;
    }
    Ok(())
}

/// The bytes with line feeds in place of carriage returns, if these alone end the lines: some programs that
/// record a serial line write them so.
fn with_line_feeds(bytes: &[u8]) -> Cow<'_, [u8]> {
    if bytes.contains(&b'\n') || !bytes.contains(&b'\r') || bytes.contains(&0xdb) {
        return Cow::Borrowed(bytes);
    }
    bytes.iter().map(|byte| if *byte == b'\r' { b'\n' } else { *byte }).collect::<Vec<_>>().into()
}

fn print(
    offset: usize,
    telegram: &Telegram<'_>,
    options: &Options,
    output: &mut Output<impl Write>,
) -> Result<(), Failure> {
    if let Err(fault) = telegram.check()
        && !options.unchecked
    {
        let error = format!("{fault}; --unchecked reads it nevertheless");
        return output.unreadable_message(offset, &error, telegram.bytes());
    }
    output.message();
    let mut result = Ok(());
    let ids = telegram.ids();
    let ids = |channel: &str| {
        let native_id = ids.native_id(channel);
        (MeterId::named(VENDOR, &native_id).to_string(), native_id)
    };
    telegram.visit(|part| {
        if result.is_ok() {
            result = output.put(offset, Item::of(part, "", ids, &options.judge));
        }
    });
    result
}
