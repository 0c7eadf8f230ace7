//! Ledgers of earlier versions: a start of the CA migrates them with every row, and nothing else does.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use minipki_ca::ports::{
    IssuerKey, Ledger, LedgerReader, Order, Page, RevocationChange, Search, Storage, TokenState,
};
use minipki_core::cert::Anchor;
use minipki_core::crypto::Portable;
use minipki_core::keys::Fingerprint;
use minipki_core::time::UnixTime;
use minipki_core::trust::RevocationReason;
use minipki_ledger::{
    FILE, LastStart, Owner, Restoring, SqliteLedger, SqliteReader, SqliteStorage, StoreError, issuer_keys_of,
    snapshot,
};
use minipki_os::Failure;
use rusqlite::Connection;
use tempfile::TempDir;

/// A CA folder of the last program with schema 3.
const SCHEMA_3: &str = "../../vectors/ledger/schema-3";

/// The same CA after a start of the last program with schema 4.
const SCHEMA_4: &str = "../../vectors/ledger/schema-4";

/// The same CA after a start of the last program with schema 5, two revocations and one more certificate.
const SCHEMA_5: &str = "../../vectors/ledger/schema-5";

fn copy_of_schema_3() -> TempDir {
    copy_of(SCHEMA_3)
}

fn copy_of(vector: &str) -> TempDir {
    let folder = TempDir::new().expect("a folder");
    for name in [FILE, "anchor.json", LastStart::FILE] {
        let (from, to) = (Path::new(vector).join(name), folder.path().join(name));
        fs::copy(from, &to).expect("copied");
        fs::set_permissions(&to, fs::Permissions::from_mode(0o600)).expect("changed");
    }
    folder
}

fn anchor(folder: &Path) -> Anchor {
    let text = fs::read(folder.join("anchor.json")).expect("a CA folder has it");
    Anchor::decode(Portable::new(), &text).expect("a good anchor")
}

fn owner(folder: &Path) -> Owner {
    let anchor = anchor(folder);
    let issuer_id = anchor.issuer_id().expect("a name").into();
    Owner { issuer_id, fingerprint: anchor.fingerprint() }
}

/// Starts and stops a CA.
fn start(folder: &Path) {
    drop(SqliteLedger::open(folder, &owner(folder)).expect("migrated"));
}

fn connect(folder: &Path) -> Connection {
    Connection::open(folder.join(FILE)).expect("opened")
}

/// All rows of a query, each as one text.
fn rows(folder: &Path, sql: &str) -> Vec<String> {
    let connection = connect(folder);
    let mut query = connection.prepare(sql).expect("a query");
    let rows = query.query_map([], |row| row.get(0)).expect("rows");
    rows.collect::<Result<_, _>>().expect("texts")
}

fn schema(folder: &Path) -> i32 {
    connect(folder).pragma_query_value(None, "user_version", |row| row.get(0)).expect("a number")
}

/// The tables whose content a migration does not change.
const SAME: [&str; 3] = [
    "SELECT issuer_id || ' ' || hex(fingerprint) FROM owner",
    "SELECT hex(id) || ' ' || latest || ' ' || coalesce(backed_up, '-') FROM instance",
    "SELECT concat_ws(' ', hex(hash), subject_id, expires, coalesce(spent_on, '-'), id, coalesce(revoked, '-'))
     FROM tokens ORDER BY id",
];

#[test]
fn a_ledger_of_schema_3_is_brought_up_to_date_with_every_row() {
    let folder = copy_of_schema_3();
    let folder = folder.path();
    let columns = "hex(subject_key), not_before, not_after, certificate";
    let certificates = |serial: &str| {
        format!("SELECT concat_ws(' ', id, {serial}, subject_id, {columns}) FROM certificates ORDER BY id")
    };
    let reserved = |serial: &str| format!("SELECT {serial} FROM reserved ORDER BY serial");
    let wide = "printf('%040X', serial)";
    let before = (rows(folder, &certificates(wide)), rows(folder, &reserved(wide)));
    assert_eq!((before.0.len(), before.1.len()), (4, 253));
    let same = SAME.map(|sql| rows(folder, sql));

    start(folder);

    assert_eq!(schema(folder), 7);
    // The octets and the numbers have the same order.
    assert_eq!((rows(folder, &certificates("hex(serial)")), rows(folder, &reserved("hex(serial)"))), before);
    assert_eq!(SAME.map(|sql| rows(folder, sql)), same);
    assert_eq!(rows(folder, "SELECT \"table\" FROM pragma_foreign_key_check"), [""; 0]);
    // The tables are those of a new ledger.
    let new = TempDir::new().expect("a folder");
    minipki_ledger::create(new.path(), &owner(folder)).expect("made");
    let tables = "SELECT concat_ws(' ', type, name, sql) FROM sqlite_schema ORDER BY name";
    assert_eq!(rows(folder, tables), rows(new.path(), tables));

    let mut reader = SqliteReader::open(folder, &owner(folder)).expect("opened");
    assert_eq!(reader.structure_errors().expect("read"), [""; 0]);
    let verified = reader.verify_all(&anchor(folder), |bad| panic!("{bad}")).expect("read");
    assert_eq!(verified, 4);
    let carol = reader.list(Page { subject: None, after: 3, limit: 1 }).expect("read").remove(0);
    let tokens = reader.list_tokens(None, 9).expect("read");
    let spent: Vec<_> =
        tokens.iter().filter(|token| token.state == TokenState::Spent(carol.serial)).collect();
    assert_eq!((tokens.len(), spent.len()), (5, 1));
    // The next start changes nothing.
    start(folder);
    assert_eq!(SAME.map(|sql| rows(folder, sql)), same);
}

#[test]
fn a_ledger_of_schema_4_is_brought_up_to_date_and_its_certificates_can_be_revoked() {
    let folder = copy_of(SCHEMA_4);
    let folder = folder.path();
    // A row that was changed from outside does not stop a start.
    connect(folder)
        .execute_batch("UPDATE certificates SET subject_id = 'b b' WHERE id = 3")
        .expect("changed");
    let certificates =
        "SELECT concat_ws(' ', id, hex(serial), subject_id, hex(subject_key), not_before, not_after, format, certificate)
         FROM certificates ORDER BY id";
    let audit = "SELECT concat_ws(' ', id, time, actor, action, details) FROM audit";
    let same = || [certificates, audit, SAME[0], SAME[1], SAME[2]].map(|sql| rows(folder, sql));
    let before = same();
    assert_eq!((schema(folder), before[0].len(), before[1].len()), (4, 4, 1));

    start(folder);

    assert_eq!((schema(folder), same()), (7, before));
    let new = TempDir::new().expect("a folder");
    minipki_ledger::create(new.path(), &owner(folder)).expect("made");
    let tables = "SELECT concat_ws(' ', type, name, sql) FROM sqlite_schema ORDER BY name";
    assert_eq!(rows(folder, tables), rows(new.path(), tables));
    let mut reader = SqliteReader::open(folder, &owner(folder)).expect("opened");
    let mut bad = Vec::new();
    reader.verify_all(&anchor(folder), |row| bad.push(row.id)).expect("read");
    assert_eq!(bad, [3]);
    let record = reader.list(Page { subject: None, after: 3, limit: 1 }).expect("read").remove(0);
    assert_eq!((record.issued, record.renews, record.lifetime, record.revocation), (None, None, None, None));
    assert!(reader.list_tokens(None, 9).expect("read").iter().all(|token| token.lifetime.is_none()));
    assert_eq!(reader.revocation_number().expect("read"), 0);
    let now = UnixTime::new(1_800_000_000).expect("a time");
    let storage = SqliteStorage { folder: folder.to_owned(), owner: owner(folder) };
    let mut book = storage.revocations(now).expect("opened");
    let change = RevocationChange::new(record.serial, RevocationReason::KeyCompromise, "an operator");
    let outcome = book.revoke(&[change], now).expect("written").remove(0).expect("revoked");
    assert_eq!((outcome.changed, outcome.record.number), (true, 1));
    let record = reader.find_by_serial(record.serial).expect("read").expect("found");
    assert_eq!(record.revocation, outcome.record.revocation());
}

#[test]
fn a_ledger_of_schema_5_is_brought_up_to_date_and_its_key_can_change() {
    let folder = copy_of(SCHEMA_5);
    let folder = folder.path();
    let certificates = "SELECT concat_ws(' ', id, hex(serial), certificate) FROM certificates ORDER BY id";
    let issued = "SELECT concat_ws(' ', id, issued, hex(renews), lifetime) FROM issued";
    let revocations = "SELECT concat_ws(' ', number, certificate, reason, time, actor) FROM revocations";
    let revoked = "SELECT concat_ws(' ', id, hex(serial), number, reason, revoked_at) FROM revoked";
    let same = || {
        [certificates, issued, revocations, revoked, SAME[0], SAME[1], SAME[2]].map(|sql| rows(folder, sql))
    };
    let before = same();
    assert_eq!((schema(folder), before.each_ref().map(Vec::len)), (5, [5, 1, 2, 2, 1, 1, 5]));
    // Its key can be read without a change of the file.
    let first = owner(folder).fingerprint;
    let file = fs::read(folder.join(FILE)).expect("a ledger");
    let first = IssuerKey { fingerprint: first, not_before: UnixTime::MIN, update: None };
    assert_eq!(issuer_keys_of(folder).expect("read"), Some(vec![first.clone()]));
    assert!(fs::read(folder.join(FILE)).expect("a ledger") == file, "a read has changed it");

    start(folder);

    assert_eq!((schema(folder), same()), (7, before));
    let new = TempDir::new().expect("a folder");
    minipki_ledger::create(new.path(), &owner(folder)).expect("made");
    let tables = "SELECT concat_ws(' ', type, name, sql) FROM sqlite_schema ORDER BY name";
    assert_eq!(rows(folder, tables), rows(new.path(), tables));
    let keys =
        "SELECT concat_ws(' ', number, hex(fingerprint), first, not_before, anchor_update) FROM issuer_keys";
    assert_eq!(rows(folder, keys), rows(new.path(), keys));
    let mut reader = SqliteReader::open(folder, &owner(folder)).expect("opened");
    assert_eq!(reader.verify_all(&anchor(folder), |bad| panic!("{bad}")).expect("read"), 5);
    let mut uses = reader.issuer_keys().expect("read");
    let last = rows(folder, "SELECT CAST(max(not_after) AS TEXT) FROM certificates");
    assert_eq!((uses.len(), uses[0].certificates), (1, 5));
    assert_eq!(uses.remove(0).last_end.map(|end| end.get().to_string()), Some(last[0].clone()));
    assert_eq!(reader.list_revoked(Some(first.fingerprint), None, 9).expect("read").revoked.len(), 2);

    let second = IssuerKey { fingerprint: Fingerprint([2; 32]), update: Some(b"{}".to_vec()), ..first };
    let mut ledger = SqliteLedger::open(folder, &owner(folder)).expect("opened");
    ledger.change_key(&second, UnixTime::new(1_800_000_000).expect("a time")).expect("changed");
    drop(ledger);
    assert_eq!(issuer_keys_of(folder).expect("read"), Some(vec![first, second]));
}

#[test]
fn a_ledger_of_schema_6_is_brought_up_to_date() {
    let folder = copy_of(SCHEMA_5);
    let folder = folder.path();
    start(folder);
    let tables = "SELECT concat_ws(' ', type, name, sql) FROM sqlite_schema ORDER BY name";
    let certificates = "SELECT concat_ws(' ', id, hex(serial), certificate) FROM certificates ORDER BY id";
    let content = || [tables, certificates, SAME[0], SAME[1], SAME[2]].map(|sql| rows(folder, sql));
    let before = content();
    // Schema 7 has more tables.
    let earlier = "DROP TABLE requests; DROP TABLE twins; DROP TABLE public_urls; DROP TABLE chains;
                   ALTER TABLE owner DROP COLUMN crl_shards; PRAGMA user_version = 6;";
    connect(folder).execute_batch(earlier).expect("changed");
    start(folder);
    assert_eq!((schema(folder), content()), (7, before));
}

#[test]
fn nothing_but_a_start_brings_a_ledger_up_to_date() {
    let folder = copy_of_schema_3();
    let path = folder.path();
    let storage = SqliteStorage { folder: path.to_owned(), owner: owner(path) };
    let before = fs::read(path.join(FILE)).expect("a ledger");
    for refused in [storage.reader().err(), storage.tokens().err(), storage.audit().err()] {
        let Failure { seen, next } = Failure::from(&refused.expect("it is not up to date"));
        assert!(seen.contains("has schema 3, and this version of minipki reads 7"), "{seen}");
        let command = format!("minipki ca serve --dir {}", path.display());
        assert!(next.is_some_and(|next| next.contains(&command)), "{seen}");
    }
    assert!(fs::read(path.join(FILE)).expect("a ledger") == before, "a read has changed it");

    // A backup before the start does not migrate the ledger. Its restore does.
    let now = UnixTime::new(1_800_000_000).expect("a time");
    let mut backup = snapshot(path, &storage.owner, &path.join("copy"), now).expect("backed up");
    assert_eq!(schema(path), 3);
    let elsewhere = TempDir::new().expect("a folder");
    let restoring = elsewhere.path().join("restoring");
    std::io::copy(&mut backup, &mut fs::File::create(&restoring).expect("a file")).expect("copied");
    fs::set_permissions(&restoring, fs::Permissions::from_mode(0o600)).expect("changed");
    let restored =
        Restoring::prepare(elsewhere.path(), &restoring, &storage.owner, now, true).expect("sound");
    assert_eq!((restored.certificates, restored.live_tokens), (4, 3));
    restored.install().expect("in its place");
    assert_eq!(schema(elsewhere.path()), 7);
}

#[test]
fn a_row_changed_from_outside_does_not_stop_a_start() {
    let folder = copy_of_schema_3();
    let path = folder.path();
    connect(path)
        .execute_batch(
            "UPDATE certificates SET serial = -1 WHERE id = 1; UPDATE certificates SET serial = 0 WHERE id = 2;
             UPDATE certificates SET subject_id = 'b b' WHERE id = 3;",
        )
        .expect("changed");
    start(path);
    let mut reader = SqliteReader::open(path, &owner(path)).expect("opened");
    let mut bad = Vec::new();
    let rows = reader.verify_all(&anchor(path), |row| bad.push(row.id)).expect("read");
    assert_eq!((rows, bad), (4, vec![1, 2, 3]));
    assert_eq!(reader.list(Page { subject: None, after: 3, limit: 9 }).expect("read").len(), 1);
}

#[test]
fn a_ledger_of_the_first_schema_is_brought_up_to_date_with_its_tokens() {
    let folder = copy_of_schema_3();
    let path = folder.path();
    connect(path)
        .execute_batch(
            "DROP INDEX certificates_by_begin; DROP INDEX tokens_by_id; DROP INDEX tokens_by_end;
             DROP TABLE instance; ALTER TABLE tokens DROP COLUMN id; ALTER TABLE tokens DROP COLUMN revoked;
             PRAGMA user_version = 1;",
        )
        .expect("a ledger of the first version");
    let refused = SqliteReader::open(path, &owner(path)).err().expect("it is not up to date");
    assert!(matches!(refused, StoreError::Older { found: 1, .. }), "{refused}");
    // The first version wrote no note of the last start, so this ledger cannot be the last one.
    let refused = SqliteLedger::open(path, &owner(path)).err().expect("it is older");
    assert!(matches!(refused, StoreError::NotTheLast { .. }), "{refused}");
    fs::remove_file(path.join(LastStart::FILE)).expect("removed");
    start(path);
    let mut reader = SqliteReader::open(path, &owner(path)).expect("opened");
    let mut tokens = reader.list_tokens(None, 10).expect("read");
    tokens.dedup_by_key(|token| token.id);
    assert_eq!(tokens.len(), 5, "each token has its own number");
    let search = Search { order: Order::Begin, limit: 10, ..Search::default() };
    assert_eq!(reader.search(&search).expect("found").records.len(), 4);
}
