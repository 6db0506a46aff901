//! Functions of texts take texts.
//!
//! DataFusion makes a text of whatever it gets: the length of a list was that of the text `[a, bc]`, and bytes that are no
//! text were an error of the engine. Here, `length` of a list is the number of its elements, and what is no text is
//! converted by who writes the query, or refused.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result as DfResult};
use datafusion::functions_nested::length::array_length;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::type_coercion::functions::fields_with_udf;
use datafusion::logical_expr::{Expr, ExprSchemable, cast};

use crate::engine::errors::external;
use crate::engine::rules::octet_length::octet_length;
use crate::error::Error;
use crate::source::type_words::type_words;

/// Functions that put values of any plain type into a text.
const JOINING: [&str; 2] = ["concat", "concat_ws"];
/// What `length` is called here.
const LENGTH: &str = "character_length";

/// The same call, if it makes no text of what is none.
pub(super) fn with_texts(part: Expr, schema: &DFSchema) -> DfResult<Transformed<Expr>> {
    let Expr::ScalarFunction(ScalarFunction { func, args }) = &part else { return Ok(Transformed::no(part)) };
    let types = args.iter().map(|argument| argument.get_type(schema)).collect::<DfResult<Vec<_>>>();
    let Ok(types) = types else { return Ok(Transformed::no(part)) };
    if let (LENGTH, [of], [argument]) = (func.name(), &types[..], &args[..]) {
        if is_list(of) {
            return Ok(Transformed::yes(cast(array_length(argument.clone()), DataType::Int64)));
        }
        if of.is_binary() {
            return Ok(Transformed::yes(Arc::new(octet_length()).call(vec![argument.clone()])));
        }
    }
    if !types.iter().any(|of| !is_text(of) && !of.is_null()) {
        return Ok(Transformed::no(part));
    }
    let fields = types.iter().map(|of| Arc::new(Field::new("argument", of.clone(), true)));
    let fields: Vec<FieldRef> = fields.collect();
    // What it does not take at all is refused where types are checked.
    let Ok(taken) = fields_with_udf(&fields, func.as_ref()) else { return Ok(Transformed::no(part)) };
    let becomes_text =
        |(of, taken): (&DataType, &FieldRef)| is_text(taken.data_type()) && !is_text(of) && !of.is_null();
    let odd = types.iter().zip(&taken).position(becomes_text);
    let (Some(at), joins) = (odd, JOINING.contains(&func.name())) else { return Ok(Transformed::no(part)) };
    if joins && types.iter().all(|of| !of.is_nested() && !of.is_binary()) {
        return Ok(Transformed::no(part));
    }
    Err(external(refused(func.name(), &args[at], &types[at])))
}

fn is_text(of: &DataType) -> bool {
    match of {
        DataType::Dictionary(_, value) => is_text(value),
        DataType::RunEndEncoded(_, value) => is_text(value.data_type()),
        of => of.is_string(),
    }
}

fn is_list(of: &DataType) -> bool {
    matches!(
        of,
        DataType::List(_)
            | DataType::LargeList(_)
            | DataType::FixedSizeList(..)
            | DataType::ListView(_)
            | DataType::LargeListView(_)
    )
}

fn refused(function: &str, argument: &Expr, of: &DataType) -> Error {
    let is_length = function == LENGTH;
    let function = if is_length { "length" } else { function };
    let (name, written) = match argument {
        Expr::Column(column) => (column.name.clone(), column.name.clone()),
        Expr::Literal(value, _) => (value.to_string(), value.to_string()),
        _ => ("x".to_owned(), "an argument".to_owned()),
    };
    let hint = match (function, of) {
        ("concat" | "concat_ws", of) if is_list(of) => {
            format!(
                "write array_concat(a, b) for one list of two, or array_to_string({name}, ', ') for a text"
            )
        }
        (_, of) if is_list(of) => {
            format!(
                "a list is a text with array_to_string({name}, ', '), and has array_length({name}) elements"
            )
        }
        (_, DataType::Map(..)) if is_length => format!("write cardinality({name})"),
        (_, DataType::Struct(_)) => format!("name one of its fields: {name}['field']"),
        (_, of) if of.is_binary() => {
            format!(
                "bytes are a text with CAST({name} AS TEXT), and hexadecimal digits with encode({name}, 'hex')"
            )
        }
        _ => format!("write {function}(CAST({name} AS TEXT))"),
    };
    Error::usage(format!("{function} takes texts, but {written} is {}", type_words(of))).hint(hint)
}
