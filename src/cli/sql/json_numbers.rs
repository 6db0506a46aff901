//! Numbers that JSON does not have, as the texts "NaN", "Infinity" and "-Infinity": NULL alone is `null`.

use std::sync::LazyLock;

use arrow::array::{Array, Float64Array, cast::AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, FieldRef, Float64Type};
use arrow::error::ArrowError;
use arrow::json::writer::{Encoder, EncoderFactory, EncoderOptions, NullableEncoder, make_encoder};

static PLAIN: LazyLock<EncoderOptions> = LazyLock::new(EncoderOptions::default);

/// Writes floats that may be no JSON numbers.
#[derive(Debug)]
pub(super) struct JsonNumbers;

impl EncoderFactory for JsonNumbers {
    fn make_default_encoder<'a>(
        &self,
        field: &'a FieldRef,
        array: &'a dyn Array,
        _: &'a EncoderOptions,
    ) -> Result<Option<NullableEncoder<'a>>, ArrowError> {
        if !array.data_type().is_floating() {
            return Ok(None);
        }
        let numbers = cast(&array.slice(0, array.len()), &DataType::Float64)?;
        let numbers = numbers.as_primitive::<Float64Type>().clone();
        let encoder = JsonNumber { numbers, plain: make_encoder(field, array, &PLAIN)? };
        Ok(Some(NullableEncoder::new(Box::new(encoder), array.nulls().cloned())))
    }
}

struct JsonNumber<'a> {
    numbers: Float64Array,
    plain: NullableEncoder<'a>,
}

impl Encoder for JsonNumber<'_> {
    fn encode(&mut self, at: usize, out: &mut Vec<u8>) {
        let text: &[u8] = match self.numbers.value(at) {
            number if number.is_finite() => return self.plain.encode(at, out),
            number if number.is_nan() => br#""NaN""#,
            number if number > 0.0 => br#""Infinity""#,
            _ => br#""-Infinity""#,
        };
        out.extend_from_slice(text);
    }
}
