//! Arrow arrays of text, of bytes, and of lists, whatever their form.

use arrow_array::cast::AsArray;
use arrow_array::{
    Array, BinaryArray, BinaryViewArray, FixedSizeBinaryArray, FixedSizeListArray, LargeBinaryArray, LargeListArray,
    LargeStringArray, ListArray, OffsetSizeTrait, StringArray, StringViewArray,
};

/// Text.
#[derive(Clone, Copy, Debug)]
pub(super) enum Texts<'a> {
    Small(&'a StringArray),
    Large(&'a LargeStringArray),
    View(&'a StringViewArray),
}

impl<'a> Texts<'a> {
    pub(super) fn of(array: &'a dyn Array) -> Option<Self> {
        array
            .as_string_opt::<i32>()
            .map(Self::Small)
            .or_else(|| array.as_string_opt::<i64>().map(Self::Large))
            .or_else(|| array.as_string_view_opt().map(Self::View))
    }

    /// The text of a row that the array has.
    pub(super) fn get(self, row: usize) -> &'a str {
        match self {
            Self::Small(array) => array.value(row),
            Self::Large(array) => array.value(row),
            Self::View(array) => array.value(row),
        }
    }
}

/// Bytes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Blobs<'a> {
    Small(&'a BinaryArray),
    Large(&'a LargeBinaryArray),
    View(&'a BinaryViewArray),
    Fixed(&'a FixedSizeBinaryArray),
}

impl<'a> Blobs<'a> {
    pub(super) fn of(array: &'a dyn Array) -> Option<Self> {
        array
            .as_binary_opt::<i32>()
            .map(Self::Small)
            .or_else(|| array.as_binary_opt::<i64>().map(Self::Large))
            .or_else(|| array.as_binary_view_opt().map(Self::View))
            .or_else(|| array.as_fixed_size_binary_opt().map(Self::Fixed))
    }

    /// The bytes of a row that the array has.
    pub(super) fn get(self, row: usize) -> &'a [u8] {
        match self {
            Self::Small(array) => array.value(row),
            Self::Large(array) => array.value(row),
            Self::View(array) => array.value(row),
            Self::Fixed(array) => array.value(row),
        }
    }
}

/// Where the items of each list lie.
#[derive(Clone, Copy, Debug)]
pub(super) enum Lists<'a> {
    Small(&'a ListArray),
    Large(&'a LargeListArray),
    Fixed(&'a FixedSizeListArray),
}

impl<'a> Lists<'a> {
    pub(super) fn of(array: &'a dyn Array) -> Option<Self> {
        array
            .as_list_opt::<i32>()
            .map(Self::Small)
            .or_else(|| array.as_list_opt::<i64>().map(Self::Large))
            .or_else(|| array.as_fixed_size_list_opt().map(Self::Fixed))
    }

    /// The items of all lists.
    pub(super) fn items(self) -> &'a dyn Array {
        match self {
            Self::Small(array) => array.values(),
            Self::Large(array) => array.values(),
            Self::Fixed(array) => array.values(),
        }
    }

    /// The items of the list of a row that the array has.
    pub(super) fn get(self, row: usize) -> std::ops::Range<usize> {
        match self {
            Self::Small(array) => range(array.value_offsets(), row),
            Self::Large(array) => range(array.value_offsets(), row),
            Self::Fixed(array) => {
                let length = usize::try_from(array.value_length()).unwrap_or(0);
                row * length..(row + 1) * length
            }
        }
    }
}

fn range<O: OffsetSizeTrait>(offsets: &[O], row: usize) -> std::ops::Range<usize> {
    offsets[row].as_usize()..offsets[row + 1].as_usize()
}
