//! Telegrams in a stream, and their checksums.

use super::*;

const LINES: [&str; 4] = ["/XYZ5METER", "", "1-3:0.2.8(50)", "1-0:1.7.0(00.100*kW)"];

fn checksum(bytes: &[u8]) -> Checksum {
    match frames(bytes)[..] {
        [Frame::Telegram(telegram)] => telegram.checksum(),
        ref other => panic!("{other:?}"),
    }
}

#[test]
fn a_checksum_counts_in_every_form_that_meters_and_files_have() {
    let sent = String::from_utf8(telegram(&LINES)).unwrap();
    assert_eq!(checksum(sent.as_bytes()), Checksum::Right);
    assert_eq!(
        checksum(sent.to_lowercase().replace("/xyz5meter", "/XYZ5METER").replace("kw", "kW").as_bytes()),
        Checksum::Right,
        "lower-case digits"
    );
    assert_eq!(checksum(sent.replace('\r', "").as_bytes()), Checksum::Right, "a text file without carriage returns");
    assert_eq!(checksum(format!("{}\0", sent.trim_end()).as_bytes()), Checksum::Right, "a zero byte at the end");
    let sums: Vec<_> =
        (0..600_u16).map(|n| telegram(&[&format!("/XYZ5METER-{n}"), "", "1-0:1.7.0(00.100*kW)"])).collect();
    let short =
        sums.iter().find(|telegram| telegram[telegram.len() - 6] == b'0' && telegram[telegram.len() - 5] != b'0');
    let unpadded = String::from_utf8(short.unwrap().clone()).unwrap().replace("!0", "!");
    assert_eq!(checksum(unpadded.as_bytes()), Checksum::Right, "a checksum without its leading zero: {unpadded}");
    assert_eq!(checksum(sent.replacen("\r\n", "\n", 2).as_bytes()), Checksum::Right, "a file that lost some returns");
    assert_eq!(checksum(format!("{} recorded in March", sent.trim_end()).as_bytes()), Checksum::Right);
    // A head without the empty line after it: Nordic meters.
    assert_eq!(
        checksum(&telegram(&["/ADN9 6534", "0-0:1.0.0(260315120000W)", "1-0:1.7.0(0001.234kW)"])),
        Checksum::Right
    );
}

#[test]
fn a_read_out_with_control_characters_and_a_block_check_is_one_telegram() {
    let read_out =
        b"/ISk5MT174-0001\r\n\x021-0:0.0.0*255(35313738)\r\n1-0:1.8.0*255(0028448.245*kWh)\r\nF.F(00)\r\n!\r\n\x03a";
    let twice = [&read_out[..], read_out].concat();
    assert!(matches!(frames(&twice)[..], [Frame::Telegram(_), Frame::Telegram(_)]), "{:?}", frames(&twice));
    assert_eq!(ids(read_out, ""), "35313738");
    assert_eq!(values(read_out), ["receipt 1-0:1.8.0*255 28448245 Wh [time-is-receive-time]", "text F.F (00)"]);
    // The line may bring the block check later.
    let (text, check) = read_out.split_at(read_out.len() - 2);
    assert!(matches!(frames(&[check, text].concat())[..], [Frame::Telegram(_)]));
    // Without its block check the character is nothing.
    assert!(matches!(frames(&[b"\x03", text].concat())[..], [Frame::Telegram(_)]));
    assert_eq!(frames(&read_out[..read_out.len() - 1]).len(), 1);
}

#[test]
fn a_changed_byte_makes_the_checksum_wrong_and_shows_both() {
    let sent = String::from_utf8(telegram(&LINES)).unwrap();
    let Checksum::Wrong { sent: was, computed } = checksum(sent.replace("00.100", "00.101").as_bytes()) else {
        panic!("the checksum is right")
    };
    let telegram = &sent[..=sent.find('!').unwrap()];
    assert_eq!(was, crc(telegram.as_bytes()));
    assert_eq!(computed, crc(telegram.replace("00.100", "00.101").as_bytes()));
}

#[test]
fn only_a_standard_with_checksums_needs_one() {
    let needs = |head: &str, version: &str| {
        let bytes = format!("{head}\r\n\r\n{version}1-0:1.7.0(00.100*kW)\r\n!\r\n");
        match frames(bytes.as_bytes())[..] {
            [Frame::Telegram(telegram)] => (telegram.checksum(), telegram.needs_checksum()),
            ref other => panic!("{other:?}"),
        }
    };
    assert_eq!(needs("/XYZ5METER", "1-3:0.2.8(42)\r\n"), (Checksum::Missing, true));
    assert_eq!(needs("/XYZ5METER", "0-0:96.1.4(50221)\r\n"), (Checksum::Missing, true), "Belgium");
    assert_eq!(needs("/XYZ5METER", "1-3:0.2.8(30)\r\n"), (Checksum::Missing, false), "DSMR 3");
    assert_eq!(needs("/XYZ5METER", ""), (Checksum::Missing, false), "DSMR 2.2 and 3");
    assert_eq!(needs("/ISk95\\AM550", "1-3:0.2.8(42)\r\n"), (Checksum::Missing, false), "Iskra AM550");
    let junk = "/ESY5Q3DB1024\r\n\r\n1-0:1.8.0*255(00001.2345678*kWh)\r\n!END\r\n";
    assert_eq!(checksum(junk.as_bytes()), Checksum::Missing);
}

#[test]
fn a_cut_telegram_costs_only_itself() {
    let whole = telegram(&LINES);
    let mut bytes = b"0.7.0(00.000*kW)\r\n!1234\r\n".to_vec();
    bytes.extend_from_slice(&whole[..6]);
    bytes.extend_from_slice(&whole[..40]);
    bytes.extend_from_slice(&whole);
    bytes.extend_from_slice(&whole);
    bytes.extend_from_slice(&whole[..whole.len() - 20]);
    let kinds: Vec<_> = frames(&bytes)
        .iter()
        .map(|frame| match frame {
            Frame::Telegram(telegram) => format!("{:?}", telegram.checksum()),
            Frame::Broken(_, why) => (*why).to_owned(),
            Frame::Encrypted(_) => "encrypted".to_owned(),
        })
        .collect();
    assert_eq!(
        kinds,
        [
            "these bytes do not begin with a telegram's '/'",
            "the telegram is cut: the next one begins before its end",
            "the telegram is cut: the next one begins before its end",
            "Right",
            "Right",
            "the telegram is cut: it has no end",
        ]
    );
}

#[test]
fn a_stream_waits_for_the_rest_of_a_telegram_within_its_bound() {
    let whole = telegram(&LINES);
    for cut in 0..whole.len() {
        assert_eq!(next_frame(&whole[..cut], false), None, "{cut} bytes");
    }
    assert!(matches!(next_frame(&whole, false), Some((0, Frame::Telegram(_), end)) if end == whole.len() - 1));
    let endless = [b"/XYZ5METER\r\n".to_vec(), vec![b'1'; TELEGRAM_BYTES_MAX]].concat();
    assert!(matches!(next_frame(&endless, false), Some((_, Frame::Broken(_, "the telegram is longer than 8 kB"), _))));
    assert_eq!(next_frame(&endless[12..], false), None);
    assert!(matches!(next_frame(&vec![b'1'; TELEGRAM_BYTES_MAX + 1], false), Some((_, Frame::Broken(..), _))));
}

#[test]
fn a_long_line_costs_only_itself() {
    let long = format!("0-0:96.13.0({})", "30".repeat(LINE_BYTES_MAX / 2));
    let parts = line(&long);
    assert!(parts[0].starts_with("unreadable 0-0:96.13.0("), "{parts:?}");
    let text = format!("0-0:96.13.0({})", "30".repeat(1024));
    assert_eq!(line(&text), [format!("text 0-0:96.13.0 ({})", "30".repeat(1024))], "the longest of the standard");
}

#[test]
fn an_encrypted_telegram_is_decrypted_with_its_key_alone() {
    let clear = telegram(&["/XYZ5METER", "", "0-0:1.0.0(260315120000W)", "1-0:1.8.0(000123.456*kWh)"]);
    let frame = encrypted(&clear, [7; 16]);
    let Some((0, Frame::Encrypted(found), end)) = next_frame(&frame, false) else { panic!("no frame") };
    assert_eq!((found, end), (&frame[..], frame.len()));
    let key = Key::parse("07070707070707070707070707070707", None).unwrap();
    assert_eq!(key.decrypt(found).unwrap(), clear);
    assert_eq!(format!("{key:?}"), "Key(hidden)");
    let other = Key::parse("08070707070707070707070707070707", None).unwrap();
    assert_eq!(other.decrypt(found), Err(CipherError::Tag));
    let additional = Key::parse("07070707070707070707070707070707", Some("00000000000000000000000000000000")).unwrap();
    assert_eq!(additional.decrypt(found), Err(CipherError::Tag));
    assert_eq!(Key::parse("0707", None).unwrap_err(), CipherError::KeyFormat);
    for cut in 0..frame.len() {
        assert_eq!(next_frame(&frame[..cut], false), None, "{cut} bytes");
    }
    // The same length in one byte.
    let short = [&frame[..10], &[0x81], &frame[12..]].concat();
    let Some((0, Frame::Encrypted(found), end)) = next_frame(&short, false) else { panic!("no frame") };
    assert_eq!((key.decrypt(found).unwrap(), end), (clear.clone(), short.len()));
    // Poland: a head in the clear before it, and zero bytes behind the telegram.
    let headed = [b"/KFM5MA309M\r\n\r\n".as_slice(), &encrypted(&[&clear[..], &[0; 9]].concat(), [7; 16])].concat();
    let Some((0, Frame::Encrypted(found), _)) = next_frame(&headed, false) else { panic!("no frame") };
    assert_eq!(checksum(&key.decrypt(found).unwrap()), Checksum::Right);
}

#[test]
fn a_block_that_holds_the_rest_of_a_telegram_is_read_with_its_head() {
    let rest = b"0-0:1.0.0(260315120000W)\r\n1-0:1.8.0(000123.456*kWh)\r\n!\r\n";
    let message = [b"/KFM5MA309M\r\n\r\n".as_slice(), &encrypted(rest, [7; 16])].concat();
    let key = Key::parse("07070707070707070707070707070707", Some("3000112233445566778899AABBCCDDEEFF")).unwrap();
    let clear = clear_text(&message, &key).unwrap();
    assert_eq!(values(&clear), ["2026-03-15T11:00:00Z 1-0:1.8.0*255 123456 Wh"]);
}

#[test]
fn noise_and_slashes_in_texts_cost_no_telegram() {
    let whole = telegram(&["/XYZ5METER/ABC", "", "0-0:96.13.0(see www.example.org/p1 or 7 m3/h)", "1-0:1.7.0(1*kW)"]);
    let bytes = [&[0xdb, 1, 2, 3][..], &whole, b"# a comment with https://example.org\r\n", &whole].concat();
    let read = frames(&bytes)
        .iter()
        .filter(|frame| matches!(frame, Frame::Telegram(it) if it.checksum() == Checksum::Right))
        .count();
    assert_eq!(read, 2);
}

/// A frame as the Smarty specification lays it out.
fn encrypted(clear: &[u8], key: [u8; 16]) -> Vec<u8> {
    use aes_gcm::AesGcm;
    use aes_gcm::aead::consts::U12;
    use aes_gcm::aead::{AeadInOut as _, KeyInit as _};
    let (title, counter) = (*b"XYZ\0\0\0\0\x01", [0, 0, 0, 42]);
    let nonce: [u8; 12] = [title.as_slice(), &counter].concat().try_into().unwrap();
    let additional: Vec<u8> = [0x30].into_iter().chain((0..16).map(|n| n * 0x11)).collect();
    let mut text = clear.to_vec();
    let tag = AesGcm::<aes_gcm::aes::Aes128, U12, U12>::new(&key.into())
        .encrypt_inout_detached(&nonce.into(), &additional, text.as_mut_slice().into())
        .unwrap();
    let length = u16::try_from(5 + text.len() + 12).unwrap().to_be_bytes();
    [&[0xdb, 8], title.as_slice(), &[0x82], &length, &[0x30], &counter, &text, &tag].concat()
}
