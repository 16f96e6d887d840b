//! `hash_bucket`.

use std::sync::Arc;

use serde_json::Value as Json;

use super::hashing::{BINS, FARMHASH64, Hash, MURMUR3, SALT, SIPHASH64, Short};
use super::parameter::{Arguments, Default, Parameter, Takes};
use super::tokens::{self, Domain, MASK, Token};
use super::{Kernel, Map, Other, Output, Problem, Step, Transform};
use crate::dtype::{DType, Scalar};
use crate::scope::{Fault, Scope};
use crate::value::Value;

/// `hash_bucket`.
pub(super) const TRANSFORM: Transform = Transform {
    name: "hash_bucket",
    doc: "The bin of a category by a hash of it, as int64 from 0 to `bins` − 1: no vocabulary, and different categories may share a \
          bin. Takes texts, bytes and whole numbers; a whole number is hashed by its decimal text, as in Keras. Floats must be cast \
          first (Keras cuts off their fraction silently).\n\n\
          `farmhash64` is the hash of Keras and TensorFlow; `siphash64` with a `salt` is that of Keras with a salt; `murmur3` gives the \
          index of scikit-learn's `FeatureHasher`: the absolute value of the signed 32-bit hash with seed 0, modulo `bins` (its sign \
          is not used).\n\n\
          `mask` has bin 0 and null too; all others are hashed into the bins from 1, as in Keras. Without a mask null stays null.",
    example: "{hash_bucket: {bins: 1000}}",
    known_as: "Hashing (Keras), hash_strings (TensorFlow Transform), FeatureHasher (scikit-learn)",
    parameters: &[
        BINS,
        Parameter {
            name: "hash",
            takes: Takes::Choice(&[FARMHASH64, SIPHASH64, MURMUR3]),
            default: Default::Text(FARMHASH64),
            doc: "the hash function",
        },
        SALT,
        Parameter {
            name: MASK.name,
            takes: MASK.takes,
            default: MASK.default,
            doc: "the value that stands for no value in the data: it and null have bin 0, which no other value has",
        },
    ],
    make,
};

#[derive(Clone, Debug)]
struct HashBucket {
    hash: Hash,
    /// How many bins values are hashed into.
    bins: u64,
    mask: Option<Token>,
}

fn make(arguments: &Arguments) -> Result<Arc<dyn Step>, Problem> {
    let bins = arguments.int(BINS.name).and_then(|bins| u64::try_from(bins).ok()).unwrap_or(1);
    let mask = tokens::constant(arguments, MASK.name)?;
    if mask.is_some() && bins < 2 {
        return Err(Problem::parameter(
            BINS.name,
            "`bins` must be 2 or more with a `mask`, which has bin 0 for itself",
        ));
    }
    let bins = bins - u64::from(mask.is_some());
    Ok(Arc::new(HashBucket { hash: Hash::read(arguments)?, bins, mask }))
}

/// Whether values of a type are hashed.
pub(super) fn check_hashed(input: DType, what: &str) -> Result<(), String> {
    match input {
        DType::Scalar(Scalar::String | Scalar::Bytes | Scalar::Int32 | Scalar::Int64) => Ok(()),
        DType::Scalar(_) | DType::List(_) | DType::Vector(_) => {
            Err(format!("takes texts, bytes and whole numbers, and {what} is {input}; put a `cast` before the step"))
        }
    }
}

impl Step for HashBucket {
    fn output(&self, input: DType, _others: &[DType]) -> Result<Output, Problem> {
        check_hashed(input, "its input").map_err(Problem::input)?;
        if let (Some(mask), Some(scalar)) = (&self.mask, input.scalar()) {
            tokens::check(mask, Domain::of(scalar)?, MASK.name)?;
        }
        Ok(Output::One(Scalar::Int64.into()))
    }

    fn takes_null(&self) -> bool {
        self.mask.is_some()
    }

    fn kernel(&self, _input: DType, _others: &[Other], _fitted: &Json) -> Result<Kernel, String> {
        Ok(Kernel::One(Box::new(self.clone())))
    }
}

impl Map for HashBucket {
    fn apply<'v>(&'v self, value: Value<'v>, _scope: &Scope<'v>) -> Result<Value<'v>, Fault> {
        let bin = match value {
            _ if self.mask.as_ref().is_some_and(|mask| value.is_null() || mask.is(value)) => return Ok(Value::Int(0)),
            Value::Str(text) => self.hash.bin(text.as_bytes(), self.bins),
            Value::Bytes(bytes) => self.hash.bin(bytes, self.bins),
            Value::Int(number) => self.hash.bin(Short::of(number).as_str().as_bytes(), self.bins),
            Value::Null | Value::Bool(_) | Value::Float(_) | Value::Time(_) | Value::List(_) => return Ok(Value::Null),
        };
        Ok(Value::Int((bin + u64::from(self.mask.is_some())).cast_signed()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Bench, int, list, problem, text};
    use super::*;
    use crate::transforms::parameter::Argument;

    fn bins(arguments: &[(&'static str, Argument)], values: [&'static str; 5]) -> Vec<i64> {
        let bench = Bench::new(&TRANSFORM, &[&[("bins", int(3))], arguments].concat());
        let run = |value| match bench.run(Scalar::String, Value::Str(value)) {
            Ok(Value::Int(bin)) => bin,
            other => panic!("{other:?}"),
        };
        values.map(run).to_vec()
    }

    #[test]
    fn the_bins_of_the_documentation_of_keras() {
        assert_eq!(bins(&[], ["A", "B", "C", "D", "E"]), [1, 0, 1, 1, 2]);
        assert_eq!(bins(&[("mask", text(""))], ["A", "B", "", "C", "D"]), [1, 1, 0, 2, 2]);
        let strong = ("hash", text(SIPHASH64));
        let two = [strong.clone(), ("salt", list([int(133), int(137)]))];
        assert_eq!(bins(&two, ["A", "B", "C", "D", "E"]), [1, 2, 1, 0, 2]);
        assert_eq!(bins(&[strong, ("salt", list([int(133)]))], ["A", "B", "C", "D", "E"]), [0, 0, 2, 1, 0]);
    }

    #[test]
    fn whole_numbers_by_their_text_and_null_by_the_mask() {
        let bench = Bench::new(&TRANSFORM, &[("bins", int(1_000_000))]);
        let number = bench.run(Scalar::Int64, Value::Int(-42));
        assert_eq!(number, bench.run(Scalar::String, Value::Str("-42")));
        assert_eq!(number, bench.run(Scalar::Bytes, Value::Bytes(b"-42")));
        assert_eq!(bench.run(Scalar::String, Value::Null), Ok(Value::Null));
        let masked = Bench::new(&TRANSFORM, &[("bins", int(2)), ("mask", int(-1))]);
        assert_eq!(masked.run(Scalar::Int32, Value::Null), Ok(Value::Int(0)));
        assert_eq!(masked.run(Scalar::Int32, Value::Int(-1)), Ok(Value::Int(0)));
        assert_eq!(masked.run(Scalar::Int32, Value::Int(7)), Ok(Value::Int(1)));
    }

    #[test]
    fn bad_arguments() {
        let message =
            |more: &[(&'static str, Argument)]| problem(&TRANSFORM, &[&[("bins", int(1))], more].concat()).message;
        assert_eq!(
            message(&[("mask", text(""))]),
            "`bins` must be 2 or more with a `mask`, which has bin 0 for itself"
        );
        let siphash = ("hash", text(SIPHASH64));
        let needs = "siphash64 needs a salt of one or two whole numbers, such as `[133, 137]`";
        assert_eq!(message(std::slice::from_ref(&siphash)), needs);
        let no_key = message(&[siphash, ("salt", list([int(-1)]))]);
        assert_eq!(no_key, "-1 is no key; a key is a whole number, 0 or greater");
        assert_eq!(message(&[("salt", list([int(1)]))]), "only siphash64 takes a salt");
        let float = Bench::new(&TRANSFORM, &[("bins", int(2))]).output(Scalar::Float64.into()).unwrap_err();
        let takes = "takes texts, bytes and whole numbers, and its input is float64; put a `cast` before the step";
        assert_eq!(float.message, takes);
    }
}
