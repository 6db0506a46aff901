//! Stored labels become small dense ids, so that counting is adding to a vector.

use std::collections::HashMap;

use crate::engine::counting::{INDEX_MAX, Keys};
use crate::source::values::Value;

/// Gives ids to stored labels: positions where these are known, numbers in order of first sight where
/// names are sorted only after counting.
#[derive(Debug)]
pub(crate) struct Interner {
    keys: Keys,
    ids: HashMap<Box<str>, u32>,
    integers: HashMap<i128, u32>,
    names: Vec<Box<str>>,
    name_bytes: usize,
}

impl Interner {
    pub(crate) fn new(keys: &Keys) -> Self {
        Self {
            keys: keys.clone(),
            ids: HashMap::new(),
            integers: HashMap::new(),
            names: Vec::new(),
            name_bytes: 0,
        }
    }

    /// The id of a stored label, or what is wrong with it.
    pub(crate) fn id(&mut self, value: &Value<'_>) -> Result<u32, String> {
        match &self.keys {
            Keys::Positions(_) => Err("values of a wide layout are not labels".to_owned()),
            Keys::Vocabulary(vocabulary) => vocabulary.position(value),
            Keys::Indices(bound) => index(value, *bound),
            Keys::Names => self.name_id(value),
        }
    }

    fn name_id(&mut self, value: &Value<'_>) -> Result<u32, String> {
        let integer = match *value {
            Value::Int(i) => i128::from(i),
            Value::UInt(u) => i128::from(u),
            Value::Text(text) => {
                if let Some(&id) = self.ids.get(text) {
                    return Ok(id);
                }
                let id = self.add(text)?;
                self.ids.insert(text.into(), id);
                return Ok(id);
            }
            Value::Bool(_) | Value::Float(_) => return Err(format!("{value} is not a label")),
        };
        if let Some(&id) = self.integers.get(&integer) {
            return Ok(id);
        }
        let id = self.add(&integer.to_string())?;
        self.integers.insert(integer, id);
        Ok(id)
    }

    fn add(&mut self, name: &str) -> Result<u32, String> {
        let id = u32::try_from(self.names.len()).map_err(|_| "more than 2^32 labels".to_owned())?;
        // Both the name list and the map hold the text; 64 bytes are their fixed part.
        self.name_bytes += 2 * name.len() + 64;
        self.names.push(name.into());
        Ok(id)
    }

    /// The name of `id` where names are sorted after counting.
    pub(crate) fn name(&self, id: usize) -> Option<&str> {
        self.names.get(id).map(AsRef::as_ref)
    }

    /// Forgets all names.
    pub(crate) fn clear(&mut self) {
        *self = Self::new(&self.keys);
    }

    /// Memory held by names, roughly.
    pub(crate) fn name_bytes(&self) -> usize {
        self.name_bytes
    }
}

fn index(value: &Value<'_>, bound: Option<u64>) -> Result<u32, String> {
    let index = match *value {
        Value::Int(i) => u64::try_from(i).map_err(|_| format!("negative label index {i}"))?,
        Value::UInt(u) => u,
        Value::Text(text) => text.parse().map_err(|_| format!("{text:?} is not a label index"))?,
        Value::Bool(_) | Value::Float(_) => return Err(format!("{value} is not a label index")),
    };
    match bound {
        Some(bound) if index >= bound => Err(format!("label index {index}, but there are {bound} labels")),
        None if index > INDEX_MAX => Err(format!(
            "label index {index} is above {INDEX_MAX}; give --num-labels, or --label-kind name for sparse ids"
        )),
        _ => u32::try_from(index).map_err(|_| format!("label index {index} is above 2^32")),
    }
}
