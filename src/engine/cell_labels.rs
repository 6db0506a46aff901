//! The labels in one stored value: a name or an index, a text that holds several, an integer whose bits are
//! labels. Every way to read rows asks here.

use crate::engine::counting::{Counting, Keys};
use crate::source::layout::LayoutKind;
use crate::source::structured::{Element, list, list_with_places};
use crate::source::usual_lists::{TextPart, UsualElement, pieces, usual_list};
use crate::source::values::{Domain, Value};

/// What a text of layout `list` must hold.
const A_LIST: &str = "a list of labels, as JSON and Python write it";

/// Calls `each` with every label in the one value that a row holds; values that were declared missing, and null
/// elements, are none.
///
/// # Errors
/// A text that says what is wrong with the value; some labels may have been given before.
pub(crate) fn labels_of_cell(
    counting: &Counting,
    value: Value<'_>,
    each: &mut dyn FnMut(Value<'_>),
) -> Result<(), String> {
    match (counting.layout.kind, value) {
        (LayoutKind::Delimited, Value::Text(text)) => {
            counting.pieces(text).for_each(|piece| each(Value::Text(piece)));
        }
        (LayoutKind::List, Value::Text(text)) => {
            let read = list(text, |element| with_label(counting, &element, each));
            read.map_err(|malformed| malformed.sentence(text, A_LIST))?;
        }
        (LayoutKind::Bits, mask) => bits(mask)?.for_each(|bit| each(Value::UInt(bit.into()))),
        _ => each(value),
    }
    Ok(())
}

/// Cuts a text of layout `list` or `delimited` that is written as most are into the parts of which each may name a
/// label. False for any other text, and where `each` says so; some parts may have been given before.
pub(crate) fn parts_of_cell<'t>(
    counting: &Counting,
    text: &'t [u8],
    mut each: impl FnMut(UsualElement<'t>) -> bool,
) -> bool {
    match (counting.layout.kind, counting.layout.delimiter.as_deref()) {
        (LayoutKind::Delimited, Some(by)) => {
            pieces(text, by, |from, to| each(UsualElement::Name(TextPart::new(text, from, to))))
        }
        (LayoutKind::List, _) => usual_list(text, |from, to, is_number| {
            let part = TextPart::new(text, from, to);
            each(if is_number { UsualElement::Number(part) } else { UsualElement::Name(part) })
        }),
        _ => false,
    }
}

/// The byte at which texts are cut into parts, if it is a single one.
pub(crate) fn separator(counting: &Counting) -> Option<u8> {
    match (counting.layout.kind, counting.layout.delimiter.as_deref().map(str::as_bytes)) {
        (LayoutKind::Delimited, Some(&[by])) => Some(by),
        _ => None,
    }
}

/// Calls `each` with the label that a part of a text names, if it names one. False for a part that is no text, and for
/// one with an escape.
pub(crate) fn label_of_part(
    counting: &Counting,
    part: UsualElement<'_>,
    each: &mut dyn FnMut(Value<'_>),
) -> bool {
    let (UsualElement::Name(written) | UsualElement::Number(written)) = part;
    let Ok(text) = std::str::from_utf8(written.bytes()) else { return false };
    match (counting.layout.kind, part) {
        (LayoutKind::Delimited, _) if !counting.names_label(text) => {}
        (LayoutKind::Delimited, _) => each(Value::Text(text)),
        (_, UsualElement::Name(_)) if text.contains('\\') => return false,
        (_, UsualElement::Name(_)) => with_label(counting, &Element::Text(text.into()), each),
        (_, UsualElement::Number(_)) => match text.parse() {
            Ok(whole) => with_label(counting, &Element::Int(whole), each),
            Err(_) => return false,
        },
    }
    true
}

/// A text of layout `list` without the labels for which `stays` says no. What stays is written as it was.
///
/// # Errors
/// As [`labels_of_cell`].
pub(crate) fn list_without(
    counting: &Counting,
    text: &str,
    stays: &mut dyn FnMut(&Value<'_>) -> bool,
) -> Result<String, String> {
    let (mut kept, mut all) = (Vec::new(), 0);
    let read = list_with_places(text, |element, place| {
        let mut remains = true;
        with_label(counting, &element, &mut |label| remains = stays(&label));
        all += 1;
        if remains {
            kept.push(place);
        }
    });
    read.map_err(|malformed| malformed.sentence(text, A_LIST))?;
    if kept.len() == all {
        return Ok(text.to_owned());
    }
    let inner: Vec<&str> = kept.into_iter().map(|place| &text[place]).collect();
    let bare = text.trim();
    let (open, close) = (bare.get(..1).unwrap_or("["), bare.get(bare.len() - 1..).unwrap_or("]"));
    Ok(match inner[..] {
        // A set without elements has no literal, and one element in parentheses is no tuple.
        [] if open == "{" => "[]".to_owned(),
        [one] if open == "(" => format!("({one},)"),
        _ => format!("{open}{}{close}", inner.join(", ")),
    })
}

/// Calls `each` with the label that an element of a list names, if it names one.
fn with_label(counting: &Counting, element: &Element<'_>, each: &mut dyn FnMut(Value<'_>)) {
    let domain: &Domain = &counting.domain;
    let mut give = |value: Value<'_>| {
        if !domain.is_missing(&value) {
            each(value);
        }
    };
    // A name may be written with quotes in one row and as a number in another: it is one label.
    let mut number = |whole: i64| match counting.keys {
        Keys::Names(_) => give(Value::Text(&whole.to_string())),
        _ => give(Value::Int(whole)),
    };
    match element {
        Element::Null => {}
        Element::Text(text) => give(Value::Text(text)),
        Element::Int(whole) => number(*whole),
        Element::Float(float) => match Value::whole(*float) {
            Some(whole) => number(whole),
            None => give(Value::Float(*float)),
        },
        Element::Bool(truth) => give(Value::Bool(*truth)),
    }
}

/// The bits that are set in an integer, the lowest first.
fn bits(mask: Value<'_>) -> Result<impl Iterator<Item = u32>, String> {
    let mask = match mask {
        Value::UInt(mask) => mask,
        Value::Int(mask) => u64::try_from(mask).map_err(|_| {
            format!("{mask} is negative, and the sign is no label; write the masks as unsigned integers")
        })?,
        other => return Err(format!("{other} is not an integer")),
    };
    Ok((0..u64::BITS).filter(move |bit| mask >> bit & 1 == 1))
}

/// An integer of layout `bits` without the labels for which `stays` says no.
///
/// # Errors
/// As [`labels_of_cell`].
pub(crate) fn mask_without(
    mask: Value<'_>,
    stays: &mut dyn FnMut(&Value<'_>) -> bool,
) -> Result<u64, String> {
    Ok(bits(mask)?
        .filter(|bit| stays(&Value::UInt(u64::from(*bit))))
        .fold(0, |rest, bit| rest | 1_u64 << bit))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counts::NameOrder;
    use crate::engine::counting::tests::counting;
    use crate::source::values::Literal;

    fn labels(counting: &Counting, value: Value<'_>) -> Result<Vec<String>, String> {
        let mut found = Vec::new();
        labels_of_cell(counting, value, &mut |label| found.push(label.to_string()))?;
        Ok(found)
    }

    #[test]
    fn a_text_of_layout_list_holds_the_elements_of_its_list() {
        let mut names = counting(LayoutKind::List, &["y"], Keys::Names(NameOrder::Name));
        let of = |counting: &Counting, text| labels(counting, Value::Text(text));
        assert_eq!(
            of(&names, r#"["a", 'b', null, 7, 2.0]"#).unwrap(),
            [r#""a""#, r#""b""#, r#""7""#, r#""2""#]
        );
        assert_eq!(of(&names, "[]").unwrap(), [""; 0]);
        assert!(of(&names, r#"["a", ["b"]]"#).unwrap_err().contains("not a list inside a list"));
        names.domain.missing = vec![Literal::new("b")];
        assert_eq!(of(&names, "['b', 'c']").unwrap(), [r#""c""#]);
        let indices = counting(LayoutKind::List, &["y"], Keys::Indices(None));
        assert_eq!(of(&indices, "[3, 1.0, 0.5]").unwrap(), ["3", "1", "0.5"]);
    }

    #[test]
    fn a_mask_holds_the_numbers_of_its_bits() {
        let masks = counting(LayoutKind::Bits, &["y"], Keys::Indices(None));
        assert_eq!(labels(&masks, Value::Int(0b101)).unwrap(), ["0", "2"]);
        assert_eq!(labels(&masks, Value::UInt(1 << 63)).unwrap(), ["63"]);
        assert_eq!(labels(&masks, Value::UInt(0)).unwrap(), [""; 0]);
        assert!(labels(&masks, Value::Int(-1)).unwrap_err().contains("unsigned"));
        assert_eq!(mask_without(Value::Int(7), &mut |bit| *bit != Value::UInt(1)), Ok(5));
    }

    #[test]
    fn what_stays_in_a_text_is_written_as_it_was() {
        let names = counting(LayoutKind::List, &["y"], Keys::Names(NameOrder::Name));
        let without = |text| list_without(&names, text, &mut |label| *label != Value::Text("b")).unwrap();
        for (text, rest) in [
            (r#"["a","b", "it's"]"#, r#"["a", "it's"]"#),
            ("['a', 'b', None]", "['a', None]"),
            ("[ 'a' ]", "[ 'a' ]"),
            ("['b']", "[]"),
            ("('a', 'b')", "('a',)"),
            ("{'b'}", "[]"),
        ] {
            assert_eq!(without(text), rest);
        }
    }
}
