//! Delivery to a running gateway: one `WriteRows` stream, a few batches in flight, those without an answer sent again on a new stream
//! when the old one breaks.

use std::collections::VecDeque;
use std::path::Path;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Code, Status, Streaming};

use super::LoadError;
use super::backoff::Backoff;
use super::batch::Batch;
use super::intake::Intake;
use super::options::Options;
use super::report::Report;
use super::store::{again, too_large};
use crate::api::feature_store_client::FeatureStoreClient;
use crate::api::{WriteRowsRequest, WriteRowsResponse, write_rows_request::Rows};
use crate::error::{self, ERROR_CODE};
use crate::store::Secret;
use crate::tls::{self, Client};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A gateway that answers no ping for this long is gone.
const KEEP_ALIVE: Duration = Duration::from_secs(5);
/// How long the gateway may take to end a stream that has all its answers.
const GOODBYE: Duration = Duration::from_secs(1);

/// A running gateway and how to reach it.
#[derive(Clone, Debug)]
pub struct Remote {
    /// Its HOST:PORT.
    pub address: String,
    /// By TLS; none: as plain text.
    pub secured: Option<Secured>,
    /// The API key to send.
    pub key: Option<Secret>,
}

/// How to connect by TLS.
#[derive(Clone, Debug)]
pub struct Secured {
    /// Whom to trust, and who to be.
    pub client: Client,
    /// The name that the gateway's certificate must be for.
    pub server_name: String,
}

impl Secured {
    fn config(&self) -> Result<ClientTlsConfig, LoadError> {
        // Looks into the files first: what is wrong with them would otherwise be told at the first connection, without their names.
        tls::client(&self.client).map_err(|error| LoadError::new(error.to_string()))?;
        let read =
            |path: &Path| std::fs::read(path).map_err(|error| LoadError::new(format!("{}: {error}", path.display())));
        let mut config = ClientTlsConfig::new().domain_name(&self.server_name);
        config = match &self.client.ca {
            Some(ca) => config.ca_certificate(Certificate::from_pem(read(ca)?)),
            None => config.with_native_roots(),
        };
        if let Some((certificate, key)) = &self.client.identity {
            config = config.identity(Identity::from_pem(read(certificate)?, read(key)?));
        }
        Ok(config)
    }
}

/// Why a stream ended before its time.
enum Broken {
    /// The gateway or its store is away: worth another attempt.
    Away(String),
    /// The first batch without an answer is larger than the gateway allows.
    TooLarge(String),
    /// Another attempt can't help.
    Final(LoadError),
}

/// A running gateway, and what it has not yet answered.
pub(super) struct Gateway {
    address: String,
    endpoint: Endpoint,
    authorization: Option<MetadataValue<Ascii>>,
    view: String,
    in_flight: usize,
    backoff: Backoff,
    /// Sent, or to be sent, in order.
    pending: VecDeque<Batch>,
    was_connected: bool,
}

impl Gateway {
    /// The gateway; nothing is connected yet.
    pub(super) fn new(remote: &Remote, options: &Options) -> Result<Self, LoadError> {
        let address = &remote.address;
        let scheme = if remote.secured.is_some() { "https" } else { "http" };
        let mut endpoint = Endpoint::from_shared(format!("{scheme}://{address}"))
            .map_err(|error| LoadError::new(format!("{address:?} is no address of the form HOST:PORT: {error}")))?
            .connect_timeout(CONNECT_TIMEOUT)
            .http2_keep_alive_interval(KEEP_ALIVE)
            .keep_alive_timeout(KEEP_ALIVE);
        if let Some(secured) = &remote.secured {
            endpoint = endpoint
                .tls_config(secured.config()?)
                .map_err(|error| LoadError::new(format!("TLS can't be set up: {}", root_cause(&error))))?;
        }
        Ok(Self {
            address: address.clone(),
            endpoint,
            authorization: remote.key.as_ref().map(authorization).transpose()?,
            view: options.view.clone(),
            in_flight: usize::try_from(options.in_flight).unwrap_or(1),
            backoff: Backoff::new(options.retry_for),
            pending: VecDeque::new(),
            was_connected: false,
        })
    }

    /// Sends all batches and hears the answers.
    pub(super) async fn deliver(mut self, intake: &mut Intake, report: &mut Report) -> Result<(), LoadError> {
        loop {
            match self.session(intake, report).await {
                Ok(()) => return Ok(()),
                Err(Broken::Away(cause)) => again(&mut self.backoff, &cause, report).await?,
                Err(Broken::TooLarge(message)) => {
                    if let Some(batch) = self.pending.pop_front() {
                        match batch.split() {
                            Ok((first, second)) => {
                                self.pending.push_front(second);
                                self.pending.push_front(first);
                            }
                            Err(batch) => too_large(batch, &message, report),
                        }
                    }
                }
                Err(Broken::Final(error)) => return Err(error),
            }
        }
    }

    /// One connection and one stream, to the end of the batches or of the stream.
    async fn session(&mut self, intake: &mut Intake, report: &mut Report) -> Result<(), Broken> {
        let channel = self.connect().await?;
        self.was_connected = true;
        if self.pending.is_empty() {
            match self.next(intake, report).await {
                Some(batch) => self.pending.push_back(batch),
                None => return Ok(()),
            }
        }
        // Not bounded by itself: what is in it is pending, and that is bounded.
        let (stream, requests) = mpsc::unbounded_channel();
        for batch in &self.pending {
            // Whether the stream takes it shows in its answers.
            drop(stream.send(self.request(batch)));
        }
        let mut request = tonic::Request::new(UnboundedReceiverStream::new(requests));
        if let Some(authorization) = &self.authorization {
            request.metadata_mut().insert("authorization", authorization.clone());
        }
        let call = FeatureStoreClient::new(channel).write_rows(request).await;
        let mut answers = call.map_err(|status| self.broken(&status))?.into_inner();
        let mut expected = 0;
        while !self.pending.is_empty() || intake.is_open() {
            tokio::select! {
                answer = answers.message(), if !self.pending.is_empty() => {
                    self.answered(answer, expected, report)?;
                    expected += 1;
                }
                batch = self.next(intake, report), if intake.is_open() && self.pending.len() < self.in_flight => {
                    if let Some(batch) = batch {
                        drop(stream.send(self.request(&batch)));
                        self.pending.push_back(batch);
                    }
                }
            }
        }
        drop(stream);
        goodbye(answers).await;
        Ok(())
    }

    async fn connect(&self) -> Result<Channel, Broken> {
        self.endpoint.connect().await.map_err(|error| {
            let cause = root_cause(&error);
            let message = format!("{}: no connection: {cause}", self.address);
            if let Some(advice) = tls::advice(&cause) {
                return Broken::Final(LoadError::new(format!("{message}: {advice}")));
            }
            if self.was_connected {
                return Broken::Away(message);
            }
            Broken::Final(LoadError::new(format!("{message}: is the gateway running there?")))
        })
    }

    async fn next(&self, intake: &mut Intake, report: &Report) -> Option<Batch> {
        if report.must_stop() {
            intake.stop();
            return None;
        }
        intake.next().await
    }

    fn request(&self, batch: &Batch) -> WriteRowsRequest {
        WriteRowsRequest {
            view: self.view.clone(),
            rows: Some(Rows::Ndjson(batch.ndjson.clone())),
            ..WriteRowsRequest::default()
        }
    }

    fn answered(
        &mut self,
        answer: Result<Option<WriteRowsResponse>, Status>,
        expected: i64,
        report: &mut Report,
    ) -> Result<(), Broken> {
        let answer = answer
            .map_err(|status| self.broken(&status))?
            .ok_or_else(|| Broken::Away(format!("{}: the gateway ended the stream", self.address)))?;
        if answer.batch != expected {
            return Err(Broken::Final(LoadError::new(format!(
                "{}: answered batch {} where {expected} was due: not a gateway of this version?",
                self.address, answer.batch
            ))));
        }
        self.backoff.reset();
        if let Some(batch) = self.pending.pop_front() {
            let refused = answer
                .bad
                .into_iter()
                .map(|bad| {
                    batch.refused(usize::try_from(bad.row).unwrap_or(usize::MAX), bad.code, bad.field, bad.message)
                })
                .collect();
            report.answered(batch, u64::try_from(answer.accepted).unwrap_or_default(), refused);
        }
        Ok(())
    }

    /// What a status means for the load. The gateway's own have a stable name; the others come from the connection, or from something
    /// between.
    fn broken(&self, status: &Status) -> Broken {
        let name = status.metadata().get(ERROR_CODE).and_then(|name| name.to_str().ok());
        let is = |code: error::Code| name == Some(code.facts().name);
        if is(error::Code::RequestTooLarge) {
            return Broken::TooLarge(status.message().to_owned());
        }
        let away = match name {
            Some(_) => {
                use error::Code::{DeadlineExceeded, Overloaded, RateLimited, Unavailable};
                [Unavailable, DeadlineExceeded, Overloaded, RateLimited].into_iter().any(is)
            }
            None => matches!(
                status.code(),
                Code::Unavailable | Code::Unknown | Code::Internal | Code::Cancelled | Code::DeadlineExceeded
            ),
        };
        // TLS 1.3 tells what is wrong with a client only after its handshake.
        if let Some(advice) = tls::advice(&told(status)).filter(|_| name.is_none()) {
            return Broken::Final(LoadError::new(format!("{}: {}: {advice}", self.address, told(status))));
        }
        if away {
            return Broken::Away(format!("{}: {}", self.address, told(status)));
        }
        Broken::Final(LoadError::new(format!("{}: the gateway refused: {}", self.address, told(status))))
    }
}

/// The header that carries the key.
fn authorization(key: &Secret) -> Result<MetadataValue<Ascii>, LoadError> {
    let value: Result<MetadataValue<Ascii>, _> = format!("Bearer {}", key.reveal()).parse();
    let mut value = value.map_err(|_| LoadError::new("the API key must be printable ASCII".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

fn told(status: &Status) -> String {
    let cause = std::error::Error::source(status).map(root_cause);
    match cause {
        Some(cause) => format!("the connection broke: {cause}"),
        None => format!("{:?}: {}", status.code(), status.message()),
    }
}

/// The innermost cause: tonic's own text says only that there was an error.
fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

/// Lets the gateway end the stream, so that it does not count it as cancelled.
async fn goodbye(mut answers: Streaming<WriteRowsResponse>) {
    drop(tokio::time::timeout(GOODBYE, answers.message()).await);
}
