//! The bytes of a shard, in the order in which they are needed: of a file when they are, of an object asked for
//! before, as much at a time as memory allows.

use std::collections::VecDeque;
use std::ops::Deref;

use bytes::Bytes;
use tokio::task::JoinHandle;

use crate::engine::read::reads::ChunkRead;
use crate::error::{Error, Result};
use crate::source::shards::Shard;
use crate::store::{Object, Reader};

/// Requests of one thread at a time, at most.
const REQUESTS: usize = 16;

/// Reads of an object that were asked for, in the order in which they will be needed.
#[derive(Debug)]
struct Requests {
    object: Object,
    /// Each with its bytes.
    asked: VecDeque<(usize, JoinHandle<Result<Bytes>>)>,
    budget: usize,
}

impl Requests {
    /// Whether `read` may be asked for.
    fn has_room(&self, read: &ChunkRead) -> bool {
        self.asked.is_empty()
            || (self.asked.len() < REQUESTS && self.bytes().saturating_add(read.len()) <= self.budget)
    }

    /// Bytes that were asked for.
    fn bytes(&self) -> usize {
        self.asked.iter().map(|(bytes, _)| bytes).sum()
    }

    fn ask(&mut self, read: &ChunkRead) -> Result<()> {
        self.asked.push_back((read.len(), self.object.fetch(read.range())?));
        Ok(())
    }

    /// The bytes of the read that was asked for first.
    async fn next(&mut self) -> Result<Bytes> {
        let (_, asked) = self.asked.pop_front().ok_or_else(|| Error::internal("nothing was asked for"))?;
        asked.await.map_err(|cause| Error::internal(cause.to_string()))?
    }
}

/// A run that ends early needs no more bytes.
impl Drop for Requests {
    fn drop(&mut self) {
        self.asked.iter().for_each(|(_, asked)| asked.abort());
    }
}

/// Reads of one shard.
#[derive(Debug)]
pub(super) struct ReadQueue {
    bytes: ByteSource,
    /// Reads that were not given; of an object, the first of them were asked for.
    reads: VecDeque<ChunkRead>,
}

#[derive(Debug)]
enum ByteSource {
    /// A file.
    Near(Reader),
    /// An object.
    Far(Requests),
}

/// Bytes that were read.
pub(super) enum ReadBytes<'b> {
    /// Into a buffer.
    Near(&'b [u8]),
    /// From a store.
    Far(Bytes),
}

impl Deref for ReadBytes<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Near(bytes) => bytes,
            Self::Far(bytes) => bytes,
        }
    }
}

impl ReadQueue {
    /// No reads yet. What is asked for of an object may take `budget` bytes, or be one read.
    pub(super) fn new(shard: &Shard, budget: usize) -> Result<Self> {
        let bytes = match shard.place.object() {
            None => ByteSource::Near(shard.place.open().map_err(|cause| shard.place.failed(&cause))?),
            Some(object) => {
                ByteSource::Far(Requests { object: object.clone(), asked: VecDeque::new(), budget })
            }
        };
        Ok(Self { bytes, reads: VecDeque::new() })
    }

    /// The file, unless the shard is an object.
    pub(super) fn file(&mut self) -> Option<&mut Reader> {
        match &mut self.bytes {
            ByteSource::Near(file) => Some(file),
            ByteSource::Far(_) => None,
        }
    }

    /// Bytes that were asked for.
    pub(super) fn bytes(&self) -> usize {
        match &self.bytes {
            ByteSource::Near(_) => 0,
            ByteSource::Far(requests) => requests.bytes(),
        }
    }

    /// Whether everything was asked for that was added, so that more could be.
    pub(super) fn wants_more(&self) -> bool {
        matches!(&self.bytes, ByteSource::Far(requests) if requests.asked.len() == self.reads.len())
    }

    /// Adds reads behind those there are.
    pub(super) fn add(&mut self, reads: Vec<ChunkRead>) -> Result<()> {
        self.reads.extend(reads);
        self.ask()
    }

    fn ask(&mut self) -> Result<()> {
        let ByteSource::Far(requests) = &mut self.bytes else { return Ok(()) };
        while let Some(read) = self.reads.get(requests.asked.len()).filter(|read| requests.has_room(read)) {
            requests.ask(read)?;
        }
        Ok(())
    }

    /// The next read with its bytes, of a file in `buffer`.
    pub(super) async fn next<'b>(
        &mut self,
        shard: &Shard,
        buffer: &'b mut Vec<u8>,
    ) -> Result<(ChunkRead, ReadBytes<'b>)> {
        let read = self.reads.pop_front().ok_or_else(|| Error::internal("no read was planned"))?;
        let bytes = match &mut self.bytes {
            ByteSource::Near(file) => ReadBytes::Near(read.fetch(shard, file, buffer)?),
            ByteSource::Far(requests) => ReadBytes::Far(requests.next().await?),
        };
        self.ask()?;
        Ok((read, bytes))
    }

    /// Leaves out the next `count` reads.
    pub(super) fn skip(&mut self, count: usize) -> Result<()> {
        self.reads.drain(..count.min(self.reads.len()));
        if let ByteSource::Far(requests) = &mut self.bytes {
            for (_, asked) in requests.asked.drain(..count.min(requests.asked.len())) {
                asked.abort();
            }
        }
        self.ask()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, BooleanArray, RecordBatch};
    use futures::executor::block_on;
    use object_store::ObjectStoreExt;
    use object_store::memory::InMemory;
    use parquet::arrow::ArrowWriter;
    use parquet::file::properties::WriterProperties;

    use super::*;
    use crate::engine::read::reads;
    use crate::engine::read::reads::Wanted;
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
        block_on(store.put(&"x".into(), file.clone().into())).unwrap();
        register("ahead://b", store);
        let address = Address::parse("ahead://b/x").unwrap();
        let object = Bucket::of(&address).unwrap().object(&address).unwrap().unwrap();
        let listed =
            Listed { place: Place::Object(object), hive: Vec::new(), name: "x".to_owned(), table: None };
        let shard = open(vec![listed], 1).unwrap().remove(0);
        let reads: Vec<ChunkRead> = (0..6)
            .flat_map(|group| {
                reads::plan(shard.metadata.row_group(group), &[Wanted { column: 0, leaf: 0 }], true)
            })
            .collect();
        assert_eq!(reads.len(), 6);
        for budget in [0, 1 << 20] {
            let mut queue = ReadQueue::new(&shard, budget).unwrap();
            assert!(queue.wants_more());
            queue.add(reads.clone()).unwrap();
            assert_eq!(queue.wants_more(), budget > 0);
            let (mut buffer, mut given) = (Vec::new(), Vec::new());
            for skipped in [0, 2, 0, 1] {
                queue.skip(skipped).unwrap();
                if queue.reads.is_empty() {
                    break;
                }
                let (read, bytes) = block_on(queue.next(&shard, &mut buffer)).unwrap();
                let [from, to] =
                    [read.range().start, read.range().end].map(|at| usize::try_from(at).unwrap());
                assert_eq!(*bytes, file[from..to]);
                given.push(reads.iter().position(|other| *other == read).unwrap());
            }
            assert_eq!(given, [0, 3, 4], "{budget}");
            assert_eq!((queue.bytes(), queue.reads.len()), (0, 0));
            assert!(block_on(queue.next(&shard, &mut buffer)).is_err());
        }
    }
}
