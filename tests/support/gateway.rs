//! The real gateway on a free port of 127.0.0.1, killed when dropped.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;

/// Enough for a process to start or to end on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(5);

/// A gateway that serves.
pub struct Gateway {
    child: Child,
    address: SocketAddr,
    log: Log,
}

/// What a gateway has written to standard error so far.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    /// Keeps reading to the end.
    fn follow(&self, stderr: ChildStderr) {
        let log = self.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                log.0.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            }
        });
    }

    fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn events(&self) -> Vec<Value> {
        self.lines().iter().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }
}

/// The binary under test: cargo's, or another build of it.
pub fn binary() -> OsString {
    std::env::var_os("UNSKEW_GATEWAY_BIN").unwrap_or_else(|| env!("CARGO_BIN_EXE_unskew-gateway").into())
}

/// A run of the binary with these arguments and settings, `("store.url", "embedded:/somewhere")`, and no other environment.
pub fn command(arguments: &[&str], settings: &[(&str, &str)]) -> Command {
    let mut command = Command::new(binary());
    command.env_clear().args(arguments);
    for (key, value) in settings {
        command.env(format!("APP__{}", key.to_uppercase().replace('.', "__")), value);
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs the binary to its end; it is killed, and that is a failure, when it does not end by itself.
pub fn run(arguments: &[&str], settings: &[(&str, &str)]) -> Output {
    let mut child = command(arguments, settings).spawn().expect("the binary");
    let stdout = collect(child.stdout.take());
    let stderr = collect(child.stderr.take());
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("a child") {
            let [stdout, stderr] = [stdout, stderr].map(|output| output.join().expect("its output"));
            return Output { status, stdout, stderr };
        }
        if start.elapsed() > PATIENCE {
            child.kill().expect("a child to kill");
            panic!("{arguments:?} did not end by itself");
        }
        std::thread::sleep(PAUSE);
    }
}

/// Reads to the end beside the caller, so that a full pipe does not hold the child.
fn collect(from: Option<impl Read + Send + 'static>) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        from.expect("a pipe").read_to_end(&mut bytes).expect("what the child writes");
        bytes
    })
}

impl Gateway {
    /// Serves from this store, `embedded:DIRECTORY` or a URL of Redis.
    pub fn start(store: &str) -> Self {
        Self::start_with(store, &[])
    }

    /// Serves from this store with more settings, such as `("limits.max_entity_ids", "5")`.
    pub fn start_with(store: &str, settings: &[(&str, &str)]) -> Self {
        Self::serve(&["serve"], store, settings)
    }

    /// The same with a configuration file, which can be written again.
    pub fn start_configured(store: &str, file: &Path, settings: &[(&str, &str)]) -> Self {
        Self::serve(&["serve", "--config", file.to_str().expect("a path of text")], store, settings)
    }

    fn serve(arguments: &[&str], store: &str, settings: &[(&str, &str)]) -> Self {
        let base = [("server.address", "127.0.0.1:0"), ("store.url", store), ("telemetry.log_format", "json")];
        let settings: Vec<_> = base.iter().chain(settings).copied().collect();
        let mut child = command(arguments, &settings).stdout(Stdio::null()).spawn().expect("the binary");
        let log = Log::default();
        log.follow(child.stderr.take().expect("standard error"));
        let start = Instant::now();
        loop {
            let listening = log.events().into_iter().find(|event| event["message"] == "listening");
            if let Some(address) = listening.as_ref().and_then(|event| event["address"].as_str()) {
                return Self { child, address: address.parse().expect("an address"), log };
            }
            let ended = child.try_wait().expect("a child");
            if ended.is_some() || start.elapsed() > PATIENCE {
                std::thread::sleep(Duration::from_millis(50));
                let _ = child.kill();
                panic!("the gateway does not listen ({ended:?}):\n{}", log.lines().join("\n"));
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The log so far, as text.
    pub fn log_text(&self) -> String {
        self.log.lines().join("\n")
    }

    /// The first line of the log with this message; waits for it.
    pub fn logged(&self, message: &str) -> Value {
        let start = Instant::now();
        loop {
            if let Some(event) = self.log.events().into_iter().find(|event| event["message"] == message) {
                return event;
            }
            assert!(start.elapsed() < PATIENCE, "{message:?} was not logged:\n{}", self.log_text());
            std::thread::sleep(PAUSE);
        }
    }

    /// Asks it to stop, as an orchestrator does.
    pub fn terminate(&self) {
        self.signal("-TERM");
    }

    /// Asks it to read its definitions again.
    pub fn hang_up(&self) {
        self.signal("-HUP");
    }

    fn signal(&self, signal: &str) {
        let status = Command::new("kill").args([signal, &self.child.id().to_string()]).status().expect("kill");
        assert!(status.success());
    }

    /// Whether the process runs.
    pub fn is_alive(&mut self) -> bool {
        self.child.try_wait().expect("a child").is_none()
    }

    /// Waits for its end.
    pub fn exit(&mut self) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                return status;
            }
            assert!(start.elapsed() < PATIENCE, "the gateway does not end:\n{}", self.log_text());
            std::thread::sleep(PAUSE);
        }
    }

    /// Kills it at once (SIGKILL).
    pub fn kill(&mut self) {
        self.child.kill().expect("a child to kill");
        self.child.wait().expect("a child to wait for");
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|status| status.is_none()) {
            self.kill();
        }
    }
}
