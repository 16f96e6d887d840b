//! The processes: a gateway on a free port that is killed when dropped, and runs of `load`.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use unskew_gateway::api::{FeatureSet, OnlineFeaturesRequest, feature_store_client::FeatureStoreClient};

/// Enough for anything on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// An embedded store, and a gateway over it while one is up.
pub struct Gateway {
    directory: TempDir,
    settings: Vec<(&'static str, &'static str)>,
    port: u16,
    child: Option<Child>,
}

fn binary() -> Command {
    let mut command = Command::new(
        std::env::var_os("UNSKEW_GATEWAY_BIN").unwrap_or_else(|| env!("CARGO_BIN_EXE_unskew-gateway").into()),
    );
    command.env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

impl Gateway {
    /// A store that no gateway has open. `settings`: environment of its gateways.
    pub fn stopped_with(settings: &[(&'static str, &'static str)]) -> Self {
        Self { directory: tempfile::tempdir().unwrap(), settings: settings.to_vec(), port: 0, child: None }
    }

    pub fn stopped() -> Self {
        Self::stopped_with(&[])
    }

    /// A gateway on a free port.
    pub fn start() -> Self {
        let mut gateway = Self::stopped();
        gateway.up();
        gateway
    }

    /// Starts it, on the port that it had before.
    pub fn up(&mut self) {
        let mut child = binary()
            .arg("serve")
            .env("APP__SERVER__ADDRESS", format!("127.0.0.1:{}", self.port))
            .env("APP__STORE__URL", self.store())
            .env("APP__TELEMETRY__LOG_FORMAT", "json")
            .envs(self.settings.iter().copied())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let listening = log.find_map(|line| {
            let event: Value = serde_json::from_str(&line).ok()?;
            (event["message"] == "listening").then(|| event["address"].as_str().unwrap().to_owned())
        });
        std::thread::spawn(move || log.for_each(drop));
        self.port = listening.expect("the gateway listens").rsplit(':').next().unwrap().parse().unwrap();
        self.child = Some(child);
    }

    /// kill -9.
    pub fn down(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    fn store(&self) -> String {
        format!("embedded:{}", self.directory.path().join("store").display())
    }

    /// `load` of a file into the gateway, or into its store.
    pub fn command(&self, file: &Path, offline: bool, options: &[&str]) -> Command {
        let mut command = binary();
        command.arg("load").arg(file).args(options);
        if offline {
            command.args(["--offline", "--store", &self.store()]).envs(self.settings.iter().copied());
        } else {
            command.args(["--address", &self.address()]);
        }
        command
    }

    pub fn load(&self, file: &Path, offline: bool, options: &[&str]) -> Run {
        Run::of(self.command(file, offline, options).output().unwrap())
    }

    /// The answer of REST for these entities, by id.
    pub fn rest(&self, ids: &[&str]) -> BTreeMap<String, Value> {
        let url = format!("http://{}/v1/online-features", self.address());
        let body = serde_json::json!({ "entity_ids": ids });
        unskew_gateway::tls::install_provider();
        runtime().block_on(async {
            let answer = reqwest::Client::new().post(url).json(&body).send().await.unwrap();
            let mut answer: Value = answer.json().await.unwrap();
            serde_json::from_value(answer["results"].take()).unwrap()
        })
    }

    /// The answer of gRPC for these entities, by id.
    pub fn grpc(&self, ids: &[&str]) -> BTreeMap<String, FeatureSet> {
        let url = format!("http://{}", self.address());
        let entity_ids = ids.iter().map(|&id| id.to_owned()).collect();
        runtime().block_on(async {
            let mut client = FeatureStoreClient::connect(url).await.unwrap();
            let request = OnlineFeaturesRequest { entity_ids, ..OnlineFeaturesRequest::default() };
            client.get_online_features(request).await.unwrap().into_inner().results.into_iter().collect()
        })
    }

    /// How many of `row_0`, `row_1`, ... it has.
    pub fn stored(&self, rows: usize) -> usize {
        let ids: Vec<_> = (0..rows).map(|row| format!("row_{row}")).collect();
        let count = |ids: &[String]| {
            let ids: Vec<_> = ids.iter().map(String::as_str).collect();
            self.rest(&ids).values().filter(|set| set["features"]["x"].is_number()).count()
        };
        ids.chunks(500).map(count).sum()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.down();
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// How a run of `load` ended.
#[derive(Debug)]
pub struct Run {
    pub code: Option<i32>,
    pub out: String,
    pub messages: String,
}

impl Run {
    pub fn of(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            messages: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// All rows were accepted, this many.
    pub fn assert_all(&self, rows: usize) {
        assert_eq!((self.code, self.messages.as_str()), (Some(0), ""), "{self:?}");
        assert!(self.out.starts_with(&format!("rows read: {rows}, accepted: {rows}, bad: 0, seconds: ")), "{self:?}");
    }

    /// The lines about bad rows.
    pub fn bad(&self) -> Vec<&str> {
        self.messages.lines().filter(|line| line.starts_with("bad row: ")).collect()
    }
}

/// A file of this name with this content.
pub fn file(directory: &TempDir, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = directory.path().join(name);
    std::fs::write(&path, content).unwrap();
    path
}

/// Waits until something holds.
pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "never: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
