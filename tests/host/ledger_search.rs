//! The ledger's search, beside a model that sorts everything; tokens as a list; and ledgers of the schema before.

use std::cmp::Ordering;
use std::path::Path;

use minipki_ca::{Entry, Ledger, LedgerError, TokenHash};
use minipki_core::trust::{Serial, Validity};
use minipki_ledger::{
    LedgerReader, Order, Owner, Place, Record, Search, SqliteLedger, StoreError, TokenBook, TokenState,
};
use minipki_tests::ca::{at, id, key, open_ledger, owner};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use tempfile::TempDir;

const NOW: u64 = 1_800_000_000;

fn ca() -> Owner {
    owner("ca", 1)
}

fn read(folder: &Path) -> LedgerReader {
    LedgerReader::open(folder, &ca()).expect("opened to read")
}

/// A ledger with certificates whose subjects, keys and times come again.
fn filled(count: usize) -> TempDir {
    let folder = TempDir::new().expect("a folder");
    let mut ledger = open_ledger(folder.path(), &ca());
    let mut rng = ChaCha20Rng::seed_from_u64(7);
    let mut upto = |most: u32| u64::from(rng.next_u32() % most);
    for _ in 0..count {
        let serial = ledger.reserve(1).expect("a serial number")[0];
        let subject = id(["a", "ab", "abc", "b", "b-1", "b.2", "zz"][upto(7) as usize]);
        let begin = NOW + upto(5) * 86_400;
        let validity = Validity::new(at(begin), at(begin + upto(4) * 1000)).expect("in order");
        let mut subject_key = key(upto(4) as u8);
        subject_key[1] = upto(3) as u8;
        let entry = Entry {
            serial,
            subject_id: subject.as_id(),
            subject_key,
            validity,
            certificate: b"{}",
            token: None,
        };
        ledger.record(&[entry], at(NOW)).expect("recorded");
    }
    folder
}

/// What `search` should give, all pages in one.
fn model(all: &[Record], search: &Search) -> Vec<u64> {
    let mut rows: Vec<&Record> = all
        .iter()
        .filter(|row| {
            let begin = row.validity.not_before();
            row.subject_id.to_string().starts_with(&search.subject)
                && search.serial.is_none_or(|serial| row.serial == serial)
                && search.key.is_none_or(|(low, high)| (low..=high).contains(&row.subject_key))
                && search.begins_from.is_none_or(|from| begin >= from)
                && search.begins_before.is_none_or(|before| begin < before)
        })
        .collect();
    let compare = |a: &Record, b: &Record| -> Ordering {
        match search.order {
            Order::Issue => Ordering::Equal,
            Order::Subject => a.subject_id.to_string().cmp(&b.subject_id.to_string()),
            Order::Serial => a.serial.cmp(&b.serial),
            Order::Begin => a.validity.not_before().cmp(&b.validity.not_before()),
            Order::End => a.validity.not_after().cmp(&b.validity.not_after()),
        }
        .then(a.id.cmp(&b.id))
    };
    rows.sort_by(|a, b| if search.descending { compare(b, a) } else { compare(a, b) });
    rows.into_iter().map(|row| row.id).collect()
}

/// Reads all pages to the last and back again, and compares each with the model.
fn turn_all_pages(reader: &mut LedgerReader, all: &[Record], search: &Search) {
    let expected = model(all, search);
    let mut pages = expected.chunks(search.limit).peekable();
    let mut ask = search.clone();
    let ids = |records: &[Record]| records.iter().map(|record| record.id).collect::<Vec<_>>();
    let mut seen = Vec::new();
    loop {
        let found = reader.search(&ask).expect("found");
        let page = pages.next().unwrap_or_default();
        assert_eq!(ids(&found.records), page, "{ask:?}");
        assert_eq!(found.after.is_some(), pages.peek().is_some(), "{ask:?}");
        assert_eq!(found.before.is_some(), !seen.is_empty(), "{ask:?}");
        seen.push(page);
        let Some(after) = found.after else { break };
        // As it goes through a link.
        ask.place = Place::After(after.to_string().parse().expect("a cursor"));
    }
    let mut before = reader.search(&ask).expect("found").before;
    seen.pop();
    while let Some(page) = seen.pop() {
        let place = Place::Before(before.expect("there is one"));
        let found = reader.search(&Search { place, ..search.clone() }).expect("found");
        assert_eq!(ids(&found.records), page, "backwards: {search:?}");
        before = found.before;
    }
    assert_eq!(before, None);
}

#[test]
fn every_order_and_filter_pages_forth_and_back_as_a_model_does() {
    let folder = filled(240);
    let mut reader = read(folder.path());
    let everything = Search { limit: 1000, ..Search::default() };
    let all = reader.search(&everything).expect("found").records;
    assert_eq!((all.len(), reader.issued().expect("a number")), (240, 240));
    let mut high = [0xff; 32];
    high[0] = 2;
    let (mut low_two, mut high_two) = ([0; 32], [0xff; 32]);
    (low_two[0], high_two[0], low_two[1], high_two[1]) = (1, 1, 2, 2);
    let filters = [
        Search::default(),
        Search { subject: "a".to_owned(), ..Search::default() },
        Search { subject: "b-".to_owned(), ..Search::default() },
        Search { subject: "none".to_owned(), ..Search::default() },
        Search { serial: Some(all[100].serial), ..Search::default() },
        Search {
            key: Some((key(2).map(|byte| if byte == 2 { 0 } else { byte }), high)),
            ..Search::default()
        },
        Search { key: Some((low_two, high_two)), ..Search::default() },
        Search { begins_from: Some(at(NOW + 2 * 86_400)), ..Search::default() },
        Search { begins_before: Some(at(NOW + 2 * 86_400)), subject: "ab".to_owned(), ..Search::default() },
    ];
    for filter in filters {
        for order in [Order::Issue, Order::Subject, Order::Serial, Order::Begin, Order::End] {
            for descending in [false, true] {
                for limit in [7, 50] {
                    let search = Search { order, descending, limit, ..filter.clone() };
                    turn_all_pages(&mut reader, &all, &search);
                }
            }
        }
    }
}

#[test]
fn where_many_pass_the_filter_the_pages_are_the_same() {
    // More than are sorted at once, and a page of them that is far from where the search begins.
    let folder = TempDir::new().expect("a folder");
    let mut ledger = open_ledger(folder.path(), &ca());
    let serials = ledger.reserve(12_000).expect("serial numbers");
    let subjects: Vec<_> = (0..12_000).map(|n| id(if n < 3_000 { "far" } else { "near" })).collect();
    let entries: Vec<_> = serials
        .into_iter()
        .zip(&subjects)
        .enumerate()
        .map(|(n, (serial, subject))| Entry {
            serial,
            subject_id: subject.as_id(),
            subject_key: key(1),
            validity: Validity::new(at(NOW), at(NOW + n as u64)).expect("in order"),
            certificate: b"{}",
            token: None,
        })
        .collect();
    ledger.record(&entries, at(NOW)).expect("recorded");
    let mut reader = read(folder.path());
    for (order, descending, subject, first) in [
        (Order::Issue, true, "far", 3_000),
        (Order::Issue, false, "near", 3_001),
        (Order::End, true, "far", 3_000),
        (Order::End, true, "near", 12_000),
    ] {
        let search = Search { order, descending, limit: 3, ..Search::default() };
        let search = search.for_subject(subject).expect("a subject");
        let found = reader.search(&search).expect("found");
        let ids: Vec<_> = found.records.iter().map(|record| record.id).collect();
        let expected = if descending { [first, first - 1, first - 2] } else { [first, first + 1, first + 2] };
        assert_eq!(ids, expected, "{search:?}");
    }
    assert_eq!(Search::default().for_subject("no spaces"), None);
}

#[test]
fn where_two_filters_let_many_pass_the_pages_are_the_same() {
    const ROWS: u64 = 110_000;
    // The first half begins on one day, the second on the next; but for one of each among the others.
    let day = |n: u64| u64::from(n > ROWS / 2 && n != 100_000 || n == 10_000);
    let folder = TempDir::new().expect("a folder");
    let mut ledger = open_ledger(folder.path(), &ca());
    let subject = id("many");
    for first in (1..=ROWS).step_by(10_000) {
        let serials = ledger.reserve(10_000).expect("serial numbers");
        let entries: Vec<_> = (first..)
            .zip(serials)
            .map(|(n, serial)| {
                let begin = at(NOW + day(n) * 86_400);
                let validity = Validity::new(begin, at(NOW + 200_000 + n)).expect("in order");
                let (subject_id, subject_key) = (subject.as_id(), key(1));
                Entry { serial, subject_id, subject_key, validity, certificate: b"{}", token: None }
            })
            .collect();
        ledger.record(&entries, at(NOW)).expect("recorded");
    }
    let mut reader = read(folder.path());
    for order in [Order::Issue, Order::End] {
        for (descending, day, first) in
            [(true, 0, [100_000, 55_000, 54_999]), (false, 1, [10_000, 55_001, 55_002])]
        {
            let begins_from = Some(at(NOW + day * 86_400));
            let begins_before = Some(at(NOW + (day + 1) * 86_400));
            let limit = 3;
            let search = Search { order, descending, begins_from, begins_before, limit, ..Search::default() };
            let search = search.for_subject("many").expect("a subject");
            let found = reader.search(&search).expect("found");
            assert_eq!(found.records.iter().map(|record| record.id).collect::<Vec<_>>(), first, "{search:?}");
            let next = Search { place: Place::After(found.after.expect("there are more")), ..search };
            let next = reader.search(&next).expect("found").records;
            assert_eq!(next[0].id, if descending { first[2] - 1 } else { first[2] + 1 }, "{order:?}");
        }
    }
}

#[test]
fn tokens_are_listed_by_number_and_a_revoked_one_is_good_for_nothing() {
    let folder = TempDir::new().expect("a folder");
    let mut ledger = open_ledger(folder.path(), &ca());
    let mut book = TokenBook::open(folder.path(), &ca()).expect("opened");
    for n in 0..10 {
        book.add(TokenHash::of(&n.to_string()), id("alice").as_id(), at(NOW + n / 2), at(NOW))
            .expect("added");
    }
    let reader = read(folder.path());
    let mut all = Vec::new();
    while let page @ [_, ..] = &reader
        .tokens(all.last().map(|row: &minipki_ledger::TokenRecord| (row.expires, row.id)), 3)
        .expect("read")[..]
    {
        all.extend_from_slice(page);
    }
    assert_eq!(all.len(), 10);
    assert!(all.is_sorted_by(|a, b| (a.expires, a.id) > (b.expires, b.id)), "{all:?}");
    assert!(all.iter().all(|row| row.state == TokenState::Unused && row.subject_id == id("alice")));

    let now = at(NOW);
    let live = |reader: &LedgerReader| reader.live_tokens(id("alice").as_id(), now).expect("read").len();
    let before = live(&reader);
    book.revoke(all[0].id, now).expect("revoked");
    assert!(matches!(book.revoke(all[0].id, now), Err(StoreError::TokenNotLive)));
    assert!(matches!(book.revoke(0, now), Err(StoreError::TokenNotLive)));
    assert!(matches!(book.revoke(u64::MAX, now), Err(StoreError::TokenNotLive)));
    assert_eq!((live(&reader), reader.counts(now).expect("counted").live_tokens), (before - 1, 9));
    assert_eq!(reader.tokens(None, 1).expect("read")[0].state, TokenState::Revoked(now));

    // Nor when it was revoked while its certificate was being signed.
    let revoked = (0..10)
        .map(|n| TokenHash::of(&n.to_string()))
        .find(|hash| !reader.live_tokens(id("alice").as_id(), now).expect("read").contains(hash));
    let mut spend = |token| -> Result<Serial, LedgerError> {
        let serial = ledger.reserve(1)?[0];
        let subject = id("alice");
        let validity = Validity::new(now, at(NOW + 9)).expect("in order");
        let (subject_id, subject_key) = (subject.as_id(), key(1));
        let entry = Entry { serial, subject_id, subject_key, validity, certificate: b"{}", token };
        ledger.record(&[entry], now).map(|()| serial)
    };
    assert!(matches!(spend(revoked), Err(LedgerError::TokenSpent(_))));
    let serial =
        spend(reader.live_tokens(id("alice").as_id(), now).expect("read").first().copied()).expect("spent");
    let spent = reader
        .tokens(None, 100)
        .expect("read")
        .into_iter()
        .find(|row| row.state == TokenState::Spent(serial));
    let spent = spent.expect("it is listed with its certificate");
    assert!(matches!(book.revoke(spent.id, now), Err(StoreError::TokenNotLive)));
}

#[test]
fn a_ledger_of_the_first_schema_is_brought_up_to_date_with_its_tokens() {
    let folder = filled(3);
    let mut book = TokenBook::open(folder.path(), &ca()).expect("opened");
    for text in ["one", "two"] {
        book.add(TokenHash::of(text), id("alice").as_id(), at(NOW + 60), at(NOW)).expect("added");
    }
    drop(book);
    let ledger = rusqlite::Connection::open(folder.path().join("ledger.sqlite")).expect("opened");
    ledger
        .execute_batch(
            "DROP INDEX certificates_by_begin; DROP INDEX tokens_by_id; DROP INDEX tokens_by_end;
             DROP TABLE instance; ALTER TABLE tokens DROP COLUMN id; ALTER TABLE tokens DROP COLUMN revoked; PRAGMA user_version = 1;",
        )
        .expect("as the first version made it");
    drop(ledger);
    assert!(matches!(LedgerReader::open(folder.path(), &ca()), Err(StoreError::Older { found: 1, .. })));
    // There was nothing then that remembered the last start.
    std::fs::remove_file(folder.path().join("last-start.json")).expect("removed");
    drop(SqliteLedger::open(folder.path(), &ca()).expect("brought up to date"));
    let mut reader = read(folder.path());
    let tokens = reader.tokens(None, 10).expect("read");
    assert!(tokens.len() == 2 && tokens[0].id != tokens[1].id, "{tokens:?}");
    assert_eq!(reader.live_tokens(id("alice").as_id(), at(NOW)).expect("read").len(), 2);
    let search = Search { order: Order::Begin, limit: 10, ..Search::default() };
    assert_eq!(reader.search(&search).expect("found").records.len(), 3);
}
