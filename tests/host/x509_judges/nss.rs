//! NSS, the library of Firefox: `vfychain`, `certutil` and `crlutil`.

use minipki_tests::judges;
use minipki_tests::program::Done;

use super::Judgement;
use super::issued::{Issued, KINDS, PROFILES, REASONS};

/// The uses of a certificate, as numbers of vfychain.
const CLIENT: &str = "0";
const SERVER: &str = "1";

pub(super) fn judge(issued: &Issued, judgement: &mut Judgement) {
    let run = |program: &str, arguments: &[&str]| judges::run(issued.at(), program, arguments);
    let reason = |done: &Done| {
        let line = done.stdout.lines().chain(done.stderr.lines()).find(|line| line.contains("ERROR"));
        line.map_or_else(|| format!("{done:?}"), |line| line.trim().to_owned())
    };
    let mut verify = |usage: &str, root: &str, chain: &[&str], good: bool| {
        let [files, roots] =
            [chain, &[root]].map(|names| names.iter().map(|name| format!("{name}.pem")).collect::<Vec<_>>());
        let mut arguments = vec!["-pp", "-u", usage];
        for (option, file) in files.iter().map(|file| ("-a", file)).chain([("-t", &roots[0])]) {
            arguments.extend([option, file]);
        }
        judgement.expect(["nss", &chain.join("+")], good, &run("vfychain", &arguments), reason);
    };
    for (profile, kind) in PROFILES.into_iter().flat_map(|profile| KINDS.map(|kind| (profile, kind))) {
        let name = format!("{profile}-{kind}");
        verify(SERVER, "ca", &[&name], profile != "tls-client");
        verify(CLIENT, "ca", &[&name], profile != "tls-server");
    }
    for (root, chain, good) in [
        ("limited", &["limited-server"][..], true),
        ("limited", &["outside"], false),
        ("ca", &["outside"], true),
        ("ca", &["next-server", "next-by-ca"], true),
        ("next", &["next-server"], true),
        ("next", &["tls-server-rsa", "ca-by-next"], true),
        ("next", &["tls-server-rsa"], false),
    ] {
        verify(SERVER, root, chain, good);
    }

    // A list is checked when it is added to a database. NSS finds its issuer by the name alone, so a database has the
    // certificate of one key.
    for (database, revoked, lists) in [
        ("ca", &REASONS[..], &[("empty.crl", true), ("full.crl", false)][..]),
        ("next", &[], &[("next.crl", true)]),
    ] {
        let (folder, at) = (format!("nss-{database}"), format!("sql:nss-{database}"));
        run("mkdir", &[&folder]).expect(0);
        run("certutil", &["-N", "-d", &at, "--empty-password"]).expect(0);
        for (name, trust) in
            [(database, "CT,C,C")].into_iter().chain(revoked.iter().map(|name| (*name, ",,")))
        {
            run("certutil", &["-A", "-d", &at, "-n", name, "-t", trust, "-i", &format!("{name}.pem")])
                .expect(0);
        }
        for (list, good) in lists {
            run("openssl", &["crl", "-in", list, "-outform", "DER", "-out", "list.der"]).expect(0);
            let done = run("crlutil", &["-I", "-d", &at, "-i", "list.der"]);
            judgement.expect(["nss", list], true, &done, reason);
            for name in revoked {
                let done = run("certutil", &["-V", "-d", &at, "-n", name, "-u", "C"]);
                judgement.expect(["nss", name], *good, &done, reason);
            }
        }
    }
}
