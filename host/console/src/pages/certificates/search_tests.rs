//! Tests of the search form.

use super::*;
use minipki_ca::ports::CertificateState;

#[test]
fn a_key_is_found_by_its_first_digits_or_whole() {
    let (low, high) = key_range("aB1").expect("three digits").into_inner();
    assert_eq!((&low[..], &high[..3]), (&[0xab, 0x10][..], &[0xab, 0x1f, 0xff][..]));
    let base64 = key_range("WlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlo=").expect("base64");
    assert_eq!(base64, vec![0x5a; 32]..=vec![0x5a; 32]);
    for bytes in [32, 91, SPKI_DER] {
        let whole = key_range(&"5a".repeat(bytes)).expect("all digits");
        assert!(whole.contains(&vec![0x5a; bytes]) && !whole.contains(&vec![0x5a; bytes - 1]));
        assert!(!whole.contains(&[&vec![0x5a; bytes - 1][..], &[0x5b]].concat()));
    }
    for wrong in ["xyz", &"a".repeat(2 * SPKI_DER + 1), "WlpaWg==", "é"] {
        assert_eq!(key_range(wrong), None, "{wrong}");
    }
}

#[test]
fn a_search_is_encoded_in_a_link_and_names_its_errors() {
    let now = UnixTime::MIN;
    let form = SearchForm { subject: "a&b=c".to_owned(), sort: "end-".to_owned(), ..SearchForm::default() };
    assert_eq!(form.query(), "subject=a%26b%3Dc&sort=end-&");
    assert!(form.search(now).expect_err("no such subject").contains("No subject"));
    for (query, word) in [
        ("from=2026-13-01", "date"),
        ("ends_until=tomorrow", "date"),
        ("serial=0", "serial"),
        ("serial=1x", "serial"),
        ("state=ended", "state"),
        ("days=0", "1 to 3650 days"),
        ("days=3651", "1 to 3650 days"),
    ] {
        let mut form = SearchForm::default();
        let (name, value) = query.split_once('=').expect("a field");
        let field = match name {
            "from" => &mut form.from,
            "ends_until" => &mut form.ends_until,
            "serial" => &mut form.serial,
            "state" => &mut form.state,
            _ => &mut form.days,
        };
        value.clone_into(field);
        assert!(form.search(now).expect_err(query).contains(word), "{query}");
    }
}

#[test]
fn a_link_keeps_the_state_and_the_dates_of_a_search() {
    let text = |text: &str| text.to_owned();
    let form = SearchForm {
        state: text("expiring"),
        days: text("7"),
        ends_from: text("2026-11-01"),
        ends_until: text("2026-11-30"),
        ..SearchForm::default()
    };
    assert_eq!(form.query(), "state=expiring&days=7&ends_from=2026-11-01&ends_until=2026-11-30&");
    assert!(form.filters() && !SearchForm { days: text("7"), ..SearchForm::default() }.filters());
    let now = UnixTime::MIN;
    let search = form.search(now).expect("a good search");
    let state = StateFilter { state: CertificateState::Expiring, now, expiring_within: 7 * DAY };
    assert_eq!(search.state, Some(state));
    let end = |time: Option<UnixTime>| time.map(|time| time.to_string());
    assert_eq!(end(search.ends_from).as_deref(), Some("2026-11-01T00:00:00+00:00"));
    assert_eq!(end(search.ends_before).as_deref(), Some("2026-12-01T00:00:00+00:00"));
}

#[test]
fn the_text_of_the_search_box_has_each_meaning_that_it_can_have() {
    let meanings = |text: &str| {
        let form = SearchForm { q: text.to_owned(), state: "valid".to_owned(), ..SearchForm::default() };
        let all = form.meanings()?;
        assert!(all.iter().all(|form| form.state == "valid" && form.text() == text.trim()));
        Ok::<_, String>(all.iter().map(SearchForm::query).collect::<Vec<_>>())
    };
    let serial_key_and_subject =
        ["serial=1234&state=valid&", "key=1234&state=valid&", "subject=1234&state=valid&"];
    assert_eq!(meanings(" 1234 ").expect("three"), serial_key_and_subject);
    assert_eq!(meanings("123").expect("two"), ["serial=123&state=valid&", "subject=123&state=valid&"]);
    assert_eq!(meanings("pump-0").expect("one"), ["subject=pump-0&state=valid&"]);
    assert_eq!(meanings("").expect("no text"), ["state=valid&"]);
    assert!(meanings("no such name!").expect_err("no meaning").contains("Nothing is found"));
}

#[test]
fn the_days_of_issue_are_whole_days() {
    let now: UnixTime = "2026-11-24T19:00:00+00:00".parse().expect("a time");
    let days = |text: &str| {
        let form = SearchForm { issued: text.to_owned(), ..SearchForm::default() };
        form.days_of_issue(now)
            .map(|days| days.map(|days| days.map(|time| time.to_string()[..10].to_owned())))
    };
    let range = |from: &str, until: &str| Ok(Some([from.to_owned(), until.to_owned()]));
    assert_eq!(days(""), Ok(None));
    assert_eq!(days("today"), range("2026-11-24", "2026-11-25"));
    assert_eq!(days("7"), range("2026-11-17", "2026-11-25"));
    assert_eq!(days("2026-11-01"), range("2026-11-01", "2026-11-02"));
    assert!(days("0").is_err() && days("tomorrow").is_err());
}
