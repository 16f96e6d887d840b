//! What is served, for those who ask.

use unskew_engine::definitions::{Column, ViewKind};

use super::catalog::Catalog;

/// What is served.
#[derive(Clone, Debug)]
pub struct Described {
    /// The defined views, by name.
    pub views: Vec<DescribedView>,
    /// The services, by name.
    pub services: Vec<DescribedService>,
}

/// A defined view.
#[derive(Clone, Debug)]
pub struct DescribedView {
    /// Its name.
    pub name: String,
    /// `row` or `window`.
    pub kind: &'static str,
    /// Its entity.
    pub entity: String,
    /// Its version.
    pub version: u32,
    /// Its features.
    pub features: Vec<DescribedColumn>,
    /// What it is.
    pub description: String,
}

/// A service.
#[derive(Clone, Debug)]
pub struct DescribedService {
    /// Its name.
    pub name: String,
    /// The fingerprints that are loaded.
    pub fingerprints: Vec<[u8; 32]>,
    /// That of requests that bring none, or why they are refused.
    pub default: Result<[u8; 32], String>,
    /// The key columns of every entity that it reads.
    pub entities: Vec<DescribedColumn>,
    /// Its request columns.
    pub request: Vec<DescribedColumn>,
    /// The request column that is the time t.
    pub time: Option<String>,
    /// What it is.
    pub description: String,
}

/// A column or a feature.
#[derive(Clone, Debug)]
pub struct DescribedColumn {
    /// Its name.
    pub name: String,
    /// Its type.
    pub dtype: String,
    /// Microseconds after which a value is EXPIRED.
    pub ttl: Option<i64>,
    /// What it is.
    pub description: String,
}

impl DescribedColumn {
    fn of(column: &Column) -> Self {
        Self { name: column.name.clone(), dtype: column.dtype.to_string(), ttl: None, description: String::new() }
    }
}

impl Catalog {
    /// All that is served.
    #[must_use]
    pub fn describe(&self) -> Described {
        let views = self.definitions().views.values().map(|view| {
            let (kind, features) = match &view.kind {
                ViewKind::Row(row) => {
                    let features = row.features.iter().map(|feature| DescribedColumn {
                        name: feature.name.clone(),
                        dtype: feature.dtype.to_string(),
                        ttl: feature.ttl.filter(|ttl| *ttl > 0),
                        description: feature.description.clone().unwrap_or_default(),
                    });
                    ("row", features.collect())
                }
                ViewKind::Window(window) => {
                    let features = window.aggregations.iter().flat_map(|aggregation| {
                        aggregation.windows.iter().map(|window| DescribedColumn {
                            name: aggregation.feature(window),
                            dtype: aggregation.dtype.to_string(),
                            ttl: None,
                            description: aggregation.description.clone().unwrap_or_default(),
                        })
                    });
                    ("window", features.collect())
                }
            };
            DescribedView {
                name: view.name.clone(),
                kind,
                entity: view.entity.name.clone(),
                version: view.version,
                features,
                description: view.description.clone().unwrap_or_default(),
            }
        });
        let services = self.definitions().services.values().map(|service| {
            let (fingerprints, default) = self.fingerprints(&service.name);
            DescribedService {
                name: service.name.clone(),
                fingerprints,
                default,
                entities: service.entities.iter().flat_map(|entity| &entity.keys).map(DescribedColumn::of).collect(),
                request: service.request.iter().map(DescribedColumn::of).collect(),
                time: service.time.clone(),
                description: service.description.clone().unwrap_or_default(),
            }
        });
        Described { views: views.collect(), services: services.collect() }
    }
}
