//! The catalogue of transforms: one scalar kernel each, used by the row path and the batch path alike.
//!
//! One file a transform holds its doc, its parameters, an example, its kernel and its tests. What all have in common (null, NaN)
//! is in [`Guard`] and [`Applied`].

mod apply;
mod document;
mod frequencies;
mod hashing;
pub mod parameter;
mod step;
mod tokens;
mod types;

mod binarize;
mod bucketize;
mod cast;
mod clip;
mod coalesce;
mod cross;
mod cyclic;
mod date_part;
mod hash_bucket;
mod impute;
mod log;
mod max_abs;
mod min_max;
mod missing_indicator;
mod multi_hot;
mod numeric;
mod one_hot;
mod power_transform;
mod quantile_bucketize;
mod quantile_transform;
mod rescale;
mod robust_scale;
mod standardize;
mod target_encode;
mod top_k_category;
mod vocabulary;
mod winsorize;

#[cfg(test)]
mod fitting;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use apply::{Applied, Guard, QUIET_NAN};
pub use document::document;
pub use step::{
    Fit, Fitted, Function, Kernel, Map, OnNull, Other, Output, Problem, Step, StepDefinition, Transform, Widen,
};

/// Every transform, by name.
static CATALOGUE: &[Transform] = &[
    binarize::TRANSFORM,
    bucketize::TRANSFORM,
    cast::TRANSFORM,
    clip::TRANSFORM,
    coalesce::TRANSFORM,
    cross::TRANSFORM,
    cyclic::TRANSFORM,
    date_part::TRANSFORM,
    hash_bucket::TRANSFORM,
    impute::TRANSFORM,
    log::TRANSFORM,
    max_abs::TRANSFORM,
    min_max::TRANSFORM,
    missing_indicator::TRANSFORM,
    multi_hot::TRANSFORM,
    one_hot::TRANSFORM,
    power_transform::TRANSFORM,
    quantile_bucketize::TRANSFORM,
    quantile_transform::TRANSFORM,
    rescale::TRANSFORM,
    robust_scale::TRANSFORM,
    standardize::TRANSFORM,
    target_encode::TRANSFORM,
    top_k_category::TRANSFORM,
    vocabulary::TRANSFORM,
    winsorize::TRANSFORM,
];

/// Every transform, by name.
#[must_use]
pub fn catalogue() -> &'static [Transform] {
    CATALOGUE
}

/// The transform of a name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Transform> {
    catalogue().iter().find(|transform| transform.name == name)
}
