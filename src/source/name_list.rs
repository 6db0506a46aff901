//! Names in the order in which they are given.

use std::collections::HashSet;

/// Names in order, each once. There may be thousands.
#[derive(Debug, Default)]
pub(super) struct NameList {
    pub(super) names: Vec<String>,
    known: HashSet<String>,
}

impl NameList {
    /// Adds a name that is new.
    pub(super) fn push(&mut self, name: &str) {
        if self.known.insert(name.to_owned()) {
            self.names.push(name.to_owned());
        }
    }

    /// Takes names away.
    pub(super) fn remove(&mut self, names: &[&String]) {
        for name in names {
            self.known.remove(*name);
        }
        self.names.retain(|name| self.known.contains(name));
    }
}

/// The first names, in quotes.
pub(super) fn quoted(names: &[&str]) -> String {
    const SHOWN: usize = 3;
    let shown = names.iter().take(SHOWN).map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN { format!("{shown}, …") } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_there_once_where_it_came_first() {
        let mut list = NameList::default();
        ["b", "a", "b", "c"].iter().for_each(|name| list.push(name));
        assert_eq!(list.names, ["b", "a", "c"]);
        list.remove(&[&"a".to_owned(), &"x".to_owned()]);
        list.push("a");
        assert_eq!(list.names, ["b", "c", "a"]);
    }
}
