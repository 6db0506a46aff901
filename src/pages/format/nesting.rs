//! Lists inside each other: what a definition level says of them.
//!
//! The Parquet crate gives the definition level of the innermost list alone
//! (`ColumnDescriptor::repeated_ancestor_def_level`); the others are found in the schema.

use parquet::basic::Repetition;
use parquet::schema::types::{SchemaDescriptor, Type};

use super::leaf::LeafColumn;
use crate::pages::outcome::{Step, unsupported};

/// The lists around a leaf of a schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Nesting {
    /// Definition level from which each list has an element; the outermost list is the first.
    element_defs: Vec<u32>,
    /// What each definition level says, from 0 to the highest.
    levels: Vec<NestedLevel>,
}

/// What a definition level says of its slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NestedLevel {
    /// Number of lists that have an element here.
    pub(crate) depth: u32,
    /// The slot is a value, or something inside the outermost list that is NULL.
    pub(crate) element: bool,
    /// The outermost list is NULL, or a struct around it.
    pub(crate) null: bool,
}

impl Nesting {
    /// The lists around leaf number `leaf` of `schema`, in the order of its columns; `None` if there is no such
    /// leaf.
    #[must_use]
    pub(crate) fn of(schema: &SchemaDescriptor, leaf: usize) -> Option<Self> {
        let (mut left, mut element_defs) = (leaf, Vec::new());
        let highest = find(schema.root_schema(), 0, &mut left, &mut element_defs)?;
        let level = |def: u32| {
            let depth = element_defs.iter().take_while(|element| **element <= def).count();
            // A list that is there and has no element is one level below its elements.
            let empty = element_defs.contains(&(def + 1));
            NestedLevel {
                depth: u32::try_from(depth).unwrap_or(u32::MAX),
                element: depth > 0 && !empty,
                null: element_defs.first().is_some_and(|first| def + 1 < *first),
            }
        };
        let levels = (0..=highest).map(level).collect();
        Some(Self { element_defs, levels })
    }

    /// Number of lists around the leaf.
    #[must_use]
    pub(crate) fn lists(&self) -> usize {
        self.element_defs.len()
    }

    /// Whether `leaf` has these lists around it.
    pub(crate) fn fits(&self, leaf: LeafColumn) -> bool {
        self.lists() == leaf.max_rep as usize
            && self.levels.len() == leaf.max_def as usize + 1
            && self.element_defs.last().is_none_or(|last| *last == leaf.element_def)
    }

    /// What a definition level says; `None` above the highest.
    pub(crate) fn level(&self, definition: u32) -> Option<NestedLevel> {
        self.levels.get(definition as usize).copied()
    }
}

/// The nesting of a column with lists, where they are several; one list is read without it.
pub(crate) fn several_lists(leaf: LeafColumn, nesting: Option<&Nesting>) -> Step<Option<&Nesting>> {
    match nesting {
        _ if leaf.max_rep <= 1 => Ok(None),
        Some(nesting) if nesting.fits(leaf) => Ok(Some(nesting)),
        _ => unsupported(format!("{} lists inside each other", leaf.max_rep)),
    }
}

/// Goes through the fields of `group`, which has definition level `definition`, to the leaf behind `left` others.
/// Gives the highest definition level of that leaf, and puts those of its lists into `element_defs`.
fn find(group: &Type, definition: u32, left: &mut usize, element_defs: &mut Vec<u32>) -> Option<u32> {
    for field in group.get_fields() {
        let info = field.get_basic_info();
        let repetition = if info.has_repetition() { info.repetition() } else { Repetition::REQUIRED };
        let inside = definition + u32::from(repetition != Repetition::REQUIRED);
        let lists = element_defs.len();
        if repetition == Repetition::REPEATED {
            element_defs.push(inside);
        }
        if !field.is_primitive() {
            if let Some(highest) = find(field, inside, left, element_defs) {
                return Some(highest);
            }
        } else if let Some(others) = left.checked_sub(1) {
            *left = others;
        } else {
            return Some(inside);
        }
        element_defs.truncate(lists);
    }
    None
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parquet::schema::parser::parse_message_type;

    use super::*;

    #[test]
    fn levels_of_nested_lists_come_from_the_schema() {
        let schema = "message m {
            required int32 id;
            optional group outer {
                optional group a (LIST) { repeated group list {
                    optional group element (LIST) { repeated group list { optional int32 element; } }
                } }
            }
            repeated int32 bare;
        }";
        let schema = SchemaDescriptor::new(Arc::new(parse_message_type(schema).unwrap()));
        let nesting = |leaf| Nesting::of(&schema, leaf).unwrap();
        for leaf in 0..3 {
            let column = LeafColumn::of(&schema.column(leaf)).unwrap();
            assert!(nesting(leaf).fits(column), "leaf {leaf}");
            assert!(!nesting((leaf + 1) % 3).fits(column), "leaf {leaf}");
        }
        assert_eq!(nesting(1).element_defs, [3, 5]);
        let level = |def| nesting(1).level(def).map(|level| (level.depth, level.element, level.null));
        // NULL struct, NULL list, empty list, NULL inner list, empty inner list, NULL, value.
        let expected = [(0, false, true), (0, false, true), (0, false, false), (1, true, false)];
        assert_eq!([0, 1, 2, 3].map(|def| level(def).unwrap()), expected);
        assert_eq!(
            [4, 5, 6].map(|def| level(def).unwrap()),
            [(1, false, false), (2, true, false), (2, true, false)]
        );
        assert_eq!(level(7), None);
        assert_eq!(nesting(2).element_defs, [1]);
        assert_eq!(Nesting::of(&schema, 3), None);
    }
}
