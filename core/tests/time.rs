//! Times against a calendar of every day, and their only form.

use minipki_core::encoding::json;
use minipki_core::time::{TimeError, UnixTime};
use proptest::prelude::*;

/// The Gregorian rule, independent of the implementation.
fn days_in(year: u32, month: u32) -> u32 {
    let leap = (year.is_multiple_of(4) && !year.is_multiple_of(100)) || year.is_multiple_of(400);
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 31,
    }
}

#[test]
fn every_day_from_1970_to_9999() {
    let mut days = 0;
    for year in 1970..=9999 {
        for month in 1..=12 {
            for day in 1..=days_in(year, month) {
                // The time of day is another one each day.
                let second = (days * 7919) % 86_400;
                let (h, m, s) = (second / 3600, second / 60 % 60, second % 60);
                let text = format!("{year:04}-{month:02}-{day:02}T{h:02}:{m:02}:{s:02}+00:00");
                let time = UnixTime::new(days * 86_400 + second).unwrap();
                assert_eq!(text.parse(), Ok(time), "{text}");
                assert_eq!(time.to_string(), text);
                days += 1;
            }
            let beyond = format!("{year:04}-{month:02}-{:02}T00:00:00+00:00", days_in(year, month) + 1);
            assert_eq!(beyond.parse::<UnixTime>(), Err(TimeError::Calendar), "{beyond}");
        }
    }
    assert_eq!(days * 86_400 - 1, UnixTime::MAX.get());
}

#[test]
fn only_the_one_form_is_read() {
    let forms = [
        "",
        "2026-01-02T03:04:05Z",
        "2026-01-02T03:04:05+00:0",
        "2026-01-02T03:04:05+00:000",
        "2026-01-02T03:04:05-00:00",
        "2026-01-02T03:04:05+01:00",
        "2026-01-02T03:04:05+00:01",
        "2026-01-02 03:04:05+00:00",
        "2026-01-02t03:04:05+00:00",
        "2026/01/02T03:04:05+00:00",
        "2026-1-02T003:04:05+00:00",
        "2026-01-02T03:04:05.0+00:00",
        "+026-01-02T03:04:05+00:00",
        "2026-01-02T03:04:+5+00:00",
        "2026-01-02T03:04: 5+00:00",
        "٢026-01-02T03:04:5+00:00",
    ];
    for text in forms {
        assert_eq!(text.parse::<UnixTime>(), Err(TimeError::Form), "{text}");
    }
}

#[test]
fn only_times_that_exist_are_read() {
    let times = [
        "1969-12-31T23:59:59+00:00",
        "0000-01-01T00:00:00+00:00",
        "2026-00-01T00:00:00+00:00",
        "2026-13-01T00:00:00+00:00",
        "2026-01-00T00:00:00+00:00",
        "2026-02-29T00:00:00+00:00",
        "2100-02-29T00:00:00+00:00",
        "2026-01-01T24:00:00+00:00",
        "2026-01-01T00:60:00+00:00",
        "2016-12-31T23:59:60+00:00",
    ];
    for text in times {
        assert_eq!(text.parse::<UnixTime>(), Err(TimeError::Calendar), "{text}");
    }
}

#[test]
fn the_range_ends_with_the_year_9999() {
    assert_eq!(UnixTime::new(UnixTime::MAX.get() + 1), Err(TimeError::TooLate));
    assert_eq!(UnixTime::MAX.checked_add_seconds(1), None);
    assert_eq!(UnixTime::MIN.checked_add_seconds(u64::MAX), None);
    assert_eq!(UnixTime::MIN.checked_add_seconds(UnixTime::MAX.get()), Some(UnixTime::MAX));
    assert_eq!(UnixTime::MAX.to_string(), "9999-12-31T23:59:59+00:00");
}

proptest! {
    #[test]
    fn reads_what_it_writes(seconds in 0..=UnixTime::MAX.get()) {
        let time = UnixTime::new(seconds).unwrap();
        prop_assert_eq!(time.to_string().parse(), Ok(time));
    }

    #[test]
    fn random_text_is_read_only_if_it_is_written_the_same(text in "[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9][+]00:00") {
        if let Ok(time) = text.parse::<UnixTime>() {
            prop_assert_eq!(time.to_string(), text);
        }
    }

    #[test]
    fn in_json_it_is_a_text(seconds in 0..=UnixTime::MAX.get()) {
        let time = UnixTime::new(seconds).unwrap();
        let mut out = [0; 32];
        let len = json::encode(&time, &mut out).unwrap();
        let expected = format!("\"{time}\"");
        prop_assert_eq!(&out[..len], expected.as_bytes());
    }
}
