//! The time of the console's searches in a ledger of a million certificates.
//!
//! To run it: `cargo run --release -p minipki-benches --example search`. MINIPKI_ROWS sets another number of certificates,
//! and MINIPKI_LEDGER keeps the ledger in a folder for the next run.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use minipki_ca::ports::{
    CertificateFormat, Cursor, LedgerError, LedgerReader, NewCertificate, Order, PagePlace, Recorder, Search,
};
use minipki_core::cert::{Id, IdBuf};
use minipki_core::keys::Fingerprint;
use minipki_core::time::UnixTime;
use minipki_core::trust::{Serial, Validity};
use minipki_ledger::{Owner, SqliteLedger, SqliteReader};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};

/// The time of the first certificate. Each second has one more certificate.
const BEGIN: u64 = 1_700_000_000;
/// The number of certificates in a transaction while the ledger is made.
const BATCH: usize = 5_000;
/// The number of timed searches of each kind.
const RUNS: usize = 101;
/// The number of rows on a page of the console.
const PAGE: usize = 50;

fn owner() -> Owner {
    Owner { issuer_id: name("bench-ca"), fingerprint: Fingerprint([7; 32]) }
}

fn name(text: &str) -> IdBuf {
    Id::new(text).expect("a name").into()
}

fn time(seconds: u64) -> UnixTime {
    UnixTime::new(seconds).expect("a time")
}

/// The subjects in the order of issue: numbered sensors and some users.
fn subject(number: u64) -> IdBuf {
    if number % 50 == 7 {
        name(&format!("user-{number:07}@plant-{}.example", number % 13))
    } else {
        name(&format!("sensor-{number:07}"))
    }
}

/// Records `rows` certificates through the ledger. Their text has the length of a real one.
fn fill(folder: &Path, rows: u64) {
    minipki_ledger::create(folder, &owner()).expect("a new ledger");
    let mut ledger = SqliteLedger::open(folder, &owner()).expect("opened");
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let text = format!("{{\"filler\":\"{}\"}}", "x".repeat(1_300));
    let mut number = 0;
    while number < rows {
        let batch = BATCH.min((rows - number) as usize);
        let serials = ledger.reserve(batch, CertificateFormat::Json).expect("serial numbers");
        let subjects: Vec<_> = (0..batch as u64).map(|more| subject(number + more)).collect();
        let keys: Vec<[u8; 32]> = (0..batch)
            .map(|_| {
                let mut key = [0; 32];
                rng.fill_bytes(&mut key);
                key
            })
            .collect();
        let certificates: Vec<_> = serials
            .into_iter()
            .zip(&subjects)
            .zip(&keys)
            .enumerate()
            .map(|(more, ((serial, subject), subject_key))| {
                let begin = BEGIN + number + more as u64;
                let days = 30 + rng.next_u64() % 300;
                let validity = Validity::new(time(begin), time(begin + days * 86_400)).expect("in order");
                NewCertificate {
                    serial,
                    subject_id: subject.as_id(),
                    subject_key,
                    validity,
                    format: CertificateFormat::Json,
                    certificate: text.as_bytes(),
                    token: None,
                    renews: None,
                    supersede: false,
                    lifetime: None,
                    request: None,
                }
            })
            .collect();
        ledger.record(&certificates, time(BEGIN)).expect("recorded");
        number += batch as u64;
    }
}

/// Times the searches that `search` returns, one for each run.
fn measure(folder: &Path, what: &str, mut search: impl FnMut(u64) -> Search) {
    let mut times = Vec::with_capacity(RUNS);
    let (mut rows, mut given_up) = (0, 0);
    for run in 0..RUNS {
        let search = search(run as u64);
        let began = Instant::now();
        // A page of the console also opens a reader for each search.
        let mut reader = SqliteReader::open(folder, &owner()).expect("opened");
        let found = reader.search(&search);
        times.push(began.elapsed());
        match found {
            Ok(found) => rows = found.records.len(),
            Err(LedgerError::TooSlow) => given_up += 1,
            Err(error) => panic!("{what}: {error}"),
        }
    }
    times.sort();
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    println!(
        "{what:<58} {:>8.2} {:>8.2} {:>8.2}   {rows:>3}",
        ms(times[RUNS / 2]),
        ms(times[RUNS * 95 / 100]),
        ms(times[RUNS - 1]),
    );
    if given_up > 0 {
        println!(
            "    given up after two seconds: {given_up} of {RUNS}; the first searches read the ledger from the disk"
        );
    }
}

fn main() {
    let rows: u64 =
        std::env::var("MINIPKI_ROWS").map_or(1_000_000, |rows| rows.parse().expect("MINIPKI_ROWS: a number"));
    let temporary = tempfile::tempdir().expect("a folder");
    let kept = std::env::var_os("MINIPKI_LEDGER").map(PathBuf::from);
    let folder = kept.as_deref().unwrap_or(temporary.path());
    if !folder.join("ledger.sqlite").exists() {
        let began = Instant::now();
        fill(folder, rows);
        println!("{rows} certificates recorded in {:.1?}", began.elapsed());
    }
    let mut reader = SqliteReader::open(folder, &owner()).expect("opened");
    let rows = reader.issued().expect("a number");
    let size = std::fs::metadata(folder.join("ledger.sqlite")).expect("a ledger").len();
    println!("a ledger of {rows} certificates, {} MB\n", size / 1_000_000);
    let all = Search { descending: true, limit: PAGE, ..Search::default() };
    let middle: Vec<(Serial, Vec<u8>)> = (0..RUNS as u64)
        .map(|run| {
            let place = PagePlace::Before(cursor(spread(run, rows)));
            let search = Search { place, limit: 1, ..all.clone() };
            let found = reader.search(&search).expect("found").records;
            let record = found.first().expect("a row in the middle");
            (record.serial, record.subject_key.clone())
        })
        .collect();

    println!("{:<58} {:>8} {:>8} {:>8}   rows", "search (milliseconds)", "median", "95 %", "worst");
    let page = |order, descending| Search { order, descending, ..all.clone() };
    measure(folder, "the first page, newest first", |_| all.clone());
    measure(folder, "a page in the middle, newest first", |run| Search {
        place: PagePlace::After(cursor(spread(run, rows))),
        ..all.clone()
    });
    measure(folder, "the first page by subject", |_| page(Order::Subject, false));
    measure(folder, "the first page by end", |_| page(Order::End, false));
    measure(folder, "one subject, whole", |run| {
        with_subject(&all, subject(spread(run, rows)).as_id().as_str())
    });
    measure(folder, "a prefix that 100 share", |run| {
        with_subject(&all, &format!("sensor-{:05}", spread(run, rows) / 100))
    });
    measure(folder, "a prefix that 10,000 share", |run| {
        with_subject(&all, &format!("sensor-{:03}", spread(run, rows) / 10_000))
    });
    measure(folder, "a prefix that 98 % share", |_| with_subject(&all, "sensor-"));
    measure(folder, "a prefix that 98 % share, by end", |_| with_subject(&page(Order::End, true), "sensor-"));
    measure(folder, "a prefix that 10,000 share, by end, last first", |run| {
        with_subject(&page(Order::End, true), &format!("sensor-{:03}", spread(run, rows) / 10_000))
    });
    measure(folder, "a prefix that none share", |run| with_subject(&all, &format!("nobody-{run}")));
    measure(folder, "a serial number", |run| Search {
        serial: middle.get(run as usize).map(|(serial, _)| *serial),
        ..all.clone()
    });
    measure(folder, "a key's first 4 bytes", |run| {
        let (mut low, mut high) = (vec![0; 32], vec![0xff; 32]);
        low[..4].copy_from_slice(&middle[run as usize].1[..4]);
        high[..4].copy_from_slice(&middle[run as usize].1[..4]);
        Search { key: Some(low..=high), ..all.clone() }
    });
    measure(folder, "a day of begins", |run| day(&all, spread(run, rows)));
    measure(folder, "a day of begins, and a prefix that 98 % share", |run| {
        with_subject(&day(&all, spread(run, rows)), "sensor-")
    });
    measure(folder, "the same, by subject", |run| {
        with_subject(&day(&page(Order::Subject, true), spread(run, rows)), "sensor-")
    });
    measure(folder, "all begins until a day, and a prefix that 98 % share", |run| {
        let until = day(&all, spread(run, rows));
        with_subject(&Search { begins_from: None, ..until }, "sensor-")
    });
}

fn cursor(id: u64) -> Cursor {
    format!("{id}~{id}").parse().expect("a cursor")
}

/// A certificate number for each run, spread over the whole ledger.
fn spread(run: u64, rows: u64) -> u64 {
    1 + run * 7_919 % RUNS as u64 * (rows - 2) / RUNS as u64
}

fn with_subject(search: &Search, text: &str) -> Search {
    search.clone().for_subject(text).expect("a subject can begin so")
}

fn day(search: &Search, number: u64) -> Search {
    let begin = BEGIN + number / 86_400 * 86_400;
    Search { begins_from: Some(time(begin)), begins_before: Some(time(begin + 86_400)), ..search.clone() }
}
