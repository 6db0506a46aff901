//! Labels and groups as small numbers that all threads agree on.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hashbrown::HashMap;

use crate::engine::counting::Keys;
use crate::engine::group_key::{GROUPS_MAX, GroupKey, too_many};
use crate::engine::read::interner::{Interner, ancestor_as};
use crate::error::{Error, Result};
use crate::source::ancestors::Ancestors;
use crate::source::spelling::Spelling;
use crate::source::values::Value;

/// Names that a thread remembers; above, it asks for them again.
const LOCAL_BYTES_MAX: usize = 4 << 20;

/// Numbers that all threads share.
#[derive(Debug)]
pub(crate) struct SharedNumbers {
    keys: Keys,
    spelling: Spelling,
    names: Mutex<Interner>,
    groups: Mutex<(HashMap<GroupKey, u32>, Vec<GroupKey>)>,
}

impl SharedNumbers {
    pub(crate) fn new(keys: &Keys, spelling: Spelling) -> Arc<Self> {
        let names = Mutex::new(Interner::new(keys, spelling));
        Arc::new(Self { keys: keys.clone(), spelling, names, groups: Mutex::default() })
    }

    /// All names.
    pub(crate) fn names(&self) -> MutexGuard<'_, Interner> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives these groups the numbers from 0 on.
    pub(crate) fn expect(&self, groups: &[GroupKey]) {
        let mut shared = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        *shared = (groups.iter().cloned().zip(0..).collect(), groups.to_vec());
    }

    /// The groups by their numbers.
    pub(crate) fn groups(&self) -> Vec<GroupKey> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner).1.clone()
    }
}

/// What one thread remembers of them.
#[derive(Debug)]
pub(crate) struct LocalNumbers {
    shared: Arc<SharedNumbers>,
    names: Interner,
    /// By local number: the shared one.
    numbers: Vec<u32>,
    groups: HashMap<GroupKey, u32>,
}

impl LocalNumbers {
    pub(crate) fn new(shared: &Arc<SharedNumbers>) -> Self {
        Self {
            names: Interner::new(&shared.keys, shared.spelling),
            numbers: Vec::new(),
            groups: HashMap::new(),
            shared: Arc::clone(shared),
        }
    }

    /// Fetches what is known of texts whose numbers are asked for next.
    pub(super) fn fetch<'t>(&self, texts: impl Iterator<Item = &'t [u8]>) {
        if matches!(self.shared.keys, Keys::Names(_)) {
            self.names.fetch(texts);
        }
    }

    /// The number of a label, or what is wrong with it.
    pub(super) fn label(&mut self, value: &Value<'_>) -> std::result::Result<u32, String> {
        let local = self.names.id(value)?;
        if !matches!(self.shared.keys, Keys::Names(_)) {
            return Ok(local);
        }
        if let Some(&number) = self.numbers.get(local as usize) {
            return Ok(number);
        }
        let number = self.shared.names().id(value)?;
        self.numbers.push(number);
        if self.names.name_bytes() > LOCAL_BYTES_MAX {
            self.names.clear();
            self.numbers.clear();
        }
        Ok(number)
    }

    /// The numbers of the ancestors of label `number`, which `value` names; or what is wrong with one.
    pub(super) fn above(
        &mut self,
        number: u32,
        value: &Value<'_>,
        ancestors: &Ancestors,
    ) -> std::result::Result<Box<[u32]>, String> {
        let name = match self.shared.keys {
            Keys::Names(_) => self.shared.names().label(number),
            _ => self.names.label(number),
        };
        let is_number = !matches!(value, Value::Text(_));
        // Those that were asked for were looked up before; another is that of a label which no row has.
        let is_known = !self.shared.keys.are_open();
        let number = |ancestor: &String| match self.label(&ancestor_as(is_number, ancestor)) {
            Err(_) if is_known => None,
            number => Some(number.map_err(|why| format!("ancestor {ancestor:?} of {name:?}: {why}"))),
        };
        ancestors.of_label(&name).iter().filter_map(number).collect()
    }

    /// The number of a group.
    pub(super) fn group(&mut self, key: &GroupKey) -> Result<u32> {
        if let Some(&number) = self.groups.get(key) {
            return Ok(number);
        }
        let mut shared = self.shared.groups.lock().unwrap_or_else(PoisonError::into_inner);
        let (numbers, keys) = &mut *shared;
        let number = match numbers.get(key) {
            Some(&number) => number,
            None if keys.len() == GROUPS_MAX => return Err(too_many()),
            None => {
                let number = u32::try_from(keys.len()).map_err(|_| Error::internal("too many groups"))?;
                numbers.insert(key.clone(), number);
                keys.push(key.clone());
                number
            }
        };
        self.groups.insert(key.clone(), number);
        Ok(number)
    }
}
