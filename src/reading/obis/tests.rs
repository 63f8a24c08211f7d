//! Parsing and printing of OBIS codes.

use super::*;
use proptest::prelude::*;

const IMPORT: Obis = Obis([1, 0, 1, 8, 0, 255]);

#[test]
fn every_common_form_is_parsed() {
    for text in [
        "1-0:1.8.0*255",
        "1-0:1.8.0.255",
        "1-0:1.8.0",
        "1.8.0*255",
        "1.8.0.255",
        "1.8.0",
        "01.08.00",
        "1.0.1.8.0.255",
        "0100010800FF",
        "0100010800ff",
        " 1-0:1.8.0\n",
    ] {
        assert_eq!(text.parse(), Ok(IMPORT), "{text}");
    }
    assert_eq!("6-1:1.0.0*3".parse(), Ok(Obis([6, 1, 1, 0, 0, 3])));
}

#[test]
fn other_texts_are_refused_with_the_valid_forms() {
    for text in [
        "",
        "1",
        "1.8",
        "1.8.0.0.0",
        "1.8.0.255*255",
        "1-0:1.0.1.8.0.255",
        "1:1.8.0",
        "1-0:1.8.256",
        "1-0:1.8.+1",
        "1-0:1.8.",
        "1-0:1.8.0*",
        "1-0:1.8.0*255*255",
        "0100010800f",
        "0100010800fg",
        "0100010800ff0",
        "1.8.0001",
        "C.1.6",
        "１.8.0",
    ] {
        assert_eq!(text.parse::<Obis>(), Err(ObisFormatError(text.to_owned())), "{text}");
    }
    let message = "x".parse::<Obis>().unwrap_err().to_string();
    assert!(message.starts_with("'x' is not an OBIS code: write it as 1-0:1.8.0*255"), "{message}");
}

proptest! {
    #[test]
    fn a_printed_code_is_parsed_back(code: [u8; 6]) {
        let obis = Obis(code);
        prop_assert_eq!(obis.to_string().parse(), Ok(obis));
        let hex = hex::encode(code);
        prop_assert_eq!(hex.parse(), Ok(obis));
    }

    #[test]
    fn no_text_makes_it_panic(text in ".{0,20}", near in "[0-9a-f:*.-]{0,20}") {
        for text in [text, near] {
            if let Ok(obis) = text.parse::<Obis>() {
                prop_assert_eq!(obis.to_string().parse(), Ok(obis));
            }
        }
    }
}
