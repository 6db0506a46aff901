//! Tests of what stored values say.

use super::values::{Domain, Literal, Value};
use crate::counts::Cell;

fn domain() -> Domain {
    Domain {
        missing: vec![Literal::new("-100")],
        uncertain: vec![Literal::new("-1"), Literal::new("maybe")],
        ..Domain::default()
    }
}

#[test]
fn each_value_has_one_side() {
    let d = domain();
    for (value, cell) in [
        (Value::Bool(true), Cell::Positive),
        (Value::Int(0), Cell::Negative),
        (Value::Float(-0.0), Cell::Negative),
        (Value::Float(f64::NAN), Cell::Missing),
        (Value::Float(-f64::NAN), Cell::Missing),
        (Value::Int(-100), Cell::Missing),
        (Value::Text("-1"), Cell::Uncertain),
        (Value::Text("maybe"), Cell::Uncertain),
        (Value::Text("TRUE"), Cell::Positive),
        (Value::Text(" 1"), Cell::Invalid),
        (Value::Text(""), Cell::Invalid),
        (Value::Int(2), Cell::Invalid),
        (Value::Float(0.3), Cell::Invalid),
        (Value::Float(f64::INFINITY), Cell::Invalid),
        (Value::UInt(u64::MAX), Cell::Invalid),
    ] {
        assert_eq!(d.cell(&value), cell, "{value}");
    }
}

#[test]
fn declared_numbers_are_those_of_32_bit_floats_too() {
    let narrow = |x: f32| Value::Float(f64::from(x));
    let d = Domain { threshold: Some(0.7), ..Domain::default() };
    assert_eq!(d.cell(&narrow(0.7)), Cell::Positive);
    assert_eq!(d.cell(&narrow(0.699_999_9)), Cell::Negative);
    assert_eq!(d.cell(&Value::Float(0.7)), Cell::Positive);
    assert_eq!(d.cell(&Value::Float(0.699_999)), Cell::Negative);
    let d = Domain { missing: vec![Literal::new("-0.1"), Literal::new("16777217")], ..Domain::default() };
    assert_eq!(d.cell(&narrow(-0.1)), Cell::Missing);
    // Whole numbers are those that are declared, and no others.
    assert_eq!(d.cell(&Value::Int(16_777_216)), Cell::Invalid);
    assert_eq!(d.cell(&Value::Int(16_777_217)), Cell::Missing);
}

#[test]
fn declared_numbers_are_those_of_16_bit_floats_in_columns_of_them_alone() {
    let half = |x: f64| half::f16::from_f64(x).to_f64();
    let d = Domain {
        threshold: Some(0.1),
        positive: vec![Literal::new("0.05")],
        negative: Vec::new(),
        ..Domain::default()
    };
    for (value, cell) in [
        (Value::Half(half(0.1)), Cell::Positive),
        (Value::Half(half(0.0999)), Cell::Negative),
        (Value::Half(half(0.05)), Cell::Positive),
        (Value::Float(half(0.1)), Cell::Negative),
        (Value::Float(half(0.05)), Cell::Negative),
        (Value::Half(f64::NAN), Cell::Missing),
    ] {
        assert_eq!(d.cell(&value), cell, "{value}");
    }
    // 0.99999 is 1 in 16 bits, and 1 keeps its own meaning.
    let d = Domain { missing: vec![Literal::new("0.99999")], ..Domain::default() };
    assert_eq!(d.cell(&Value::Half(1.0)), Cell::Positive);
}

#[test]
fn integers_that_share_a_double_are_told_apart() {
    let of = |text: &str| Domain { missing: vec![Literal::new(text)], ..Domain::default() };
    for (text, number) in [
        ("9007199254740993", (1 << 53) + 1),
        ("-9223372036854775808", i64::MIN),
        ("-9.223372036854775808e18", i64::MIN),
    ] {
        for near in [number, number + 1] {
            let is_it = near == number;
            assert_eq!(of(text).is_missing(&Value::Int(near)), is_it, "{text} {near}");
            assert_eq!(
                of(text).cell(&Value::Text(&near.to_string())) == Cell::Missing,
                is_it,
                "{text} {near}"
            );
        }
    }
    let d = of("18446744073709551615");
    assert!(d.is_missing(&Value::UInt(u64::MAX)) && !d.is_missing(&Value::UInt(u64::MAX - 1)));
    assert_eq!(of("1e300").cell(&Value::Float(1e300)), Cell::Missing);
}

#[test]
fn names_that_are_numbers_are_compared_as_texts() {
    let d = Domain { missing: ["7", "0", "true"].map(Literal::new).to_vec(), ..Domain::default() };
    assert!(["7", "0", "true"].iter().all(|name| d.is_missing(&Value::Text(name))));
    let others = ["007", "7.0", "7e0", "+7", "00", "-0", "0E0", "1"];
    assert!(!others.iter().any(|name| d.is_missing(&Value::Text(name))));
    assert!(d.is_missing(&Value::Int(7)) && d.is_missing(&Value::Float(7.0)));
    assert_eq!(d.cell(&Value::Text("7.0")), Cell::Missing, "a value is its number");
    assert_eq!(["1.0", "NaN"].map(|text| domain().cell(&Value::Text(text))), [Cell::Positive, Cell::Invalid]);
}

#[test]
fn a_threshold_includes_itself_and_nan_stays_missing() {
    let d = Domain { threshold: Some(0.5), ..Domain::default() };
    assert_eq!(d.cell(&Value::Float(0.5)), Cell::Positive);
    assert_eq!(d.cell(&Value::Float(0.5_f64.next_down())), Cell::Negative);
    assert_eq!(d.cell(&Value::Float(f64::NAN)), Cell::Missing);
}

#[test]
fn soft_values_count_in_part() {
    let d = Domain { soft: true, ..Domain::default() };
    assert_eq!(d.target(&Value::Float(0.25)), (Cell::Negative, 0.25));
    assert_eq!(d.target(&Value::Text("true")), (Cell::Positive, 1.0));
    assert_eq!(d.cell(&Value::Float(1.5)), Cell::Invalid);
}

#[test]
fn a_value_with_two_meanings_is_refused() {
    let d = Domain { missing: vec![Literal::new("0")], ..Domain::default() };
    let message = d.check().unwrap_err().to_string();
    assert_eq!(message, "0 appears in both --missing-values and --negative-values");
}
