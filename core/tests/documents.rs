//! The statements of `docs/protocol.md` about the core are true.

use minipki_core::wire::Code;

#[test]
fn the_protocol_page_has_every_code_of_a_refusal() {
    let page = include_str!("../../docs/protocol.md");
    let (_, table) = page.split_once("| code | meaning |").expect("the table of codes");
    let mut named: Vec<&str> =
        table.lines().filter_map(|row| row.strip_prefix("| `")?.split('`').next()).collect();
    // The value that stands for an unknown code is never sent.
    let mut codes: Vec<_> = Code::all().filter(|&code| code != Code::Other).map(Code::as_str).collect();
    named.sort_unstable();
    codes.sort_unstable();
    assert_eq!(named, codes);
}
