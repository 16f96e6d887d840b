//! A real `redis-server` on a free port of 127.0.0.1, killed when dropped.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A server that can be killed, paused and started again on its port.
pub struct RedisServer {
    port: u16,
    arguments: Vec<String>,
    directory: TempDir,
    child: Option<Child>,
}

impl RedisServer {
    /// Starts a server and waits until it answers.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts a server with more arguments, such as `--requirepass`, `secret`.
    pub fn start_with(arguments: &[&str]) -> Self {
        let mut server = Self::stopped_with(arguments);
        server.up();
        server
    }

    /// A free port and no server yet.
    pub fn stopped() -> Self {
        Self::stopped_with(&[])
    }

    /// A free port and no server yet, with arguments for when it starts.
    pub fn stopped_with(arguments: &[&str]) -> Self {
        let port = free_port();
        let arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
        Self { port, arguments, directory: tempfile::tempdir().expect("a temporary directory"), child: None }
    }

    /// A server that speaks TLS alone, with this certificate and key in PEM.
    pub fn start_with_tls(certificate: &str, key: &str) -> Self {
        let mut server = Self::stopped();
        let write = |name: &str, text: &str| {
            let path = server.directory.path().join(name);
            fs::write(&path, text).expect("a file");
            path.display().to_string()
        };
        let (certificate, key) = (write("server.crt", certificate), write("server.key", key));
        let port = server.port.to_string();
        server.arguments =
            ["--port", "0", "--tls-port", &port, "--tls-auth-clients", "no", "--tls-cert-file", &certificate]
                .into_iter()
                .chain(["--tls-key-file", &key, "--tls-ca-cert-file", &certificate])
                .map(str::to_owned)
                .collect();
        server.up();
        server
    }

    /// Starts the server again on its port, and waits until it answers.
    pub fn up(&mut self) {
        assert!(self.child.is_none(), "the server is up already");
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let mut child = Command::new("redis-server")
                .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
                .args(["--dir", &self.directory.path().display().to_string(), "--loglevel", "warning"])
                .args(&self.arguments)
                .stdout(Stdio::null())
                .spawn()
                .expect("redis-server is installed");
            while child.try_wait().expect("a child").is_none() && Instant::now() < deadline {
                if self.accepts() {
                    self.child = Some(child);
                    return;
                }
                std::thread::sleep(Duration::from_millis(5));
            }
            // Another process may have had the port for a moment.
            assert!(Instant::now() < deadline, "redis-server did not start on port {}", self.port);
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn accepts(&self) -> bool {
        TcpStream::connect(("127.0.0.1", self.port)).is_ok()
    }

    /// Kills the server at once, without a farewell.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("a child to kill");
            child.wait().expect("a child to wait for");
        }
    }

    /// Stops the server's process in its tracks: connections stay open and nothing is answered.
    pub fn pause(&self) {
        self.signal("STOP");
    }

    /// Lets a paused server go on.
    pub fn go_on(&self) {
        self.signal("CONT");
    }

    fn signal(&self, name: &str) {
        let pid = self.child.as_ref().expect("a server that is up").id().to_string();
        let status = Command::new("kill").args([&format!("-{name}"), &pid]).status().expect("kill");
        assert!(status.success());
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `redis://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// The server's own directory.
    pub fn directory(&self) -> PathBuf {
        self.directory.path().to_owned()
    }

    /// Sends a command over a connection of its own and gives the raw reply. Not for TLS.
    pub fn command(&self, parts: &[&[u8]]) -> Vec<u8> {
        self.exchange(&[parts])
    }

    /// Like [`command`](Self::command), as this user.
    pub fn command_as(&self, user: &str, password: &str, parts: &[&[u8]]) -> Vec<u8> {
        let reply = self.exchange(&[&[b"AUTH", user.as_bytes(), password.as_bytes()], parts]);
        reply.strip_prefix(b"+OK\r\n").expect("the password is right").to_vec()
    }

    fn exchange(&self, commands: &[&[&[u8]]]) -> Vec<u8> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("a connection");
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a time-out");
        let mut text = Vec::new();
        for parts in commands.iter().copied().chain([&[b"QUIT".as_slice()][..]]) {
            write!(text, "*{}\r\n", parts.len()).expect("memory");
            for part in parts {
                write!(text, "${}\r\n", part.len()).expect("memory");
                text.extend_from_slice(part);
                text.extend_from_slice(b"\r\n");
            }
        }
        stream.write_all(&text).expect("a request");
        let mut reply = Vec::new();
        stream.read_to_end(&mut reply).expect("a reply");
        reply.strip_suffix(b"+OK\r\n").unwrap_or(&reply).to_vec()
    }

    /// Sends a command of words, which must not be refused.
    pub fn run(&self, words: &str) {
        let parts: Vec<_> = words.split(' ').map(str::as_bytes).collect();
        let reply = self.command(&parts);
        assert!(!reply.starts_with(b"-"), "{words}: {}", String::from_utf8_lossy(&reply));
    }

    /// Sets a key to a value.
    pub fn set(&self, key: &[u8], value: &[u8]) {
        assert_eq!(self.command(&[b"SET", key, value]), b"+OK\r\n");
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}

fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr()).expect("a free port").port()
}
