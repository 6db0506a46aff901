//! Options of a call in a query: `layout=list, labels=tags`.

use serde::Deserialize;

use super::spec::Spec;
use super::spec_keys::keys_of_calls;
use crate::error::{Error, Result};

/// Reads `layout=list, labels=tags`: keys of a pipeline file. A value in brackets or quotes is that of a pipeline file:
/// `labels=["a", "b"]`. A part without a key goes on with the list before it, as in `labels=a,b`; `where` takes the
/// rest of the text, unless it is in quotes.
pub(super) fn options_of(text: &str) -> Result<Spec> {
    let mut options = toml::Table::new();
    for (key, values) in pairs_of(text)? {
        if !keys_of_calls().any(|known| known == key) {
            return Err(Error::usage(format!("there is no option {key:?}"))
                .hint(format!("options are {}", keys_of_calls().collect::<Vec<_>>().join(", "))));
        }
        let wrong = |text: &str| {
            Error::usage(format!("the option {key}={text} has no such value"))
                .hint("values are those of the flag of the same name: see posweight compute --help")
        };
        let value = match &values {
            OptionValue::Toml(text, value) => {
                Some(value.clone()).filter(|value| fits(&key, value)).ok_or_else(|| wrong(text))?
            }
            OptionValue::Parts(parts) => value_of(&key, parts).ok_or_else(|| wrong(&parts.join(",")))?,
        };
        if options.insert(key.clone(), value).is_some() {
            return Err(Error::usage(format!("the option {key} is given twice")).hint("give it once"));
        }
    }
    Spec::deserialize(options).map_err(|cause| Error::internal(cause.to_string()))
}

/// The value of an option.
enum OptionValue {
    /// Parts between commas.
    Parts(Vec<String>),
    /// As in a pipeline file, with its text.
    Toml(String, toml::Value),
}

/// A value in brackets or quotes at the start of `text`, as in a pipeline file, and the text after it and its comma.
fn toml_value(text: &str) -> Result<Option<(OptionValue, &str)>> {
    if !text.starts_with(['[', '"', '\'']) {
        return Ok(None);
    }
    let ends = text.char_indices().filter(|(_, c)| matches!(c, ']' | '"' | '\''));
    for end in ends.map(|(at, c)| at + c.len_utf8()).filter(|end| *end > 1) {
        let after = text[end..].trim_start();
        let Ok(table) = format!("value = {}", &text[..end]).parse::<toml::Table>() else { continue };
        if let (Some(value), true) = (table.get("value"), after.is_empty() || after.starts_with(',')) {
            let value = OptionValue::Toml(text[..end].to_owned(), value.clone());
            return Ok(Some((value, after.strip_prefix(',').unwrap_or(after))));
        }
    }
    // A condition may begin with a text in quotes.
    if !text.starts_with('[') {
        return Ok(None);
    }
    Err(Error::usage(format!("the options end inside of a value: {text}"))
        .hint("write values as in a pipeline file: 'labels=[\"a\", \"b\"], layout=list'"))
}

/// The keys of options with their values, in order.
fn pairs_of(text: &str) -> Result<Vec<(String, OptionValue)>> {
    let mut pairs: Vec<(String, OptionValue)> = Vec::new();
    let mut rest = text;
    while !rest.trim().is_empty() {
        if let Some((key, value)) = rest.split_once('=')
            && !key.contains([',', ':'])
            && let Some((value, after)) = toml_value(value.trim_start())?
        {
            pairs.push((key.trim().to_owned(), value));
            rest = after;
            continue;
        }
        let (part, after) = rest.split_once(',').unwrap_or((rest, ""));
        match part.split_once('=').map(|(key, value)| (key.trim(), value.trim())) {
            Some(("where", _)) => {
                let condition = rest.split_once('=').map_or("", |(_, condition)| condition);
                pairs.push(("where".to_owned(), OptionValue::Parts(vec![condition.trim().to_owned()])));
                break;
            }
            // Schemes have parameters: `scheme=power:gamma=0.5`.
            Some((key, value)) if !key.contains(':') => {
                pairs.push((key.to_owned(), OptionValue::Parts(vec![value.to_owned()])));
            }
            _ => match pairs.last_mut() {
                Some((_, OptionValue::Parts(values))) => values.push(part.trim().to_owned()),
                _ => {
                    return Err(Error::usage(format!("the option {:?} is not key=value", part.trim()))
                        .hint("write options as in 'layout=list, labels=tags'"));
                }
            },
        }
        rest = after;
    }
    Ok(pairs)
}

/// The value of a key: a number or a boolean where the key takes one, else text; `None` where neither fits.
fn value_of(key: &str, values: &[String]) -> Option<toml::Value> {
    let text = |value: &String| toml::Value::String(value.clone());
    let typed = |value: &String| {
        let parsed =
            value.parse::<toml::Value>().ok().filter(|parsed| !parsed.is_table() && !parsed.is_str());
        parsed.unwrap_or_else(|| text(value))
    };
    let all = |of: &dyn Fn(&String) -> toml::Value| match values {
        [one] => of(one),
        many => toml::Value::Array(many.iter().map(of).collect()),
    };
    [all(&typed), all(&text)].into_iter().find(|value| fits(key, value))
}

/// Whether a spec takes this value for this key.
fn fits(key: &str, value: &toml::Value) -> bool {
    Spec::deserialize(toml::Table::from_iter([(key.to_owned(), value.clone())])).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_keys_of_a_spec() {
        let spec = options_of("layout=list, labels=tags, num_labels=20").unwrap();
        assert_eq!((spec.layout.as_deref(), spec.num_labels), (Some("list"), Some(20)));
        let spec = options_of("labels=a,1, missing_values=-1,2,clip=0,100,where=a IN (1, 2), b = 3").unwrap();
        assert_eq!(spec.labels.unwrap().to_vec(), ["a", "1"]);
        assert_eq!(spec.values.missing_values.unwrap().texts(), ["-1", "2"]);
        assert_eq!(spec.clip, Some((0.0, 100.0)));
        assert_eq!(spec.r#where.as_deref(), Some("a IN (1, 2), b = 3"));
        let message = |text: &str| options_of(text).unwrap_err().to_string();
        assert_eq!(message("tags"), "the option \"tags\" is not key=value");
        assert_eq!(message("layot=list"), "there is no option \"layot\"");
        assert_eq!(message("num_labels=many"), "the option num_labels=many has no such value");
        assert_eq!(message("out=x"), "there is no option \"out\"");
        let spec =
            options_of("labels=[\"a,b\", 'c'], missing_values=[-1, 2], where=\"d = '[x]'\", trim=true")
                .unwrap();
        assert_eq!(spec.labels.unwrap().to_vec(), ["a,b", "c"]);
        assert_eq!(spec.values.missing_values.unwrap().texts(), ["-1", "2"]);
        assert_eq!((spec.r#where.as_deref(), spec.values.trim), (Some("d = '[x]'"), Some(true)));
        assert_eq!(options_of("where='a' = b, c").unwrap().r#where.as_deref(), Some("'a' = b, c"));
        assert_eq!(
            message("labels=[\"a\", layout=list"),
            "the options end inside of a value: [\"a\", layout=list"
        );
        assert_eq!(message("num_labels=[1]"), "the option num_labels=[1] has no such value");
        assert_eq!(message("labels=a, labels=b"), "the option labels is given twice");
    }
}
