//! What the bytes of a column mean: physical type, logical type and levels.
//!
//! The Parquet crate describes a column (`ColumnDescriptor`); it converts values only when it builds an
//! array.

use half::f16;
use parquet::basic::{ConvertedType, LogicalType, Type};
use parquet::schema::types::ColumnDescriptor;

use super::number::{DIGITS_MAX, big_endian, decimal};
use crate::pages::outcome::{Step, Stop, corrupt, unsupported};
use crate::pages::value::StoredValue;

/// How a value is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Physical {
    /// One bit, least significant first.
    Bit,
    /// Four bytes, little endian.
    Word4,
    /// Eight bytes, little endian.
    Word8,
    /// This number of bytes, at least one.
    Fixed(usize),
    /// A length of four bytes, then that number of bytes.
    Bytes,
}

impl Physical {
    /// Bytes of a value of fixed length; else 0.
    pub(crate) fn size(self) -> usize {
        match self {
            Self::Bit | Self::Bytes => 0,
            Self::Word4 => 4,
            Self::Word8 => 8,
            Self::Fixed(size) => size,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Logical {
    Bool,
    Int,
    UInt,
    Float,
    /// Float16.
    Half,
    /// An integer to be divided by 10 to this power.
    Decimal(u32),
    Text,
}

/// A value as stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RawValue<'a> {
    /// A bit or word, zero-extended.
    Word(u64),
    /// Anything longer or of no fixed length.
    Bytes(&'a [u8]),
}

/// A leaf column of the schema.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LeafColumn {
    pub(crate) physical: Physical,
    meaning: Logical,
    /// Definition level of a value that is not NULL.
    pub(crate) max_def: u32,
    /// Number of lists around a value.
    pub(crate) max_rep: u32,
    /// Definition level from which a slot is an element of the innermost list, null or not.
    pub(crate) element_def: u32,
}

/// How numbers are compared without asking what each means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NumberKind {
    /// As floats of 32 bits.
    Single,
    /// As floats of 64 bits.
    Double,
    /// As signed integers of 32 bits; decimals by their integers.
    Short,
    /// As signed integers of 64 bits.
    Long,
}

/// Digits of the largest decimal that a word of eight bytes holds.
const WORD_DIGITS_MAX: u32 = 18;

impl LeafColumn {
    pub(crate) fn of(column: &ColumnDescriptor) -> Step<Self> {
        let (physical, meaning) = match column.physical_type() {
            Type::BOOLEAN => (Physical::Bit, Logical::Bool),
            Type::INT32 => (Physical::Word4, integer(column)?),
            Type::INT64 => (Physical::Word8, integer(column)?),
            Type::FLOAT => (Physical::Word4, Logical::Float),
            Type::DOUBLE => (Physical::Word8, Logical::Float),
            Type::INT96 => return unsupported("physical type INT96"),
            Type::BYTE_ARRAY => (Physical::Bytes, text(column)?),
            Type::FIXED_LEN_BYTE_ARRAY => fixed(column)?,
        };
        let level = |level: i16| u32::try_from(level).unwrap_or(0);
        Ok(Self {
            physical,
            meaning,
            max_def: level(column.max_def_level()),
            max_rep: level(column.max_rep_level()),
            element_def: level(column.repeated_ancestor_def_level()),
        })
    }

    /// What a stored value says.
    pub(crate) fn value<'v>(&self, raw: RawValue<'v>) -> StoredValue<'v> {
        match (self.meaning, raw) {
            (Logical::Bool, RawValue::Word(bits)) => StoredValue::Bool(bits != 0),
            (Logical::Int, RawValue::Word(bits)) => StoredValue::Int(self.signed(bits)),
            (Logical::Float, RawValue::Word(bits)) => StoredValue::Float(self.float(bits)),
            (Logical::Decimal(scale), RawValue::Word(bits)) => decimal(self.signed(bits).into(), scale),
            (Logical::Decimal(scale), RawValue::Bytes(bytes)) => decimal(big_endian(bytes), scale),
            (Logical::Half, RawValue::Bytes(&[low, high])) => {
                StoredValue::Half(f16::from_le_bytes([low, high]).to_f64())
            }
            (_, RawValue::Bytes(bytes)) => StoredValue::Text(bytes),
            (Logical::UInt | Logical::Half | Logical::Text, RawValue::Word(bits)) => StoredValue::UInt(bits),
        }
    }

    /// How 1 is stored in a word. 0 is all zeros.
    pub(crate) fn one(&self) -> u64 {
        match (self.meaning, self.physical) {
            (Logical::Float, Physical::Word4) => u64::from(1_f32.to_bits()),
            (Logical::Float, _) => 1_f64.to_bits(),
            (Logical::Decimal(scale), _) => 10_u64.pow(scale.min(WORD_DIGITS_MAX)),
            _ => 1,
        }
    }

    /// How its numbers are compared; `None` for booleans, texts, and decimals of too many digits.
    pub(crate) fn number_kind(&self) -> Option<NumberKind> {
        match (self.meaning, self.physical) {
            (Logical::Float, Physical::Word4) | (Logical::Half, _) => Some(NumberKind::Single),
            (Logical::Float, _) => Some(NumberKind::Double),
            (Logical::Int | Logical::Decimal(_), Physical::Word4) => Some(NumberKind::Short),
            (Logical::Int | Logical::UInt, _) => Some(NumberKind::Long),
            (Logical::Decimal(scale), Physical::Word8 | Physical::Fixed(1..=16)) => {
                (scale <= WORD_DIGITS_MAX).then_some(NumberKind::Long)
            }
            _ => None,
        }
    }

    /// True for decimals.
    pub(crate) fn is_decimal(&self) -> bool {
        matches!(self.meaning, Logical::Decimal(_))
    }

    /// True for integers without a sign.
    pub(crate) fn is_unsigned(&self) -> bool {
        self.meaning == Logical::UInt
    }

    /// The error for a definition level above the highest.
    pub(crate) fn no_level(&self, level: u32) -> Stop {
        corrupt(format!("definition level {level}, the highest is {}", self.max_def))
    }

    /// True for integers that are no decimals.
    pub(crate) fn is_integer(&self) -> bool {
        matches!(self.meaning, Logical::Int | Logical::UInt)
    }

    /// True for booleans.
    pub(crate) fn is_bit(&self) -> bool {
        self.physical == Physical::Bit
    }

    /// True for texts, which lie behind their lengths.
    pub(crate) fn is_text(&self) -> bool {
        self.physical == Physical::Bytes && self.meaning == Logical::Text
    }

    /// True when statistics of the column cannot hide a NaN.
    pub(crate) fn has_total_order(&self) -> bool {
        !matches!(self.meaning, Logical::Float | Logical::Half)
    }

    fn signed(&self, bits: u64) -> i64 {
        match self.physical {
            Physical::Word4 => i64::from(low(bits).cast_signed()),
            _ => bits.cast_signed(),
        }
    }

    fn float(&self, bits: u64) -> f64 {
        match self.physical {
            Physical::Word4 => f64::from(f32::from_bits(low(bits))),
            _ => f64::from_bits(bits),
        }
    }
}

/// A word of four bytes.
#[expect(clippy::cast_possible_truncation, reason = "a word of four bytes is kept zero-extended")]
pub(crate) fn low(bits: u64) -> u32 {
    bits as u32
}

fn integer(column: &ColumnDescriptor) -> Step<Logical> {
    match (column.logical_type_ref(), column.converted_type()) {
        (Some(LogicalType::Integer(int)), _) => Ok(if int.is_signed { Logical::Int } else { Logical::UInt }),
        (Some(LogicalType::Decimal(_)), _) | (None, ConvertedType::DECIMAL) => {
            let digits = if column.physical_type() == Type::INT32 { 9 } else { WORD_DIGITS_MAX };
            exact(column, digits)
        }
        (
            None,
            ConvertedType::UINT_8 | ConvertedType::UINT_16 | ConvertedType::UINT_32 | ConvertedType::UINT_64,
        ) => Ok(Logical::UInt),
        (
            None,
            ConvertedType::NONE
            | ConvertedType::INT_8
            | ConvertedType::INT_16
            | ConvertedType::INT_32
            | ConvertedType::INT_64,
        ) => Ok(Logical::Int),
        (logical, converted) => no_label(column, logical, converted),
    }
}

fn text(column: &ColumnDescriptor) -> Step<Logical> {
    match (column.logical_type_ref(), column.converted_type()) {
        (Some(LogicalType::Decimal(_)), _) | (None, ConvertedType::DECIMAL) => exact(column, DIGITS_MAX),
        (None | Some(LogicalType::String | LogicalType::Enum | LogicalType::Json | LogicalType::Bson), _) => {
            Ok(Logical::Text)
        }
        (logical, converted) => no_label(column, logical, converted),
    }
}

fn fixed(column: &ColumnDescriptor) -> Step<(Physical, Logical)> {
    let length = usize::try_from(column.type_length()).unwrap_or(0);
    match (column.logical_type_ref(), column.converted_type()) {
        (Some(LogicalType::Float16), _) if length == 2 => Ok((Physical::Fixed(2), Logical::Half)),
        (Some(LogicalType::Decimal(_)), _) | (None, ConvertedType::DECIMAL) if length > 0 => {
            Ok((Physical::Fixed(length), exact(column, DIGITS_MAX)?))
        }
        (logical, converted) => no_label(column, logical, converted),
    }
}

fn exact(column: &ColumnDescriptor, digits_max: u32) -> Step<Logical> {
    let digits = u32::try_from(column.type_precision()).unwrap_or(0);
    match u32::try_from(column.type_scale()) {
        Ok(scale) if scale <= digits && digits <= digits_max => Ok(Logical::Decimal(scale)),
        _ => unsupported(format!("decimals of {digits} digits with scale {}", column.type_scale())),
    }
}

fn no_label<T>(
    column: &ColumnDescriptor,
    logical: Option<&LogicalType>,
    converted: ConvertedType,
) -> Step<T> {
    let meaning = logical.map_or_else(|| format!("{converted}"), |logical| format!("{logical:?}"));
    unsupported(format!("{} values of logical type {meaning}", column.physical_type()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parquet::schema::parser::parse_message_type;
    use parquet::schema::types::SchemaDescriptor;

    use super::*;

    fn leaf(field: &str) -> Step<LeafColumn> {
        let schema = parse_message_type(&format!("message m {{ {field} }}")).unwrap();
        LeafColumn::of(&SchemaDescriptor::new(Arc::new(schema)).column(0))
    }

    #[test]
    fn logical_types_decide() {
        let minus_one = u64::from(u32::MAX);
        for (field, bits, value) in [
            ("required int32 a;", minus_one, StoredValue::Int(-1)),
            ("required int32 a (INT_8);", minus_one, StoredValue::Int(-1)),
            ("required int32 a (UINT_32);", minus_one, StoredValue::UInt(minus_one)),
            ("required int64 a (INTEGER(64,false));", u64::MAX, StoredValue::UInt(u64::MAX)),
            ("required int64 a;", u64::MAX, StoredValue::Int(-1)),
            ("required int32 a (DECIMAL(5,2));", 300, StoredValue::Int(3)),
            ("required int32 a (DECIMAL(5,2));", 50, StoredValue::Float(0.5)),
            ("required float a;", u64::from(0.25_f32.to_bits()), StoredValue::Float(0.25)),
            ("required boolean a;", 1, StoredValue::Bool(true)),
        ] {
            assert_eq!(leaf(field).unwrap().value(RawValue::Word(bits)), value, "{field}");
        }
    }

    #[test]
    fn one_is_found_as_stored() {
        for field in ["int32 a", "int64 a (DECIMAL(9,3))", "int32 a (DECIMAL(9,9))", "int64 a (UINT_64)"] {
            let leaf = leaf(&format!("required {field};")).unwrap();
            let values = [0, leaf.one()].map(|bits| leaf.value(RawValue::Word(bits)).to_string());
            assert_eq!(values, ["0", "1"], "{field}");
        }
        for field in ["float a", "double a"] {
            let leaf = leaf(&format!("required {field};")).unwrap();
            assert_eq!(leaf.value(RawValue::Word(leaf.one())), StoredValue::Float(1.0), "{field}");
        }
    }

    #[test]
    fn halves_are_exact() {
        let leaf = leaf("required fixed_len_byte_array(2) a (FLOAT16);").unwrap();
        let cases = [
            (0x3c00_u16, 1.0),
            (0xc000, -2.0),
            (0x0001, 2_f64.powi(-24)),
            (0x7c00, f64::INFINITY),
            (0x8000, -0.0),
        ];
        for (bits, value) in cases {
            let StoredValue::Half(found) = leaf.value(RawValue::Bytes(&bits.to_le_bytes())) else { panic!() };
            assert_eq!(found.to_bits(), f64::to_bits(value), "{bits:#x}");
        }
        let nan = 0x7e00_u16.to_le_bytes();
        assert!(matches!(leaf.value(RawValue::Bytes(&nan)), StoredValue::Half(x) if x.is_nan()));
    }

    #[test]
    fn types_that_name_no_label_are_left_to_arrow() {
        for field in [
            "int32 a (DATE)",
            "int64 a (TIMESTAMP(MILLIS,true))",
            "int96 a",
            "fixed_len_byte_array(16) a (UUID)",
        ] {
            assert!(matches!(leaf(&format!("required {field};")), Err(Stop::Unsupported(_))), "{field}");
        }
    }

    #[test]
    fn element_levels_come_from_the_list() {
        let list =
            leaf("optional group a (LIST) { repeated group list { optional int32 element; } }").unwrap();
        assert_eq!((list.max_def, list.max_rep, list.element_def), (3, 1, 2));
        let bare = leaf("repeated int32 a;").unwrap();
        assert_eq!((bare.max_def, bare.max_rep, bare.element_def), (1, 1, 1));
    }
}
