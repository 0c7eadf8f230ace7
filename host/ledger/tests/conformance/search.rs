//! Searching: every order and filter, page by page, against the engine in memory, which sorts all records.

use minipki_ca::ports::{
    CertificateFormat, CertificateState, LedgerReader, NewCertificate, Order, PagePlace, RevocationChange,
    Search, StateFilter,
};
use minipki_core::trust::{RevocationReason, Validity};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};

use crate::{Draft, Engine, NOW, at, in_memory, key, on_each_engine};

on_each_engine! {
    every_order_and_filter_has_the_pages_of_the_model_forward_and_back
}

/// Records certificates with few different subjects, keys and times.
fn fill(engine: &dyn Engine, count: usize) {
    let mut ledger = engine.ledger();
    let mut rng = ChaCha20Rng::seed_from_u64(7);
    let mut upto = |most: u32| u64::from(rng.next_u32() % most);
    let mut changes = Vec::new();
    for _ in 0..count {
        let serial = ledger.reserve(1, CertificateFormat::Json).expect("a serial number")[0];
        let subject = ["a", "ab", "abc", "b", "b-1", "b.2", "zz"][upto(7) as usize];
        let begin = NOW + upto(5) * 86_400;
        let validity = Validity::new(at(begin), at(begin + upto(4) * 1000)).expect("in order");
        let mut draft = Draft::new(subject, upto(4) as u8, NOW, None);
        draft.key[1] = upto(3) as u8;
        ledger.record(&[NewCertificate { validity, ..draft.with(serial) }], at(NOW)).expect("recorded");
        let reason = match upto(8) {
            0 => RevocationReason::Unspecified,
            1 => RevocationReason::CertificateHold,
            _ => continue,
        };
        changes.push(RevocationChange::new(serial, reason, "x"));
    }
    // At the end: a name on hold gets no certificate.
    ledger.revoke(&changes, at(NOW)).expect("revoked");
}

/// Reads all pages forward and back, and compares each with its part of `expected`.
fn check_pages(reader: &mut dyn LedgerReader, expected: &[u64], search: &Search) {
    let mut pages = expected.chunks(search.limit).peekable();
    let mut request = search.clone();
    let mut seen = Vec::new();
    loop {
        let found = reader.search(&request).expect("found");
        let page = pages.next().unwrap_or_default();
        assert_eq!(found.records.iter().map(|record| record.id).collect::<Vec<_>>(), page, "{request:?}");
        assert_eq!(found.after.is_some(), pages.peek().is_some(), "{request:?}");
        assert_eq!(found.before.is_some(), !seen.is_empty(), "{request:?}");
        seen.push(page);
        let Some(after) = found.after else { break };
        // A link has the cursor as text.
        request.place = PagePlace::After(after.to_string().parse().expect("a cursor"));
    }
    let mut before = reader.search(&request).expect("found").before;
    seen.pop();
    while let Some(page) = seen.pop() {
        let place = PagePlace::Before(before.expect("there is one"));
        let found = reader.search(&Search { place, ..search.clone() }).expect("found");
        assert_eq!(
            found.records.iter().map(|record| record.id).collect::<Vec<_>>(),
            page,
            "backwards: {search:?}"
        );
        before = found.before;
    }
    assert_eq!(before, None);
}

fn every_order_and_filter_has_the_pages_of_the_model_forward_and_back(engine: &dyn Engine) {
    fill(engine, 240);
    let mut model = in_memory();
    fill(&model, 240);
    let mut reader = engine.reader().expect("opened");
    let everything = Search { limit: 1000, ..Search::default() };
    let all = reader.search(&everything).expect("found").records;
    assert_eq!(all, model.search(&everything).expect("found").records);
    assert_eq!((all.len(), reader.issued().expect("a number")), (240, 240));
    let mut high = [0xff; 32];
    high[0] = 2;
    let (mut low_two, mut high_two) = ([0; 32], [0xff; 32]);
    (low_two[0], high_two[0], low_two[1], high_two[1]) = (1, 1, 2, 2);
    let range = |low: [u8; 32], high: [u8; 32]| Some(low.to_vec()..=high.to_vec());
    // A day with certificates that have begun, and that end soon.
    let state = |state, later| {
        let now = at(NOW + 2 * 86_400 + later);
        Search { state: Some(StateFilter { state, now, expiring_within: 900 }), ..Search::default() }
    };
    let states = CertificateState::ALL.into_iter().flat_map(|one| [state(one, 0), state(one, 1500)]);
    let filters = [
        Search::default(),
        Search { ends_from: Some(at(NOW + 86_400)), ..Search::default() },
        Search { ends_before: Some(at(NOW + 86_400)), ends_from: Some(at(NOW + 1000)), ..Search::default() },
        Search { ends_from: Some(at(NOW + 99 * 86_400)), ..Search::default() },
        Search { subject: "ab".to_owned(), ..state(CertificateState::Revoked, 0) },
        Search { begins_from: Some(at(NOW + 86_400)), ..state(CertificateState::Held, 0) },
        Search { ends_before: Some(at(NOW + 86_400)), ..state(CertificateState::Expired, 0) },
        Search { subject: "a".to_owned(), ..Search::default() },
        Search { subject: "b-".to_owned(), ..Search::default() },
        Search { subject: "none".to_owned(), ..Search::default() },
        Search { serial: Some(all[100].serial), ..Search::default() },
        Search { key: range(key(2).map(|byte| if byte == 2 { 0 } else { byte }), high), ..Search::default() },
        Search { key: range(low_two, high_two), ..Search::default() },
        Search { begins_from: Some(at(NOW + 2 * 86_400)), ..Search::default() },
        Search { begins_before: Some(at(NOW + 2 * 86_400)), subject: "ab".to_owned(), ..Search::default() },
    ];
    for filter in filters.into_iter().chain(states) {
        for order in [Order::Issue, Order::Subject, Order::Serial, Order::Begin, Order::End] {
            for descending in [false, true] {
                let whole = Search { order, descending, limit: Search::MOST, ..filter.clone() };
                let expected: Vec<_> =
                    model.search(&whole).expect("found").records.iter().map(|record| record.id).collect();
                for limit in [7, 50] {
                    check_pages(reader.as_mut(), &expected, &Search { limit, ..whole.clone() });
                }
            }
        }
    }
}

#[test]
fn the_model_sorts_and_filters_by_each_column() {
    let mut model = in_memory();
    fill(&model, 240);
    let mut found =
        |search: Search| model.search(&Search { limit: Search::MOST, ..search }).expect("found").records;
    let all = found(Search::default());
    assert!(all.is_sorted_by_key(|record| record.id));
    let by = |order| Search { order, ..Search::default() };
    assert!(found(by(Order::Serial)).is_sorted_by_key(|record| (record.serial, record.id)));
    assert!(found(by(Order::Subject)).is_sorted_by_key(|record| (record.subject_id.to_string(), record.id)));
    assert!(found(by(Order::Begin)).is_sorted_by_key(|record| (record.validity.not_before(), record.id)));
    let descending = found(Search { descending: true, ..by(Order::End) });
    assert!(descending.is_sorted_by(|a, b| (a.validity.not_after(), a.id) > (b.validity.not_after(), b.id)));
    let now = at(NOW + 2 * 86_400 + 1500);
    for state in CertificateState::ALL {
        let filter = StateFilter { state, now, expiring_within: 900 };
        let rows = found(Search { state: Some(filter), ..Search::default() });
        let expected = all.iter().filter(|record| record.state(now, 900) == state);
        assert!(!rows.is_empty() && rows.iter().eq(expected), "{state}");
    }
    let subjects = found(Search { subject: "ab".to_owned(), ..Search::default() });
    let expected = all.iter().filter(|record| record.subject_id.to_string().starts_with("ab"));
    assert!(!subjects.is_empty() && subjects.iter().eq(expected));
}
