//! A text that holds one number per label.

use crate::error::{plural, there_are};
use crate::source::structured::{Element, vector};
use crate::source::values::{Domain, Value};

/// What a text of layout `vector` must hold.
const A_VECTOR: &str = "one number per label";

/// What a stored value of layout `vector` holds where it is no list.
#[derive(Debug, PartialEq)]
pub(crate) enum VectorText {
    /// It was declared missing.
    Missing,
    /// A number for each label; `None` where nothing is known.
    Numbers(Vec<Option<f64>>),
    /// No vector, because of this.
    Malformed(String),
}

impl VectorText {
    /// Reads a value.
    pub(crate) fn of(value: &Value<'_>, domain: &Domain) -> Self {
        if domain.is_missing(value) {
            return Self::Missing;
        }
        let Value::Text(text) = *value else { return Self::Malformed(format!("{value} is not UTF-8")) };
        let mut numbers = Vec::new();
        let read = vector(text, |element| {
            numbers.push(match element {
                Element::Int(whole) => Some(whole as f64),
                Element::Float(number) => Some(number),
                Element::Bool(truth) => Some(f64::from(u8::from(truth))),
                Element::Null | Element::Text(_) => None,
            });
        });
        match read {
            Ok(()) => Self::Numbers(numbers),
            Err(malformed) => Self::Malformed(malformed.sentence(text, A_VECTOR)),
        }
    }
}

/// What is wrong with a vector of another length.
pub(crate) fn wrong_length(found: u64, labels: usize) -> String {
    format!("a list of {}, but {}", plural(found, "value"), there_are(labels as u64, "label"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::values::Literal;

    #[test]
    fn a_text_is_a_vector_missing_or_malformed() {
        let domain = Domain { missing: vec![Literal::new("n/a")], ..Domain::default() };
        let of = |text| VectorText::of(&Value::Text(text), &domain);
        let numbers = VectorText::Numbers(vec![Some(1.0), None, Some(0.5)]);
        assert_eq!(of("[1 nan .5]"), numbers);
        assert_eq!(of("true,null,0.5"), numbers);
        assert_eq!(of("n/a"), VectorText::Missing);
        assert!(matches!(of("1,x"), VectorText::Malformed(why) if why.contains("\"1,x\"")));
    }
}
