//! What a service reads, numbered: known from its definition alone, before anything is fitted.

use std::collections::HashMap;

use crate::definitions::{Service, SlotSource};
use crate::dtype::DType;
use crate::expr::{Expression, Names};
use crate::transforms::Other;

use super::slot::Source;

/// One value that the service reads of a row.
#[derive(Clone, Debug)]
pub struct Input {
    /// A request column, or `view.feature`.
    pub name: String,
    /// Its type.
    pub dtype: DType,
    /// Where it comes from.
    pub origin: Origin,
}

/// Where an input comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The request column at this position.
    Request(usize),
    /// A feature of a view that the service reads.
    Feature {
        /// Position in [`Service::views`].
        view: usize,
        /// Position among the features of the view.
        feature: usize,
    },
}

/// The inputs of a service in the order in which its slots first read them, and what each slot reads.
#[derive(Clone, Debug)]
pub struct Layout {
    inputs: Vec<Input>,
    /// The inputs that are request columns, each with the position of its column.
    request: Vec<(usize, usize)>,
    slots: Vec<SlotLayout>,
}

/// What a slot reads.
#[derive(Clone, Debug)]
pub(super) struct SlotLayout {
    pub(super) source: Source,
    pub(super) dtype: DType,
    /// For each step, its other inputs.
    pub(super) others: Vec<Vec<Other>>,
    /// Every input it reads, each once.
    pub(super) reads: Vec<usize>,
}

/// A service that this version can't compute.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LayoutError {
    /// A name that is not there: the definition was not validated.
    #[error("service `{service}` reads `{name}`, which is not there")]
    Unknown {
        /// The service.
        service: String,
        /// The name.
        name: String,
    },
}

impl Layout {
    /// The layout of a validated service.
    ///
    /// # Errors
    /// A service that reads what this version can't compute.
    pub fn new(service: &Service) -> Result<Self, LayoutError> {
        let names = ServiceNames { service };
        let mut numbering = Numbering { names: &names, inputs: Vec::new(), index: HashMap::new() };
        let mut slots = Vec::with_capacity(service.slots.len());
        for slot in &service.slots {
            let mut reads = Vec::new();
            let (source, dtype) = match &slot.source {
                SlotSource::Input(name) => {
                    let index = numbering.of(name)?;
                    reads.push(index);
                    (Source::Input(index), numbering.inputs[index].dtype)
                }
                SlotSource::Expression(text) => {
                    let expression = Expression::parse(text, &names).map_err(|_| unknown(service, text))?;
                    for name in expression.inputs() {
                        reads.push(numbering.of(name)?);
                    }
                    let index = &numbering.index;
                    let program = expression.compile(&|name| index.get(name).copied().unwrap_or(usize::MAX));
                    (Source::Expression(program), expression.output())
                }
            };
            let mut others = Vec::with_capacity(slot.steps.len());
            for step in &slot.steps {
                let mut of_step = Vec::new();
                for name in step.step.inputs() {
                    let index = numbering.of(name)?;
                    reads.push(index);
                    of_step.push(Other { index, dtype: numbering.inputs[index].dtype });
                }
                others.push(of_step);
            }
            reads.sort_unstable();
            reads.dedup();
            slots.push(SlotLayout { source, dtype, others, reads });
        }
        let request = numbering.inputs.iter().enumerate().filter_map(|(index, input)| match input.origin {
            Origin::Request(position) => Some((index, position)),
            Origin::Feature { .. } => None,
        });
        let request = request.collect();
        Ok(Self { inputs: numbering.inputs, request, slots })
    }

    /// The inputs, by the index that [`crate::scope::Scope::input`] takes.
    #[must_use]
    pub fn inputs(&self) -> &[Input] {
        &self.inputs
    }

    /// The inputs that come with the request: the index of each, and the position of its request column.
    #[must_use]
    pub fn request(&self) -> &[(usize, usize)] {
        &self.request
    }

    /// What the slots read.
    pub(super) fn slots(&self) -> &[SlotLayout] {
        &self.slots
    }
}

fn unknown(service: &Service, name: &str) -> LayoutError {
    LayoutError::Unknown { service: service.name.clone(), name: name.to_owned() }
}

/// Numbers inputs as they are first read.
struct Numbering<'a> {
    names: &'a ServiceNames<'a>,
    inputs: Vec<Input>,
    index: HashMap<String, usize>,
}

impl Numbering<'_> {
    fn of(&mut self, name: &str) -> Result<usize, LayoutError> {
        if let Some(&index) = self.index.get(name) {
            return Ok(index);
        }
        let (dtype, origin) = self.names.find(name)?;
        let index = self.inputs.len();
        self.inputs.push(Input { name: name.to_owned(), dtype, origin });
        self.index.insert(name.to_owned(), index);
        Ok(index)
    }
}

/// What names mean in a service: request columns, and `view.feature` of the views it reads.
struct ServiceNames<'a> {
    service: &'a Service,
}

impl ServiceNames<'_> {
    fn find(&self, name: &str) -> Result<(DType, Origin), LayoutError> {
        if let Some(position) = self.service.request.iter().position(|column| column.name == name) {
            return Ok((self.service.request[position].dtype, Origin::Request(position)));
        }
        let missing = || unknown(self.service, name);
        let (view_name, feature_name) = name.split_once('.').ok_or_else(missing)?;
        let view = self.service.views.iter().position(|view| view.name == view_name).ok_or_else(missing)?;
        let (feature, dtype) = self.service.views[view].feature(feature_name).ok_or_else(missing)?;
        Ok((dtype, Origin::Feature { view, feature }))
    }
}

impl Names for ServiceNames<'_> {
    fn dtype(&self, name: &str) -> Option<DType> {
        self.find(name).ok().map(|(dtype, _)| dtype)
    }

    fn all(&self) -> Vec<String> {
        self.service.request.iter().map(|column| column.name.clone()).collect()
    }
}
