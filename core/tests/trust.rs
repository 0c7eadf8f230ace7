//! Serial numbers, validity and the names of the checks.

use std::collections::HashSet;

use crypto_bigint::U192;
use minipki_core::time::{Now, UnixTime};
use minipki_core::trust::{Check, Serial, SerialError, Validity, ValidityError};
use minipki_fixtures::rsa_keys::rng;
use proptest::prelude::*;

#[test]
fn a_serial_number_is_positive_and_has_20_octets_in_der() {
    assert_eq!(Serial::new(0), Err(SerialError::Zero));
    assert_eq!(Serial::from_be_bytes(&[]), Err(SerialError::Zero));
    assert_eq!(Serial::from_be_bytes(&[0; 40]), Err(SerialError::Zero));
    let mut octets = [0xff; 20];
    assert_eq!(Serial::from_be_bytes(&octets), Err(SerialError::TooLong));
    assert_eq!(Serial::from_be_bytes(&[1; 21]), Err(SerialError::TooLong));
    octets[0] = 0x7f;
    assert_eq!(Serial::from_be_bytes(&octets).map(Serial::to_be_bytes), Ok(octets));
}

#[test]
fn a_serial_number_is_shown_as_openssl_shows_it() {
    let show = |octets: &[u8]| Serial::from_be_bytes(octets).unwrap().to_string();
    assert_eq!(show(&[0x10, 0x92]), "4242");
    assert_eq!(show(&[0xff; 8]), u64::MAX.to_string());
    assert_eq!(show(&[1, 0, 0, 0, 0, 0, 0, 0, 0]), "01:00:00:00:00:00:00:00:00");
    assert_eq!(show(&[0x0a, 0xbc, 0, 0, 0, 0, 0, 0, 0, 0x0f]), "0a:bc:00:00:00:00:00:00:00:0f");
    assert_eq!(format!("{:>8}", Serial::new(7).unwrap()), "       7");
}

#[test]
fn a_serial_number_is_read_as_it_is_shown() {
    for octets in [&[7][..], &[0xff; 8], &[1, 0, 0, 0, 0, 0, 0, 0, 0], &[0x7f; 20]] {
        let serial = Serial::from_be_bytes(octets).unwrap();
        assert_eq!(serial.to_string().parse(), Ok(serial));
    }
    assert_eq!("1F:80:0a".parse(), Serial::new(0x1f_800a));
    let plain = "0abc".repeat(6);
    assert_eq!(plain.parse(), Serial::from_be_bytes(&[0x0a, 0xbc].repeat(6)));
    assert_eq!(plain[1..].parse::<Serial>(), Err(SerialError::Text), "half an octet");
    for text in ["", "+7", "-7", " 7", "1f", "1f:", ":1f", "1f:8", "1f::80", "1f:+8", "1f:800a:1f"] {
        assert_eq!(text.parse::<Serial>(), Err(SerialError::Text), "{text:?}");
    }
    assert_eq!("18446744073709551616".parse::<Serial>(), Err(SerialError::Text));
    assert_eq!("0".parse::<Serial>(), Err(SerialError::Zero));
    assert_eq!("00:00".parse::<Serial>(), Err(SerialError::Zero));
    assert_eq!(["01"; 21].join(":").parse::<Serial>(), Err(SerialError::TooLong));
    assert_eq!(["ff"; 20].join(":").parse::<Serial>(), Err(SerialError::TooLong));
}

#[test]
fn serial_numbers_are_drawn_from_the_whole_range_of_the_profile() {
    let mut rng = rng(3);
    let drawn: Vec<u64> = (0..1000).map(|_| Serial::generate(&mut rng).to_u64().unwrap()).collect();
    assert!(drawn.iter().all(|serial| (1..1 << 53).contains(serial)));
    // The top bit is set about every other time.
    let high = drawn.iter().filter(|&serial| serial >> 52 == 1).count();
    assert!((400..600).contains(&high), "{high} of 1000");
}

#[test]
fn a_validity_ends_no_earlier_than_it_begins() {
    let time = |seconds| UnixTime::new(seconds).unwrap();
    assert_eq!(Validity::new(time(8), time(7)), Err(ValidityError::Order));
    let second = Validity::new(time(7), time(7)).unwrap();
    let (not_before, not_after) = (time(7), time(7));
    for (now, expected) in [
        (Now::Exact(time(6)), Err(ValidityError::NotYetValid { now: time(6), not_before })),
        (Now::Exact(time(7)), Ok(true)),
        (Now::Exact(time(8)), Err(ValidityError::Expired { now: time(8), not_after })),
        (Now::AtLeast(time(6)), Ok(false)),
        (Now::AtLeast(time(7)), Ok(false)),
        (Now::AtLeast(time(8)), Err(ValidityError::Expired { now: time(8), not_after })),
    ] {
        assert_eq!(second.check(now), expected, "{now:?}");
    }
}

#[test]
fn each_check_has_a_name_of_its_own() {
    let names: HashSet<&str> = Check::ALL.into_iter().map(Check::name).collect();
    assert_eq!(names.len(), Check::ALL.len());
    assert!(Check::ALL.is_sorted());
    assert_eq!(Check::IssuerKey.to_string(), "issuer_key");
}

proptest! {
    #[test]
    fn serial_numbers_are_ordered_by_their_value(
        a in proptest::collection::vec(any::<u8>(), 0..20),
        b in proptest::collection::vec(any::<u8>(), 0..20),
    ) {
        let big = |octets: &[u8]| U192::from_be_slice(&[&[0; 24][octets.len()..], octets].concat());
        let (big_a, big_b) = (big(&a), big(&b));
        if let (Ok(a), Ok(b)) = (Serial::from_be_bytes(&a), Serial::from_be_bytes(&b)) {
            prop_assert_eq!(a.cmp(&b), big_a.cmp(&big_b));
            prop_assert_eq!(a == b, big_a == big_b);
            prop_assert_eq!(a.to_u64().map(U192::from), (big_a.bit_width() <= 64).then_some(big_a));
        }
    }

    #[test]
    fn a_serial_number_keeps_its_value(number in 1u64..) {
        let serial = Serial::new(number).unwrap();
        prop_assert_eq!(serial.to_u64(), Some(number));
        prop_assert_eq!(Serial::from_be_bytes(&number.to_be_bytes()), Ok(serial));
        prop_assert_eq!(serial.to_string(), number.to_string());
    }
}
