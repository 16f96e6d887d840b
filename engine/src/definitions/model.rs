//! Definitions as the rest of the engine reads them: validated, every name resolved, nothing optional that has a default.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::diagnostics::Span;
use crate::dtype::{DType, Scalar};
use crate::transforms::StepDefinition;

/// Everything that a directory defines.
#[derive(Clone, Debug, Default)]
pub struct Definitions {
    /// By name.
    pub entities: BTreeMap<String, Arc<Entity>>,
    /// By name.
    pub sources: BTreeMap<String, Arc<Source>>,
    /// By name.
    pub views: BTreeMap<String, Arc<View>>,
    /// By name.
    pub services: BTreeMap<String, Arc<Service>>,
    /// Where views and features of row views stand, by `view` and `view.feature`.
    pub places: BTreeMap<String, Span>,
}

/// What features are about: a customer, a terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entity {
    /// Its name.
    pub name: String,
    /// Its key columns, in declared order.
    pub keys: Vec<Column>,
    /// In words.
    pub description: Option<String>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Labels for people.
    pub tags: Vec<String>,
}

/// A column with a type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type.
    pub dtype: DType,
}

/// Where rows and events come from.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its name.
    pub name: String,
    /// The column of the event time.
    pub event_time: String,
    /// What tells two events apart; none if not declared.
    pub event_id: Option<EventId>,
    /// The column whose greater value wins among events of one id.
    pub version: Option<String>,
    /// The column of the time at which a row was created.
    pub created: Option<String>,
    /// The column of the time from which on training may know a row.
    pub known_at: Option<String>,
    /// All columns, in the order of the file.
    pub columns: Vec<Column>,
    /// Where it lies, by kind (`iceberg`, `kafka`): as written; not part of any fingerprint.
    pub locations: BTreeMap<String, serde_json::Value>,
    /// When rows of it are due, as cron writes it; not part of any fingerprint.
    pub schedule: Option<String>,
    /// What its rows must keep to be appended to its history, in the order of the file; not part of any fingerprint.
    pub quality: Vec<Quality>,
    /// In words.
    pub description: Option<String>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Labels for people.
    pub tags: Vec<String>,
}

impl Source {
    /// The type of a column.
    #[must_use]
    pub fn dtype(&self, column: &str) -> Option<DType> {
        self.columns.iter().find(|found| found.name == column).map(|found| found.dtype)
    }

    /// The position of a column.
    #[must_use]
    pub fn position(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|found| found.name == column)
    }
}

/// A rule that the rows of a source must keep.
#[derive(Clone, Debug, PartialEq)]
pub struct Quality {
    /// Its name.
    pub name: String,
    /// The column that it looks at; none if it looks at all rows together.
    pub column: Option<String>,
    /// All of them must hold. A null breaks nothing but [`Check::NotNull`].
    pub checks: Vec<Check>,
    /// What happens to rows that break it.
    pub on_failure: OnFailure,
    /// In words.
    pub description: Option<String>,
}

/// What a quality rule checks.
#[derive(Clone, Debug, PartialEq)]
pub enum Check {
    /// There is a value.
    NotNull,
    /// No value is less; NaN breaks it.
    Min(Constant),
    /// No value is greater; NaN breaks it.
    Max(Constant),
    /// Every value is one of these.
    OneOf(Vec<Constant>),
    /// No two rows have the same value.
    Unique,
    /// The newest event is not older than this, in microseconds.
    Freshness(i64),
}

/// What happens to rows that break a quality rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// Nothing is written.
    Fail,
    /// They are written beside the table, with the reason.
    Quarantine,
    /// They are written all the same, and told.
    Warn,
}

/// What tells two events of a source apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventId {
    /// `event_id: none`: repeats count.
    None,
    /// The column.
    Column(String),
}

/// A view: features of an entity, from one source.
#[derive(Clone, Debug)]
pub struct View {
    /// Its name.
    pub name: String,
    /// Raised when stored values change their meaning.
    pub version: u32,
    /// The entity.
    pub entity: Arc<Entity>,
    /// The source; a row view that is only written to has none.
    pub source: Option<Arc<Source>>,
    /// What it holds.
    pub kind: ViewKind,
    /// In words.
    pub description: Option<String>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Labels for people.
    pub tags: Vec<String>,
}

/// What a view holds.
#[derive(Clone, Debug)]
pub enum ViewKind {
    /// The latest row of the entity.
    Row(RowView),
    /// Aggregations over events.
    Window(WindowView),
}

/// The latest row per entity.
#[derive(Clone, Debug)]
pub struct RowView {
    /// How it is stored.
    pub layout: Layout,
    /// In the order of the file.
    pub features: Vec<Feature>,
}

/// How rows of a view are stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layout {
    /// The packed row of `docs/row-format.md`.
    #[default]
    Packed,
    /// A JSON object, readable in the store.
    Json,
}

/// A feature of a row view.
#[derive(Clone, Debug)]
pub struct Feature {
    /// Its name, unique in the view.
    pub name: String,
    /// Its type.
    pub dtype: DType,
    /// The column of the source; the feature's name unless `column:` says otherwise.
    pub column: String,
    /// How long it is served after its event time, in microseconds; the view's unless the feature has its own; none: for ever.
    pub ttl: Option<i64>,
    /// What a missing value is filled with; its status stays MISSING.
    pub default: Option<Constant>,
    /// In words.
    pub description: Option<String>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Labels for people.
    pub tags: Vec<String>,
}

/// A value written in a definition, typed.
#[derive(Clone, Debug, PartialEq)]
pub enum Constant {
    /// True or false.
    Bool(bool),
    /// A whole number, in range of its type.
    Int(i64),
    /// A number, finite.
    Float(f64),
    /// Text.
    Text(String),
    /// Bytes, written as base64.
    Bytes(Vec<u8>),
    /// Microseconds, written as RFC 3339.
    Time(i64),
    /// A list or vector, in the stored form of [`crate::value::List`].
    List(Scalar, Vec<u8>),
}

/// Aggregations over the events of a source.
#[derive(Clone, Debug)]
pub struct WindowView {
    /// Whether the row being scored counts once, at t.
    pub include_request: bool,
    /// Microseconds.
    pub offset: i64,
    /// Microseconds of a tile; none: exact.
    pub resolution: Option<i64>,
    /// Microseconds; none: as the contract says for the resolution.
    pub lateness: Option<i64>,
    /// Whether a window that starts before the view was complete is served all the same.
    pub warm_up_serves: bool,
    /// In the order of the file.
    pub aggregations: Vec<Aggregation>,
}

impl WindowView {
    /// How late an event may be, in microseconds: as written, else a tile, else a day.
    #[must_use]
    pub fn accepted_lateness(&self) -> i64 {
        const DAY: i64 = 86_400_000_000;
        self.lateness.or(self.resolution).unwrap_or(DAY)
    }
}

/// One aggregation, over one or several windows. Its features are named `<name>_<window>`.
#[derive(Clone, Debug)]
pub struct Aggregation {
    /// Its name.
    pub name: String,
    /// The function, by its name in definitions (`count`, `mean`, …).
    pub function: String,
    /// The column it reads; none for `count` of events.
    pub column: Option<String>,
    /// Further parameters of the function (`n`, `q`, `k`, `denominator`), as numbers or columns.
    pub parameters: BTreeMap<String, serde_json::Value>,
    /// A filter over the columns of the source, in SQL.
    pub filter: Option<String>,
    /// As written: `1d`, `30d`, `lifetime`.
    pub windows: Vec<Window>,
    /// What an empty window gives instead of null.
    pub empty: Option<Constant>,
    /// The type of its result.
    pub dtype: DType,
    /// In words.
    pub description: Option<String>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Labels for people.
    pub tags: Vec<String>,
}

/// A window of an aggregation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// As written.
    pub name: String,
    /// Microseconds; none: lifetime.
    pub length: Option<i64>,
}

/// What one model reads: an ordered vector.
#[derive(Clone, Debug)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// The request column that is t, if the service names one.
    pub time: Option<String>,
    /// Columns that come with the request, in the order of the file.
    pub request: Vec<Column>,
    /// The slots of the vector, in order.
    pub slots: Vec<SlotDefinition>,
    /// The views that it reads, by name; sorted.
    pub views: Vec<Arc<View>>,
    /// The entities of those views, by name; sorted. A request names the keys of each.
    pub entities: Vec<Arc<Entity>>,
    /// The name of the fitted file for requests that bring no fingerprint: `""` is `<service>.fitted.json`.
    pub default_fitted: Option<String>,
    /// In words.
    pub description: Option<String>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Labels for people.
    pub tags: Vec<String>,
}

/// One slot as it is written.
#[derive(Clone, Debug)]
pub struct SlotDefinition {
    /// Its name: `name:` if given, else the input, or `expr_<position>`; unique in the service.
    pub name: String,
    /// Where its value comes from.
    pub source: SlotSource,
    /// Its steps, in order, checked against the types that flow through them.
    pub steps: Vec<StepDefinition>,
    /// Where it stands.
    pub span: Span,
}

/// Where the value of a slot comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SlotSource {
    /// A request column, or `view.feature`.
    Input(String),
    /// A SQL expression over request columns and `view.feature`s.
    Expression(String),
}
