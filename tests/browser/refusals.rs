//! What the console must not allow, tried from a browser and beside it.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use minipki_tests::browser::browse;
use minipki_tests::console_program::{Console, set_up};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_link_opens_one_browser_and_no_second() {
    let console = Console::start();
    browse(&console.link, async |first| {
        first.says("This CA has no key yet").await;
        browse(&console.link, async |second| {
            second.says("This link was opened before").await;
            second.goto("/").await;
            second.says("There is no session").await;
        })
        .await;
        // Who signs out is out.
        first.click("form[action='/sign-out'] button").await;
        first.says("The session is over").await;
        first.goto("/").await;
        first.says("There is no session").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_names_other_sites_and_forms_of_no_page_are_refused() {
    let console = Console::start();
    browse(&console.link, async |browser| {
        browser.says("This CA has no key yet").await;

        // A name that resolves to this machine, as an attacker's does after DNS rebinding.
        let port = console.port();
        browser.goto(&format!("http://rebound.example:{port}/")).await;
        browser.says("not known by the host name").await;

        // A page of another site that submits the form for the user.
        let foreign = foreign_site(&format!(
            "<form method=post action='http://{}/authority/key'><input name=issuer_id value=evil>\
             <input name=bits value=2048></form><script>document.forms[0].submit()</script>",
            console.host()
        ));
        browser.goto(&foreign).await;
        browser.says("comes from a page of another site").await;

        // The console's own form without what shows that it is of this session.
        browser.goto("/").await;
        browser.says("This CA has no key yet").await;
        browser.run("document.querySelector('form[action=\"/authority/key\"] [name=csrf]').remove()").await;
        browser.click("form[action='/authority/key'] button").await;
        browser.says("not one of this session's pages").await;
        browser.goto("/").await;
        browser.says("This CA has no key yet").await;

        // A script of another site may not read it.
        browser.goto(&foreign_site("a page")).await;
        let read = "const done = arguments[arguments.length - 1];\
                    fetch('http://ADDRESS/', { credentials: 'include' }).then(() => done('read'), () => done('refused'))";
        let read = read.replace("ADDRESS", console.host());
        assert_eq!(browser.run_async(&read).await, json!("refused"));
    })
    .await;
    // Each was written down.
    let log = console.stop().expect(0).stderr;
    for refused in ["another site", "host name", "session's pages"] {
        assert!(log.contains(refused), "{refused} is not in the log:\n{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_in_a_name_is_shown_as_text_and_never_run() {
    const NAME: &str = "<script>window.run=1</script><img src=x onerror=window.run=1>";
    let console = Console::start();
    browse(&console.link, async |browser| {
        let ca = set_up(browser).await;
        browser.goto("/live").await;
        browser.says("Watching").await;
        let key = "A".repeat(43) + "=";
        let request =
            format!(r#"{{"public_key_algo":"X25519","public_key_value_b64":"{key}","subject_id":"{NAME}"}}"#);
        let mut stream = TcpStream::connect(&ca.address).expect("the CA serves");
        let length = u32::try_from(request.len()).expect("a short one").to_be_bytes();
        stream.write_all(&[&length[..], request.as_bytes()].concat()).expect("it reads");
        browser.says("bad_request").await;
        browser.click(".sequence summary").await;
        browser.says(&NAME[..40]).await;
        assert_eq!(browser.value("window.run === undefined").await, json!(true));
        assert_eq!(browser.value("document.querySelectorAll('.connections img').length").await, json!(0));
    })
    .await;
}

/// A web site of somebody else, of one page, that is there until the test ends. Gives its address.
fn foreign_site(page: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it listens");
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{page}",
        page.len()
    );
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            // A browser that goes away wants nothing.
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    format!("http://{address}/")
}
