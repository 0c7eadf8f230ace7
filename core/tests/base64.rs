//! Base64 against RFC 4648 §10, and strictness.

use minipki_core::bytes::BufferTooSmall;
use minipki_core::encoding::base64::{
    Base64Error, decode, decode_array, decode_in_place, encode, encoded_len,
};
use proptest::prelude::*;

#[test]
fn rfc_4648_section_10() {
    let pairs: [(&[u8], &str); 7] = [
        (b"", ""),
        (b"f", "Zg=="),
        (b"fo", "Zm8="),
        (b"foo", "Zm9v"),
        (b"foob", "Zm9vYg=="),
        (b"fooba", "Zm9vYmE="),
        (b"foobar", "Zm9vYmFy"),
    ];
    for (bytes, text) in pairs {
        let mut out = [0; 8];
        assert_eq!(encode(bytes, &mut out), Ok(text));
        assert_eq!(encoded_len(bytes.len()), text.len());
        assert_eq!(decode(text, &mut out), Ok(bytes));
        let mut buf = text.as_bytes().to_vec();
        assert_eq!(decode_in_place(&mut buf).unwrap(), bytes);
    }
}

#[test]
fn any_other_text_of_the_bytes_is_refused() {
    let errors = [
        ("Zg", "padding missing"),
        ("Zg=", "half of the padding missing"),
        ("Zg===", "too much padding"),
        ("Zh==", "bits left over that are not zero"),
        ("Zm9=", "bits left over that are not zero"),
        ("Zg==Zg==", "padding in the middle"),
        ("=Zg=", "padding first"),
        ("====", "nothing but padding"),
        ("Zm9v\n", "line end"),
        ("Zm 9v===", "space"),
        ("Zm-_", "URL alphabet"),
        ("Zm9\u{e9}", "not ASCII"),
    ];
    for (text, error) in errors {
        assert_eq!(decode(text, &mut [0; 64]), Err(Base64Error::Invalid), "{error}");
        assert_eq!(decode_array::<9>(text), Err(Base64Error::Invalid), "{error}");
        let mut buf = text.as_bytes().to_vec();
        assert_eq!(decode_in_place(&mut buf), Err(Base64Error::Invalid), "{error}");
    }
}

#[test]
fn lengths_are_exact() {
    assert_eq!(encode(b"foob", &mut [0; 7]), Err(BufferTooSmall));
    assert_eq!(decode("Zm9v", &mut [0; 2]), Err(Base64Error::TooLong));
    assert_eq!(decode_array::<3>("Zm9v"), Ok(*b"foo"));
    assert_eq!(decode_array::<2>("Zm9v"), Err(Base64Error::WrongLength));
    assert_eq!(decode_array::<4>("Zm9v"), Err(Base64Error::WrongLength));
}

#[test]
fn padding_between_the_steps_of_decoding_in_place_is_refused() {
    let mut text = "A".repeat(64).into_bytes();
    text[63] = b'=';
    text.extend(b"AAAA");
    assert_eq!(decode_in_place(&mut text), Err(Base64Error::Invalid));
}

proptest! {
    #[test]
    fn decode_undoes_encode(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let mut text = vec![0; encoded_len(bytes.len())];
        encode(&bytes, &mut text).unwrap();
        let mut out = vec![0; bytes.len()];
        prop_assert_eq!(decode(str::from_utf8(&text).unwrap(), &mut out), Ok(&bytes[..]));
        prop_assert_eq!(&decode_in_place(&mut text).unwrap()[..], &bytes[..]);
    }

    #[test]
    fn both_decoders_agree_and_accept_only_what_encode_writes(text in "[A-Za-f+/=\n-]{0,140}") {
        let mut out = [0; 128];
        let mut buf = text.clone().into_bytes();
        let direct = decode(&text, &mut out);
        prop_assert_eq!(decode_in_place(&mut buf).map(|bytes| &*bytes), direct);
        if let Ok(bytes) = direct {
            let mut again = [0; 140];
            prop_assert_eq!(encode(bytes, &mut again), Ok(&text[..]));
        }
    }
}
