//! Values of options that mean something else than they seem: an empty token, a host name, a file named `-`.

use std::fs;
use std::sync::Arc;

use minipki_console::{Console, ConsoleOptions, Tls};
use minipki_provider::HostProvider;
use minipki_server::CaService;
use minipki_tests::program::{folder_with_alice, run, run_with, start_with};
use tempfile::TempDir;

use super::cli::served;

/// The name of a file that is standard output for many programs.
const DASH: &str = "-";

#[test]
fn an_empty_token_is_an_error_and_an_empty_variable_is_none() {
    let (folder, _server, ca) = served(&[]);
    let at = folder.path();
    let enroll = |out: &'static str| {
        ["enroll", "--ca", &ca, "--anchor", "ca/anchor.json", "--subject", out, "--out", out]
    };
    let token = ["--token"];
    let tokens = run(at, &["ca", "token", "--dir", "ca", "--subject", "c"]).expect(0).stdout;
    for empty in ["", " ", "\n"] {
        // A good variable does not replace an empty option.
        let done = run_with(
            at,
            &[&enroll("a")[..], &token, &[empty]].concat(),
            &[("MINIPKI_TOKEN", tokens.trim_end())],
        );
        let refused = done.expect(2).stderr;
        assert!(refused.contains("--token: the token cannot be right: it is empty"), "{refused}");
        assert!(refused.contains("next: copy the whole token") && !at.join("a").exists(), "{refused}");
    }
    for (empty, out) in [("", "a"), (" \n", "b")] {
        let done = run_with(at, &enroll(out), &[("MINIPKI_TOKEN", empty)]).expect(0).stderr;
        assert!(done.contains("MINIPKI_TOKEN is empty: this request has no token"), "{done}");
    }
    let wrong = run_with(at, &enroll("c"), &[("MINIPKI_TOKEN", "123")]).expect(2).stderr;
    assert!(wrong.contains("MINIPKI_TOKEN: the token cannot be right: it has 3 digits"), "{wrong}");
    run_with(at, &enroll("c"), &[("MINIPKI_TOKEN", tokens.trim_end())]).expect(0);
    // Without a variable nothing is said.
    let done = run(at, &enroll("d")).expect(0).stderr;
    assert!(!done.contains("MINIPKI_TOKEN"), "{done}");
    // The classic form has no token.
    let refused =
        run_with(at, &[&enroll("e")[..], &["--classic"]].concat(), &[("MINIPKI_TOKEN", "123")]).expect(3);
    assert!(refused.stderr.contains("not_allowed"), "{refused:?}");
    let refused = run(at, &[&enroll("e")[..], &["--classic", "--token", "123"]].concat()).expect(2);
    assert!(refused.stderr.contains("cannot be used with"), "{refused:?}");
    let help = run(at, &["enroll", "--help"]).expect(0).stdout;
    assert!(help.contains("An empty variable counts as no variable"), "{help}");
}

#[test]
fn the_name_of_a_console_is_a_host_with_or_without_its_port() {
    let folder = TempDir::new().expect("a folder");
    let at = folder.path();
    run(at, &["ca", "init", "--dir", "ca"]).expect(0);
    let wrong = [
        "",
        "no host",
        "https://ca.example",
        "ca.example/x",
        "-",
        "ca.example:",
        "ca.example:x",
        "a..b",
        "ä.example",
    ];
    for name in wrong {
        let name = format!("--name={name}");
        for command in [
            &["console", "--dir", "ca", "--listen", "127.0.0.1:0", &name][..],
            &["ca", "serve", "--dir", "ca", "--listen", "127.0.0.1:0", "--console", "127.0.0.1:0", &name],
        ] {
            let refused = run(at, command).expect(2).stderr;
            assert!(
                refused.contains("this is not a host name: write for example ca.example"),
                "{name}: {refused}"
            );
        }
    }
    let console = |listen, name| ["console", "--dir", "ca", "--listen", listen, "--name", name];
    let refused = run(at, &console("127.0.0.1:9080", "ca.example:443")).expect(2).stderr;
    assert!(
        refused.contains("--name ca.example:443 has another port than the address to listen on"),
        "{refused}"
    );
    assert!(refused.contains("next: leave out the port of --name"), "{refused}");
    for name in ["ca.example", " ca.example ", "ca.example:0", "192.0.2.1"] {
        let mut running = start_with(at, &console("127.0.0.1:0", name), &[("CLICOLOR_FORCE", "0")]);
        running.line("Open this link in a browser");
        let link = running.stop().expect(0).stdout;
        let host = name.trim().trim_end_matches(":0");
        let port = link.strip_prefix(&format!("http://{host}:")).expect("a link with the name");
        assert!(port.split('/').next().is_some_and(|port| port.parse::<u16>().is_ok()), "{link}");
    }
}

#[test]
fn a_file_for_standard_output_is_not_made() {
    let folder = folder_with_alice();
    let at = folder.path();
    let peer = ["--identity", "alice", "--pcap", DASH];
    for command in [
        &["ca", "backup", "--dir", "ca", "--to", DASH][..],
        &[&["connect", "--peer", "127.0.0.1:9"][..], &peer].concat(),
        &[&["listen", "--listen", "127.0.0.1:0"][..], &peer].concat(),
    ] {
        let refused = run(at, command).expect(2);
        assert!(refused.stderr.contains("this cannot go to standard output"), "{refused:?}");
        assert!(refused.stdout.is_empty() && !at.join(DASH).exists(), "{refused:?}");
    }
    // A list can go there.
    let list = run(at, &["ca", "revocations", "--dir", "ca", "--out", DASH]).expect(0).stdout;
    assert!(list.contains("revocation_list") && !at.join(DASH).exists(), "{list}");
    // A file with this name can be made.
    run(at, &["ca", "backup", "--dir", "ca", "--to", "./-"]).expect(0);
    assert!(fs::metadata(at.join(DASH)).is_ok_and(|file| file.len() > 0));
}

#[tokio::test]
async fn the_console_itself_refuses_a_name_that_no_certificate_can_have() {
    let folder = TempDir::new().expect("a folder");
    run(folder.path(), &["ca", "init", "--dir", "ca"]).expect(0);
    for wrong in ["no host", "ca.example:9080", "https://ca.example", "-", "ä.example"] {
        let service = CaService::open(HostProvider::default(), &folder.path().join("ca")).expect("a CA");
        let listen = "127.0.0.1:0".parse().expect("an address");
        let names = vec![wrong.to_owned()];
        let options = ConsoleOptions { listen, names, tls: Some(Tls::Issued), ..ConsoleOptions::default() };
        let refused = Console::bind(options, Arc::new(service)).await.err().expect("refused").to_string();
        assert!(refused.contains("is not a host name"), "{refused}");
    }
}
