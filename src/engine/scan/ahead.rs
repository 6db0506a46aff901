//! Reads of an object are asked for before they are needed, as many at a time as memory allows.

use std::collections::VecDeque;
use std::ops::Deref;

use bytes::Bytes;
use tokio::task::JoinHandle;

use super::reads::Read;
use crate::error::{Error, Result};
use crate::source::shards::Shard;
use crate::store::{Object, Reader};

/// Requests of one thread at a time, at most.
const REQUESTS: usize = 16;

/// Reads that were asked for, in the order in which they will be needed.
#[derive(Debug)]
pub(super) struct Ahead {
    object: Object,
    /// Each with its bytes.
    asked: VecDeque<(usize, JoinHandle<Result<Bytes>>)>,
    budget: usize,
}

impl Ahead {
    /// Reads of `object` that may hold `budget` bytes, or one of them more.
    pub(super) fn new(object: Object, budget: usize) -> Self {
        Self { object, asked: VecDeque::new(), budget }
    }

    /// Whether `read` may be asked for.
    pub(super) fn has_room(&self, read: &Read) -> bool {
        self.asked.is_empty()
            || (self.asked.len() < REQUESTS && self.bytes().saturating_add(read.len()) <= self.budget)
    }

    /// Bytes that were asked for.
    fn bytes(&self) -> usize {
        self.asked.iter().map(|(bytes, _)| bytes).sum()
    }

    /// Asks for one more.
    pub(super) fn ask(&mut self, read: &Read) -> Result<()> {
        self.asked.push_back((read.len(), self.object.fetch(read.range())?));
        Ok(())
    }

    /// The bytes of the read that was asked for first.
    pub(super) async fn next(&mut self) -> Result<Bytes> {
        self.first()?.await.map_err(|cause| Error::internal(cause.to_string()))?
    }

    fn first(&mut self) -> Result<JoinHandle<Result<Bytes>>> {
        let first = self.asked.pop_front().map(|(_, asked)| asked);
        first.ok_or_else(|| Error::internal("nothing was asked for"))
    }
}

/// Reads of a shard, given in the order in which they are needed.
#[derive(Debug)]
pub(in crate::engine) struct Reading {
    source: Source,
    /// Reads that were not given, the first of which were asked for.
    reads: VecDeque<Read>,
}

#[derive(Debug)]
enum Source {
    /// A file, read when bytes are needed.
    Near(Reader),
    /// An object.
    Far(Ahead),
}

/// Bytes that were read.
pub(in crate::engine) enum Held<'b> {
    /// Into a buffer.
    Near(&'b [u8]),
    /// From a store.
    Far(Bytes),
}

impl Deref for Held<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Near(bytes) => bytes,
            Self::Far(bytes) => bytes,
        }
    }
}

impl Reading {
    /// `reads` of `shard`, of which those that were asked for may hold `budget` bytes, or one of them more.
    pub(in crate::engine) fn new(shard: &Shard, reads: Vec<Read>, budget: usize) -> Result<Self> {
        let source = match shard.place.object() {
            None => Source::Near(shard.place.open().map_err(|cause| shard.place.failed(&cause))?),
            Some(object) => Source::Far(Ahead::new(object.clone(), budget)),
        };
        let mut reading = Self { source, reads: reads.into() };
        reading.ask()?;
        Ok(reading)
    }

    /// Bytes that were asked for.
    pub(in crate::engine) fn bytes(&self) -> usize {
        match &self.source {
            Source::Near(_) => 0,
            Source::Far(ahead) => ahead.bytes(),
        }
    }

    fn ask(&mut self) -> Result<()> {
        let Source::Far(ahead) = &mut self.source else { return Ok(()) };
        while let Some(read) = self.reads.get(ahead.asked.len()).filter(|read| ahead.has_room(read)) {
            ahead.ask(read)?;
        }
        Ok(())
    }

    /// The next read with its bytes, of a file in `buffer`; `None` after the last.
    pub(in crate::engine) fn next<'b>(
        &mut self,
        shard: &Shard,
        buffer: &'b mut Vec<u8>,
    ) -> Result<Option<(Read, Held<'b>)>> {
        let Some(read) = self.reads.pop_front() else { return Ok(None) };
        let held = match &mut self.source {
            Source::Near(file) => Held::Near(read.fetch(shard, file, buffer)?),
            Source::Far(ahead) => Held::Far(Object::wait(ahead.first()?)?),
        };
        self.ask()?;
        Ok(Some((read, held)))
    }

    /// Leaves out the next `count` reads.
    pub(in crate::engine) fn skip(&mut self, count: usize) -> Result<()> {
        self.reads.drain(..count.min(self.reads.len()));
        if let Source::Far(ahead) = &mut self.source {
            for (_, asked) in ahead.asked.drain(..count.min(ahead.asked.len())) {
                asked.abort();
            }
        }
        self.ask()
    }
}

/// A run that ends early needs no more bytes.
impl Drop for Ahead {
    fn drop(&mut self) {
        self.asked.iter().for_each(|(_, asked)| asked.abort());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, BooleanArray, RecordBatch};
    use object_store::ObjectStoreExt;
    use object_store::memory::InMemory;
    use parquet::arrow::ArrowWriter;
    use parquet::file::properties::WriterProperties;

    use super::*;
    use crate::engine::scan::reads::{self, Wanted};
    use crate::source::listing::Listed;
    use crate::source::shards::open;
    use crate::store::{Address, Bucket, Place, register};

    #[test]
    fn bytes_come_in_order_and_what_is_left_out_does_not() {
        let values: ArrayRef = Arc::new((0..600).map(|row| Some(row % 7 == 0)).collect::<BooleanArray>());
        let batch = RecordBatch::try_from_iter([("a", values)]).unwrap();
        let properties = WriterProperties::builder().set_max_row_group_row_count(Some(100)).build();
        let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        let file = Bytes::from(writer.into_inner().unwrap());
        let store = Arc::new(InMemory::new());
        futures::executor::block_on(store.put(&"x".into(), file.clone().into())).unwrap();
        register("ahead://b", store);
        let address = Address::parse("ahead://b/x").unwrap();
        let object = Bucket::of(&address).unwrap().object(&address).unwrap().unwrap();
        let listed = Listed { place: Place::Object(object), hive: Vec::new(), name: "x".to_owned() };
        let shard = open(vec![listed], 1).unwrap().remove(0);
        let reads: Vec<Read> = (0..6)
            .flat_map(|group| {
                reads::plan(shard.metadata.row_group(group), &[Wanted { column: 0, leaf: 0 }], true)
            })
            .collect();
        assert_eq!(reads.len(), 6);
        for budget in [0, 1 << 20] {
            let mut reading = Reading::new(&shard, reads.clone(), budget).unwrap();
            let (mut buffer, mut given) = (Vec::new(), Vec::new());
            for skipped in [0, 2, 0, 1] {
                reading.skip(skipped).unwrap();
                let (read, held) = match reading.next(&shard, &mut buffer).unwrap() {
                    Some((read, held)) => (read, held.to_vec()),
                    None => break,
                };
                let [from, to] =
                    [read.range().start, read.range().end].map(|at| usize::try_from(at).unwrap());
                assert_eq!(held, file[from..to]);
                given.push(reads.iter().position(|other| *other == read).unwrap());
            }
            assert_eq!(given, [0, 3, 4], "{budget}");
            assert_eq!((reading.bytes(), reading.reads.len()), (0, 0));
            assert!(reading.next(&shard, &mut buffer).unwrap().is_none());
        }
    }
}
