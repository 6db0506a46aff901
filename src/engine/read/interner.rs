//! Stored labels become small dense ids, so that counting is adding to a vector.

use std::hash::BuildHasher;
use std::sync::Arc;

use hashbrown::{DefaultHashBuilder, HashMap, HashTable};

use crate::engine::cell_labels::{label_of_part, labels_of_cell, parts_of_cell};
use crate::engine::counting::{Counting, INDEX_MAX, Keys};
use crate::engine::read::known_texts::{KnownTexts, PartLabel};
use crate::error::there_are;
use crate::pages::{NO_LABEL, TextParts};
use crate::source::ancestors::Ancestors;
use crate::source::layout::LayoutKind;
use crate::source::spelling::Spelling;
use crate::source::usual_lists::{TextPart, UsualElement};
use crate::source::values::Value;

/// Gives ids to stored labels: positions where these are known, numbers in order of first sight where
/// names are sorted only after counting.
#[derive(Debug)]
pub(crate) struct Interner {
    keys: Keys,
    spelling: Spelling,
    hasher: DefaultHashBuilder,
    ids: HashTable<NameEntry>,
    integers: HashMap<i128, u32>,
    names: NameTexts,
    /// Parts of cells by their bytes.
    texts: KnownTexts,
    /// Labels of the part at hand.
    of_part: Vec<u32>,
    ancestors: Option<Arc<Ancestors>>,
    /// By id, those of its ancestors; only where there is a hierarchy.
    above: HashMap<u32, Box<[u32]>>,
}

/// A name by its hash, and where it lies, so that looking one up touches little memory.
#[derive(Debug, Clone, Copy)]
struct NameEntry {
    hash: u64,
    start: usize,
    id: u32,
    bytes: u32,
}

/// NameTexts end to end.
#[derive(Debug, Default)]
struct NameTexts {
    text: String,
    ends: Vec<usize>,
}

impl NameTexts {
    fn get(&self, id: usize) -> Option<&str> {
        let end = *self.ends.get(id)?;
        let start = if id == 0 { 0 } else { self.ends[id - 1] };
        self.text.get(start..end)
    }
}

impl Interner {
    pub(crate) fn new(keys: &Keys, spelling: Spelling) -> Self {
        Self {
            keys: keys.clone(),
            spelling,
            hasher: DefaultHashBuilder::default(),
            ids: HashTable::new(),
            integers: HashMap::new(),
            names: NameTexts::default(),
            texts: KnownTexts::default(),
            of_part: Vec::new(),
            ancestors: None,
            above: HashMap::new(),
        }
    }

    /// Of the labels of a count, with their ancestors.
    pub(crate) fn of(counting: &Counting) -> Self {
        let new = Self::new(&counting.keys, counting.domain.spelling);
        Self { ancestors: counting.ancestors.clone(), ..new }
    }

    /// The id of a stored label, or what is wrong with it.
    pub(crate) fn id(&mut self, value: &Value<'_>) -> Result<u32, String> {
        let value = &match *value {
            Value::Float(number) | Value::Half(number) => {
                let whole = Value::whole(number).ok_or_else(|| format!("{number} is not a whole number"))?;
                Value::Int(whole)
            }
            Value::Text(text) => Value::Text(self.spelling.trimmed(text)),
            Value::Bytes(_) => return Err(format!("{value} is not UTF-8")),
            other => other,
        };
        match &self.keys {
            Keys::Positions(_) => Err("values of a wide layout are not labels".to_owned()),
            Keys::Vocabulary(vocabulary) => vocabulary.position(value),
            Keys::Indices(bound) => index(value, *bound),
            Keys::Names(_) => self.name_id(value),
        }
    }

    /// Fetches what is known of names that are looked up next. Each lies elsewhere in memory: looked up one by one, each
    /// is waited for; here, the processor asks for several before the first has come.
    pub(crate) fn fetch<'t>(&self, names: impl Iterator<Item = &'t [u8]>) {
        let mut all = 0;
        for name in names.filter_map(|name| std::str::from_utf8(name).ok()) {
            let hash = self.hasher.hash_one(&*self.spelling.key(self.spelling.trimmed(name)));
            let entry = self.ids.find(hash, |entry| entry.hash == hash);
            all ^=
                entry.and_then(|entry| self.names.text.as_bytes().get(entry.start)).map_or(0, |byte| *byte);
        }
        std::hint::black_box(all);
    }

    /// Adds the ids of all labels in the one value that a row holds, or says what is wrong with it.
    pub(crate) fn cell(
        &mut self,
        counting: &Counting,
        value: Value<'_>,
        out: &mut Vec<u32>,
    ) -> Result<(), String> {
        let mut wrong = None;
        labels_of_cell(counting, value, &mut |label| {
            if let Err(why) = self.ids(&label, out) {
                wrong.get_or_insert(why);
            }
        })?;
        match (wrong, counting.layout.kind) {
            (None, _) => Ok(()),
            (Some(why), LayoutKind::Bits) => Err(format!("{value}: {why}")),
            (Some(why), _) => Err(why),
        }
    }

    /// Like [`Self::cell`] of a text, part by part, whose labels are known mostly. False for a text that is not written
    /// as most are or not UTF-8, and where a label is wrong: nothing is added, and [`Self::cell`] finds out.
    pub(crate) fn usual_cell(&mut self, counting: &Counting, text: &[u8], out: &mut Vec<u32>) -> bool {
        let before = out.len();
        let read = parts_of_cell(counting, text, |part| self.part(counting, part, out));
        if !read {
            out.truncate(before);
        }
        read
    }

    /// The label of each part of several texts, or [`NO_LABEL`]; false where a part does not stand for one label.
    pub(crate) fn part_labels(
        &mut self,
        counting: &Counting,
        parts: TextParts<'_>,
        out: &mut Vec<u32>,
    ) -> bool {
        let (bytes, places) = parts.places();
        let mut is_read = true;
        out.resize(parts.len(), NO_LABEL);
        for ((from, to), label) in places.zip(out) {
            *label = self.texts.label_within(bytes, from, to).unwrap_or_else(|| {
                let label = self.new_label(counting, TextPart::new(bytes, from, to));
                is_read &= label.is_some();
                label.unwrap_or(NO_LABEL)
            });
        }
        is_read
    }

    /// The one label of a part that is not among the known texts, or [`NO_LABEL`].
    #[cold]
    #[inline(never)]
    fn new_label(&mut self, counting: &Counting, part: TextPart<'_>) -> Option<u32> {
        let mut labels = std::mem::take(&mut self.of_part);
        labels.clear();
        let is_read = self.new_part(counting, UsualElement::Name(part), &mut labels);
        let label = match labels[..] {
            [] => Some(NO_LABEL),
            [label] => Some(label),
            _ => None,
        };
        self.of_part = labels;
        label.filter(|_| is_read)
    }

    /// Adds the ids of the label that a part of a cell names; false when it is wrong.
    #[inline]
    fn part(&mut self, counting: &Counting, part: UsualElement<'_>, out: &mut Vec<u32>) -> bool {
        let (text, is_number) = match part {
            UsualElement::Name(name) => (name, false),
            UsualElement::Number(digits) => (digits, true),
        };
        match self.texts.get(&text, is_number) {
            Some(PartLabel::Label(label)) => {
                out.push(label);
                true
            }
            Some(PartLabel::Nothing) => true,
            None => self.new_part(counting, part, out),
        }
    }

    /// The same of a part that is not among the known texts.
    #[cold]
    #[inline(never)]
    fn new_part(&mut self, counting: &Counting, part: UsualElement<'_>, out: &mut Vec<u32>) -> bool {
        let (before, mut fits) = (out.len(), true);
        let read = label_of_part(counting, part, &mut |label| fits &= self.ids(&label, out).is_ok());
        if !read || !fits {
            return false;
        }
        let known = match out[before..] {
            [] => PartLabel::Nothing,
            [label] => PartLabel::Label(label),
            _ => return true,
        };
        match part {
            UsualElement::Name(name) => self.texts.keep(&name, false, known),
            UsualElement::Number(digits) => self.texts.keep(&digits, true, known),
        }
        true
    }

    /// Adds the ids of the labels that a stored label stands for, or says what is wrong with it.
    pub(crate) fn ids(&mut self, value: &Value<'_>, out: &mut Vec<u32>) -> Result<(), String> {
        let id = self.id(value)?;
        out.push(id);
        let Some(ancestors) = &self.ancestors else { return Ok(()) };
        if !self.above.contains_key(&id) {
            let ancestors = Arc::clone(ancestors);
            let above = self.above(id, value, &ancestors)?;
            self.above.insert(id, above);
        }
        out.extend(self.above.get(&id).into_iter().flatten());
        Ok(())
    }

    /// The ids of the ancestors of label `id`, which `value` names.
    fn above(&mut self, id: u32, value: &Value<'_>, ancestors: &Ancestors) -> Result<Box<[u32]>, String> {
        let name = match &self.keys {
            Keys::Vocabulary(vocabulary) => vocabulary.labels().name(id as usize).to_owned(),
            Keys::Names(_) => self.name(id as usize).unwrap_or_default().to_owned(),
            Keys::Indices(_) | Keys::Positions(_) => id.to_string(),
        };
        let is_number = !matches!(value, Value::Text(_));
        let mut all = Vec::new();
        for ancestor in ancestors.of_label(&name) {
            match self.id(&ancestor_as(is_number, ancestor)) {
                // Those that were asked for were looked up before; another is that of a label which no row has.
                Err(_) if !self.keys.are_open() => {}
                id => all.push(id.map_err(|why| format!("ancestor {ancestor:?} of {name:?}: {why}"))?),
            }
        }
        Ok(all.into())
    }

    fn name_id(&mut self, value: &Value<'_>) -> Result<u32, String> {
        let integer = match *value {
            Value::Int(i) => i128::from(i),
            Value::UInt(u) => i128::from(u),
            Value::Text(text) => {
                let text = &*self.spelling.key(text);
                let hash = self.hasher.hash_one(text);
                let name =
                    |entry: &NameEntry| self.names.text.get(entry.start..entry.start + entry.bytes as usize);
                let same = |entry: &NameEntry| entry.hash == hash && name(entry) == Some(text);
                if let Some(entry) = self.ids.find(hash, same) {
                    return Ok(entry.id);
                }
                let start = self.names.text.len();
                let bytes = u32::try_from(text.len()).map_err(|_| "a name above 4 GiB".to_owned())?;
                let id = self.add(text)?;
                self.ids.insert_unique(hash, NameEntry { hash, start, id, bytes }, |entry| entry.hash);
                return Ok(id);
            }
            Value::Bool(_) | Value::Float(_) | Value::Half(_) | Value::Bytes(_) => {
                return Err(format!("{value} is not a label"));
            }
        };
        if let Some(&id) = self.integers.get(&integer) {
            return Ok(id);
        }
        let id = self.add(&integer.to_string())?;
        self.integers.insert(integer, id);
        Ok(id)
    }

    fn add(&mut self, name: &str) -> Result<u32, String> {
        let id = u32::try_from(self.names.ends.len()).map_err(|_| "more than 2^32 labels".to_owned())?;
        self.names.text.push_str(name);
        self.names.ends.push(self.names.text.len());
        Ok(id)
    }

    /// The name of `id` where names are sorted after counting.
    pub(crate) fn name(&self, id: usize) -> Option<&str> {
        self.names.get(id)
    }

    /// The label of `id` as a person knows it.
    pub(crate) fn label(&self, id: u32) -> String {
        let known = match &self.keys {
            Keys::Vocabulary(vocabulary) => Some(vocabulary.labels().name(id as usize)),
            _ => self.name(id as usize),
        };
        known.map_or_else(|| id.to_string(), str::to_owned)
    }

    /// Forgets all names.
    pub(crate) fn clear(&mut self) {
        let ancestors = self.ancestors.take();
        *self = Self { ancestors, ..Self::new(&self.keys, self.spelling) };
    }

    /// Memory held by names, roughly.
    pub(crate) fn name_bytes(&self) -> usize {
        // Per name its end, its entry with some room to spare, and counters of whoever asks for ids.
        const FIXED: usize = 64;
        self.names.text.len() + FIXED * self.names.ends.len()
    }
}

/// The label that an ancestor names. Where labels are integers, an integer names the same label as its digits.
pub(crate) fn ancestor_as(is_number: bool, name: &str) -> Value<'_> {
    match name.parse::<i64>() {
        Ok(number) if is_number && number.to_string() == name => Value::Int(number),
        _ => Value::Text(name),
    }
}

fn index(value: &Value<'_>, bound: Option<u64>) -> Result<u32, String> {
    let index = match *value {
        Value::Int(i) => u64::try_from(i).map_err(|_| format!("negative label index {i}"))?,
        Value::UInt(u) => u,
        Value::Text(text) => text.parse().map_err(|_| format!("{text:?} is not a label index"))?,
        Value::Bool(_) | Value::Float(_) | Value::Half(_) | Value::Bytes(_) => {
            return Err(format!("{value} is not a label index"));
        }
    };
    match bound {
        Some(bound) if index >= bound => {
            Err(format!("label index {index}, but {}", there_are(bound, "label")))
        }
        None if index > INDEX_MAX => Err(format!(
            "label index {index} is above {INDEX_MAX}; give --num-labels, or --label-kind name for sparse ids"
        )),
        _ => u32::try_from(index).map_err(|_| format!("label index {index} is above 2^32")),
    }
}
