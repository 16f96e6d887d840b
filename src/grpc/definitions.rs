//! `GetDefinitions`: what is served, as messages.

use crate::api;
use crate::lookup::defined::{Described, DescribedColumn, DescribedService, DescribedView};

/// The reply.
pub(super) fn reply(described: Described) -> api::DefinitionsResponse {
    api::DefinitionsResponse {
        views: described.views.into_iter().map(view).collect(),
        services: described.services.into_iter().map(service).collect(),
    }
}

fn view(view: DescribedView) -> api::DefinedView {
    let DescribedView { name, kind, entity, version, features, description } = view;
    let features = features.into_iter().map(column).collect();
    api::DefinedView { name, kind: kind.to_owned(), entity, version, features, description }
}

fn service(service: DescribedService) -> api::DefinedService {
    let (default_fingerprint, no_default) = match service.default {
        Ok(fingerprint) => (fingerprint.to_vec(), String::new()),
        Err(why) => (Vec::new(), why),
    };
    api::DefinedService {
        name: service.name,
        fingerprints: service.fingerprints.iter().map(|fingerprint| fingerprint.to_vec()).collect(),
        default_fingerprint,
        no_default,
        entities: service.entities.into_iter().map(column).collect(),
        request: service.request.into_iter().map(column).collect(),
        time: service.time.unwrap_or_default(),
        description: service.description,
    }
}

fn column(column: DescribedColumn) -> api::DefinedColumn {
    let DescribedColumn { name, dtype, ttl, description } = column;
    api::DefinedColumn { name, dtype, ttl, description }
}
