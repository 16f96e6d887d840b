//! A window view, compiled: what it projects of an event, what it accumulates, and how each feature comes of that.

use std::sync::Arc;

use bumpalo::Bump;
use sha2::{Digest, Sha256};

use super::accumulator::{Kind, Read, Spec};
use super::bounds::Bounds;
use super::finish::{Feature, Function};
use super::multiset::Side;
use super::order::{projected, projected_rows};
use super::values::IdKind;
use crate::definitions::{Aggregation, Columns, EventId, Service, Source, View, ViewKind, WindowView};
use crate::dtype::{DType, Scalar};
use crate::expr::{Expression, Program};
use crate::scope::{Fault, Scope};
use crate::value::Value;

/// A window view, ready to compute.
#[derive(Debug)]
pub struct WindowPlan {
    view: Arc<View>,
    source: Arc<Source>,
    /// What an event's projection is made of, in its order.
    projection: Vec<Projected>,
    pub(super) specs: Vec<Spec>,
    /// The lengths of all windows, ascending; lifetime, which has none, last.
    pub(super) lengths: Vec<Option<i64>>,
    features: Vec<Feature>,
    pub(super) bounds: Bounds,
    pub(super) lateness: i64,
    include_request: bool,
    warm_up_serves: bool,
    ids: IdKind,
    schema: [u8; 4],
}

/// One value of a projection.
#[derive(Debug)]
enum Projected {
    /// The column of the source at this position.
    Column { position: usize, name: String, dtype: Scalar },
    /// Whether a condition over the columns of the source is true.
    Condition { canonical: String, program: Program, reads: Vec<usize> },
}

impl WindowPlan {
    /// Compiles a validated window view.
    ///
    /// # Errors
    /// A view that is no window view, or was not validated, in words.
    pub fn new(view: &Arc<View>) -> Result<Self, String> {
        let (ViewKind::Window(windows), Some(source)) = (&view.kind, &view.source) else {
            return Err(format!("the view `{}` is no window view", view.name));
        };
        let projection = projection(windows, source)?;
        let mut plan = Self {
            view: view.clone(),
            source: source.clone(),
            projection,
            specs: Vec::new(),
            lengths: lengths(windows),
            features: Vec::new(),
            bounds: Bounds { offset: windows.offset, hop: windows.resolution },
            lateness: windows.accepted_lateness(),
            include_request: windows.include_request,
            warm_up_serves: windows.warm_up_serves,
            ids: ids(source)?,
            schema: [0; 4],
        };
        for aggregation in &windows.aggregations {
            plan.add(aggregation)?;
        }
        plan.schema = plan.digest();
        Ok(plan)
    }

    fn add(&mut self, aggregation: &Aggregation) -> Result<(), String> {
        let filter = match &aggregation.filter {
            None => None,
            Some(text) => Some(self.condition(&canonical(text, &self.source)?)?),
        };
        let column = aggregation.column.as_deref().map(|name| self.column(name)).transpose()?;
        let denominator = aggregation.denominator().map(|name| self.column(name)).transpose()?;
        for window in &aggregation.windows {
            let function = Function::of(aggregation, window.length)?;
            let (kind, read) = (function.remembers(), function.reads(column));
            let spec = self.spec(Spec { kind, read, filter });
            let second = denominator.map(|read| self.spec(Spec { kind: Kind::Sum, read, filter }));
            let length = self.lengths.iter().position(|length| *length == window.length).unwrap_or_default();
            self.features.push(Feature {
                name: aggregation.feature(window),
                dtype: aggregation.dtype,
                function,
                spec,
                second,
                length,
                empty: aggregation.empty.clone(),
            });
        }
        Ok(())
    }

    /// The position of an accumulator, which is added if there is none that remembers as much.
    fn spec(&mut self, spec: Spec) -> usize {
        let same = |known: &Spec| known.read == spec.read && known.filter == spec.filter;
        for (position, known) in self.specs.iter_mut().enumerate().filter(|(_, known)| same(known)) {
            known.kind = match (known.kind, spec.kind) {
                (one, other) if one == other => one,
                (Kind::Sum | Kind::Squares, Kind::Squares) | (Kind::Squares, Kind::Sum) => Kind::Squares,
                (Kind::Ends(side, most), Kind::Ends(other, more)) if side == other => Kind::Ends(side, most.max(more)),
                _ => continue,
            };
            return position;
        }
        self.specs.push(spec);
        self.specs.len() - 1
    }

    fn column(&self, wanted: &str) -> Result<Read, String> {
        let found = self.projection.iter().enumerate().find_map(|(position, projected)| match projected {
            Projected::Column { name, dtype, .. } if name == wanted => Some(Read::Column(position, *dtype)),
            Projected::Column { .. } | Projected::Condition { .. } => None,
        });
        found
            .ok_or_else(|| format!("the source `{}` has no column `{wanted}` that a window can read", self.source.name))
    }

    fn condition(&self, wanted: &str) -> Result<usize, String> {
        let is_it = |projected: &Projected| match projected {
            Projected::Condition { canonical, .. } => canonical == wanted,
            Projected::Column { .. } => false,
        };
        self.projection.iter().position(is_it).ok_or_else(|| format!("the condition {wanted} was not compiled"))
    }

    /// What the stored states of the view depend on, in four bytes: see decision 0015.
    fn digest(&self) -> [u8; 4] {
        let mut text = format!(
            "window state 1\n{}\n{}\n{:?}\n{:?}\n",
            self.view.name, self.view.version, self.ids, self.bounds.hop
        );
        for projected in &self.projection {
            match projected {
                Projected::Column { name, dtype, .. } => text.push_str(&format!("{name:?} {}\n", dtype.name())),
                Projected::Condition { canonical, .. } => text.push_str(&format!("where {canonical}\n")),
            }
        }
        if self.bounds.hop.is_some() {
            // Tiles hold accumulators instead of events.
            self.specs.iter().for_each(|spec| text.push_str(&format!("{spec:?}\n")));
        }
        let digest: [u8; 32] = Sha256::digest(text.as_bytes()).into();
        [digest[0], digest[1], digest[2], digest[3]]
    }

    /// The view.
    #[must_use]
    pub const fn view(&self) -> &Arc<View> {
        &self.view
    }

    /// The source of its events.
    #[must_use]
    pub const fn source(&self) -> &Arc<Source> {
        &self.source
    }

    /// Its features, in the order of the definition: `<aggregation>_<window>` with their types.
    pub fn features(&self) -> impl ExactSizeIterator<Item = (&str, DType)> {
        self.features.iter().map(|feature| (feature.name.as_str(), feature.dtype))
    }

    pub(super) fn finishers(&self) -> &[Feature] {
        &self.features
    }

    /// The column of the source of each value of a projection, by position; none for a condition.
    pub(super) fn projected_columns(&self) -> impl Iterator<Item = Option<usize>> {
        self.projection.iter().map(|projected| match projected {
            Projected::Column { position, .. } => Some(*position),
            Projected::Condition { .. } => None,
        })
    }

    /// How many values the projection of an event has.
    #[must_use]
    pub const fn width(&self) -> usize {
        self.projection.len()
    }

    pub(super) const fn ids(&self) -> IdKind {
        self.ids
    }

    /// The type of each value of a projection.
    pub fn dtypes(&self) -> impl Iterator<Item = Scalar> {
        self.projection.iter().map(|projected| match projected {
            Projected::Column { dtype, .. } => *dtype,
            Projected::Condition { .. } => Scalar::Bool,
        })
    }

    /// The id of what its stored states hold. States of another id can't be read.
    #[must_use]
    pub const fn schema(&self) -> [u8; 4] {
        self.schema
    }

    /// Whether the row of a request counts once, at t.
    #[must_use]
    pub const fn include_request(&self) -> bool {
        self.include_request
    }

    /// Whether a window that starts before the view was complete is served all the same.
    #[must_use]
    pub const fn warm_up_serves(&self) -> bool {
        self.warm_up_serves
    }

    /// The longest finite window and the offset, in microseconds: how far back from t an event can matter.
    #[must_use]
    pub fn reach(&self) -> i64 {
        let longest = self.lengths.iter().flatten().max().copied().unwrap_or(0);
        longest.saturating_add(self.bounds.offset)
    }

    /// How late an event may be, in microseconds.
    #[must_use]
    pub const fn lateness(&self) -> i64 {
        self.lateness
    }

    /// The columns of the source, by position, that a projection reads.
    pub fn reads(&self) -> impl Iterator<Item = usize> {
        self.projection
            .iter()
            .flat_map(|projected| match projected {
                Projected::Column { position, .. } => std::slice::from_ref(position),
                Projected::Condition { reads, .. } => reads.as_slice(),
            })
            .copied()
    }

    /// The projections of some rows, one after the other. `columns`: the values of the rows by the position of their column in the source; a column
    /// that nothing reads may be empty.
    ///
    /// # Errors
    /// The first row that a condition refuses, and why.
    pub fn project_rows<'v>(
        &'v self,
        columns: &[&[Value<'v>]],
        rows: usize,
        arena: &'v Bump,
    ) -> Result<Vec<Value<'v>>, (usize, Fault)> {
        let column = |value: &Projected| {
            if let Projected::Column { position, .. } = value { columns.get(*position).copied() } else { None }
        };
        if let Some(plain) = self.projection.iter().map(column).collect::<Option<Vec<_>>>() {
            return Ok(projected_rows(&plain));
        }
        let mut values = Vec::with_capacity(rows * self.width());
        for row in 0..rows {
            let value = |column: &&[Value<'v>]| column.get(row).copied().unwrap_or(Value::Null);
            let inputs = arena.alloc_slice_fill_iter(columns.iter().map(value));
            self.project(&Scope { inputs, arena }, &mut values).map_err(|fault| (row, fault))?;
        }
        Ok(values)
    }

    /// For each column of the source the request column of a service that stands for it, if the view reads the request and the column.
    #[must_use]
    pub fn request_columns(&self, service: &Service) -> Vec<Option<usize>> {
        let mut columns = vec![None; self.source.columns.len()];
        for at in self.reads().filter(|_| self.include_request) {
            if let (Some(place), Some(read)) = (columns.get_mut(at), self.source.columns.get(at)) {
                *place = service.request.iter().position(|column| column.name == read.name);
            }
        }
        columns
    }

    /// Appends the projection of an event whose columns stand in `scope` in the order of the source.
    ///
    /// # Errors
    /// A condition that refuses its values.
    pub fn project<'v>(&'v self, scope: &Scope<'v>, out: &mut Vec<Value<'v>>) -> Result<(), Fault> {
        for value in &self.projection {
            out.push(match value {
                Projected::Column { position, .. } => projected(scope.input(*position)),
                Projected::Condition { program, .. } => Value::Bool(matches!(program.eval(scope)?, Value::Bool(true))),
            });
        }
        Ok(())
    }
}

fn ids(source: &Source) -> Result<IdKind, String> {
    let Some(EventId::Column(column)) = &source.event_id else { return Ok(IdKind::None) };
    match source.dtype(column).and_then(DType::scalar) {
        Some(Scalar::Int64) => Ok(IdKind::Int),
        Some(Scalar::String) => Ok(IdKind::Text),
        Some(_) | None => Err(format!("the event id `{column}` of the source `{}` is no int64 or string", source.name)),
    }
}

fn lengths(windows: &WindowView) -> Vec<Option<i64>> {
    let mut lengths: Vec<_> =
        windows.aggregations.iter().flat_map(|it| &it.windows).map(|window| window.length).collect();
    lengths.sort_unstable_by_key(|length| length.unwrap_or(i64::MAX));
    lengths.dedup();
    lengths
}

fn canonical(text: &str, source: &Source) -> Result<String, String> {
    let expression = Expression::parse(text, &Columns(&source.columns));
    expression.map(|it| it.canonical()).map_err(|_| format!("the condition `{text}` was not validated"))
}

/// Columns by name, then conditions by their canonical text: it does not depend on the order in which aggregations stand.
fn projection(windows: &WindowView, source: &Source) -> Result<Vec<Projected>, String> {
    let columns = Columns(&source.columns);
    let mut projection: Vec<Projected> = Vec::new();
    let denominators = windows.aggregations.iter().filter_map(Aggregation::denominator);
    let mut names: Vec<&str> =
        windows.aggregations.iter().filter_map(|it| it.column.as_deref()).chain(denominators).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let dtype = source.dtype(name).and_then(DType::scalar);
        let (Some(position), Some(dtype)) = (source.position(name), dtype) else {
            return Err(format!("the source `{}` has no column `{name}` that a window can read", source.name));
        };
        projection.push(Projected::Column { position, name: name.to_owned(), dtype });
    }
    let mut conditions = Vec::new();
    for text in windows.aggregations.iter().filter_map(|it| it.filter.as_deref()) {
        let expression = Expression::parse(text, &columns);
        let expression = expression.map_err(|_| format!("the condition `{text}` was not validated"))?;
        conditions.push((expression.canonical(), expression));
    }
    conditions.sort_by(|a, b| a.0.cmp(&b.0));
    conditions.dedup_by(|a, b| a.0 == b.0);
    for (canonical, expression) in conditions {
        let program = expression.compile(&|name| source.position(name).unwrap_or(usize::MAX));
        let reads = expression.inputs().iter().filter_map(|name| source.position(name)).collect();
        projection.push(Projected::Condition { canonical, program, reads });
    }
    Ok(projection)
}

/// The side that a function of the first or the last events reads.
pub(super) const fn ends(is_first: bool, most: i64) -> Kind {
    Kind::Ends(if is_first { Side::First } else { Side::Last }, most)
}
