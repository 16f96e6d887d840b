//! All connections to a server, on one thread: their sockets in one epoll, whose timeout is the schedule's clock.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::num::NonZeroU64;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::io::Errno;
use rustix::thread::set_current_timer_slack;

use crate::error::BenchError;
use crate::http2::{self, CallError, Connection, Fault, Outcome};

/// The wait for the first frame of a server.
const GREETING: Duration = Duration::from_secs(10);
/// Bytes read at once: many replies of one entity.
const BUFFER: usize = 1 << 16;
/// Connections that one look at the sockets tells of.
const EVENTS: usize = 256;

/// A method of the service on one server.
#[derive(Debug)]
pub(crate) struct Method {
    address: String,
    head: Rc<[u8]>,
}

impl Method {
    /// `address` is HOST:PORT, `name` a method of `feature_store.FeatureStore`.
    pub(crate) fn new(address: &str, name: &str) -> Result<Self, BenchError> {
        let fault = |reason: &str| BenchError::Address { address: address.to_owned(), reason: reason.to_owned() };
        let (host, port) = address.rsplit_once(':').ok_or_else(|| fault("there is no port"))?;
        if host.is_empty() || !host.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(fault("there is no host, or not in visible ASCII characters"));
        }
        if port.parse::<u16>().is_err() {
            return Err(fault("the port is no number up to 65535"));
        }
        if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            return Err(BenchError::Method { name: name.to_owned() });
        }
        let head = http2::request_head(&format!("/feature_store.FeatureStore/{name}"), address);
        Ok(Self { address: address.to_owned(), head: head.into() })
    }
}

/// A call that ended.
#[derive(Debug)]
pub(crate) struct Ended<T> {
    /// The connection, from 0.
    pub(crate) connection: usize,
    /// What it was sent with.
    pub(crate) tag: T,
    pub(crate) at: Instant,
    pub(crate) outcome: Outcome,
}

#[derive(Debug)]
struct Link<T> {
    socket: TcpStream,
    connection: Connection<T>,
    /// Whether it is in the list of those that may have something to write.
    listed: bool,
}

/// The connections to one server.
pub(crate) struct Client<T> {
    epoll: OwnedFd,
    links: Vec<Link<T>>,
    to_write: Vec<usize>,
    events: Vec<epoll::Event>,
    buffer: Vec<u8>,
    ended: Vec<Ended<T>>,
    outstanding: usize,
}

impl<T> Client<T> {
    /// Opens the connections, one after the other, and waits until the server has greeted on each. `keep` keeps the bytes of
    /// replies; without it they are counted.
    pub(crate) fn connect(method: &Method, connections: u32, keep: bool) -> Result<Self, BenchError> {
        let fault = |source: io::Error| BenchError::Io { doing: format!("connecting to {}", method.address), source };
        // Of a timeout the kernel may take 50 µs more, to join it with others; here it is what is measured.
        set_current_timer_slack(NonZeroU64::new(1)).map_err(|errno| fault(errno.into()))?;
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).map_err(|errno| fault(errno.into()))?;
        let mut links = Vec::new();
        for number in 0..connections {
            let socket = TcpStream::connect(&method.address).map_err(fault)?;
            socket.set_nodelay(true).map_err(fault)?;
            socket.set_nonblocking(true).map_err(fault)?;
            // Told once of each change: reads go on until nothing is left, and so do writes.
            let flags =
                epoll::EventFlags::IN | epoll::EventFlags::OUT | epoll::EventFlags::RDHUP | epoll::EventFlags::ET;
            epoll::add(&epoll, &socket, epoll::EventData::new_u64(number.into()), flags)
                .map_err(|errno| fault(errno.into()))?;
            links.push(Link { socket, connection: Connection::new(Rc::clone(&method.head), keep), listed: true });
        }
        let mut client = Self {
            epoll,
            to_write: (0..links.len()).collect(),
            links,
            events: Vec::with_capacity(EVENTS),
            buffer: vec![0; BUFFER],
            ended: Vec::new(),
            outstanding: 0,
        };
        client.await_greetings(&method.address)?;
        Ok(client)
    }

    fn await_greetings(&mut self, address: &str) -> Result<(), BenchError> {
        let end = Instant::now() + GREETING;
        loop {
            let silent = self.links.iter().find(|link| !link.connection.greeted());
            let Some(silent) = silent else { return Ok(()) };
            let fault = |reason: String| BenchError::Handshake { address: address.to_owned(), reason };
            if let Some(reason) = silent.connection.fault() {
                return Err(fault(reason.to_string()));
            }
            if Instant::now() >= end {
                return Err(fault(format!("no SETTINGS within {} s", GREETING.as_secs())));
            }
            self.look(end)?;
        }
    }

    /// How many connections there are.
    pub(crate) fn connections(&self) -> usize {
        self.links.len()
    }

    /// Calls that have not ended.
    pub(crate) fn outstanding(&self) -> usize {
        self.outstanding
    }

    /// Makes a call with the framed message on the connection of the number; [`Self::flush`] lets it leave.
    pub(crate) fn send(&mut self, number: usize, body: Bytes, tag: T) {
        self.outstanding += 1;
        let Some(link) = self.links.get_mut(number) else { return };
        link.connection.request(body, tag, &mut ends(&mut self.ended, number, Instant::now));
        if !link.listed {
            link.listed = true;
            self.to_write.push(number);
        }
    }

    /// Writes what was sent, all of one connection at once.
    pub(crate) fn flush(&mut self) {
        for number in self.to_write.drain(..) {
            let Some(link) = self.links.get_mut(number) else { continue };
            link.listed = false;
            link.write(&mut ends(&mut self.ended, number, Instant::now));
        }
    }

    /// Waits until a call ends, but no longer than until `due`, and puts those that did into `ended`.
    pub(crate) fn wait(&mut self, due: Instant, ended: &mut Vec<Ended<T>>) -> Result<(), BenchError> {
        self.look(due)?;
        self.outstanding -= self.ended.len();
        ended.append(&mut self.ended);
        Ok(())
    }

    /// Waits for the end of all calls, but no longer than `most`; what is still missing then is an error each.
    pub(crate) fn drain(&mut self, most: Duration, mut each: impl FnMut(Ended<T>)) -> Result<(), BenchError> {
        let end = Instant::now() + most;
        let mut ended = Vec::new();
        while self.outstanding > 0 && Instant::now() < end {
            self.wait(end, &mut ended)?;
            ended.drain(..).for_each(&mut each);
        }
        for (number, link) in self.links.iter_mut().enumerate() {
            let missing = || CallError::Unanswered(most.as_secs());
            link.connection.give_up(&missing, &mut ends(&mut self.ended, number, Instant::now));
        }
        self.outstanding = 0;
        self.ended.drain(..).for_each(each);
        Ok(())
    }

    /// Writes what is to be written, and reads what comes until `due`, if nothing has come before.
    fn look(&mut self, due: Instant) -> Result<(), BenchError> {
        self.flush();
        let wait = if self.ended.is_empty() { due.saturating_duration_since(Instant::now()) } else { Duration::ZERO };
        let failed = |source| BenchError::Io { doing: "waiting for the sockets".into(), source };
        let timeout = Timespec::try_from(wait).map_err(|_| failed(Errno::RANGE.into()))?;
        self.events.clear();
        match epoll::wait(&self.epoll, spare_capacity(&mut self.events), Some(&timeout)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(failed(errno.into())),
        }
        for event in &self.events {
            let (data, flags) = (event.data, event.flags);
            let Some((number, link)) =
                usize::try_from(data.u64()).ok().and_then(|number| Some((number, self.links.get_mut(number)?)))
            else {
                continue;
            };
            link.read(&mut self.buffer, flags, number, &mut self.ended);
            link.write(&mut ends(&mut self.ended, number, Instant::now));
        }
        Ok(())
    }
}

impl<T> Link<T> {
    /// Reads all that is there.
    fn read(&mut self, buffer: &mut [u8], flags: epoll::EventFlags, number: usize, ended: &mut Vec<Ended<T>>) {
        let to_the_end = flags.intersects(epoll::EventFlags::RDHUP | epoll::EventFlags::HUP | epoll::EventFlags::ERR);
        if !to_the_end && !flags.contains(epoll::EventFlags::IN) {
            return;
        }
        while !self.connection.over() {
            let fault = match self.socket.read(buffer) {
                Ok(0) => Fault::Closed,
                Ok(count) => {
                    let now = Instant::now();
                    self.connection.receive(&buffer[..count], &mut ends(ended, number, || now));
                    // Less than there was room for: the next bytes come with an event of their own, but an end came with this one.
                    if count < buffer.len() && !to_the_end {
                        return;
                    }
                    continue;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => Fault::Broken(error),
            };
            self.connection.lose(fault, &mut ends(ended, number, Instant::now));
        }
    }

    /// Writes what the socket takes.
    fn write(&mut self, done: &mut impl FnMut(T, Outcome)) {
        while !self.connection.over() && !self.connection.output().is_empty() {
            match self.socket.write(self.connection.output()) {
                Ok(count) => self.connection.wrote(count),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => self.connection.lose(Fault::Broken(error), done),
            }
        }
    }
}

/// Takes down the calls that end on a connection.
fn ends<T>(ended: &mut Vec<Ended<T>>, connection: usize, now: impl Fn() -> Instant) -> impl FnMut(T, Outcome) {
    move |tag, outcome| ended.push(Ended { connection, tag, at: now(), outcome })
}
