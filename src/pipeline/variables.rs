//! `${NAME}` in a pipeline file: from `--set`, else from the environment.

use std::collections::BTreeMap;

use crate::error::{Error, Result};
use crate::source::vocabulary::nearest;

/// Names and their values.
#[derive(Debug, Clone, Default)]
pub(crate) struct Variables {
    /// By the name in lower case: the name as it was given, and its value.
    set: BTreeMap<String, (String, String)>,
    environment: BTreeMap<String, String>,
}

impl Variables {
    /// `set` holds `NAME=VALUE`, whose names may be written in any case; `environment` comes second.
    ///
    /// # Errors
    /// [`Error::Usage`] for a text without `=`.
    pub(crate) fn new(
        set: &[String],
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self> {
        let pair = |text: &String| match text.split_once('=') {
            Some((name, value)) if is_name(name) => {
                Ok((name.to_ascii_lowercase(), (name.to_owned(), value.to_owned())))
            }
            _ => Err(Error::usage(format!("--set {text}: this is not NAME=VALUE"))
                .hint("for example --set date=2026-11-01, for ${date} in the pipeline file")),
        };
        Ok(Self {
            set: set.iter().map(pair).collect::<Result<_>>()?,
            environment: environment.into_iter().collect(),
        })
    }

    /// `text` with every `${NAME}` replaced; `$${` becomes `${`.
    ///
    /// # Errors
    /// [`Error::Usage`] for a name that nothing is known of, and for values that are more than a value.
    pub(crate) fn expand(&self, text: &str) -> Result<String> {
        let mut expanded = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find("${") {
            let (before, after) = rest.split_at(at);
            let after = &after[2..];
            if let Some(before) = before.strip_suffix('$') {
                expanded.push_str(before);
                expanded.push_str("${");
                rest = after;
                continue;
            }
            expanded.push_str(before);
            let end = after.find('}').ok_or_else(|| {
                Error::usage(format!("{text:?}: \"${{\" is not closed"))
                    .hint("write ${NAME}, or $${ for the text")
            })?;
            expanded.push_str(self.value(&after[..end])?);
            rest = &after[end + 1..];
        }
        expanded.push_str(rest);
        Ok(expanded)
    }

    /// The same of a path, where an empty value would name another folder.
    ///
    /// # Errors
    /// As [`Self::expand`], and for empty values.
    pub(crate) fn expand_path(&self, text: &str) -> Result<String> {
        let mut rest = text;
        while let Some(at) = rest.find("${") {
            let (before, after) = (&rest[..at], &rest[at + 2..]);
            let name = after.split('}').next().unwrap_or_default();
            if !before.ends_with('$') && self.value(name).is_ok_and(str::is_empty) {
                return Err(Error::usage(format!("${{{name}}} is empty"))
                    .hint(format!("give a value with --set {name}=VALUE, or in the environment")));
            }
            rest = after;
        }
        self.expand(text)
    }

    /// Refuses names of `--set` that no `${NAME}` in `text` has: the value would be ignored.
    ///
    /// # Errors
    /// [`Error::Usage`] for such a name.
    pub(crate) fn check_used(&self, text: &str) -> Result<()> {
        let mut used = BTreeMap::new();
        let mut rest = text;
        while let Some(at) = rest.find("${") {
            let (before, after) = (&rest[..at], &rest[at + 2..]);
            if !before.ends_with('$') {
                let name = after.split('}').next().unwrap_or_default();
                used.entry(name.to_ascii_lowercase()).or_insert(name);
            }
            rest = after;
        }
        let unused = self.set.iter().find(|(name, _)| !used.contains_key(*name));
        let Some((folded, (unused, _))) = unused else { return Ok(()) };
        let error = Error::usage(format!("--set {unused}: the pipeline file has no ${{{unused}}}"));
        Err(match nearest(folded, used.keys().map(String::as_str)).and_then(|near| used.get(near)) {
            Some(near) => error.hint(format!("did you mean --set {near}=VALUE?")),
            None if used.is_empty() => {
                error.hint("write ${NAME} into a path or a condition of it, or drop --set")
            }
            None => {
                let used: Vec<String> = used.values().map(|name| format!("${{{name}}}")).collect();
                error.hint(format!("it has {}", used.join(", ")))
            }
        })
    }

    fn value(&self, name: &str) -> Result<&str> {
        let set = self.set.get(&name.to_ascii_lowercase()).map(|(_, value)| value);
        let value = set.or_else(|| self.environment.get(name));
        let Some(value) = value else {
            let error = Error::usage(format!("${{{name}}} is not set"));
            return Err(match nearest(name, self.set.values().map(|(given, _)| given.as_str())) {
                Some(near) => error.hint(format!("did you mean ${{{near}}}?")),
                None => error.hint(format!("give it with --set {name}=VALUE, or in the environment")),
            });
        };
        // Inside a condition, a quote would end the text it stands in.
        if let Some(odd) = value.chars().find(|c| c.is_control() || "'\"`;".contains(*c)) {
            return Err(Error::usage(format!("${{{name}}} holds the character {odd:?}"))
                .hint("a variable is a plain value, without quotes"));
        }
        Ok(value)
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_replaced_and_unknown_ones_refused() {
        let environment = [("HOME".to_owned(), "/h".to_owned()), ("Q".to_owned(), "x' or '1".to_owned())];
        let set = ["date=2026-11-01".to_owned(), "empty=".to_owned()];
        let variables = Variables::new(&set, environment).unwrap();
        let expand = |text: &str| variables.expand(text).map_err(|error| error.to_string());
        assert_eq!(expand("${HOME}/${DATE}/${date}/x${empty}").unwrap(), "/h/2026-11-01/2026-11-01/x");
        assert_eq!(expand("$5 $${DATE} $").unwrap(), "$5 ${DATE} $");
        for (text, says) in
            [("${dat}", "not set"), ("a${", "not closed"), ("${Q}", "'\\''"), ("${home}", "not set")]
        {
            assert!(expand(text).unwrap_err().contains(says), "{text}: {:?}", expand(text));
        }
        assert!(Variables::new(&["date".to_owned()], []).is_err());
        variables.check_used("a = \"${DATE}/${empty}\"").unwrap();
        let unused = variables.check_used("a = \"${date}/$${empty}\"").unwrap_err();
        assert_eq!(unused.to_string(), "--set empty: the pipeline file has no ${empty}");
        let spelled = Variables::new(&["QUEUE=1".to_owned()], []).unwrap().check_used("${D}").unwrap_err();
        assert_eq!(spelled.to_string(), "--set QUEUE: the pipeline file has no ${QUEUE}");
        assert_eq!(spelled.remedy(), Some("it has ${D}"));
        let near = Variables::new(&["DAT=1".to_owned()], []).unwrap().check_used("${Date}").unwrap_err();
        assert_eq!(near.remedy(), Some("did you mean --set Date=VALUE?"));
        let path = |text: &str| variables.expand_path(text).map_err(|error| error.to_string());
        assert_eq!(path("${date}/$${empty}").unwrap(), "2026-11-01/${empty}");
        assert_eq!(path("${date}/${empty}/x").unwrap_err(), "${empty} is empty");
    }
}
