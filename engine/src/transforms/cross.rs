//! `cross`.

use std::hash::Hasher;
use std::sync::Arc;

use serde_json::Value as Json;
use siphasher::sip::SipHasher24;

use super::hash_bucket::check_hashed;
use super::hashing::{BINS, FARMHASH64, Hash, SALT, SIPHASH64, Short, join_fingerprints};
use super::parameter::{Arguments, Default, Parameter, Takes};
use super::{Kernel, Map, Other, Output, Problem, Step, Transform, types};
use crate::dtype::{DType, Scalar};
use crate::scope::{Fault, Scope};
use crate::value::Value;

/// `cross`.
pub(super) const TRANSFORM: Transform = Transform {
    name: "cross",
    doc: "The bin of a combination of categories by a hash of all of them, as int64 from 0 to `bins` − 1: that of the slot, then those \
          of `inputs` in their order. Takes texts, bytes and whole numbers. If any is null, the result is null.\n\n\
          `farmhash64` gives the bins of Keras's `HashedCrossing`: the fingerprints of texts, and whole numbers as they are, are chained \
          one after the other. `siphash64` with a `salt` hashes the texts joined by `_X_`, whole numbers by their decimal text.",
    example: "{cross: {inputs: [customer_profile.home_region], bins: 1000}}",
    known_as: "HashedCrossing (Keras), tf.sparse.cross_hashed",
    parameters: &[
        Parameter {
            name: "inputs",
            takes: Takes::Inputs,
            default: Default::Required,
            doc: "the other categories: request columns or `view.feature`s",
        },
        BINS,
        Parameter {
            name: "hash",
            takes: Takes::Choice(&[FARMHASH64, SIPHASH64]),
            default: Default::Text(FARMHASH64),
            doc: "the hash function",
        },
        SALT,
    ],
    make,
};

/// What TensorFlow begins the chain of fingerprints with.
const CHAIN_START: u64 = 0x00DE_CAFC_AFFE;

#[derive(Clone, Debug)]
struct Cross {
    inputs: Vec<String>,
    hash: Hash,
    bins: u64,
}

fn make(arguments: &Arguments) -> Result<Arc<dyn Step>, Problem> {
    let bins = arguments.int(BINS.name).and_then(|bins| u64::try_from(bins).ok()).unwrap_or(1);
    Ok(Arc::new(Cross { inputs: types::names(arguments, "inputs"), hash: Hash::read(arguments)?, bins }))
}

impl Step for Cross {
    fn output(&self, input: DType, others: &[DType]) -> Result<Output, Problem> {
        check_hashed(input, "its input").map_err(Problem::input)?;
        for (name, other) in self.inputs.iter().zip(others) {
            check_hashed(*other, &format!("`{name}`")).map_err(|message| Problem::parameter("inputs", message))?;
        }
        Ok(Output::One(Scalar::Int64.into()))
    }

    fn inputs(&self) -> &[String] {
        &self.inputs
    }

    fn kernel(&self, _input: DType, others: &[Other], _fitted: &Json) -> Result<Kernel, String> {
        let others = others.iter().map(|other| other.index).collect();
        Ok(Kernel::One(Box::new(Crosser { others, hash: self.hash, bins: self.bins })))
    }
}

#[derive(Debug)]
struct Crosser {
    others: Vec<usize>,
    hash: Hash,
    bins: u64,
}

/// The fingerprint of one category; none for null.
fn fingerprint(value: Value<'_>) -> Option<u64> {
    match value {
        Value::Str(text) => Some(farmhash::fingerprint64(text.as_bytes())),
        Value::Bytes(bytes) => Some(farmhash::fingerprint64(bytes)),
        Value::Int(number) => Some(number.cast_unsigned()),
        Value::Null | Value::Bool(_) | Value::Float(_) | Value::Time(_) | Value::List(_) => None,
    }
}

/// Goes on with a hash of the texts of categories; none for null.
fn write_text(value: Value<'_>, hasher: &mut SipHasher24) -> Option<()> {
    match value {
        Value::Str(text) => hasher.write(text.as_bytes()),
        Value::Bytes(bytes) => hasher.write(bytes),
        Value::Int(number) => hasher.write(Short::of(number).as_str().as_bytes()),
        Value::Null | Value::Bool(_) | Value::Float(_) | Value::Time(_) | Value::List(_) => return None,
    }
    Some(())
}

impl Crosser {
    /// The hash of all categories; none if one is null.
    fn hash<'v>(&self, first: Value<'v>, scope: &Scope<'v>) -> Option<u64> {
        let mut others = self.others.iter().map(|index| scope.input(*index));
        let Hash::Siphash64 { key: [first_key, second_key] } = self.hash else {
            let start = join_fingerprints(CHAIN_START, fingerprint(first)?);
            return others.try_fold(start, |chain, other| Some(join_fingerprints(chain, fingerprint(other)?)));
        };
        let mut hasher = SipHasher24::new_with_keys(first_key, second_key);
        write_text(first, &mut hasher)?;
        for other in others {
            hasher.write(b"_X_");
            write_text(other, &mut hasher)?;
        }
        Some(hasher.finish())
    }
}

impl Map for Crosser {
    fn apply<'v>(&'v self, value: Value<'v>, scope: &Scope<'v>) -> Result<Value<'v>, Fault> {
        let hash = self.hash(value, scope);
        Ok(hash.map_or(Value::Null, |hash| Value::Int((hash % self.bins).cast_signed())))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Bench, int, list, text, texts};
    use super::super::{find, parameter::Argument};
    use super::*;

    fn cross(more: &[(&'static str, Argument)], scalar: Scalar, other: Value<'static>) -> Bench {
        let arguments = [("inputs", texts(["other"])), ("bins", int(5))];
        Bench::new(&TRANSFORM, &[&arguments, more].concat()).with(&[(scalar, other)])
    }

    #[test]
    fn the_bins_of_the_documentation_of_keras() {
        for (first, second, bin) in [("A", 101, 1), ("B", 101, 4), ("A", 101, 1), ("B", 102, 1), ("A", 102, 3)] {
            let bench = cross(&[], Scalar::Int64, Value::Int(second));
            assert_eq!(bench.run(Scalar::String, Value::Str(first)), Ok(Value::Int(bin)), "{first} {second}");
        }
    }

    #[test]
    fn any_null_is_null() {
        let bench = cross(&[], Scalar::String, Value::Null);
        assert_eq!(bench.run(Scalar::String, Value::Str("a")), Ok(Value::Null));
        let bench = cross(&[], Scalar::String, Value::Str("b"));
        assert_eq!(bench.run(Scalar::String, Value::Null), Ok(Value::Null));
    }

    #[test]
    fn the_strong_hash_is_that_of_the_joined_text() {
        let strong = [("hash", text(SIPHASH64)), ("salt", list([int(7), int(9)])), ("bins", int(1 << 40))];
        let crossed = cross(&strong, Scalar::Int32, Value::Int(-12)).run(Scalar::String, Value::Str("DE"));
        let whole = Bench::new(find("hash_bucket").unwrap(), &strong).run(Scalar::String, Value::Str("DE_X_-12"));
        assert_eq!(crossed, whole);
    }

    #[test]
    fn types_of_all_inputs() {
        let problem = cross(&[], Scalar::Float64, Value::Null).output(Scalar::String.into()).unwrap_err();
        let message = "takes texts, bytes and whole numbers, and `other` is float64; put a `cast` before the step";
        assert_eq!((problem.parameter, problem.message.as_str()), (Some("inputs"), message));
    }
}
