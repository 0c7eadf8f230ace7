//! `pkilint`, the linter of DigiCert: rules of RFC 5280 and of the CA/Browser Forum.

use minipki_tests::judges;

use super::Judgement;
use super::issued::{Issued, KINDS, PROFILES};

pub(super) fn judge(issued: &Issued, judgement: &mut Judgement) {
    let mut lint = |judge: &str, what: &str, arguments: &[&str]| {
        let arguments = [&["lint", "--severity", "NOTICE", "--format", "CSV"], arguments].concat();
        let done = judges::run(issued.at(), judge, &arguments);
        let mut lines = done.stdout.lines();
        assert_eq!(lines.next(), Some("node_path,validator,severity,code,message"), "{done:#?}");
        for line in lines.filter(|line| !line.is_empty()) {
            // Only the message can have a comma.
            let code = line.split(',').nth(3).expect("five columns");
            judgement.finding([judge, what, code], line);
        }
    };
    let leaves = PROFILES.into_iter().flat_map(|profile| KINDS.map(|kind| format!("{profile}-{kind}")));
    let others = [
        "wildcard",
        "limited-server",
        "ca",
        "limited",
        "next",
        "next-by-ca",
        "ca-by-next",
        "published",
        "twin",
        "responder",
    ];
    for name in leaves.chain(others.map(str::to_owned)) {
        lint("lint_pkix_cert", &name, &[&format!("{name}.pem")]);
    }
    for (issuer, subject) in [
        ("ca", "ca"),
        ("ca", "tls-server-rsa"),
        ("ca", "tls-client-p384"),
        ("ca", "next-by-ca"),
        ("next", "ca-by-next"),
        ("limited", "limited-server"),
        ("next", "published"),
        ("next", "twin"),
        ("next", "responder"),
    ] {
        let files = [issuer, subject].map(|name| format!("{name}.pem"));
        lint("lint_pkix_signer_signee_cert_chain", subject, &[&files[0], &files[1]]);
    }
    for crl in ["empty.crl", "full.crl", "next.crl"] {
        lint("lint_crl", crl, &["--type", "CRL", "--profile", "PKIX", crl]);
    }
    for answer in ["own.ocsp", "served.ocsp"] {
        lint("lint_ocsp_response", answer, &[answer]);
    }
    lint("lint_crl", "full.crl-as-BR", &["--type", "CRL", "--profile", "BR", "full.crl"]);
    for name in KINDS
        .map(|kind| format!("tls-server-{kind}"))
        .into_iter()
        .chain(["ca", "published"].map(str::to_owned))
    {
        lint("lint_cabf_serverauth_cert", &name, &["--detect", &format!("{name}.pem")]);
    }
}
