//! A headless Chromium, driven through ChromeDriver, and a console for it to look at.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::panic::Location;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base64ct::{Base64, Encoding};
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;

/// How long a page may take to show what a test waits for: only a broken one takes that long.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What Chromium is started with: no screen, perhaps as root, and without a word to anybody else.
const ARGUMENTS: [&str; 11] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--force-color-profile=srgb",
    // A name that resolves to this machine, as an attacker's would after DNS rebinding.
    "--host-resolver-rules=MAP rebound.example 127.0.0.1",
];

/// ChromeDriver, and the process group of what it starts. Ends with the test.
struct Driver {
    child: Child,
    address: String,
}

impl Driver {
    fn start() -> Self {
        let mut child = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("chromedriver starts; `cargo xtask test` installs it, and so does `apt-get install chromium chromium-driver`");
        let mut lines = BufReader::new(child.stdout.take().expect("it is a pipe")).lines();
        let port = lines.by_ref().map_while(Result::ok).find_map(|line| {
            let port = line.split("started successfully on port ").nth(1)?;
            port.trim_end_matches('.').parse::<u16>().ok()
        });
        // It may go on saying things: somebody has to listen.
        std::thread::spawn(move || lines.map_while(Result::ok).count());
        let port = port.expect("chromedriver says where it listens");
        Self { child, address: format!("http://127.0.0.1:{port}") }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let group = format!("-{}", self.child.id());
        // What is gone already needs no ending.
        let _ = Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status();
        let _ = self.child.wait();
    }
}

/// A browser with a page in it.
pub struct Browser {
    client: Client,
    /// `http://127.0.0.1:9080`, for paths.
    site: String,
}

/// Runs `test` with a browser of its own, whose profile is empty; `link` is what it opens first.
///
/// # Panics
/// If the browser does not start, and where `test` does.
pub async fn browse<T>(link: &str, test: impl AsyncFnOnce(&Browser) -> T) -> T {
    let driver = Driver::start();
    let profile = TempDir::new().expect("a folder");
    let mut arguments: Vec<String> = ARGUMENTS.map(str::to_owned).to_vec();
    arguments.push(format!("--user-data-dir={}", profile.path().display()));
    let capabilities = json!({ "goog:chromeOptions": { "args": arguments } });
    let Value::Object(capabilities) = capabilities else { unreachable!("it is an object") };
    let client = ClientBuilder::new(HttpConnector::new())
        .capabilities(capabilities)
        .connect(&driver.address)
        .await
        .expect(
            "chromium starts; `apt-get install chromium chromium-driver` brings both in versions that fit",
        );
    let end = link.match_indices('/').nth(2).map_or(link.len(), |(at, _)| at);
    let browser = Browser { client, site: link[..end].to_owned() };
    browser.size(1200, 900).await;
    browser.goto(link).await;
    let outcome = test(&browser).await;
    // The driver ends it otherwise.
    let _ = browser.client.close().await;
    outcome
}

impl Browser {
    /// Opens a path of the site, or another address.
    pub async fn goto(&self, path: &str) {
        let url = if path.starts_with('/') { format!("{}{path}", self.site) } else { path.to_owned() };
        self.client.goto(&url).await.unwrap_or_else(|error| panic!("{url}: {error}"));
    }

    /// Where the page is from: `http://127.0.0.1:9080`.
    pub fn site(&self) -> &str {
        &self.site
    }

    /// The text of the first element that fits.
    pub async fn text(&self, css: &str) -> String {
        self.wait(css).await;
        // Asked in one go, since a page may put a fresh element in its place at any time.
        let text = self.value(&format!("document.querySelector({})?.innerText", Value::from(css))).await;
        text.as_str().unwrap_or_default().to_owned()
    }

    /// Waits for an element.
    ///
    /// # Panics
    /// If it does not come.
    #[track_caller]
    pub fn wait<'b>(&'b self, css: &'b str) -> impl Future<Output = fantoccini::elements::Element> + 'b {
        let caller = Location::caller();
        async move {
            let found = self.client.wait().at_most(TIMEOUT).for_element(Locator::Css(css)).await;
            found.unwrap_or_else(|error| panic!("{css}: {error} (asked at {caller})"))
        }
    }

    /// Waits until a script's value is true.
    ///
    /// # Panics
    /// If it does not become true; tells what the page says then.
    #[track_caller]
    pub fn until<'b>(&'b self, condition: &'b str) -> impl Future<Output = ()> + 'b {
        let caller = Location::caller();
        async move {
            self.become_true(condition, caller).await;
        }
    }

    /// Waits until the page says `text` somewhere.
    ///
    /// # Panics
    /// As [`Browser::until`].
    #[track_caller]
    pub fn says(&self, text: &str) -> impl Future<Output = ()> {
        let condition = format!("document.body.innerText.includes({})", Value::from(text));
        let caller = Location::caller();
        async move {
            self.become_true(&condition, caller).await;
        }
    }

    async fn become_true(&self, condition: &str, asked: &Location<'_>) {
        let soon = async {
            let script = format!("return ({condition});");
            // While a page goes and the next one comes there is nothing to ask.
            while !matches!(self.client.execute(&script, Vec::new()).await, Ok(Value::Bool(true))) {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        if tokio::time::timeout(TIMEOUT, soon).await.is_err() {
            panic!("never true: {condition} (asked at {asked}); the page says:\n{}", self.text("body").await);
        }
    }

    /// Clicks the first element that fits.
    pub async fn click(&self, css: &str) {
        self.wait(css).await.click().await.unwrap_or_else(|error| panic!("{css}: {error}"));
    }

    /// Types into a field, in place of what was in it.
    pub async fn fill(&self, css: &str, text: &str) {
        let field = self.wait(css).await;
        field.clear().await.unwrap_or_else(|error| panic!("{css}: {error}"));
        field.send_keys(text).await.unwrap_or_else(|error| panic!("{css}: {error}"));
    }

    /// Presses a key, as a user does who has no mouse.
    pub async fn press(&self, key: fantoccini::key::Key) {
        let text: String = char::from(key).to_string();
        self.wait("body").await.send_keys(&text).await.expect("a page takes keys");
    }

    /// The value of an expression in the page.
    pub async fn value(&self, expression: &str) -> Value {
        let script = format!("return ({expression});");
        self.client.execute(&script, Vec::new()).await.unwrap_or_else(|error| panic!("{expression}: {error}"))
    }

    /// Runs statements in the page.
    pub async fn run(&self, script: &str) -> Value {
        self.client
            .execute(script, Vec::new())
            .await
            .unwrap_or_else(|error| panic!("a script failed: {error}"))
    }

    /// Runs statements that end when they call their last argument.
    pub async fn run_async(&self, script: &str) -> Value {
        let ran = self.client.execute_async(script, Vec::new()).await;
        ran.unwrap_or_else(|error| panic!("a script failed: {error}"))
    }

    /// The size of the page's view, in CSS pixels: 360 wide is a phone.
    pub async fn size(&self, width: u32, height: u32) {
        let metrics =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.devtools("Emulation.setDeviceMetricsOverride", metrics).await;
    }

    /// Whether the user likes it dark.
    pub async fn dark(&self, dark: bool) {
        let value = if dark { "dark" } else { "light" };
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": value }] });
        self.devtools("Emulation.setEmulatedMedia", features).await;
    }

    /// Has no page show scroll bars.
    pub async fn hide_scrollbars(&self) {
        self.devtools("Emulation.setScrollbarsHidden", json!({ "hidden": true })).await;
    }

    /// The page as it looks, a PNG: from its top, as wide as the view, at most so high.
    pub async fn picture(&self, width: u32, most: u32) -> Vec<u8> {
        let height = self.value("document.body.getBoundingClientRect().height").await;
        let height = height.as_f64().expect("a height").ceil().min(f64::from(most));
        let clip = json!({ "x": 0, "y": 0, "width": width, "height": height, "scale": 1 });
        let taken = self.devtools("Page.captureScreenshot", json!({ "clip": clip })).await;
        let text = taken["data"].as_str().expect("a picture in base64");
        Base64::decode_vec(text).expect("base64")
    }

    async fn devtools(&self, command: &'static str, params: Value) -> Value {
        let command = Devtools { command, params };
        self.client.issue_cmd(command).await.expect("a command that Chromium knows")
    }
}

/// A command of Chromium's own.
#[derive(Debug)]
struct Devtools {
    command: &'static str,
    params: Value,
}

impl WebDriverCompatibleCommand for Devtools {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/goog/cdp/execute", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        let body = json!({ "cmd": self.command, "params": self.params });
        (http::Method::POST, Some(body.to_string()))
    }
}
