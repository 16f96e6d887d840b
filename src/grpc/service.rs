//! The methods of `feature_store.FeatureStore`.

use tonic::{Request, Response, Status, Streaming};

use super::generated::feature_store_server::FeatureStore;
use super::reply::EncodedReply;
use super::request::OnlineFeaturesRequest;
use super::streams::Streams;
use super::wire::WireWriter;
use super::{definitions, status, vectors, writes};
use crate::api::{self, WriteEventsRequest, WriteRowsRequest, WriteStatesRequest};
use crate::clock;
use crate::deadline::Deadline;
use crate::lookup::Lookup;

/// Bytes of a reply for each entity beside its values: its id, tags, lengths and event time.
const BYTES_PER_ENTITY: usize = 64;

/// gRPC over the lookup core.
#[derive(Clone, Debug)]
pub struct FeatureService {
    lookup: Lookup,
    streams: Streams,
}

impl FeatureService {
    /// The service over this core.
    #[must_use]
    pub fn new(lookup: Lookup, streams: Streams) -> Self {
        Self { lookup, streams }
    }
}

#[tonic::async_trait]
impl FeatureStore for FeatureService {
    async fn get_online_features(
        &self,
        request: Request<OnlineFeaturesRequest>,
    ) -> Result<Response<EncodedReply>, Status> {
        let deadline = Deadline::of(request.extensions());
        let asked = request.into_inner().0;
        let rows = self.lookup.fetch(asked, clock::now(), deadline.at()).await.map_err(|error| status::of(&error))?;
        let mut writer = WireWriter::with_capacity(rows.stored_bytes() + rows.len() * BYTES_PER_ENTITY);
        rows.write(&mut writer).map_err(|error| status::of(&error))?;
        Ok(Response::new(EncodedReply(writer.finish(rows.as_of()))))
    }

    async fn get_feature_vectors(
        &self,
        request: Request<api::FeatureVectorsRequest>,
    ) -> Result<Response<api::FeatureVectorsResponse>, Status> {
        let deadline = Deadline::of(request.extensions());
        let request = request.into_inner();
        let names = request.names;
        let asked = vectors::asked(request).map_err(|error| status::of(&error))?;
        let found =
            self.lookup.vectors(asked, clock::now(), deadline.at()).await.map_err(|error| status::of(&error))?;
        Ok(Response::new(vectors::reply(found, names)))
    }

    async fn explain(&self, request: Request<api::ExplainRequest>) -> Result<Response<api::ExplainResponse>, Status> {
        let deadline = Deadline::of(request.extensions());
        let asked = vectors::asked_to_explain(request.into_inner()).map_err(|error| status::of(&error))?;
        let found =
            self.lookup.explain(asked, clock::now(), deadline.at()).await.map_err(|error| status::of(&error))?;
        Ok(Response::new(vectors::explained(found)))
    }

    async fn get_definitions(
        &self,
        _request: Request<api::DefinitionsRequest>,
    ) -> Result<Response<api::DefinitionsResponse>, Status> {
        Ok(Response::new(definitions::reply(self.lookup.catalog().describe())))
    }

    type WriteRowsStream = writes::Answers<api::WriteRowsResponse>;

    async fn write_rows(
        &self,
        request: Request<Streaming<WriteRowsRequest>>,
    ) -> Result<Response<Self::WriteRowsStream>, Status> {
        Ok(Response::new(writes::answers(self.lookup.clone(), request, self.streams.clone())))
    }

    type WriteEventsStream = writes::Answers<api::WriteEventsResponse>;

    async fn write_events(
        &self,
        request: Request<Streaming<WriteEventsRequest>>,
    ) -> Result<Response<Self::WriteEventsStream>, Status> {
        Ok(Response::new(writes::answers(self.lookup.clone(), request, self.streams.clone())))
    }

    type WriteStatesStream = writes::Answers<api::WriteStatesResponse>;

    async fn write_states(
        &self,
        request: Request<Streaming<WriteStatesRequest>>,
    ) -> Result<Response<Self::WriteStatesStream>, Status> {
        Ok(Response::new(writes::answers(self.lookup.clone(), request, self.streams.clone())))
    }
}
