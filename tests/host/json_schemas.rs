//! The JSON of each command, beside the schemas in `docs/json`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use minipki_core::time::UnixTime;
use minipki_tests::program::{Done, run};
use minipki_tests::x509::{chain, to_der};
use serde_json::Value;

use super::cli::{enrolled, served};
use super::passphrase::write;

/// The folder of the schemas.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/json")
}

fn schema(name: &str) -> Value {
    let text = fs::read_to_string(folder().join(format!("{name}.json"))).expect("a schema");
    serde_json::from_str(&text).expect("one JSON value")
}

/// The keywords that [`check`] knows, and those that only describe.
const KEYWORDS: [&str; 12] = [
    "$schema",
    "additionalProperties",
    "description",
    "enum",
    "format",
    "items",
    "minimum",
    "pattern",
    "properties",
    "required",
    "title",
    "type",
];

/// Checks `value` against `schema` (JSON Schema, draft 2020-12, the keywords above). `at` is the place for the message.
fn check(schema: &Value, value: &Value, at: &str) {
    let schema = schema.as_object().expect("a schema is an object");
    for keyword in schema.keys() {
        assert!(KEYWORDS.contains(&keyword.as_str()), "{at}: the keyword {keyword} is not checked");
    }
    let found = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_u64() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let types: Vec<_> = match &schema["type"] {
        Value::Array(types) => types.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect(),
    };
    assert!(types.contains(&found), "{at}: {found}, expected one of {types:?}");
    if let Some(known) = schema.get("enum") {
        assert!(known.as_array().expect("an array").contains(value), "{at}: {value} is not one of {known}");
    }
    match value {
        Value::String(text) => check_text(schema, text, at),
        Value::Array(items) => {
            for (number, item) in items.iter().enumerate() {
                check(&schema["items"], item, &format!("{at}[{number}]"));
            }
        }
        Value::Object(members) => {
            let properties = schema["properties"].as_object().expect("an object");
            for name in schema["required"].as_array().expect("an array") {
                assert!(members.contains_key(name.as_str().expect("a name")), "{at}: {name} is missing");
            }
            for (name, member) in members {
                match properties.get(name) {
                    Some(schema) => check(schema, member, &format!("{at}.{name}")),
                    None => assert_ne!(
                        schema.get("additionalProperties"),
                        Some(&false.into()),
                        "{at}: {name} is unknown"
                    ),
                }
            }
        }
        _ => {}
    }
}

fn check_text(schema: &serde_json::Map<String, Value>, text: &str, at: &str) {
    if schema.get("format") == Some(&"date-time".into()) {
        assert!(text.parse::<UnixTime>().is_ok(), "{at}: {text} is not a time");
    }
    // The schemas have only patterns of hexadecimal digits.
    let Some(pattern) = schema.get("pattern").and_then(Value::as_str) else { return };
    let count =
        pattern.strip_prefix("^[0-9a-f]").and_then(|rest| rest.strip_suffix('$')).expect("a known pattern");
    let length =
        count.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).map(|number| number.parse::<usize>());
    assert!(text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')), "{at}: {text}");
    assert!(length.is_none_or(|length| length == Ok(text.len())), "{at}: {text}");
}

#[test]
fn each_command_prints_json_of_its_schema() {
    let (folder, mut server, ca) = served(&[]);
    let at = folder.path();
    enrolled(at, &ca, "alice");
    write(at, "secret", "passphrase");
    let mut seen = BTreeSet::new();
    let mut prints = |name: &'static str, done: Done| {
        let value: Value = serde_json::from_str(&done.stdout).unwrap_or_else(|_| panic!("{name}: {done:?}"));
        check(&schema(name), &value, name);
        seen.insert(name.to_owned());
        value
    };
    let json = |command: &[&str], code| run(at, &[command, &["--json"]].concat()).expect(code);
    prints("ca-init", json(&["ca", "init", "--dir", "new"], 0));
    prints("ca-import", json(&["ca", "import", "--key", "new/ca-key.pem", "--dir", "imported"], 0));
    prints(
        "ca-passphrase",
        json(&["ca", "passphrase", "--dir", "new", "--new-passphrase-file", "secret"], 0),
    );
    prints("ca-rollover", json(&["ca", "rollover", "--dir", "imported"], 0));
    prints("ca-rollover", json(&["ca", "rollover", "--dir", "imported", "--finish"], 0));
    prints("ca-fingerprint", json(&["ca", "fingerprint", "--dir", "imported"], 0));
    prints("ca-token", json(&["ca", "token", "--dir", "ca", "--subject", "bob"], 0));
    prints(
        "enroll",
        json(&["enroll", "--ca", &ca, "--anchor", "ca/anchor.json", "--subject", "bob", "--out", "bob"], 0),
    );
    prints("renew", json(&["renew", "--identity", "bob"], 0));
    prints("status", json(&["status", "--identity", "bob"], 0));
    prints("anchors", json(&["anchors", "--identity", "bob"], 0));
    prints("anchors", json(&["anchors", "--identity", "bob", "--update"], 0));
    prints("passphrase", json(&["passphrase", "--identity", "bob", "--new-passphrase-file", "secret"], 0));
    prints(
        "passphrase",
        json(&["passphrase", "--identity", "bob", "--passphrase-file", "secret", "--remove"], 0),
    );
    let hold = ["ca", "revoke", "--dir", "ca", "--subject", "bob", "--all", "--reason", "certificate_hold"];
    prints("ca-revoke", json(&hold, 0));
    prints("ca-unhold", json(&["ca", "unhold", "--dir", "ca", "--subject", "bob", "--all"], 0));
    prints("ca-list", json(&["ca", "list", "--dir", "ca"], 0));
    prints("revoke", json(&["revoke", "--identity", "bob"], 0));
    prints("status", json(&["status", "--identity", "bob"], 4));
    let listed = prints("ca-list", json(&["ca", "list", "--dir", "ca"], 0));
    assert!(listed.as_array().is_some_and(|all| all.iter().any(|one| one["state"] == "revoked")), "{listed}");
    prints("ca-revocations", run(at, &["ca", "revocations", "--dir", "ca"]).expect(0));
    prints("ca-check", json(&["ca", "check", "--dir", "ca"], 0));
    prints("ca-check", json(&["ca", "check", "--dir", "nothing"], 1));
    prints("ca-backup", json(&["ca", "backup", "--dir", "ca", "--to", "backup.tar"], 0));
    prints("ca-restore", json(&["ca", "restore", "--from", "backup.tar", "--dir", "restored"], 0));
    for file in
        ["alice/certificate.json", "alice/key.pem", "ca/ca-key.pem", "bob/status.json", "alice/ca.json"]
    {
        prints("inspect", json(&["inspect", file], 0));
    }
    write(at, "malformed.json", "{\"ca_signature_b64\":\"\"}");
    prints("inspect", json(&["inspect", "malformed.json"], 4));
    prints("inspect-folder", json(&["inspect", "alice"], 0));
    prints("inspect-folder", json(&["inspect", "ca"], 0));
    prints("verify", json(&["verify", "--anchor", "ca/anchor.json", "alice/certificate.json"], 0));
    prints("verify", json(&["verify", "--anchor", "new/anchor.json", "alice/certificate.json"], 4));
    chain(at, "p256");
    let chained = ["x509", "verify", "fullchain.pem", "--trust"];
    prints("x509-verify", json(&[&chained[..], &["root.pem"]].concat(), 0));
    prints("x509-verify", json(&[&chained[..], &["leaf.pem"]].concat(), 4));
    fs::write(at.join("cut.der"), &to_der(at, "leaf.pem", "leaf.der")[..200]).expect("the file is written");
    prints("x509-verify", json(&["x509", "verify", "cut.der", "--trust", "root.pem"], 4));
    prints("inspect", json(&["inspect", "fullchain.pem"], 0));
    prints("csr", json(&["csr", "--key-type", "p256", "--subject", "bob", "--out", "request"], 0));
    prints("inspect", json(&["inspect", "request/request.pem"], 0));
    server.line("granted");
    server.stop().expect(0);

    let schemas: BTreeSet<_> = fs::read_dir(self::folder())
        .expect("the schemas")
        .filter_map(|entry| {
            entry.expect("a file").file_name().to_str()?.strip_suffix(".json").map(str::to_owned)
        })
        .collect();
    assert_eq!(seen, schemas, "each schema has a command");
    let page = fs::read_to_string(self::folder().join("README.md")).expect("a page");
    for name in &schemas {
        assert_eq!(schema(name)["$schema"], "https://json-schema.org/draft/2020-12/schema");
        assert!(page.contains(&format!("[{name}.json]({name}.json)")), "{name} is not in the page");
    }
    // Each command with --json has a schema.
    let mut with_json = 0;
    let mut commands = vec![(String::new(), minipki::cli::command())];
    while let Some((words, command)) = commands.pop() {
        with_json += usize::from(command.get_arguments().any(|argument| argument.get_id() == "json"));
        for inner in command.get_subcommands() {
            commands.push((format!("{words} {}", inner.get_name()), inner.clone()));
        }
    }
    // `ca revocations` has no option, and `inspect` has two schemas.
    assert_eq!(with_json + 2, schemas.len());
}
