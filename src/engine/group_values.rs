//! Values of a column of groups, as texts that tell one from another.

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::DataType;
use arrow::util::display::{ArrayFormatter, FormatOptions};

use crate::error::{Error, Result};

/// Calls `each` with the text of every value of a column of groups; with none where a row has no value: NULL, or a NaN.
///
/// # Errors
/// Those of `each`, and [`Error::Internal`] for a type that has no text.
pub(super) fn each_group(values: &ArrayRef, each: &mut dyn FnMut(Option<&str>) -> Result<()>) -> Result<()> {
    let failed = |cause: &dyn std::fmt::Display| Error::internal(format!("--groups: {cause}"));
    let options = FormatOptions::default();
    let texts = ArrayFormatter::try_new(values.as_ref(), &options).map_err(|cause| failed(&cause))?;
    // Those of a dictionary may lie in its values.
    let nulls = values.logical_nulls();
    let is_float = is_float(values.data_type());
    let mut text = String::new();
    for row in 0..values.len() {
        if nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
            each(None)?;
            continue;
        }
        text.clear();
        texts.value(row).write(&mut text).map_err(|cause| failed(&cause))?;
        match text.as_str() {
            "NaN" if is_float => each(None)?,
            zero @ ("-0.0" | "-0") if is_float => each(Some(&zero[1..]))?,
            text => each(Some(text))?,
        }
    }
    Ok(())
}

fn is_float(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, values) => is_float(values),
        DataType::RunEndEncoded(_, values) => is_float(values.data_type()),
        other => other.is_floating(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{DictionaryArray, Float16Array, Float32Array, Float64Array, Int32Array, StringArray};

    use super::*;

    fn array(array: impl Array + 'static) -> ArrayRef {
        Arc::new(array)
    }

    fn groups(values: &ArrayRef) -> Vec<Option<String>> {
        let mut found = Vec::new();
        let mut each = |text: Option<&str>| {
            found.push(text.map(str::to_owned));
            Ok(())
        };
        each_group(values, &mut each).unwrap();
        found
    }

    #[test]
    fn nan_and_null_are_no_value_and_both_zeros_are_one() {
        let some = |text: &str| Some(text.to_owned());
        let floats =
            Float64Array::from(vec![Some(7.0), None, Some(f64::NAN), Some(-f64::NAN), Some(-0.0), Some(0.0)]);
        assert_eq!(groups(&array(floats)), [some("7.0"), None, None, None, some("0.0"), some("0.0")]);
        let halves = [-0.0, 0.0].map(half::f16::from_f64);
        assert_eq!(groups(&array(Float16Array::from(halves.to_vec()))), [some("0"), some("0")]);
        // A text may be NaN, as the name of somebody.
        let texts = StringArray::from(vec![Some("NaN"), None, Some("-0.0")]);
        assert_eq!(groups(&array(texts)), [some("NaN"), None, some("-0.0")]);
        let values = Arc::new(Float32Array::from(vec![Some(1.5), None, Some(f32::NAN)]));
        let keys = Int32Array::from(vec![Some(0), Some(1), Some(2), None]);
        assert_eq!(groups(&array(DictionaryArray::new(keys, values))), [some("1.5"), None, None, None]);
    }
}
