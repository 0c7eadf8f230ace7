//! The search of the ledger where many certificates pass the filters, so that other query plans are used.

use std::path::Path;

use minipki_ca::ports::{
    CertificateFormat, LedgerReader, NewCertificate, Order, PagePlace, Recorder, Search,
};
use minipki_core::trust::Validity;
use minipki_ledger::{Owner, SqliteReader};
use minipki_tests::ca::{at, id, open_ledger, owner};
use tempfile::TempDir;

const NOW: u64 = 1_800_000_000;

fn ca() -> Owner {
    owner("ca", 1)
}

fn read(folder: &Path) -> SqliteReader {
    SqliteReader::open(folder, &ca()).expect("opened to read")
}

#[test]
fn the_pages_are_right_where_many_rows_pass_one_filter() {
    // More rows than are sorted at once, and pages far from the start of the search.
    let folder = TempDir::new().expect("a folder");
    let mut ledger = open_ledger(folder.path(), &ca());
    let serials = ledger.reserve(12_000, CertificateFormat::Json).expect("serial numbers");
    let subjects: Vec<_> = (0..12_000).map(|n| id(if n < 3_000 { "far" } else { "near" })).collect();
    let certificates: Vec<_> = serials
        .into_iter()
        .zip(&subjects)
        .enumerate()
        .map(|(n, (serial, subject))| NewCertificate {
            serial,
            subject_id: subject.as_id(),
            subject_key: &[1; 32],
            validity: Validity::new(at(NOW), at(NOW + n as u64)).expect("in order"),
            format: CertificateFormat::Json,
            certificate: b"{}",
            token: None,
            renews: None,
            supersede: false,
            lifetime: None,
            request: None,
        })
        .collect();
    ledger.record(&certificates, at(NOW)).expect("recorded");
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
fn the_pages_are_right_where_many_rows_pass_two_filters() {
    const ROWS: u64 = 110_000;
    // The first half begins on one day, the second half on the next. One row of each half is exchanged.
    let day = |n: u64| u64::from(n > ROWS / 2 && n != 100_000 || n == 10_000);
    let folder = TempDir::new().expect("a folder");
    let mut ledger = open_ledger(folder.path(), &ca());
    let subject = id("many");
    for first in (1..=ROWS).step_by(10_000) {
        let serials = ledger.reserve(10_000, CertificateFormat::Json).expect("serial numbers");
        let certificates: Vec<_> = (first..)
            .zip(serials)
            .map(|(n, serial)| {
                let begin = at(NOW + day(n) * 86_400);
                let validity = Validity::new(begin, at(NOW + 200_000 + n)).expect("in order");
                NewCertificate {
                    serial,
                    subject_id: subject.as_id(),
                    subject_key: &[1; 32],
                    validity,
                    format: CertificateFormat::Json,
                    certificate: b"{}",
                    token: None,
                    renews: None,
                    supersede: false,
                    lifetime: None,
                    request: None,
                }
            })
            .collect();
        ledger.record(&certificates, at(NOW)).expect("recorded");
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
            let next = Search { place: PagePlace::After(found.after.expect("more pages")), ..search };
            let next = reader.search(&next).expect("found").records;
            assert_eq!(next[0].id, if descending { first[2] - 1 } else { first[2] + 1 }, "{order:?}");
        }
    }
}
